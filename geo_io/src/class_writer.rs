//! Several prompts in one raster of classes: where masks overlap, the most probable.

use std::path::Path;

use crate::error::GeoIoError;
use crate::geotiff::{Frame, GeoTiff, Storage};
use crate::scene::SceneInfo;
use crate::strip::SceneStrip;
use crate::write_guard::PendingOutput;

/// The value where there is no result.
const NODATA: u8 = 255;
/// Colours that people with any kind of colour vision tell apart (Okabe and Ito), taken in turn.
pub const CLASS_COLOURS: [[u8; 3]; 8] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
    [153, 153, 153],
];

/// How a raster of classes is written.
#[derive(Clone, Debug, Default)]
pub struct ClassOptions {
    /// Replace a file of the same name.
    pub overwrite: bool,
    /// Write a cloud-optimized GeoTIFF.
    pub cog: bool,
}

/// Writes a byte per pixel: 0 outside all masks, `k` for the `k`-th prompt, 255 without a result.
pub struct ClassWriter {
    file: GeoTiff<u8>,
}

impl ClassWriter {
    /// Creates the file under a temporary name beside `out`.
    ///
    /// # Errors
    /// [`GeoIoError::Usage`] for more than 254 prompts, [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`].
    pub fn create(
        info: &SceneInfo,
        out: &Path,
        prompts: &[String],
        options: &ClassOptions,
    ) -> Result<Self, GeoIoError> {
        info.is_not(out)?;
        if prompts.len() >= usize::from(NODATA) {
            return Err(GeoIoError::Usage { reason: "a raster of classes holds 254 prompts at most".to_owned() });
        }
        let frame = Frame { size: info.size, affine: info.has_grid.then_some(info.affine), crs: info.crs.clone() };
        let stored = ["COMPRESS=DEFLATE", "ZLEVEL=6", "PREDICTOR=1"].map(str::to_owned).to_vec();
        let classes =
            prompts.iter().enumerate().map(|(i, prompt)| (format!("GEOPHRASE_CLASS_{}", i + 1), prompt.clone()));
        let colours = (0..prompts.len()).map(|class| {
            let [r, g, b] = CLASS_COLOURS[class % CLASS_COLOURS.len()];
            [r, g, b, 255]
        });
        let storage = Storage {
            nodata: Some(f64::from(NODATA)),
            tags: classes.collect(),
            colours: std::iter::once([0; 4]).chain(colours).collect(),
            cog: options.cog.then_some("MODE"),
            ..Storage::plain(stored, vec!["class"])
        };
        Ok(Self { file: GeoTiff::create(out, options.overwrite, &frame, storage)? })
    }

    /// Adds the next rows: one strip per prompt.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] when the strips do not follow those before.
    pub fn write_rows(&mut self, strips: &[SceneStrip]) -> Result<(), GeoIoError> {
        let Some(first) = strips.first() else {
            return Err(GeoIoError::Order { reason: "no strips came".to_owned() });
        };
        let classes: Vec<u8> = (0..first.mask.len()).map(|index| class_at(strips, index)).collect();
        self.file.write_rows(first.row_off, first.rows, &[&classes])
    }

    /// Closes, reads back, compares and syncs the file.
    ///
    /// # Errors
    /// [`GeoIoError::Write`], and [`GeoIoError::Order`] when rows are missing.
    pub fn finish(self) -> Result<PendingOutput, GeoIoError> {
        self.file.finish()
    }
}

/// The most probable prompt whose mask holds the pixel; of equals, the first.
fn class_at(strips: &[SceneStrip], index: usize) -> u8 {
    let mut best = (0, f32::NEG_INFINITY);
    let mut has_result = false;
    for (class, strip) in (1_u8..).zip(strips) {
        has_result |= strip.mask[index] != NODATA;
        if strip.mask[index] == 1 && strip.probability[index] > best.1 {
            best = (class, strip.probability[index]);
        }
    }
    if has_result { best.0 } else { NODATA }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_prompt_wins_and_nodata_needs_all_to_be_without_a_result() {
        let strip = |probability: &[f32], mask: &[u8]| SceneStrip {
            rows: 1,
            width: mask.len() as u32,
            probability: probability.to_vec(),
            mask: mask.to_vec(),
            ..Default::default()
        };
        let strips = [
            strip(&[0.9, 0.6, 0.7, 0.1, f32::NAN], &[1, 1, 1, 0, 255]),
            strip(&[0.8, 0.7, 0.7, 0.2, f32::NAN], &[1, 1, 1, 0, 255]),
        ];
        let classes: Vec<u8> = (0..5).map(|index| class_at(&strips, index)).collect();
        assert_eq!(classes, [1, 2, 1, 0, 255]);
    }
}
