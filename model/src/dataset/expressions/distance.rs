//! How far each pixel of a picture is from a set of masks.

use crate::dataset::labelled::LocalMask;

/// The cost of a step to the side and of a diagonal one, in thirds of a pixel.
const STRAIGHT: u16 = 3;
const DIAGONAL: u16 = 4;

/// Distances in pixels, right to a few percent.
#[derive(Debug)]
pub(super) struct DistanceMap {
    cols: usize,
    thirds: Vec<u16>,
}

impl DistanceMap {
    /// The distance of each pixel of a picture to the nearest of the masks.
    pub(super) fn to<'m>(rows: usize, cols: usize, masks: impl Iterator<Item = &'m LocalMask>) -> Self {
        let mut inside = vec![0_u8; rows * cols];
        for mask in masks {
            mask.mark(cols, &mut inside);
        }
        let mut thirds: Vec<u16> = inside.into_iter().map(|bit| if bit != 0 { 0 } else { u16::MAX - 8 }).collect();
        for row in 0..rows {
            for col in 0..cols {
                let mut best = thirds[row * cols + col];
                if col > 0 {
                    best = best.min(thirds[row * cols + col - 1] + STRAIGHT);
                }
                if row > 0 {
                    let above = (row - 1) * cols + col;
                    best = best.min(thirds[above] + STRAIGHT);
                    if col > 0 {
                        best = best.min(thirds[above - 1] + DIAGONAL);
                    }
                    if col + 1 < cols {
                        best = best.min(thirds[above + 1] + DIAGONAL);
                    }
                }
                thirds[row * cols + col] = best.min(u16::MAX - 8);
            }
        }
        for row in (0..rows).rev() {
            for col in (0..cols).rev() {
                let mut best = thirds[row * cols + col];
                if col + 1 < cols {
                    best = best.min(thirds[row * cols + col + 1] + STRAIGHT);
                }
                if row + 1 < rows {
                    let below = (row + 1) * cols + col;
                    best = best.min(thirds[below] + STRAIGHT);
                    if col > 0 {
                        best = best.min(thirds[below - 1] + DIAGONAL);
                    }
                    if col + 1 < cols {
                        best = best.min(thirds[below + 1] + DIAGONAL);
                    }
                }
                thirds[row * cols + col] = best;
            }
        }
        Self { cols, thirds }
    }

    /// The distance of a pixel.
    pub(super) fn at(&self, row: usize, col: usize) -> f64 {
        f64::from(self.thirds[row * self.cols + col]) / f64::from(STRAIGHT)
    }

    /// The shortest distance of a mask, and the share of its pixels at distance zero.
    pub(super) fn of(&self, mask: &LocalMask) -> (f64, f64) {
        let (mut nearest, mut within, mut area) = (u16::MAX, 0_usize, 0_usize);
        for (row, line) in mask.bits.chunks_exact(mask.cols).enumerate() {
            let from = (mask.row_off + row) * self.cols + mask.col_off;
            for (&thirds, &bit) in self.thirds[from..from + mask.cols].iter().zip(line) {
                if bit != 0 {
                    nearest = nearest.min(thirds);
                    within += usize::from(thirds == 0);
                    area += 1;
                }
            }
        }
        (f64::from(nearest) / f64::from(STRAIGHT), within as f64 / area.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_steps_from_the_nearest_mask() {
        let dot = |row_off, col_off| LocalMask { row_off, col_off, rows: 1, cols: 1, bits: vec![1] };
        let map = DistanceMap::to(5, 9, [dot(0, 0), dot(4, 8)].iter());
        assert_eq!(map.at(0, 3), 3.0);
        assert_eq!(map.at(4, 6), 2.0);
        // Two diagonal steps of four thirds.
        assert!((map.at(2, 2) - 8.0 / 3.0).abs() < 1e-9);
        assert_eq!(map.of(&dot(0, 0)), (0.0, 1.0));
        assert_eq!(map.of(&dot(0, 2)), (2.0, 0.0));
    }
}
