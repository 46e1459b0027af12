//! A georeferenced raster that can be worked on, opened once and read by windows.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use gdal::Dataset;
use serde::Serialize;

use crate::bands;
use crate::crs::SceneCrs;
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::{forget_remote, open_raster, open_untrusted};
use crate::geodesy::GeoContext;
use crate::georeference::{self, Lost};
use crate::grid::PixelSize;
use crate::handle::{BlockMemory, Handle, Layout};
use crate::moment;
use crate::pixels::{PixelReader, ValiditySource};
use crate::scaling::{ScaleChoice, ScalingInfo};
use crate::statistics;
use crate::transform::Affine;
use crate::untrusted::{self, Trust};
use crate::window::PixelWindow;

/// How far a box may reach beyond a pixel's edge without the next pixel counting, for the roundness of coordinates.
const SNAP_PX: f64 = 1e-6;

/// What the user may decide about how a scene is read.
#[derive(Clone, Debug, Default)]
pub struct SceneOptions {
    /// Bands to use as red, green, blue (three) or as grey (one), counted from 1. `None`: by their meaning.
    pub bands: Option<Vec<usize>>,
    /// How values become 0 to 255.
    pub scale: ScaleChoice,
    /// The stored value that means "no data", instead of what the scene says.
    pub nodata: Option<f64>,
    /// The CRS to take when the scene has none: anything GDAL understands, such as `EPSG:32633`.
    pub assume_crs: Option<String>,
    /// Work in pixel coordinates when the scene has no CRS.
    pub allow_no_crs: bool,
    /// Whom the scene comes from.
    pub trust: Trust,
    /// How values of this very scene become 0 to 255, as it was found out earlier; then it is not found out again.
    pub known_scaling: Option<ScalingInfo>,
}

/// What is known about an open scene.
#[derive(Clone, Debug, Serialize)]
pub struct SceneInfo {
    /// What it is called: the name it was opened by, or the address it was fetched from.
    pub name: String,
    /// Its size.
    pub size: PixelSize,
    /// Row and column of its first pixel in the scene that it was cut from; zero for a whole scene.
    pub origin: (u32, u32),
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
    /// Where it says which pixels hold data.
    pub validity: ValiditySource,
    /// Ground size of the pixel in the middle of the scene, `None` where it cannot be known.
    pub pixel_size_m: Option<f64>,
    /// What the user should know, in sentences without a full stop: `one band: used as grey`.
    pub notes: Vec<String>,
    /// Width and height of the blocks the file is stored in.
    pub block: (u32, u32),
    /// When it was taken, as it says itself: in UTC, as RFC 3339 writes it.
    pub datetime: Option<String>,
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
    /// What GDAL opens.
    name: OsString,
    /// What users call it.
    called: OsString,
    handle: Handle,
    reader: PixelReader,
    info: SceneInfo,
    trust: Trust,
}

impl Scene {
    /// Opens whatever GDAL opens, and decides once how it is read.
    ///
    /// # Errors
    /// Missing, unreadable and unusable scenes, each with the remedy; bands or a scale that do not fit.
    pub fn open(name: &OsStr, options: &SceneOptions) -> Result<Self, GeoIoError> {
        Self::open_as(name, name, options)
    }

    /// The same for a file that users know by another name, such as the address it was fetched from.
    ///
    /// # Errors
    /// As for [`open`](Self::open), by that name.
    pub fn open_as(name: &OsStr, called: &OsStr, options: &SceneOptions) -> Result<Self, GeoIoError> {
        let unusable = |reason: String| GeoIoError::UnusableScene { name: called.to_owned(), reason };
        let dataset = open(name, called, options.trust)?;
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
        let reader = PixelReader::new(&dataset, colour, options.nodata)
            .map_err(|failure| GeoIoError::OpenScene { name: called.to_owned(), source: failure.into() })?;
        let mut scale = options.scale;
        if matches!(reader.colour(), bands::Colour::Palette(..)) && scale != ScaleChoice::Auto {
            notes.push("--scale says nothing about a palette: its colours are used as they are".to_owned());
            scale = ScaleChoice::Auto;
        }
        let scaling = match &options.known_scaling {
            Some(known) => known.clone(),
            None => statistics::decide(&dataset, &reader, size, scale).map_err(|(window, failure)| {
                GeoIoError::ReadWindow { name: called.to_owned(), window, source: failure.into() }
            })?,
        };
        let pixel_size_m = GeoContext::of(place.affine, size, place.crs.as_ref()).pixel_size_m();
        let info = SceneInfo {
            name: called.to_string_lossy().into_owned(),
            size,
            origin: (0, 0),
            affine: place.affine,
            has_grid: place.has_grid,
            crs: place.crs,
            bands: reader.colour().bands(),
            data_type: reader.sample().name(),
            scaling,
            validity: reader.validity_source(),
            pixel_size_m,
            notes,
            block: block_of(&dataset, &reader),
            datetime: moment::of(&dataset),
        };
        let pixel_bytes = dataset.rasterbands().flatten().map(|band| u64::from(band.band_type().bytes())).sum();
        let handle = Handle::new(dataset, Layout { size, block: info.block, pixel_bytes });
        let (name, called) = (name.to_owned(), called.to_owned());
        Ok(Self { name, called, handle, reader, info, trust: options.trust })
    }

    /// The name by which GDAL opened it.
    pub fn name(&self) -> &OsStr {
        &self.name
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
        if self.handle.is_shared() {
            return Ok(self.with(self.handle.share()));
        }
        self.anew()
    }

    /// The same by a dataset of its own, which knows nothing of what this one met.
    ///
    /// # Errors
    /// When it cannot be opened any more or has changed.
    pub fn anew(&self) -> Result<Self, GeoIoError> {
        forget_remote(&self.name);
        let dataset = open(&self.name, &self.called, self.trust)?;
        if size_of(&dataset) != Some(self.info.size) || dataset.raster_count() != self.handle.band_count() {
            let source = GdalFailure::new("its size or bands have changed since it was first opened").into();
            return Err(GeoIoError::OpenScene { name: self.called.clone(), source });
        }
        Ok(self.with(self.handle.over(dataset)))
    }

    fn with(&self, handle: Handle) -> Self {
        let (name, called) = (self.name.clone(), self.called.clone());
        let (reader, info) = (self.reader.clone(), self.info.clone());
        Self { name, called, handle, reader, info, trust: self.trust }
    }

    /// What GDAL should be able to keep of decoded blocks, in bytes, so that each is decoded once when tiles of so many
    /// rows are read row by row; `None` where blocks are small and it does not matter.
    pub fn wanted_cache_bytes(&self, rows: u32) -> Option<u64> {
        self.handle.wanted_cache_bytes(rows)
    }

    /// What blocks take while readers decode them.
    pub fn block_memory(&self) -> BlockMemory {
        self.handle.block_memory()
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
            .map_err(|failure| GeoIoError::ReadWindow { name: self.called.clone(), window, source: failure.into() })?;
        Ok(RgbWindow { window, rgb, valid })
    }
}

impl SceneInfo {
    /// The same for a part of the scene as a raster of its own.
    #[must_use]
    pub fn cut(&self, part: PixelWindow) -> Self {
        let size = PixelSize { width: part.width, height: part.height };
        let has_grid = self.has_grid || (part.col_off, part.row_off) != (0, 0);
        Self {
            size,
            origin: (self.origin.0 + part.row_off, self.origin.1 + part.col_off),
            affine: self.affine.shifted(part.col_off, part.row_off),
            has_grid,
            ..self.clone()
        }
    }

    /// The pixels that a box touches: smallest x, smallest y, largest x, largest y in the CRS of the scene; `None` where it
    /// does not meet the scene.
    #[must_use]
    pub fn window_of(&self, bounds: [f64; 4]) -> Option<PixelWindow> {
        let [left, top, right, bottom] = self.affine.pixel_bounds(bounds)?;
        let span = |low: f64, high: f64, length: u32| {
            let first = (low + SNAP_PX).floor().max(0.0);
            let end = (high - SNAP_PX).ceil().min(f64::from(length));
            (end > first).then_some((first as u32, (end - first) as u32))
        };
        let (col_off, width) = span(left, right, self.size.width)?;
        let (row_off, height) = span(top, bottom, self.size.height)?;
        Some(PixelWindow { col_off, row_off, width, height })
    }

    /// The part of its name after the last slash, by which it is told apart from others of its folder.
    pub fn short_name(&self) -> String {
        let name = &self.name;
        let short = name.rsplit(['/', '\\']).find(|part| !part.is_empty());
        short.unwrap_or(name).to_owned()
    }

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

/// Opens a scene as its origin allows.
fn open(name: &OsStr, called: &OsStr, trust: Trust) -> Result<Dataset, GeoIoError> {
    let Trust::Untrusted { max_px } = trust else {
        return open_raster(name).map_err(|failure| not_opened(name, called, failure));
    };
    let refused = |reason: String| GeoIoError::UnusableScene { name: called.to_owned(), reason };
    if Path::new(name).symlink_metadata().is_err() {
        return Err(GeoIoError::MissingScene { name: called.to_owned() });
    }
    untrusted::distrust_scenes();
    let driver = untrusted::driver_for(name).map_err(refused)?;
    let dataset = open_untrusted(name, driver).map_err(|failure| not_opened(name, called, failure))?;
    untrusted::inspect(&dataset, name, max_px).map_err(refused)?;
    Ok(dataset)
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
fn not_opened(name: &OsStr, called: &OsStr, failure: GdalFailure) -> GeoIoError {
    let on_disk = std::fs::File::open(name).and_then(|file| file.metadata());
    let missing = |text: &str| {
        ["No such file or directory", "does not exist", "response code: 404"].iter().any(|sign| text.contains(sign))
    };
    let is_virtual = name.as_encoded_bytes().starts_with(b"/vsi");
    let source = match on_disk {
        Err(error) if !is_virtual && error.kind() == std::io::ErrorKind::NotFound => {
            return GeoIoError::MissingScene { name: called.to_owned() };
        }
        Err(error) if !is_virtual && error.kind() == std::io::ErrorKind::PermissionDenied => error.into(),
        Err(_) if is_virtual && missing(failure.message()) => {
            return GeoIoError::MissingScene { name: called.to_owned() };
        }
        Ok(metadata) if metadata.is_dir() => GdalFailure::new("it is a folder, not a raster that gdal knows").into(),
        Ok(metadata) if metadata.is_file() && metadata.len() == 0 => GdalFailure::new("the file is empty").into(),
        _ => failure.into(),
    };
    GeoIoError::OpenScene { name: called.to_owned(), source }
}
