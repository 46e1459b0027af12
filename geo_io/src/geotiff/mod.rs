//! A tiled GeoTIFF written once from top to bottom, then read back and compared.

mod band_statistics;
mod storage;

use std::path::Path;

use gdal::errors::GdalError;
use gdal::raster::{Buffer, ColorEntry, ColorTable, PaletteInterpretation, RasterCreationOptions};
use gdal::{Dataset, DriverManager, Metadata};

use crate::crs::same;
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::{guarded, open_raster};
use crate::geotiff::band_statistics::BandStatistics;
pub(crate) use crate::geotiff::storage::{Frame, Storage, Stored};
use crate::grid::PixelSize;
use crate::write_guard::{PendingOutput, TempOutput};

/// Side of a stored block.
pub(crate) const BLOCK_PX: usize = 512;

/// A GeoTIFF under way: rows of blocks are collected, and each block is written once.
pub(crate) struct GeoTiff<T> {
    /// `None` only while the file is being closed. Before `output`, so that it is closed before the file is removed.
    dataset: Option<Dataset>,
    output: TempOutput,
    frame: Frame,
    storage: Storage,
    /// The rows collected for the next row of blocks, one plane for each band.
    planes: Vec<Vec<T>>,
    next_row: u32,
    /// Checksums of all blocks, in the order written.
    sums: Vec<u64>,
    /// Statistics of each band.
    statistics: Vec<BandStatistics>,
}

impl<T: Stored> GeoTiff<T> {
    /// Creates the file under a temporary name beside `target`.
    ///
    /// # Errors
    /// [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`].
    pub(crate) fn create(target: &Path, overwrite: bool, frame: &Frame, storage: Storage) -> Result<Self, GeoIoError> {
        let output = TempOutput::create_for_gdal(target, overwrite)?;
        let create = || create_dataset::<T>(output.path(), frame, &storage);
        let dataset =
            create().map_err(|failure| GeoIoError::OutputCreate { path: target.to_owned(), source: failure.into() })?;
        let planes = vec![Vec::new(); storage.bands.len()];
        let statistics = vec![BandStatistics::default(); storage.bands.len()];
        let frame = frame.clone();
        Ok(Self { dataset: Some(dataset), output, frame, storage, planes, next_row: 0, sums: Vec::new(), statistics })
    }

    /// Adds rows that follow the ones before; one plane `[row, col]` for each band.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] for rows out of order or of another size.
    pub(crate) fn write_rows(&mut self, row_off: u32, rows: u32, planes: &[&[T]]) -> Result<(), GeoIoError> {
        let width = self.frame.size.width as usize;
        let fits = planes.len() == self.planes.len() && planes.iter().all(|plane| plane.len() == rows as usize * width);
        if row_off != self.next_row || !fits || u64::from(row_off) + u64::from(rows) > u64::from(self.frame.size.height)
        {
            let reason = format!("rows {row_off}+{rows} came where row {} was due", self.next_row);
            return Err(GeoIoError::Order { reason });
        }
        let mut taken = 0;
        while taken < rows as usize {
            let held = self.planes[0].len() / width;
            let take = (BLOCK_PX - held).min(rows as usize - taken);
            for (held, given) in self.planes.iter_mut().zip(planes) {
                held.extend_from_slice(&given[taken * width..(taken + take) * width]);
            }
            taken += take;
            self.next_row += take as u32;
            if held + take == BLOCK_PX || self.next_row == self.frame.size.height {
                self.write_blocks()?;
            }
        }
        Ok(())
    }

    /// Writes the collected rows as one row of blocks.
    fn write_blocks(&mut self) -> Result<(), GeoIoError> {
        let dataset =
            self.dataset.as_ref().ok_or_else(|| GeoIoError::Order { reason: "the file is closed".to_owned() })?;
        let width = self.frame.size.width as usize;
        let rows = self.planes[0].len() / width;
        let block_row = (self.next_row as usize - 1) / BLOCK_PX;
        let nodata = self.storage.nodata;
        let (planes, sums) = (&self.planes, &mut self.sums);
        let written = guarded(|| {
            let mut bands: Vec<_> =
                (1..=planes.len()).map(|index| dataset.rasterband(index)).collect::<Result<_, _>>()?;
            for block_col in 0..width.div_ceil(BLOCK_PX) {
                for (band, plane) in bands.iter_mut().zip(planes) {
                    let block = block_of(plane, width, rows, block_col);
                    sums.push(checksum(&block));
                    if !block.iter().all(|value| value.is_absent(nodata)) {
                        let mut buffer = Buffer::new((BLOCK_PX, BLOCK_PX), block);
                        band.write_block((block_col, block_row), &mut buffer)?;
                    }
                }
            }
            Ok(())
        });
        written.map_err(|failure| self.output.failed(failure))?;
        if self.storage.with_statistics {
            for (statistics, plane) in self.statistics.iter_mut().zip(&self.planes) {
                let present = plane.iter().filter(|value| !value.is_absent(nodata));
                present.for_each(|value| statistics.add(value.number()));
            }
        }
        self.planes.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// Closes the file, reads all of it back, compares, and syncs it.
    ///
    /// # Errors
    /// [`GeoIoError::Write`] when anything is missing or different, [`GeoIoError::Order`] when rows are missing.
    pub(crate) fn finish(self) -> Result<PendingOutput, GeoIoError> {
        self.finish_unless(&|| false)
    }

    /// The same, but gives up while it reads back as soon as `stop` says so.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish), and [`GeoIoError::Write`] when it gave up.
    pub(crate) fn finish_unless(mut self, stop: &dyn Fn() -> bool) -> Result<PendingOutput, GeoIoError> {
        if self.next_row != self.frame.size.height {
            let reason = format!("the file was finished at row {} of {}", self.next_row, self.frame.size.height);
            return Err(GeoIoError::Order { reason });
        }
        if let Some(mut dataset) = self.dataset.take() {
            let (storage, statistics) = (&self.storage, &self.statistics);
            let closed = guarded(|| {
                for (index, statistics) in statistics.iter().enumerate().filter(|_| storage.with_statistics) {
                    for (key, value) in statistics.items(self.frame.size.area_px()) {
                        dataset.rasterband(index + 1)?.set_metadata_item(key, &value, "")?;
                    }
                }
                dataset.flush_cache()?;
                dataset.close()
            });
            closed.map_err(|failure| self.output.failed(failure))?;
        }
        self.verify(self.output.path(), stop).map_err(|failure| self.output.failed(failure))?;
        let Some(resampling) = self.storage.cog else { return self.output.seal() };
        let optimized = TempOutput::create_for_gdal(self.output.target(), self.output.overwrites())?;
        let made = optimize::<T>(self.output.path(), optimized.path(), resampling);
        made.and_then(|()| self.verify(optimized.path(), stop)).map_err(|failure| optimized.failed(failure))?;
        optimized.seal()
    }

    fn verify(&self, path: &Path, stop: &dyn Fn() -> bool) -> Result<(), GdalFailure> {
        let dataset = open_raster(path.as_os_str())?;
        check_frame(&dataset, &self.frame, self.storage.bands.len())?;
        let width = self.frame.size.width as usize;
        let mut sums = self.sums.iter();
        guarded(|| {
            let bands: Vec<_> =
                (1..=self.storage.bands.len()).map(|index| dataset.rasterband(index)).collect::<Result<_, _>>()?;
            for row_off in (0..self.frame.size.height as usize).step_by(BLOCK_PX) {
                let rows = BLOCK_PX.min(self.frame.size.height as usize - row_off);
                if stop() {
                    return Err(GdalError::BadArgument("it was given up".to_owned()));
                }
                for col_off in (0..width).step_by(BLOCK_PX) {
                    let cols = BLOCK_PX.min(width - col_off);
                    for band in &bands {
                        let mut read = vec![T::default(); rows * cols];
                        band.read_into_slice(
                            (col_off as isize, row_off as isize),
                            (cols, rows),
                            (cols, rows),
                            &mut read,
                            None,
                        )?;
                        let expected = sums.next().copied();
                        if self.storage.lossless && Some(checksum(&block_of(&read, cols, rows, 0))) != expected {
                            return Err(GdalError::BadArgument(format!(
                                "the block at column {col_off}, row {row_off} reads back differently than it was written"
                            )));
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

fn create_dataset<T: Stored>(path: &Path, frame: &Frame, storage: &Storage) -> Result<Dataset, GdalFailure> {
    let Some(crs) = &frame.crs else { return create_with_keys::<T>(path, frame, storage, None, None) };
    let spatial_ref = crs.spatial_ref()?;
    // GeoTIFF keys cannot say every CRS. Some are kept only in the dialect of Esri.
    for flavour in [None, Some("ESRI_PE")] {
        let tiny = Frame { size: PixelSize { width: 1, height: 1 }, ..frame.clone() };
        let probe = format!("/vsimem/geophrase-crs-{:?}.tif", std::thread::current().id());
        let plain = Storage::plain(Vec::new(), vec![""]);
        let dataset = create_with_keys::<u8>(Path::new(&probe), &tiny, &plain, Some(&spatial_ref), flavour)?;
        guarded(|| dataset.close())?;
        let kept = open_raster(probe.as_ref()).is_ok_and(|dataset| check_frame(&dataset, &tiny, 1).is_ok());
        // A leftover of one pixel in memory is no loss.
        let _ = gdal::vsi::unlink_mem_file(&probe);
        if kept {
            return create_with_keys::<T>(path, frame, storage, Some(&spatial_ref), flavour);
        }
    }
    Err(GdalFailure::new(&format!(
        "a GeoTIFF cannot hold the CRS {} (warp the scene to a common one first: gdalwarp -t_srs EPSG:... IN OUT.tif)",
        crs.name()
    )))
}

fn create_with_keys<T: Stored>(
    path: &Path,
    frame: &Frame,
    storage: &Storage,
    spatial_ref: Option<&gdal::spatial_ref::SpatialRef>,
    flavour: Option<&str>,
) -> Result<Dataset, GdalFailure> {
    let side = BLOCK_PX.to_string();
    let mut options = RasterCreationOptions::new();
    for (key, value) in
        [("TILED", "YES"), ("BLOCKXSIZE", &side), ("BLOCKYSIZE", &side), ("SPARSE_OK", "TRUE"), ("BIGTIFF", "IF_SAFER")]
    {
        options.set_name_value(key, value).map_err(|error| GdalFailure::new(&error.to_string()))?;
    }
    for option in &storage.options {
        options.add_string(option).map_err(|error| GdalFailure::new(&error.to_string()))?;
    }
    if let Some(flavour) = flavour {
        options.set_name_value("GEOTIFF_KEYS_FLAVOR", flavour).map_err(|error| GdalFailure::new(&error.to_string()))?;
    }
    let PixelSize { width, height } = frame.size;
    guarded(|| {
        let driver = DriverManager::get_driver_by_name("GTiff")?;
        let bands = storage.bands.len();
        let mut dataset = driver.create_with_band_type_with_options::<T, _>(
            path,
            width as usize,
            height as usize,
            bands,
            &options,
        )?;
        if let Some(affine) = &frame.affine {
            dataset.set_geo_transform(&affine.0)?;
        }
        if let Some(spatial_ref) = spatial_ref {
            dataset.set_spatial_ref(spatial_ref)?;
        }
        for (index, name) in storage.bands.iter().enumerate() {
            let mut band = dataset.rasterband(index + 1)?;
            if !name.is_empty() {
                band.set_description(name)?;
            }
            if let Some(nodata) = storage.nodata {
                band.set_no_data_value(Some(nodata))?;
            }
        }
        if !storage.colours.is_empty() {
            let mut table = ColorTable::new(PaletteInterpretation::Rgba);
            for (value, colour) in storage.colours.iter().enumerate() {
                let [r, g, b, a] = colour.map(i16::from);
                table.set_color_entry(value as u16, &ColorEntry::rgba(r, g, b, a));
            }
            dataset.rasterband(1)?.set_color_table(&table);
        }
        for (key, value) in &storage.tags {
            dataset.set_metadata_item(key, value, "")?;
        }
        Ok(dataset)
    })
}

/// Copies a GeoTIFF to a cloud-optimized one: overviews inside, in the order in which readers over a network want it.
fn optimize<T: Stored>(from: &Path, to: &Path, resampling: &str) -> Result<(), GdalFailure> {
    let dataset = open_raster(from.as_os_str())?;
    // Floats of the same size differ little in their high bytes, which is what the predictor is for.
    let predictor = if T::datatype().is_floating() { "YES" } else { "NO" };
    let side = BLOCK_PX.to_string();
    guarded(|| {
        let mut options = RasterCreationOptions::new();
        for (key, value) in [
            ("COMPRESS", "DEFLATE"),
            ("PREDICTOR", predictor),
            ("BLOCKSIZE", &side),
            ("OVERVIEW_RESAMPLING", resampling),
            ("BIGTIFF", "IF_SAFER"),
            ("SPARSE_OK", "YES"),
        ] {
            options.set_name_value(key, value)?;
        }
        let mut copy = dataset.create_copy(&DriverManager::get_driver_by_name("COG")?, to, &options)?;
        copy.flush_cache()?;
        copy.close()
    })
}

/// Checks that size, bands, grid and CRS of a file are what they should be.
fn check_frame(dataset: &Dataset, frame: &Frame, bands: usize) -> Result<(), GdalFailure> {
    let size = (frame.size.width as usize, frame.size.height as usize);
    if dataset.raster_size() != size || dataset.raster_count() != bands {
        return Err(GdalFailure::new("size or bands read back differently than they were written"));
    }
    if dataset.geo_transform().ok() != frame.affine.map(|affine| affine.0) {
        return Err(GdalFailure::new("the grid reads back differently than it was written"));
    }
    let kept = match (&frame.crs, dataset.spatial_ref().ok()) {
        (None, found) => found.is_none(),
        (Some(_), None) => false,
        (Some(crs), Some(found)) => same(&crs.spatial_ref()?, &found),
    };
    if kept { Ok(()) } else { Err(GdalFailure::new("the CRS reads back differently than it was written")) }
}

/// A block of a row of blocks; beyond the edge of the raster it repeats the last pixel, which compresses well.
fn block_of<T: Copy>(plane: &[T], width: usize, rows: usize, block_col: usize) -> Vec<T> {
    let from = block_col * BLOCK_PX;
    let to = (from + BLOCK_PX).min(width);
    let mut block = Vec::with_capacity(BLOCK_PX * BLOCK_PX);
    for row in 0..BLOCK_PX {
        let row = row.min(rows - 1);
        block.extend_from_slice(&plane[row * width + from..row * width + to]);
        block.extend(std::iter::repeat_n(plane[row * width + to - 1], BLOCK_PX - (to - from)));
    }
    block
}

/// A number that changes with any sample of the block. It guards against lost writes, not against intent.
fn checksum<T: Stored>(block: &[T]) -> u64 {
    block.iter().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, value| {
        (sum ^ u64::from(value.bits())).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    })
}
