//! Streaming summaries of how well a score per pixel foretells an event per pixel.

/// Bins of a [`RankHistogram`].
const RANK_BINS: usize = 4096;
/// Scores whose logit lies beyond this share the outermost bins.
const LOGIT_LIMIT: f32 = 24.0;
/// Bins of a [`Reliability`].
const RELIABILITY_BINS: usize = 15;

/// Counts from which the area under the ROC curve follows, in a memory that does not grow with the pixels.
///
/// Scores in `[0, 1]` fall into 4096 equal bins of their **logit**, because most pixels of a good model crowd near 0.
/// Two scores in one bin count as a tie, which is worth one half.
#[derive(Clone, Debug)]
pub(crate) struct RankHistogram {
    /// For each bin, pixels where the event did not and did happen.
    counts: Vec<[u64; 2]>,
}

impl RankHistogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![[0; 2]; RANK_BINS] }
    }

    pub(crate) fn add(&mut self, score: f32, event: bool) {
        let logit = (score / (1.0 - score)).ln().clamp(-LOGIT_LIMIT, LOGIT_LIMIT);
        let bin = ((logit + LOGIT_LIMIT) * (RANK_BINS as f32 / (2.0 * LOGIT_LIMIT))) as usize;
        self.counts[bin.min(RANK_BINS - 1)][usize::from(event)] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine[0] += theirs[0];
            mine[1] += theirs[1];
        }
    }

    /// Chance that a pixel with the event has a higher score than one without; `None` unless there are both.
    pub(crate) fn auroc(&self) -> Option<f64> {
        let (mut quiet_below, mut events, mut won) = (0.0, 0.0, 0.0);
        for &[quiet, event] in &self.counts {
            let (quiet, event) = (quiet as f64, event as f64);
            won += event * (quiet_below + 0.5 * quiet);
            quiet_below += quiet;
            events += event;
        }
        let pairs = quiet_below * events;
        (pairs > 0.0).then(|| won / pairs)
    }
}

/// Counts from which the expected calibration error follows: 15 bins of equal width.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reliability {
    bins: [ReliabilityBin; RELIABILITY_BINS],
}

#[derive(Clone, Copy, Debug, Default)]
struct ReliabilityBin {
    pixels: u64,
    events: u64,
    foretold: f64,
}

impl Reliability {
    pub(crate) fn add(&mut self, probability: f32, event: bool) {
        let at = (probability * RELIABILITY_BINS as f32) as usize;
        let bin = &mut self.bins[at.min(RELIABILITY_BINS - 1)];
        bin.pixels += 1;
        bin.events += u64::from(event);
        bin.foretold += f64::from(probability);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            mine.pixels += theirs.pixels;
            mine.events += theirs.events;
            mine.foretold += theirs.foretold;
        }
    }

    /// Mean distance between what was foretold and what happened, bin by bin, weighted by pixels.
    pub(crate) fn ece(&self) -> Option<f64> {
        let pixels: u64 = self.bins.iter().map(|bin| bin.pixels).sum();
        let distance: f64 = self.bins.iter().map(|bin| (bin.foretold - bin.events as f64).abs()).sum();
        (pixels > 0).then(|| distance / pixels as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auroc(scores: &[(f32, bool)]) -> Option<f64> {
        let mut histogram = RankHistogram::new();
        for &(score, event) in scores {
            histogram.add(score, event);
        }
        histogram.auroc()
    }

    #[test]
    fn auroc_counts_the_pairs_that_are_in_order() {
        // Events 0.8 and 0.3, others 0.1 and 0.5: 0.8 beats both, 0.3 beats one of two. 3 of 4.
        assert_eq!(auroc(&[(0.8, true), (0.3, true), (0.1, false), (0.5, false)]), Some(0.75));
    }

    #[test]
    fn a_tie_is_worth_one_half() {
        assert_eq!(auroc(&[(0.2, true), (0.2, false)]), Some(0.5));
    }

    #[test]
    fn scores_of_one_in_ten_thousand_are_still_told_apart() {
        assert_eq!(auroc(&[(1.1e-4, true), (1.0e-4, false)]), Some(1.0));
    }

    #[test]
    fn zero_and_one_are_scores_too() {
        assert_eq!(auroc(&[(1.0, true), (0.0, false)]), Some(1.0));
    }

    #[test]
    fn without_an_event_there_is_no_auroc() {
        assert_eq!(auroc(&[(0.2, false), (0.9, false)]), None);
        assert_eq!(auroc(&[]), None);
    }

    #[test]
    fn binning_costs_little_against_the_exact_auroc() {
        let mut state = 5_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u32 << 24) as f32
        };
        let scores: Vec<(f32, bool)> = (0..3_000)
            .map(|_| {
                let score = uniform().powi(4);
                (score, uniform() < score)
            })
            .collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for (event_score, _) in scores.iter().filter(|(_, event)| *event) {
            for (other_score, _) in scores.iter().filter(|(_, event)| !*event) {
                pairs += 1.0;
                won +=
                    if event_score > other_score { 1.0 } else { 0.5 * f64::from(u8::from(event_score == other_score)) };
            }
        }
        assert!((auroc(&scores).unwrap() - won / pairs).abs() < 1e-3);
    }

    #[test]
    fn ece_is_the_mean_distance_weighted_by_pixels() {
        // Three pixels at 0.9 with two events: |2.7 - 2| = 0.7. One at 0.1 without: |0.1 - 0| = 0.1. Sum 0.8 over 4.
        let mut reliability = Reliability::default();
        for (probability, event) in [(0.9, true), (0.9, true), (0.9, false), (0.1, false)] {
            reliability.add(probability, event);
        }
        assert!((reliability.ece().unwrap() - 0.2).abs() < 1e-7);
        assert_eq!(Reliability::default().ece(), None);
    }

    #[test]
    fn merging_equals_adding() {
        let (mut whole, mut left, mut right) = (RankHistogram::new(), RankHistogram::new(), RankHistogram::new());
        for (at, (score, event)) in [(0.9, true), (0.4, false), (0.3, true), (0.2, false)].into_iter().enumerate() {
            whole.add(score, event);
            if at % 2 == 0 { left.add(score, event) } else { right.add(score, event) }
        }
        left.merge(&right);
        assert_eq!(left.counts, whole.counts);
    }
}
