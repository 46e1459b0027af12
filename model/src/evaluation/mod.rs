//! How good a model is, and how its numbers are made to mean what they say.
//!
//! [`run::evaluate`] walks over a file of records, a closure makes the predictions, an [`Evaluator`] counts,
//! and an [`EvalReport`] says what came out. [`calibration`] fits what the model folder keeps.

pub mod calibration;
mod fit;
mod histogram;
pub mod metrics;
pub mod protocol;
pub mod report;
pub mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset::Mask;
use crate::error::ModelError;
use calibration::SILENT_SHARE;
use metrics::{Group, Overlap, PixelScores, Target};

pub use calibration::{Calibration, CalibrationFitter, CalibrationRecord, CalibrationSummary, UncertaintyCoefficients};
pub use protocol::{CompareSize, EmptyUnion, EvalOptions, PrecisionOperator, Protocol};
pub use report::{EvalReport, Scores};
pub use run::{EvalRequest, Predict, ScenePrediction, evaluate};

/// The most kinds, and the most categories, that are told apart: each takes 200 kB.
const MAX_GROUPS: usize = 500;

/// A record, what the model said about it, and the truth.
///
/// # Shapes
/// Every plane is `[row, col]`, `rows * cols` values in `[0, 1]`.
#[derive(Clone, Copy, Debug)]
pub struct RecordOutcome<'a> {
    /// Name of the record.
    pub id: &'a str,
    /// What kind of phrase it is.
    pub kind: Option<&'a str>,
    /// What is referred to.
    pub category: Option<&'a str>,
    /// Rows of the planes.
    pub rows: usize,
    /// Columns of the planes.
    pub cols: usize,
    /// The mask, or `None` where the phrase refers to nothing.
    pub truth: Option<&'a Mask>,
    /// Probability that a pixel belongs to the target.
    pub probability: &'a [f32],
    /// Probability that the label is wrong.
    pub uncertainty: &'a [f32],
    /// The scorer's own map, where the model gives it.
    pub raw_uncertainty: Option<&'a [f32]>,
}

/// What one record scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordScore {
    /// Name of the record.
    pub id: String,
    /// Intersection over union; `None` without a target, or with an empty union that is skipped.
    pub iou: Option<f64>,
    /// Share of the pixels that the prediction marks.
    pub marked: f64,
    /// Whether nothing was marked where nothing should be; `None` with a target.
    pub silent: Option<bool>,
}

/// Counts records one after the other, in a memory that does not grow with their pixels.
#[derive(Clone, Debug)]
pub struct Evaluator {
    options: EvalOptions,
    ids: Vec<String>,
    all: Group,
    kinds: BTreeMap<String, Group>,
    categories: BTreeMap<String, Group>,
}

impl Evaluator {
    /// An evaluator that has seen nothing.
    #[must_use]
    pub fn new(options: EvalOptions) -> Self {
        Self { options, ids: Vec::new(), all: Group::new(), kinds: BTreeMap::new(), categories: BTreeMap::new() }
    }

    /// Counts a record and says what it scored.
    ///
    /// # Errors
    /// [`ModelError::Prediction`] when a plane has another size than the truth or holds a value outside 0 to 1,
    /// [`ModelError::Data`] when the records name more kinds or categories than can be told apart.
    pub fn add(&mut self, outcome: &RecordOutcome<'_>) -> Result<RecordScore, ModelError> {
        check(outcome)?;
        let groups = [(&mut self.kinds, outcome.kind, "kinds"), (&mut self.categories, outcome.category, "categories")];
        for (groups, name, what) in groups {
            let Some(name) = name else { continue };
            if !groups.contains_key(name) {
                if groups.len() == MAX_GROUPS {
                    let reason = format!("more than {MAX_GROUPS} {what}: the field is meant for a small set of names");
                    return Err(ModelError::Data { path: PathBuf::from(outcome.id), reason });
                }
                groups.insert(name.to_owned(), Group::new());
            }
        }
        let marked_px = outcome.probability.iter().filter(|&&p| p > self.options.threshold).count();
        let marked = marked_px as f64 / outcome.probability.len() as f64;
        let (iou, silent) = match outcome.truth {
            None => {
                let silent = marked < SILENT_SHARE;
                self.groups(outcome).for_each(|group| group.add_null(silent));
                (None, Some(silent))
            }
            Some(truth) => (self.add_target(outcome, truth), None),
        };
        self.ids.push(outcome.id.to_owned());
        Ok(RecordScore { id: outcome.id.to_owned(), iou, marked, silent })
    }

    /// What came out so far.
    #[must_use]
    pub fn report(&self) -> EvalReport {
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for id in &ids {
            hasher.update(id.as_bytes());
            hasher.update(b"\n");
        }
        let scores = |groups: &BTreeMap<String, Group>| {
            groups.iter().map(|(name, group)| (name.clone(), group.scores(&self.options))).collect()
        };
        EvalReport {
            model: None,
            protocol: self.options.clone(),
            ids_blake3: hasher.finalize().to_hex().to_string(),
            duplicate_ids: ids.windows(2).filter(|pair| pair[0] == pair[1]).count(),
            overall: self.all.scores(&self.options),
            miou_ci95: self.all.miou_interval(&self.options),
            kind: scores(&self.kinds),
            category: scores(&self.categories),
            records: Vec::new(),
        }
    }

    /// Counts the pixels of a record with a target.
    fn add_target(&mut self, outcome: &RecordOutcome<'_>, truth: &Mask) -> Option<f64> {
        let mut pixels = PixelScores::new();
        let mut overlap = Overlap::default();
        for (at, &bit) in truth.bits().iter().enumerate() {
            let (p, u) = (outcome.probability[at], outcome.uncertainty[at]);
            let (marked, belongs) = (p > self.options.threshold, bit != 0);
            overlap.intersection_px += u64::from(marked && belongs);
            overlap.union_px += u64::from(marked || belongs);

            let wrong = marked != belongs;
            pixels.probability.add(p, belongs);
            pixels.uncertainty.add(u, wrong);
            pixels.uncertainty_rank.add(u, wrong);
            // Entropy rises with the smaller of the two probabilities, and ranks are all that counts.
            pixels.entropy_rank.add(p.min(1.0 - p), wrong);
            if let Some(raw) = outcome.raw_uncertainty {
                pixels.rus_rank.add(raw[at], wrong);
            }
        }
        let target = Target {
            overlap,
            truth_is_empty: truth.foreground_px() == 0,
            iou: overlap.iou(self.options.empty_union),
            category: outcome.category,
            pixels: &pixels,
            has_rus: outcome.raw_uncertainty.is_some(),
        };
        self.groups(outcome).for_each(|group| group.add_target(&target));
        target.iou
    }

    /// The groups that a record belongs to.
    fn groups(&mut self, outcome: &RecordOutcome<'_>) -> impl Iterator<Item = &mut Group> {
        let kind = outcome.kind.and_then(|name| self.kinds.get_mut(name));
        let category = outcome.category.and_then(|name| self.categories.get_mut(name));
        std::iter::once(&mut self.all).chain(kind).chain(category)
    }
}

/// Refuses planes that do not fit, before anything is counted.
fn check(outcome: &RecordOutcome<'_>) -> Result<(), ModelError> {
    let error = |reason: String| Err(ModelError::Prediction { record: outcome.id.to_owned(), reason });
    let (rows, cols) = (outcome.rows, outcome.cols);
    if let Some(truth) = outcome.truth
        && (truth.rows(), truth.cols()) != (rows, cols)
    {
        return error(format!("{rows} rows and {cols} columns, the truth has {} and {}", truth.rows(), truth.cols()));
    }
    let planes = [
        ("probability", Some(outcome.probability)),
        ("uncertainty", Some(outcome.uncertainty)),
        ("raw uncertainty", outcome.raw_uncertainty),
    ];
    for (name, plane) in planes {
        let Some(plane) = plane else { continue };
        if plane.is_empty() || rows.checked_mul(cols) != Some(plane.len()) {
            return error(format!("the {name} holds {} pixels, not {rows} x {cols}", plane.len()));
        }
        if let Some(at) = plane.iter().position(|value| !(0.0..=1.0).contains(value)) {
            return error(format!(
                "the {name} at row {}, column {} is {}, not in 0 to 1",
                at / cols,
                at % cols,
                plane[at]
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "evaluator_tests.rs"]
mod tests;
