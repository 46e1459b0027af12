//! The command line: flags and what they mean, no work.

mod ablate;
mod batch;
mod bench;
mod calibrate;
mod dataset;
mod demo;
mod diff;
mod doctor;
mod eval;
mod info;
mod model;
mod plan;
mod preview;
mod remote;
mod report;
mod segment;
mod shared;
mod synth;
mod train;
mod vectorize;
mod watch;
mod weights;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::error::PipelineError;
use crate::logging::{self, LogFormat, Verbosity};

/// Finds in satellite and aerial scenes what a phrase refers to, and says where it may be wrong.
#[derive(Debug, Parser)]
#[command(name = "geophrase", version, max_term_width = 110)]
pub struct Cli {
    /// Say more: a line of summary at the end; -vv also what the stages do, -vvv what happens to every tile.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// What lines on standard error look like; json makes one object of each.
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what a phrase refers to: polygons, probability, mask and uncertainty.
    Segment(segment::SegmentArgs),
    /// Write down what is to be done, so that it can be run in pieces, by many processes, and after interruptions.
    Plan(plan::PlanArgs),
    /// Run a plan, or a share of it.
    Run(plan::RunArgs),
    /// Say how far a plan is.
    Status(plan::StatusArgs),
    /// Write the outputs of a plan whose units are finished.
    Merge(plan::MergeArgs),
    /// Run units of a plan as they are asked for, one JSON line each.
    Worker(plan::WorkerArgs),
    /// Work through many scenes with nobody watching: what is done is skipped, what is bad is named.
    Batch(batch::BatchArgs),
    /// Work on scenes as they come into a folder.
    Watch(watch::WatchArgs),
    /// Say what the program would read of a scene, and what looking through it takes.
    Info(info::InfoArgs),
    /// Check that this machine has what a run needs.
    Doctor(doctor::DoctorArgs),
    /// Draw a georeferenced scene, or a data set, with exact truth.
    Synth(synth::SynthArgs),
    /// Train a model by a recipe.
    Train(train::TrainArgs),
    /// Train with and without the paper's modules and compare.
    Ablate(ablate::AblateArgs),
    /// Score a model on referring records.
    Eval(eval::EvalArgs),
    /// Fit how a model's logits become probabilities, on referring records.
    Calibrate(calibrate::CalibrateArgs),
    /// Look at and convert data sets.
    Dataset(dataset::DatasetArgs),
    /// Say what a model folder holds.
    Model(model::ModelArgs),
    /// Convert and inspect weights.
    Weights(weights::WeightsArgs),
    /// Make polygons of probability rasters anew, without the model.
    Vectorize(vectorize::VectorizeArgs),
    /// Say what changed between two runs over the same place.
    Diff(diff::DiffArgs),
    /// Show a run as one HTML page.
    Report(report::ReportArgs),
    /// Draw scene, mask and uncertainty side by side.
    Preview(preview::PreviewArgs),
    /// Run the shipped example and show what it finds.
    Demo(demo::DemoArgs),
    /// Measure how fast this machine answers.
    Bench(bench::BenchArgs),
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// Whatever stopped the command.
    pub fn run(self) -> Result<(), PipelineError> {
        let verbosity = Verbosity::from_flags(self.quiet, self.verbose);
        logging::init(verbosity, self.log_format);
        match self.command {
            Command::Segment(args) => args.run(verbosity),
            Command::Plan(args) => args.run(verbosity),
            Command::Run(args) => args.run(verbosity),
            Command::Status(args) => args.run(),
            Command::Merge(args) => args.run(verbosity),
            Command::Worker(args) => args.run(),
            Command::Batch(args) => args.run(verbosity),
            Command::Watch(args) => args.run(verbosity),
            Command::Info(args) => args.run(verbosity),
            Command::Doctor(args) => args.run(),
            Command::Synth(args) => args.run(verbosity),
            Command::Train(args) => args.run(verbosity),
            Command::Ablate(args) => args.run(verbosity),
            Command::Eval(args) => args.run(verbosity),
            Command::Calibrate(args) => args.run(verbosity),
            Command::Dataset(args) => args.run(verbosity),
            Command::Model(args) => args.run(),
            Command::Weights(args) => args.run(),
            Command::Vectorize(args) => args.run(verbosity),
            Command::Diff(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Preview(args) => args.run(),
            Command::Demo(args) => args.run(verbosity),
            Command::Bench(args) => args.run(verbosity),
        }
    }
}

/// Arguments with GDAL's classic spellings (`-te`, `-srcwin`, ...) as the double-dashed flags they stand for.
#[must_use]
pub fn classic(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let spellings = [
        ("-te", "--bbox"),
        ("-srcwin", "--srcwin"),
        ("-cutline", "--cutline"),
        ("-srcnodata", "--src-nodata"),
        ("-a_srs", "--assume-crs"),
        ("-overwrite", "--overwrite"),
    ];
    let mut flags = true;
    let spelled = |argument: OsString| {
        flags &= argument != "--";
        let known = spellings.iter().find(|(classic, _)| flags && argument == *classic);
        known.map_or(argument, |(_, flag)| OsString::from(flag))
    };
    arguments.into_iter().map(spelled).collect()
}

/// A usage error in one line, or nothing when the "error" is the help or the version that was asked for.
#[must_use]
pub fn usage_line(error: &clap::Error) -> Option<String> {
    if !error.use_stderr() {
        return None;
    }
    let text = error.render().to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = text.trim_start_matches("error:").split_whitespace().collect();
    Some(format!("{} (geophrase --help says more)", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_classic_spellings_are_flags_until_flags_end() {
        let given = ["geophrase", "segment", "-te", "1", "2", "-srcwin", "--", "-te"].map(OsString::from);
        assert_eq!(classic(given), ["geophrase", "segment", "--bbox", "1", "2", "--srcwin", "--", "-te"]);
    }

    #[test]
    fn usage_errors_are_one_line_and_help_is_none() {
        for wrong in
            [&["geophrase"][..], &["geophrase", "segment"], &["geophrase", "segment", "a", "--device", "abacus"]]
        {
            let error = Cli::try_parse_from(wrong).unwrap_err();
            if let Some(line) = usage_line(&error) {
                assert!(!line.contains('\n') && line.len() > 30, "{line}");
            }
        }
        let help = Cli::try_parse_from(["geophrase", "--help"]).unwrap_err();
        assert_eq!(usage_line(&help), None);
    }
}
