//! Scene, mask and uncertainty as panels side by side.

use image::{Rgb, RgbImage};

use crate::picture::furniture::{north_arrow, patch, scale_bar};
use crate::picture::letters::{line_height, text_width, write};

const PAPER: Rgb<u8> = Rgb([24, 26, 30]);
const INK: Rgb<u8> = Rgb([235, 235, 235]);
const OUTLINE: Rgb<u8> = Rgb([255, 221, 0]);
const NODATA: Rgb<u8> = Rgb([70, 70, 76]);
const GAP_PX: u32 = 8;
/// From sure to unsure; readable for the colour-blind, and darker is surer.
const DOUBT_COLOURS: [[f32; 3]; 5] =
    [[10.0, 8.0, 32.0], [80.0, 18.0, 123.0], [183.0, 55.0, 121.0], [252.0, 137.0, 97.0], [252.0, 253.0, 191.0]];
/// The uncertainty at the bright end of the scale: as unsure as tossing a coin.
const MOST_DOUBT: f32 = 0.5;

/// A scene, its mask and its uncertainty at the size of a picture.
///
/// # Shapes
/// All planes are `[row, col]` with `width` columns.
#[derive(Clone, Debug)]
pub struct Panels {
    /// Columns of a panel.
    pub width: u32,
    /// Colours of the scene.
    pub scene: Vec<[u8; 3]>,
    /// Whether the pixel belongs to the mask; `None` where there is no result.
    pub mask: Vec<Option<bool>>,
    /// Uncertainty; meaningless where there is no result.
    pub uncertainty: Vec<f32>,
    /// Ground size of a pixel of the panel, where it is known.
    pub pixel_m: Option<f64>,
    /// The way to the north in columns and rows, where the scene has a grid.
    pub north: Option<(f64, f64)>,
}

/// The colour of the pixel at a position.
type Colouring<'a> = &'a dyn Fn(usize) -> Rgb<u8>;

impl Panels {
    /// Draws the three panels with labels and a scale under a title.
    #[must_use]
    pub fn draw(&self, title: &str) -> RgbImage {
        let height = self.scene.len() as u32 / self.width;
        let head = GAP_PX + line_height(3) + 2 * line_height(2);
        let size = (3 * self.width + 4 * GAP_PX, head + height + 3 * GAP_PX + line_height(2));
        let mut sheet = RgbImage::from_pixel(size.0, size.1, PAPER);
        write(&mut sheet, GAP_PX, GAP_PX, 3, INK, title);
        let draws: [(&str, Colouring<'_>); 3] = [
            ("scene", &|i| Rgb(self.scene[i])),
            ("mask", &|i| self.mask_colour(i, height)),
            ("uncertainty", &|i| self.mask[i].map_or(NODATA, |_| doubt_colour(self.uncertainty[i]))),
        ];
        for (panel, (label, colour)) in (0..).zip(draws) {
            let left = GAP_PX + panel * (self.width + GAP_PX);
            write(&mut sheet, left, head - line_height(2), 2, INK, label);
            for (i, (row, col)) in (0..height).flat_map(|row| (0..self.width).map(move |col| (row, col))).enumerate() {
                sheet.put_pixel(left + col, head + row, colour(i));
            }
        }
        let foot = head + height + GAP_PX;
        if let Some(metres) = self.pixel_m {
            scale_bar(&mut sheet, (GAP_PX, foot), self.width / 3, metres, INK);
        }
        if let Some(north) = self.north.filter(|_| self.width >= 120 && height >= 120) {
            north_arrow(&mut sheet, (GAP_PX + self.width - 26, head + 26), 32, north, INK);
        }
        if self.width >= 200 {
            let left = GAP_PX + self.width + GAP_PX;
            let next = patch(&mut sheet, (left, foot), OUTLINE, INK, "mask");
            patch(&mut sheet, (next, foot), NODATA, INK, "no data");
        }
        self.draw_scale(&mut sheet, foot);
        sheet
    }

    /// The scene in half its brightness outside the mask, with a line around the mask.
    fn mask_colour(&self, i: usize, height: u32) -> Rgb<u8> {
        let Some(inside) = self.mask[i] else { return NODATA };
        if !inside {
            return Rgb(self.scene[i].map(|value| value / 2));
        }
        let width = self.width as usize;
        let (row, col) = (i / width, i % width);
        let differs = |there: bool, j: usize| there && self.mask[j] != Some(true);
        let edge = differs(row > 0, i.wrapping_sub(width))
            || differs(row + 1 < height as usize, i + width)
            || differs(col > 0, i.wrapping_sub(1))
            || differs(col + 1 < width, i + 1);
        if edge { OUTLINE } else { Rgb(self.scene[i]) }
    }

    fn draw_scale(&self, sheet: &mut RgbImage, top: u32) {
        let left = GAP_PX + 2 * (self.width + GAP_PX);
        let high = format!(">{MOST_DOUBT}");
        let (from, to) = (left + text_width("0 ", 2), left + self.width.saturating_sub(text_width(&high, 2) + 4));
        write(sheet, left, top, 2, INK, "0");
        write(sheet, to + 4, top, 2, INK, &high);
        for x in from..to {
            let doubt = (x - from) as f32 / (to - from).max(1) as f32 * MOST_DOUBT;
            for y in top..top + 14 {
                sheet.put_pixel(x, y, doubt_colour(doubt));
            }
        }
    }
}

/// Pictures below each other.
#[must_use]
pub fn stack(sheets: &[RgbImage]) -> RgbImage {
    let width = sheets.iter().map(RgbImage::width).max().unwrap_or(0);
    let height = sheets.iter().map(RgbImage::height).sum();
    let mut all = RgbImage::from_pixel(width, height, PAPER);
    let mut top = 0;
    for sheet in sheets {
        for (x, y, pixel) in sheet.enumerate_pixels() {
            all.put_pixel(x, top + y, *pixel);
        }
        top += sheet.height();
    }
    all
}

fn doubt_colour(uncertainty: f32) -> Rgb<u8> {
    let at = (uncertainty / MOST_DOUBT).clamp(0.0, 1.0) * (DOUBT_COLOURS.len() - 1) as f32;
    let below = (at as usize).min(DOUBT_COLOURS.len() - 2);
    let part = at - below as f32;
    let (low, high) = (DOUBT_COLOURS[below], DOUBT_COLOURS[below + 1]);
    Rgb(std::array::from_fn(|band| (low[band] + (high[band] - low[band]) * part).round() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_panels_stand_side_by_side_and_a_mask_has_an_outline() {
        // A mask of 3 x 3 px in the middle of 5 x 5: its 8 outer pixels are outline, one is not.
        let inside = |i: usize| (1..4).contains(&(i / 5)) && (1..4).contains(&(i % 5));
        let panels = Panels {
            width: 5,
            scene: vec![[200, 100, 50]; 25],
            mask: (0..25).map(|i| Some(inside(i))).collect(),
            uncertainty: vec![0.0; 25],
            pixel_m: None,
            north: None,
        };
        let sheet = panels.draw("");
        assert_eq!(sheet.width(), 3 * 5 + 4 * GAP_PX);
        assert_eq!(sheet.pixels().filter(|&&pixel| pixel == OUTLINE).count(), 8);
        assert_eq!(sheet.pixels().filter(|&&pixel| pixel == Rgb([200, 100, 50])).count(), 25 + 1);
        assert_eq!(sheet.pixels().filter(|&&pixel| pixel == Rgb([100, 50, 25])).count(), 16);
    }

    #[test]
    fn doubt_runs_from_dark_to_bright() {
        assert_eq!(doubt_colour(0.0), Rgb([10, 8, 32]));
        assert_eq!(doubt_colour(0.25), Rgb([183, 55, 121]));
        assert_eq!(doubt_colour(0.9), Rgb([252, 253, 191]));
    }
}
