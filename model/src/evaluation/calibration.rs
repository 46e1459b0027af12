//! From logits to probabilities that mean what they say, and how the numbers for that are fitted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fit::{self, ErrorPixel, MaskPixel, PresenceSample};
use crate::error::ModelError;

/// How the logits of a model become probabilities; part of `config.json`.
///
/// The default changes nothing: `sigmoid(mask logit)`, `sigmoid(RUS logit)`, and a gate that is always open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calibration {
    /// What the mask logit is divided by before the sigmoid.
    pub temperature: f64,
    /// How the uncertainty is made.
    pub uncertainty: UncertaintyCoefficients,
    /// A tile whose presence probability is below this holds nothing of what was asked for.
    pub presence_threshold: f64,
}

/// The terms of `u = sigmoid(rus * RUS logit + margin * |mask logit| + bias)`, both logits as the model gives them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UncertaintyCoefficients {
    /// Weight of the scorer's logit: where referring goes wrong.
    pub rus: f64,
    /// Weight of the distance of the mask logit from zero: how near the edge is. Negative in a model that learnt.
    pub margin: f64,
    /// What is added.
    pub bias: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { temperature: 1.0, uncertainty: UncertaintyCoefficients::default(), presence_threshold: 0.0 }
    }
}

impl Default for UncertaintyCoefficients {
    fn default() -> Self {
        Self { rus: 1.0, margin: 0.0, bias: 0.0 }
    }
}

impl Calibration {
    /// Probability that a pixel belongs to what was asked for.
    ///
    /// The temperature is positive, so that the label at 0.5 does not depend on it.
    #[must_use]
    pub fn apply_probability(&self, mask_logit: f32) -> f32 {
        sigmoid(mask_logit / self.temperature as f32)
    }

    /// Probability that the label `apply_probability(mask_logit) > 0.5` is wrong.
    #[must_use]
    pub fn apply_uncertainty(&self, rus_logit: f32, mask_logit: f32) -> f32 {
        let UncertaintyCoefficients { rus, margin, bias } = self.uncertainty;
        sigmoid(rus as f32 * rus_logit + margin as f32 * mask_logit.abs() + bias as f32)
    }

    /// Whether a tile with this presence probability may hold something.
    #[must_use]
    pub fn gate_is_open(&self, presence: f32) -> bool {
        f64::from(presence) >= self.presence_threshold
    }

    /// Refuses numbers that no fit gives.
    ///
    /// # Errors
    /// The reason: a temperature that is not positive, a threshold outside 0 to 1, or anything not finite.
    pub fn check(&self) -> Result<(), String> {
        let UncertaintyCoefficients { rus, margin, bias } = self.uncertainty;
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            Err(format!("calibration: temperature must be a positive number, not {}", self.temperature))
        } else if !(0.0..=1.0).contains(&self.presence_threshold) {
            Err(format!("calibration: presence_threshold must lie in 0 to 1, not {}", self.presence_threshold))
        } else if [rus, margin, bias].iter().any(|value| !value.is_finite()) {
            Err("calibration: the uncertainty coefficients must be finite".to_owned())
        } else {
            Ok(())
        }
    }
}

/// `1 / (1 + exp(-x))`, without overflow on either side.
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// One validation record as the model sees it, before any calibration.
///
/// # Shapes
/// Every plane is `[row, col]`, of one size.
#[derive(Clone, Copy, Debug)]
pub struct CalibrationRecord<'a> {
    /// The refined mask logit.
    pub mask_logits: &'a [f32],
    /// The scorer's logit, resized to the mask as logits.
    pub rus_logits: &'a [f32],
    /// The truth, 0 or 1; all zero for a phrase that refers to nothing.
    pub truth: &'a [u8],
    /// Whether the phrase refers to something.
    pub has_target: bool,
    /// The presence probability, where the model has that head.
    pub presence: Option<f32>,
}

/// What a fit rests on and what it bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSummary {
    /// Pixels that the temperature and the uncertainty were fitted on.
    pub pixels: usize,
    /// Share of those pixels whose label is wrong.
    pub error_rate: f64,
    /// Negative log likelihood of the truth per pixel, before and after.
    pub mask_nll: [f64; 2],
    /// Negative log likelihood of the errors per pixel, with the plain RUS map and with the fit.
    pub uncertainty_nll: [f64; 2],
    /// The mean of kept IoU and silence at threshold 0 and at the fitted one; `None` without both kinds of records.
    pub presence_balance: Option<[f64; 2]>,
    /// Records with and without a target that the gate was fitted on.
    pub presence_records: [usize; 2],
}

/// Collects pixels of validation records and fits a [`Calibration`] to them.
///
/// Temperature and uncertainty are fitted on pixels of records with a target, which is what an evaluation
/// scores them on; the gate is fitted on records of both kinds.
#[derive(Clone, Debug)]
pub struct CalibrationFitter {
    pixels_per_record: usize,
    rng_state: u64,
    mask: Vec<MaskPixel>,
    errors: Vec<ErrorPixel>,
    presence: Vec<PresenceSample>,
}

/// Share of marked pixels below which a prediction counts as silent.
pub const SILENT_SHARE: f64 = 0.001;

impl CalibrationFitter {
    /// A fitter that keeps this many pixels of each record, chosen with a fixed seed.
    #[must_use]
    pub fn new(pixels_per_record: usize) -> Self {
        Self {
            pixels_per_record: pixels_per_record.max(1),
            rng_state: 0x6765_6f70_6872_6173,
            mask: Vec::new(),
            errors: Vec::new(),
            presence: Vec::new(),
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`ModelError::Prediction`] when the planes differ in size, are empty, or hold a logit that is not finite.
    pub fn add(&mut self, record: &CalibrationRecord<'_>) -> Result<(), ModelError> {
        let px = record.mask_logits.len();
        let error =
            |reason: &str| ModelError::Prediction { record: "for calibration".to_owned(), reason: reason.to_owned() };
        if px == 0 || record.rus_logits.len() != px || record.truth.len() != px {
            return Err(error("its planes are empty or differ in size"));
        }
        if record.mask_logits.iter().chain(record.rus_logits).any(|logit| !logit.is_finite()) {
            return Err(error("a logit is not finite"));
        }
        if let Some(presence) = record.presence {
            self.presence.push(presence_sample(record, presence));
        }
        if record.has_target {
            for drawn in 0..self.pixels_per_record.min(px) {
                // One pixel from each of equal stretches of the plane, so that none is drawn twice.
                let count = self.pixels_per_record.min(px);
                let (first, end) = (drawn * px / count, (drawn + 1) * px / count);
                let at = first + (self.next_random() % (end - first) as u64) as usize;
                let (logit, truth) = (f64::from(record.mask_logits[at]), record.truth[at] != 0);
                self.mask.push(MaskPixel { logit, truth });
                self.errors.push(ErrorPixel {
                    rus_logit: f64::from(record.rus_logits[at]),
                    margin: logit.abs(),
                    wrong: (logit > 0.0) != truth,
                });
            }
        }
        Ok(())
    }

    /// The calibration that fits what was added, and what it rests on.
    ///
    /// # Errors
    /// [`ModelError::Data`] when no pixel was added, or when all labels are right or all wrong,
    /// so that there is nothing to learn about errors.
    pub fn fit(&self) -> Result<(Calibration, CalibrationSummary), ModelError> {
        let error = |reason: String| ModelError::Data { path: PathBuf::from("calibration"), reason };
        let wrong = self.errors.iter().filter(|pixel| pixel.wrong).count();
        if wrong == 0 || wrong == self.errors.len() {
            let n = self.errors.len();
            return Err(error(format!(
                "{wrong} of {n} sampled labels are wrong: add records until some are and some are not"
            )));
        }
        let temperature = fit::temperature(&self.mask);
        let uncertainty = fit::error_model(&self.errors)
            .ok_or_else(|| error("the fit of the uncertainty did not converge".to_owned()))?;
        let gate = fit::presence_threshold(&self.presence);
        let targets = self.presence.iter().filter(|sample| sample.iou.is_some()).count();

        let calibration =
            Calibration { temperature, uncertainty, presence_threshold: gate.map_or(0.0, |gate| gate.threshold) };
        let summary = CalibrationSummary {
            pixels: self.mask.len(),
            error_rate: wrong as f64 / self.errors.len() as f64,
            mask_nll: [fit::mask_nll(&self.mask, 1.0), fit::mask_nll(&self.mask, temperature)],
            uncertainty_nll: [
                fit::error_nll(&self.errors, UncertaintyCoefficients::default()),
                fit::error_nll(&self.errors, uncertainty),
            ],
            presence_balance: gate.map(|gate| [gate.balance_open, gate.balance]),
            presence_records: [targets, self.presence.len() - targets],
        };
        Ok((calibration, summary))
    }

    /// SplitMix64: enough to pick pixels, and the same on every platform.
    fn next_random(&mut self) -> u64 {
        self.rng_state = self.rng_state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.rng_state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// What opening the gate for this record brings.
fn presence_sample(record: &CalibrationRecord<'_>, presence: f32) -> PresenceSample {
    let (mut intersection, mut union, mut marked) = (0_u64, 0_u64, 0_u64);
    for (&logit, &truth) in record.mask_logits.iter().zip(record.truth) {
        let (label, truth) = (logit > 0.0, truth != 0);
        intersection += u64::from(label && truth);
        union += u64::from(label || truth);
        marked += u64::from(label);
    }
    PresenceSample {
        presence: f64::from(presence),
        iou: record.has_target.then(|| if union == 0 { 0.0 } else { intersection as f64 / union as f64 }),
        silent: (marked as f64) < SILENT_SHARE * record.mask_logits.len() as f64,
    }
}

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod tests;
