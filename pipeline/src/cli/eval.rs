//! Flags of `geophrase eval`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use model::evaluation::{Cluster, CompareGrid, EmptyUnion, EvalOptions, PrecisionOperator, Protocol};

use crate::cli::shared::{EngineArgs, ViewArgs};
use crate::commands::eval::{EvalOutputs, EvalRequest, eval};
use crate::config;
use crate::error::PipelineError;
use crate::logging::Verbosity;

/// Score a model on referring records.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Referring records, one JSON object per line.
    #[arg(long, value_name = "FILE.jsonl")]
    records: PathBuf,
    /// The folder that the records' image names are relative to.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Only records of this split.
    #[arg(long)]
    split: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    outputs: OutputArgs,
    /// Models that work side by side, each with its own copy of the weights; the numbers do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = jobs)]
    jobs: usize,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

/// The rules of the comparison; what is not given is the protocol's.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
struct RuleArgs {
    /// How to score: segment (what a user gets) or lavt (as papers do: 480 px squares, no gate, no calibration).
    #[arg(long, default_value = "segment")]
    protocol: Protocol,
    /// Side of the square that pictures are resized to, or own for their own size [segment: own, lavt: 480].
    #[arg(long, value_name = "PX|own")]
    size: Option<PictureSize>,
    /// Where resized pictures are compared: on the network's grid or the original one [segment: original, lavt:
    /// network].
    #[arg(long, value_name = "GRID")]
    compare: Option<CompareGrid>,
    /// Probability above which a pixel belongs to the mask.
    #[arg(long, value_name = "0..1", default_value_t = config::THRESHOLD, value_parser = config::parse_threshold)]
    threshold: f32,
    /// What a record counts where neither truth nor mask marks a pixel: zero, one, or skip to leave it out.
    #[arg(long, value_name = "RULE", default_value = "zero")]
    empty_union: EmptyUnion,
    /// How an IoU passes the bar of Pr@X: ge (at least) or gt (above).
    #[arg(long, value_name = "OPERATOR", default_value = "ge")]
    pr_operator: PrecisionOperator,
    /// Let the presence gate silence tiles [segment].
    #[arg(long, overrides_with = "no_gate")]
    gate: bool,
    /// Leave the presence gate open [lavt].
    #[arg(long, overrides_with = "gate")]
    no_gate: bool,
    /// Calibrate probability and uncertainty [segment].
    #[arg(long, overrides_with = "no_calibrate")]
    calibrate: bool,
    /// Use plain sigmoids instead of the fitted calibration [lavt].
    #[arg(long, overrides_with = "calibrate")]
    no_calibrate: bool,
    /// What is resampled for the 95 % intervals: each image with all its records, or each record.
    #[arg(long, value_name = "UNIT", default_value = "image")]
    cluster: Cluster,
    /// Resamples behind the 95 % intervals; 0 leaves them out.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = bootstrap)]
    bootstrap: usize,
}

/// Where results go besides the table.
#[derive(Debug, Args)]
#[command(next_help_heading = "Outputs")]
struct OutputArgs {
    /// The numbers as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Put the score of every record into the JSON, too.
    #[arg(long, requires = "json")]
    per_record: bool,
    /// One line of JSON per record.
    #[arg(long, value_name = "FILE.jsonl")]
    items: Option<PathBuf>,
    /// Reliability, risk against coverage, and a histogram of IoU as a drawing.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// A contact sheet of the worst records: picture, truth, answer, phrase.
    #[arg(long, value_name = "FILE.png")]
    sheet: Option<PathBuf>,
    /// Records on the contact sheet.
    #[arg(long, value_name = "N", default_value_t = 50, requires = "sheet", value_parser = worst)]
    worst: usize,
    /// Replace files that exist.
    #[arg(long)]
    overwrite: bool,
}

/// Side of a square, or a picture's own size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PictureSize(Option<usize>);

impl FromStr for PictureSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "own" {
            return Ok(Self(None));
        }
        number(text, 16, 8_192).map(|side| Self(Some(side))).map_err(|reason| format!("{reason}, or own"))
    }
}

fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number: Option<usize> = text.parse().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{text:?} is no number from {least} to {most}"))
}

fn jobs(text: &str) -> Result<usize, String> {
    number(text, 1, 64)
}

fn bootstrap(text: &str) -> Result<usize, String> {
    number(text, 0, 100_000)
}

fn worst(text: &str) -> Result<usize, String> {
    number(text, 1, 400)
}

impl RuleArgs {
    fn options(&self) -> EvalOptions {
        let rules = EvalOptions::new(self.protocol);
        let switch = |on: bool, off: bool, otherwise: bool| if on || off { on } else { otherwise };
        EvalOptions {
            size: self.size.map_or(rules.size, |PictureSize(side)| side),
            compare: self.compare.unwrap_or(rules.compare),
            threshold: self.threshold,
            empty_union: self.empty_union,
            precision_operator: self.pr_operator,
            gate: switch(self.gate, self.no_gate, rules.gate),
            calibrate: switch(self.calibrate, self.no_calibrate, rules.calibrate),
            cluster: self.cluster,
            bootstrap_rounds: self.bootstrap,
            ..rules
        }
    }
}

impl EvalArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let options = self.rules.options();
        let OutputArgs { json, per_record, items, plot, sheet, worst, overwrite } = self.outputs;
        eval(&EvalRequest {
            records: self.records,
            images: self.images,
            split: self.split,
            options,
            outputs: EvalOutputs { json, per_record, items, plot, sheet, worst, overwrite },
            model: self.engine.model,
            device: self.engine.device,
            views: self.views.config(),
            batch: self.engine.batch,
            jobs: self.jobs,
            watched: verbosity.watched(),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Rules {
        #[command(flatten)]
        rules: RuleArgs,
    }

    fn options(flags: &str) -> EvalOptions {
        Rules::try_parse_from(["eval"].into_iter().chain(flags.split_whitespace())).unwrap().rules.options()
    }

    #[test]
    fn without_flags_the_rules_are_the_protocols() {
        assert_eq!(options(""), EvalOptions::new(Protocol::Segment));
        assert_eq!(options("--protocol lavt"), EvalOptions::new(Protocol::Lavt));
    }

    #[test]
    fn each_rule_can_be_set_apart_from_its_protocol() {
        let lavt = EvalOptions::new(Protocol::Lavt);
        let with = |flags: &str| options(&format!("--protocol lavt {flags}"));
        assert_eq!(with("--size 512"), EvalOptions { size: Some(512), ..lavt.clone() });
        assert_eq!(with("--size own"), EvalOptions { size: None, ..lavt.clone() });
        assert_eq!(with("--compare original"), EvalOptions { compare: CompareGrid::Original, ..lavt.clone() });
        assert_eq!(with("--threshold 0.4"), EvalOptions { threshold: 0.4, ..lavt.clone() });
        assert_eq!(with("--empty-union skip"), EvalOptions { empty_union: EmptyUnion::Skip, ..lavt.clone() });
        let gt = EvalOptions { precision_operator: PrecisionOperator::Gt, ..lavt.clone() };
        assert_eq!(with("--pr-operator gt"), gt);
        assert_eq!(with("--gate --calibrate"), EvalOptions { gate: true, calibrate: true, ..lavt });
        let segment = EvalOptions::new(Protocol::Segment);
        assert_eq!(options("--no-gate"), EvalOptions { gate: false, ..segment.clone() });
        assert_eq!(
            options("--no-calibrate --bootstrap 0"),
            EvalOptions { calibrate: false, bootstrap_rounds: 0, ..segment }
        );
    }

    #[test]
    fn the_later_of_two_contrary_flags_counts() {
        assert!(options("--no-gate --gate").gate);
        assert!(!options("--gate --no-gate").gate);
    }

    #[test]
    fn sizes_are_numbers_or_own() {
        assert_eq!("480".parse(), Ok(PictureSize(Some(480))));
        assert_eq!("own".parse(), Ok(PictureSize(None)));
        assert!("0".parse::<PictureSize>().is_err() && "big".parse::<PictureSize>().is_err());
    }
}
