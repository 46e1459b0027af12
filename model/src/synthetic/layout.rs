//! What stands where: fills a cell according to its theme.

use super::cell::Cell;
use super::draw_building::{Plan, Roof};
use super::instance::{Colour, FOREST, Instance, Kind};
use super::look::{Look, lit};
use super::noise::sin_cos;
use super::shapes::{Shape, Slab};
use super::site::{Footing, Site};
use super::terrain::{CELL_M, Terrain, Theme};

/// All shapes and objects of a cell; `index` is its number in the world and fixes the ids.
pub(crate) fn fill(cell: &Cell, terrain: &Terrain, look: &Look, index: u32) -> (Vec<Shape>, Vec<(Instance, Slab)>) {
    let mut site = Site::new(cell, terrain, look, index);
    site.bridges();
    match cell.theme {
        Theme::Sea => site.open_water(),
        Theme::Harbour => site.harbour(),
        Theme::Shore => site.shore(),
        Theme::River => site.river_side(),
        Theme::Suburb => site.suburb(),
        Theme::Industrial => site.industrial(),
        Theme::Airport => site.airport(),
        Theme::Farmland => site.farm(),
        Theme::Village => site.village(),
        Theme::Park | Theme::Auto => site.park(),
    }
    site.forest();
    site.traffic();
    (site.shapes, site.objects)
}

impl Site<'_> {
    /// A direction along the cell's grid, turned by up to `jitter` radians.
    pub(crate) fn direction(&mut self, jitter: f64) -> (f64, f64) {
        let quarter = f64::from(self.dice.below(4) as u32) * std::f64::consts::FRAC_PI_2;
        let (s, c) = sin_cos(quarter + self.dice.range(-jitter, jitter));
        (c, s)
    }

    /// The roof colour of the next building.
    pub(crate) fn roof_colour(&mut self, house: bool) -> Colour {
        let colours = [Colour::Red, Colour::Grey, Colour::White, Colour::Brown, Colour::Blue, Colour::Black];
        let weights = if house { [0.3, 0.2, 0.07, 0.23, 0.06, 0.14] } else { [0.17, 0.23, 0.25, 0.08, 0.17, 0.1] };
        colours[self.dice.weighted(&weights)]
    }

    /// A house near `(u, v)`, if there is room; returns its slab.
    pub(crate) fn house(&mut self, u: f64, v: f64, jitter: f64) -> Option<Slab> {
        let axis = self.direction(jitter);
        let half = (self.dice.range(5.0, 7.6), self.dice.range(3.6, 5.0));
        let slab = self.cell.slab(u, v, axis, half);
        if !self.is_free(&slab, 3.0, Footing::Land) {
            return None;
        }
        let wing = if self.dice.chance(0.3) {
            let side = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
            let mut wing = slab.part(half.0 * 0.5, side * half.1 * 0.9, half.1 * 1.1, half.0 * 0.4);
            wing.axis = (-slab.axis.1, slab.axis.0);
            self.is_free(&wing, 3.0, Footing::Land).then_some(wing)
        } else {
            None
        };
        let roof = *self.dice.pick(&[Roof::Gable, Roof::Hip, Roof::Gable, Roof::Hip, Roof::Flat]);
        let colour = self.roof_colour(true);
        let height_m = self.dice.range(4.5, 8.5);
        self.building(Plan { slab, height_m, roof, colour, kind: Kind::House, wing });
        Some(slab)
    }

    /// A large plain building at this place, if it is free.
    pub(crate) fn hall(&mut self, slab: Slab, height_m: f64) -> bool {
        if !self.is_free(&slab, 4.0, Footing::Land) {
            return false;
        }
        let roof = if self.dice.chance(0.6) { Roof::Flat } else { Roof::Gable };
        let colour = self.roof_colour(false);
        let kind = if slab.half_length * slab.half_width > 120.0 { Kind::Warehouse } else { Kind::Plain };
        self.building(Plan { slab, height_m, roof, colour, kind, wing: None });
        true
    }

    fn suburb(&mut self) {
        let special = self.dice.unit();
        if special < 0.16 {
            self.courts(1);
        } else if special < 0.3 {
            let axis = self.direction(0.0);
            let slab = self.cell.slab(self.dice.range(30.0, 90.0), 60.0, axis, (20.0, 8.6));
            if self.is_free(&slab, 2.0, Footing::Land) {
                self.car_park(slab, 0.5);
            }
        }
        let pools = self.dice.range(0.1, 0.45);
        let lots = 4;
        let pitch = (CELL_M - 20.0) / f64::from(lots);
        for row in 0..lots {
            for column in 0..lots {
                if self.dice.chance(0.12) {
                    continue;
                }
                let u = 10.0 + pitch * (f64::from(column) + 0.5) + self.dice.range(-2.5, 2.5);
                let v = 10.0 + pitch * (f64::from(row) + 0.5) + self.dice.range(-2.5, 2.5);
                if let Some(house) = self.house(u, v, 0.08) {
                    self.garden(&house, pools);
                }
            }
        }
        let trees = 6 + self.dice.below(26);
        self.trees(trees);
    }

    /// Pool and car of a house.
    fn garden(&mut self, house: &Slab, pools: f64) {
        let side = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
        if self.dice.chance(pools) {
            let half = (self.dice.range(2.6, 5.2), self.dice.range(1.6, 2.6));
            let pool = house.part(
                self.dice.range(-2.0, 2.0),
                side * (house.half_width + half.1 + self.dice.range(2.2, 4.5)),
                half.0,
                half.1,
            );
            if self.is_free(&pool, 1.5, Footing::Land) {
                let oval = self.dice.chance(0.3);
                self.pool(pool, oval);
            }
        }
        if self.dice.chance(0.5) {
            let mut car = house.part(
                self.dice.range(-3.0, 3.0),
                -side * (house.half_width + self.dice.range(2.2, 3.2)),
                2.25,
                0.92,
            );
            if self.dice.chance(0.4) {
                car = house.part(house.half_length + 2.0, self.dice.range(-2.0, 2.0), 2.25, 0.92);
            }
            let drive = car.part(0.0, 0.0, 3.2, 1.6);
            if self.is_free(&drive, 0.3, Footing::Land) {
                let rgb = lit(self.look.concrete, 0.98);
                self.pave(&drive, 0, rgb);
                self.car(car);
            }
        }
    }

    fn village(&mut self) {
        for _ in 0..5 + self.dice.below(7) {
            let (u, v) = (self.dice.range(14.0, 106.0), self.dice.range(14.0, 106.0));
            if let Some(house) = self.house(u, v, 0.5) {
                self.garden(&house, 0.08);
            }
        }
        if self.dice.chance(0.4) {
            self.barn();
        }
        let trees = 15 + self.dice.below(25);
        self.trees(trees);
    }

    fn barn(&mut self) {
        let axis = self.direction(0.5);
        let half = (self.dice.range(8.0, 14.0), self.dice.range(4.5, 7.5));
        let slab = self.cell.slab(self.dice.range(22.0, 98.0), self.dice.range(20.0, 100.0), axis, half);
        let height = self.dice.range(5.0, 8.0);
        self.hall(slab, height);
    }

    fn farm(&mut self) {
        if self.dice.chance(0.35) {
            let (u, v) = (self.dice.range(20.0, 100.0), self.dice.range(20.0, 100.0));
            self.house(u, v, 0.3);
            self.barn();
            let trees = 6 + self.dice.below(8);
            self.trees(trees);
        } else if self.dice.chance(0.5) {
            let trees = self.dice.below(9);
            self.trees(trees);
        }
    }

    fn park(&mut self) {
        if self.dice.chance(0.55) {
            let axis = self.direction(0.6);
            let half = (self.dice.range(9.0, 24.0), self.dice.range(7.0, 15.0));
            let slab = self.cell.slab(self.dice.range(35.0, 85.0), self.dice.range(30.0, 90.0), axis, half);
            if self.is_free(&slab, 3.0, Footing::Land) {
                self.pond(slab.centre, half, axis);
            }
        }
        let courts = 1 + self.dice.below(4);
        self.courts(courts);
        if self.dice.chance(0.4) {
            self.barn();
        }
        if self.dice.chance(0.35) {
            let axis = self.direction(0.0);
            let slab = self.cell.slab(60.0, self.dice.range(20.0, 100.0), axis, (16.0, 8.6));
            if self.is_free(&slab, 2.0, Footing::Land) {
                self.car_park(slab, 0.45);
            }
        }
        if self.dice.chance(0.3) {
            let pool = self.cell.slab(self.dice.range(30.0, 90.0), 50.0, (1.0, 0.0), (12.5, 5.5));
            if self.is_free(&pool, 3.0, Footing::Land) {
                self.pool(pool, false);
            }
        }
        let trees = 15 + self.dice.below(35);
        self.trees(trees);
    }

    /// Sports courts, side by side.
    fn courts(&mut self, count: usize) {
        let tennis = self.dice.chance(0.6);
        let half = if tennis { (17.5, 8.6) } else { (15.4, 8.9) };
        let axis = self.direction(0.1);
        let (u, v) = (self.dice.range(25.0, 95.0), self.dice.range(25.0, 95.0));
        let first = self.cell.slab(u, v, axis, half);
        for k in 0..count {
            let court = first.part(0.0, (2.0 * half.1 + 1.5) * k as f64, half.0, half.1);
            if self.is_free(&court, 1.0, Footing::Land) {
                self.court(court, tennis);
            }
        }
    }

    /// Forest crowns: a jittered grid over the forest's ground.
    fn forest(&mut self) {
        if !self.cell.may_have_forest() {
            return;
        }
        let pitch = 4.6;
        let steps = (CELL_M / pitch) as i32;
        for row in 0..steps {
            for column in 0..steps {
                let u = (f64::from(column) + self.dice.range(0.15, 0.85)) * pitch;
                let v = (f64::from(row) + self.dice.range(0.15, 0.85)) * pitch;
                let p = self.point(u, v);
                if self.cell.in_forest(self.terrain, p.0, p.1) {
                    let radius = self.dice.range(2.0, 3.9).min(self.cell.road_distance(self.terrain, p.0, p.1) - 0.5);
                    self.tree(p, radius.max(1.2), FOREST);
                }
            }
        }
    }

    /// Cars and trucks on the cell's upper and left road, and on no other, so that each road is filled once.
    fn traffic(&mut self) {
        for across in [true, false] {
            let Some(road) = self.cell.roads[if across { 0 } else { 2 }] else { continue };
            if !road.paved {
                continue;
            }
            let busy = self.dice.range(0.5, 5.5);
            let origin = self.point(0.0, 0.0);
            for _ in 0..busy as usize {
                let along = if across { origin.0 } else { origin.1 } + self.dice.range(12.0, 108.0);
                let lane = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
                let middle = f64::from(road.line) * CELL_M + self.terrain.wobble(&road, along);
                let slope = (self.terrain.wobble(&road, along + 2.0) - self.terrain.wobble(&road, along - 2.0)) / 4.0;
                let norm = (1.0 + slope * slope).sqrt();
                let across_at = middle + lane * road.half_width * 0.5;
                let (centre, axis) = if across {
                    ((along, across_at), (lane / norm, lane * slope / norm))
                } else {
                    ((across_at, along), (-lane * slope / norm, -lane / norm))
                };
                let truck = self.dice.chance(0.22);
                let half = if truck { (self.dice.range(3.6, 6.5), 1.25) } else { (self.dice.range(2.05, 2.45), 0.92) };
                let slab = Slab { centre, axis, half_length: half.0, half_width: half.1 };
                let clear = (0..3).all(|k| {
                    let p = slab.at((f64::from(k) - 1.0) * (half.0 + 5.0), 0.0);
                    self.terrain.river_depth(p.0, p.1) < -12.0
                });
                if clear && self.is_apart(&slab, 1.5) {
                    if truck {
                        self.truck(slab);
                    } else {
                        self.car(slab);
                    }
                }
            }
        }
    }
}
