//! Flags of `geophrase segment`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use geo_io::{ScaleChoice, SceneOptions};
use model::DeviceChoice;

use crate::commands::segment::{SegmentRequest, segment};
use crate::config::{self, MinArea, OnBadTile, OutputConfig, PolygonConfig, RunConfig};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::run::signals;
use crate::tiling::Overlap;
use crate::view::choice::{FrameChoice, Resolution, ViewConfig, ViewSizes};

/// Find what a phrase refers to.
#[derive(Debug, Args)]
pub(crate) struct SegmentArgs {
    /// The scene, by any name GDAL knows: a file, /vsicurl/..., a subdataset.
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
    /// Write rasters as cloud-optimized GeoTIFFs, with overviews.
    #[arg(long)]
    cog: bool,
    /// Where the report goes [default: beside the first output, as *.report.json].
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Write QGIS styles beside the outputs (*.qml), and into GeoPackages.
    #[arg(long)]
    styles: bool,
    /// Write a QGIS project that opens scene and outputs together.
    #[arg(long, value_name = "FILE.qgs|.qgz")]
    qgis_project: Option<PathBuf>,
    /// Replace outputs that exist.
    #[arg(long)]
    overwrite: bool,
    /// What neighbouring tiles share: pixels (64) or a share of the tile (20%).
    #[arg(long, value_name = "PX|%", default_value = config::TILE_OVERLAP)]
    tile_overlap: Overlap,
    /// Bands to use as red, green, blue, or one as grey, counted from 1.
    #[arg(short, long, value_name = "N,N,N", value_delimiter = ',')]
    bands: Option<Vec<usize>>,
    /// How values become 8-bit: auto, MIN,MAX, pLOW,pHIGH (percentiles of the scene) or reflectance:FULL.
    #[arg(long, value_name = "HOW", default_value = "auto", allow_hyphen_values = true)]
    scale: ScaleChoice,
    /// Probability above which a pixel belongs to the mask.
    #[arg(long, value_name = "0..1", default_value_t = config::THRESHOLD, value_parser = config::parse_threshold)]
    threshold: f32,
    /// Presence below which a tile is taken to hold nothing of what is asked for, from 0 (never) to 1 [default: the
    /// model's].
    #[arg(long, value_name = "0..1", value_parser = config::parse_presence)]
    min_presence: Option<f64>,
    /// What becomes of a tile that cannot be read: fail ends the run, hole leaves nodata, lists it in the report and
    /// ends with exit code 4.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    on_bad_tile: OnBadTile,
    #[command(flatten)]
    polygons: PolygonArgs,
    /// Write GeoJSON in longitude and latitude as RFC 7946 wants it, instead of the scene's CRS.
    #[arg(long, requires = "outputs")]
    rfc7946: bool,
    /// The CRS of a scene that has none, such as EPSG:32633.
    #[arg(long, value_name = "CRS")]
    assume_crs: Option<String>,
    /// Work in pixel coordinates when the scene has no CRS.
    #[arg(long)]
    allow_no_crs: bool,
    /// Write the scorer's own uncertainty too, as a third band.
    #[arg(long, requires = "raster")]
    raw_uncertainty: bool,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

/// How the mask becomes polygons.
#[derive(Clone, Debug, Args)]
pub(crate) struct PolygonArgs {
    /// Leave out smaller polygons: square metres (25) or pixels (40px).
    #[arg(long, value_name = "M2|PX", default_value = "0px")]
    min_area: MinArea,
    /// Leave out polygons of a higher mean uncertainty.
    #[arg(long, value_name = "0..1", value_parser = config::parse_uncertainty)]
    max_uncertainty: Option<f64>,
    /// Fill holes up to this area: square metres (25) or pixels (40px).
    #[arg(long, value_name = "M2|PX", default_value = "0px")]
    fill_holes: MinArea,
    /// Leave out corners; outlines are then at most so many pixels inside the mask, from 0.5, and less than half a pixel
    /// outside.
    #[arg(long, value_name = "PX", value_parser = config::parse_simplify)]
    simplify: Option<f64>,
    /// Whether pixels that touch by a corner only are one polygon (8) or not (4).
    #[arg(long, value_name = "4|8", default_value = "4", value_parser = config::parse_connectivity)]
    connectivity: bool,
}

impl PolygonArgs {
    pub(crate) fn config(&self) -> PolygonConfig {
        PolygonConfig {
            min_area: self.min_area,
            max_uncertainty: self.max_uncertainty,
            fill_holes: self.fill_holes,
            simplify_px: self.simplify,
            corners_connect: self.connectivity,
        }
    }
}

/// How a scene is shown to the model.
#[derive(Clone, Debug, Args)]
pub(crate) struct ViewArgs {
    /// The pixel size at which the model sees the scene: auto, native, metres (0.3) or pixels of the scene (2px).
    #[arg(long, value_name = "SIZE", default_value_t)]
    resolution: Resolution,
    /// What words such as left, largest or second refer to: tile, scene (seen at once), or auto, which takes the scene
    /// where it is small.
    #[arg(long, value_name = "FRAME", default_value_t)]
    frame: FrameChoice,
    /// Show every view at several sizes, as multiples of its side (such as 1,0.5), and average the answers.
    #[arg(long, value_name = "LIST", default_value_t)]
    views: ViewSizes,
}

impl ViewArgs {
    pub(crate) fn config(self) -> ViewConfig {
        ViewConfig { resolution: self.resolution, frame: self.frame, sizes: self.views }
    }
}

/// The model and the device it runs on.
#[derive(Clone, Debug, Args)]
pub(crate) struct EngineArgs {
    /// The model folder [default: what GEOPHRASE_MODEL names, else the one shipped].
    #[arg(long, value_name = "DIR")]
    pub(crate) model: Option<PathBuf>,
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Tiles given to the model at once.
    #[arg(long, value_name = "N", default_value_t = config::BATCH, value_parser = batch)]
    pub(crate) batch: usize,
}

fn batch(text: &str) -> Result<usize, String> {
    let batch: Option<usize> = text.parse().ok();
    batch.filter(|batch| (1..=1024).contains(batch)).ok_or_else(|| format!("{text:?} is no number from 1 to 1024"))
}

impl SegmentArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let outputs = OutputConfig {
            vectors: self.outputs,
            raster: self.raster,
            report: self.report,
            cog: self.cog,
            class_raster: self.class_raster,
            styles: self.styles,
            qgis_project: self.qgis_project,
            overwrite: self.overwrite,
            rfc7946: self.rfc7946,
        };
        let request = SegmentRequest {
            scene: self.scene,
            scene_options: SceneOptions {
                bands: self.bands,
                scale: self.scale,
                assume_crs: self.assume_crs,
                allow_no_crs: self.allow_no_crs,
            },
            prompts: self.prompts,
            model: self.engine.model,
            device: self.engine.device,
            run: RunConfig {
                views: self.views.config(),
                overlap: self.tile_overlap,
                threshold: self.threshold,
                min_presence: self.min_presence,
                polygons: self.polygons.config(),
                batch: self.engine.batch,
                raw_uncertainty: self.raw_uncertainty,
                on_bad_tile: self.on_bad_tile,
                ..RunConfig::new(outputs)
            },
            verbosity,
            keep_detections: 0,
        };
        segment(request, signals())?.whole()
    }
}
