//! The ground that the detections of a prompt cover together.

use geo_io::Detection;
use serde::Serialize;

/// Sums over detections, in square metres; null when the area of one of them is unknown.
///
/// The ends of the interval are the sums of those of the detections: they hold the true sum at least as often as the
/// detections' own do, however much these are wrong together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Areas {
    /// Of all their pixels.
    pub area_m2: Option<f64>,
    /// The part that is expected to be target.
    pub expected_area_m2: Option<f64>,
    /// The low end of its interval.
    pub expected_area_low_m2: Option<f64>,
    /// The high end.
    pub expected_area_high_m2: Option<f64>,
}

impl Default for Areas {
    fn default() -> Self {
        let none = Some(0.0);
        Self { area_m2: none, expected_area_m2: none, expected_area_low_m2: none, expected_area_high_m2: none }
    }
}

impl Areas {
    /// Adds a detection.
    pub(crate) fn add(&mut self, detection: &Detection) {
        let plus = |sum: Option<f64>, share: f64| Some(sum? + share * detection.area_m2?);
        self.area_m2 = plus(self.area_m2, 1.0);
        self.expected_area_m2 = plus(self.expected_area_m2, detection.likely_share);
        self.expected_area_low_m2 = plus(self.expected_area_low_m2, detection.sure_share);
        self.expected_area_high_m2 = plus(self.expected_area_high_m2, detection.possible_share);
    }

    /// To the tenth of a square millimetre, as in files of polygons.
    pub(crate) fn rounded(self) -> Self {
        let rounded = |sum: Option<f64>| sum.map(|sum| (sum * 1e4).round() / 1e4);
        Self {
            area_m2: rounded(self.area_m2),
            expected_area_m2: rounded(self.expected_area_m2),
            expected_area_low_m2: rounded(self.expected_area_low_m2),
            expected_area_high_m2: rounded(self.expected_area_high_m2),
        }
    }
}
