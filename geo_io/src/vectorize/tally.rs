//! What is known about the pixels of a piece seen so far.

use super::ComponentStats;
use super::components::{Run, RunPixels};
use super::histogram::Histogram;
use crate::window::PixelWindow;

/// The uncertainty below which a label is taken for right.
const SURE: f32 = 0.05;

/// What is known about the pixels of a piece seen so far.
#[derive(Debug)]
pub(super) struct Tally {
    n_px: u64,
    prob_sum: f64,
    unc_sum: f64,
    unc_max: f32,
    prob: Histogram,
    unc: Histogram,
    presence: Option<f32>,
    /// The numbers of the tiles it lies in, ascending.
    tiles: Vec<u32>,
    touches_edge: bool,
    first_px: (u32, u32),
    first_col: u32,
    end_col: u32,
    last_row: u32,
}

impl Tally {
    /// Nothing yet of a piece that begins at this row and column.
    pub(super) fn begin((row, col): (u32, u32)) -> Self {
        Self {
            n_px: 0,
            prob_sum: 0.0,
            unc_sum: 0.0,
            unc_max: 0.0,
            prob: Histogram::new(),
            unc: Histogram::new(),
            presence: None,
            tiles: Vec::new(),
            touches_edge: false,
            first_px: (row, col),
            first_col: col,
            end_col: col,
            last_row: row,
        }
    }

    /// Adds the pixels of a run.
    pub(super) fn add(&mut self, run: Run, pixels: &RunPixels) {
        self.n_px += u64::from(run.end - run.start);
        self.prob_sum += pixels.probability.iter().map(|value| f64::from(*value)).sum::<f64>();
        self.unc_sum += pixels.uncertainty.iter().map(|value| f64::from(*value)).sum::<f64>();
        self.unc_max = pixels.uncertainty.iter().fold(self.unc_max, |max, value| max.max(*value));
        self.prob.add(pixels.probability);
        self.unc.add(pixels.uncertainty);
        for tile in pixels.tiles {
            self.presence = higher(self.presence, tile.presence);
            self.note_tile(tile.number);
        }
        self.touches_edge |= pixels.touches_edge;
        self.first_col = self.first_col.min(run.start);
        self.end_col = self.end_col.max(run.end);
        self.last_row = pixels.row;
    }

    /// Adds what is known of another piece.
    pub(super) fn merge(&mut self, other: Self) {
        self.n_px += other.n_px;
        self.prob_sum += other.prob_sum;
        self.unc_sum += other.unc_sum;
        self.unc_max = self.unc_max.max(other.unc_max);
        self.prob.merge(other.prob);
        self.unc.merge(other.unc);
        self.presence = higher(self.presence, other.presence);
        other.tiles.into_iter().for_each(|number| self.note_tile(number));
        self.touches_edge |= other.touches_edge;
        self.first_px = self.first_px.min(other.first_px);
        self.first_col = self.first_col.min(other.first_col);
        self.end_col = self.end_col.max(other.end_col);
        self.last_row = self.last_row.max(other.last_row);
    }

    fn note_tile(&mut self, number: u32) {
        if let Err(place) = self.tiles.binary_search(&number) {
            self.tiles.insert(place, number);
        }
    }

    pub(super) fn n_px(&self) -> u64 {
        self.n_px
    }

    pub(super) fn last_row(&self) -> u32 {
        self.last_row
    }

    pub(super) fn first_px(&self) -> (u32, u32) {
        self.first_px
    }

    pub(super) fn touches_edge(&self) -> bool {
        self.touches_edge
    }

    /// The pixels spanned.
    pub(super) fn bbox(&self) -> PixelWindow {
        PixelWindow {
            col_off: self.first_col,
            row_off: self.first_px.0,
            width: self.end_col - self.first_col,
            height: self.last_row - self.first_px.0 + 1,
        }
    }

    pub(super) fn stats(&self) -> ComponentStats {
        let n = self.n_px as f64;
        ComponentStats {
            prob_mean: self.prob_sum / n,
            prob_p10: self.prob.quantile(0.1),
            unc_mean: self.unc_sum / n,
            unc_p90: self.unc.quantile(0.9),
            unc_max: f64::from(self.unc_max),
            sure_share: self.unc.share_up_to(SURE),
            possible_share: self.unc.share_up_to(1.0 - SURE),
            presence: self.presence.map(f64::from),
            n_tiles: (!self.tiles.is_empty()).then_some(self.tiles.len() as u64),
        }
    }
}

fn higher(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    a.into_iter().chain(b).reduce(f32::max)
}
