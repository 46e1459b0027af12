//! What is counted for a group of records, and the numbers that follow from the counts.

use std::collections::BTreeMap;

use super::bootstrap::Replicates;
use super::counted::{Doubt, PixelCounts, RecordCounts};
use super::protocol::{EmptyUnion, EvalOptions, PRECISION_BARS, PrecisionOperator};
use super::ranks::{FINE_BINS, RankCounts};
use super::reliability::Reliability;
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
    /// Counts a pixel.
    pub(crate) fn add(&mut self, marked: bool, belongs: bool) {
        self.intersection_px += u64::from(marked && belongs);
        self.union_px += u64::from(marked || belongs);
    }

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

/// Sums over records with a target from which mIoU, oIoU and Pr@X follow.
#[derive(Clone, Debug, Default)]
pub(crate) struct MaskSums {
    /// Records that count.
    pub(crate) scored: usize,
    pub(crate) iou: f64,
    pub(crate) overlap: Overlap,
    pub(crate) passed: [usize; PRECISION_BARS.len()],
}

impl MaskSums {
    pub(crate) fn add(&mut self, overlap: Overlap, options: &EvalOptions) {
        self.overlap.intersection_px += overlap.intersection_px;
        self.overlap.union_px += overlap.union_px;
        let Some(iou) = overlap.iou(options.empty_union) else { return };
        self.scored += 1;
        self.iou += iou;
        for (count, passed) in self.passed.iter_mut().zip(passes(iou, options.precision_operator)) {
            *count += usize::from(passed);
        }
    }

    pub(crate) fn miou(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.iou / self.scored as f64)
    }

    pub(crate) fn oiou(&self) -> Option<f64> {
        let Overlap { intersection_px, union_px } = self.overlap;
        (union_px > 0).then(|| intersection_px as f64 / union_px as f64)
    }

    pub(crate) fn pr(&self) -> BTreeMap<String, Option<f64>> {
        let share = |count: usize| (self.scored > 0).then(|| count as f64 / self.scored as f64);
        PRECISION_BARS.iter().zip(self.passed).map(|(&(_, name), count)| (name.to_owned(), share(count))).collect()
    }
}

/// Which bars of Pr@X an IoU passes.
pub(crate) fn passes(iou: f64, operator: PrecisionOperator) -> [bool; PRECISION_BARS.len()] {
    PRECISION_BARS.map(|(bar, _)| match operator {
        PrecisionOperator::Ge => iou >= bar,
        PrecisionOperator::Gt => iou > bar,
    })
}

/// The counts of one group of records: all of them, one kind, one category, one range of sizes.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    targets: usize,
    empty_truths: usize,
    with_rus: usize,
    nulls: usize,
    silent: usize,
    pub(crate) masks: MaskSums,
    /// Records and sum of their IoU.
    categories: BTreeMap<String, (usize, f64)>,
    /// By [`Doubt`].
    pub(crate) ranks: [RankCounts; 3],
    /// By [`Doubt`].
    pub(crate) doubts: [Reliability; 3],
    pub(crate) probability: Reliability,
    /// IoU and records.
    resampled: Replicates<2>,
}

impl Group {
    pub(crate) fn new(rounds: usize) -> Self {
        Self {
            targets: 0,
            empty_truths: 0,
            with_rus: 0,
            nulls: 0,
            silent: 0,
            masks: MaskSums::default(),
            categories: BTreeMap::new(),
            ranks: [(); 3].map(|()| RankCounts::new(FINE_BINS)),
            doubts: Default::default(),
            probability: Reliability::default(),
            resampled: Replicates::new(rounds),
        }
    }

    /// Counts a record; `weights` say how often each resample counts it.
    pub(crate) fn add(&mut self, record: &RecordCounts, weights: &[u8], options: &EvalOptions) {
        let Some(pixels) = &record.pixels else {
            self.nulls += 1;
            self.silent += usize::from(record.score.silent == Some(true));
            return;
        };
        self.targets += 1;
        self.empty_truths += usize::from(record.score.truth_px == Some(0));
        self.with_rus += usize::from(pixels.has_rus);
        self.masks.add(record.overlap, options);
        self.add_pixels(pixels);
        let Some(iou) = record.score.iou else { return };
        self.resampled.add(weights, [iou, 1.0]);
        if let Some(category) = &record.score.category {
            let entry = self.categories.entry(category.clone()).or_default();
            entry.0 += 1;
            entry.1 += iou;
        }
    }

    fn add_pixels(&mut self, pixels: &PixelCounts) {
        for at in 0..3 {
            self.ranks[at].add_bins(&pixels.ranks[at], 1);
            self.doubts[at].add_record(&pixels.doubts[at], 1);
        }
        self.probability.add_record(&pixels.probability, 1);
    }

    /// Whether a number about the scorer's own map can be compared with the others: over some of the records, it cannot.
    pub(crate) fn has_rus(&self) -> bool {
        self.with_rus == self.targets
    }

    /// The numbers of this group.
    pub(crate) fn scores(&self, options: &EvalOptions) -> Scores {
        let [u, rus, entropy] = &self.ranks;
        let known = |value: Option<f64>| value.filter(|_| self.has_rus());
        Scores {
            n: self.targets + self.nulls,
            n_target: self.targets,
            n_null: self.nulls,
            n_empty_truth: self.empty_truths,
            miou: self.masks.miou(),
            miou_ci95: self.resampled.ratio(0, 1),
            oiou: self.masks.oiou(),
            pr: self.masks.pr(),
            miou_category_mean: self.category_mean(options.min_category_records),
            silence: (self.nulls > 0).then(|| self.silent as f64 / self.nulls as f64),
            error_rate: self.doubts[Doubt::U as usize].event_rate(),
            auroc_u: u.auroc(),
            auroc_rus: known(rus.auroc()),
            auroc_entropy: entropy.auroc(),
            aupr_u: u.average_precision(),
            aupr_rus: known(rus.average_precision()),
            aupr_entropy: entropy.average_precision(),
            aurc_u: u.aurc(),
            aurc_rus: known(rus.aurc()),
            aurc_entropy: entropy.aurc(),
            aurc_ideal: u.aurc_ideal(),
            ece_p: self.probability.ece(),
            ece_u: self.doubts[Doubt::U as usize].ece(),
            ece_rus: known(self.doubts[Doubt::Rus as usize].ece()),
            ece_entropy: self.doubts[Doubt::Entropy as usize].ece(),
        }
    }

    fn category_mean(&self, min_records: usize) -> Option<f64> {
        let large = self.categories.values().filter(|(records, _)| *records >= min_records.max(1));
        let means: Vec<f64> = large.map(|(records, sum)| sum / *records as f64).collect();
        (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64)
    }
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
    fn an_iou_on_the_bar_passes_it_or_not_by_the_operator() {
        assert_eq!(passes(0.7, PrecisionOperator::Ge), [true, true, true, false, false]);
        assert_eq!(passes(0.7, PrecisionOperator::Gt), [true, true, false, false, false]);
    }
}
