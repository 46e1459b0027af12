//! Probability, uncertainty and mask of a scene as GeoTIFFs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::GeoIoError;
use crate::geotiff::{Frame, GeoTiff, Storage};
use crate::scene::SceneInfo;
use crate::strip::SceneStrip;
use crate::write_guard::PendingOutput;

/// How the rasters of a prompt are written.
#[derive(Clone, Debug, Default)]
pub struct RasterOptions {
    /// Replace files of the same names.
    pub overwrite: bool,
    /// Add a third band `raw_uncertainty`; every strip must then carry it.
    pub raw_uncertainty: bool,
    /// Write cloud-optimized GeoTIFFs, with overviews: the mean of values, the commonest of labels.
    pub cog: bool,
    /// What the files say of how they came about.
    pub origin: RasterOrigin,
}

/// How a raster came about, as it says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RasterOrigin {
    /// The user's text.
    pub prompt: String,
    /// File name of the scene.
    pub scene: String,
    /// The threshold that the mask was cut at, and that the uncertainty speaks of.
    pub threshold: Option<f32>,
    /// Row and column of the raster's first pixel in the scene.
    pub first_px: (u32, u32),
}

impl RasterOrigin {
    /// Names and texts for the file, none where nothing is known.
    pub(crate) fn tags(&self) -> Vec<(String, String)> {
        let threshold = self.threshold.map(|threshold| threshold.to_string()).unwrap_or_default();
        let (row, col) = self.first_px;
        let first_px = if self.first_px == (0, 0) { String::new() } else { format!("{row},{col}") };
        let tags = [(PROMPT, &self.prompt), (SCENE, &self.scene), (THRESHOLD, &threshold), (FIRST_PX, &first_px)];
        tags.into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| (key.to_owned(), text.clone()))
            .collect()
    }
}

pub(crate) const PROMPT: &str = "GEOPHRASE_PROMPT";
pub(crate) const SCENE: &str = "GEOPHRASE_SCENE";
pub(crate) const FIRST_PX: &str = "GEOPHRASE_FIRST_PX";
pub(crate) const THRESHOLD: &str = "GEOPHRASE_THRESHOLD";
/// Labels 0 and 1: nothing, and a colour that is told from green and blue by everybody.
const MASK_COLOURS: [[u8; 4]; 2] = [[0, 0, 0, 0], [255, 200, 0, 255]];

/// Writes `OUT.tif` (bands `probability`, `uncertainty`) and `OUT.mask.tif`, rows in order.
pub struct RasterWriter {
    planes: GeoTiff<f32>,
    mask: GeoTiff<u8>,
    with_raw: bool,
}

impl RasterWriter {
    /// Creates both files under temporary names beside `out`.
    ///
    /// # Errors
    /// [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`], before any work is done.
    pub fn create(info: &SceneInfo, out: &Path, options: &RasterOptions) -> Result<Self, GeoIoError> {
        info.is_not(out)?;
        info.is_not(&mask_path(out))?;
        let frame = Frame { size: info.size, affine: info.has_grid.then_some(info.affine), crs: info.crs.clone() };
        let mut bands = vec!["probability", "uncertainty"];
        if options.raw_uncertainty {
            bands.push("raw_uncertainty");
        }
        let storage = |level: &str, predictor: &str, bands, nodata, resampling| {
            let stored = ["COMPRESS=DEFLATE", level, predictor, "INTERLEAVE=BAND"].map(str::to_owned).to_vec();
            Storage {
                nodata: Some(nodata),
                tags: options.origin.tags(),
                with_statistics: true,
                cog: options.cog.then_some(resampling),
                ..Storage::plain(stored, bands)
            }
        };
        let floats = storage("ZLEVEL=1", "PREDICTOR=3", bands, f64::NAN, "AVERAGE");
        let planes = GeoTiff::create(out, options.overwrite, &frame, floats)?;
        let mut bytes = storage("ZLEVEL=6", "PREDICTOR=1", vec!["mask"], 255.0, "MODE");
        bytes.colours = MASK_COLOURS.to_vec();
        let mask = GeoTiff::create(&mask_path(out), options.overwrite, &frame, bytes)?;
        Ok(Self { planes, mask, with_raw: options.raw_uncertainty })
    }

    /// Adds the next rows.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] when the strip does not follow the one before.
    pub fn write_rows(&mut self, strip: &SceneStrip) -> Result<(), GeoIoError> {
        let mut planes: Vec<&[f32]> = vec![&strip.probability, &strip.uncertainty];
        if self.with_raw {
            let raw = strip.raw_uncertainty.as_deref();
            planes.push(
                raw.ok_or_else(|| GeoIoError::Order { reason: "a strip came without raw uncertainty".to_owned() })?,
            );
        }
        self.planes.write_rows(strip.row_off, strip.rows, &planes)?;
        self.mask.write_rows(strip.row_off, strip.rows, &[&strip.mask])
    }

    /// Closes, reads back and compares both files, and syncs them.
    ///
    /// # Errors
    /// [`GeoIoError::Write`] when anything is missing or different, [`GeoIoError::Order`] when rows are missing.
    pub fn finish(self) -> Result<PendingOutput, GeoIoError> {
        self.finish_unless(&|| false)
    }

    /// The same, but gives up while it reads back as soon as `stop` says so: very large files take minutes.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish), and [`GeoIoError::Write`] when it gave up.
    pub fn finish_unless(self, stop: &dyn Fn() -> bool) -> Result<PendingOutput, GeoIoError> {
        Ok(self.planes.finish_unless(stop)?.merge(self.mask.finish_unless(stop)?))
    }
}

/// `OUT.mask.tif` for `OUT.tif`, and `OUT.mask` for `OUT`.
fn mask_path(out: &Path) -> PathBuf {
    match out.extension() {
        Some(extension) => {
            let mut mask = OsString::from("mask.");
            mask.push(extension);
            out.with_extension(mask)
        }
        None => out.with_extension("mask"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_lies_beside_the_raster_under_its_name() {
        assert_eq!(mask_path(Path::new("a/out.ships.tif")), Path::new("a/out.ships.mask.tif"));
        assert_eq!(mask_path(Path::new("out")), Path::new("out.mask"));
    }
}
