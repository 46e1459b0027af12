//! Flags of `geophrase train`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use model::DeviceChoice;
use model::training::{Talk, TrainRequest};

use crate::commands::train::train;
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::run::signals;

/// Train a model by a recipe.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The recipe; a run that was cut off goes on from its last checkpoint.
    #[arg(long, value_name = "FILE.toml")]
    config: PathBuf,
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// Leave off after this step, with a checkpoint; the next run goes on from there.
    #[arg(long, value_name = "STEP")]
    stop_at: Option<usize>,
    /// Start from the weights of this model instead of what the recipe names; a run that was begun goes on from its own.
    #[arg(long, value_name = "MODEL_DIR")]
    init: Option<PathBuf>,
}

impl TrainArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let talk = match verbosity {
            Verbosity::Quiet => Talk::Silent,
            Verbosity::Normal => Talk::Watched,
            _ => Talk::Lines,
        };
        let request = TrainRequest {
            device: self.device,
            stop_at: self.stop_at,
            init: self.init,
            talk,
            ..TrainRequest::new(self.config)
        };
        let outcome = train(request, signals())?;
        if verbosity >= Verbosity::Summary {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{} of {} steps are done", outcome.step, outcome.steps);
        }
        Ok(())
    }
}
