//! What can be seen in one frame: a tile or a whole scene.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::instance::Instance;

/// An instance as far as it can be seen in a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Visible {
    /// What it is.
    pub instance: Instance,
    /// Its pixels in the frame.
    pub visible_px: u32,
    /// First row with a pixel of it.
    pub row_min: u32,
    /// Last row with a pixel of it.
    pub row_max: u32,
    /// First column with a pixel of it.
    pub col_min: u32,
    /// Last column with a pixel of it.
    pub col_max: u32,
    /// Mean position of its pixels, (row, col).
    pub centre: (f64, f64),
}

/// A frame: the instance of every pixel, and what is known of each instance.
#[derive(Debug)]
pub struct Frame {
    rows: usize,
    cols: usize,
    pixel_size_m: f64,
    raster: Vec<u32>,
    things: Vec<Visible>,
    /// Distances asked for before: several phrases point to the same things.
    known: Mutex<HashMap<Vec<u32>, Arc<[f64]>>>,
}

impl Frame {
    /// The frame of an instance raster `[row, col]`; instances without a pixel in it are left out.
    ///
    /// # Panics
    /// When the raster does not have `rows * cols` pixels.
    #[must_use]
    pub fn new(rows: usize, cols: usize, pixel_size_m: f64, raster: Vec<u32>, instances: &[Instance]) -> Self {
        assert_eq!(raster.len(), rows * cols, "an instance raster has one number for each pixel");
        let mut by_id: Vec<&Instance> = instances.iter().collect();
        by_id.sort_by_key(|i| i.id);
        let mut things: Vec<Visible> = by_id
            .into_iter()
            .map(|instance| Visible {
                instance: instance.clone(),
                visible_px: 0,
                row_min: u32::MAX,
                row_max: 0,
                col_min: u32::MAX,
                col_max: 0,
                centre: (0.0, 0.0),
            })
            .collect();
        let mut last = (0, None);
        for (r, line) in raster.chunks(cols.max(1)).enumerate() {
            for (c, &id) in line.iter().enumerate() {
                if id == 0 {
                    continue;
                }
                if id != last.0 {
                    last = (id, things.binary_search_by_key(&id, |t| t.instance.id).ok());
                }
                let Some(k) = last.1 else { continue };
                let t = &mut things[k];
                t.visible_px += 1;
                t.row_min = t.row_min.min(r as u32);
                t.row_max = t.row_max.max(r as u32);
                t.col_min = t.col_min.min(c as u32);
                t.col_max = t.col_max.max(c as u32);
                t.centre.0 += r as f64;
                t.centre.1 += c as f64;
            }
        }
        things.retain(|t| t.visible_px > 0);
        for t in &mut things {
            let n = f64::from(t.visible_px);
            t.centre = (t.centre.0 / n, t.centre.1 / n);
        }
        Self { rows, cols, pixel_size_m, raster, things, known: Mutex::default() }
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Side of a pixel in metres.
    #[must_use]
    pub fn pixel_size_m(&self) -> f64 {
        self.pixel_size_m
    }

    /// The instance of every pixel, `[row, col]`.
    #[must_use]
    pub fn raster(&self) -> &[u32] {
        &self.raster
    }

    /// Everything that can be seen, by id.
    #[must_use]
    pub fn things(&self) -> &[Visible] {
        &self.things
    }

    /// Share of a thing that can be seen; 1 for regions.
    #[must_use]
    pub fn share_seen(&self, thing: &Visible) -> f64 {
        if thing.instance.area_m2 <= 0.0 {
            return 1.0;
        }
        f64::from(thing.visible_px) * self.pixel_size_m * self.pixel_size_m / thing.instance.area_m2
    }

    /// The mask of these instances, `[row, col]`, 1 inside.
    #[must_use]
    pub fn mask(&self, ids: &[u32]) -> Vec<u8> {
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        let mut last = (0, 0);
        self.raster
            .iter()
            .map(|&id| {
                if id != last.0 {
                    last = (id, u8::from(sorted.binary_search(&id).is_ok()));
                }
                last.1
            })
            .collect()
    }

    /// For each thing, by its place in [`Frame::things`], metres from its nearest pixel to the nearest
    /// pixel of these instances: a pixel beside one of theirs is one pixel away.
    #[must_use]
    pub fn distances(&self, ids: &[u32]) -> Arc<[f64]> {
        // A panic elsewhere leaves the memory as it was: it is only ever added to.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || self.measure(ids).into();
        known.entry(ids.to_vec()).or_insert_with(fresh).clone()
    }

    fn measure(&self, ids: &[u32]) -> Vec<f64> {
        let field = chamfer(&self.mask(ids), self.rows, self.cols);
        let mut nearest = vec![f32::MAX; self.things.len()];
        let mut last = (0, None);
        for (&id, &d) in self.raster.iter().zip(&field) {
            if id == 0 {
                continue;
            }
            if id != last.0 {
                last = (id, self.things.binary_search_by_key(&id, |t| t.instance.id).ok());
            }
            if let Some(k) = last.1
                && d < nearest[k]
            {
                nearest[k] = d;
            }
        }
        nearest.into_iter().map(|d| f64::from(d) * self.pixel_size_m).collect()
    }
}

/// Distance in pixels to the nearest pixel of a mask, within 3 % of the straight line.
///
/// Two passes, from above and from below; within a line first what comes from the last line, which has no
/// order and runs in parallel lanes, then what comes from the left and from the right.
fn chamfer(mask: &[u8], rows: usize, cols: usize) -> Vec<f32> {
    let mut d: Vec<f32> = mask.iter().map(|&m| if m == 1 { 0.0 } else { 1e9 }).collect();
    // The last line, with a border on each side.
    let mut last = vec![1e9_f32; cols + 2];
    for r in 0..rows {
        let line = &mut d[r * cols..(r + 1) * cols];
        relax(line, &last);
        last[1..=cols].copy_from_slice(line);
    }
    last.fill(1e9);
    for r in (0..rows).rev() {
        let line = &mut d[r * cols..(r + 1) * cols];
        relax(line, &last);
        last[1..=cols].copy_from_slice(line);
    }
    d
}

/// Shortens a line's distances by steps from the line before it, from the left and from the right.
fn relax(line: &mut [f32], last: &[f32]) {
    const STRAIGHT: f32 = 0.961_94;
    const DIAGONAL: f32 = 1.360_39;
    for (c, d) in line.iter_mut().enumerate() {
        let beside = last[c].min(last[c + 2]) + DIAGONAL;
        *d = d.min(last[c + 1] + STRAIGHT).min(beside);
    }
    let mut left = 1e9_f32;
    for d in line.iter_mut() {
        left = d.min(left + STRAIGHT);
        *d = left;
    }
    let mut right = 1e9_f32;
    for d in line.iter_mut().rev() {
        right = d.min(right + STRAIGHT);
        *d = right;
    }
}
