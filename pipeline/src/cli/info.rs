//! Flags of `geophrase info`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::remote::{SourceArgs, sha256};
use crate::cli::shared::{EngineArgs, SceneArgs, ViewArgs};
use crate::commands::info::{InfoRequest, info};
use crate::config;
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::remote::RemoteOptions;
use crate::tiling::Overlap;

/// Say what the program would read of a scene.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// The scene: a file, an address (https://...), a STAC item, or any other name that GDAL knows.
    scene: OsString,
    /// What would be looked for; decides frames and the estimate.
    #[arg(short, long = "prompt", value_name = "PHRASE")]
    prompts: Vec<String>,
    /// Ask the model one tile and say how long the whole scene would take on this machine.
    #[arg(long)]
    measure: bool,
    /// Print JSON instead of rows.
    #[arg(long)]
    json: bool,
    /// What neighbouring tiles share: pixels (64) or a share of the tile (20%).
    #[arg(long, value_name = "PX|%", default_value = config::TILE_OVERLAP)]
    tile_overlap: Overlap,
    /// The SHA-256 that a scene that is fetched must have.
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    scene_sha256: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    scene_args: SceneArgs,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl InfoArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let scene_options = self.scene_args.options();
        let request = InfoRequest {
            scene: self.source.scene(self.scene, scene_options.trust)?,
            scene_options,
            remote: RemoteOptions { sha256: self.scene_sha256, ..self.source.fetch.options() },
            stats: self.source.stats,
            watched: verbosity.watched(),
            prompts: self.prompts,
            views: self.views.config(),
            overlap: self.tile_overlap,
            model: self.engine.model,
            device: self.engine.device,
            measure: self.measure,
        };
        info(&request, self.json)
    }
}
