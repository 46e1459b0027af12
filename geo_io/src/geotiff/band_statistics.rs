//! What is known about the values of a band while they are written.

/// What is known about the values of a band.
#[derive(Clone, Debug)]
pub(super) struct BandStatistics {
    count: u64,
    least: f64,
    largest: f64,
    mean: f64,
    /// Sum of squared distances from the mean, kept as it grows (Welford).
    spread: f64,
}

impl Default for BandStatistics {
    fn default() -> Self {
        Self { count: 0, least: f64::INFINITY, largest: f64::NEG_INFINITY, mean: 0.0, spread: 0.0 }
    }
}

impl BandStatistics {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1;
        self.least = self.least.min(value);
        self.largest = self.largest.max(value);
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.spread += before * (value - self.mean);
    }

    /// As GDAL names them; nothing when there is no value.
    pub(super) fn items(&self, all: u64) -> Vec<(&'static str, String)> {
        if self.count == 0 {
            return Vec::new();
        }
        let count = self.count as f64;
        vec![
            ("STATISTICS_MINIMUM", self.least.to_string()),
            ("STATISTICS_MAXIMUM", self.largest.to_string()),
            ("STATISTICS_MEAN", self.mean.to_string()),
            ("STATISTICS_STDDEV", (self.spread / count).sqrt().to_string()),
            ("STATISTICS_VALID_PERCENT", format!("{:.4}", 100.0 * count / all as f64)),
        ]
    }
}
