//! From logits to probabilities that mean what they say, and how the numbers for that are fitted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fit::{self, ClosedPixel, ErrorPixel, GateRecord, GateTile, MaskPixel};
use crate::error::ModelError;
use crate::tile::TileLogits;

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
    /// A tile whose presence probability is below this gets no label: the gate is closed.
    pub presence_threshold: f64,
    /// What remains of the probability behind a closed gate; nothing where it was not fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedCoefficients>,
}

/// The terms of `u = sigmoid(rus * RUS logit + margin * |mask logit| + marked * [mask logit > 0] + bias)`, both logits as
/// the model gives them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UncertaintyCoefficients {
    /// Weight of the scorer's logit: where referring goes wrong.
    pub rus: f64,
    /// Weight of the distance of the mask logit from zero: how near the edge is. Negative in a model that learnt.
    pub margin: f64,
    /// What is added where the pixel is marked: a model that marks too much is wrong there more often.
    #[serde(default)]
    pub marked: f64,
    /// What is added.
    pub bias: f64,
}

/// The terms of `sigmoid(mask * mask logit + presence * presence logit + bias)`, the chance that a pixel behind a closed
/// gate belongs to the target after all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedCoefficients {
    /// Weight of the mask logit.
    pub mask: f64,
    /// Weight of the presence logit.
    pub presence: f64,
    /// What is added.
    pub bias: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            uncertainty: UncertaintyCoefficients::default(),
            presence_threshold: 0.0,
            closed: None,
        }
    }
}

impl Default for UncertaintyCoefficients {
    fn default() -> Self {
        Self { rus: 1.0, margin: 0.0, marked: 0.0, bias: 0.0 }
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
        let UncertaintyCoefficients { rus, margin, marked, bias } = self.uncertainty;
        let side = if mask_logit > 0.0 { marked } else { 0.0 };
        sigmoid(rus as f32 * rus_logit + margin as f32 * mask_logit.abs() + (side + bias) as f32)
    }

    /// Probability that a pixel of a tile whose gate is closed belongs to what was asked for: below one half, so that it
    /// is not marked, and at the same time the probability that this label is wrong.
    #[must_use]
    pub fn apply_closed(&self, mask_logit: f32, presence: f32) -> f32 {
        let Some(ClosedCoefficients { mask, presence: weight, bias }) = self.closed else { return 0.0 };
        let z = mask as f32 * mask_logit + weight as f32 * logit(presence) + bias as f32;
        sigmoid(z).min(0.5)
    }

    /// Probability and uncertainty of every pixel of a tile.
    #[must_use]
    pub fn apply(&self, logits: &TileLogits) -> (Vec<f32>, Vec<f32>) {
        let TileLogits { mask, rus, presence } = logits;
        if let Some(presence) = presence.filter(|presence| !self.gate_is_open(*presence)) {
            let probability: Vec<f32> = mask.iter().map(|&logit| self.apply_closed(logit, presence)).collect();
            return (probability.clone(), probability);
        }
        let probability = mask.iter().map(|&logit| self.apply_probability(logit)).collect();
        let uncertainty = mask.iter().zip(rus).map(|(&mask, &rus)| self.apply_uncertainty(rus, mask)).collect();
        (probability, uncertainty)
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
        let UncertaintyCoefficients { rus, margin, marked, bias } = self.uncertainty;
        let closed = self.closed.map_or([0.0; 3], |closed| [closed.mask, closed.presence, closed.bias]);
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            Err(format!("calibration: temperature must be a positive number, not {}", self.temperature))
        } else if !(0.0..=1.0).contains(&self.presence_threshold) {
            Err(format!("calibration: presence_threshold must lie in 0 to 1, not {}", self.presence_threshold))
        } else if [rus, margin, marked, bias].iter().chain(&closed).any(|value| !value.is_finite()) {
            Err("calibration: the coefficients must be finite".to_owned())
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

/// The logit of a probability, kept finite at both ends.
fn logit(probability: f32) -> f32 {
    let probability = probability.clamp(1e-6, 1.0 - 1e-6);
    (probability / (1.0 - probability)).ln()
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
    /// Pixels behind open gates, which the temperature and the uncertainty were fitted on.
    pub pixels: usize,
    /// Pixels behind closed gates.
    #[serde(default)]
    pub closed_pixels: usize,
    /// Share of those pixels whose label is wrong.
    pub error_rate: f64,
    /// Negative log likelihood of the truth per pixel, before and after.
    pub mask_nll: [f64; 2],
    /// Negative log likelihood of the errors per pixel, with the plain RUS map and with the fit.
    pub uncertainty_nll: [f64; 2],
    /// Share of silent records without a target at threshold 0 and at the fitted one; `None` without both kinds.
    pub presence_silence: Option<[f64; 2]>,
    /// IoU of records with a target at threshold 0 and at the fitted one; `None` without both kinds.
    pub presence_iou: Option<[f64; 2]>,
    /// Records with and without a target that the gate was fitted on.
    pub presence_records: [usize; 2],
}

/// Collects pixels of validation records and fits a [`Calibration`] to them.
///
/// The gate is fitted first, on records of both kinds; then all else on pixels of records with a target, which is what an
/// evaluation scores them on: temperature and uncertainty where the gate lets them through, the remaining probability
/// where it does not.
#[derive(Clone, Debug)]
pub struct CalibrationFitter {
    pixels_per_record: usize,
    rng_state: u64,
    pixels: Vec<SampledPixel>,
    gated: Vec<GateRecord>,
}

/// A pixel of a record with a target.
#[derive(Clone, Copy, Debug)]
struct SampledPixel {
    mask: f32,
    rus: f32,
    presence: Option<f32>,
    truth: bool,
}

impl SampledPixel {
    fn mask(self) -> MaskPixel {
        MaskPixel { logit: f64::from(self.mask), truth: self.truth }
    }

    fn error(self) -> ErrorPixel {
        let marked = self.mask > 0.0;
        let (rus_logit, margin) = (f64::from(self.rus), f64::from(self.mask.abs()));
        ErrorPixel { rus_logit, margin, marked, wrong: marked != self.truth }
    }

    fn closed(self) -> ClosedPixel {
        let presence = f64::from(logit(self.presence.unwrap_or_default()));
        ClosedPixel { mask: f64::from(self.mask), presence, truth: self.truth }
    }
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
            pixels: Vec::new(),
            gated: Vec::new(),
        }
    }

    /// Adds a record that is seen as one tile.
    ///
    /// # Errors
    /// As [`Self::add_tiles`].
    pub fn add(&mut self, record: &CalibrationRecord<'_>) -> Result<(), ModelError> {
        self.add_tiles(std::slice::from_ref(record))
    }

    /// Adds a record that is seen as several tiles: the gate closes on each of them, and all together are silent or not.
    ///
    /// # Errors
    /// [`ModelError::Prediction`] when the planes of a tile differ in size, are empty, or hold a logit that is not finite.
    pub fn add_tiles(&mut self, tiles: &[CalibrationRecord<'_>]) -> Result<(), ModelError> {
        tiles.iter().try_for_each(check_planes)?;
        let has_target = tiles.iter().any(|tile| tile.has_target);
        if has_target {
            tiles.iter().for_each(|tile| self.sample(tile));
        }
        let gated: Option<Vec<GateTile>> = tiles.iter().map(gate_tile).collect();
        if let Some(gated) = gated.filter(|gated| !gated.is_empty()) {
            self.gated.push(GateRecord {
                has_target,
                truth_px: tiles
                    .iter()
                    .map(|tile| tile.truth.iter().map(|&truth| u64::from(truth != 0)).sum::<u64>())
                    .sum(),
                area_px: tiles.iter().map(|tile| tile.truth.len() as u64).sum(),
                tiles: gated,
            });
        }
        Ok(())
    }

    /// Draws pixels of a tile.
    fn sample(&mut self, record: &CalibrationRecord<'_>) {
        let px = record.mask_logits.len();
        let count = self.pixels_per_record.min(px);
        for drawn in 0..count {
            // One pixel from each of equal stretches of the plane, so that none is drawn twice.
            let (first, end) = (drawn * px / count, (drawn + 1) * px / count);
            let at = first + (self.next_random() % (end - first) as u64) as usize;
            self.pixels.push(SampledPixel {
                mask: record.mask_logits[at],
                rus: record.rus_logits[at],
                presence: record.presence,
                truth: record.truth[at] != 0,
            });
        }
    }

    /// The calibration that fits what was added, and what it rests on.
    ///
    /// # Errors
    /// [`ModelError::Data`] when no pixel was added, or when all labels are right or all wrong,
    /// so that there is nothing to learn about errors.
    pub fn fit(&self) -> Result<(Calibration, CalibrationSummary), ModelError> {
        let error = |reason: String| ModelError::Data { path: PathBuf::from("calibration"), reason };
        let gate = fit::presence_threshold(&self.gated);
        let gated =
            Calibration { presence_threshold: gate.map_or(0.0, |gate| gate.threshold), ..Calibration::default() };
        let (open, closed): (Vec<SampledPixel>, Vec<SampledPixel>) =
            self.pixels.iter().partition(|pixel| pixel.presence.is_none_or(|presence| gated.gate_is_open(presence)));
        let mask: Vec<MaskPixel> = open.iter().map(|pixel| pixel.mask()).collect();
        let errors: Vec<ErrorPixel> = open.iter().map(|pixel| pixel.error()).collect();
        let wrong = errors.iter().filter(|pixel| pixel.wrong).count();
        if wrong == 0 || wrong == errors.len() {
            let n = errors.len();
            return Err(error(format!(
                "{wrong} of {n} sampled labels are wrong: add records until some are and some are not"
            )));
        }
        let temperature = fit::temperature(&mask);
        let uncertainty =
            fit::error_model(&errors).ok_or_else(|| error("the fit of the uncertainty did not converge".to_owned()))?;
        let closed: Vec<ClosedPixel> = closed.iter().map(|pixel| pixel.closed()).collect();
        let targets = self.gated.iter().filter(|record| record.has_target).count();

        let calibration = Calibration { temperature, uncertainty, closed: fit::closed_model(&closed), ..gated };
        let summary = CalibrationSummary {
            pixels: open.len(),
            closed_pixels: closed.len(),
            error_rate: wrong as f64 / errors.len() as f64,
            mask_nll: [fit::mask_nll(&mask, 1.0), fit::mask_nll(&mask, temperature)],
            uncertainty_nll: [
                fit::error_nll(&errors, UncertaintyCoefficients::default()),
                fit::error_nll(&errors, uncertainty),
            ],
            presence_silence: gate.map(|gate| gate.silence),
            presence_iou: gate.map(|gate| gate.iou),
            presence_records: [targets, self.gated.len() - targets],
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

/// Refuses planes that nothing can be learnt from.
fn check_planes(record: &CalibrationRecord<'_>) -> Result<(), ModelError> {
    let px = record.mask_logits.len();
    let error =
        |reason: &str| ModelError::Prediction { record: "for calibration".to_owned(), reason: reason.to_owned() };
    if px == 0 || record.rus_logits.len() != px || record.truth.len() != px {
        return Err(error("its planes are empty or differ in size"));
    }
    if record.mask_logits.iter().chain(record.rus_logits).any(|logit| !logit.is_finite()) {
        return Err(error("a logit is not finite"));
    }
    Ok(())
}

/// What opening the gate for a tile brings, where the model has one.
fn gate_tile(record: &CalibrationRecord<'_>) -> Option<GateTile> {
    let presence = f64::from(record.presence?);
    let (mut marked_px, mut both_px) = (0, 0);
    for (&logit, &truth) in record.mask_logits.iter().zip(record.truth) {
        marked_px += u64::from(logit > 0.0);
        both_px += u64::from(logit > 0.0 && truth != 0);
    }
    Some(GateTile { presence, marked_px, both_px })
}

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod tests;
