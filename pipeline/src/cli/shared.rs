//! Flags that several commands have.

use std::path::PathBuf;

use clap::Args;
use geo_io::{ScaleChoice, SceneOptions, Trust};
use model::DeviceChoice;

use crate::budget::Ram;
use crate::config::{self, MinArea, OnBadTile, OutputConfig, PolygonConfig, RunConfig};
use crate::tiling::Overlap;
use crate::view::choice::{FrameChoice, Resolution, ViewConfig, ViewSizes};
use crate::view::part::Part;

/// How scenes are read.
#[derive(Clone, Debug, Args)]
pub(crate) struct SceneArgs {
    /// Bands to use as red, green, blue, or one as grey, counted from 1.
    #[arg(short, long, value_name = "N,N,N", value_delimiter = ',')]
    bands: Option<Vec<usize>>,
    /// How values become 8-bit: auto, MIN,MAX, pLOW,pHIGH (percentiles of the scene) or reflectance:FULL.
    #[arg(long, value_name = "HOW", default_value = "auto", allow_hyphen_values = true)]
    scale: ScaleChoice,
    /// The stored value that means "no data", instead of what the scene says.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    src_nodata: Option<f64>,
    /// The CRS of a scene that has none, such as EPSG:32633.
    #[arg(long, value_name = "CRS")]
    assume_crs: Option<String>,
    /// Work in pixel coordinates when the scene has no CRS.
    #[arg(long)]
    allow_no_crs: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Whom scenes come from.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TrustArgs {
    /// The scene comes from a stranger: one plain file of a common format, no files beside it, no network.
    #[arg(long)]
    untrusted: bool,
    /// The most pixels that an untrusted scene may have.
    #[arg(long, value_name = "N", requires = "untrusted", default_value_t = geo_io::MAX_UNTRUSTED_PX)]
    max_pixels: u64,
}

impl TrustArgs {
    pub(crate) fn trust(self) -> Trust {
        if self.untrusted { Trust::Untrusted { max_px: self.max_pixels } } else { Trust::Trusted }
    }
}

impl SceneArgs {
    pub(crate) fn options(self) -> SceneOptions {
        SceneOptions {
            bands: self.bands,
            scale: self.scale,
            nodata: self.src_nodata,
            assume_crs: self.assume_crs,
            allow_no_crs: self.allow_no_crs,
            trust: self.trust.trust(),
            known_scaling: None,
        }
    }
}

/// Which part of a scene is worked on.
#[derive(Clone, Debug, Args)]
pub(crate) struct PartArgs {
    /// Work on these pixels only: first column, first row, number of columns, number of rows. Results in them are those of
    /// the whole scene.
    #[arg(long, num_args = 4, value_names = ["COL", "ROW", "WIDTH", "HEIGHT"], conflicts_with = "bbox")]
    srcwin: Option<Vec<u32>>,
    /// Work on the pixels that this box touches only, in the CRS of the scene.
    #[arg(long, visible_alias = "te", num_args = 4, value_names = ["XMIN", "YMIN", "XMAX", "YMAX"],
        allow_negative_numbers = true, value_parser = coordinate)]
    bbox: Option<Vec<f64>>,
    /// Work within the polygons of this vector file only; the rest is nodata.
    #[arg(long, value_name = "FILE")]
    pub(crate) cutline: Option<PathBuf>,
}

fn coordinate(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("{text:?} is no coordinate"))
}

impl PartArgs {
    pub(crate) fn part(&self) -> Part {
        let pixels = self.srcwin.as_deref().and_then(|window| window.try_into().ok()).map(Part::Pixels);
        let bounds = self.bbox.as_deref().and_then(|bounds| bounds.try_into().ok()).map(Part::Box);
        pixels.or(bounds).unwrap_or_default()
    }
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
    /// Draw what has straight walls at right angles, such as buildings, with just these.
    #[arg(long)]
    regularize: bool,
    /// Round the corners of outlines.
    #[arg(long)]
    smooth: bool,
}

impl PolygonArgs {
    pub(crate) fn config(&self) -> PolygonConfig {
        PolygonConfig {
            min_area: self.min_area,
            max_uncertainty: self.max_uncertainty,
            fill_holes: self.fill_holes,
            simplify_px: self.simplify,
            corners_connect: self.connectivity,
            regularize: self.regularize,
            smooth: self.smooth,
        }
    }
}

/// What is written together with polygons and rasters.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct BesideArgs {
    /// Write rasters as cloud-optimized GeoTIFFs, with overviews.
    #[arg(long)]
    cog: bool,
    /// Write QGIS styles beside the outputs (*.qml), and into GeoPackages.
    #[arg(long)]
    styles: bool,
    /// Write a STAC Item beside the outputs (*.stac.json).
    #[arg(long)]
    stac: bool,
    /// Write GeoJSON in longitude and latitude as RFC 7946 wants it, instead of the scene's CRS.
    #[arg(long)]
    pub(crate) rfc7946: bool,
}

impl BesideArgs {
    pub(crate) fn outputs(self) -> OutputConfig {
        let Self { cog, styles, stac, rfc7946 } = self;
        OutputConfig { cog, styles, stac, rfc7946, ..OutputConfig::default() }
    }
}

/// What counts as found.
#[derive(Clone, Debug, Args)]
pub(crate) struct AnswerArgs {
    /// What neighbouring tiles share: pixels (64) or a share of the tile (20%).
    #[arg(long, value_name = "PX|%", default_value = config::TILE_OVERLAP)]
    tile_overlap: Overlap,
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
}

impl AnswerArgs {
    /// The run that is asked for, with the defaults of everything else.
    pub(crate) fn config(self, views: ViewArgs, outputs: OutputConfig) -> RunConfig {
        RunConfig {
            views: views.config(),
            overlap: self.tile_overlap,
            threshold: self.threshold,
            min_presence: self.min_presence,
            on_bad_tile: self.on_bad_tile,
            ..RunConfig::new(outputs)
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
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

/// The memory that a run may take.
#[derive(Clone, Debug, Args)]
pub(crate) struct MemoryArgs {
    /// The memory that a run may take, such as 800M or 4G [default: half of what is free].
    #[arg(long, value_name = "SIZE")]
    ram: Option<Ram>,
}

impl MemoryArgs {
    pub(crate) fn ram(&self) -> Ram {
        self.ram.unwrap_or_default()
    }
}

fn batch(text: &str) -> Result<usize, String> {
    let batch: Option<usize> = text.parse().ok();
    batch.filter(|batch| (1..=1024).contains(batch)).ok_or_else(|| format!("{text:?} is no number from 1 to 1024"))
}
