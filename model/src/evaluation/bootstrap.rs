//! Confidence intervals from resampling, while records stream by.
//!
//! Instead of drawing pictures with replacement at the end, each picture gets in each round a weight that is drawn from
//! the Poisson law with mean 1: for more than a few pictures the same thing, and nothing has to be kept but sums per
//! round. A weight follows from seed, round and the picture's name alone, so it does not matter when its records come.

/// P(weight <= k) of the Poisson law with mean 1; a heavier weight than these has a chance of one in 10^9.
const CUMULATIVE: [f64; 12] = [
    0.367_879_441_171_442_33,
    0.735_758_882_342_884_7,
    0.919_698_602_928_605_8,
    0.981_011_843_123_846_2,
    0.996_340_153_172_656_3,
    0.999_405_815_182_418_3,
    0.999_916_758_850_712,
    0.999_989_750_803_325_3,
    0.999_998_874_797_401_9,
    0.999_999_888_574_521_7,
    0.999_999_989_952_233_7,
    0.999_999_999_168_389_2,
];

/// Draws the weights of each round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resampler {
    pub(crate) rounds: usize,
    pub(crate) seed: u64,
}

impl Resampler {
    /// How often each round counts what belongs to a cluster of this name.
    pub(crate) fn weights(self, cluster: &str) -> Vec<u8> {
        let mut head = [0; 8];
        head.copy_from_slice(&blake3::hash(cluster.as_bytes()).as_bytes()[..8]);
        let start = u64::from_le_bytes(head) ^ mixed(self.seed);
        (0..self.rounds as u64)
            .map(|round| {
                let drawn = mixed(start.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
                let share = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
                CUMULATIVE.iter().take_while(|&&bound| share >= bound).count() as u8
            })
            .collect()
    }
}

/// SplitMix64's finish: neighbouring numbers become unrelated ones.
fn mixed(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Sums of several quantities in every round.
#[derive(Clone, Debug)]
pub(crate) struct Replicates<const N: usize> {
    sums: Vec<[f64; N]>,
}

impl<const N: usize> Replicates<N> {
    pub(crate) fn new(rounds: usize) -> Self {
        Self { sums: vec![[0.0; N]; rounds] }
    }

    /// Adds one record, weighted in each round.
    pub(crate) fn add(&mut self, weights: &[u8], values: [f64; N]) {
        for (sums, &weight) in self.sums.iter_mut().zip(weights).filter(|(_, weight)| **weight > 0) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += f64::from(weight) * value;
            }
        }
    }

    /// The interval of one sum over another; rounds that drew nothing below the line are left out.
    pub(crate) fn ratio(&self, above: usize, below: usize) -> Option<[f64; 2]> {
        let drawn = self.sums.iter().filter(|sums| sums[below] > 0.0);
        middle_95(drawn.map(|sums| sums[above] / sums[below]).collect())
    }
}

/// The middle 95 % of values, by nearest rank; `None` without values.
pub(crate) fn middle_95(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| values[(share * last as f64).round() as usize];
    Some([at(0.025), at(0.975)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESAMPLER: Resampler = Resampler { rounds: 2_000, seed: 1 };

    fn interval(values: impl IntoIterator<Item = f64>, clusters_of: usize, seed: u64) -> Option<[f64; 2]> {
        let mut replicates = Replicates::<2>::new(RESAMPLER.rounds);
        for (at, value) in values.into_iter().enumerate() {
            let weights = Resampler { seed, ..RESAMPLER }.weights(&format!("picture {}", at / clusters_of));
            replicates.add(&weights, [value, 1.0]);
        }
        replicates.ratio(0, 1)
    }

    #[test]
    fn weights_follow_the_poisson_law_of_mean_one() {
        let counts =
            (0..200).flat_map(|i| RESAMPLER.weights(&i.to_string())).fold([0_u32; 12], |mut counts, weight| {
                counts[usize::from(weight)] += 1;
                counts
            });
        // Of 400,000: e^-1 = 0.3679 have weight 0 and as many weight 1, half of that weight 2; 4 deviations are 0.003.
        for (count, share) in counts.into_iter().zip([0.3679, 0.3679, 0.1839, 0.0613]) {
            assert!((f64::from(count) / 4e5 - share).abs() < 0.0031, "{counts:?}");
        }
    }

    #[test]
    fn equal_records_leave_nothing_to_the_resampling() {
        assert_eq!(interval([0.5; 40], 1, 1), Some([0.5, 0.5]));
        assert_eq!(interval([], 1, 1), None);
        assert_eq!(Replicates::<2>::new(0).ratio(0, 1), None);
    }

    #[test]
    fn the_interval_is_as_wide_as_the_normal_law_says_and_the_same_for_a_seed() {
        // Half 0, half 1, n = 400: deviation 0.5 / 20 = 0.025, so 0.5 -+ 1.96 * 0.025 = 0.451 to 0.549.
        let values = || (0..400).map(|at| f64::from(at % 2));
        let [low, high] = interval(values(), 1, 1).unwrap();
        assert!((low - 0.451).abs() < 0.006 && (high - 0.549).abs() < 0.006, "{low} {high}");
        assert_eq!(interval(values(), 1, 1), Some([low, high]));
        assert_ne!(interval(values(), 1, 2), Some([low, high]));
    }

    #[test]
    fn phrases_that_share_a_picture_widen_the_interval() {
        // Four equal values a picture: 100 independent ones, deviation 0.5 / 10 = 0.05, so 0.402 to 0.598.
        let [low, high] = interval((0..400).map(|at| f64::from(at / 4 % 2)), 4, 1).unwrap();
        assert!((low - 0.402).abs() < 0.012 && (high - 0.598).abs() < 0.012, "{low} {high}");
    }

    #[test]
    fn the_order_of_records_does_not_matter() {
        let weights: Vec<Vec<u8>> = ["a", "b", "c"].map(|name| RESAMPLER.weights(name)).to_vec();
        let sums = |order: [usize; 3]| {
            let mut replicates = Replicates::<2>::new(RESAMPLER.rounds);
            // Sums of small whole numbers are exact in any order.
            order.iter().for_each(|&at| replicates.add(&weights[at], [at as f64, 1.0]));
            replicates.ratio(0, 1)
        };
        assert_eq!(sums([0, 1, 2]), sums([2, 0, 1]));
    }
}
