//! Makes a picture the model can take from the pixels of a window.

use std::time::Duration;

use geo_io::RgbWindow;
use model::TileImage;
use tokio::sync::mpsc::{Receiver, Sender};

use crate::error::PipelineError;
use crate::stage::{BusyClock, Cancel, PreparedTile, TileContent, TilePixels};

/// Restores plan order, fills what is not data, and pads what is smaller than a tile.
pub struct PrepareStage {
    /// One channel per reader; tile `i` comes from channel `i % inputs.len()`.
    pub inputs: Vec<Receiver<TilePixels>>,
    /// Number of tiles to come.
    pub tiles: usize,
    /// Side of the tiles the model takes.
    pub tile_px: usize,
    /// Takes the tiles in plan order.
    pub output: Sender<PreparedTile>,
    /// Tells when to stop.
    pub cancel: Cancel,
}

impl PrepareStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "prepare";

    /// Prepares all tiles and returns the time it took.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] when a reader ends early.
    pub fn run(mut self) -> Result<Duration, PipelineError> {
        let mut clock = BusyClock::default();
        let readers = self.inputs.len();
        for index in 0..self.tiles {
            self.cancel.check(Self::NAME)?;
            let read = self.inputs[index % readers].blocking_recv().ok_or(PipelineError::Stopped(Self::NAME))?;
            let prepared = clock.time(|| prepare(read, self.tile_px));
            if self.output.blocking_send(prepared).is_err() {
                break;
            }
        }
        Ok(clock.total())
    }
}

/// Prepares one tile.
#[must_use]
pub fn prepare(read: TilePixels, tile_px: usize) -> PreparedTile {
    let TilePixels { tile, pixels } = read;
    let RgbWindow { window, mut rgb, valid } = match pixels {
        Ok(pixels) => pixels,
        Err(reason) => return PreparedTile { tile, valid: Vec::new(), content: TileContent::Failed(reason) },
    };
    if valid.iter().all(|&valid| valid == 0) {
        return PreparedTile { tile, valid, content: TileContent::Empty };
    }
    let area = window.area_px();
    for plane in rgb.chunks_exact_mut(area) {
        fill_with_mean(plane, &valid);
    }
    let constant = constant_colour(&rgb, area);
    let (width, height) = (window.width as usize, window.height as usize);
    let rgb = if (width, height) == (tile_px, tile_px) { rgb } else { reflect(&rgb, width, height, tile_px) };
    let image = TileImage { side_px: tile_px, rgb };
    let content = match constant {
        Some(colour) => TileContent::Blank(image, colour),
        None => TileContent::Picture(image),
    };
    PreparedTile { tile, valid, content }
}

/// Gives invalid pixels the mean of the valid ones, so that a hole is no sharp black shape to the model.
fn fill_with_mean(plane: &mut [f32], valid: &[u8]) {
    // In f64 the sum of equal values is exact, so blank ground with holes stays blank.
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for (&value, _) in plane.iter().zip(valid).filter(|(_, valid)| **valid != 0) {
        sum += f64::from(value);
        count += 1;
    }
    let mean = (sum / f64::from(count.max(1))) as f32;
    for (value, _) in plane.iter_mut().zip(valid).filter(|(_, valid)| **valid == 0) {
        *value = mean;
    }
}

/// The bits of the one colour that all pixels have, if they have one.
fn constant_colour(rgb: &[f32], area: usize) -> Option<[u32; 3]> {
    let mut colour = [0; 3];
    for (bits, plane) in colour.iter_mut().zip(rgb.chunks_exact(area)) {
        *bits = plane[0].to_bits();
        if plane.iter().any(|value| value.to_bits() != *bits) {
            return None;
        }
    }
    Some(colour)
}

/// Continues planes to a square by mirroring them at their last pixel, as often as needed.
fn reflect(rgb: &[f32], width: usize, height: usize, side: usize) -> Vec<f32> {
    let rows: Vec<usize> = (0..side).map(|i| mirrored(i, height)).collect();
    let cols: Vec<usize> = (0..side).map(|i| mirrored(i, width)).collect();
    let mut padded = Vec::with_capacity(3 * side * side);
    for plane in rgb.chunks_exact(width * height) {
        for &row in &rows {
            let from = &plane[row * width..][..width];
            padded.extend(cols.iter().map(|&col| from[col]));
        }
    }
    padded
}

/// Position `i` on a line of `len` pixels that is mirrored at its ends without repeating them.
fn mirrored(i: usize, len: usize) -> usize {
    if len == 1 {
        return 0;
    }
    let period = 2 * (len - 1);
    let i = i % period;
    if i < len { i } else { period - i }
}

#[cfg(test)]
mod tests {
    use geo_io::{PixelSize, PixelWindow};

    use super::*;
    use crate::tiling::{Overlap, TilePlan};

    fn read(width: u32, height: u32, rgb: Vec<f32>, valid: Vec<u8>) -> TilePixels {
        let plan = TilePlan::new(PixelSize { width, height }, 64, Overlap::Px(32)).unwrap();
        let window = PixelWindow { col_off: 0, row_off: 0, width, height };
        TilePixels { tile: plan.tile(0), pixels: Ok(RgbWindow { window, rgb, valid }) }
    }

    #[test]
    fn a_line_of_four_is_mirrored_without_repeating_its_ends() {
        let line: Vec<usize> = (0..9).map(|i| mirrored(i, 4)).collect();
        assert_eq!(line, [0, 1, 2, 3, 2, 1, 0, 1, 2]);
    }

    #[test]
    fn a_tile_without_valid_pixels_is_empty() {
        let prepared = prepare(read(2, 1, vec![0.0; 6], vec![0, 0]), 64);
        assert!(matches!(prepared.content, TileContent::Empty));
    }

    #[test]
    fn invalid_pixels_get_the_mean_of_the_valid_ones() {
        let rgb = vec![10.0, 0.0, 30.0, 1.0, 0.0, 1.0, 5.0, 0.0, 7.0];
        let prepared = prepare(read(3, 1, rgb, vec![1, 0, 1]), 64);
        let TileContent::Picture(image) = prepared.content else { panic!("a picture") };
        // (10 + 30) / 2 = 20 in red, 1 in green, (5 + 7) / 2 = 6 in blue.
        let middle: Vec<f32> = image.rgb.chunks(64 * 64).map(|plane| plane[1]).collect();
        assert_eq!(middle, [20.0, 1.0, 6.0]);
    }

    #[test]
    fn blank_ground_with_a_hole_is_blank() {
        let rgb = [[0.1_f32, 0.0, 0.1], [9.0, 0.0, 9.0], [255.0, 0.0, 255.0]].concat();
        let prepared = prepare(read(3, 1, rgb, vec![1, 0, 1]), 64);
        let TileContent::Blank(image, colour) = prepared.content else { panic!("blank") };
        assert_eq!(colour, [0.1_f32, 9.0, 255.0].map(f32::to_bits));
        assert_eq!(image.rgb.len(), 3 * 64 * 64);
    }

    #[test]
    fn one_pixel_fills_a_tile() {
        let prepared = prepare(read(1, 1, vec![1.0, 2.0, 3.0], vec![1]), 64);
        let TileContent::Blank(image, _) = prepared.content else { panic!("blank") };
        assert!(image.rgb[..64 * 64].iter().all(|&v| v == 1.0));
        assert!(image.rgb[2 * 64 * 64..].iter().all(|&v| v == 3.0));
    }
}
