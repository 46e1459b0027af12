//! Cheap noise and angles: a hash, value noise, and sine without the platform's library.

use std::f64::consts::FRAC_PI_2;

/// 32 well-mixed bits for a lattice point.
#[inline]
pub(crate) fn hash(seed: u32, x: i32, y: i32) -> u32 {
    let mut h = seed ^ (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77).rotate_left(13);
    h ^= h >> 16;
    h = h.wrapping_mul(0x7FEB_352D);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846C_A68B);
    h ^ (h >> 16)
}

/// A number in `[0, 1)` for a lattice point.
#[inline]
pub(crate) fn hash_unit(seed: u32, x: i32, y: i32) -> f64 {
    f64::from(hash(seed, x, y)) / 4_294_967_296.0
}

/// The whole number below, without a call into the platform's library.
#[inline]
pub(crate) fn whole(x: f64) -> i32 {
    let near = x as i32;
    near - i32::from(x < f64::from(near))
}

#[inline]
fn lattice(seed: u32, x: i32, y: i32) -> f32 {
    (hash(seed, x, y) >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
}

/// Smooth noise in `[-1, 1]` with features of about one unit.
#[inline]
pub(crate) fn value(seed: u32, x: f64, y: f64) -> f32 {
    let (xi, yi) = (whole(x), whole(y));
    let (fx, fy) = ((x - f64::from(xi)) as f32, (y - f64::from(yi)) as f32);
    let sx = fx * fx * (3.0 - 2.0 * fx);
    let sy = fy * fy * (3.0 - 2.0 * fy);
    let a = lattice(seed, xi, yi);
    let b = lattice(seed, xi.wrapping_add(1), yi);
    let c = lattice(seed, xi, yi.wrapping_add(1));
    let d = lattice(seed, xi.wrapping_add(1), yi.wrapping_add(1));
    let top = a + (b - a) * sx;
    let bottom = c + (d - c) * sx;
    top + (bottom - top) * sy
}

/// Smooth noise along a line, in `[-1, 1]`.
#[inline]
pub(crate) fn value_line(seed: u32, x: f64) -> f64 {
    let x0 = whole(x);
    let f = x - f64::from(x0);
    let s = f * f * (3.0 - 2.0 * f);
    let a = f64::from(lattice(seed, x0, 7));
    let b = f64::from(lattice(seed, x0.wrapping_add(1), 7));
    a + (b - a) * s
}

/// Sine and cosine from additions and multiplications alone, the same on every platform.
///
/// # Units
/// Radians. The error is below 1e-11.
pub(crate) fn sin_cos(angle: f64) -> (f64, f64) {
    let quarter = (angle / FRAC_PI_2).round();
    let r = angle - quarter * FRAC_PI_2;
    let q = r * r;
    let s = r * (1.0 - q / 6.0 * (1.0 - q / 20.0 * (1.0 - q / 42.0 * (1.0 - q / 72.0 * (1.0 - q / 110.0)))));
    let c =
        1.0 - q / 2.0 * (1.0 - q / 12.0 * (1.0 - q / 30.0 * (1.0 - q / 56.0 * (1.0 - q / 90.0 * (1.0 - q / 132.0)))));
    match (quarter as i64).rem_euclid(4) {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_sine_agrees_with_the_library() {
        for step in -400..400 {
            let angle = f64::from(step) * 0.037;
            let (s, c) = sin_cos(angle);
            assert!((s - angle.sin()).abs() < 1e-10 && (c - angle.cos()).abs() < 1e-10);
        }
    }

    #[test]
    fn value_noise_is_the_lattice_value_at_lattice_points() {
        assert_eq!(value(3, 5.0, -2.0), lattice(3, 5, -2));
    }
}
