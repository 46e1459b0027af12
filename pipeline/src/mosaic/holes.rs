//! Which tiles have no answer, and which pixels are left without a result because of that.

use geo_io::PixelWindow;

use crate::mosaic::canvas::BlendedRows;

/// Holes that are listed one by one; beyond that they are counted only.
const LISTED: usize = 10_000;

/// A tile without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedTile {
    /// Its pixels.
    pub window: PixelWindow,
    /// Why there is no answer.
    pub reason: String,
    /// Those of its pixels that no other tile covers, each counted for the first tile that failed to.
    pub px: u64,
}

/// Follows the failed tiles of a scene while its rows are finished.
#[derive(Debug, Default)]
pub struct Holes {
    /// Tiles that rows yet to be finished may reach.
    open: Vec<FailedTile>,
    closed: Vec<FailedTile>,
}

impl Holes {
    /// Notes a tile that has no answer.
    pub fn add(&mut self, window: PixelWindow, reason: String) {
        self.open.push(FailedTile { window, reason, px: 0 });
    }

    /// Counts the pixels of finished rows that lie in a failed tile and that no tile covered.
    ///
    /// Returns their number; they are nodata of another kind than ground on which the scene has none. The rows are of a
    /// `part` of the scene, of which only what is `inside` may be wanted.
    pub fn count(&mut self, rows: &BlendedRows, inside: Option<&[u8]>, part: PixelWindow) -> u64 {
        if self.open.is_empty() {
            return 0;
        }
        let (left, right) = (part.col_off, part.col_off + part.width);
        let (top, bottom) = (part.row_off + rows.row_off, part.row_off + rows.row_off + rows.rows);
        let mut free: Vec<bool> = rows.covered.iter().map(|covered| !covered).collect();
        for (free, inside) in free.iter_mut().zip(inside.into_iter().flatten()) {
            *free &= *inside == 1;
        }
        let mut counted = 0;
        for tile in &mut self.open {
            let PixelWindow { col_off, row_off, width: tile_width, height } = tile.window;
            let cols = (col_off.max(left), (col_off + tile_width).min(right));
            for row in row_off.max(top)..(row_off + height).min(bottom) {
                let start = (row - top) as usize * part.width as usize;
                for col in cols.0..cols.1 {
                    let free = std::mem::take(&mut free[start + (col - left) as usize]);
                    tile.px += u64::from(free);
                    counted += u64::from(free);
                }
            }
        }
        let ended = |tile: &mut FailedTile| tile.window.row_off + tile.window.height <= bottom;
        self.closed.extend(self.open.extract_if(.., ended));
        self.closed.truncate(LISTED);
        counted
    }

    /// The failed tiles in the order in which they were noted, as many as are listed.
    #[must_use]
    pub fn finish(mut self) -> Vec<FailedTile> {
        self.closed.extend(self.open);
        self.closed.truncate(LISTED);
        self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: PixelWindow = PixelWindow { col_off: 0, row_off: 0, width: 4, height: 4 };

    fn rows(row_off: u32, covered: &[u8]) -> BlendedRows {
        let covered = covered.iter().map(|&covered| covered == 1).collect();
        BlendedRows { row_off, rows: 2, covered, prompts: Vec::new() }
    }

    fn window(col_off: u32, row_off: u32) -> PixelWindow {
        PixelWindow { col_off, row_off, width: 2, height: 3 }
    }

    #[test]
    fn a_pixel_counts_for_the_first_tile_that_failed_to_cover_it_and_ground_without_data_for_none() {
        let mut holes = Holes::default();
        holes.add(window(1, 0), "cut".into());
        holes.add(window(2, 1), "cut too".into());
        // Columns 1, 2 belong to the first in rows 0..3, columns 2, 3 to the second in rows 1..4.
        assert_eq!(holes.count(&rows(0, &[0, 0, 1, 1, 0, 0, 0, 0]), None, PART), 1 + 3);
        assert_eq!(holes.count(&rows(2, &[0, 1, 0, 0, 0, 0, 0, 0]), None, PART), 2 + 2);
        let px: Vec<u64> = holes.finish().iter().map(|tile| tile.px).collect();
        assert_eq!(px, [1 + 2 + 1, 1 + 1 + 2]);
    }

    #[test]
    fn a_failed_tile_that_its_neighbours_cover_is_listed_and_leaves_no_pixel_without_a_result() {
        let mut holes = Holes::default();
        holes.add(window(0, 0), "cut".into());
        assert_eq!(holes.count(&rows(0, &[1; 8]), None, PART), 0);
        assert_eq!(holes.finish(), [FailedTile { window: window(0, 0), reason: "cut".into(), px: 0 }]);
    }
}
