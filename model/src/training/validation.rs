//! Quick scores during training, on tiles the run never trains on.

use serde::{Deserialize, Serialize};

/// Scores of one validation, fractions in 0..1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ValidationScore {
    /// Phrases with a target.
    pub(crate) targets: usize,
    /// Mean IoU over phrases with a target.
    pub(crate) miou: f64,
    /// Share of them with IoU of at least 0.5.
    pub(crate) precision_at_half: f64,
    /// Share of phrases without a target whose mask covers less than 0.1 % of the tile.
    pub(crate) silence: f64,
}

impl std::fmt::Display for ValidationScore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "mIoU {:.3}, Pr@0.5 {:.3} over {} phrases with a target, silence {:.3} without",
            self.miou, self.precision_at_half, self.targets, self.silence
        )
    }
}

/// Adds up IoUs, phrase by phrase.
#[derive(Default)]
pub(crate) struct Scorer {
    ious: Vec<f64>,
    silent: usize,
    empty: usize,
}

/// Share of a tile that may be marked for a phrase without a target.
const SILENCE: f64 = 0.001;

impl Scorer {
    /// One phrase: refined logits against zeros and ones.
    pub(crate) fn add(&mut self, logits: &[f32], presence: Option<f32>, truth: &[u8]) {
        let closed = presence.is_some_and(|logit| logit <= 0.0);
        let (mut both, mut either, mut target, mut marked) = (0_u64, 0_u64, 0_u64, 0_u64);
        for (&logit, &truth) in logits.iter().zip(truth) {
            let (label, truth) = (logit > 0.0 && !closed, truth == 1);
            both += u64::from(label && truth);
            either += u64::from(label || truth);
            target += u64::from(truth);
            marked += u64::from(label);
        }
        if target > 0 {
            self.ious.push(both as f64 / either as f64);
        } else {
            self.empty += 1;
            self.silent += usize::from((marked as f64) < SILENCE * truth.len() as f64);
        }
    }

    /// The scores so far.
    pub(crate) fn score(&self) -> ValidationScore {
        let count = self.ious.len().max(1) as f64;
        ValidationScore {
            targets: self.ious.len(),
            miou: self.ious.iter().sum::<f64>() / count,
            precision_at_half: self.ious.iter().filter(|iou| **iou >= 0.5).count() as f64 / count,
            silence: self.silent as f64 / self.empty.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_means_over_phrases_with_a_target() {
        let mut scorer = Scorer::default();
        // One of two union pixels right: IoU 0.5, which counts as found.
        scorer.add(&[1.0, 1.0, -1.0], None, &[1, 0, 0]);
        scorer.add(&[1.0, -1.0, -1.0], None, &[1, 0, 0]);
        scorer.add(&[1.0, -1.0, -1.0], Some(-2.0), &[0, 0, 0]);
        let score = scorer.score();
        assert_eq!(score.targets, 2);
        assert!((score.miou - 0.75).abs() < 1e-12);
        assert!((score.precision_at_half - 1.0).abs() < 1e-12);
        assert!((score.silence - 1.0).abs() < 1e-12);
    }
}
