//! One cell of the world: its theme, roads and ground, and the ground colour and region of a point in it.

use super::instance::{FIELD, FOREST, RIVER, ROAD, SEA};
use super::look::{Look, Rgb, lit, mix};
use super::noise::{hash, hash_unit, value};
use super::shapes::{Point, Slab};
use super::terrain::{CELL_M, Road, Terrain, Theme};

/// What is known of a cell before anything is drawn in it.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) i: i32,
    pub(crate) j: i32,
    pub(crate) theme: Theme,
    /// Roads along the upper, lower, left and right side.
    pub(crate) roads: [Option<Road>; 4],
    sea: Wet,
    river: Wet,
    forest_above: f32,
    parcels: [Parcel; 4],
    cuts: [f64; 3],
    ground: Ground,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wet {
    Dry,
    Mixed,
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ground {
    Grass,
    Hard { tone: f32, gravel: bool },
    Fields,
}

#[derive(Clone, Copy, Debug)]
struct Parcel {
    rgb: Rgb,
    rows_along_x: bool,
    period_m: f64,
    depth: f32,
}

/// The region and ground colour of a point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroundAt {
    pub(crate) id: u32,
    pub(crate) rgb: Rgb,
}

impl Cell {
    pub(crate) fn new(terrain: &Terrain, look: &Look, i: i32, j: i32) -> Self {
        let theme = terrain.cell_theme(i, j);
        let roads = [
            terrain.road(i, j, true),
            terrain.road(i, j + 1, true),
            terrain.road(i, j, false),
            terrain.road(i + 1, j, false),
        ];
        let (mut sea, mut river) = ((f64::MAX, f64::MIN), (f64::MAX, f64::MIN));
        for v in 0..7 {
            for u in 0..7 {
                let x = (f64::from(i) + f64::from(u) / 6.0) * CELL_M;
                let y = (f64::from(j) + f64::from(v) / 6.0) * CELL_M;
                let (s, r) = (terrain.sea_depth(x, y), terrain.river_depth(x, y));
                sea = (sea.0.min(s), sea.1.max(s));
                river = (river.0.min(r), river.1.max(r));
            }
        }
        let wet = |range: (f64, f64)| {
            if range.0 > 12.0 {
                Wet::Full
            } else if range.1 < -22.0 {
                Wet::Dry
            } else {
                Wet::Mixed
            }
        };
        let pick = |salt: u32| hash_unit(terrain.seed ^ salt, i, j);
        let forest_above = match theme {
            Theme::Farmland => 0.35,
            Theme::Park => 0.25,
            Theme::Village => 0.4,
            Theme::Shore | Theme::River => 0.1,
            _ => 2.0,
        };
        let ground = match theme {
            Theme::Farmland => Ground::Fields,
            Theme::River if pick(0xA1) < 0.45 => Ground::Fields,
            Theme::Industrial | Theme::Harbour => {
                Ground::Hard { tone: 0.86 + 0.2 * pick(0xA2) as f32, gravel: pick(0xA3) < 0.4 }
            }
            _ => Ground::Grass,
        };
        let parcel = |k: u32| {
            let u = |salt: u32| hash_unit(terrain.seed ^ salt.wrapping_mul(977) ^ k, i, j);
            let crops: [Rgb; 6] = [
                [0.34, 0.45, 0.20],
                [0.26, 0.37, 0.16],
                [0.62, 0.55, 0.33],
                [0.50, 0.49, 0.27],
                [0.45, 0.37, 0.27],
                [0.40, 0.31, 0.23],
            ];
            let crop = crops[(u(1) * 6.0) as usize % 6];
            Parcel {
                rgb: lit(mix(crop, look.soil, 0.15), 0.9 + 0.2 * u(2) as f32),
                rows_along_x: u(3) < 0.5,
                period_m: 1.6 + 2.8 * u(4),
                depth: 0.04 + 0.08 * u(5) as f32,
            }
        };
        Self {
            i,
            j,
            theme,
            roads,
            sea: wet(sea),
            river: wet(river),
            forest_above,
            parcels: [parcel(11), parcel(12), parcel(13), parcel(14)],
            cuts: [35.0 + 50.0 * pick(0xA4), 35.0 + 50.0 * pick(0xA5), 35.0 + 50.0 * pick(0xA6)],
            ground,
        }
    }

    /// Lower and upper corner in metres.
    pub(crate) fn bounds(&self) -> ((f64, f64), (f64, f64)) {
        let low = (f64::from(self.i) * CELL_M, f64::from(self.j) * CELL_M);
        (low, (low.0 + CELL_M, low.1 + CELL_M))
    }

    /// A rectangle at `(u, v)`, in metres from the cell's lower corner.
    pub(crate) fn slab(&self, u: f64, v: f64, axis: Point, half: Point) -> Slab {
        let (low, _) = self.bounds();
        Slab { centre: (low.0 + u, low.1 + v), axis, half_length: half.0, half_width: half.1 }
    }

    /// Metres into water, negative on land; far from water only the sign is right.
    pub(crate) fn water_depth(&self, terrain: &Terrain, x: f64, y: f64) -> f64 {
        let part = |wet: Wet, depth: &dyn Fn() -> f64| match wet {
            Wet::Dry => -1000.0,
            Wet::Full => 1000.0,
            Wet::Mixed => depth(),
        };
        part(self.sea, &|| terrain.sea_depth(x, y)).max(part(self.river, &|| terrain.river_depth(x, y)))
    }

    /// False where no point of the cell can be forest.
    pub(crate) fn may_have_forest(&self) -> bool {
        self.forest_above < 1.0
    }

    /// True where a forest stands.
    pub(crate) fn in_forest(&self, terrain: &Terrain, x: f64, y: f64) -> bool {
        self.forest_above < 1.0
            && value(terrain.seed ^ 0xB1, x / 85.0, y / 85.0) + 0.25 * value(terrain.seed ^ 0xB2, x / 22.0, y / 22.0)
                > self.forest_above
            && self.water_depth(terrain, x, y) < -4.0
            && self.road_distance(terrain, x, y) > 3.0
    }

    /// Metres from the edge of the nearest road of this cell, negative on it.
    pub(crate) fn road_distance(&self, terrain: &Terrain, x: f64, y: f64) -> f64 {
        self.nearest_road(terrain, x, y).map_or(1000.0, |(distance, ..)| distance)
    }

    /// Distance from its edge, signed distance from its middle, position along it, and the road.
    fn nearest_road(&self, terrain: &Terrain, x: f64, y: f64) -> Option<(f64, f64, f64, &Road)> {
        let mut best: Option<(f64, f64, f64, &Road)> = None;
        for (k, road) in self.roads.iter().enumerate() {
            let Some(road) = road else { continue };
            let (along, across) = if k < 2 { (x, y) } else { (y, x) };
            let line = f64::from(road.line) * CELL_M;
            if (across - line).abs() > 24.0 {
                continue;
            }
            let offset = across - line - terrain.wobble(road, along);
            let distance = offset.abs() - road.half_width;
            if best.as_ref().is_none_or(|b| distance < b.0) {
                best = Some((distance, offset, along, road));
            }
        }
        best
    }

    /// The region and colour of the bare ground at a point.
    pub(crate) fn ground(&self, terrain: &Terrain, look: &Look, x: f64, y: f64) -> GroundAt {
        let seed = terrain.seed;
        let sea = match self.sea {
            Wet::Dry => -1000.0,
            Wet::Full => 200.0,
            Wet::Mixed => terrain.sea_depth(x, y),
        };
        let river = match self.river {
            Wet::Dry => -1000.0,
            Wet::Full => 200.0,
            Wet::Mixed => terrain.river_depth(x, y),
        };
        let depth = sea.max(river);
        if depth > 0.0 {
            let swell = value(seed ^ 0xC1, x / 5.0 + y / 9.0, y / 2.6 - x / 7.0);
            let patch = value(seed ^ 0xC2, x / 60.0, y / 60.0);
            let shallow = (1.0 - depth as f32 / 14.0).clamp(0.0, 1.0);
            let silt = mix(look.water, lit(mix(look.water, look.soil, 0.35), 1.05), shallow * shallow);
            let rgb = lit(silt, 1.0 + 0.045 * swell + 0.07 * patch);
            return GroundAt { id: if sea > river { SEA } else { RIVER }, rgb };
        }
        let grain = value(seed ^ 0xC3, x / 1.3, y / 1.3);
        let patch = value(seed ^ 0xC4, x / 23.0, y / 23.0);
        if let Some((distance, offset, along, road)) = self.nearest_road(terrain, x, y) {
            if distance < 0.0 {
                return GroundAt { id: ROAD, rgb: road_colour(look, road, offset, along, grain, patch) };
            }
            if road.paved && distance < 1.7 && matches!(self.theme, Theme::Suburb | Theme::Industrial | Theme::Harbour)
            {
                return GroundAt { id: 0, rgb: lit(look.concrete, 0.98 + 0.05 * grain) };
            }
        }
        if self.in_forest(terrain, x, y) {
            return GroundAt { id: FOREST, rgb: lit(look.crown, 0.72 + 0.25 * grain) };
        }
        let beach = (depth + 7.0 + 3.0 * f64::from(patch)).clamp(0.0, 4.0) as f32 / 4.0;
        let (id, dry) = match self.ground {
            Ground::Hard { tone, gravel } => {
                let base = if gravel { mix(look.concrete, look.soil, 0.45) } else { look.concrete };
                (0, lit(base, tone * (0.95 + 0.03 * grain + 0.05 * patch)))
            }
            Ground::Fields if depth < -14.0 => self.field(seed, look, x, y, grain, patch),
            _ => (0, grass(look, grain, patch)),
        };
        let id = if beach > 0.5 { 0 } else { id };
        GroundAt { id, rgb: mix(dry, lit(look.soil, 1.0 + 0.08 * grain), beach * 0.8) }
    }

    fn field(&self, seed: u32, look: &Look, x: f64, y: f64, grain: f32, patch: f32) -> (u32, Rgb) {
        let (low, _) = self.bounds();
        let (u, v) = (x - low.0, y - low.1);
        let right = u > self.cuts[0];
        let cut = if right { self.cuts[1] } else { self.cuts[2] };
        let edge = (u - self.cuts[0]).abs().min((v - cut).abs());
        let rim = u.min(v).min(CELL_M - u).min(CELL_M - v);
        if edge < 1.2 || rim < 1.2 || self.roads.iter().flatten().next().is_some() && rim < 11.0 {
            return (0, lit(grass(look, grain, patch), 0.94));
        }
        let parcel = &self.parcels[usize::from(right) + 2 * usize::from(v > cut)];
        let across = if parcel.rows_along_x { v } else { u };
        let phase = across / parcel.period_m;
        let row = (phase - phase.floor() - 0.5).abs() as f32 * 4.0 - 1.0;
        let blotch = value(seed ^ 0xC5, x / 41.0, y / 41.0);
        let light = 1.0 + parcel.depth * row + 0.035 * grain + 0.06 * blotch + 0.03 * patch;
        (FIELD, lit(parcel.rgb, light))
    }
}

fn grass(look: &Look, grain: f32, patch: f32) -> Rgb {
    let dry = mix(look.grass, look.soil, (0.12 + 0.22 * patch).clamp(0.0, 0.4));
    lit(dry, 1.0 + 0.07 * grain + 0.05 * patch)
}

fn road_colour(look: &Look, road: &Road, offset: f64, along: f64, grain: f32, patch: f32) -> Rgb {
    if !road.paved {
        return lit(look.soil, 1.05 + 0.1 * grain);
    }
    let base = lit(look.asphalt, 1.0 + 0.03 * grain + 0.05 * patch);
    let paint = [0.82, 0.82, 0.80];
    let dash = (along / 6.0).floor() * 6.0;
    if offset.abs() < 0.13 && along - dash < 3.0 {
        return mix(base, paint, 0.8);
    }
    if road.half_width > 3.6 && (offset.abs() - road.half_width + 0.45).abs() < 0.12 {
        return mix(base, paint, 0.65);
    }
    base
}

/// Bits for the cell's own choices.
pub(crate) fn cell_bits(seed: u32, i: i32, j: i32) -> u64 {
    (u64::from(hash(seed ^ 0xD1, i, j)) << 32) | u64::from(hash(seed ^ 0xD2, i, j))
}
