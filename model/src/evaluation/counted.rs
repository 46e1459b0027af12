//! What is counted about one record: all that the pixels are needed for.

use serde::{Deserialize, Serialize};

use super::calibration::SILENT_SHARE;
use super::evaluator::RecordOutcome;
use super::metrics::Overlap;
use super::protocol::{CompareGrid, EvalOptions};
use super::ranks::{FINE_BINS, RankCounts, SparseRanks};
use super::reliability::Reliability;
use crate::dataset::Mask;
use crate::error::ModelError;

/// What one record scored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordScore {
    /// Name of the record.
    pub id: String,
    /// Its picture.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phrase: String,
    /// What kind of phrase it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is referred to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Intersection over union; `None` without a target, or with an empty union that is skipped.
    pub iou: Option<f64>,
    /// The same on the other grid than that of the comparison, where the picture was resized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iou_other_grid: Option<f64>,
    /// Pixels that prediction and truth mark; `None` without a target.
    pub intersection_px: Option<u64>,
    /// Pixels that prediction or truth mark; `None` without a target.
    pub union_px: Option<u64>,
    /// Pixels of the target in the mask as stored; `None` without a target.
    pub truth_px: Option<u64>,
    /// Their share of the picture.
    pub truth_share: Option<f64>,
    /// Share of the pixels that the prediction marks.
    pub marked: f64,
    /// Whether nothing was marked where nothing should be; `None` with a target.
    pub silent: Option<bool>,
    /// Mean uncertainty over the picture.
    pub u_mean: f64,
    /// Share of the pixels whose label is wrong.
    pub wrong: f64,
}

/// Where a record stands: what its planes do not say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Placement<'a> {
    pub(crate) image: &'a str,
    pub(crate) phrase: &'a str,
    /// Truth and probability on the grid that is not compared; with a target and a resized picture only.
    pub(crate) other_grid: Option<(&'a Mask, &'a [f32])>,
    /// Marked pixels and all pixels of the mask as stored, where that is not the outcome's truth.
    pub(crate) stored_truth: Option<(u64, u64)>,
}

/// The three maps that claim to know where labels are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The calibrated uncertainty.
    U = 0,
    /// The scorer's own map.
    Rus = 1,
    /// The entropy of the probability; as an error probability, what the probability itself says of its label.
    Entropy = 2,
}

/// How well probability and uncertainty foretell, pixel by pixel; arrays by [`Doubt`].
#[derive(Clone, Debug)]
pub(crate) struct PixelCounts {
    pub(crate) ranks: [SparseRanks; 3],
    pub(crate) doubts: [Reliability; 3],
    pub(crate) probability: Reliability,
    pub(crate) has_rus: bool,
}

/// One record, counted.
#[derive(Clone, Debug)]
pub(crate) struct RecordCounts {
    pub(crate) score: RecordScore,
    pub(crate) overlap: Overlap,
    pub(crate) other_overlap: Option<Overlap>,
    /// `None` for a phrase that refers to nothing.
    pub(crate) pixels: Option<PixelCounts>,
}

impl RecordCounts {
    /// Counts a record.
    ///
    /// # Errors
    /// [`ModelError::Prediction`] when a plane has another size than the truth or holds a value outside 0 to 1.
    pub(crate) fn of(
        outcome: &RecordOutcome<'_>,
        place: Placement<'_>,
        options: &EvalOptions,
    ) -> Result<Self, ModelError> {
        check(outcome)?;
        let area = outcome.probability.len() as f64;
        let marked = outcome.probability.iter().filter(|&&p| p > options.threshold).count() as f64 / area;
        let u_sum: f64 = outcome.uncertainty.iter().map(|&u| f64::from(u)).sum();
        let score = RecordScore {
            id: outcome.id.to_owned(),
            image: place.image.to_owned(),
            phrase: place.phrase.to_owned(),
            kind: outcome.kind.map(str::to_owned),
            category: outcome.category.map(str::to_owned),
            marked,
            u_mean: u_sum / area,
            ..RecordScore::default()
        };
        let Some(truth) = outcome.truth else {
            let score = RecordScore { silent: Some(marked < SILENT_SHARE), wrong: marked, ..score };
            return Ok(Self { score, overlap: Overlap::default(), other_overlap: None, pixels: None });
        };
        let (overlap, pixels) = count_pixels(outcome, truth, options);
        let other_overlap = place.other_grid.map(|(truth, probability)| {
            let mut overlap = Overlap::default();
            for (&p, &bit) in probability.iter().zip(truth.bits()) {
                overlap.add(p > options.threshold, bit != 0);
            }
            overlap
        });
        let (truth_px, all_px) =
            place.stored_truth.unwrap_or_else(|| (truth.foreground_px(), truth.bits().len() as u64));
        let score = RecordScore {
            iou: overlap.iou(options.empty_union),
            iou_other_grid: other_overlap.and_then(|overlap| overlap.iou(options.empty_union)),
            intersection_px: Some(overlap.intersection_px),
            union_px: Some(overlap.union_px),
            truth_px: Some(truth_px),
            truth_share: Some(truth_px as f64 / all_px.max(1) as f64),
            wrong: pixels.doubts[Doubt::U as usize].event_rate().unwrap_or(0.0),
            ..score
        };
        Ok(Self { score, overlap, other_overlap, pixels: Some(pixels) })
    }

    /// The overlap on a grid, where there is one.
    pub(crate) fn on_grid(&self, grid: CompareGrid, options: &EvalOptions) -> Option<Overlap> {
        self.pixels.as_ref()?;
        if grid == options.compare || options.size.is_none() { Some(self.overlap) } else { self.other_overlap }
    }
}

fn count_pixels(outcome: &RecordOutcome<'_>, truth: &Mask, options: &EvalOptions) -> (Overlap, PixelCounts) {
    let mut overlap = Overlap::default();
    let mut ranks = [(); 3].map(|()| RankCounts::new(FINE_BINS));
    let mut doubts: [Reliability; 3] = Default::default();
    let mut probability = Reliability::default();
    let mut doubt = |which: Doubt, rank: f32, chance: f32, wrong: bool| {
        ranks[which as usize].add(rank, wrong);
        doubts[which as usize].add(chance, wrong);
    };
    for (at, &bit) in truth.bits().iter().enumerate() {
        let (p, u) = (outcome.probability[at], outcome.uncertainty[at]);
        let (marked, belongs) = (p > options.threshold, bit != 0);
        overlap.add(marked, belongs);
        probability.add(p, belongs);

        let wrong = marked != belongs;
        doubt(Doubt::U, u, u, wrong);
        // Entropy rises with the smaller of the two probabilities, and ranks are all that counts.
        doubt(Doubt::Entropy, p.min(1.0 - p), if marked { 1.0 - p } else { p }, wrong);
        if let Some(raw) = outcome.raw_uncertainty {
            doubt(Doubt::Rus, raw[at], raw[at], wrong);
        }
    }
    let has_rus = outcome.raw_uncertainty.is_some();
    (overlap, PixelCounts { ranks: ranks.map(|ranks| ranks.sparse()), doubts, probability, has_rus })
}

/// Refuses planes that do not fit, before anything is counted.
pub(crate) fn check(outcome: &RecordOutcome<'_>) -> Result<(), ModelError> {
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
            let (row, col) = (at / cols, at % cols);
            return error(format!("the {name} at row {row}, column {col} is {}, not in 0 to 1", plane[at]));
        }
    }
    Ok(())
}
