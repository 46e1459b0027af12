//! Training samples: small scenes of every kind of place, with phrases and masks.

use super::expressions::{Expression, expressions};
use super::frame::Frame;
use super::look::Look;
use super::noise::hash;
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
/// # Panics
/// When `tile_px` is 0.
#[must_use]
pub fn sample(seed: u64, index: u64, tile_px: u32, phrases: usize) -> Sample {
    let mut dice = Dice::new(&[seed, index, 0x5A]);
    let mut best: Option<Sample> = None;
    // A tile of bare sea has little to say: look for another place.
    for _ in 0..6 {
        let config = place(&mut dice, tile_px);
        let pixel_size_m = config.pixel_size_m;
        let side = tile_px as usize;
        let world = World::new(config).expect("a tile has pixels of a size in range and few cells");
        let drawn = world.render(0, 0, tile_px, tile_px);
        let frame = Frame::new(side, side, pixel_size_m, drawn.instance, &drawn.instances);
        let said = expressions(&frame, &mut dice, phrases);
        let phrases_with_masks: Vec<_> = said
            .into_iter()
            .map(|e| {
                let mask = frame.mask(&e.targets);
                (e, mask)
            })
            .collect();
        let candidate = Sample { tile_px, pixel_size_m, rgb: drawn.rgb, phrases: phrases_with_masks };
        let enough = candidate.phrases.len() >= phrases;
        if best.as_ref().is_none_or(|b| candidate.phrases.len() > b.phrases.len()) {
            best = Some(candidate);
        }
        if enough {
            break;
        }
    }
    best.expect("the first place always gives a sample")
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
    let (s, c) = super::noise::sin_cos(angle_deg.to_radians());
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
