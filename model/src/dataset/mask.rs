//! A binary mask in memory.

/// Which pixels of an image belong to what a phrase refers to.
///
/// # Shapes
/// `bits`: `[row, col]`, `rows * cols` values, each 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    rows: usize,
    cols: usize,
    bits: Vec<u8>,
}

impl Mask {
    /// A mask of the given shape; every value that is not 0 becomes 1.
    ///
    /// Returns `None` when `bits` does not hold `rows * cols` values.
    #[must_use]
    pub fn new(rows: usize, cols: usize, mut bits: Vec<u8>) -> Option<Self> {
        if rows.checked_mul(cols)? != bits.len() {
            return None;
        }
        for bit in &mut bits {
            *bit = u8::from(*bit != 0);
        }
        Some(Self { rows, cols, bits })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The pixels, `[row, col]`, each 0 or 1.
    #[must_use]
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Number of marked pixels.
    #[must_use]
    pub fn foreground_px(&self) -> u64 {
        self.bits.iter().map(|&bit| u64::from(bit)).sum()
    }

    /// The mask on another grid, each new pixel taken from the old one under its centre.
    ///
    /// This is Pillow's `NEAREST`, on which the published protocol rests, down to its habit of adding up the step:
    /// where a centre falls on a border between two pixels, the accumulated rounding decides.
    #[must_use]
    pub fn resized_nearest(&self, rows: usize, cols: usize) -> Self {
        let row_of = nearest_sources(self.rows, rows);
        let col_of = nearest_sources(self.cols, cols);
        let mut bits = Vec::with_capacity(rows * cols);
        for &row in &row_of {
            let line = &self.bits[row * self.cols..(row + 1) * self.cols];
            bits.extend(col_of.iter().map(|&col| line[col]));
        }
        Self { rows, cols, bits }
    }
}

/// For each of `to` pixels, the one of `from` pixels that lies under its centre.
fn nearest_sources(from: usize, to: usize) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let mut at = step * 0.5;
    let mut sources = Vec::with_capacity(to);
    for _ in 0..to {
        sources.push((at as usize).min(from.saturating_sub(1)));
        at += step;
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_another_size_is_refused() {
        assert_eq!(Mask::new(2, 3, vec![0; 5]), None);
    }

    #[test]
    fn any_value_but_zero_marks_a_pixel() {
        let mask = Mask::new(1, 4, vec![0, 1, 255, 7]).unwrap();
        assert_eq!(mask.bits(), [0, 1, 1, 1]);
        assert_eq!(mask.foreground_px(), 3);
    }

    #[test]
    fn nearest_takes_the_pixel_under_the_centre() {
        // From 5 to 3 columns the centres fall at 0.83, 2.5 and 4.17: columns 0, 2 and 4.
        let mask = Mask::new(1, 5, vec![1, 0, 1, 0, 0]).unwrap();
        assert_eq!(mask.resized_nearest(1, 3).bits(), [1, 1, 0]);
    }

    #[test]
    fn nearest_doubles_rows_and_columns() {
        let mask = Mask::new(2, 1, vec![1, 0]).unwrap();
        assert_eq!(mask.resized_nearest(4, 2).bits(), [1, 1, 1, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn nearest_adds_up_its_step_as_pillow_does() {
        // 512 to 480 in Pillow 13: the centres of columns 7 + 15 k fall on the border before column 8 + 16 k.
        let sources = nearest_sources(512, 480);
        let border: Vec<usize> = (7..480).step_by(15).map(|i| sources[i]).collect();
        assert_eq!(border, PILLOW_512_TO_480);
    }

    const PILLOW_512_TO_480: [usize; 32] = [
        7, 23, 40, 56, 72, 88, 103, 119, 135, 151, 167, 183, 199, 215, 231, 247, 263, 279, 295, 311, 327, 343, 359,
        375, 391, 407, 423, 439, 455, 471, 487, 503,
    ];
}
