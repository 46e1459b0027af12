//! Reads the chosen bands and where they hold data.

use gdal::Dataset;
use gdal::errors::GdalError;
use gdal::raster::RasterBand;
use serde::Serialize;

use crate::bands::{Colour, Sample};
use crate::error::GdalFailure;
use crate::gdal_env::guarded;
use crate::scaling::BandRange;
use crate::window::PixelWindow;

/// 8-bit alpha below this counts as nothing: lossy compression leaves such specks where there is no picture.
const ALPHA_FLOOR: u8 = 16;

/// Where validity comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Validity {
    /// Every pixel holds data.
    Everywhere,
    /// One mask for all bands; a pixel holds data from this value on.
    Shared(u8),
    /// Each band has its own; integers hold data unless all bands say nodata, floats only if no band does.
    PerBand { need_all: bool },
    /// The user names the stored value of pixels without data; integers need it in all bands, floats in one.
    Value { nodata: f64, in_all: bool },
}

/// Where a scene says which of its pixels hold data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValiditySource {
    /// Nowhere: every pixel holds data.
    Everywhere,
    /// A mask band or alpha.
    Mask,
    /// Values of the bands: nodata, NaN.
    Bands,
}

/// How the bands of a scene are read, decided once.
#[derive(Clone, Debug)]
pub(crate) struct PixelReader {
    colour: Colour,
    samples: Vec<Sample>,
    /// Scale and offset of each band, from stored to meant values.
    units: Vec<(f64, f64)>,
    validity: Validity,
}

/// Meant values of each band in use, and validity.
pub(crate) struct Values {
    pub(crate) planes: Vec<Vec<f64>>,
    pub(crate) valid: Vec<u8>,
}

impl PixelReader {
    pub(crate) fn new(dataset: &Dataset, colour: Colour, nodata: Option<f64>) -> Result<Self, GdalFailure> {
        guarded(|| {
            let mut samples = Vec::new();
            let mut units = Vec::new();
            let mut masks = Vec::new();
            for index in colour.bands() {
                let band = dataset.rasterband(index)?;
                samples.push(Sample::of(&band));
                units.push((band.scale().unwrap_or(1.0), band.offset().unwrap_or(0.0)));
                masks.push(band.mask_flags()?);
            }
            let validity = if let Some(nodata) = nodata {
                Validity::Value { nodata, in_all: !samples.iter().any(|sample| sample.is_float()) }
            } else if masks.iter().all(|mask| mask.is_all_valid()) {
                Validity::Everywhere
            } else if masks[0].is_per_dataset() {
                let lossy = masks[0].is_alpha() && alpha_is_byte(dataset)?;
                Validity::Shared(if lossy { ALPHA_FLOOR } else { 1 })
            } else {
                let by_value = masks.iter().all(|mask| mask.is_nodata() || mask.is_all_valid());
                Validity::PerBand { need_all: !by_value || samples.iter().any(|sample| sample.is_float()) }
            };
            Ok(Self { colour, samples, units, validity })
        })
    }

    pub(crate) fn colour(&self) -> &Colour {
        &self.colour
    }

    pub(crate) fn validity_source(&self) -> ValiditySource {
        match self.validity {
            Validity::Everywhere if self.samples.iter().any(|sample| sample.is_float()) => ValiditySource::Bands,
            Validity::Everywhere => ValiditySource::Everywhere,
            Validity::Shared(_) => ValiditySource::Mask,
            Validity::PerBand { .. } | Validity::Value { .. } => ValiditySource::Bands,
        }
    }

    pub(crate) fn sample(&self) -> Sample {
        self.samples[0]
    }

    /// True when stored values are on the 0 to 255 scale already.
    pub(crate) fn is_8_bit(&self) -> bool {
        matches!(self.colour, Colour::Palette(..)) || self.samples.iter().all(|sample| *sample == Sample::U8)
    }

    /// Three planes on the 0 to 255 scale and validity; invalid pixels are 0.
    pub(crate) fn read_rgb(
        &self,
        dataset: &Dataset,
        window: PixelWindow,
        ranges: Option<&[BandRange; 3]>,
    ) -> Result<(Vec<f32>, Vec<u8>), GdalFailure> {
        let count = window.area_px();
        let mut rgb = vec![0.0_f32; 3 * count];
        let valid = match (&self.colour, ranges) {
            (Colour::Palette(index, colours), _) => {
                let indices = guarded(|| read(&dataset.rasterband(*index)?, window, out_size(window)))?;
                for (position, stored) in indices.iter().enumerate() {
                    let [red, green, blue] = colour_of(colours, *stored);
                    rgb[position] = f32::from(red);
                    rgb[count + position] = f32::from(green);
                    rgb[2 * count + position] = f32::from(blue);
                }
                guarded(|| self.read_validity(dataset, window, out_size(window)))?
            }
            (_, None) => {
                for (plane, index) in rgb.chunks_exact_mut(count).zip(self.colour.bands()) {
                    guarded(|| {
                        dataset.rasterband(index)?.read_into_slice(
                            corner(window),
                            out_size(window),
                            out_size(window),
                            plane,
                            None,
                        )
                    })?;
                }
                guarded(|| self.read_validity(dataset, window, out_size(window)))?
            }
            (_, Some(ranges)) => {
                let Values { planes, valid } = self.read_values(dataset, window, out_size(window))?;
                for ((plane, values), range) in rgb.chunks_exact_mut(count).zip(&planes).zip(ranges) {
                    stretch(values, *range, plane);
                }
                valid
            }
        };
        if let Colour::Grey(_) = self.colour {
            let (grey, others) = rgb.split_at_mut(count);
            others.chunks_exact_mut(count).for_each(|plane| plane.copy_from_slice(grey));
        }
        if valid.contains(&0) {
            for plane in rgb.chunks_exact_mut(count) {
                plane.iter_mut().zip(&valid).filter(|(_, valid)| **valid == 0).for_each(|(value, _)| *value = 0.0);
            }
        }
        Ok((rgb, valid))
    }

    /// Meant values of a window, shrunk to `size` by taking nearest pixels (from overviews where there are any).
    pub(crate) fn read_values(
        &self,
        dataset: &Dataset,
        window: PixelWindow,
        size: (usize, usize),
    ) -> Result<Values, GdalFailure> {
        guarded(|| {
            let mut valid = self.read_validity(dataset, window, size)?;
            let mut planes = Vec::with_capacity(self.samples.len());
            for ((index, sample), (scale, offset)) in
                self.colour.bands().into_iter().zip(&self.samples).zip(&self.units)
            {
                let mut plane = read(&dataset.rasterband(index)?, window, size)?;
                for (value, valid) in plane.iter_mut().zip(&mut valid) {
                    *value = meant(*sample, *value) * scale + offset;
                    if !value.is_finite() {
                        *valid = 0;
                    }
                }
                planes.push(plane);
            }
            Ok(Values { planes, valid })
        })
    }

    fn read_validity(
        &self,
        dataset: &Dataset,
        window: PixelWindow,
        size: (usize, usize),
    ) -> Result<Vec<u8>, GdalError> {
        let mask_of = |index: usize| -> Result<Vec<u8>, GdalError> {
            let band = dataset.rasterband(index)?;
            let mask = band.open_mask_band()?;
            let mut values = vec![0_u8; size.0 * size.1];
            mask.read_into_slice(corner(window), out_size(window), size, &mut values, None)?;
            Ok(values)
        };
        let bands = self.colour.bands();
        match self.validity {
            Validity::Everywhere => Ok(vec![1; size.0 * size.1]),
            Validity::Shared(floor) => {
                let mut mask = mask_of(bands[0])?;
                mask.iter_mut().for_each(|value| *value = u8::from(*value >= floor));
                Ok(mask)
            }
            Validity::PerBand { need_all } => {
                let mut valid = vec![u8::from(need_all); size.0 * size.1];
                for index in bands {
                    for (valid, mask) in valid.iter_mut().zip(mask_of(index)?) {
                        let holds = u8::from(mask > 0);
                        *valid = if need_all { *valid & holds } else { *valid | holds };
                    }
                }
                Ok(valid)
            }
            Validity::Value { nodata, in_all } => {
                let mut absent = vec![in_all; size.0 * size.1];
                for (index, sample) in bands.into_iter().zip(&self.samples) {
                    for (absent, stored) in absent.iter_mut().zip(read(&dataset.rasterband(index)?, window, size)?) {
                        let is_it = meant(*sample, stored) == nodata || stored.is_nan();
                        *absent = if in_all { *absent & is_it } else { *absent | is_it };
                    }
                }
                Ok(absent.into_iter().map(|absent| u8::from(!absent)).collect())
            }
        }
    }
}

/// A stored value as it is meant: GDAL 3.6 gives signed bytes without their sign.
fn meant(sample: Sample, stored: f64) -> f64 {
    if sample == Sample::I8 && stored > 127.0 { stored - 256.0 } else { stored }
}

fn read(band: &RasterBand, window: PixelWindow, size: (usize, usize)) -> Result<Vec<f64>, GdalError> {
    let mut values = vec![0.0_f64; size.0 * size.1];
    band.read_into_slice(corner(window), out_size(window), size, &mut values, None)?;
    Ok(values)
}

fn corner(window: PixelWindow) -> (isize, isize) {
    (window.col_off as isize, window.row_off as isize)
}

fn out_size(window: PixelWindow) -> (usize, usize) {
    (window.width as usize, window.height as usize)
}

fn alpha_is_byte(dataset: &Dataset) -> Result<bool, GdalError> {
    use gdal::raster::{ColorInterpretation, GdalDataType};
    for band in dataset.rasterbands() {
        let band = band?;
        if band.color_interpretation() == ColorInterpretation::AlphaBand {
            return Ok(band.band_type() == GdalDataType::UInt8);
        }
    }
    Ok(false)
}

/// Indices stored as signed bytes are meant without sign; an index without a colour is black.
fn colour_of(colours: &[[u8; 3]], stored: f64) -> [u8; 3] {
    let index = if stored < 0.0 { stored + 256.0 } else { stored };
    colours.get(index as usize).copied().unwrap_or([0; 3])
}

fn stretch(values: &[f64], range: BandRange, plane: &mut [f32]) {
    let gain = 255.0 / (range.max - range.min);
    for (out, value) in plane.iter_mut().zip(values) {
        *out = ((value - range.min) * gain).clamp(0.0, 255.0) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_stretched_between_the_ends_and_cut_beyond() {
        let mut plane = [0.0; 4];
        stretch(&[100.0, 150.0, 300.0, 0.0], BandRange { min: 100.0, max: 200.0 }, &mut plane);
        assert_eq!(plane, [0.0, 127.5, 255.0, 0.0]);
    }

    #[test]
    fn a_signed_index_means_the_upper_half_of_the_palette() {
        let colours: Vec<[u8; 3]> = (0..=255).map(|index| [index, 0, 0]).collect();
        assert_eq!(colour_of(&colours, -1.0), [255, 0, 0]);
        assert_eq!(colour_of(&colours, 200.0), [200, 0, 0]);
        assert_eq!(colour_of(&colours[..2], 7.0), [0, 0, 0]);
    }
}
