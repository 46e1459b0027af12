//! Changes of light, haze, focus and compression, as between one camera and the next. Shapes and places stay.

use std::io::Cursor;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::labelled::LabelledTile;
use crate::synthetic::Dice;

/// Changes the look of a tile at random.
///
/// Colours move less than from one colour word to the next, except where all colour is taken away; then the tile is
/// marked as such, so this must come before phrases are made.
pub fn change_look(tile: &mut LabelledTile, dice: &mut Dice) {
    if dice.chance(0.06) {
        make_grey(tile);
    }
    let gain = dice.range(0.8, 1.2);
    let lift = dice.range(-18.0, 18.0);
    let gamma = dice.range(0.8, 1.25);
    let tint: [f64; 3] = std::array::from_fn(|_| dice.range(0.93, 1.07));
    let haze = if dice.chance(0.2) { dice.range(0.05, 0.3) } else { 0.0 };
    for (channel, tint) in tint.into_iter().enumerate() {
        let table: Vec<u8> = (0..=255_u32)
            .map(|value| {
                let bent = (f64::from(value) / 255.0).powf(gamma) * 255.0;
                let lit = (bent - 127.0) * gain + 127.0 + lift;
                (lit * tint * (1.0 - haze) + 200.0 * haze).round().clamp(0.0, 255.0) as u8
            })
            .collect();
        for value in tile.rgb.iter_mut().skip(channel).step_by(3) {
            *value = table[usize::from(*value)];
        }
    }
    if dice.chance(0.15) {
        blur(tile);
    }
    if dice.chance(0.15) {
        let spread = dice.range(2.0, 9.0);
        for value in &mut tile.rgb {
            *value = (f64::from(*value) + spread * (dice.unit() - dice.unit())).round().clamp(0.0, 255.0) as u8;
        }
    }
    if dice.chance(0.15) {
        compress(tile, dice.range(25.0, 70.0) as u8);
    }
}

/// Takes the colour away.
fn make_grey(tile: &mut LabelledTile) {
    for pixel in tile.rgb.chunks_exact_mut(3) {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f64::from);
        pixel.fill((0.299 * red + 0.587 * green + 0.114 * blue).round() as u8);
    }
    tile.false_colour = true;
}

/// The mean of each pixel and its neighbours across and down, weighted 1, 2, 1.
fn blur(tile: &mut LabelledTile) {
    let width = tile.cols * 3;
    let smooth =
        |before: u8, at: u8, after: u8| ((u16::from(before) + 2 * u16::from(at) + u16::from(after) + 2) / 4) as u8;
    for line in tile.rgb.chunks_exact_mut(width) {
        let old = line.to_vec();
        for at in 3..width.saturating_sub(3) {
            line[at] = smooth(old[at - 3], old[at], old[at + 3]);
        }
    }
    let old = tile.rgb.clone();
    for at in width..old.len().saturating_sub(width) {
        tile.rgb[at] = smooth(old[at - width], old[at], old[at + width]);
    }
}

/// Writes the tile as JPEG and reads it back.
fn compress(tile: &mut LabelledTile, quality: u8) {
    let mut file = Vec::new();
    let size = (tile.cols as u32, tile.rows as u32);
    let written =
        JpegEncoder::new_with_quality(&mut file, quality).encode(&tile.rgb, size.0, size.1, ExtendedColorType::Rgb8);
    // A tile too large for JPEG keeps its pixels: one kind of change less.
    if written.is_ok()
        && let Ok(read) = image::load(Cursor::new(file), image::ImageFormat::Jpeg)
    {
        tile.rgb = read.into_rgb8().into_raw();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn tile() -> LabelledTile {
        LabelledTile {
            rows: 16,
            cols: 24,
            rgb: (0..16 * 24 * 3).map(|at| (at * 7 % 256) as u8).collect(),
            objects: Vec::new(),
            exhaustive: BTreeSet::new(),
            false_colour: false,
            pixel_size_m: None,
            placeless: false,
        }
    }

    #[test]
    fn the_same_dice_change_a_tile_in_the_same_way() {
        let [mut one, mut other] = [tile(), tile()];
        change_look(&mut one, &mut Dice::new(&[5]));
        change_look(&mut other, &mut Dice::new(&[5]));
        assert_eq!(one, other);
        assert_ne!(one, tile());
    }

    #[test]
    fn every_change_keeps_the_size() {
        for seed in 0..60 {
            let mut changed = tile();
            change_look(&mut changed, &mut Dice::new(&[seed]));
            assert_eq!(changed.rgb.len(), 16 * 24 * 3);
        }
    }

    #[test]
    fn a_grey_tile_has_no_colours_to_speak_of() {
        let mut grey = tile();
        make_grey(&mut grey);
        assert!(grey.false_colour);
        assert!(grey.rgb.chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
    }

    #[test]
    fn blurring_evens_out_a_single_bright_pixel() {
        let mut spot = LabelledTile { rows: 3, cols: 3, rgb: vec![0; 27], ..tile() };
        spot.rgb[12..15].fill(160);
        blur(&mut spot);
        // 160 / 4 across, then 2 / 4 of half of it down.
        assert_eq!(spot.rgb[12], 40);
    }
}
