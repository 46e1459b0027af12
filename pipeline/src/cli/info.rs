//! Flags of `geophrase info`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::shared::{EngineArgs, SceneArgs, ViewArgs};
use crate::commands::info::{InfoRequest, info};
use crate::config;
use crate::error::PipelineError;
use crate::tiling::Overlap;

/// Say what the program would read of a scene.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// The scene, by any name GDAL knows.
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
    #[command(flatten)]
    scene_args: SceneArgs,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl InfoArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        let request = InfoRequest {
            scene: self.scene,
            scene_options: self.scene_args.options(),
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
