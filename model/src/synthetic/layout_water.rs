//! Cells with water: harbours, shores, rivers, the open sea.

use super::draw_transport::Hull;
use super::instance::{Category, Colour};
use super::look::lit;
use super::noise::sin_cos;
use super::shapes::Slab;
use super::site::{Footing, Site};
use super::terrain::{CELL_M, Terrain, Theme};

impl Site<'_> {
    fn hull_colour(&mut self, half_length: f64) -> Colour {
        let colours = [Colour::White, Colour::Grey, Colour::Red, Colour::Blue, Colour::Black, Colour::Green];
        let weights =
            if half_length < 9.0 { [0.62, 0.1, 0.08, 0.14, 0.02, 0.04] } else { [0.2, 0.2, 0.22, 0.2, 0.1, 0.08] };
        colours[self.dice.weighted(&weights)]
    }

    /// Half length and half width of a ship no longer than `most` metres.
    fn hull_size(&mut self, most: f64) -> (f64, f64) {
        let length = match self.dice.weighted(&[0.5, 0.3, 0.2]) {
            0 => self.dice.range(7.0, 13.0),
            1 => self.dice.range(14.0, 28.0),
            _ => self.dice.range(30.0, 75.0),
        }
        .min(most);
        let beam =
            if length < 14.0 { length * self.dice.range(0.3, 0.38) } else { length * self.dice.range(0.17, 0.24) };
        (length / 2.0, beam / 2.0)
    }

    pub(crate) fn open_water(&mut self) {
        let count = [0, 1, 1, 2, 2, 3][self.dice.below(6)];
        for _ in 0..count {
            self.loose_ship(80.0, 0.65, 12.0);
        }
    }

    /// A ship away from everything else: at least `clear` metres of free water around it.
    pub(crate) fn loose_ship(&mut self, most: f64, moving: f64, clear: f64) {
        let (s, c) = sin_cos(self.dice.range(0.0, std::f64::consts::TAU));
        let half = self.hull_size(most);
        let under_way = self.dice.chance(moving);
        let (u, v) = (self.dice.range(6.0, 114.0), self.dice.range(6.0, 114.0));
        let slab = self.cell.slab(u, v, (c, s), half);
        if self.is_free(&slab, clear, Footing::Water) {
            let colour = self.hull_colour(half.0);
            self.ship(Hull { slab, colour, under_way });
        }
    }

    /// A point on the shore near cell coordinates `(u, v)` and the direction of the water.
    fn shore_point(&self, u: f64, v: f64) -> Option<((f64, f64), (f64, f64))> {
        let mut p = self.point(u, v);
        for _ in 0..8 {
            let depth = self.terrain.water(p.0, p.1).depth_m;
            let g = self.terrain.towards_water(p.0, p.1);
            let step = depth.clamp(-30.0, 30.0) * 0.8;
            p = (p.0 - g.0 * step, p.1 - g.1 * step);
        }
        let (low, high) = self.cell.bounds();
        let inside = p.0 > low.0 + 4.0 && p.1 > low.1 + 4.0 && p.0 < high.0 - 4.0 && p.1 < high.1 - 4.0;
        (inside && self.terrain.water(p.0, p.1).depth_m.abs() < 1.5).then(|| (p, self.terrain.towards_water(p.0, p.1)))
    }

    pub(crate) fn harbour(&mut self) {
        let mut quay = None;
        for _ in 0..10 {
            let (u, v) = (self.dice.range(25.0, 95.0), self.dice.range(25.0, 95.0));
            if let Some(found) = self.shore_point(u, v) {
                quay = self.quay(found.0, found.1);
                if quay.is_some() {
                    break;
                }
            }
        }
        if quay.is_none() {
            for _ in 0..4 {
                self.plain_pier(30.0);
            }
        }
        for _ in 0..8 {
            let axis = quay.map_or((1.0, 0.0), |q: Slab| q.axis);
            let half = (self.dice.range(6.0, 17.0), self.dice.range(4.5, 9.0));
            let (u, v) = (self.dice.range(12.0, 108.0), self.dice.range(12.0, 108.0));
            let slab = self.cell.slab(u, v, axis, half);
            let height = self.dice.range(5.0, 10.0);
            self.hall(slab, height);
        }
        for _ in 0..2 {
            let (u, v) = (self.dice.range(15.0, 105.0), self.dice.range(15.0, 105.0));
            self.yard(u, v);
        }
        for _ in 0..5 {
            let (u, v, radius) =
                (self.dice.range(12.0, 108.0), self.dice.range(12.0, 108.0), self.dice.range(3.5, 8.0));
            let slab = self.cell.slab(u, v, (1.0, 0.0), (radius, radius));
            if self.is_free(&slab, 2.0, Footing::Land) && self.dice.chance(0.4) {
                let colour = *self.dice.pick(&[Colour::White, Colour::White, Colour::Grey, Colour::Brown]);
                self.tank(slab.centre, radius, colour, 5.0);
            }
        }
        self.parked_trucks();
        for _ in 0..4 {
            self.loose_ship(40.0, 0.4, 31.0);
        }
    }

    /// A straight quay with piers and moored ships; its axis runs along the shore, water on its right.
    fn quay(&mut self, shore: (f64, f64), out: (f64, f64)) -> Option<Slab> {
        let along = (out.1, -out.0);
        for half in [46.0, 38.0, 30.0, 22.0] {
            let centre = (shore.0 - out.0 * 4.0, shore.1 - out.1 * 4.0);
            let quay = Slab { centre, axis: along, half_length: half, half_width: 9.0 };
            if !self.is_free(&quay, 0.0, Footing::Any) {
                continue;
            }
            let back = quay.part(0.0, -quay.half_width, half, 1.0);
            let front = quay.part(0.0, quay.half_width + 2.0, half, 1.0);
            let dry = |site: &Self, s: &Slab| s.corners(0.0).iter().all(|p| site.terrain.water(p.0, p.1).depth_m < 0.0);
            let wet = |site: &Self, s: &Slab| s.corners(0.0).iter().all(|p| site.terrain.water(p.0, p.1).depth_m > 0.5);
            let road = quay.corners(0.0).iter().any(|p| self.cell.road_distance(self.terrain, p.0, p.1) < 1.0);
            if road || !dry(self, &back) || !wet(self, &front) {
                continue;
            }
            let rgb = lit(self.look.concrete, 1.0);
            self.pave(&quay, 0, rgb);
            let edge = quay.part(0.0, quay.half_width - 0.5, half, 0.5);
            self.pave(&edge, 0, lit(rgb, 0.75));
            self.berths(&quay);
            return Some(quay);
        }
        None
    }

    /// Piers out from the quay, ships beside them and along the free quay.
    fn berths(&mut self, quay: &Slab) {
        let kind = self.dice.unit();
        let mut u = -quay.half_length + self.dice.range(4.0, 16.0);
        while u < quay.half_length - 3.0 {
            if kind < 0.2 && u.abs() > 12.0 {
                u += 5.0;
                continue;
            }
            let half_width = if self.dice.chance(0.5) { self.dice.range(1.2, 2.0) } else { self.dice.range(2.4, 4.0) };
            let mut length = self.dice.range(22.0, 55.0);
            while length > 14.0 {
                let v = quay.half_width + length / 2.0 - 0.5;
                let mut pier = quay.part(u, v, length / 2.0, half_width);
                pier.axis = (-quay.axis.1, quay.axis.0);
                let off = pier.part(2.0, 0.0, pier.half_length - 2.0, half_width);
                if self.is_free(&off, 6.0, Footing::Water) {
                    self.pier(pier);
                    self.moor(&pier);
                    break;
                }
                length -= 5.0;
            }
            u += self.dice.range(22.0, 40.0);
        }
        let mut u = -quay.half_length + 4.0;
        while u < quay.half_length {
            let half = self.hull_size(45.0);
            if self.dice.chance(0.45) {
                let flip = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
                let mut slab =
                    quay.part(u + half.0, quay.half_width + half.1 + self.dice.range(0.6, 1.6), half.0, half.1);
                slab.axis = (quay.axis.0 * flip, quay.axis.1 * flip);
                if self.is_free(&slab, 3.0, Footing::Water) && self.away_from_piers(&slab, 27.0) {
                    let colour = self.hull_colour(half.0);
                    self.ship(Hull { slab, colour, under_way: false });
                }
            }
            u += 2.0 * half.0 + self.dice.range(3.0, 12.0);
        }
        let footing = quay.part(0.0, -1.0, quay.half_length, quay.half_width - 1.0);
        for _ in 0..self.dice.below(4) {
            let u = self.dice.range(-0.9, 0.9) * quay.half_length;
            let slab = footing.part(u, self.dice.range(-5.0, 4.0), 2.3, 0.92);
            if self.is_apart(&slab, 1.5) {
                self.car(slab);
            }
        }
        self.take(footing);
    }

    fn away_from_piers(&self, slab: &Slab, gap: f64) -> bool {
        self.objects.iter().all(|(instance, other)| instance.category != Category::Pier || !other.meets(slab, gap))
    }

    /// Ships alongside a pier, on both sides.
    fn moor(&mut self, pier: &Slab) {
        let busy = self.dice.range(0.2, 0.9);
        for side in [-1.0, 1.0] {
            let mut u = -pier.half_length + 5.0;
            let small = self.dice.chance(0.6);
            while u < pier.half_length {
                let half = self.hull_size(if small { 13.0 } else { pier.half_length * 1.8 });
                let fits = u + 2.0 * half.0 < pier.half_length + 3.0;
                if fits && self.dice.chance(busy) {
                    let v = side * (pier.half_width + half.1 + self.dice.range(0.4, 1.4));
                    let mut slab = pier.part(u + half.0, v, half.0, half.1);
                    let flip = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
                    slab.axis = (pier.axis.0 * flip, pier.axis.1 * flip);
                    if self.is_free(&slab, 0.3, Footing::Water) {
                        let colour = self.hull_colour(half.0);
                        self.ship(Hull { slab, colour, under_way: false });
                    }
                }
                u += 2.0 * half.0 + self.dice.range(1.0, 5.0);
            }
        }
    }

    /// A pier from a natural shore.
    fn plain_pier(&mut self, most: f64) {
        let (u, v) = (self.dice.range(15.0, 105.0), self.dice.range(15.0, 105.0));
        let Some((shore, out)) = self.shore_point(u, v) else { return };
        let length = self.dice.range(14.0, most);
        let half_width = self.dice.range(1.0, 1.9);
        let middle = length / 2.0 - 3.0;
        let centre = (shore.0 + out.0 * middle, shore.1 + out.1 * middle);
        let pier = Slab { centre, axis: out, half_length: length / 2.0, half_width };
        let off = pier.part(4.5, 0.0, length / 2.0 - 4.5, half_width);
        let road = self.cell.road_distance(self.terrain, shore.0, shore.1) < 6.0;
        if !road && self.is_free(&pier, 12.0, Footing::Any) && self.is_free(&off, 2.0, Footing::Water) {
            self.pier(pier);
            self.moor(&pier);
        }
    }

    pub(crate) fn shore(&mut self) {
        let piers = self.dice.below(3);
        for _ in 0..piers {
            self.plain_pier(32.0);
        }
        for _ in 0..6 {
            let (u, v) = (self.dice.range(14.0, 106.0), self.dice.range(14.0, 106.0));
            if self.dice.chance(0.5) {
                self.house(u, v, 0.4);
            }
        }
        for _ in 0..3 {
            self.loose_ship(30.0, 0.5, 31.0);
        }
        let trees = 10 + self.dice.below(20);
        self.trees(trees);
    }

    pub(crate) fn river_side(&mut self) {
        if self.dice.chance(0.25) {
            self.plain_pier(18.0);
        }
        for _ in 0..3 {
            self.loose_ship(18.0, 0.7, 31.0);
        }
        for _ in 0..9 {
            let (u, v) = (self.dice.range(12.0, 108.0), self.dice.range(12.0, 108.0));
            if self.dice.chance(0.6) {
                self.house(u, v, 0.3);
            }
        }
        if self.dice.chance(0.4) {
            let axis = self.direction(0.2);
            let (u, v) = (self.dice.range(20.0, 100.0), self.dice.range(20.0, 100.0));
            let slab = self.cell.slab(u, v, axis, (14.0, 8.0));
            self.hall(slab, 8.0);
        }
        let trees = 12 + self.dice.below(20);
        self.trees(trees);
    }

    /// The bridge of the cell's upper road, where that crosses a river inside this cell.
    pub(crate) fn bridges(&mut self) {
        let Some(road) = self.cell.roads[0] else { return };
        let (low, high) = self.cell.bounds();
        if self.cell.theme == Theme::Sea {
            return;
        }
        let column = Terrain::river_column(low.0 + CELL_M / 2.0);
        let y0 = f64::from(road.line) * CELL_M;
        let mut x = self.terrain.river_x(column, y0);
        for _ in 0..4 {
            x = self.terrain.river_x(column, y0 + self.terrain.wobble(&road, x));
        }
        let y = y0 + self.terrain.wobble(&road, x);
        let depth = self.terrain.river_depth(x, y);
        if x < low.0 || x >= high.0 || depth < 0.0 {
            return;
        }
        let bank = |direction: f64| {
            let mut reach = 0.0;
            while reach < 100.0
                && self
                    .terrain
                    .river_depth(x + direction * reach, y0 + self.terrain.wobble(&road, x + direction * reach))
                    > -2.5
            {
                reach += 1.0;
            }
            reach
        };
        let (left, right) = (bank(-1.0), bank(1.0));
        let slope = (self.terrain.wobble(&road, x + right) - self.terrain.wobble(&road, x - left)) / (left + right);
        let norm = (1.0 + slope * slope).sqrt();
        let middle = x + (right - left) / 2.0;
        let centre = (middle, y0 + self.terrain.wobble(&road, middle));
        let slab = Slab {
            centre,
            axis: (1.0 / norm, slope / norm),
            half_length: (left + right) / 2.0 * norm,
            half_width: road.half_width + 0.8,
        };
        self.bridge(slab);
    }
}
