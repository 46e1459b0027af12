//! Four pieces of labelled pictures as one tile: more things to tell apart than most pictures show alone.

use std::collections::BTreeSet;

use super::augment::Cut;
use super::labelled::{LabelledObject, LabelledTile, LocalMask};

/// Cells along a side of a joined tile.
pub const JOINED_SIDE: usize = 2;

/// The pieces, row by row, each in the first corner of a square cell of `cell_px` pixels.
///
/// A piece that does not fill its cell is continued by mirroring. What is only mirrored is among the remains: things
/// stand there without a label. What is known to be labelled in full is what all pieces say so of.
///
/// # Panics
/// When there are not [`JOINED_SIDE`] squared pieces, or one does not fit its cell.
#[must_use]
pub fn join(pieces: &[Cut], cell_px: usize) -> Cut {
    assert_eq!(pieces.len(), JOINED_SIDE * JOINED_SIDE, "a piece for each cell");
    let side = JOINED_SIDE * cell_px;
    let mut rgb = vec![0; side * side * 3];
    let mut objects = Vec::new();
    let mut remains = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let (top, left) = (index / JOINED_SIDE * cell_px, index % JOINED_SIDE * cell_px);
        let tile = &piece.tile;
        assert!(tile.rows <= cell_px && tile.cols <= cell_px, "the piece is larger than its cell");
        let filled = mirrored(tile, cell_px);
        for (row, line) in filled.chunks_exact(cell_px * 3).enumerate() {
            let at = ((top + row) * side + left) * 3;
            rgb[at..at + cell_px * 3].copy_from_slice(line);
        }
        objects.extend(tile.objects.iter().map(|object| LabelledObject {
            id: object.id,
            category: object.category.clone(),
            form: object.form,
            trust: object.trust,
            whole: object.whole,
            mask: moved(&object.mask, top, left),
        }));
        remains.extend(piece.remains.iter().map(|mask| moved(mask, top, left)));
        remains.extend(box_of(top + tile.rows, left, cell_px - tile.rows, cell_px));
        remains.extend(box_of(top, left + tile.cols, tile.rows, cell_px - tile.cols));
    }
    let exhaustive = pieces.iter().map(|piece| &piece.tile.exhaustive);
    let tile = LabelledTile {
        rows: side,
        cols: side,
        rgb,
        objects,
        exhaustive: exhaustive.cloned().reduce(|all, other| &all & &other).unwrap_or_else(BTreeSet::new),
        false_colour: pieces.iter().any(|piece| piece.tile.false_colour),
        pixel_size_m: None,
        placeless: false,
    };
    Cut { tile, remains }
}

/// The tile's pixels, continued to a square of `side_px` by mirroring at the last row and column, as `segment` does.
///
/// # Shapes
/// `[row, col, channel]`
#[must_use]
pub fn mirrored(tile: &LabelledTile, side_px: usize) -> Vec<u8> {
    let back = |at: usize, length: usize| {
        if length == 1 {
            return 0;
        }
        let period = 2 * (length - 1);
        let at = at % period;
        if at < length { at } else { period - at }
    };
    let mut pixels = Vec::with_capacity(side_px * side_px * 3);
    for row in 0..side_px {
        let line = back(row, tile.rows) * tile.cols;
        for col in 0..side_px {
            let at = (line + back(col, tile.cols)) * 3;
            pixels.extend_from_slice(&tile.rgb[at..at + 3]);
        }
    }
    pixels
}

fn moved(mask: &LocalMask, down: usize, right: usize) -> LocalMask {
    LocalMask { row_off: mask.row_off + down, col_off: mask.col_off + right, ..mask.clone() }
}

/// A filled box, or nothing where it has no area.
fn box_of(row_off: usize, col_off: usize, rows: usize, cols: usize) -> Option<LocalMask> {
    (rows * cols > 0).then(|| LocalMask { row_off, col_off, rows, cols, bits: vec![1; rows * cols] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::labelled::{LabelForm, OutlineTrust};

    /// A piece of `rows` and 4 columns in one grey with a ship of one pixel in its first corner.
    fn piece(rows: usize, grey: u8, exhaustive: &[&str]) -> Cut {
        let tile = LabelledTile {
            rows,
            cols: 4,
            rgb: vec![grey; rows * 4 * 3],
            objects: vec![LabelledObject {
                id: u64::from(grey),
                category: "ship".into(),
                form: LabelForm::Instance,
                trust: OutlineTrust::Outline,
                whole: true,
                mask: LocalMask { row_off: 0, col_off: 0, rows: 1, cols: 1, bits: vec![1] },
            }],
            exhaustive: exhaustive.iter().map(|&name| name.to_owned()).collect(),
            false_colour: false,
            pixel_size_m: Some(0.3),
            placeless: true,
        };
        Cut { tile, remains: Vec::new() }
    }

    #[test]
    fn pieces_lie_row_by_row_and_their_labels_with_them() {
        let pieces = [10, 20, 30, 40].map(|grey| piece(4, grey, &["ship"]));
        let Cut { tile, remains } = join(&pieces, 4);
        assert_eq!((tile.rows, tile.cols), (8, 8));
        for (object, at) in tile.objects.iter().zip([(0, 0), (0, 4), (4, 0), (4, 4)]) {
            assert_eq!((object.mask.row_off, object.mask.col_off), at);
            assert_eq!(u64::from(tile.rgb[(at.0 * 8 + at.1) * 3]), object.id);
        }
        assert!(remains.is_empty() && !tile.placeless);
    }

    #[test]
    fn what_is_mirrored_is_among_the_remains() {
        let mut pieces = [10, 20, 30, 40].map(|grey| piece(4, grey, &["ship"]));
        pieces[1] = piece(3, 20, &["ship"]);
        let Cut { remains, .. } = join(&pieces, 4);
        assert_eq!(remains, [LocalMask { row_off: 3, col_off: 4, rows: 1, cols: 4, bits: vec![1; 4] }]);
    }

    #[test]
    fn only_what_is_labelled_in_full_everywhere_is_labelled_in_full() {
        let pieces = [&["ship", "car"][..], &["ship"], &["car", "ship"], &["ship"]].map(|known| piece(4, 10, known));
        assert_eq!(join(&pieces, 4).tile.exhaustive, BTreeSet::from(["ship".to_owned()]));
    }
}
