//! Flags of `geophrase preview`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::commands::preview::{PreviewRequest, preview};
use crate::error::PipelineError;

/// Draw scene, mask and uncertainty side by side.
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// The scene.
    scene: OsString,
    /// The probability raster that `segment --raster` wrote; its mask lies beside it.
    #[arg(long, value_name = "FILE.tif")]
    raster: PathBuf,
    /// Where the picture goes.
    #[arg(short, long, value_name = "FILE.png")]
    output: PathBuf,
    /// Words above the picture.
    #[arg(long, default_value = "")]
    title: String,
    /// Width of one panel in pixels, at most.
    #[arg(long, value_name = "PX", default_value_t = 640, value_parser = clap::value_parser!(u32).range(64..=4096))]
    panel: u32,
    /// Replace the picture if it exists.
    #[arg(long)]
    overwrite: bool,
}

impl PreviewArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        preview(&PreviewRequest {
            scene: self.scene,
            raster: self.raster,
            out: self.output,
            title: self.title,
            panel_px: self.panel,
            overwrite: self.overwrite,
        })
    }
}
