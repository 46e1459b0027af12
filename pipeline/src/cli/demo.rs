//! Flags of `geophrase demo`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::shared::EngineArgs;
use crate::commands::demo::{DemoRequest, demo};
use crate::error::PipelineError;
use crate::logging::Verbosity;

/// Run the shipped example and show what it finds.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The scene.
    #[arg(long, value_name = "FILE.tif", default_value = "data/demo/scene.tif")]
    scene: PathBuf,
    /// Where results go; those of an earlier demo are replaced.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
}

impl DemoArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        demo(DemoRequest {
            scene: self.scene,
            out: self.out,
            model: self.engine.model,
            device: self.engine.device,
            batch: self.engine.batch,
            verbosity,
        })
    }
}
