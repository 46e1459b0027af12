//! Flags of `geophrase model`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::model::info;
use crate::config::MODEL_VARIABLE;
use crate::error::PipelineError;

/// Say what a model folder holds.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Print name, hash, sizes, calibration, and what the model was trained on; checks the weights on the way.
    Info {
        /// The model folder [default: the one shipped].
        #[arg(env = MODEL_VARIABLE, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

impl ModelArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        match self.command {
            ModelCommand::Info { folder } => info(folder),
        }
    }
}
