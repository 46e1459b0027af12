//! Resizing of square planes of numbers.

use crate::mosaic::blend::towards;

/// Resizes square planes from one side to another.
///
/// The filter is a triangle around the middle of each output pixel: between neighbours it is bilinear, and when the
/// plane shrinks it is as wide as the output pixel is, so that nothing between two samples is overlooked. Beyond the
/// edge there is nothing; what is left of the triangle counts fully. A constant stays constant to the last bit.
#[derive(Clone, Debug)]
pub struct Resampler {
    from_px: usize,
    to_px: usize,
    taps: Vec<Taps>,
}

/// The inputs of one output pixel along an axis.
#[derive(Clone, Debug)]
struct Taps {
    /// The first input.
    first: usize,
    /// Per input, how far the running mean moves towards it; 1 for the first.
    shares: Vec<f32>,
}

impl Resampler {
    /// A resampler between two sides, neither of which is 0.
    #[must_use]
    pub fn new(from_px: usize, to_px: usize) -> Self {
        let scale = from_px as f64 / to_px as f64;
        Self { from_px, to_px, taps: (0..to_px).map(|at| Taps::new(at, scale, from_px)).collect() }
    }

    /// The side that it takes.
    #[must_use]
    pub fn from_px(&self) -> usize {
        self.from_px
    }

    /// The plane at its new side.
    ///
    /// # Shapes
    /// `plane`: `[row, col]`, `from_px * from_px` values; returns `to_px * to_px` values.
    ///
    /// # Panics
    /// When `plane` has another number of values.
    #[must_use]
    pub fn plane(&self, plane: &[f32]) -> Vec<f32> {
        assert_eq!(plane.len(), self.from_px * self.from_px, "a plane of {} px square", self.from_px);
        let mut out = Vec::with_capacity(self.to_px * self.to_px);
        let mut line = vec![0.0; self.from_px];
        for down in &self.taps {
            for (row, &share) in plane[down.first * self.from_px..].chunks_exact(self.from_px).zip(&down.shares) {
                for (mean, &value) in line.iter_mut().zip(row) {
                    // The first share is 1, so what the line held before is gone; said so, NaN and all.
                    *mean = if share == 1.0 { value } else { towards(*mean, value, share) };
                }
            }
            out.extend(self.taps.iter().map(|across| across.of(&line)));
        }
        out
    }

    /// Several planes, one after the other.
    ///
    /// # Panics
    /// When a plane has another number of values.
    #[must_use]
    pub fn planes(&self, planes: &[f32]) -> Vec<f32> {
        planes.chunks(self.from_px * self.from_px).flat_map(|plane| self.plane(plane)).collect()
    }
}

impl Taps {
    fn new(at: usize, scale: f64, from_px: usize) -> Self {
        let radius = scale.max(1.0);
        let middle = (at as f64 + 0.5) * scale - 0.5;
        let last = ((middle + radius).floor() as usize).min(from_px - 1);
        let weight = |from: usize| 1.0 - (from as f64 - middle).abs() / radius;
        let mut first = (middle - radius).ceil().max(0.0) as usize;
        // A pixel at the very foot of the triangle counts nothing, but the first must count.
        while first < last && weight(first) <= 0.0 {
            first += 1;
        }
        let mut sum = 0.0;
        let shares = (first..=last).map(|from| {
            let weight = weight(from).max(0.0);
            sum += weight;
            if from == first { 1.0 } else { (weight / sum) as f32 }
        });
        Self { first, shares: shares.collect() }
    }

    fn of(&self, line: &[f32]) -> f32 {
        let mut values = line[self.first..].iter().zip(&self.shares);
        let first = values.next().map_or(f32::NAN, |(&value, _)| value);
        values.fold(first, |mean, (&value, &share)| towards(mean, value, share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plane whose rows are all alike.
    fn rows(row: &[f32]) -> Vec<f32> {
        row.repeat(row.len())
    }

    fn first_row(from: &[f32], to_px: usize) -> Vec<f32> {
        Resampler::new(from.len(), to_px).plane(&rows(from))[..to_px].to_vec()
    }

    #[test]
    fn the_same_side_changes_nothing() {
        let plane: Vec<f32> = (0..49).map(|i| (i * 37 % 11) as f32 / 7.0).collect();
        assert_eq!(Resampler::new(7, 7).plane(&plane), plane);
    }

    #[test]
    fn a_constant_stays_constant_to_the_last_bit() {
        for (from, to) in [(5, 3), (3, 5), (914, 320), (320, 914), (64, 1)] {
            let out = Resampler::new(from, to).plane(&vec![0.7; from * from]);
            assert_eq!(out.len(), to * to);
            assert!(out.iter().all(|value| value.to_bits() == 0.7_f32.to_bits()), "{from} to {to}");
        }
    }

    #[test]
    fn enlarging_twice_is_bilinear_with_half_pixel_centres() {
        // Output middles lie at -0.25, 0.25, 0.75, 1.25 of the inputs 0 and 1; beyond the edge the edge counts alone.
        assert_eq!(first_row(&[0.0, 1.0], 4), [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn shrinking_twice_weighs_four_pixels_by_a_triangle() {
        // Around 2.5, half a width of 2: inputs 1, 2, 3, 4 at distances 1.5, 0.5, 0.5, 1.5 weigh 1, 3, 3, 1 of 8.
        let out = first_row(&[0.0, 8.0, 16.0, 0.0, 8.0, 0.0], 3);
        assert!((out[1] - (8.0 + 3.0 * 16.0 + 8.0) / 8.0).abs() < 1e-6, "{out:?}");
        // At the left edge input -1 is missing: 0, 1, 2 weigh 3, 3, 1 of 7.
        assert!((out[0] - (3.0 * 8.0 + 16.0) / 7.0).abs() < 1e-6, "{out:?}");
    }

    #[test]
    fn rows_are_treated_as_columns_are() {
        let line = [0.0, 3.0, 1.0, 9.0, 2.0];
        let down: Vec<f32> = line.iter().flat_map(|&value| [value; 5]).collect();
        let (across, down) = (first_row(&line, 3), Resampler::new(5, 3).plane(&down));
        assert_eq!(across, [down[0], down[3], down[6]]);
    }

    #[test]
    fn what_is_no_number_spoils_only_its_neighbours() {
        let mut plane = vec![1.0; 16];
        plane[0] = f32::NAN;
        // Output 2 lies at 0.75, between inputs 0 and 1; output 3 at 1.25, between 1 and 2.
        for (i, value) in Resampler::new(4, 8).plane(&plane).into_iter().enumerate() {
            let near = i / 8 < 3 && i % 8 < 3;
            assert!(if near { value.is_nan() } else { value == 1.0 }, "pixel {i}");
        }
    }
}
