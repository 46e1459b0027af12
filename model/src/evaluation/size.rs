//! How large a target is: small ones fail first, and a mean over all sizes hides it.

/// A range of sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SizeRange {
    /// How a report names it.
    pub(crate) name: &'static str,
    /// The smallest size in it.
    pub(crate) from: f64,
    /// The smallest size that is too large for it.
    pub(crate) below: f64,
}

/// By the target's share of the picture.
pub(crate) const SHARE_RANGES: [SizeRange; 4] = [
    SizeRange { name: "below 0.1 %", from: 0.0, below: 0.001 },
    SizeRange { name: "0.1 to 1 %", from: 0.001, below: 0.01 },
    SizeRange { name: "1 to 10 %", from: 0.01, below: 0.1 },
    SizeRange { name: "10 % and more", from: 0.1, below: f64::INFINITY },
];

/// By the target's area in pixels: COCO's small, medium and large, small in two parts.
pub(crate) const AREA_RANGES: [SizeRange; 4] = [
    SizeRange { name: "below 16 x 16 px", from: 0.0, below: 256.0 },
    SizeRange { name: "below 32 x 32 px", from: 256.0, below: 1_024.0 },
    SizeRange { name: "below 96 x 96 px", from: 1_024.0, below: 9_216.0 },
    SizeRange { name: "96 x 96 px and more", from: 9_216.0, below: f64::INFINITY },
];

/// Which of the ranges a size falls into.
pub(crate) fn range_of(size: f64, ranges: &[SizeRange]) -> Option<usize> {
    ranges.iter().position(|range| (range.from..range.below).contains(&size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_takes_its_lower_end_and_not_its_upper() {
        assert_eq!(range_of(0.0, &SHARE_RANGES), Some(0));
        assert_eq!(range_of(0.001, &SHARE_RANGES), Some(1));
        assert_eq!(range_of(1.0, &SHARE_RANGES), Some(3));
        assert_eq!(range_of(1_023.0, &AREA_RANGES), Some(1));
        assert_eq!(range_of(1_024.0, &AREA_RANGES), Some(2));
    }
}
