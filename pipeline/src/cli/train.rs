//! Flags of `geophrase train`.

use std::path::PathBuf;

use clap::Args;
use model::DeviceChoice;
use model::training::TrainRequest;

use crate::error::PipelineError;
use crate::logging::Verbosity;

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
    pub(crate) fn run(self, _verbosity: Verbosity) -> Result<(), PipelineError> {
        crate::commands::train::train(&TrainRequest {
            recipe: self.config,
            device: self.device,
            stop_at: self.stop_at,
            init: self.init,
        })
    }
}
