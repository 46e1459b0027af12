//! How well a score per pixel ranks the pixels at which an event happened, from counts in bins of the score.

/// Bins over which the points of a report are counted.
pub(crate) const FINE_BINS: usize = 4096;
/// Bins over which the resamples behind an interval are counted; divides [`FINE_BINS`].
pub(crate) const COARSE_BINS: usize = 512;
/// Scores whose logit lies beyond this share the outermost bins.
const LOGIT_LIMIT: f32 = 24.0;

/// Pixels without and with the event, by score, in a memory that does not grow with the pixels.
///
/// Scores in `[0, 1]` fall into equal bins of their **logit**, because most pixels of a good model crowd near 0.
/// Two scores in one bin count as a tie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RankCounts {
    /// For each bin, lowest scores first, pixels where the event did not and did happen.
    bins: Vec<[u64; 2]>,
}

/// The occupied bins of one record's counts, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SparseRanks(Vec<(u16, [u32; 2])>);

impl RankCounts {
    pub(crate) fn new(bins: usize) -> Self {
        Self { bins: vec![[0; 2]; bins] }
    }

    /// Counts a pixel.
    pub(crate) fn add(&mut self, score: f32, event: bool) {
        let logit = (score / (1.0 - score)).ln().clamp(-LOGIT_LIMIT, LOGIT_LIMIT);
        let count = self.bins.len();
        let bin = ((logit + LOGIT_LIMIT) * (count as f32 / (2.0 * LOGIT_LIMIT))) as usize;
        self.bins[bin.min(count - 1)][usize::from(event)] += 1;
    }

    /// Adds occupied bins of the same number `times` over.
    pub(crate) fn add_bins(&mut self, bins: &SparseRanks, times: u64) {
        for &(bin, [quiet, event]) in &bins.0 {
            let mine = &mut self.bins[usize::from(bin)];
            mine[0] += times * u64::from(quiet);
            mine[1] += times * u64::from(event);
        }
    }

    /// The occupied bins, for one record: fewer than 2^32 pixels.
    pub(crate) fn sparse(&self) -> SparseRanks {
        let occupied = self.bins.iter().enumerate().filter(|(_, counts)| **counts != [0; 2]);
        SparseRanks(occupied.map(|(bin, counts)| (bin as u16, counts.map(|count| count as u32))).collect())
    }

    /// The same counts in fewer bins.
    pub(crate) fn coarse(&self) -> Self {
        let bins = self
            .bins
            .chunks(self.bins.len() / COARSE_BINS)
            .map(|shared| shared.iter().fold([0; 2], |sum, counts| [sum[0] + counts[0], sum[1] + counts[1]]));
        Self { bins: bins.collect() }
    }

    /// Pixels without and with the event.
    pub(crate) fn totals(&self) -> [u64; 2] {
        self.bins.iter().fold([0; 2], |sum, counts| [sum[0] + counts[0], sum[1] + counts[1]])
    }

    /// Chance that a pixel with the event has a higher score than one without, a tie being worth one half;
    /// `None` unless there are both.
    pub(crate) fn auroc(&self) -> Option<f64> {
        let (mut quiet_below, mut won) = (0.0, 0.0);
        for &[quiet, event] in &self.bins {
            let (quiet, event) = (quiet as f64, event as f64);
            won += event * (quiet_below + 0.5 * quiet);
            quiet_below += quiet;
        }
        let [quiet, event] = self.totals();
        (quiet > 0 && event > 0).then(|| won / (quiet as f64 * event as f64))
    }

    /// Area under the curve of precision over recall, as a sum of steps (average precision);
    /// `None` without an event.
    pub(crate) fn average_precision(&self) -> Option<f64> {
        let events = self.totals()[1] as f64;
        let (mut taken, mut hit, mut sum) = (0.0, 0.0, 0.0);
        for &[quiet, event] in self.bins.iter().rev() {
            taken += (quiet + event) as f64;
            hit += event as f64;
            if event > 0 {
                sum += event as f64 * hit / taken;
            }
        }
        (events > 0.0).then(|| sum / events)
    }

    /// Mean over all coverages of the share of events among the pixels kept, those of lowest score first (AURC).
    ///
    /// Pixels of one bin come in random order, of which this is the expected value. `None` without pixels.
    pub(crate) fn aurc(&self) -> Option<f64> {
        mean_risk(self.bins.iter().copied())
    }

    /// What [`Self::aurc`] would be if the score put every event last.
    pub(crate) fn aurc_ideal(&self) -> Option<f64> {
        let [quiet, event] = self.totals();
        mean_risk([[quiet, 0], [0, event]])
    }

    /// Share of events among the `coverage` of all pixels that have the lowest scores, for rising coverages.
    pub(crate) fn risks(&self, coverages: &[f64]) -> Vec<f64> {
        let [quiet, event] = self.totals();
        let total = (quiet + event) as f64;
        let (mut kept, mut lost, mut next) = (0.0, 0.0, 0);
        coverages
            .iter()
            .map(|coverage| {
                let wanted = coverage * total;
                while let Some(&[quiet, event]) = self.bins.get(next)
                    && kept + (quiet + event) as f64 <= wanted
                {
                    kept += (quiet + event) as f64;
                    lost += event as f64;
                    next += 1;
                }
                let part = self.bins.get(next).map_or(0.0, |&[quiet, event]| {
                    (wanted - kept).max(0.0) * event as f64 / (quiet + event).max(1) as f64
                });
                if wanted > 0.0 { (lost + part) / wanted } else { 0.0 }
            })
            .collect()
    }
}

/// Mean over k of the expected share of events among the first k pixels, for bins of pixels in random order.
fn mean_risk(bins: impl IntoIterator<Item = [u64; 2]>) -> Option<f64> {
    let (mut kept, mut lost, mut sum) = (0_u64, 0.0, 0.0);
    for [quiet, event] in bins {
        let pixels = quiet + event;
        if pixels == 0 {
            continue;
        }
        // After j of the bin's m pixels: (lost + event * j / m) / (kept + j), summed over j = 1..m.
        let rate = event as f64 / pixels as f64;
        sum += event as f64 + (lost - rate * kept as f64) * (harmonic(kept + pixels) - harmonic(kept));
        kept += pixels;
        lost += event as f64;
    }
    (kept > 0).then(|| sum / kept as f64)
}

/// `1 + 1/2 + ... + 1/n`, by Euler's expansion beyond the first terms.
fn harmonic(n: u64) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    if n < 64 {
        return (1..=n).map(|k| 1.0 / k as f64).sum();
    }
    let n = n as f64;
    n.ln() + EULER_GAMMA + 0.5 / n - 1.0 / (12.0 * n * n) + 1.0 / (120.0 * n.powi(4))
}

#[cfg(test)]
#[path = "ranks_tests.rs"]
mod tests;
