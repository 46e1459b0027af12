//! Flags of `geophrase train`.

use std::path::PathBuf;

use clap::Args;
use model::DeviceChoice;

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
    #[arg(long, value_name = "STEP", default_value_t = usize::MAX, hide_default_value = true)]
    stop_at: usize,
}

impl TrainArgs {
    pub(crate) fn run(self, _verbosity: Verbosity) -> Result<(), PipelineError> {
        crate::commands::train::train(&self.config, self.device, self.stop_at)
    }
}
