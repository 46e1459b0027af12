//! Resamples of the numbers about pixels, and the intervals that follow.

use super::bootstrap::middle_95;
use super::counted::{Doubt, PixelCounts};
use super::metrics::Group;
use super::ranks::{COARSE_BINS, FINE_BINS, RankCounts};
use super::reliability::Reliability;
use super::report::{Comparison, Difference};

/// The most resamples that are kept: each takes 25 kB.
const MAX_ROUNDS: usize = 400;

/// The numbers about one map of doubt, in this order.
const AUROC: usize = 0;
const AUPR: usize = 1;
const AURC: usize = 2;
const ECE: usize = 3;

/// The four numbers of the three maps.
type Numbers = [[Option<f64>; 4]; 3];

/// One resample of all pixels; arrays by [`Doubt`].
#[derive(Clone, Debug)]
struct Round {
    ranks: [RankCounts; 3],
    doubts: [Reliability; 3],
    probability: Reliability,
}

/// Resamples of the pixels of all records with a target.
#[derive(Clone, Debug)]
pub(crate) struct PixelReplicates {
    rounds: Vec<Round>,
}

/// What the resamples say about the spread of the numbers.
pub(crate) struct PixelIntervals {
    numbers: [[Option<[f64; 2]>; 4]; 3],
    pub(crate) ece_p: Option<[f64; 2]>,
    pub(crate) u_minus_entropy: Comparison,
    pub(crate) rus_minus_entropy: Comparison,
}

impl PixelIntervals {
    /// Intervals of AUROC, AUPR, AURC and ECE of a map.
    pub(crate) fn of(&self, doubt: Doubt) -> [Option<[f64; 2]>; 4] {
        self.numbers[doubt as usize]
    }
}

impl PixelReplicates {
    pub(crate) fn new(rounds: usize) -> Self {
        let round = Round {
            ranks: [(); 3].map(|()| RankCounts::new(COARSE_BINS)),
            doubts: Default::default(),
            probability: Reliability::default(),
        };
        Self { rounds: vec![round; rounds.min(MAX_ROUNDS)] }
    }

    /// Adds the pixels of a record as often as the weights say.
    pub(crate) fn add(&mut self, pixels: &PixelCounts, weights: &[u8]) {
        // Fewer bins first: they are added hundreds of times.
        let coarse = [0, 1, 2].map(|at| {
            let mut counts = RankCounts::new(FINE_BINS);
            counts.add_bins(&pixels.ranks[at], 1);
            counts.coarse().sparse()
        });
        for (round, &weight) in self.rounds.iter_mut().zip(weights).filter(|(_, weight)| **weight > 0) {
            let times = u64::from(weight);
            for (at, coarse) in coarse.iter().enumerate() {
                round.ranks[at].add_bins(coarse, times);
                round.doubts[at].add_record(&pixels.doubts[at], times);
            }
            round.probability.add_record(&pixels.probability, times);
        }
    }

    /// The intervals around the numbers of a group that counted the same records.
    ///
    /// Resamples are counted in coarser bins; what that alone changes is taken out again.
    pub(crate) fn intervals(&self, all: &Group) -> PixelIntervals {
        let points = numbers(&all.ranks, &all.doubts, all.has_rus());
        let coarse_ranks = [0, 1, 2].map(|at| all.ranks[at].coarse());
        let coarse = numbers(&coarse_ranks, &all.doubts, all.has_rus());
        let rounds: Vec<Numbers> =
            self.rounds.iter().map(|round| numbers(&round.ranks, &round.doubts, all.has_rus())).collect();

        let interval = |value: &dyn Fn(&Numbers) -> Option<f64>| {
            let shift = value(&points)? - value(&coarse)?;
            middle_95(rounds.iter().filter_map(value).map(|value| value + shift).collect())
        };
        let own = |doubt: usize, number: usize| {
            interval(&|numbers| numbers[doubt][number]).map(|ends| ends.map(|end| end.clamp(0.0, 1.0)))
        };
        let against_entropy = |doubt: Doubt| {
            let difference = |number: usize| {
                let value = |numbers: &Numbers| {
                    Some(numbers[doubt as usize][number]? - numbers[Doubt::Entropy as usize][number]?)
                };
                Difference { value: value(&points), ci95: interval(&value) }
            };
            Comparison {
                auroc: difference(AUROC),
                aupr: difference(AUPR),
                aurc: difference(AURC),
                ece: difference(ECE),
            }
        };
        PixelIntervals {
            numbers: [0, 1, 2].map(|doubt| [0, 1, 2, 3].map(|number| own(doubt, number))),
            ece_p: middle_95(self.rounds.iter().filter_map(|round| round.probability.ece()).collect()),
            u_minus_entropy: against_entropy(Doubt::U),
            rus_minus_entropy: against_entropy(Doubt::Rus),
        }
    }
}

fn numbers(ranks: &[RankCounts; 3], doubts: &[Reliability; 3], has_rus: bool) -> Numbers {
    [Doubt::U, Doubt::Rus, Doubt::Entropy].map(|doubt| {
        if doubt == Doubt::Rus && !has_rus {
            return [None; 4];
        }
        let (ranks, chances) = (&ranks[doubt as usize], &doubts[doubt as usize]);
        let mut numbers = [None; 4];
        numbers[AUROC] = ranks.auroc();
        numbers[AUPR] = ranks.average_precision();
        numbers[AURC] = ranks.aurc();
        numbers[ECE] = chances.ece();
        numbers
    })
}
