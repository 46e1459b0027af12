//! Flags of `geophrase segment`.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::remote::{SourceArgs, sha256};
use crate::cli::shared::{AnswerArgs, BesideArgs, EngineArgs, PartArgs, PolygonArgs, SceneArgs, ViewArgs};
use crate::commands::segment::{SegmentRequest, look, segment};
use crate::config::{OutputConfig, RunConfig};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::remote::RemoteOptions;
use crate::run::signals;

/// Find what a phrase refers to.
#[derive(Debug, Args)]
pub(crate) struct SegmentArgs {
    /// The scene: a file, an address (https://...), a STAC item, or any other name that GDAL knows.
    scene: OsString,
    /// What to find; may be given several times.
    #[arg(short, long = "prompt", required = true, value_name = "PHRASE")]
    prompts: Vec<String>,
    /// Polygons: .geojson, .gpkg, .fgb or .shp in the CRS of the scene, .geojsonl or .geojsons in longitude and latitude,
    /// - for GeoJSON on standard output; may be given several times.
    #[arg(short, long = "output", value_name = "FILE", required_unless_present_any = ["raster", "class_raster"])]
    outputs: Vec<PathBuf>,
    /// Probability and uncertainty as GeoTIFF, the mask beside it as *.mask.tif.
    #[arg(long, value_name = "FILE.tif")]
    raster: Option<PathBuf>,
    /// All prompts in one GeoTIFF of bytes: the number of the most probable above the threshold, 0 for none.
    #[arg(long, value_name = "FILE.tif")]
    class_raster: Option<PathBuf>,
    /// Where the report goes [default: beside the first output, as *.report.json].
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Write a QGIS project that opens scene and outputs together.
    #[arg(long, value_name = "FILE.qgs|.qgz")]
    qgis_project: Option<PathBuf>,
    /// Replace outputs that exist.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    polygons: PolygonArgs,
    #[command(flatten)]
    beside: BesideArgs,
    /// Write the scorer's own uncertainty too, as a third band.
    #[arg(long, requires = "raster")]
    raw_uncertainty: bool,
    /// Say how many tiles there are and what they take, in memory, time and disk space, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Keep finished tiles in this folder, so that the same command goes on after it was interrupted or killed; the
    /// folder is removed once the outputs are there.
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// The SHA-256 that a scene that is fetched must have.
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    scene_sha256: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    scene_args: SceneArgs,
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    answers: AnswerArgs,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl SegmentArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let outputs = OutputConfig {
            vectors: self.outputs,
            raster: self.raster,
            report: self.report,
            class_raster: self.class_raster,
            qgis_project: self.qgis_project,
            overwrite: self.overwrite,
            ..self.beside.outputs()
        };
        let scene_options = self.scene_args.options();
        let request = SegmentRequest {
            scene: self.source.scene(self.scene, scene_options.trust)?,
            scene_options,
            at_hand: None,
            remote: RemoteOptions { sha256: self.scene_sha256, ..self.source.fetch.options() },
            stats: self.source.stats,
            prompts: self.prompts,
            model: self.engine.model,
            device: self.engine.device,
            run: RunConfig {
                part: self.part.part(),
                cutline: self.part.cutline,
                polygons: self.polygons.config(),
                batch: self.engine.batch,
                ram: self.engine.memory.ram(),
                raw_uncertainty: self.raw_uncertainty,
                ..self.answers.config(self.views, outputs)
            },
            checkpoint: self.checkpoint,
            verbosity,
            keep_detections: 0,
        };
        if self.dry_run {
            // A reader such as `head` may have gone already.
            let _ = std::io::stdout().write_all(look(request, signals())?.as_bytes());
            return Ok(());
        }
        segment(request, signals())?.whole()
    }
}
