//! Counts of values between 0 and 1, small while a component is small.

/// Values held one by one before a table is worth its memory.
const FEW: usize = 64;

/// How often each of 256 levels between 0 and 1 occurred.
#[derive(Debug)]
pub(super) enum Histogram {
    Few(Vec<u8>),
    Table(Box<[u64; 256]>),
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self::Few(Vec::new())
    }

    pub(super) fn add(&mut self, values: &[f32]) {
        if let Self::Few(levels) = self
            && levels.len() + values.len() > FEW
        {
            self.table();
        }
        match self {
            Self::Few(levels) => levels.extend(values.iter().map(|value| level(*value))),
            Self::Table(counts) => values.iter().for_each(|value| counts[usize::from(level(*value))] += 1),
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        match other {
            Self::Few(more) => {
                if let Self::Few(levels) = self
                    && levels.len() + more.len() > FEW
                {
                    self.table();
                }
                match self {
                    Self::Few(levels) => levels.extend(more),
                    Self::Table(counts) => more.iter().for_each(|level| counts[usize::from(*level)] += 1),
                }
            }
            Self::Table(more) => {
                let counts = self.table();
                counts.iter_mut().zip(more.iter()).for_each(|(count, more)| *count += more);
            }
        }
    }

    /// The value below or at which this share of all values lies, to half a level.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let counts = self.counts();
        let total: u64 = counts.iter().sum();
        let rank = (share * total.saturating_sub(1) as f64).round() as u64;
        let mut below = 0;
        for (level, count) in counts.iter().enumerate() {
            below += count;
            if below > rank {
                return level as f64 / 255.0;
            }
        }
        1.0
    }

    /// The share of values that are at most this one, to half a level.
    pub(super) fn share_up_to(&self, value: f32) -> f64 {
        let counts = self.counts();
        let up_to: u64 = counts[..=usize::from(level(value))].iter().sum();
        up_to as f64 / counts.iter().sum::<u64>().max(1) as f64
    }

    fn counts(&self) -> [u64; 256] {
        let mut counts = [0_u64; 256];
        match self {
            Self::Few(levels) => levels.iter().for_each(|level| counts[usize::from(*level)] += 1),
            Self::Table(table) => counts.copy_from_slice(&table[..]),
        }
        counts
    }

    fn table(&mut self) -> &mut [u64; 256] {
        if let Self::Few(levels) = self {
            let mut counts = Box::new([0_u64; 256]);
            levels.iter().for_each(|level| counts[usize::from(*level)] += 1);
            *self = Self::Table(counts);
        }
        match self {
            Self::Table(counts) => counts,
            Self::Few(_) => unreachable!("it has just been made a table"),
        }
    }
}

/// The nearest of 256 levels, 0 for 0.0 and 255 for 1.0.
fn level(value: f32) -> u8 {
    // The cast saturates and takes NaN to 0.
    (value * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_same_whether_counted_one_by_one_or_in_a_table() {
        // 0.00 to 1.00 in 101 steps: the 10th percentile is 0.1, the 90th 0.9, to half a level of 1/255.
        let values: Vec<f32> = (0..=100).map(|step| step as f32 / 100.0).collect();
        let mut whole = Histogram::new();
        whole.add(&values);
        let mut parts = Histogram::new();
        for part in values.chunks(7) {
            let mut few = Histogram::new();
            few.add(part);
            parts.merge(few);
        }
        for (share, value) in [(0.0, 0.0), (0.1, 0.1), (0.9, 0.9), (1.0, 1.0)] {
            assert!((whole.quantile(share) - value).abs() <= 0.5 / 255.0);
            assert_eq!(whole.quantile(share), parts.quantile(share));
        }
    }

    #[test]
    fn a_single_value_is_all_its_quantiles() {
        let mut one = Histogram::new();
        one.add(&[1.0]);
        assert_eq!((one.quantile(0.1), one.quantile(0.9)), (1.0, 1.0));
    }
}
