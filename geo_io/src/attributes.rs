//! What a detection says of itself: the one list of attributes that every vector format writes, in this order.

use crate::detection::Detection;

/// An attribute by its name, and by the name that fits where only ten characters do.
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) short_name: &'static str,
    pub(crate) kind: Kind,
}

/// How an attribute is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Real,
    Integer,
    Boolean,
}

/// The value of an attribute; rounded, so that all formats say the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Real(f64),
    Integer(u64),
    Boolean(bool),
    Unknown,
}

const fn attribute(name: &'static str, short_name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, short_name, kind }
}

/// All attributes.
pub(crate) const ATTRIBUTES: [Attribute; 18] = [
    attribute("id", "id", Kind::Text),
    attribute("prompt", "prompt", Kind::Text),
    attribute("scene", "scene", Kind::Text),
    attribute("review_rank", "rev_rank", Kind::Integer),
    attribute("prob_mean", "prob_mean", Kind::Real),
    attribute("prob_p10", "prob_p10", Kind::Real),
    attribute("unc_mean", "unc_mean", Kind::Real),
    attribute("unc_p90", "unc_p90", Kind::Real),
    attribute("unc_max", "unc_max", Kind::Real),
    attribute("presence", "presence", Kind::Real),
    attribute("area_m2", "area_m2", Kind::Real),
    attribute("expected_area_m2", "exp_m2", Kind::Real),
    attribute("expected_area_low_m2", "exp_lo_m2", Kind::Real),
    attribute("expected_area_high_m2", "exp_hi_m2", Kind::Real),
    attribute("perimeter_m", "perim_m", Kind::Real),
    attribute("n_px", "n_px", Kind::Integer),
    attribute("n_tiles", "n_tiles", Kind::Integer),
    attribute("touches_edge", "at_edge", Kind::Boolean),
];

/// A detection with what is known only once all of its run are.
#[derive(Clone, Copy)]
pub(crate) struct Ranked<'a> {
    pub(crate) detection: &'a Detection,
    /// File name of the scene.
    pub(crate) scene: &'a str,
    /// 1 for the detection that is most likely wrong.
    pub(crate) review_rank: u64,
}

impl<'a> Ranked<'a> {
    /// The values of [`ATTRIBUTES`].
    pub(crate) fn values(&self) -> [Value<'a>; ATTRIBUTES.len()] {
        let found = self.detection;
        let share = |value: f64| Value::Real(rounded(value, 1e6));
        let metres = |value: Option<f64>| value.map_or(Value::Unknown, |value| Value::Real(rounded(value, 1e4)));
        let part_of_area = |part: f64| metres(found.area_m2.map(|area| area * part));
        [
            Value::Text(&found.id),
            Value::Text(&found.prompt),
            Value::Text(self.scene),
            Value::Integer(self.review_rank),
            share(found.prob_mean),
            share(found.prob_p10),
            share(found.unc_mean),
            share(found.unc_p90),
            share(found.unc_max),
            found.presence.map_or(Value::Unknown, share),
            metres(found.area_m2),
            part_of_area(found.likely_share),
            part_of_area(found.sure_share),
            part_of_area(found.possible_share),
            metres(found.perimeter_m),
            Value::Integer(found.n_px),
            found.n_tiles.map_or(Value::Unknown, Value::Integer),
            Value::Boolean(found.touches_edge),
        ]
    }
}

/// To so many parts of one: `1e6` keeps six decimals.
pub(crate) fn rounded(value: f64, grain: f64) -> f64 {
    let scaled = value * grain;
    // Beyond 2^53 there is nothing left to round. Adding zero makes -0 plain.
    if scaled.abs() < 9e15 { scaled.round() / grain + 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn short_names_fit_into_ten_characters_and_all_names_differ() {
        assert!(ATTRIBUTES.iter().all(|attribute| attribute.short_name.len() <= 10));
        let names = |name: fn(&Attribute) -> &'static str| ATTRIBUTES.iter().map(name).collect::<HashSet<_>>().len();
        assert_eq!(names(|attribute| attribute.name), ATTRIBUTES.len());
        assert_eq!(names(|attribute| attribute.short_name), ATTRIBUTES.len());
    }

    #[test]
    fn rounding_keeps_large_values_and_has_no_negative_zero() {
        assert_eq!(rounded(500_000.123_456_7, 1e5), 500_000.123_46);
        assert!(rounded(-1e-9, 1e3).is_sign_positive());
        assert_eq!(rounded(1e300, 1e6), 1e300);
    }
}
