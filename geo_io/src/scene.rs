//! A georeferenced raster that can be worked on, opened once and read by windows.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use gdal::Dataset;
use serde::Serialize;

use crate::bands;
use crate::crs::SceneCrs;
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::open_raster;
use crate::geodesy::GeoContext;
use crate::georeference::{self, Lost};
use crate::grid::PixelSize;
use crate::handle::{Handle, Layout};
use crate::pixels::PixelReader;
use crate::scaling::{ScaleChoice, ScalingInfo};
use crate::statistics;
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
    handle: Handle,
    reader: PixelReader,
    info: SceneInfo,
}

impl Scene {
    /// Opens whatever GDAL opens, and decides once how it is read.
    ///
    /// # Errors
    /// Missing, unreadable and unusable scenes, each with the remedy; bands or a scale that do not fit.
    pub fn open(name: &OsStr, options: &SceneOptions) -> Result<Self, GeoIoError> {
        let unusable = |reason: String| GeoIoError::UnusableScene { name: name.to_owned(), reason };
        let dataset = open_raster(name).map_err(|failure| not_opened(name, failure))?;
        let mut notes = Vec::new();
        let colour =
            bands::choose(&dataset, options.bands.as_deref(), &mut notes).map_err(|refusal| match refusal {
                bands::Refusal::Scene(reason) => unusable(reason),
                bands::Refusal::Option(reason) => GeoIoError::Usage { reason },
            })?;
        let size = size_of(&dataset).ok_or_else(|| unusable("it has no pixels".to_owned()))?;
        let place = georeference::locate(&dataset, size, options, &mut notes).map_err(|lost| match lost {
            Lost::Scene(reason) => unusable(reason),
            Lost::Option(reason) => GeoIoError::Usage { reason },
        })?;
        let reader = PixelReader::new(&dataset, colour)
            .map_err(|failure| GeoIoError::OpenScene { name: name.to_owned(), source: failure.into() })?;
        let mut scale = options.scale;
        if matches!(reader.colour(), bands::Colour::Palette(..)) && scale != ScaleChoice::Auto {
            notes.push("--scale says nothing about a palette: its colours are used as they are".to_owned());
            scale = ScaleChoice::Auto;
        }
        let scaling = statistics::decide(&dataset, &reader, size, scale).map_err(|(window, failure)| {
            GeoIoError::ReadWindow { name: name.to_owned(), window, source: failure.into() }
        })?;
        let pixel_size_m = GeoContext::of(place.affine, size, place.crs.as_ref()).pixel_size_m();
        let info = SceneInfo {
            name: name.to_string_lossy().into_owned(),
            size,
            affine: place.affine,
            has_grid: place.has_grid,
            crs: place.crs,
            bands: reader.colour().bands(),
            data_type: reader.sample().name(),
            scaling,
            pixel_size_m,
            notes,
            block: block_of(&dataset, &reader),
        };
        let pixel_bytes = dataset.rasterbands().flatten().map(|band| u64::from(band.band_type().bytes())).sum();
        let handle = Handle::new(dataset, Layout { size, block: info.block, pixel_bytes });
        Ok(Self { name: name.to_owned(), handle, reader, info })
    }

    /// What is known about the scene.
    pub fn info(&self) -> &SceneInfo {
        &self.info
    }

    /// Another handle on the same scene with the same decisions, for another thread.
    ///
    /// Where the scene lies in strips or in blocks of a thousand pixels, all handles take turns with one dataset, so that
    /// each block is decoded once.
    ///
    /// # Errors
    /// When it cannot be opened any more or has changed.
    pub fn reopen(&self) -> Result<Self, GeoIoError> {
        let bands = self.handle.band_count();
        let same = |other: &Dataset| size_of(other) == Some(self.info.size) && other.raster_count() == bands;
        let another = self.handle.another(&self.name, same).map_err(|failure| not_opened(&self.name, failure))?;
        let Some(handle) = another else {
            let source = GdalFailure::new("its size or bands have changed since it was first opened").into();
            return Err(GeoIoError::OpenScene { name: self.name.clone(), source });
        };
        Ok(Self { name: self.name.clone(), handle, reader: self.reader.clone(), info: self.info.clone() })
    }

    /// Three bands on the 0 to 255 scale, and where they hold data.
    ///
    /// # Errors
    /// [`GeoIoError::ReadWindow`] when any pixel cannot be read, [`GeoIoError::Order`] when the window leaves the scene.
    pub fn read_rgb(&self, window: PixelWindow) -> Result<RgbWindow, GeoIoError> {
        if !window.fits(self.info.size) {
            let PixelSize { width, height } = self.info.size;
            return Err(GeoIoError::Order { reason: format!("{window} leaves the scene of {width}x{height} px") });
        }
        let ranges = match &self.info.scaling {
            ScalingInfo::None => None,
            ScalingInfo::Linear { ranges, .. } => Some(ranges),
        };
        let (rgb, valid) = self
            .handle
            .read(window, |dataset| self.reader.read_rgb(dataset, window, ranges))
            .map_err(|failure| GeoIoError::ReadWindow { name: self.name.clone(), window, source: failure.into() })?;
        Ok(RgbWindow { window, rgb, valid })
    }
}

impl SceneInfo {
    /// Refuses to write over the scene itself.
    pub(crate) fn is_not(&self, output: &Path) -> Result<(), GeoIoError> {
        // A scene that is no file, or an output that is not there yet, cannot be the same.
        match (std::fs::canonicalize(&self.name), std::fs::canonicalize(output)) {
            (Ok(scene), Ok(target)) if scene == target => {
                let source = GdalFailure::new("it is the scene itself").into();
                Err(GeoIoError::OutputCreate { path: output.to_owned(), source })
            }
            _ => Ok(()),
        }
    }
}

fn size_of(dataset: &Dataset) -> Option<PixelSize> {
    let (width, height) = dataset.raster_size();
    // Pixel corners are counted in i32.
    let side = |length: usize| u32::try_from(length).ok().filter(|length| (1..i32::MAX as u32).contains(length));
    Some(PixelSize { width: side(width)?, height: side(height)? })
}

fn block_of(dataset: &Dataset, reader: &PixelReader) -> (u32, u32) {
    let block = dataset.rasterband(reader.colour().bands()[0]).map(|band| band.block_size());
    let (width, height) = block.unwrap_or((256, 256));
    (u32::try_from(width).unwrap_or(u32::MAX), u32::try_from(height).unwrap_or(u32::MAX))
}

/// Chooses the message for a name GDAL could not open. The attempt has been made: nothing is decided by `exists`.
fn not_opened(name: &OsStr, failure: GdalFailure) -> GeoIoError {
    let on_disk = std::fs::File::open(name).and_then(|file| file.metadata());
    let missing = |text: &str| {
        ["No such file or directory", "does not exist", "response code: 404"].iter().any(|sign| text.contains(sign))
    };
    let is_virtual = name.as_encoded_bytes().starts_with(b"/vsi");
    let source = match on_disk {
        Err(error) if !is_virtual && error.kind() == std::io::ErrorKind::NotFound => {
            return GeoIoError::MissingScene { name: name.to_owned() };
        }
        Err(error) if !is_virtual && error.kind() == std::io::ErrorKind::PermissionDenied => error.into(),
        Err(_) if is_virtual && missing(failure.message()) => {
            return GeoIoError::MissingScene { name: name.to_owned() };
        }
        Ok(metadata) if metadata.is_dir() => GdalFailure::new("it is a folder, not a raster that gdal knows").into(),
        Ok(metadata) if metadata.is_file() && metadata.len() == 0 => GdalFailure::new("the file is empty").into(),
        _ => failure.into(),
    };
    GeoIoError::OpenScene { name: name.to_owned(), source }
}
