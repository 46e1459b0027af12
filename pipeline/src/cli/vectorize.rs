//! Flags of `geophrase vectorize`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::shared::PolygonArgs;
use crate::commands::vectorize::{VectorizeRequest, vectorize};
use crate::config;
use crate::error::PipelineError;
use crate::logging::Verbosity;

/// Make polygons of probability rasters anew, without the model.
#[derive(Debug, Args)]
pub(crate) struct VectorizeArgs {
    /// Probability rasters that `segment --raster` wrote, one per prompt.
    #[arg(required = true, value_name = "RASTER.tif")]
    rasters: Vec<PathBuf>,
    /// Polygons, as `segment` writes them; may be given several times.
    #[arg(short, long = "output", required = true, value_name = "FILE")]
    outputs: Vec<PathBuf>,
    /// Probability above which a pixel belongs to the mask [default: that of the raster].
    #[arg(long, value_name = "0..1", value_parser = config::parse_threshold)]
    threshold: Option<f32>,
    #[command(flatten)]
    polygons: PolygonArgs,
    /// Write GeoJSON in longitude and latitude as RFC 7946 wants it, instead of the raster's CRS.
    #[arg(long)]
    rfc7946: bool,
    /// Write QGIS styles beside the outputs (*.qml), and into GeoPackages.
    #[arg(long)]
    styles: bool,
    /// Replace outputs that exist.
    #[arg(long)]
    overwrite: bool,
}

impl VectorizeArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        vectorize(&VectorizeRequest {
            rasters: self.rasters,
            vectors: self.outputs,
            threshold: self.threshold,
            polygons: self.polygons.config(),
            rfc7946: self.rfc7946,
            styles: self.styles,
            overwrite: self.overwrite,
            verbosity,
        })
    }
}
