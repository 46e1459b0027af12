//! Made-up scenes: a streaming writer of 8-bit RGB GeoTIFFs with exact instance numbers beside them.

use std::path::{Path, PathBuf};

use crate::crs::SceneCrs;
use crate::error::GeoIoError;
use crate::geotiff::{Frame, GeoTiff, Storage};
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
pub struct ScenePainter {
    picture: GeoTiff<u8>,
    instances: Option<GeoTiff<u32>>,
}

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
        let crs = SceneCrs::from_definition(crs).map_err(|failure| GeoIoError::Usage {
            reason: format!("{crs:?} is not a CRS that gdal knows: {failure}"),
        })?;
        if size.width == 0 || size.height == 0 || size.width > i32::MAX as u32 || size.height > i32::MAX as u32 {
            return Err(GeoIoError::Usage { reason: format!("a scene cannot be {}x{} px", size.width, size.height) });
        }
        let frame = Frame { size, affine: Some(affine), crs: Some(crs) };
        let compression: Vec<String> = match options.compression {
            PainterCompression::Deflate => ["COMPRESS=DEFLATE", "ZLEVEL=6", "PREDICTOR=2"].map(str::to_owned).to_vec(),
            PainterCompression::Jpeg(quality) => {
                vec![
                    "COMPRESS=JPEG".to_owned(),
                    "PHOTOMETRIC=YCBCR".to_owned(),
                    format!("JPEG_QUALITY={}", quality.clamp(1, 100)),
                ]
            }
        };
        let lossless = options.compression == PainterCompression::Deflate;
        let mut picture = Storage { lossless, ..Storage::plain(compression, vec![""; 3]) };
        picture.options.push("INTERLEAVE=PIXEL".to_owned());
        let picture = GeoTiff::create(path, options.overwrite, &frame, picture)?;
        let numbers = |path: &PathBuf| {
            let options_of = ["COMPRESS=DEFLATE", "ZLEVEL=6", "PREDICTOR=1"].map(str::to_owned).to_vec();
            let storage = Storage::plain(options_of, vec!["instance"]);
            GeoTiff::create(path, options.overwrite, &frame, storage)
        };
        let instances = options.instances.as_ref().map(numbers).transpose()?;
        Ok(Self { picture, instances })
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
        let plane = |band: usize| -> Vec<u8> { rgb.iter().skip(band).step_by(3).copied().collect() };
        let (red, green, blue) = (plane(0), plane(1), plane(2));
        self.picture.write_rows(row_off, rows, &[&red, &green, &blue])?;
        match (&mut self.instances, instances) {
            (Some(writer), Some(instances)) => writer.write_rows(row_off, rows, &[instances]),
            (None, None) => Ok(()),
            (asked, _) => {
                let reason = format!(
                    "rows {row_off}+{rows}: instance numbers asked for: {}, given: {}",
                    asked.is_some(),
                    asked.is_none()
                );
                Err(GeoIoError::Order { reason })
            }
        }
    }

    /// Closes, verifies and syncs the files.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] when rows are missing.
    pub fn finish(self) -> Result<PendingOutput, GeoIoError> {
        let picture = self.picture.finish()?;
        match self.instances {
            Some(instances) => Ok(picture.merge(instances.finish()?)),
            None => Ok(picture),
        }
    }
}
