//! What a map needs besides its picture: a scale bar, an arrow to the north, a legend.

use image::{Rgb, RgbImage};

use crate::picture::letters::{text_width, write};

/// A length that a person likes to read, as long as fits: 1, 2 or 5 times a power of ten, in metres.
#[must_use]
pub fn round_length_m(most_m: f64) -> f64 {
    let power = 10_f64.powf(most_m.log10().floor());
    [5.0, 2.0].into_iter().map(|times| times * power).find(|length| *length <= most_m).unwrap_or(power)
}

/// The length in words: `50 m`, `2 km`, `20 cm`.
#[must_use]
pub fn length_words(metres: f64) -> String {
    if metres >= 1000.0 {
        format!("{} km", metres / 1000.0)
    } else if metres >= 1.0 {
        format!("{metres} m")
    } else {
        format!("{} cm", (metres * 1e4).round() / 100.0)
    }
}

/// Draws a bar of a round length of at most `most_px`, and what it stands for beside it.
pub fn scale_bar(sheet: &mut RgbImage, (left, top): (u32, u32), most_px: u32, metres_per_px: f64, ink: Rgb<u8>) {
    let length_m = round_length_m(f64::from(most_px) * metres_per_px);
    let length_px = ((length_m / metres_per_px).round() as u32).max(1);
    for x in left..left + length_px {
        put(sheet, x, top + 10, ink);
        put(sheet, x, top + 11, ink);
    }
    for y in top + 4..top + 12 {
        for x in [left, left + 1, left + length_px.saturating_sub(2), left + length_px - 1] {
            put(sheet, x, y, ink);
        }
    }
    write(sheet, left + length_px + 8, top, 2, ink, &length_words(length_m));
}

/// Draws an arrow of `size` pixels around a middle, along the way to the north in columns and rows, with an N beside it.
pub fn north_arrow(sheet: &mut RgbImage, (x, y): (u32, u32), size: u32, (east, south): (f64, f64), ink: Rgb<u8>) {
    let length = east.hypot(south);
    if !(length > 0.0 && length.is_finite()) {
        return;
    }
    let (dx, dy) = (east / length, south / length);
    let half = f64::from(size) / 2.0;
    let (tip_x, tip_y) = (f64::from(x) + dx * half, f64::from(y) + dy * half);
    let shadow = Rgb([0, 0, 0]);
    // A wedge: the wider the farther from the tip. First its shadow, so that it shows on any ground.
    for (grow, colour) in [(1.6, shadow), (0.0, ink)] {
        let reach = size as i64 + 3;
        for row in -reach..=reach {
            for col in -reach..=reach {
                let (px, py) = (f64::from(x) + col as f64, f64::from(y) + row as f64);
                let along = (tip_x - px) * dx + (tip_y - py) * dy;
                let aside = ((px - tip_x) * dy - (py - tip_y) * dx).abs();
                let inside = along >= -grow && along <= f64::from(size) + grow && aside <= along.max(0.0) * 0.28 + grow;
                if inside && px >= 0.0 && py >= 0.0 {
                    put(sheet, px as u32, py as u32, colour);
                }
            }
        }
    }
    let below = (f64::from(y) - dy * (half + 10.0)) as u32;
    let beside = (f64::from(x) - dx * (half + 10.0)) as u32;
    let (left, top) = (beside.saturating_sub(text_width("N", 2) / 2), below.saturating_sub(7));
    write(sheet, left + 1, top + 1, 2, shadow, "N");
    write(sheet, left, top, 2, ink, "N");
}

/// Draws a patch of a colour and a word for it; returns where the next may begin.
pub fn patch(sheet: &mut RgbImage, (left, top): (u32, u32), colour: Rgb<u8>, ink: Rgb<u8>, word: &str) -> u32 {
    for y in top..top + 14 {
        for x in left..left + 14 {
            put(sheet, x, y, colour);
        }
    }
    write(sheet, left + 20, top, 2, ink, word);
    left + 20 + text_width(word, 2) + 14
}

fn put(sheet: &mut RgbImage, x: u32, y: u32, colour: Rgb<u8>) {
    if let Some(pixel) = sheet.get_pixel_mut_checked(x, y) {
        *pixel = colour;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_round_and_fit() {
        let cases = [(137.0, 100.0), (99.9, 50.0), (49.0, 20.0), (19.0, 10.0), (0.3, 0.2), (7300.0, 5000.0)];
        for (most, length) in cases {
            assert!((round_length_m(most) - length).abs() < 1e-9, "{most}");
        }
        assert_eq!([length_words(5000.0), length_words(20.0), length_words(0.2)], ["5 km", "20 m", "20 cm"]);
    }

    #[test]
    fn a_bar_is_as_long_as_it_says() {
        let mut sheet = RgbImage::new(200, 30);
        let ink = Rgb([255, 255, 255]);
        // At most 100 px of half a metre: 50 m are 100 px.
        scale_bar(&mut sheet, (3, 0), 100, 0.5, ink);
        let length = (0..200).filter(|&x| *sheet.get_pixel(x, 11) == ink && x < 110).count();
        assert_eq!(length, 100);
    }
}
