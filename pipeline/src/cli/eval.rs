//! Flags of `geophrase eval`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::segment::{EngineArgs, ViewArgs};
use crate::commands::eval::{EvalRequest, eval};
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
    /// Where the numbers go.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// How to score: segment (what a user gets) or lavt (480 px squares, as papers do).
    #[arg(long, default_value = "segment")]
    protocol: String,
    /// Only records of this split.
    #[arg(long)]
    split: Option<String>,
    /// Put the score of every record into the JSON.
    #[arg(long)]
    per_record: bool,
    /// Replace the JSON file if it exists.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl EvalArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        eval(&EvalRequest {
            records: self.records,
            images: self.images,
            json: self.json,
            protocol: self.protocol,
            split: self.split,
            per_record: self.per_record,
            overwrite: self.overwrite,
            model: self.engine.model,
            device: self.engine.device,
            views: self.views.config(),
            batch: self.engine.batch,
            watched: verbosity.watched(),
        })
    }
}
