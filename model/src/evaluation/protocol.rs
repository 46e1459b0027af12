//! The rules of a comparison, spelled out, because published numbers differ by them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A named set of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// What a user gets: each picture at its own size, with gate and calibration.
    #[default]
    Segment,
    /// What the published tables follow: everything at 480 px square, no gate, no calibration.
    Lavt,
}

/// A protocol name that does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol {0:?}: use segment or lavt")]
pub struct UnknownProtocol(String);

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "segment" => Ok(Self::Segment),
            "lavt" => Ok(Self::Lavt),
            other => Err(UnknownProtocol(other.to_owned())),
        }
    }
}

/// The IoU of a record where neither the truth nor the prediction marks a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyUnion {
    /// It counts as 0.
    Zero,
    /// It counts as 1.
    One,
    /// The record is left out of the mean and of the precision.
    Skip,
}

/// How an IoU passes the bar of Pr@X.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionOperator {
    /// IoU >= X, as nearly all published code has it.
    Ge,
    /// IoU > X.
    Gt,
}

/// The grid on which prediction and truth are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CompareSize {
    /// The picture's own.
    Image,
    /// A square of this side; pictures are resized as Pillow's `BILINEAR` does, masks as its `NEAREST`.
    Square(usize),
}

/// Every rule of an evaluation; written into its report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalOptions {
    /// The set of rules that these started from.
    pub name: Protocol,
    /// A pixel is marked when its probability is above this, strictly.
    pub threshold: f32,
    /// The grid of the comparison.
    pub compare: CompareSize,
    /// What an empty union counts.
    pub empty_union: EmptyUnion,
    /// How an IoU passes the bar of Pr@X.
    pub precision_operator: PrecisionOperator,
    /// Whether the predictor lets the presence gate close; for whoever makes the predictor to obey.
    pub gate: bool,
    /// Whether the predictor calibrates; for whoever makes the predictor to obey.
    pub calibrate: bool,
    /// A category with fewer records than this is left out of the mean over categories.
    pub min_category_records: usize,
    /// Resamples behind the confidence interval; 0 leaves it out.
    pub bootstrap_rounds: usize,
    /// Seed of the resampling.
    pub seed: u64,
}

impl EvalOptions {
    /// The rules of a named protocol.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        let segment = Self {
            name: Protocol::Segment,
            threshold: 0.5,
            compare: CompareSize::Image,
            empty_union: EmptyUnion::Zero,
            precision_operator: PrecisionOperator::Ge,
            gate: true,
            calibrate: true,
            min_category_records: 8,
            bootstrap_rounds: 1_000,
            seed: 1,
        };
        match protocol {
            Protocol::Segment => segment,
            Protocol::Lavt => Self {
                name: Protocol::Lavt,
                compare: CompareSize::Square(LAVT_SIDE_PX),
                gate: false,
                calibrate: false,
                ..segment
            },
        }
    }
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self::new(Protocol::Segment)
    }
}

/// Side of the square on which the published numbers are computed.
pub const LAVT_SIDE_PX: usize = 480;

/// The bars of Pr@X, and how a report names them.
pub const PRECISION_BARS: [(f64, &str); 5] = [(0.5, "0.5"), (0.6, "0.6"), (0.7, "0.7"), (0.8, "0.8"), (0.9, "0.9")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_names() {
        assert_eq!("lavt".parse(), Ok(Protocol::Lavt));
        assert_eq!("segment".parse(), Ok(Protocol::Segment));
        assert_eq!(
            "coco".parse::<Protocol>().unwrap_err().to_string(),
            "unknown protocol \"coco\": use segment or lavt"
        );
    }

    #[test]
    fn the_published_protocol_is_a_square_without_gate_and_calibration() {
        let options = EvalOptions::new(Protocol::Lavt);
        assert_eq!(options.compare, CompareSize::Square(480));
        assert_eq!(options.empty_union, EmptyUnion::Zero);
        assert_eq!(options.precision_operator, PrecisionOperator::Ge);
        assert!(!options.gate && !options.calibrate);
    }
}
