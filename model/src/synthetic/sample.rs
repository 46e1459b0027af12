//! Training samples: small scenes of every kind of place, with phrases and masks.

use super::expressions::{Expression, expressions};
use super::frame::Frame;
use super::look::Look;
use super::noise::{hash, sin_cos};
use super::rng::Dice;
use super::terrain::{CELL_M, Terrain, Theme};
use super::world::{World, WorldConfig};

/// A tile with phrases and their masks.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Side of the tile in pixels.
    pub tile_px: u32,
    /// Side of a pixel in metres.
    pub pixel_size_m: f64,
    /// Red, green, blue of each pixel, `[row, col, 3]`.
    pub rgb: Vec<u8>,
    /// Phrases with their masks `[row, col]`, 1 inside.
    pub phrases: Vec<(Expression, Vec<u8>)>,
}

/// Places looked at before one with too little to say is taken.
const PLACES_VISITED: usize = 6;

/// How often each kind of place is drawn.
const PLACES: [(Theme, f64); 9] = [
    (Theme::Harbour, 0.21),
    (Theme::Sea, 0.04),
    (Theme::Shore, 0.05),
    (Theme::River, 0.09),
    (Theme::Suburb, 0.18),
    (Theme::Industrial, 0.20),
    (Theme::Airport, 0.10),
    (Theme::Farmland, 0.05),
    (Theme::Park, 0.08),
];

/// The sample of this number: the same for the same arguments, on every machine.
///
/// It holds `phrases` phrases, or fewer where there is not that much to say.
///
/// # Panics
/// When `tile_px` is 0.
#[must_use]
pub fn sample(seed: u64, index: u64, tile_px: u32, phrases: usize) -> Sample {
    let Scenelet { pixel_size_m, rgb, frame, said } = scenelet(seed, index, tile_px, phrases);
    let phrases = said
        .into_iter()
        .map(|expression| {
            let mask = frame.mask(&expression.targets);
            (expression, mask)
        })
        .collect();
    Sample { tile_px, pixel_size_m, rgb, phrases }
}

/// A sample before its masks are drawn.
#[derive(Debug)]
pub(crate) struct Scenelet {
    pub(crate) pixel_size_m: f64,
    pub(crate) rgb: Vec<u8>,
    pub(crate) frame: Frame,
    pub(crate) said: Vec<Expression>,
}

/// The first place with enough to say: a tile of bare sea has little.
pub(crate) fn scenelet(seed: u64, index: u64, tile_px: u32, phrases: usize) -> Scenelet {
    let mut dice = Dice::new(&[seed, index, 0x5A]);
    let mut best = visit(&mut dice, tile_px, phrases);
    for _ in 1..PLACES_VISITED {
        if best.said.len() >= phrases {
            break;
        }
        let next = visit(&mut dice, tile_px, phrases);
        if next.said.len() > best.said.len() {
            best = next;
        }
    }
    best
}

/// Draws one random place and says what there is to say.
fn visit(dice: &mut Dice, tile_px: u32, phrases: usize) -> Scenelet {
    let config = place(dice, tile_px);
    let pixel_size_m = config.pixel_size_m;
    let side = tile_px as usize;
    let world = World::new(config).expect("a tile has pixels of a size in range and few cells");
    let drawn = world.render(0, 0, tile_px, tile_px);
    let frame = Frame::new(side, side, pixel_size_m, drawn.instance, &drawn.instances);
    let said = expressions(&frame, dice, phrases);
    Scenelet { pixel_size_m, rgb: drawn.rgb, frame, said }
}

/// A place in a random world, with a random look, pixel size and direction.
fn place(dice: &mut Dice, tile_px: u32) -> WorldConfig {
    let world_seed = dice.bits();
    let look = Look::from_seed(dice.bits());
    let pixel_size_m = match dice.weighted(&[0.2, 0.55, 0.25]) {
        0 => dice.range(0.2, 0.27),
        1 => dice.range(0.27, 0.36),
        _ => dice.range(0.36, 0.6),
    };
    let angle_deg = if dice.chance(0.5) { 90.0 * dice.below(4) as f64 } else { dice.range(0.0, 360.0) };
    let wanted = PLACES[dice.weighted(&PLACES.map(|p| p.1))].0;
    let terrain =
        Terrain { seed: hash((world_seed >> 32) as u32, world_seed as u32 as i32, 0x5C3), theme: Theme::Auto };
    let mut cell = (0, 0);
    for _ in 0..300 {
        cell = (dice.below(4000) as i32 - 2000, dice.below(4000) as i32 - 2000);
        if terrain.cell_theme(cell.0, cell.1) == wanted {
            break;
        }
    }
    let centre =
        ((f64::from(cell.0) + dice.range(0.2, 0.8)) * CELL_M, (f64::from(cell.1) + dice.range(0.2, 0.8)) * CELL_M);
    let (s, c) = sin_cos(angle_deg.to_radians());
    let half = f64::from(tile_px) * pixel_size_m / 2.0;
    WorldConfig {
        seed: world_seed,
        width_px: tile_px,
        height_px: tile_px,
        pixel_size_m,
        look,
        theme: Theme::Auto,
        origin_m: (centre.0 - c * half + s * half, centre.1 - s * half - c * half),
        angle_deg,
    }
}
