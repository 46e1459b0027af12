//! Industrial and airport cells.

use super::draw_building::{Plan, Roof};
use super::instance::{Colour, Kind};
use super::look::{lit, mix};
use super::noise::sin_cos;
use super::shapes::Slab;
use super::site::{Footing, Site};

impl Site<'_> {
    /// Four lots: tank farms, halls, car parks, yards.
    pub(crate) fn industrial(&mut self) {
        for row in 0..2 {
            for column in 0..2 {
                let (u, v) = (35.0 + 50.0 * f64::from(column), 35.0 + 50.0 * f64::from(row));
                match self.dice.weighted(&[0.38, 0.26, 0.14, 0.1, 0.08, 0.04]) {
                    0 => self.tank_farm(u, v),
                    1 => {
                        let axis = self.direction(0.0);
                        let half = (self.dice.range(11.0, 20.0), self.dice.range(7.0, 15.0));
                        let slab = self.cell.slab(u, v, axis, half);
                        let height = self.dice.range(6.0, 12.0);
                        self.hall(slab, height);
                    }
                    2 => {
                        let axis = self.direction(0.0);
                        let slab = self.cell.slab(u, v, axis, (self.dice.range(13.0, 20.0), 8.6));
                        if self.is_free(&slab, 2.0, Footing::Land) {
                            let fill = self.dice.range(0.15, 0.7);
                            self.car_park(slab, fill);
                        }
                    }
                    3 => self.yard(u, v),
                    4 => self.sheds(u, v),
                    _ => {
                        let radius = self.dice.range(7.0, 13.0);
                        let slab = self.cell.slab(u, v, (1.0, 0.0), (radius, radius));
                        if self.is_free(&slab, 3.0, Footing::Land) {
                            self.clarifier(slab.centre, radius);
                        }
                    }
                }
            }
        }
        self.infill();
        self.parked_trucks();
        let trees = self.dice.below(7);
        self.trees(trees);
    }

    fn tank_farm(&mut self, u: f64, v: f64) {
        let radius = if self.dice.chance(0.4) { self.dice.range(3.0, 5.5) } else { self.dice.range(6.5, 12.5) };
        let gap = self.dice.range(2.5, 5.0);
        let pitch = 2.0 * radius + gap;
        let per_side = ((46.0 / pitch) as usize).clamp(1, 4);
        let (rows, columns) = (1 + self.dice.below(per_side), 1 + self.dice.below(per_side));
        let colours = [Colour::White, Colour::Grey, Colour::Brown, Colour::Green, Colour::Blue];
        let main = colours[self.dice.weighted(&[0.5, 0.22, 0.12, 0.08, 0.08])];
        let height = self.dice.range(0.5, 0.9) * radius.min(9.0) + 2.0;
        let base =
            self.cell.slab(u, v, (1.0, 0.0), (columns as f64 * pitch / 2.0 + 0.6, rows as f64 * pitch / 2.0 + 0.6));
        if self.is_free(&base, 1.0, Footing::Land) && self.dice.chance(0.6) {
            let rgb = mix(self.look.concrete, self.look.soil, self.dice.range(0.2, 0.9) as f32);
            self.pave(&base.part(0.0, 0.0, base.half_length + 0.6, base.half_width + 0.6), 0, lit(rgb, 0.8));
            self.pave(&base, 0, rgb);
        }
        for row in 0..rows {
            for column in 0..columns {
                let x = u + pitch * (column as f64 - (columns as f64 - 1.0) / 2.0);
                let y = v + pitch * (row as f64 - (rows as f64 - 1.0) / 2.0);
                let slab = self.cell.slab(x, y, (1.0, 0.0), (radius, radius));
                if self.dice.chance(0.1) || !self.is_free(&slab, 1.2, Footing::Land) {
                    continue;
                }
                let colour = if self.dice.chance(0.15) { *self.dice.pick(&colours) } else { main };
                self.tank(slab.centre, radius, colour, height);
            }
        }
    }

    /// Stacked containers and loose goods.
    pub(crate) fn yard(&mut self, u: f64, v: f64) {
        let axis = self.direction(0.0);
        let slab = self.cell.slab(u, v, axis, (self.dice.range(8.0, 20.0), self.dice.range(3.0, 9.0)));
        if self.is_free(&slab, 2.0, Footing::Land) {
            self.containers(&slab);
        }
    }

    /// Small things in what room is left.
    fn infill(&mut self) {
        for _ in 0..14 {
            let (u, v) = (self.dice.range(10.0, 110.0), self.dice.range(10.0, 110.0));
            let axis = self.direction(0.0);
            match self.dice.weighted(&[0.4, 0.3, 0.3]) {
                0 => {
                    let half = (self.dice.range(3.5, 9.0), self.dice.range(2.8, 6.0));
                    let height = self.dice.range(3.0, 6.5);
                    let slab = self.cell.slab(u, v, axis, half);
                    self.hall(slab, height);
                }
                1 => {
                    let radius = self.dice.range(2.2, 5.0);
                    let slab = self.cell.slab(u, v, axis, (radius, radius));
                    if self.is_free(&slab, 2.0, Footing::Land) {
                        let colour = *self.dice.pick(&[Colour::White, Colour::White, Colour::Grey, Colour::Brown]);
                        let height = self.dice.range(3.0, 8.0);
                        self.tank(slab.centre, radius, colour, height);
                    }
                }
                _ => {
                    let slab = self.cell.slab(u, v, axis, (self.dice.range(3.5, 10.0), self.dice.range(1.4, 4.2)));
                    if self.is_free(&slab, 2.0, Footing::Land) {
                        self.containers(&slab);
                    }
                }
            }
        }
    }

    fn sheds(&mut self, u: f64, v: f64) {
        let axis = self.direction(0.0);
        for k in 0..3 {
            let half = (self.dice.range(4.0, 9.0), self.dice.range(3.0, 5.0));
            let slab = self.cell.slab(u, v, axis, (1.0, 1.0)).part(0.0, 14.0 * (f64::from(k) - 1.0), half.0, half.1);
            let height = self.dice.range(3.5, 6.0);
            self.hall(slab, height);
        }
    }

    pub(crate) fn parked_trucks(&mut self) {
        for _ in 0..self.dice.below(5) {
            let axis = self.direction(0.0);
            let (u, v) = (self.dice.range(12.0, 108.0), self.dice.range(12.0, 108.0));
            let truck = self.dice.chance(0.6);
            let half = if truck { (self.dice.range(3.6, 6.5), 1.25) } else { (2.3, 0.92) };
            let slab = self.cell.slab(u, v, axis, half);
            if self.is_free(&slab, 1.0, Footing::Land) {
                if truck {
                    self.truck(slab);
                } else {
                    self.car(slab);
                }
            }
        }
    }

    /// An apron with parked airplanes, and a hangar or terminal beside it.
    pub(crate) fn airport(&mut self) {
        let axis = self.direction(0.0);
        let flip = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
        let middle = self.cell.slab(60.0, 60.0, axis, (52.0, 52.0));
        let apron = middle.part(0.0, 10.0 * flip, 50.0, 34.0);
        if !self.is_free(&apron, 0.0, Footing::Land) {
            self.trees(6);
            return;
        }
        self.apron(apron);
        let large = self.dice.chance(0.5);
        let mut u = -46.0;
        while u < 40.0 {
            let half_length = if large { self.dice.range(11.0, 16.5) } else { self.dice.range(4.2, 8.0) };
            let half_width = half_length * self.dice.range(0.86, 1.05);
            u += half_width + self.dice.range(1.0, 5.0);
            let rows: &[f64] = if large { &[-6.0] } else { &[-21.0, 6.0] };
            for &v in rows {
                if self.dice.chance(0.3) {
                    continue;
                }
                let mut slab = apron.part(u, v * flip + self.dice.range(-2.0, 2.0), half_length, half_width);
                let turn = if self.dice.chance(0.8) { 1.0 } else { -1.0 };
                let (s, c) = sin_cos(self.dice.range(-0.15, 0.15));
                let across = (-axis.1 * turn * flip, axis.0 * turn * flip);
                slab.axis = (across.0 * c - across.1 * s, across.1 * c + across.0 * s);
                if slab.corners(0.0).iter().all(|p| inside(&apron, *p)) && self.is_apart(&slab, 1.0) {
                    let colours = [Colour::White, Colour::White, Colour::White, Colour::Grey, Colour::Grey];
                    let colour = *self.dice.pick(&colours);
                    self.airplane(slab, colour);
                }
            }
            u += half_width;
        }
        for _ in 0..self.dice.below(5) {
            let slab = apron.part(self.dice.range(-46.0, 46.0), self.dice.range(-30.0, 30.0), 2.4, 0.95);
            if self.is_apart(&slab, 2.0) {
                self.car(slab);
            }
        }
        self.take(apron);
        let mut place = -40.0;
        while place < 40.0 {
            let half = (self.dice.range(8.0, 15.0), self.dice.range(6.0, 9.0));
            let hangar = middle.part(place + half.0, -36.5 * flip, half.0, half.1);
            if self.dice.chance(0.6) && self.is_free(&hangar, 2.0, Footing::Land) {
                let colour = self.roof_colour(false);
                let roof = if self.dice.chance(0.5) { Roof::Gable } else { Roof::Flat };
                let height_m = self.dice.range(7.0, 12.0);
                self.building(Plan { slab: hangar, height_m, roof, colour, kind: Kind::Warehouse, wing: None });
            }
            place += 2.0 * half.0 + self.dice.range(5.0, 14.0);
        }
    }
}

/// True when the point lies in the rectangle.
fn inside(slab: &Slab, p: (f64, f64)) -> bool {
    let d = (p.0 - slab.centre.0, p.1 - slab.centre.1);
    let u = d.0 * slab.axis.0 + d.1 * slab.axis.1;
    let v = d.1 * slab.axis.0 - d.0 * slab.axis.1;
    u.abs() <= slab.half_length && v.abs() <= slab.half_width
}
