//! Whether a probability means what it says: what was foretold beside what happened.

use serde::{Deserialize, Serialize};

/// Bins of equal width between 0 and 1.
pub(crate) const RELIABILITY_BINS: usize = 15;

/// Counts from which the expected calibration error follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reliability {
    bins: [Bin; RELIABILITY_BINS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bin {
    pixels: u64,
    events: u64,
    foretold: f64,
}

/// One bin of a reliability diagram that holds pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityPoint {
    /// Mean of the probabilities.
    pub foretold: f64,
    /// Share of pixels at which the event happened.
    pub happened: f64,
    /// Pixels.
    pub px: u64,
}

impl Reliability {
    /// Counts a pixel.
    pub(crate) fn add(&mut self, probability: f32, event: bool) {
        let at = (probability * RELIABILITY_BINS as f32) as usize;
        let bin = &mut self.bins[at.min(RELIABILITY_BINS - 1)];
        bin.pixels += 1;
        bin.events += u64::from(event);
        bin.foretold += f64::from(probability);
    }

    /// Counts a record `times` over.
    pub(crate) fn add_record(&mut self, record: &Self, times: u64) {
        for (mine, theirs) in self.bins.iter_mut().zip(&record.bins) {
            mine.pixels += times * theirs.pixels;
            mine.events += times * theirs.events;
            mine.foretold += times as f64 * theirs.foretold;
        }
    }

    /// Mean distance between what was foretold and what happened, bin by bin, weighted by pixels.
    pub(crate) fn ece(&self) -> Option<f64> {
        let pixels = self.pixels();
        let distance: f64 = self.bins.iter().map(|bin| (bin.foretold - bin.events as f64).abs()).sum();
        (pixels > 0).then(|| distance / pixels as f64)
    }

    /// Share of pixels at which the event happened.
    pub(crate) fn event_rate(&self) -> Option<f64> {
        let events: u64 = self.bins.iter().map(|bin| bin.events).sum();
        (self.pixels() > 0).then(|| events as f64 / self.pixels() as f64)
    }

    /// The bins that hold pixels, lowest first.
    pub(crate) fn points(&self) -> Vec<ReliabilityPoint> {
        let occupied = self.bins.iter().filter(|bin| bin.pixels > 0);
        let point = |bin: &Bin| ReliabilityPoint {
            foretold: bin.foretold / bin.pixels as f64,
            happened: bin.events as f64 / bin.pixels as f64,
            px: bin.pixels,
        };
        occupied.map(point).collect()
    }

    fn pixels(&self) -> u64 {
        self.bins.iter().map(|bin| bin.pixels).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ece_is_the_mean_distance_weighted_by_pixels() {
        // Three pixels at 0.9 with two events: |2.7 - 2| = 0.7. One at 0.1 without: |0.1 - 0| = 0.1. Sum 0.8 over 4.
        let mut reliability = Reliability::default();
        for (probability, event) in [(0.9, true), (0.9, true), (0.9, false), (0.1, false)] {
            reliability.add(probability, event);
        }
        assert!((reliability.ece().unwrap() - 0.2).abs() < 1e-7);
        assert_eq!(reliability.event_rate(), Some(0.5));
        let points = reliability.points();
        assert_eq!(points.iter().map(|point| point.px).collect::<Vec<_>>(), [1, 3]);
        assert!((points[1].foretold - 0.9).abs() < 1e-7 && (points[1].happened - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(Reliability::default().ece(), None);
    }

    #[test]
    fn a_record_counted_twice_weighs_double() {
        let (mut record, mut twice) = (Reliability::default(), Reliability::default());
        record.add(0.25, true);
        twice.add_record(&record, 2);
        assert_eq!(twice.points()[0].px, 2);
        assert_eq!((twice.ece(), twice.points()[0].foretold), (Some(0.75), 0.25));
    }
}
