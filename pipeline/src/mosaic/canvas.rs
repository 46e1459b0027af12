//! Holds the rows that later tiles still reach, and gives them away once they are final.

use std::ops::Range;

use model::TilePrediction;

use crate::mosaic::blend::{TileWeights, implied_probability, towards};
use crate::tiling::{TilePlan, TileSpec};

/// Blended rows that no later tile reaches, over the full width of the plan's part of the scene.
///
/// # Shapes
/// Planes are `[row, col]`, `rows * width` values, `width` that of the part; where no tile has a valid pixel, `covered` is false and the planes
/// hold no meaning.
#[derive(Clone, Debug)]
pub struct BlendedRows {
    /// First row, counted from the top of the part.
    pub row_off: u32,
    /// Number of rows.
    pub rows: u32,
    /// Whether any tile had a valid pixel here.
    pub covered: Vec<bool>,
    /// One entry per prompt.
    pub prompts: Vec<BlendedPlanes>,
}

/// The blended planes of one prompt.
#[derive(Clone, Debug)]
pub struct BlendedPlanes {
    /// P: blended probability.
    pub probability: Vec<f32>,
    /// Q: blended probability of the target that labels and uncertainties imply.
    pub implied: Vec<f32>,
    /// The same from the scorer's own uncertainty, when it was asked for.
    pub raw_implied: Option<Vec<f32>>,
}

/// Weighted means of one or more planes over some full-width rows.
#[derive(Debug)]
struct Sums {
    weight: Vec<f32>,
    /// `[prompt * layers + layer]`, each `[row, col]`.
    means: Vec<Vec<f32>>,
}

impl Sums {
    fn new(len: usize, planes: usize) -> Self {
        Self { weight: vec![0.0; len], means: vec![vec![0.0; len]; planes] }
    }

    fn planes_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        std::iter::once(&mut self.weight).chain(&mut self.means)
    }

    fn planes(&self) -> impl Iterator<Item = &Vec<f32>> {
        std::iter::once(&self.weight).chain(&self.means)
    }

    /// Joins the sums of earlier tile rows with these, which are of the next one.
    fn fold_into(&mut self, earlier: &Self, shares: &mut Vec<f32>) {
        shares.clear();
        shares.extend(self.weight.iter_mut().zip(&earlier.weight).map(|(weight, &before)| {
            let own = *weight;
            *weight += before;
            if own > 0.0 { own / *weight } else { 0.0 }
        }));
        for (mean, before) in self.means.iter_mut().zip(&earlier.means) {
            for ((mean, &before), &share) in mean.iter_mut().zip(before).zip(shares.iter()) {
                *mean = towards(before, *mean, share);
            }
        }
    }
}

/// Sums tile predictions in a fixed order: within a tile row first, then tile rows from the top.
///
/// Addition of floats depends on its order; this one lets a scene be cut between tile rows and joined bit for bit.
/// Between tile rows only the overlap band is carried.
#[derive(Debug)]
pub struct Canvas {
    plan: TilePlan,
    layers: usize,
    /// The sums of the tile row being filled.
    current: Sums,
    /// The sums of earlier tile rows: the band they share with the current one, from its top downwards.
    carried: Sums,
    shares: Vec<f32>,
}

impl Canvas {
    /// An empty canvas for the tiles of a plan.
    #[must_use]
    pub fn new(plan: TilePlan, prompts: usize, raw_uncertainty: bool) -> Self {
        let layers = if raw_uncertainty { 3 } else { 2 };
        let (width, rows) = (plan.covered_cols().len(), plan.tile_px().min(plan.size().height) as usize);
        Self {
            layers,
            current: Sums::new(width * rows, prompts * layers),
            carried: Sums::new(0, prompts * layers),
            shares: Vec::new(),
            plan,
        }
    }

    /// Adds what the model says about one tile of the current tile row.
    ///
    /// # Shapes
    /// `valid`: `[row, col]` of the tile's window, 1 where the scene has data. Predictions: one per prompt, planes of
    /// the model's tile side, of which the window is the upper left part.
    pub fn add(&mut self, tile: &TileSpec, valid: &[u8], predictions: &[TilePrediction]) {
        let weights = TileWeights::new(&self.plan, tile);
        let cols = self.plan.covered_cols();
        let (width, left) = (tile.window.width as usize, (tile.window.col_off - cols.start) as usize);
        let side = self.plan.tile_px() as usize;
        for (row, &row_weight) in weights.by_row.iter().enumerate() {
            let at = row * cols.len() + left;
            let valid = &valid[row * width..][..width];
            self.shares.clear();
            let sums = self.current.weight[at..][..width].iter_mut();
            self.shares.extend(sums.zip(valid).zip(&weights.by_col).map(|((sum, &valid), &col_weight)| {
                if valid == 0 {
                    return 0.0;
                }
                let weight = row_weight * col_weight;
                *sum += weight;
                weight / *sum
            }));
            for (prediction, means) in predictions.iter().zip(self.current.means.chunks_mut(self.layers)) {
                let from = row * side;
                let probability = &prediction.probability[from..][..width];
                let mut mix = |layer: usize, value: &dyn Fn(usize) -> f32| {
                    for (col, (mean, &share)) in means[layer][at..][..width].iter_mut().zip(&self.shares).enumerate() {
                        *mean = towards(*mean, value(col), share);
                    }
                };
                mix(0, &|col| probability[col]);
                mix(1, &|col| implied_probability(probability[col], prediction.uncertainty[from + col]));
                if let Some(raw) = prediction.raw_uncertainty.as_ref().filter(|_| self.layers == 3) {
                    mix(2, &|col| implied_probability(probability[col], raw[from + col]));
                }
            }
        }
    }

    /// Ends a tile row and gives away the scene rows that are final now, from the top, at most so many at once.
    ///
    /// # Errors
    /// Those of `take`, which end it.
    pub fn finish_row<E>(
        &mut self,
        grid_row: usize,
        at_once: u32,
        mut take: impl FnMut(BlendedRows) -> Result<(), E>,
    ) -> Result<(), E> {
        let rows = self.plan.finished_rows(grid_row);
        self.current.fold_into(&self.carried, &mut self.shares);
        let part = self.plan.part();
        let wanted = rows.start.max(part.row_off)..rows.end.min(part.row_off + part.height);
        let at_once = at_once.max(1);
        for first in wanted.clone().step_by(at_once as usize) {
            take(self.blended(rows.start, first..wanted.end.min(first.saturating_add(at_once))))?;
        }
        let len = rows.len() * self.plan.covered_cols().len();
        for (carried, current) in self.carried.planes_mut().zip(self.current.planes()) {
            carried.clear();
            carried.extend_from_slice(&current[len..]);
        }
        self.current.planes_mut().for_each(|plane| plane.fill(0.0));
        Ok(())
    }

    /// Some rows of the tile row that begins at `top`, as far as they lie in the part.
    fn blended(&self, top: u32, rows: Range<u32>) -> BlendedRows {
        let (part, cols) = (self.plan.part(), self.plan.covered_cols());
        let left = (part.col_off - cols.start) as usize;
        let within = rows.clone().map(|row| (row - top) as usize * cols.len() + left);
        let pieces: Vec<Range<usize>> = within.map(|at| at..at + part.width as usize).collect();
        let cut = |plane: &Vec<f32>| pieces.iter().flat_map(|at| unit(&plane[at.clone()])).collect::<Vec<f32>>();
        BlendedRows {
            row_off: rows.start - part.row_off,
            rows: rows.end - rows.start,
            covered: pieces.iter().flat_map(|at| &self.current.weight[at.clone()]).map(|&w| w > 0.0).collect(),
            prompts: self
                .current
                .means
                .chunks(self.layers)
                .map(|means| BlendedPlanes {
                    probability: cut(&means[0]),
                    implied: cut(&means[1]),
                    raw_implied: means.get(2).map(cut),
                })
                .collect(),
        }
    }
}

/// The values within 0..1, where rounding may have left them by a unit in the last place.
fn unit(plane: &[f32]) -> impl Iterator<Item = f32> + '_ {
    plane.iter().map(|value| value.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use geo_io::PixelSize;

    use super::*;
    use crate::tiling::Overlap;

    fn plan(width: u32, height: u32) -> TilePlan {
        TilePlan::new(PixelSize { width, height }, 64, Overlap::Px(32)).unwrap()
    }

    fn says(probability: f32, uncertainty: f32) -> TilePrediction {
        TilePrediction {
            probability: vec![probability; 64 * 64],
            uncertainty: vec![uncertainty; 64 * 64],
            raw_uncertainty: None,
            presence: None,
        }
    }

    fn blend(plan: &TilePlan, mut answer: impl FnMut(&TileSpec) -> TilePrediction) -> Vec<BlendedRows> {
        let mut canvas = Canvas::new(plan.clone(), 1, false);
        let mut strips = Vec::new();
        for index in 0..plan.len() {
            let tile = plan.tile(index);
            let valid = vec![1; (tile.window.width * tile.window.height) as usize];
            canvas.add(&tile, &valid, &[answer(&tile)]);
            if tile.grid_col + 1 == plan.grid_cols() {
                let end = canvas.finish_row::<()>(tile.grid_row, u32::MAX, |rows| {
                    strips.push(rows);
                    Ok(())
                });
                end.unwrap();
            }
        }
        strips
    }

    #[test]
    fn a_constant_answer_stays_constant_to_the_last_bit() {
        for (width, height) in [(64, 64), (200, 131), (65, 300), (5, 3)] {
            let strips = blend(&plan(width, height), |_| says(0.7, 0.2));
            let values: Vec<f32> = strips.iter().flat_map(|s| s.prompts[0].probability.clone()).collect();
            assert_eq!(values.len(), (width * height) as usize);
            assert!(values.iter().all(|v| v.to_bits() == 0.7_f32.to_bits()));
            assert!(strips.iter().all(|s| s.covered.iter().all(|&c| c)));
        }
    }

    #[test]
    fn two_tiles_cross_fade_over_their_overlap() {
        // 96 px wide: tiles at 0 and 32 share columns 32..64; the left says 0, the right 1.
        let strips = blend(&plan(96, 64), |tile| says(tile.grid_col as f32, 0.0));
        let row = &strips[0].prompts[0].probability[..96];
        assert!(row[..32].iter().all(|&p| p == 0.0));
        assert!(row[64..].iter().all(|&p| p == 1.0));
        // Half-way, between columns 47 and 48, both count the same: values mirror each other around 1/2.
        assert!((row[47] + row[48] - 1.0).abs() < 1e-6);
        assert!(row[32..64].windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn tile_rows_cross_fade_as_tile_columns_do() {
        let across = blend(&plan(96, 64), |tile| says(tile.grid_col as f32, 0.0));
        let down = blend(&plan(64, 96), |tile| says(tile.grid_row as f32, 0.0));
        let down: Vec<f32> = down.iter().flat_map(|s| s.prompts[0].probability.clone()).collect();
        for i in 0..96 {
            assert_eq!(across[0].prompts[0].probability[i], down[i * 64], "pixel {i}");
        }
    }

    #[test]
    fn invalid_pixels_are_not_covered_and_count_for_nothing() {
        let plan = plan(96, 64);
        let mut canvas = Canvas::new(plan.clone(), 1, false);
        for index in 0..2 {
            let tile = plan.tile(index);
            // The left tile is wholly invalid, the right one wholly valid.
            canvas.add(&tile, &vec![index as u8; 64 * 64], &[says(if index == 0 { 0.9 } else { 0.2 }, 0.1)]);
        }
        let mut strips = Vec::new();
        let end = canvas.finish_row::<()>(0, u32::MAX, |rows| {
            strips.push(rows);
            Ok(())
        });
        end.unwrap();
        let strip = &strips[0];
        assert!(strip.covered[..32].iter().all(|&c| !c));
        assert!(strip.covered[32..96].iter().all(|&c| c));
        assert!(strip.prompts[0].probability[32..96].iter().all(|&p| p == 0.2));
    }
}
