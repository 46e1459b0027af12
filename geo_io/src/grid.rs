//! Sizes and points, typed so that pixels and map coordinates cannot be mixed up.

use serde::Serialize;

/// Size of a raster in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PixelSize {
    /// Number of columns.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

impl PixelSize {
    /// Number of pixels.
    pub fn area_px(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// A corner between pixels: `(0, 0)` is the upper left corner of the first pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PixelCorner {
    /// Columns to the left of the corner.
    pub col: i32,
    /// Rows above the corner.
    pub row: i32,
}

/// A point in the coordinates of a CRS, always x (or longitude) first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MapPoint {
    /// Easting or longitude, in the units of the CRS.
    pub x: f64,
    /// Northing or latitude, in the units of the CRS.
    pub y: f64,
}
