//! Probabilities on another grid: from the square that the model saw back to the picture's own pixels.

use super::run::ScenePrediction;
use crate::dataset::resize::triangle_weights;

/// Rows and columns.
pub(crate) type Grid = (usize, usize);

/// The plane on another grid, bilinear, with the filter widened where it shrinks.
///
/// # Shapes
/// `plane`: `[row, col]` on the grid `from`; returns `[row, col]` on the grid `to`.
fn resampled(plane: &[f32], from: Grid, to: Grid) -> Vec<f32> {
    let cols = triangle_weights(from.1, to.1);
    let mut wide = Vec::with_capacity(from.0 * to.1);
    for line in plane.chunks_exact(from.1) {
        wide.extend(cols.iter().map(|(first, weights)| {
            weights.iter().zip(&line[*first..]).map(|(weight, &value)| weight * f64::from(value)).sum::<f64>()
        }));
    }
    let mut result = Vec::with_capacity(to.0 * to.1);
    for (first, weights) in triangle_weights(from.0, to.0) {
        result.extend((0..to.1).map(|col| {
            let value: f64 =
                weights.iter().enumerate().map(|(tap, weight)| weight * wide[(first + tap) * to.1 + col]).sum();
            // Weights sum to 1 up to rounding, and a probability must not leave its range for that.
            (value as f32).clamp(0.0, 1.0)
        }));
    }
    result
}

/// The probability alone on another grid.
pub(crate) fn regridded_probability(prediction: &ScenePrediction, from: Grid, to: Grid) -> Vec<f32> {
    resampled(&prediction.probability, from, to)
}

/// The whole prediction on another grid.
///
/// A chance of error is not resized as it is, since it speaks of a label that may turn: what is resized is the
/// probability of the target that label and doubt imply.
pub(crate) fn regridded(prediction: &ScenePrediction, from: Grid, to: Grid, threshold: f32) -> ScenePrediction {
    let probability = regridded_probability(prediction, from, to);
    let turned = |labels: &[f32], doubt: &[f32]| -> Vec<f32> {
        labels.iter().zip(doubt).map(|(&p, &u)| if p > threshold { 1.0 - u } else { u }).collect()
    };
    let doubt = |doubt: &Vec<f32>| {
        let implied = turned(&prediction.probability, doubt);
        turned(&probability, &resampled(&implied, from, to))
    };
    ScenePrediction {
        uncertainty: doubt(&prediction.uncertainty),
        raw_uncertainty: prediction.raw_uncertainty.as_ref().map(doubt),
        probability,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_a_line_takes_quarters_between_neighbours() {
        // Centres at -0.25, 0.25, 0.75, 1.25 of pixels 0 and 1: edges are held, between them 3/4 and 1/4.
        assert_eq!(resampled(&[0.0, 1.0], (1, 2), (1, 4)), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(resampled(&[0.0, 1.0], (2, 1), (4, 1)), [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn shrinking_takes_all_pixels_into_account() {
        // 6 to 2: the first pixel's centre is 1.5, its filter reaches 3 to each side, so pixels 0 to 4 weigh
        // 2/3, 1, 2/3, 1/3 and 0, in all 8/3: a bright pixel at 1 counts 3/8. The second pixel does not reach it.
        let half = resampled(&[0.0, 1.0, 0.0, 0.0, 0.0, 0.0], (1, 6), (1, 2));
        assert_eq!(half, [0.375, 0.0]);
    }

    #[test]
    fn the_same_grid_changes_nothing() {
        let plane = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        assert_eq!(resampled(&plane, (2, 3), (2, 3)), plane);
    }

    #[test]
    fn two_sure_labels_that_contradict_each_other_make_a_coin_toss_between_them() {
        let sure = ScenePrediction {
            probability: vec![0.0, 1.0],
            uncertainty: vec![0.0, 0.0],
            raw_uncertainty: Some(vec![0.2, 0.2]),
        };
        let wide = regridded(&sure, (1, 2), (1, 4), 0.5);
        assert_eq!(wide.probability, [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(wide.uncertainty, [0.0, 0.25, 0.25, 0.0]);
        // Implied 0.2 and 0.8, so 0.35 and 0.65 between them.
        let raw = wide.raw_uncertainty.unwrap();
        for (got, expected) in raw.iter().zip([0.2, 0.35, 0.35, 0.2]) {
            assert!((got - expected).abs() < 1e-6, "{raw:?}");
        }
    }
}
