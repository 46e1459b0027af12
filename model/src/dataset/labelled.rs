//! A picture with labelled objects: what phrases are made from.

use std::collections::BTreeSet;
use std::ops::Range;

/// A mask inside its bounding box, so that many small objects stay cheap.
///
/// # Shapes
/// `bits`: `[row, col]`, `rows * cols` values, each 0 or 1. The first and last row and column each hold a 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalMask {
    /// First row of the box in the picture.
    pub row_off: usize,
    /// First column of the box in the picture.
    pub col_off: usize,
    /// Rows of the box.
    pub rows: usize,
    /// Columns of the box.
    pub cols: usize,
    /// The pixels of the box.
    pub bits: Vec<u8>,
}

impl LocalMask {
    /// The mask of a whole picture cut down to its bounding box, or `None` when nothing is marked.
    #[must_use]
    pub fn from_picture(rows: usize, cols: usize, bits: &[u8]) -> Option<Self> {
        let marked = |row: usize| bits[row * cols..(row + 1) * cols].iter().any(|&bit| bit != 0);
        let top = (0..rows).find(|&row| marked(row))?;
        let bottom = (top..rows).rev().find(|&row| marked(row))?;
        let used = |col: &usize| (top..=bottom).any(|row| bits[row * cols + col] != 0);
        let left = (0..cols).find(used)?;
        let right = (left..cols).rev().find(used)?;
        let bits = (top..=bottom)
            .flat_map(|row| bits[row * cols + left..=row * cols + right].iter().map(|&bit| u8::from(bit != 0)))
            .collect();
        Some(Self { row_off: top, col_off: left, rows: bottom - top + 1, cols: right - left + 1, bits })
    }

    /// Marks its pixels in a picture of `cols` columns.
    pub fn mark(&self, cols: usize, picture: &mut [u8]) {
        for (row, line) in self.bits.chunks_exact(self.cols).enumerate() {
            let at = (self.row_off + row) * cols + self.col_off;
            for (pixel, &bit) in picture[at..at + self.cols].iter_mut().zip(line) {
                *pixel |= bit;
            }
        }
    }

    /// Rows and columns of a picture that are close enough to be seen as part of what is known of the object: its box and
    /// a fifth of its longer side around it, 3 to 24 pixels.
    #[must_use]
    pub fn surroundings(&self, rows: usize, cols: usize) -> (Range<usize>, Range<usize>) {
        let margin = (self.rows.max(self.cols) / 5).clamp(3, 24);
        let around =
            |first: usize, length: usize, of: usize| first.saturating_sub(margin)..(first + length + margin).min(of);
        (around(self.row_off, self.rows, rows), around(self.col_off, self.cols, cols))
    }

    /// Number of marked pixels.
    #[must_use]
    pub fn area_px(&self) -> usize {
        self.bits.iter().map(|&bit| usize::from(bit)).sum()
    }
}

/// Whether a label is one object or all ground of a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelForm {
    /// One object, which can be counted and compared.
    Instance,
    /// All ground of the category in the picture, as one mask; never counted.
    Region,
}

/// How far an outline can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutlineTrust {
    /// Drawn or segmented along the object.
    Outline,
    /// The object fills most of the mask: an ellipse in a known box, a turned rectangle, a rough area.
    Rough,
    /// Only an upright box is known; its corners are probably not the object.
    UprightBox,
}

/// One labelled object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledObject {
    /// Number of the annotation it comes from.
    pub id: u64,
    /// Name of its category, such as "storage tank".
    pub category: String,
    /// Object or ground.
    pub form: LabelForm,
    /// How far the outline can be trusted.
    pub trust: OutlineTrust,
    /// False when the edge of the picture or of a crop cut it: its size and shape then say little.
    pub whole: bool,
    /// Where it is.
    pub mask: LocalMask,
}

/// A picture with its labels, or a piece of one after cropping, turning and scaling.
///
/// # Shapes
/// `rgb`: `[row, col, channel]`, `rows * cols * 3` values.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledTile {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
    /// What is labelled.
    pub objects: Vec<LabelledObject>,
    /// Categories of which every object here is labelled; those without an object here are surely absent.
    pub exhaustive: BTreeSet<String>,
    /// True when colours do not look as to the eye: no phrase may name one.
    pub false_colour: bool,
    /// Side of a pixel in metres, where known.
    pub pixel_size_m: Option<f64>,
    /// True when "the left" and "the top" of the picture mean nothing, so that no phrase may name a place in it.
    pub placeless: bool,
}

/// What a phrase refers to in a [`LabelledTile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledExpression {
    /// The phrase.
    pub phrase: String,
    /// What kind of phrase it is: "category", "synonym", "attribute", "relation", "position", "superlative", "count" or "absent".
    pub kind: &'static str,
    /// Category of the target, or of what is absent.
    pub category: String,
    /// The objects meant, as indices into [`LabelledTile::objects`]; empty when the phrase has no target.
    pub target: Vec<usize>,
    /// False when objects that the phrase also means may be unlabelled: nothing is known outside the labels.
    pub complete: bool,
    /// Objects about which one could argue, as indices: their pixels say nothing. Empty unless asked for.
    pub unsure: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_cut_to_its_box_and_marked_back() {
        // A picture of 3 rows and 4 columns with pixels (1, 1) and (2, 3).
        let picture = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        let mask = LocalMask::from_picture(3, 4, &picture).unwrap();
        assert_eq!((mask.row_off, mask.col_off, mask.rows, mask.cols), (1, 1, 2, 3));
        assert_eq!(mask.bits, [1, 0, 0, 0, 0, 1]);
        assert_eq!(mask.area_px(), 2);
        let mut back = [0; 12];
        mask.mark(4, &mut back);
        assert_eq!(back, picture);
    }

    #[test]
    fn surroundings_are_a_fifth_wider_and_stay_in_the_picture() {
        let mask = LocalMask { row_off: 2, col_off: 50, rows: 40, cols: 10, bits: vec![1; 400] };
        assert_eq!(mask.surroundings(100, 65), (0..50, 42..65));
    }

    #[test]
    fn an_empty_mask_is_none() {
        assert_eq!(LocalMask::from_picture(2, 2, &[0; 4]), None);
    }
}
