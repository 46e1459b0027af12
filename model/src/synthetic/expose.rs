//! The camera: blur, haze, gain, noise and 8 bits.

use super::look::{Look, mix};
use super::noise::hash;
use super::paint::Easel;

/// Pixels around a window that its blur needs.
pub(crate) const HALO_PX: usize = 2;

/// Exposes a painting that is larger than the picture by the halo on each side.
///
/// # Shapes
/// `out`: `[row, col, 3]`.
pub(crate) fn expose(look: &Look, seed: u32, easel: &Easel, out: &mut [u8]) {
    let cols = easel.cols - 2 * HALO_PX;
    let kernel = blur_kernel(look.blur_px);
    let mut across = vec![[0.0_f32; 3]; easel.rows * cols];
    for (line, painted) in across.chunks_mut(cols).zip(easel.rgb.chunks(easel.cols)) {
        for (sum, around) in line.iter_mut().zip(painted.windows(kernel.len())) {
            for (p, weight) in around.iter().zip(kernel) {
                for b in 0..3 {
                    sum[b] += p[b] * weight;
                }
            }
        }
    }
    let noise_seed = seed ^ 0xE1;
    for (r, line) in out.chunks_mut(cols * 3).enumerate() {
        let row = (easel.row_off + (r + HALO_PX) as i64) as i32;
        for (c, pixel) in line.chunks_mut(3).enumerate() {
            let mut sum = [0.0_f32; 3];
            for (k, weight) in kernel.iter().enumerate() {
                let p = across[(r + k) * cols + c];
                for b in 0..3 {
                    sum[b] += p[b] * weight;
                }
            }
            let hazy = mix(sum, [0.70, 0.74, 0.80], look.haze);
            let col = (easel.col_off + (c + HALO_PX) as i64) as i32;
            let bits = hash(noise_seed, col, row);
            let grey = bell(noise_seed, bits, 1) * 0.8;
            for (b, value) in pixel.iter_mut().enumerate() {
                let noise = (grey + 0.6 * bell(noise_seed, bits, 2 + b as u32)) * look.noise;
                *value = (hazy[b] * look.gain[b] * 255.0 + noise + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// A nearly normal number: the sum of four bytes, whose standard deviation is 147.8.
fn bell(seed: u32, bits: u32, which: u32) -> f32 {
    let b = hash(seed ^ which, bits as i32, which as i32);
    let total = (b & 255) + (b >> 8 & 255) + (b >> 16 & 255) + (b >> 24);
    (total as f32 - 510.0) / 147.8
}

/// Five weights of a bell curve that sum to 1, from arithmetic alone.
fn blur_kernel(sigma: f32) -> [f32; 5] {
    let v = sigma * sigma;
    // Two passes of [a, 1 - 2a, a] have a variance of 4a.
    let a = (v / 4.0).min(0.25);
    let b = 1.0 - 2.0 * a;
    [a * a, 2.0 * a * b, b * b + 2.0 * a * a, 2.0 * a * b, a * a]
}
