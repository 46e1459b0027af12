//! A georeferenced raster that can be worked on, opened once and read by windows.

use std::ffi::{OsStr, OsString};

use serde::Serialize;

use crate::crs::SceneCrs;
use crate::error::GeoIoError;
use crate::grid::PixelSize;
use crate::scaling::{ScaleChoice, ScalingInfo};
use crate::transform::Affine;
use crate::window::PixelWindow;

/// What the user may decide about how a scene is read.
#[derive(Clone, Debug, Default)]
pub struct SceneOptions {
    /// Bands to use as red, green, blue (three) or as grey (one), counted from 1. `None`: by their meaning.
    pub bands: Option<Vec<usize>>,
    /// How values become 0 to 255.
    pub scale: ScaleChoice,
    /// The CRS to take when the scene has none: anything GDAL understands, such as `EPSG:32633`.
    pub assume_crs: Option<String>,
    /// Work in pixel coordinates when the scene has no CRS.
    pub allow_no_crs: bool,
}

/// What is known about an open scene.
#[derive(Clone, Debug, Serialize)]
pub struct SceneInfo {
    /// The name it was opened by.
    pub name: String,
    /// Its size.
    pub size: PixelSize,
    /// Where it lies. The identity when the scene has no grid of its own.
    pub affine: Affine,
    /// False when the scene stores no grid, so that outputs store none either.
    pub has_grid: bool,
    /// Its CRS, or `None` when it has none and that was allowed.
    pub crs: Option<SceneCrs>,
    /// The bands in use, counted from 1: three, or one for grey and palette.
    pub bands: Vec<usize>,
    /// GDAL's name of the stored type, such as `Byte`.
    pub data_type: String,
    /// How values become 0 to 255.
    pub scaling: ScalingInfo,
    /// Ground size of the pixel in the middle of the scene, `None` where it cannot be known.
    pub pixel_size_m: Option<f64>,
    /// What the user should know, in sentences without a full stop: `one band: used as grey`.
    pub notes: Vec<String>,
    /// Width and height of the blocks the file is stored in.
    pub block: (u32, u32),
}

/// Pixels of a window on the 8-bit scale.
///
/// # Shapes
/// `rgb`: `[3, row, col]`; `valid`: `[row, col]`.
#[derive(Clone, Debug, PartialEq)]
pub struct RgbWindow {
    /// Which pixels these are.
    pub window: PixelWindow,
    /// Red, green and blue planes, 0 to 255; 0 where invalid.
    pub rgb: Vec<f32>,
    /// 1 where the pixel holds data, 0 where it is nodata.
    pub valid: Vec<u8>,
}

/// An open scene. It can be sent to another thread but not shared: give each reader thread its own by [`Scene::reopen`].
pub struct Scene {
    name: OsString,
    info: SceneInfo,
}

impl Scene {
    /// Opens whatever GDAL opens, and decides once how it is read.
    ///
    /// # Errors
    /// Missing, unreadable and unusable scenes, each with the remedy; bands or a scale that do not fit.
    pub fn open(name: &OsStr, options: &SceneOptions) -> Result<Self, GeoIoError> {
        let _ = options;
        Err(GeoIoError::MissingScene {
            name: name.to_owned(),
        })
    }

    /// What is known about the scene.
    pub fn info(&self) -> &SceneInfo {
        &self.info
    }

    /// Another handle on the same scene with the same decisions, for another thread.
    ///
    /// # Errors
    /// When it cannot be opened any more or has changed.
    pub fn reopen(&self) -> Result<Self, GeoIoError> {
        Err(GeoIoError::MissingScene {
            name: self.name.clone(),
        })
    }

    /// Three bands on the 0 to 255 scale, and where they hold data.
    ///
    /// # Errors
    /// [`GeoIoError::ReadWindow`] when any pixel cannot be read, [`GeoIoError::Order`] when the window leaves the scene.
    pub fn read_rgb(&self, window: PixelWindow) -> Result<RgbWindow, GeoIoError> {
        Err(GeoIoError::Order {
            reason: format!("{window} cannot be read yet"),
        })
    }
}
