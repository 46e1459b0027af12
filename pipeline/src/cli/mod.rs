//! The command line: flags and what they mean, no work.

mod ablate;
mod bench;
mod dataset;
mod demo;
mod eval;
mod model;
mod preview;
mod segment;
mod synth;
mod train;
mod weights;

use clap::{Parser, Subcommand};

use crate::error::PipelineError;
use crate::logging::{self, Verbosity};

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
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what a phrase refers to: polygons, probability, mask and uncertainty.
    Segment(segment::SegmentArgs),
    /// Draw a georeferenced scene, or a data set, with exact truth.
    Synth(synth::SynthArgs),
    /// Train a model by a recipe.
    Train(train::TrainArgs),
    /// Train with and without the paper's modules and compare.
    Ablate(ablate::AblateArgs),
    /// Score a model on referring records.
    Eval(eval::EvalArgs),
    /// Look at and convert data sets.
    Dataset(dataset::DatasetArgs),
    /// Say what a model folder holds.
    Model(model::ModelArgs),
    /// Convert and inspect weights.
    Weights(weights::WeightsArgs),
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
        logging::init(verbosity);
        match self.command {
            Command::Segment(args) => args.run(verbosity),
            Command::Synth(args) => args.run(verbosity),
            Command::Train(args) => args.run(verbosity),
            Command::Ablate(args) => args.run(verbosity),
            Command::Eval(args) => args.run(verbosity),
            Command::Dataset(args) => args.run(verbosity),
            Command::Model(args) => args.run(),
            Command::Weights(args) => args.run(),
            Command::Preview(args) => args.run(),
            Command::Demo(args) => args.run(verbosity),
            Command::Bench(args) => args.run(verbosity),
        }
    }
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
