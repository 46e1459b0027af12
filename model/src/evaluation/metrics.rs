//! What is counted for a group of records, and the numbers that follow from the counts.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::histogram::{RankHistogram, Reliability};
use super::protocol::{EmptyUnion, EvalOptions, PRECISION_BARS, PrecisionOperator};
use super::report::Scores;

/// How many pixels of a prediction and its truth meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Pixels that both mark.
    pub intersection_px: u64,
    /// Pixels that at least one marks.
    pub union_px: u64,
}

impl Overlap {
    /// Intersection over union; `None` where the rule for an empty union is to skip.
    #[must_use]
    pub fn iou(self, empty_union: EmptyUnion) -> Option<f64> {
        if self.union_px > 0 {
            return Some(self.intersection_px as f64 / self.union_px as f64);
        }
        match empty_union {
            EmptyUnion::Zero => Some(0.0),
            EmptyUnion::One => Some(1.0),
            EmptyUnion::Skip => None,
        }
    }
}

/// How well probability and uncertainty foretell, pixel by pixel.
#[derive(Clone, Debug)]
pub(crate) struct PixelScores {
    pub(crate) uncertainty_rank: RankHistogram,
    pub(crate) rus_rank: RankHistogram,
    pub(crate) entropy_rank: RankHistogram,
    pub(crate) probability: Reliability,
    pub(crate) uncertainty: Reliability,
}

impl PixelScores {
    pub(crate) fn new() -> Self {
        Self {
            uncertainty_rank: RankHistogram::new(),
            rus_rank: RankHistogram::new(),
            entropy_rank: RankHistogram::new(),
            probability: Reliability::default(),
            uncertainty: Reliability::default(),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.uncertainty_rank.merge(&other.uncertainty_rank);
        self.rus_rank.merge(&other.rus_rank);
        self.entropy_rank.merge(&other.entropy_rank);
        self.probability.merge(&other.probability);
        self.uncertainty.merge(&other.uncertainty);
    }
}

/// A record with a target, counted.
pub(crate) struct Target<'a> {
    pub(crate) overlap: Overlap,
    pub(crate) truth_is_empty: bool,
    pub(crate) iou: Option<f64>,
    pub(crate) category: Option<&'a str>,
    pub(crate) pixels: &'a PixelScores,
    pub(crate) has_rus: bool,
}

/// The counts of one group of records: all of them, one kind, or one category.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    targets: usize,
    empty_truths: usize,
    with_rus: usize,
    nulls: usize,
    silent: usize,
    overlap: Overlap,
    ious: Vec<f64>,
    /// Records and sum of their IoU.
    categories: BTreeMap<String, (usize, f64)>,
    pixels: PixelScores,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self {
            targets: 0,
            empty_truths: 0,
            with_rus: 0,
            nulls: 0,
            silent: 0,
            overlap: Overlap::default(),
            ious: Vec::new(),
            categories: BTreeMap::new(),
            pixels: PixelScores::new(),
        }
    }

    /// Counts a record whose phrase refers to nothing.
    pub(crate) fn add_null(&mut self, silent: bool) {
        self.nulls += 1;
        self.silent += usize::from(silent);
    }

    /// Counts a record with a target.
    pub(crate) fn add_target(&mut self, target: &Target<'_>) {
        self.targets += 1;
        self.empty_truths += usize::from(target.truth_is_empty);
        self.with_rus += usize::from(target.has_rus);
        self.overlap.intersection_px += target.overlap.intersection_px;
        self.overlap.union_px += target.overlap.union_px;
        self.pixels.merge(target.pixels);
        let Some(iou) = target.iou else { return };
        self.ious.push(iou);
        if let Some(category) = target.category {
            let entry = self.categories.entry(category.to_owned()).or_default();
            entry.0 += 1;
            entry.1 += iou;
        }
    }

    /// The numbers of this group.
    pub(crate) fn scores(&self, options: &EvalOptions) -> Scores {
        Scores {
            n: self.targets + self.nulls,
            n_target: self.targets,
            n_null: self.nulls,
            n_empty_truth: self.empty_truths,
            miou: mean(&self.ious),
            oiou: (self.overlap.union_px > 0)
                .then(|| self.overlap.intersection_px as f64 / self.overlap.union_px as f64),
            pr: PRECISION_BARS
                .iter()
                .map(|&(bar, name)| (name.to_owned(), self.precision(bar, options.precision_operator)))
                .collect(),
            miou_category_mean: self.category_mean(options.min_category_records),
            silence: (self.nulls > 0).then(|| self.silent as f64 / self.nulls as f64),
            auroc_u: self.pixels.uncertainty_rank.auroc(),
            // A number over some of the records could not be compared with the other two.
            auroc_rus: if self.with_rus == self.targets { self.pixels.rus_rank.auroc() } else { None },
            auroc_entropy: self.pixels.entropy_rank.auroc(),
            ece_p: self.pixels.probability.ece(),
            ece_u: self.pixels.uncertainty.ece(),
        }
    }

    /// The 95 % interval of the mean IoU, by resampling the records.
    pub(crate) fn miou_interval(&self, options: &EvalOptions) -> Option<[f64; 2]> {
        bootstrap_interval(&self.ious, options.bootstrap_rounds, options.seed)
    }

    fn precision(&self, bar: f64, operator: PrecisionOperator) -> Option<f64> {
        let passed = self.ious.iter().filter(|&&iou| match operator {
            PrecisionOperator::Ge => iou >= bar,
            PrecisionOperator::Gt => iou > bar,
        });
        (!self.ious.is_empty()).then(|| passed.count() as f64 / self.ious.len() as f64)
    }

    fn category_mean(&self, min_records: usize) -> Option<f64> {
        let means: Vec<f64> = self
            .categories
            .values()
            .filter(|(records, _)| *records >= min_records.max(1))
            .map(|(records, sum)| sum / *records as f64)
            .collect();
        mean(&means)
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The middle 95 % of the means of resamples drawn with replacement.
fn bootstrap_interval(values: &[f64], rounds: usize, seed: u64) -> Option<[f64; 2]> {
    if values.is_empty() || rounds == 0 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..rounds)
        .map(|_| {
            let sum: f64 = (0..values.len()).map(|_| values[rng.random_range(0..values.len())]).sum();
            sum / values.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[(share * (rounds - 1) as f64).round() as usize];
    Some([at(0.025), at(0.975)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_union_follows_the_rule() {
        let empty = Overlap::default();
        assert_eq!(empty.iou(EmptyUnion::Zero), Some(0.0));
        assert_eq!(empty.iou(EmptyUnion::One), Some(1.0));
        assert_eq!(empty.iou(EmptyUnion::Skip), None);
        assert_eq!(Overlap { intersection_px: 1, union_px: 4 }.iou(EmptyUnion::One), Some(0.25));
    }

    #[test]
    fn equal_records_leave_nothing_to_the_resampling() {
        assert_eq!(bootstrap_interval(&[0.5; 40], 100, 1), Some([0.5, 0.5]));
        assert_eq!(bootstrap_interval(&[], 100, 1), None);
        assert_eq!(bootstrap_interval(&[0.5], 0, 1), None);
    }

    #[test]
    fn the_interval_is_as_wide_as_the_normal_law_says_and_the_same_for_a_seed() {
        // Half 0, half 1, n = 400: deviation 0.5 / 20 = 0.025, so 0.5 -+ 1.96 * 0.025 = 0.451 to 0.549.
        let values: Vec<f64> = (0..400).map(|at| f64::from(at % 2)).collect();
        let [low, high] = bootstrap_interval(&values, 2_000, 1).unwrap();
        assert!((low - 0.451).abs() < 0.006 && (high - 0.549).abs() < 0.006, "{low} {high}");
        assert_eq!(bootstrap_interval(&values, 2_000, 1), Some([low, high]));
    }
}
