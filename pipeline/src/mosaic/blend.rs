//! The arithmetic of blending: how much a tile counts where, and what the blended numbers mean.

use geo_io::PixelWindow;

use crate::tiling::{TilePlan, TileSpec};

/// The threshold at which the model's uncertainty is calibrated: it speaks about the label `probability > 0.5`.
pub(crate) const CALIBRATED_AT: f32 = 0.5;

/// How much a tile counts along one axis: 1 in the middle, a cos² ramp towards each side that has a neighbour.
///
/// Ramps are sampled at half-integers, so no weight is zero and two neighbours of the regular grid sum to 1.
#[must_use]
pub fn axis_weights(len_px: u32, ramp_px: u32, before: bool, after: bool) -> Vec<f32> {
    let ramp = |distance: u32| {
        if distance >= ramp_px {
            return 1.0;
        }
        let phase = (f64::from(distance) + 0.5) / f64::from(ramp_px);
        (phase * std::f64::consts::FRAC_PI_2).sin().powi(2)
    };
    (0..len_px)
        .map(|i| {
            let rising = if before { ramp(i) } else { 1.0 };
            let falling = if after { ramp(len_px - 1 - i) } else { 1.0 };
            (rising * falling) as f32
        })
        .collect()
}

/// The weights of one tile along its rows and its columns; the weight of a pixel is their product.
#[derive(Clone, Debug)]
pub struct TileWeights {
    /// One weight per tile row of pixels.
    pub by_row: Vec<f32>,
    /// One weight per tile column of pixels.
    pub by_col: Vec<f32>,
}

impl TileWeights {
    /// The weights of a tile: no taper on a side without a neighbour.
    #[must_use]
    pub fn new(plan: &TilePlan, tile: &TileSpec) -> Self {
        let PixelWindow { width, height, .. } = tile.window;
        let ramp_px = plan.overlap_px();
        let [above, below, left, right] = plan.neighbours(tile);
        Self { by_row: axis_weights(height, ramp_px, above, below), by_col: axis_weights(width, ramp_px, left, right) }
    }
}

/// The probability of the target that a tile implies by its label and its doubt about that label.
///
/// Uncertainty is the probability that a label is wrong, so it is mixed through the label it speaks about:
/// averaged directly, two tiles that contradict each other would seem to agree.
#[must_use]
pub fn implied_probability(probability: f32, uncertainty: f32) -> f32 {
    if probability > CALIBRATED_AT { 1.0 - uncertainty } else { uncertainty }
}

/// The uncertainty of the final label `probability > threshold`, given the blended implied probability.
#[must_use]
pub fn label_uncertainty(probability: f32, implied: f32, threshold: f32) -> f32 {
    if probability > threshold { 1.0 - implied } else { implied }
}

/// Moves a weighted mean towards one more value.
///
/// `share` is the value's weight divided by the sum of all weights including its own. Written this way, a value that
/// equals the mean leaves it untouched to the last bit, and the first value (share 1) is taken as it is.
#[must_use]
pub fn towards(mean: f32, value: f32, share: f32) -> f32 {
    mean + (value - mean) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ramps_sum_to_one() {
        // Columns 256..320 of a tile meet columns 0..64 of its right neighbour.
        let left = axis_weights(320, 64, false, true);
        let right = axis_weights(320, 64, true, true);
        for i in 0..64 {
            assert!((left[256 + i] + right[i] - 1.0).abs() < 1e-6, "column {i}");
        }
    }

    #[test]
    fn no_weight_is_zero_and_the_middle_counts_fully() {
        let weights = axis_weights(320, 64, true, true);
        assert!(weights.iter().all(|&w| w > 0.0));
        assert!(weights[64..256].iter().all(|&w| w == 1.0));
    }

    #[test]
    fn a_side_without_a_neighbour_is_not_tapered() {
        let weights = axis_weights(320, 64, false, true);
        assert!(weights[..256].iter().all(|&w| w == 1.0));
        assert!(weights[319] < 0.001);
    }

    #[test]
    fn overlapping_tiles_average_by_weight() {
        // 0.0 with weight 1 meets 1.0 with weight 3: (0 * 1 + 1 * 3) / 4 = 0.75.
        let first = towards(0.0, 0.0, 1.0);
        assert_eq!(towards(first, 1.0, 3.0 / 4.0), 0.75);
    }

    #[test]
    fn equal_values_blend_to_themselves_to_the_last_bit() {
        let value = 0.7_f32;
        let first = towards(0.0, value, 1.0);
        assert_eq!(towards(first, value, 0.123).to_bits(), value.to_bits());
    }

    #[test]
    fn tiles_that_contradict_each_other_are_one_half_unsure() {
        // One tile says target and is 90 % sure (q = 0.9), the other says ground and is 90 % sure (q = 0.1).
        let implied = (implied_probability(0.8, 0.1) + implied_probability(0.2, 0.1)) / 2.0;
        assert!((label_uncertainty(0.5, implied, 0.5) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn tiles_that_agree_keep_their_mean_uncertainty() {
        // q = 0.9 and 0.7, mean 0.8, label "target": uncertainty 0.2, the mean of 0.1 and 0.3.
        let implied = (implied_probability(0.8, 0.1) + implied_probability(0.9, 0.3)) / 2.0;
        assert!((label_uncertainty(0.85, implied, 0.5) - 0.2).abs() < 1e-6);
    }

    #[test]
    fn one_half_is_not_above_one_half() {
        assert_eq!(implied_probability(0.5, 0.25), 0.25);
        assert_eq!(label_uncertainty(0.5, 0.25, 0.5), 0.25);
    }
}
