//! Bilinear resizing of 8-bit pictures, bit for bit as Pillow does it: the published protocol rests on it.

use super::images::RgbImage;

/// Fraction bits of a weight: 8-bit values, a sum with a sign, two bits of headroom, 32 in all.
const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// The picture on another grid, with the triangle filter widened where it shrinks (Pillow's `BILINEAR`).
///
/// Columns are resized first, then rows, and each pass rounds to 8 bits.
/// A side of zero pixels gives an empty picture.
#[must_use]
pub fn resized_bilinear(picture: &RgbImage, rows: usize, cols: usize) -> RgbImage {
    if rows == 0 || cols == 0 || picture.rows == 0 || picture.cols == 0 {
        return RgbImage { rows, cols, rgb: Vec::new() };
    }
    let wide = resize_cols(picture, cols);
    resize_rows(&wide, rows)
}

/// The source pixels and fixed-point weights that make one new pixel.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Taps for each of `to` pixels along an axis of `from` pixels.
fn triangle_taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let filter_scale = scale.max(1.0);
    let support = filter_scale;
    (0..to)
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            let first = ((centre - support + 0.5) as i64).max(0) as usize;
            let end = ((centre + support + 0.5) as i64).clamp(0, from as i64) as usize;
            let raw: Vec<f64> = (first..end)
                .map(|px| (1.0 - ((px as f64 - centre + 0.5) * (1.0 / filter_scale)).abs()).max(0.0))
                .collect();
            let total: f64 = raw.iter().sum();
            let weights = raw
                .iter()
                .map(|weight| {
                    let weight = if total == 0.0 { *weight } else { weight / total };
                    (0.5 + weight * f64::from(1_u32 << WEIGHT_BITS)) as i32
                })
                .collect();
            Taps { first, weights }
        })
        .collect()
}

/// One new value: weighted sum of values `stride` apart, rounded and held inside 0 to 255.
fn weighted(values: &[u8], start: usize, stride: usize, taps: &Taps) -> u8 {
    let half = 1_i64 << (WEIGHT_BITS - 1);
    let sum: i64 = taps
        .weights
        .iter()
        .enumerate()
        .map(|(tap, &weight)| i64::from(values[start + (taps.first + tap) * stride]) * i64::from(weight))
        .sum();
    ((sum + half) >> WEIGHT_BITS).clamp(0, 255) as u8
}

fn resize_cols(picture: &RgbImage, cols: usize) -> RgbImage {
    if cols == picture.cols {
        return picture.clone();
    }
    let taps = triangle_taps(picture.cols, cols);
    let mut rgb = Vec::with_capacity(picture.rows * cols * 3);
    for row in 0..picture.rows {
        let line = row * picture.cols * 3;
        for tap in &taps {
            rgb.extend((0..3).map(|channel| weighted(&picture.rgb, line + channel, 3, tap)));
        }
    }
    RgbImage { rows: picture.rows, cols, rgb }
}

fn resize_rows(picture: &RgbImage, rows: usize) -> RgbImage {
    if rows == picture.rows {
        return picture.clone();
    }
    let line = picture.cols * 3;
    let taps = triangle_taps(picture.rows, rows);
    let mut rgb = Vec::with_capacity(rows * line);
    for tap in &taps {
        rgb.extend((0..line).map(|at| weighted(&picture.rgb, at, line, tap)));
    }
    RgbImage { rows, cols: picture.cols, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rows of five pixels.
    const SOURCE: [u8; 45] = [
        10, 200, 0, 20, 100, 255, 250, 7, 30, 0, 0, 0, 255, 255, 255, //
        90, 80, 70, 1, 2, 3, 100, 101, 102, 200, 5, 60, 33, 44, 55, //
        5, 5, 5, 60, 61, 62, 128, 128, 128, 9, 250, 17, 77, 88, 99,
    ];

    fn resized(rows: usize, cols: usize) -> Vec<u8> {
        resized_bilinear(&RgbImage { rows: 3, cols: 5, rgb: SOURCE.to_vec() }, rows, cols).rgb
    }

    // The expected values of the next three tests were written by Pillow 13.

    #[test]
    fn shrinking_agrees_with_pillow() {
        assert_eq!(resized(2, 3), [28, 116, 84, 127, 38, 72, 131, 101, 113, 38, 36, 34, 91, 109, 82, 69, 108, 61]);
    }

    #[test]
    fn shrinking_one_axis_agrees_with_pillow() {
        assert_eq!(
            resized(2, 5),
            [
                40, 155, 26, 13, 63, 161, 194, 42, 57, 75, 2, 23, 172, 176, 180, 37, 33, 29, 38, 39, 40, 118, 118, 118,
                81, 158, 33, 61, 72, 83
            ]
        );
    }

    #[test]
    fn growing_agrees_with_pillow() {
        assert_eq!(
            resized(4, 7),
            [
                10, 200, 0, 16, 143, 146, 86, 73, 191, 250, 7, 30, 71, 2, 9, 109, 109, 109, 255, 255, 255, 60, 125, 44,
                30, 76, 75, 50, 46, 91, 156, 66, 75, 134, 21, 48, 121, 55, 77, 116, 123, 130, 58, 52, 46, 38, 36, 34,
                48, 49, 50, 111, 111, 112, 123, 101, 63, 94, 82, 56, 50, 61, 72, 5, 5, 5, 36, 37, 38, 79, 80, 81, 128,
                128, 128, 43, 215, 49, 38, 181, 52, 77, 88, 99
            ]
        );
    }

    #[test]
    fn the_same_size_changes_nothing() {
        assert_eq!(resized(3, 5), SOURCE);
    }
}
