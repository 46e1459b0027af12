//! Paints shapes into a window of pixels.

use super::look::{Rgb, lit, mix};
use super::noise::hash;
use super::shapes::{Ink, Layer, Shape};

/// From pixels of a scene to metres of the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub(crate) origin: (f64, f64),
    /// Metres right per column, metres down per column.
    pub(crate) step: (f64, f64),
}

impl Placement {
    /// World position of a pixel's centre.
    #[inline]
    pub(crate) fn world(&self, row: i64, col: i64) -> (f64, f64) {
        let (r, c) = (row as f64 + 0.5, col as f64 + 0.5);
        (self.origin.0 + self.step.0 * c - self.step.1 * r, self.origin.1 + self.step.1 * c + self.step.0 * r)
    }

    /// Pixel coordinates (row, col) of a world position; pixel centres lie at halves.
    pub(crate) fn pixel(&self, p: (f64, f64)) -> (f64, f64) {
        let d = (p.0 - self.origin.0, p.1 - self.origin.1);
        let q = self.step.0 * self.step.0 + self.step.1 * self.step.1;
        ((d.1 * self.step.0 - d.0 * self.step.1) / q, (d.0 * self.step.0 + d.1 * self.step.1) / q)
    }

    /// Metres per pixel.
    pub(crate) fn pixel_size(&self) -> f64 {
        (self.step.0 * self.step.0 + self.step.1 * self.step.1).sqrt()
    }
}

/// A window being painted: linear colour, instance ids and the shadow of the current layer.
#[derive(Debug)]
pub(crate) struct Easel {
    pub(crate) row_off: i64,
    pub(crate) col_off: i64,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) rgb: Vec<Rgb>,
    pub(crate) ids: Vec<u32>,
    pub(crate) shadow: Vec<f32>,
}

impl Easel {
    pub(crate) fn new(row_off: i64, col_off: i64, rows: usize, cols: usize) -> Self {
        let count = rows * cols;
        Self { row_off, col_off, rows, cols, rgb: vec![[0.0; 3]; count], ids: vec![0; count], shadow: vec![0.0; count] }
    }

    /// Paints the shapes, which are in painting order.
    pub(crate) fn paint(&mut self, place: &Placement, shapes: &[&Shape], shadow_depth: f32) {
        let mut layer = Layer::Ground;
        let mut dark = false;
        for shape in shapes {
            if shape.layer != layer {
                if dark {
                    self.darken(shadow_depth);
                }
                dark = false;
                layer = shape.layer;
            }
            dark |= matches!(shape.ink, Ink::Shadow);
            self.draw(place, shape);
        }
        if dark {
            self.darken(shadow_depth);
        }
    }

    fn darken(&mut self, depth: f32) {
        for (rgb, shadow) in self.rgb.iter_mut().zip(&mut self.shadow) {
            if *shadow > 0.0 {
                let k = depth * *shadow;
                // Sky light fills shadows with blue.
                *rgb = [rgb[0] * (1.0 - k), rgb[1] * (1.0 - k * 0.97), rgb[2] * (1.0 - k * 0.9)];
                *shadow = 0.0;
            }
        }
    }

    fn draw(&mut self, place: &Placement, shape: &Shape) {
        let metres = place.pixel_size();
        let (row, col) = place.pixel(shape.centre);
        let (c, s) = (place.step.0 / metres, place.step.1 / metres);
        let reach_col = (c.abs() * shape.reach.0 + s.abs() * shape.reach.1) / metres + 1.0;
        let reach_row = (s.abs() * shape.reach.0 + c.abs() * shape.reach.1) / metres + 1.0;
        let clip = |middle: f64, reach: f64, off: i64, count: usize| {
            let low = ((middle - reach).floor() as i64 - off).clamp(0, count as i64) as usize;
            let high = ((middle + reach).ceil() as i64 - off).clamp(0, count as i64) as usize;
            low..high
        };
        let columns = clip(col, reach_col, self.col_off, self.cols);
        let inverse = (1.0 / metres) as f32;
        for r in clip(row, reach_row, self.row_off, self.rows) {
            let abs_row = self.row_off + r as i64;
            for k in columns.clone() {
                let abs_col = self.col_off + k as i64;
                let p = place.world(abs_row, abs_col);
                let (x, y) = ((p.0 - shape.centre.0) as f32, (p.1 - shape.centre.1) as f32);
                let distance = shape.outline.distance(x, y) * inverse;
                if distance >= 0.5 {
                    continue;
                }
                let cover = (0.5 - distance).min(1.0);
                let at = r * self.cols + k;
                if distance < 0.0
                    && let Some(id) = shape.id
                {
                    self.ids[at] = id;
                }
                let under = self.rgb[at];
                self.rgb[at] = match shape.ink {
                    Ink::Flat { rgb, grain } => {
                        let bits = hash(0x5EED, abs_col as i32, abs_row as i32);
                        let n = (bits >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0;
                        mix(under, lit(rgb, 1.0 + grain * n), cover)
                    }
                    Ink::Stripes { rgb, along, period_m, depth } => {
                        let phase = (x * along.0 + y * along.1) / period_m;
                        let wave = (phase - phase.floor() - 0.5).abs() * 4.0 - 1.0;
                        mix(under, lit(rgb, 1.0 + depth * wave), cover)
                    }
                    Ink::Dome { rgb, radius_m, seed } => {
                        let leaf = hash(seed, (x * 1.4 + 64.0) as i32, (y * 1.4 + 64.0) as i32) >> 24;
                        let bump = leaf as f32 / 255.0 - 0.5;
                        let q = ((x * x + y * y) / (radius_m * radius_m)).min(1.0);
                        let light = 1.12 - 0.42 * q + 0.4 * bump;
                        mix(under, lit(rgb, light), cover)
                    }
                    Ink::Wash { rgb, alpha } => mix(under, rgb, cover * alpha),
                    Ink::Shadow => {
                        self.shadow[at] = self.shadow[at].max(cover);
                        under
                    }
                };
            }
        }
    }
}
