//! A probability raster of an earlier run, read back strip by strip.

use std::path::{Path, PathBuf};

use gdal::{Dataset, Metadata};

use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::{guarded, open_raster};
use crate::raster_writer::{FIRST_PX, PROMPT, RasterOrigin, SCENE, THRESHOLD};
use crate::scaling::ScaleChoice;
use crate::scene::{Scene, SceneInfo, SceneOptions};
use crate::strip::SceneStrip;

/// The value of the mask where there is no result.
const MASK_NODATA: u8 = 255;

/// An open probability raster.
pub struct ResultRaster {
    path: PathBuf,
    dataset: Dataset,
    info: SceneInfo,
    origin: RasterOrigin,
}

impl ResultRaster {
    /// Opens what `segment --raster` wrote.
    ///
    /// # Errors
    /// A file that is missing, cannot be read, or does not begin with bands `probability` and `uncertainty`.
    pub fn open(path: &Path) -> Result<Self, GeoIoError> {
        let options = SceneOptions {
            bands: Some(vec![1]),
            scale: ScaleChoice::MinMax { min: 0.0, max: 1.0 },
            allow_no_crs: true,
            ..SceneOptions::default()
        };
        let mut info = Scene::open(path.as_os_str(), &options)?.info().clone();
        let open = || open_raster(path.as_os_str());
        let dataset = open().map_err(|failure| GeoIoError::OpenScene { name: path.into(), source: failure.into() })?;
        let named = |index: usize| dataset.rasterband(index).and_then(|band| band.description()).unwrap_or_default();
        if dataset.raster_count() < 2 || named(1) != "probability" || named(2) != "uncertainty" {
            let reason =
                "it has no bands probability and uncertainty, so it is no raster of geophrase segment".to_owned();
            return Err(GeoIoError::UnusableScene { name: path.into(), reason });
        }
        let tag = |key: &str| dataset.metadata_item(key, "");
        let first_px = tag(FIRST_PX).and_then(|text| {
            let (row, col) = text.split_once(',')?;
            Some((row.parse().ok()?, col.parse().ok()?))
        });
        let origin = RasterOrigin {
            first_px: first_px.unwrap_or_default(),
            prompt: tag(PROMPT).unwrap_or_default(),
            scene: tag(SCENE).unwrap_or_default(),
            threshold: tag(THRESHOLD).and_then(|text| text.parse().ok()),
        };
        info.origin = origin.first_px;
        Ok(Self { path: path.to_owned(), dataset, info, origin })
    }

    /// Where it lies and how large it is.
    pub fn info(&self) -> &SceneInfo {
        &self.info
    }

    /// What it says of how it came about.
    pub fn origin(&self) -> &RasterOrigin {
        &self.origin
    }

    /// Some rows, with the mask at a threshold and the uncertainty of the labels it makes.
    ///
    /// # Errors
    /// [`GeoIoError::ReadWindow`] when a pixel cannot be read.
    pub fn read_rows(&self, row_off: u32, rows: u32, threshold: f32) -> Result<SceneStrip, GeoIoError> {
        let width = self.info.size.width;
        let read = |band: usize| -> Result<Vec<f32>, GdalFailure> {
            guarded(|| {
                let size = (width as usize, rows as usize);
                let mut values = vec![0.0; size.0 * size.1];
                let band = self.dataset.rasterband(band)?;
                band.read_into_slice((0, row_off as isize), size, size, &mut values, None)?;
                Ok(values)
            })
        };
        let failed = |source: GdalFailure| GeoIoError::ReadWindow {
            name: self.path.clone().into(),
            window: crate::window::PixelWindow { col_off: 0, row_off, width, height: rows },
            source: source.into(),
        };
        let probability = read(1).map_err(failed)?;
        let mut uncertainty = read(2).map_err(failed)?;
        let mask =
            probability.iter().map(|p| if p.is_nan() { MASK_NODATA } else { u8::from(*p > threshold) }).collect();
        let then = self.origin.threshold.unwrap_or(0.5);
        for (doubt, p) in uncertainty.iter_mut().zip(&probability) {
            // What the file says is of the label at its own threshold: it is turned round where the label is.
            if (*p > then) != (*p > threshold) {
                *doubt = 1.0 - *doubt;
            }
        }
        Ok(SceneStrip { row_off, rows, width, probability, uncertainty, mask, ..SceneStrip::default() })
    }
}
