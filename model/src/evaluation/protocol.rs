//! The rules of a comparison, spelled out, because published numbers differ by them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that names no choice.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {word:?}: use {choices}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    choices: &'static str,
}

/// A choice among a few words, written the same way on the command line and in a report.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $what:literal, $choices:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(UnknownWord { what: $what, word: other.to_owned(), choices: $choices }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }
    };
}

choice! {
    /// A named set of rules.
    Protocol, "protocol", "segment or lavt" {
        /// What a user gets: each picture at its own size, with gate and calibration.
        Segment = "segment",
        /// What the published tables follow: everything at 480 px square, no gate, no calibration.
        Lavt = "lavt",
    }
}

choice! {
    /// The IoU of a record where neither the truth nor the prediction marks a pixel.
    EmptyUnion, "rule for an empty union", "zero, one or skip" {
        /// It counts as 0.
        Zero = "zero",
        /// It counts as 1.
        One = "one",
        /// The record is left out of the mean and of the precision.
        Skip = "skip",
    }
}

choice! {
    /// How an IoU passes the bar of Pr@X.
    PrecisionOperator, "operator of Pr@X", "ge or gt" {
        /// IoU >= X, as nearly all published code has it.
        Ge = "ge",
        /// IoU > X.
        Gt = "gt",
    }
}

choice! {
    /// The grid on which prediction and truth are compared, where the picture was resized for the model.
    CompareGrid, "grid of the comparison", "network or original" {
        /// The grid that the model saw; masks are resized to it as Pillow's `NEAREST` does.
        Network = "network",
        /// The grid of the mask as stored; probabilities are resized to it.
        Original = "original",
    }
}

choice! {
    /// What is drawn again and again for a confidence interval.
    Cluster, "unit of resampling", "image or record" {
        /// Pictures with all their records: phrases about one picture are no independent trials.
        Image = "image",
        /// Single records.
        Record = "record",
    }
}

/// Every rule of an evaluation; written into its report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalOptions {
    /// The set of rules that these started from.
    pub name: Protocol,
    /// Side of the square that pictures are resized to, as Pillow's `BILINEAR` does; `None` keeps their own size.
    pub size: Option<usize>,
    /// The grid of the comparison.
    pub compare: CompareGrid,
    /// A pixel is marked when its probability is above this, strictly.
    pub threshold: f32,
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
    /// What is resampled for the confidence intervals.
    pub cluster: Cluster,
    /// Resamples behind a confidence interval; 0 leaves the intervals out.
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
            size: None,
            compare: CompareGrid::Original,
            threshold: 0.5,
            empty_union: EmptyUnion::Zero,
            precision_operator: PrecisionOperator::Ge,
            gate: true,
            calibrate: true,
            min_category_records: 8,
            cluster: Cluster::Image,
            bootstrap_rounds: 1_000,
            seed: 1,
        };
        match protocol {
            Protocol::Segment => segment,
            Protocol::Lavt => Self {
                name: Protocol::Lavt,
                size: Some(LAVT_SIDE_PX),
                compare: CompareGrid::Network,
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

impl fmt::Display for EvalOptions {
    /// The rules in a line or two, as a table's head names them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |switch| if switch { "on" } else { "off" };
        match self.size {
            None => write!(f, "protocol {}: pictures at their own size", self.name)?,
            Some(side) => {
                write!(f, "protocol {}: pictures at {side} x {side} px, compared at {} size", self.name, self.compare)?;
            }
        }
        let Self { threshold, empty_union, precision_operator, gate, calibrate, .. } = self;
        let (gate, calibrate) = (on(*gate), on(*calibrate));
        write!(f, "\nmask: probability > {threshold}; gate {gate}; calibration {calibrate}; ")?;
        let operator = if *precision_operator == PrecisionOperator::Ge { ">=" } else { ">" };
        write!(f, "empty union: {empty_union}; Pr@X: IoU {operator} X")
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
    fn choices_have_names_and_strangers_are_told_which() {
        assert_eq!("lavt".parse(), Ok(Protocol::Lavt));
        assert_eq!("segment".parse(), Ok(Protocol::Segment));
        assert_eq!("skip".parse(), Ok(EmptyUnion::Skip));
        assert_eq!("gt".parse(), Ok(PrecisionOperator::Gt));
        assert_eq!("record".parse(), Ok(Cluster::Record));
        let message = |word: &str| word.parse::<Protocol>().unwrap_err().to_string();
        assert_eq!(message("coco"), "unknown protocol \"coco\": use segment or lavt");
    }

    #[test]
    fn a_report_writes_choices_as_the_command_line_does() {
        for grid in [CompareGrid::Network, CompareGrid::Original] {
            assert_eq!(serde_json::to_value(grid).unwrap(), grid.to_string());
            assert_eq!(grid.to_string().parse(), Ok(grid));
        }
    }

    #[test]
    fn the_published_protocol_is_a_square_without_gate_and_calibration() {
        let options = EvalOptions::new(Protocol::Lavt);
        assert_eq!((options.size, options.compare), (Some(480), CompareGrid::Network));
        assert_eq!(options.empty_union, EmptyUnion::Zero);
        assert_eq!(options.precision_operator, PrecisionOperator::Ge);
        assert!(!options.gate && !options.calibrate);
        assert_eq!(
            options.to_string(),
            "protocol lavt: pictures at 480 x 480 px, compared at network size\n\
             mask: probability > 0.5; gate off; calibration off; empty union: zero; Pr@X: IoU >= X"
        );
    }
}
