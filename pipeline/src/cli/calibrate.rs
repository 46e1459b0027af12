//! Flags of `geophrase calibrate`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::shared::{EngineArgs, ViewArgs};
use crate::commands::calibrate::{CalibrateRequest, calibrate};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::run::signals;

/// Fit temperature, uncertainty and presence gate of a model on referring records, and write its configuration anew.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Referring records, one JSON object per line; some with a target, some without.
    #[arg(long, value_name = "FILE.jsonl")]
    records: PathBuf,
    /// The folder that the records' image names are relative to.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Only records of this split.
    #[arg(long)]
    split: Option<String>,
    /// Where the configuration with the new calibration goes; with --overwrite it may be the model's own config.json.
    #[arg(long, value_name = "FILE.json")]
    out: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl CalibrateArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let request = CalibrateRequest {
            records: self.records,
            images: self.images,
            split: self.split,
            model: self.engine.model,
            device: self.engine.device,
            views: self.views.config(),
            out: self.out,
            overwrite: self.overwrite,
            watched: verbosity.watched(),
        };
        calibrate(request, signals())
    }
}
