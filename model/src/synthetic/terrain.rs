//! The lie of the land: sea, rivers, roads and themes as functions of position alone.

use serde::{Deserialize, Serialize};

use super::noise::{hash, hash_unit, value, value_line};

/// Side of the square cells in which objects are laid out, in metres.
pub(crate) const CELL_M: f64 = 120.0;

/// What a neighbourhood is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Whatever the position says: all themes, mixed.
    Auto,
    /// Open water with ships.
    Sea,
    /// Quays, piers, moored ships, sheds.
    Harbour,
    /// A natural shore.
    Shore,
    /// A river with its banks.
    River,
    /// Houses with gardens.
    Suburb,
    /// Tanks, warehouses, car parks.
    Industrial,
    /// Aprons with airplanes, hangars.
    Airport,
    /// Fields and farms.
    Farmland,
    /// Scattered houses and trees.
    Village,
    /// Lawns, ponds, sports courts.
    Park,
}

/// The global functions of a world.
#[derive(Clone, Debug)]
pub(crate) struct Terrain {
    pub(crate) seed: u32,
    pub(crate) theme: Theme,
}

/// How wide the water of a river or the sea is, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WaterAt {
    /// Metres inside the water, negative on land.
    pub(crate) depth_m: f64,
    /// True for the sea, false for a river.
    pub(crate) sea: bool,
}

/// A straight-ish road along one side of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Road {
    pub(crate) half_width: f64,
    pub(crate) paved: bool,
    pub(crate) line: i32,
    pub(crate) across: bool,
}

const RIVER_SPACING_M: f64 = 1500.0;

impl Terrain {
    /// Metres into the sea, roughly; negative on land.
    pub(crate) fn sea_depth(&self, x: f64, y: f64) -> f64 {
        let s = self.seed;
        let n = value(s ^ 0x51, x / 700.0, y / 700.0)
            + 0.30 * value(s ^ 0x52, x / 260.0, y / 260.0)
            + 0.05 * value(s ^ 0x53, x / 70.0, y / 70.0);
        (f64::from(n) - 0.30) * 280.0
    }

    /// Metres into a river; negative on land.
    pub(crate) fn river_depth(&self, x: f64, y: f64) -> f64 {
        let column = (x / RIVER_SPACING_M).floor() as i32;
        if hash_unit(self.seed ^ 0x61, column, 0) > 0.8 {
            return -1000.0;
        }
        let middle = self.river_x(column, y);
        let slope = (self.river_x(column, y + 2.0) - self.river_x(column, y - 2.0)) / 4.0;
        let half = 10.0 + 18.0 * hash_unit(self.seed ^ 0x62, column, 1) + 3.0 * value_line(self.seed ^ 0x63, y / 110.0);
        half - (x - middle).abs() / (1.0 + slope * slope).sqrt()
    }

    /// Where the river of this column runs at `y`.
    pub(crate) fn river_x(&self, column: i32, y: f64) -> f64 {
        let seed = hash(self.seed ^ 0x64, column, 2);
        (f64::from(column) + 0.5) * RIVER_SPACING_M
            + 330.0 * value_line(seed, y / 650.0)
            + 45.0 * value_line(seed ^ 1, y / 210.0)
    }

    /// The column whose river may pass here.
    pub(crate) fn river_column(x: f64) -> i32 {
        (x / RIVER_SPACING_M).floor() as i32
    }

    /// The water that is nearest to this point.
    pub(crate) fn water(&self, x: f64, y: f64) -> WaterAt {
        let (sea, river) = (self.sea_depth(x, y), self.river_depth(x, y));
        if sea >= river { WaterAt { depth_m: sea, sea: true } } else { WaterAt { depth_m: river, sea: false } }
    }

    /// Unit vector towards deeper water.
    pub(crate) fn towards_water(&self, x: f64, y: f64) -> (f64, f64) {
        let h = 3.0;
        let gx = self.water(x + h, y).depth_m - self.water(x - h, y).depth_m;
        let gy = self.water(x, y + h).depth_m - self.water(x, y - h).depth_m;
        let length = (gx * gx + gy * gy).sqrt().max(1e-9);
        (gx / length, gy / length)
    }

    /// What the neighbourhood around a dry point is used for.
    fn land_theme(&self, x: f64, y: f64) -> Theme {
        if self.theme != Theme::Auto {
            return self.theme;
        }
        let patch = 300.0;
        let (px, py) = ((x / patch).floor() as i32, (y / patch).floor() as i32);
        let mut best = (f64::MAX, 0_u32);
        for j in py - 1..=py + 1 {
            for i in px - 1..=px + 1 {
                let sx = (f64::from(i) + hash_unit(self.seed ^ 0x71, i, j)) * patch;
                let sy = (f64::from(j) + hash_unit(self.seed ^ 0x72, i, j)) * patch;
                let d = (sx - x) * (sx - x) + (sy - y) * (sy - y);
                if d < best.0 {
                    best = (d, hash(self.seed ^ 0x73, i, j));
                }
            }
        }
        match best.1 % 100 {
            0..24 => Theme::Suburb,
            24..48 => Theme::Industrial,
            48..60 => Theme::Airport,
            60..74 => Theme::Farmland,
            74..85 => Theme::Village,
            _ => Theme::Park,
        }
    }

    /// The theme of a cell.
    pub(crate) fn cell_theme(&self, i: i32, j: i32) -> Theme {
        let (x0, y0) = (f64::from(i) * CELL_M, f64::from(j) * CELL_M);
        let middle = CELL_M / 2.0;
        let (mut sea_min, mut sea_max, mut river_max) = (f64::MAX, f64::MIN, f64::MIN);
        for v in 0..5 {
            for u in 0..5 {
                let (x, y) = (x0 + CELL_M * f64::from(u) / 4.0, y0 + CELL_M * f64::from(v) / 4.0);
                let sea = self.sea_depth(x, y);
                sea_min = sea_min.min(sea);
                sea_max = sea_max.max(sea);
                river_max = river_max.max(self.river_depth(x, y));
            }
        }
        if sea_min > 12.0 {
            return Theme::Sea;
        }
        if sea_max > -4.0 {
            let patch = hash_unit(self.seed ^ 0x74, i.div_euclid(3), j.div_euclid(3));
            return if patch < 0.8 && sea_max > 45.0 { Theme::Harbour } else { Theme::Shore };
        }
        if river_max > -6.0 {
            return Theme::River;
        }
        self.land_theme(x0 + middle, y0 + middle)
    }

    /// How far a road strays from its grid line.
    pub(crate) fn wobble(&self, road: &Road, along: f64) -> f64 {
        let seed = self.seed ^ if road.across { 0x81 } else { 0x82 };
        4.0 * value_line(hash(seed, road.line, 3), along / 160.0)
    }

    /// The road on the upper side (`across`) or left side of a cell, if there is one.
    pub(crate) fn road(&self, i: i32, j: i32, across: bool) -> Option<Road> {
        let (line, position) = if across { (j, i) } else { (i, j) };
        let salt = if across { 0x91 } else { 0x92 };
        let density = match (self.cell_theme(i, j), self.cell_theme(i - i32::from(!across), j - i32::from(across))) {
            (Theme::Sea, _) | (_, Theme::Sea) => return None,
            (Theme::Farmland | Theme::Park, Theme::Farmland | Theme::Park) => 0.45,
            (Theme::Airport, Theme::Airport) => 0.15,
            _ => 0.85,
        };
        if hash_unit(self.seed ^ salt, line, position.div_euclid(4)) > density {
            return None;
        }
        let wide = hash_unit(self.seed ^ salt ^ 0x10, line, 0);
        let paved = hash_unit(self.seed ^ salt ^ 0x20, line, position.div_euclid(4)) < 0.88;
        let half_width = if paved { 3.0 + 3.2 * wide * wide } else { 1.9 };
        let road = Road { half_width, paved, line, across };
        for step in 0..=8 {
            let t = CELL_M * f64::from(step) / 8.0;
            let (x, y) = if across {
                let x = f64::from(i) * CELL_M + t;
                (x, f64::from(j) * CELL_M + self.wobble(&road, x))
            } else {
                let y = f64::from(j) * CELL_M + t;
                (f64::from(i) * CELL_M + self.wobble(&road, y), y)
            };
            if self.sea_depth(x, y) > -9.0 {
                return None;
            }
            let river = self.river_depth(x, y);
            // Only a crossing well inside the side gets a bridge; a road along a river would drown.
            let limit = if across && (1..8).contains(&step) { f64::MAX } else { -10.0 };
            if river > limit {
                return None;
            }
        }
        Some(road)
    }
}
