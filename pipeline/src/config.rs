//! What a run was asked to do, and every default.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use geo_io::{SceneInfo, Shaping};
use serde::{Deserialize, Serialize};

use crate::budget::Ram;
use crate::error::PipelineError;
use crate::tiling::Overlap;
use crate::view::choice::ViewConfig;
use crate::view::part::Part;

/// Environment variable that names the model folder.
pub const MODEL_VARIABLE: &str = "GEOPHRASE_MODEL";
/// Share of the tile side that neighbours have in common.
pub const TILE_OVERLAP: &str = "20%";
/// Probability above which a pixel belongs to the mask.
pub const THRESHOLD: f32 = 0.5;
/// Tiles given to the model at once.
pub const BATCH: usize = 4;
/// Threads that read tiles, each with its own dataset.
pub const READERS: usize = 2;
/// Tiles in a unit of a plan, about.
pub const UNIT_TILES: u32 = 256;
/// Items that wait between two stages.
pub const QUEUE: usize = 2;

/// What becomes of a tile that cannot be read or answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadTile {
    /// The run fails and writes nothing.
    #[default]
    Fail,
    /// The tile is a hole: nodata in every output, counted and located in the report, and exit code 4.
    Hole,
}

/// The smallest detection that is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MinArea {
    /// Square metres on the ellipsoid.
    M2(f64),
    /// Pixels.
    Px(u64),
}

impl FromStr for MinArea {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no area: give square metres (25) or pixels (40px)");
        if let Some(number) = text.strip_suffix("px") {
            return number.trim().parse().map(Self::Px).map_err(|_| wrong());
        }
        let number = text.strip_suffix("m2").unwrap_or(text).trim();
        let area: f64 = number.parse().map_err(|_| wrong())?;
        (area.is_finite() && area >= 0.0).then_some(Self::M2(area)).ok_or_else(wrong)
    }
}

impl std::fmt::Display for MinArea {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::M2(area) => write!(f, "{area} m2"),
            Self::Px(area) => write!(f, "{area} px"),
        }
    }
}

/// How the mask becomes polygons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolygonConfig {
    /// The smallest detection that is written.
    pub min_area: MinArea,
    /// Detections of a higher mean uncertainty are left out.
    pub max_uncertainty: Option<f64>,
    /// Holes up to this area become part of the polygon around them.
    pub fill_holes: MinArea,
    /// Leave out corners: how far inside the mask an outline may then be, in pixels.
    pub simplify_px: Option<f64>,
    /// Whether pixels that touch by a corner only belong together.
    pub corners_connect: bool,
    /// Draw what has straight walls at right angles with just these.
    pub regularize: bool,
    /// Round the corners of everything else.
    pub smooth: bool,
}

impl PolygonConfig {
    /// 8 where pixels that touch by a corner only belong together, else 4.
    #[must_use]
    pub fn connectivity(&self) -> u8 {
        if self.corners_connect { 8 } else { 4 }
    }

    /// How outlines are drawn.
    #[must_use]
    pub fn shaping(&self) -> Shaping {
        Shaping { simplify_px: self.simplify_px, regularize: self.regularize, smooth: self.smooth }
    }
}

impl Default for PolygonConfig {
    fn default() -> Self {
        Self {
            min_area: MinArea::Px(0),
            max_uncertainty: None,
            fill_holes: MinArea::Px(0),
            simplify_px: None,
            corners_connect: false,
            regularize: false,
            smooth: false,
        }
    }
}

/// Reads a tolerance of simplification.
///
/// # Errors
/// A text for the user when it is no number from 0.5 to 100.
pub fn parse_simplify(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("px").unwrap_or(text).trim();
    let tolerance: Option<f64> = number.parse().ok().filter(|tolerance| (0.5..=100.0).contains(tolerance));
    tolerance.ok_or_else(|| format!("{text:?} is no tolerance: give pixels from 0.5 to 100"))
}

/// Reads the highest mean uncertainty of a detection.
///
/// # Errors
/// A text for the user when it is no number from 0 to 1.
pub fn parse_uncertainty(text: &str) -> Result<f64, String> {
    let most: Option<f64> = text.trim().parse().ok().filter(|most| (0.0..=1.0).contains(most));
    most.ok_or_else(|| format!("{text:?} is no uncertainty: give a number from 0 to 1"))
}

/// Reads how many neighbours a pixel has.
///
/// # Errors
/// A text for the user when it is neither 4 nor 8.
pub fn parse_connectivity(text: &str) -> Result<bool, String> {
    match text {
        "4" => Ok(false),
        "8" => Ok(true),
        _ => Err(format!("{text:?} is neither 4 nor 8")),
    }
}

/// Reads a probability threshold.
///
/// # Errors
/// A text for the user when it is no number in `0 <= threshold < 1`.
pub fn parse_threshold(text: &str) -> Result<f32, String> {
    let wrong = || format!("{text:?} is no threshold: give a number from 0 up to, but not including, 1");
    let threshold: f32 = text.trim().parse().map_err(|_| wrong())?;
    (0.0..1.0).contains(&threshold).then_some(threshold).ok_or_else(wrong)
}

/// A presence as `--min-presence` gives it.
///
/// # Errors
/// The reason, for a text that is no number from 0 to 1.
pub fn parse_presence(text: &str) -> Result<f64, String> {
    let presence: Option<f64> = text.trim().parse().ok().filter(|presence| (0.0..=1.0).contains(presence));
    presence.ok_or_else(|| format!("{text:?} is no presence: give a number from 0 to 1"))
}

/// How a run goes, once scene and model are open.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// How the scene is shown to the model.
    pub views: ViewConfig,
    /// The part of the scene that is worked on.
    pub part: Part,
    /// A vector file whose polygons bound what is worked on.
    pub cutline: Option<PathBuf>,
    /// What neighbouring tiles share.
    pub overlap: Overlap,
    /// Probability above which a pixel belongs to the mask.
    pub threshold: f32,
    /// Presence below which a tile holds nothing, instead of the model's own.
    pub min_presence: Option<f64>,
    /// How the mask becomes polygons.
    pub polygons: PolygonConfig,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Threads that read tiles.
    pub readers: usize,
    /// The memory that the run may take.
    pub ram: Ram,
    /// What becomes of a tile that cannot be read or answered.
    pub on_bad_tile: OnBadTile,
    /// Whether the scorer's own map is written too.
    pub raw_uncertainty: bool,
    /// Where results go.
    pub outputs: OutputConfig,
}

/// Where results go.
#[derive(Clone, Debug, Default)]
pub struct OutputConfig {
    /// Polygons, in as many formats as wanted; `-` is standard output.
    pub vectors: Vec<PathBuf>,
    /// Probability and uncertainty (and the mask beside it): `.tif`.
    pub raster: Option<PathBuf>,
    /// Where the report goes, when not beside the first output.
    pub report: Option<PathBuf>,
    /// Whether outputs that exist are replaced.
    pub overwrite: bool,
    /// Whether rasters are cloud-optimized GeoTIFFs.
    pub cog: bool,
    /// All prompts in one raster: the most probable above the threshold.
    pub class_raster: Option<PathBuf>,
    /// Whether QGIS styles are written beside the outputs, and into GeoPackages.
    pub styles: bool,
    /// A QGIS project of scene and outputs: `.qgs` or `.qgz`.
    pub qgis_project: Option<PathBuf>,
    /// Whether a STAC Item is written beside the outputs.
    pub stac: bool,
    /// Whether GeoJSON is written in longitude and latitude as RFC 7946 wants it.
    pub rfc7946: bool,
}

impl RunConfig {
    /// Refuses what makes no sense for a scene.
    ///
    /// # Errors
    /// [`PipelineError::Usage`].
    pub fn fits(&self, info: &SceneInfo) -> Result<(), PipelineError> {
        for (flag, area) in [("--min-area", self.polygons.min_area), ("--fill-holes", self.polygons.fill_holes)] {
            if matches!(area, MinArea::M2(area) if area > 0.0) && info.crs.is_none() {
                let reason = format!("a scene without a CRS has no square metres: give {flag} in pixels, such as 40px");
                return Err(PipelineError::Usage(reason));
            }
        }
        Ok(())
    }

    /// The defaults, writing to some outputs.
    #[must_use]
    pub fn new(outputs: OutputConfig) -> Self {
        Self {
            views: ViewConfig::default(),
            part: Part::Whole,
            cutline: None,
            overlap: Overlap::Percent(20.0),
            threshold: THRESHOLD,
            min_presence: None,
            polygons: PolygonConfig::default(),
            batch: BATCH,
            readers: READERS,
            ram: Ram::HalfOfFree,
            on_bad_tile: OnBadTile::Fail,
            raw_uncertainty: false,
            outputs,
        }
    }
}

/// The model folder: the one named, else the environment's, else the one installed with the program, else the
/// project's own. An empty variable counts as none.
///
/// # Errors
/// [`PipelineError::NoModel`] with the places looked in when none is named and none is found.
pub fn find_model(named: Option<PathBuf>) -> Result<PathBuf, PipelineError> {
    let in_environment = || std::env::var_os(MODEL_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if let Some(folder) = named.or_else(in_environment) {
        return Ok(folder);
    }
    let installed =
        std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.join("share/geophrase/models/small")));
    let places: Vec<PathBuf> = installed.into_iter().chain([Path::new("data/models/small").to_owned()]).collect();
    if let Some(folder) = places.iter().find(|folder| folder.join("config.json").is_file()) {
        return Ok(folder.clone());
    }
    let looked_in = places.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(PipelineError::NoModel { looked_in })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_read_in_square_metres_and_in_pixels() {
        assert_eq!("25".parse(), Ok(MinArea::M2(25.0)));
        assert_eq!("2.5m2".parse(), Ok(MinArea::M2(2.5)));
        assert_eq!("40px".parse(), Ok(MinArea::Px(40)));
        for wrong in ["", "-1", "NaN", "inf", "1.5px", "big"] {
            assert!(wrong.parse::<MinArea>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_threshold_is_a_probability_below_one() {
        assert_eq!(parse_threshold("0.25"), Ok(0.25));
        assert_eq!(parse_threshold("0"), Ok(0.0));
        assert_eq!(parse_presence("1"), Ok(1.0));
        assert!(parse_presence("1.1").is_err() && parse_presence("NaN").is_err());
        for wrong in ["1", "-0.1", "NaN", "half"] {
            assert!(parse_threshold(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_default_overlap_is_what_the_flag_says() {
        assert_eq!(TILE_OVERLAP.parse(), Ok(RunConfig::new(OutputConfig::default()).overlap));
    }

    #[test]
    fn a_named_model_folder_is_taken_as_it_is() {
        assert_eq!(find_model(Some("no/such".into())).unwrap(), Path::new("no/such"));
    }
}
