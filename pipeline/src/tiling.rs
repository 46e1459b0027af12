//! Where the tiles of a scene lie.

use std::ops::Range;

use geo_io::{PixelSize, PixelWindow};

use crate::error::PipelineError;

/// The image encoder halves the picture five times, so strides that are multiples of 32 keep feature grids aligned.
const STRIDE_MULTIPLE_PX: u32 = 32;

/// How much neighbouring tiles share, as the user asked for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Overlap {
    /// Pixels.
    Px(u32),
    /// Share of the tile side, in percent.
    Percent(f64),
}

impl Overlap {
    /// The overlap in pixels for tiles of a side.
    fn px(self, tile_px: u32) -> u32 {
        match self {
            Self::Px(px) => px,
            Self::Percent(percent) => (f64::from(tile_px) * percent / 100.0).round() as u32,
        }
    }
}

impl std::str::FromStr for Overlap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no overlap: give pixels (64) or a share of the tile (20%)");
        if let Some(number) = text.strip_suffix('%') {
            let percent: f64 = number.trim().parse().map_err(|_| wrong())?;
            return (0.0..100.0).contains(&percent).then_some(Self::Percent(percent)).ok_or_else(wrong);
        }
        let number = text.strip_suffix("px").unwrap_or(text).trim();
        number.parse().map(Self::Px).map_err(|_| wrong())
    }
}

impl std::fmt::Display for Overlap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Px(px) => write!(f, "{px} px"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// One tile of a [`TilePlan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileSpec {
    /// Position in plan order: tile rows from the top, each from the left.
    pub index: usize,
    /// Tile row, counted from the first that is in the plan.
    pub grid_row: usize,
    /// Tile column, counted likewise.
    pub grid_col: usize,
    /// The scene pixels the tile shows; smaller than the tile only where the scene is.
    pub window: PixelWindow,
}

/// The tiles of a scene, in the order in which they are computed and summed.
///
/// The grid starts at the scene's origin; the last row and column are shifted inwards to stay on real pixels. A plan of a
/// part of the scene has the tiles of the same grid that reach into the part, so that its results are those of the whole.
#[derive(Clone, Debug)]
pub struct TilePlan {
    size: PixelSize,
    tile_px: u32,
    stride_px: u32,
    row_offs: Vec<u32>,
    col_offs: Vec<u32>,
    part: PixelWindow,
    /// The rows and columns of the grid that reach into the part.
    rows: Range<usize>,
    cols: Range<usize>,
}

impl TilePlan {
    /// Lays tiles of `tile_px` over a scene.
    ///
    /// The stride is rounded down to a multiple of 32, so the overlap may come out larger than asked for.
    ///
    /// # Errors
    /// [`PipelineError::Usage`] when the overlap leaves less than 32 px of a tile.
    pub fn new(size: PixelSize, tile_px: u32, overlap: Overlap) -> Result<Self, PipelineError> {
        let overlap_px = overlap.px(tile_px);
        let stride_px = tile_px.saturating_sub(overlap_px) / STRIDE_MULTIPLE_PX * STRIDE_MULTIPLE_PX;
        if stride_px == 0 {
            return Err(PipelineError::Usage(format!(
                "a tile overlap of {overlap} leaves less than {STRIDE_MULTIPLE_PX} px of a tile of {tile_px} px: \
                 choose a smaller --tile-overlap"
            )));
        }
        let row_offs = offsets(size.height, tile_px, stride_px);
        let col_offs = offsets(size.width, tile_px, stride_px);
        let (rows, cols) = (0..row_offs.len(), 0..col_offs.len());
        Ok(Self { size, tile_px, stride_px, row_offs, col_offs, part: PixelWindow::whole(size), rows, cols })
    }

    /// The plan of a part of the scene.
    ///
    /// # Panics
    /// When the part does not lie in the scene.
    #[must_use]
    pub fn within(self, part: PixelWindow) -> Self {
        assert!(part.fits(self.size), "{part} is no part of the scene");
        let rows = reaching(&self.row_offs, self.tile_px, part.row_off, part.height);
        let cols = reaching(&self.col_offs, self.tile_px, part.col_off, part.width);
        Self { part, rows, cols, ..self }
    }

    /// The part of the scene that results are wanted of.
    #[must_use]
    pub fn part(&self) -> PixelWindow {
        self.part
    }

    /// The scene columns that the tiles cover.
    #[must_use]
    pub fn covered_cols(&self) -> Range<u32> {
        let end = self.col_offs[self.cols.end - 1] + self.tile_px.min(self.size.width);
        self.col_offs[self.cols.start]..end
    }

    /// Whether a tile of the grid lies above, below, left and right of a tile, in the plan or not.
    #[must_use]
    pub fn neighbours(&self, tile: &TileSpec) -> [bool; 4] {
        let (row, col) = (self.rows.start + tile.grid_row, self.cols.start + tile.grid_col);
        [row > 0, row + 1 < self.row_offs.len(), col > 0, col + 1 < self.col_offs.len()]
    }

    /// Size of the scene.
    #[must_use]
    pub fn size(&self) -> PixelSize {
        self.size
    }

    /// Side of the tiles the model sees.
    #[must_use]
    pub fn tile_px(&self) -> u32 {
        self.tile_px
    }

    /// Distance between the origins of neighbouring tiles.
    #[must_use]
    pub fn stride_px(&self) -> u32 {
        self.stride_px
    }

    /// Pixels that neighbouring tiles of the regular grid share, and the width of the blending ramps.
    #[must_use]
    pub fn overlap_px(&self) -> u32 {
        self.tile_px - self.stride_px
    }

    /// Number of tile rows.
    #[must_use]
    pub fn grid_rows(&self) -> usize {
        self.rows.len()
    }

    /// Number of tile columns.
    #[must_use]
    pub fn grid_cols(&self) -> usize {
        self.cols.len()
    }

    /// Number of tiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.grid_rows() * self.grid_cols()
    }

    /// Whether there are no tiles; a scene has at least one pixel, so never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tile at a position in plan order.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    #[must_use]
    pub fn tile(&self, index: usize) -> TileSpec {
        let (grid_row, grid_col) = (index / self.grid_cols(), index % self.grid_cols());
        let window = PixelWindow {
            col_off: self.col_offs[self.cols.start + grid_col],
            row_off: self.row_offs[self.rows.start + grid_row],
            width: self.tile_px.min(self.size.width),
            height: self.tile_px.min(self.size.height),
        };
        TileSpec { index, grid_row, grid_col, window }
    }

    /// The scene rows `start..end` that no tile row after this one reaches, and none before it has finished.
    #[must_use]
    pub fn finished_rows(&self, grid_row: usize) -> Range<u32> {
        let rows = &self.row_offs[self.rows.clone()];
        let bottom = rows[rows.len() - 1] + self.tile_px.min(self.size.height);
        rows[grid_row]..rows.get(grid_row + 1).copied().unwrap_or(bottom)
    }
}

/// The positions of the tiles that reach into a part, along one axis.
fn reaching(offs: &[u32], tile_px: u32, off: u32, len: u32) -> Range<usize> {
    let first = offs.partition_point(|&start| start + tile_px <= off);
    first..offs.partition_point(|&start| start < off + len)
}

/// Where tiles begin along one axis.
fn offsets(len_px: u32, tile_px: u32, stride_px: u32) -> Vec<u32> {
    let Some(last) = len_px.checked_sub(tile_px) else {
        return vec![0];
    };
    let mut offs: Vec<u32> = (0..last).step_by(stride_px as usize).collect();
    offs.push(last);
    offs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(width: u32, height: u32, overlap: Overlap) -> TilePlan {
        TilePlan::new(PixelSize { width, height }, 320, overlap).unwrap()
    }

    #[test]
    fn twenty_percent_of_a_320_px_tile_is_a_stride_of_256() {
        let plan = plan(1000, 1000, Overlap::Percent(20.0));
        assert_eq!((plan.stride_px(), plan.overlap_px()), (256, 64));
    }

    #[test]
    fn the_last_column_is_shifted_inwards() {
        // 0, 256, 512 reach to 832; the next regular tile would end at 1088 > 1000, so the last begins at 1000 - 320.
        let plan = plan(1000, 320, Overlap::Px(64));
        let offs: Vec<u32> = (0..plan.len()).map(|i| plan.tile(i).window.col_off).collect();
        assert_eq!(offs, [0, 256, 512, 680]);
    }

    #[test]
    fn a_scene_of_exactly_one_tile_has_one_tile() {
        assert_eq!(plan(320, 320, Overlap::Px(64)).len(), 1);
    }

    #[test]
    fn a_scene_smaller_than_a_tile_has_one_tile_of_its_own_size() {
        let plan = plan(1, 7, Overlap::Px(64));
        assert_eq!(plan.len(), 1);
        assert_eq!(plan.tile(0).window, PixelWindow { col_off: 0, row_off: 0, width: 1, height: 7 });
    }

    #[test]
    fn finished_rows_cover_the_scene_once() {
        let plan = plan(320, 1500, Overlap::Percent(40.0));
        let mut next = 0;
        for row in 0..plan.grid_rows() {
            let rows = plan.finished_rows(row);
            assert_eq!(rows.start, next);
            next = rows.end;
        }
        assert_eq!(next, 1500);
    }

    #[test]
    fn a_part_has_the_tiles_of_the_whole_that_reach_into_it() {
        let whole = plan(1500, 1100, Overlap::Percent(20.0));
        for (col_off, row_off, width, height) in
            [(0, 0, 1500, 1100), (319, 256, 2, 64), (700, 0, 1, 1), (1499, 900, 1, 200)]
        {
            let part = PixelWindow { col_off, row_off, width, height };
            let plan = whole.clone().within(part);
            let reaches = |tile: &TileSpec| {
                let PixelWindow { col_off: left, row_off: top, .. } = tile.window;
                left < col_off + width && left + 320 > col_off && top < row_off + height && top + 320 > row_off
            };
            let expected: Vec<_> = (0..whole.len()).map(|i| whole.tile(i)).filter(reaches).collect();
            let found: Vec<_> = (0..plan.len()).map(|i| plan.tile(i)).collect();
            assert_eq!(
                found.iter().map(|t| t.window).collect::<Vec<_>>(),
                expected.iter().map(|t| t.window).collect::<Vec<_>>()
            );
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(plan.neighbours(found), whole.neighbours(expected));
            }
            let rows: Vec<u32> = (0..plan.grid_rows()).flat_map(|row| plan.finished_rows(row)).collect();
            assert!(rows.windows(2).all(|pair| pair[1] == pair[0] + 1));
            assert!((row_off..row_off + height).all(|row| rows.contains(&row)));
        }
    }

    #[test]
    fn an_overlap_as_large_as_the_tile_is_refused() {
        let error = TilePlan::new(PixelSize { width: 9, height: 9 }, 320, Overlap::Px(300)).unwrap_err();
        assert!(error.to_string().contains("--tile-overlap"), "{error}");
    }

    #[test]
    fn overlaps_are_read_in_pixels_and_in_percent() {
        assert_eq!("64".parse(), Ok(Overlap::Px(64)));
        assert_eq!("64px".parse(), Ok(Overlap::Px(64)));
        assert_eq!("12.5%".parse(), Ok(Overlap::Percent(12.5)));
        for wrong in ["", "x", "-1", "100%", "NaN%"] {
            assert!(wrong.parse::<Overlap>().is_err(), "{wrong}");
        }
    }
}
