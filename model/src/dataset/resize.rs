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

/// The first source pixel and the weights, of sum 1, that make each of `to` pixels along an axis of `from` pixels.
pub(crate) fn triangle_weights(from: usize, to: usize) -> Vec<(usize, Vec<f64>)> {
    let scale = from as f64 / to as f64;
    let filter_scale = scale.max(1.0);
    let support = filter_scale;
    (0..to)
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            let first = ((centre - support + 0.5) as i64).max(0) as usize;
            let end = ((centre + support + 0.5) as i64).clamp(0, from as i64) as usize;
            let mut weights: Vec<f64> = (first..end)
                .map(|px| (1.0 - ((px as f64 - centre + 0.5) * (1.0 / filter_scale)).abs()).max(0.0))
                .collect();
            let total: f64 = weights.iter().sum();
            if total != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= total);
            }
            (first, weights)
        })
        .collect()
}

/// The same in fixed point.
fn triangle_taps(from: usize, to: usize) -> Vec<Taps> {
    let fixed = |weight: &f64| (0.5 + weight * f64::from(1_u32 << WEIGHT_BITS)) as i32;
    let taps = |(first, weights): (usize, Vec<f64>)| Taps { first, weights: weights.iter().map(fixed).collect() };
    triangle_weights(from, to).into_iter().map(taps).collect()
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

    /// FNV-1a of 64 bits.
    fn fnv(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    #[test]
    fn pictures_and_masks_of_many_sizes_agree_with_pillow_bit_for_bit() {
        for ([rows, cols], [to_rows, to_cols], bilinear, nearest) in PILLOW {
            let at = (0..rows).flat_map(|r| (0..cols).map(move |c| (r, c)));
            let value = |r: usize, c: usize, band: usize| {
                r * 7 + c * 13 + band * 29 + (r * c) % 31 * 5 + (r / 40 + c / 40) % 2 * 90
            };
            let rgb = at.clone().flat_map(|(r, c)| (0..3).map(move |band| (value(r, c, band) % 256) as u8)).collect();
            let picture = resized_bilinear(&RgbImage { rows, cols, rgb }, to_rows, to_cols);
            assert_eq!(fnv(&picture.rgb), bilinear, "{rows} x {cols} to {to_rows} x {to_cols}");

            let bits = at.map(|(r, c)| u8::from((r / 3 + c / 5) % 3 == 0 || (r * c) % 17 == 3)).collect();
            let mask = crate::dataset::Mask::new(rows, cols, bits).unwrap().resized_nearest(to_rows, to_cols);
            assert_eq!(fnv(mask.bits()), nearest, "{rows} x {cols} to {to_rows} x {to_cols}");
        }
    }

    /// Sizes, and the hashes of what Pillow 13 made of the formulas above: `tests/parity/evaluation.py` prints them.
    const PILLOW: [([usize; 2], [usize; 2], u64, u64); 8] = [
        ([800, 800], [480, 480], 0xaf3b_3ee5_de61_596a, 0x2309_c22b_93d5_4af3),
        ([801, 800], [480, 480], 0xd814_8b2e_3142_d129, 0x8f2e_cbf8_4d0e_aeb4),
        ([512, 512], [480, 480], 0x573d_256d_7519_59ab, 0x2067_115e_208c_646b),
        ([333, 517], [480, 480], 0xa15c_d8f4_6f5d_9ea1, 0xc43d_0c3f_724e_f20b),
        ([97, 61], [480, 480], 0x251a_132f_8f3e_8ce4, 0x7b96_1289_8de3_8e47),
        ([512, 700], [128, 96], 0xc9aa_8be7_3574_c3f2, 0xfc15_0424_fd3e_94b6),
        ([480, 480], [480, 480], 0x84e6_05f3_b66c_af01, 0x7302_0c43_a123_cd92),
        ([1, 1000], [3, 7], 0xbf27_86cf_6d2f_ae08, 0x69e0_eba6_c4c1_bac8),
    ];
}
