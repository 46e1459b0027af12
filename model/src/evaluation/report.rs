//! What an evaluation says, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counted::RecordScore;
use super::protocol::EvalOptions;
use super::reliability::ReliabilityPoint;

/// The ends of an interval.
pub type Interval = Option<[f64; 2]>;

/// The numbers of one group of records; shares lie in 0 to 1, and what cannot be said is `null`.
///
/// Numbers about pixels count the pixels of records with a mask.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Records.
    pub n: usize,
    /// Records with a mask.
    pub n_target: usize,
    /// Records whose phrase refers to nothing.
    pub n_null: usize,
    /// Records with a mask that marks no pixel.
    pub n_empty_truth: usize,
    /// Mean over records with a mask of intersection over union.
    pub miou: Option<f64>,
    /// The 95 % interval of `miou` from resampling.
    pub miou_ci95: Interval,
    /// Sum of intersections over sum of unions, records with a mask.
    pub oiou: Option<f64>,
    /// Share of records with a mask whose IoU passes the bar.
    pub pr: BTreeMap<String, Option<f64>>,
    /// Mean over the categories that have records enough of their mean IoU.
    pub miou_category_mean: Option<f64>,
    /// Share of records without a target in which fewer than 0.1 % of the pixels are marked.
    pub silence: Option<f64>,
    /// Share of the pixels whose label is wrong.
    pub error_rate: Option<f64>,
    /// How well the uncertainty ranks wrong labels above right ones.
    pub auroc_u: Option<f64>,
    /// The same for the scorer's own map.
    pub auroc_rus: Option<f64>,
    /// The same for the entropy of the probability.
    pub auroc_entropy: Option<f64>,
    /// Average precision of the uncertainty in finding wrong labels; `error_rate` for one that knows nothing.
    pub aupr_u: Option<f64>,
    /// The same for the scorer's own map.
    pub aupr_rus: Option<f64>,
    /// The same for the entropy of the probability.
    pub aupr_entropy: Option<f64>,
    /// Mean error rate of what is kept when the most uncertain pixels go first; `error_rate` for one that knows nothing.
    pub aurc_u: Option<f64>,
    /// The same for the scorer's own map.
    pub aurc_rus: Option<f64>,
    /// The same for the entropy of the probability.
    pub aurc_entropy: Option<f64>,
    /// The same for one that knows every wrong label: no map can do better.
    pub aurc_ideal: Option<f64>,
    /// Mean distance between the probability and how often a pixel belongs to the target, in 15 bins.
    pub ece_p: Option<f64>,
    /// Mean distance between the uncertainty and how often a label is wrong, in 15 bins.
    pub ece_u: Option<f64>,
    /// The same for the scorer's own map.
    pub ece_rus: Option<f64>,
    /// The same for the chance of error that the probability itself implies: `1 - p` where marked, else `p`.
    pub ece_entropy: Option<f64>,
}

/// The 95 % intervals of the numbers over all records, from resampling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the interval of the number of that name in `Scores`")]
pub struct Intervals {
    pub miou: Interval,
    pub oiou: Interval,
    pub pr: BTreeMap<String, Interval>,
    pub silence: Interval,
    pub auroc_u: Interval,
    pub auroc_rus: Interval,
    pub auroc_entropy: Interval,
    pub aupr_u: Interval,
    pub aupr_rus: Interval,
    pub aupr_entropy: Interval,
    pub aurc_u: Interval,
    pub aurc_rus: Interval,
    pub aurc_entropy: Interval,
    pub ece_p: Interval,
    pub ece_u: Interval,
    pub ece_rus: Interval,
    pub ece_entropy: Interval,
}

/// A number of one map minus that of another, over the same pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The difference.
    pub value: Option<f64>,
    /// Its 95 % interval: both maps resampled together.
    pub ci95: Interval,
}

/// A map of doubt against another: for AUROC and AUPR more is better, for AURC and ECE less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Ranking of wrong labels above right ones.
    pub auroc: Difference,
    /// Average precision in finding wrong labels.
    pub aupr: Difference,
    /// Mean error rate of what is kept.
    pub aurc: Difference,
    /// Calibration error.
    pub ece: Difference,
}

/// What the masks score on one grid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GridScores {
    /// Mean IoU.
    pub miou: Option<f64>,
    /// Overall IoU.
    pub oiou: Option<f64>,
    /// Pr@X.
    pub pr: BTreeMap<String, Option<f64>>,
}

/// The numbers of the records whose target lies in a range of sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeScores {
    /// The range in words.
    pub name: String,
    /// The smallest size in it.
    pub from: f64,
    /// The smallest size that is too large for it; `None` for the largest range.
    pub below: Option<f64>,
    /// The numbers.
    #[serde(flatten)]
    pub scores: Scores,
}

/// What a plot is drawn from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Probability against how often a pixel belongs to the target.
    pub reliability_p: Vec<ReliabilityPoint>,
    /// Uncertainty against how often a label is wrong.
    pub reliability_u: Vec<ReliabilityPoint>,
    /// The scorer's own map against how often a label is wrong.
    pub reliability_rus: Vec<ReliabilityPoint>,
    /// What the probability implies against how often a label is wrong.
    pub reliability_entropy: Vec<ReliabilityPoint>,
    /// Shares of the pixels that are kept, the least uncertain first.
    pub coverage: Vec<f64>,
    /// Error rate of what is kept by the uncertainty, at each coverage.
    pub risk_u: Vec<f64>,
    /// By the scorer's own map; empty where it is not known.
    pub risk_rus: Vec<f64>,
    /// By the entropy of the probability.
    pub risk_entropy: Vec<f64>,
    /// By one that knows every wrong label.
    pub risk_ideal: Vec<f64>,
    /// Records with an IoU in each twentieth of 0 to 1; the last holds 1 too.
    pub iou_histogram: Vec<usize>,
}

/// What `geophrase eval` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// Name and hash of the model, filled in by whoever loaded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How pictures were shown to it, filled in by whoever showed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<String>,
    /// The rules of the comparison.
    pub protocol: EvalOptions,
    /// Hash of the sorted ids, by which two reports show that they speak of the same records.
    pub ids_blake3: String,
    /// Records whose id another record has too.
    pub duplicate_ids: usize,
    /// Pictures.
    pub n_images: usize,
    /// The numbers over all records.
    #[serde(flatten)]
    pub overall: Scores,
    /// How far they may be off by the choice of records.
    pub ci95: Intervals,
    /// The uncertainty against the entropy of the probability, the baseline to beat.
    pub u_minus_entropy: Comparison,
    /// The scorer's own map against it.
    pub rus_minus_entropy: Comparison,
    /// What the masks score on each grid: `original`, and `network` where pictures were resized.
    pub grids: BTreeMap<String, GridScores>,
    /// The same numbers for each kind of phrase.
    pub kind: BTreeMap<String, Scores>,
    /// The same numbers for each category.
    pub category: BTreeMap<String, Scores>,
    /// The same numbers by the target's share of the picture; empty masks are left out.
    pub size_share: Vec<SizeScores>,
    /// The same numbers by the target's area in pixels; empty masks are left out.
    pub size_px: Vec<SizeScores>,
    /// What a plot is drawn from.
    pub curves: Curves,
    /// Each record's own score, when it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordScore>,
}
