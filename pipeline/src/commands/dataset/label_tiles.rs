//! Which tiles of a scene show its labels.

use geo_io::{Label, PixelSize, PixelWindow};

/// A tile and the labels that reach into it, as indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelTile {
    pub(super) window: PixelWindow,
    pub(super) labels: Vec<usize>,
}

/// Tiles of `side_px` that show all labels: one around each that no earlier tile shows whole; a label larger than a tile
/// gets as many side by side as it needs.
pub(super) fn lay_tiles(labels: &[Label], size: PixelSize, side_px: usize) -> Vec<LabelTile> {
    let side = side_px as u32;
    let mut windows: Vec<PixelWindow> = Vec::new();
    for label in labels {
        let of = label.window;
        for row_off in starts(of.row_off, of.height, size.height, side) {
            for col_off in starts(of.col_off, of.width, size.width, side) {
                let tile = PixelWindow { col_off, row_off, width: side.min(size.width), height: side.min(size.height) };
                // What this tile is there to show.
                let Some(part) = common(&tile, &of) else { continue };
                if !windows.iter().any(|earlier| common(earlier, &part) == Some(part)) {
                    windows.push(tile);
                }
            }
        }
    }
    let within = |window: &PixelWindow| -> Vec<usize> {
        (0..labels.len()).filter(|&label| common(window, &labels[label].window).is_some()).collect()
    };
    windows.into_iter().map(|window| LabelTile { window, labels: within(&window) }).collect()
}

/// Where tiles start along an axis so that together they show a stretch, in its middle where one is enough.
fn starts(first: u32, length: u32, size: u32, side: u32) -> Vec<u32> {
    let count = length.div_ceil(side).max(1);
    let span = i64::from(count) * i64::from(side);
    let start = i64::from(first) - (span - i64::from(length)) / 2;
    let last = i64::from(size.saturating_sub(side));
    let mut starts: Vec<u32> =
        (0..count).map(|at| (start + i64::from(at) * i64::from(side)).clamp(0, last) as u32).collect();
    starts.dedup();
    starts
}

/// The pixels of both.
pub(super) fn common(a: &PixelWindow, b: &PixelWindow) -> Option<PixelWindow> {
    let overlap = |a: u32, a_length: u32, b: u32, b_length: u32| {
        let (low, high) = (a.max(b), (a + a_length).min(b + b_length));
        (low < high).then(|| (low, high - low))
    };
    let (col_off, width) = overlap(a.col_off, a.width, b.col_off, b.width)?;
    let (row_off, height) = overlap(a.row_off, a.height, b.row_off, b.height)?;
    Some(PixelWindow { col_off, row_off, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tile_lies_around_its_label_and_inside_the_scene() {
        assert_eq!(starts(100, 20, 1000, 64), [78]);
        assert_eq!(starts(2, 20, 1000, 64), [0]);
        assert_eq!(starts(990, 10, 1000, 64), [936]);
        assert_eq!(starts(3, 10, 40, 64), [0]);
    }

    #[test]
    fn a_long_label_gets_several_tiles_that_cover_it() {
        let covering = starts(100, 150, 1000, 64);
        assert_eq!(covering, [79, 143, 207]);
        assert!(covering[0] <= 100 && covering[2] + 64 >= 250);
    }
}
