//! Pieces of labelled pictures on the grid of a training tile: scaled, turned, mirrored and cut.
//!
//! Phrases are made after the cut, from what the tile then shows, so that words of place and size stay true.

use super::images::RgbImage;
use super::labelled::{LabelForm, LabelledObject, LabelledTile, LocalMask};
use super::resize::resized_bilinear;

/// Share of an object that must remain for it to keep its label; what remains of less is not scored.
const KEPT_SHARE: f64 = 0.25;

/// Which piece of a picture to show, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// First row of the piece.
    pub row_off: usize,
    /// First column of the piece.
    pub col_off: usize,
    /// Rows of the piece.
    pub rows: usize,
    /// Columns of the piece.
    pub cols: usize,
    /// Tile pixels per picture pixel.
    pub scale: f64,
    /// Quarter turns, counter-clockwise, 0 to 3; before the mirror.
    pub quarter_turns: u8,
    /// Whether left and right change places.
    pub mirrored: bool,
}

impl View {
    /// The whole picture, scaled so that its longer side has `long_px` pixels.
    #[must_use]
    pub fn whole(rows: usize, cols: usize, long_px: usize) -> Self {
        let scale = long_px as f64 / rows.max(cols) as f64;
        Self { row_off: 0, col_off: 0, rows, cols, scale, quarter_turns: 0, mirrored: false }
    }

    /// Rows and columns after scaling, before turning.
    fn scaled(&self) -> (usize, usize) {
        let side = |px: usize| ((px as f64 * self.scale).round() as usize).max(1);
        (side(self.rows), side(self.cols))
    }
}

/// A piece of a picture, with what was left of objects that the cut took most of.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The piece.
    pub tile: LabelledTile,
    /// Remains of objects that are too small to be called by their name.
    pub remains: Vec<LocalMask>,
}

/// The piece of `picture` that `view` asks for.
///
/// # Panics
/// When the view reaches beyond the picture.
#[must_use]
pub fn cut(picture: &LabelledTile, view: &View) -> Cut {
    assert!(
        view.row_off + view.rows <= picture.rows && view.col_off + view.cols <= picture.cols,
        "the view reaches beyond the picture"
    );
    let (scaled_rows, scaled_cols) = view.scaled();
    let piece = RgbImage {
        rows: view.rows,
        cols: view.cols,
        rgb: (view.row_off..view.row_off + view.rows)
            .flat_map(|row| {
                let start = (row * picture.cols + view.col_off) * 3;
                picture.rgb[start..start + view.cols * 3].iter().copied()
            })
            .collect(),
    };
    let resized = resized_bilinear(&piece, scaled_rows, scaled_cols);
    let turned = view.quarter_turns % 2 == 1;
    let (rows, cols) = if turned { (scaled_cols, scaled_rows) } else { (scaled_rows, scaled_cols) };
    let place = |row, col| placed(view, scaled_rows, scaled_cols, row, col);
    let mut rgb = vec![0; rows * cols * 3];
    for row in 0..scaled_rows {
        for col in 0..scaled_cols {
            let (to_row, to_col) = place(row, col);
            let (from, to) = ((row * scaled_cols + col) * 3, (to_row * cols + to_col) * 3);
            rgb[to..to + 3].copy_from_slice(&resized.rgb[from..from + 3]);
        }
    }

    let mut objects = Vec::new();
    let mut remains = Vec::new();
    for object in &picture.objects {
        let Some((mask, share)) = mask_in_view(&object.mask, view, (scaled_rows, scaled_cols)) else { continue };
        if share < KEPT_SHARE && object.form == LabelForm::Instance {
            remains.push(mask);
        } else {
            let whole = object.whole && share > 0.999;
            objects.push(LabelledObject {
                id: object.id,
                category: object.category.clone(),
                form: object.form,
                trust: object.trust,
                whole,
                mask,
            });
        }
    }
    let tile = LabelledTile {
        rows,
        cols,
        rgb,
        objects,
        exhaustive: picture.exhaustive.clone(),
        false_colour: picture.false_colour,
        pixel_size_m: picture.pixel_size_m.map(|size| size / view.scale),
        placeless: picture.placeless,
    };
    Cut { tile, remains }
}

/// Where a pixel of the scaled piece comes to lie.
fn placed(view: &View, rows: usize, cols: usize, row: usize, col: usize) -> (usize, usize) {
    let (row, col, width) = match view.quarter_turns % 4 {
        0 => (row, col, cols),
        1 => (cols - 1 - col, row, rows),
        2 => (rows - 1 - row, cols - 1 - col, cols),
        _ => (col, rows - 1 - row, rows),
    };
    if view.mirrored { (row, width - 1 - col) } else { (row, col) }
}

/// A mask on the tile's grid and the share of it that the view shows; `None` when nothing is left.
fn mask_in_view(mask: &LocalMask, view: &View, scaled: (usize, usize)) -> Option<(LocalMask, f64)> {
    let top = mask.row_off.max(view.row_off);
    let left = mask.col_off.max(view.col_off);
    let bottom = (mask.row_off + mask.rows).min(view.row_off + view.rows);
    let right = (mask.col_off + mask.cols).min(view.col_off + view.cols);
    if top >= bottom || left >= right {
        return None;
    }
    let shown: usize = (top..bottom)
        .map(|row| {
            let start = (row - mask.row_off) * mask.cols + left - mask.col_off;
            mask.bits[start..start + right - left].iter().map(|&bit| usize::from(bit)).sum::<usize>()
        })
        .sum();
    if shown == 0 {
        return None;
    }
    // Each pixel of the tile takes the label under its centre.
    let source = |at: usize, length: usize, of: usize| {
        (((at as f64 + 0.5) / of as f64 * length as f64) as usize).min(length - 1)
    };
    let range = |low: usize, high: usize, length: usize, of: usize| {
        let first = (low as f64 / length as f64 * of as f64).floor() as usize;
        let last = (high as f64 / length as f64 * of as f64).ceil() as usize;
        first.saturating_sub(1)..(last + 1).min(of)
    };
    let (scaled_rows, scaled_cols) = scaled;
    let rows = range(top - view.row_off, bottom - view.row_off, view.rows, scaled_rows);
    let cols = range(left - view.col_off, right - view.col_off, view.cols, scaled_cols);
    let mut marked = Vec::new();
    for row in rows {
        let from_row = source(row, view.rows, scaled_rows) + view.row_off;
        if !(top..bottom).contains(&from_row) {
            continue;
        }
        for col in cols.clone() {
            let from_col = source(col, view.cols, scaled_cols) + view.col_off;
            if (left..right).contains(&from_col)
                && mask.bits[(from_row - mask.row_off) * mask.cols + from_col - mask.col_off] == 1
            {
                marked.push(placed(view, scaled_rows, scaled_cols, row, col));
            }
        }
    }
    let row_off = marked.iter().map(|at| at.0).min()?;
    let col_off = marked.iter().map(|at| at.1).min()?;
    let rows = marked.iter().map(|at| at.0).max()? - row_off + 1;
    let cols = marked.iter().map(|at| at.1).max()? - col_off + 1;
    let mut bits = vec![0; rows * cols];
    for (row, col) in marked {
        bits[(row - row_off) * cols + col - col_off] = 1;
    }
    Some((LocalMask { row_off, col_off, rows, cols, bits }, shown as f64 / mask.area_px() as f64))
}

#[cfg(test)]
#[path = "augment_tests.rs"]
mod tests;
