//! What a run does now and then: score its average, and write it as a model folder.

use super::feed::Batch;
use super::step::{forward, values};
use super::trainer::Trainer;
use super::validation::{Scorer, ValidationScore};
use crate::crobim_u::CrobimU;
use crate::error::ModelError;
use crate::evaluation::calibration::{CalibrationFitter, CalibrationRecord, sigmoid};
use crate::ops::ModelBackend;
use crate::store;

/// Pixels of each validation tile that calibration is fitted on.
const CALIBRATION_PIXELS: usize = 2_000;

/// Model card of weights fresh from training, before anybody has described them.
const UNREVIEWED_CARD: &str = "# Model card\n\nWritten by `geophrase train`. Describe data, recipe and limits here.\n";

impl<B: ModelBackend> Trainer<B> {
    /// Scores tiles that the run never trains on; their logits also feed the calibration. `None` when interrupted.
    pub(super) fn validate(
        &mut self,
        model: &CrobimU<B>,
    ) -> Result<Option<(ValidationScore, CalibrationFitter)>, ModelError> {
        let mut scorer = Scorer::default();
        let mut fitter = CalibrationFitter::new(CALIBRATION_PIXELS);
        let tiles = self.feed.validation_tiles(self.config.validation_tiles);
        for index in 0..tiles.div_ceil(self.config.batch) {
            if self.interrupted() {
                return Ok(None);
            }
            let batch = self.feed.validation(index)?;
            self.score(model, &batch, &mut scorer, &mut fitter)?;
        }
        Ok(Some((scorer.score(), fitter)))
    }

    fn score(
        &mut self,
        model: &CrobimU<B>,
        batch: &Batch,
        scorer: &mut Scorer,
        fitter: &mut CalibrationFitter,
    ) -> Result<(), ModelError> {
        let per_tile = self.side_px * self.side_px;
        let prepared = self.prepare(batch)?;
        let decoded = forward(model, &prepared);
        let (masks, risks) = (values(decoded.refined)?, values(decoded.uncertainty)?);
        let presence = decoded.presence.map(values).transpose()?;
        let planes = masks.chunks_exact(per_tile).zip(risks.chunks_exact(per_tile));
        for (i, ((masks, risks), truth)) in planes.zip(batch.masks.chunks_exact(per_tile)).enumerate() {
            let presence = presence.as_ref().map(|logits| logits[i]);
            let scored = batch.scored.chunks_exact(per_tile).nth(i);
            let (mask_logits, rus_logits) = (known(masks, scored), known(risks, scored));
            let truth = &known(truth, scored);
            scorer.add(&mask_logits, presence, truth);
            fitter.add(&CalibrationRecord {
                mask_logits: &mask_logits,
                rus_logits: &rus_logits,
                truth,
                has_target: truth.contains(&1),
                presence: presence.map(sigmoid),
            })?;
        }
        Ok(())
    }

    /// Writes the averaged weights, calibrated, as `last/` and, when they are the best so far, as `model/`.
    pub(super) fn keep(
        &mut self,
        step: usize,
        model: &CrobimU<B>,
        fitter: &CalibrationFitter,
        best: bool,
    ) -> Result<(), ModelError> {
        let mut config = self.model_config.clone();
        config.trained_on.add(self.feed.trained_on());
        if self.config.calibrate {
            // With nothing to learn about errors, plain sigmoids stay; that is no reason to lose the weights.
            match fitter.fit() {
                Ok((calibration, summary)) => {
                    config.calibration = calibration;
                    self.log.calibration(step, &summary)?;
                }
                Err(reason) => self.log.uncalibrated(step, &reason)?,
            }
        }
        let tokenizer = std::fs::read(&self.tokenizer).map_err(|source| ModelError::Io {
            action: "read",
            path: self.tokenizer.clone(),
            source,
        })?;
        for (name, wanted) in [("last", true), ("model", best)] {
            if wanted {
                store::write_model(&self.config.output.join(name), &config, model, &tokenizer, UNREVIEWED_CARD)?;
            }
        }
        Ok(())
    }
}

/// The values of the pixels of which something is known.
fn known<T: Copy>(plane: &[T], scored: Option<&[u8]>) -> Vec<T> {
    match scored {
        None => plane.to_vec(),
        Some(scored) => plane.iter().zip(scored).filter(|(_, scored)| **scored == 1).map(|(value, _)| *value).collect(),
    }
}
