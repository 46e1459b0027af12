//! A rectangle of pixels inside a scene.

use std::fmt;

use serde::Serialize;

use crate::grid::PixelSize;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PixelWindow {
    /// First column.
    pub col_off: u32,
    /// First row.
    pub row_off: u32,
    /// Number of columns.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

impl PixelWindow {
    /// The window that covers a whole raster.
    pub fn whole(size: PixelSize) -> Self {
        Self { col_off: 0, row_off: 0, width: size.width, height: size.height }
    }

    /// Number of pixels.
    pub fn area_px(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// True when the window is not empty and lies inside a raster of this size.
    pub fn fits(self, size: PixelSize) -> bool {
        let right = u64::from(self.col_off) + u64::from(self.width);
        let bottom = u64::from(self.row_off) + u64::from(self.height);
        self.width > 0 && self.height > 0 && right <= u64::from(size.width) && bottom <= u64::from(size.height)
    }
}

impl fmt::Display for PixelWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { col_off, row_off, width, height } = self;
        write!(f, "{width}x{height} px at column {col_off}, row {row_off}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_reads_as_words() {
        let window = PixelWindow { col_off: 0, row_off: 512, width: 512, height: 500 };
        assert_eq!(window.to_string(), "512x500 px at column 0, row 512");
    }

    #[test]
    fn a_window_that_ends_at_the_last_pixel_fits_and_one_beyond_does_not() {
        let size = PixelSize { width: 10, height: 4 };
        let fits = |col_off, width| PixelWindow { col_off, row_off: 0, width, height: 4 }.fits(size);
        assert!(fits(3, 7));
        assert!(!fits(4, 7));
        assert!(!fits(4, 0));
        assert!(!fits(u32::MAX, 7));
    }
}
