//! Flags of `geophrase watch`.

use std::time::Duration;

use clap::Args;

use super::batch::{JobArgs, duration};
use crate::commands::batch::{BatchRequest, batch};
use crate::commands::watch::Watch;
use crate::error::PipelineError;
use crate::logging::Verbosity;

/// Work on scenes as they come.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Time between two looks; a file whose size and time are the same at both is taken to be complete.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    poll: Duration,
    /// End after two looks and the scenes that are complete by then, for cron.
    #[arg(long)]
    once: bool,
}

impl WatchArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let watch = Some(Watch { poll: self.poll, once: self.once });
        batch(&BatchRequest { watch, ..self.job.request(verbosity) })
    }
}
