//! From pixel corners to map coordinates, the only place where floats enter the geometry.

use serde::Serialize;

use crate::grid::{MapPoint, PixelCorner};
use crate::window::PixelWindow;

/// The six numbers that place a raster on the map, in GDAL's order.
///
/// `x = a[0] + col * a[1] + row * a[2]`, `y = a[3] + col * a[4] + row * a[5]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Affine(pub [f64; 6]);

impl Affine {
    /// One map unit per pixel, x to the right, y downwards: pixel coordinates.
    pub const IDENTITY: Self = Self([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    /// The map point of a pixel corner.
    pub fn pixel_to_map(&self, corner: PixelCorner) -> MapPoint {
        self.point(f64::from(corner.col), f64::from(corner.row))
    }

    /// The map point of a position given in fractional pixels.
    pub fn point(&self, col: f64, row: f64) -> MapPoint {
        let a = &self.0;
        MapPoint { x: a[0] + col * a[1] + row * a[2], y: a[3] + col * a[4] + row * a[5] }
    }

    /// Smallest x, smallest y, largest x and largest y that a window reaches on the map.
    pub fn bbox(&self, window: PixelWindow) -> [f64; 4] {
        let (left, top) = (f64::from(window.col_off), f64::from(window.row_off));
        let (right, bottom) = (left + f64::from(window.width), top + f64::from(window.height));
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
        corners.map(|(col, row)| self.point(col, row)).iter().fold(
            [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY],
            |[x0, y0, x1, y1], MapPoint { x, y }| [x0.min(*x), y0.min(*y), x1.max(*x), y1.max(*y)],
        )
    }

    /// The columns and rows between which a box on the map lies: first column, first row, last column, last row, in
    /// fractions of a pixel; `None` where a pixel has no area.
    pub fn pixel_bounds(&self, [x0, y0, x1, y1]: [f64; 4]) -> Option<[f64; 4]> {
        let (a, area) = (&self.0, self.determinant());
        if area == 0.0 || !area.is_finite() {
            return None;
        }
        let pixel = |x: f64, y: f64| {
            let (dx, dy) = (x - a[0], y - a[3]);
            ((a[5] * dx - a[2] * dy) / area, (a[1] * dy - a[4] * dx) / area)
        };
        let corners = [pixel(x0, y0), pixel(x1, y0), pixel(x0, y1), pixel(x1, y1)];
        Some(corners.iter().fold(
            [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY],
            |[c0, r0, c1, r1], (col, row)| [c0.min(*col), r0.min(*row), c1.max(*col), r1.max(*row)],
        ))
    }

    /// The same raster without its first columns and rows.
    #[must_use]
    pub fn shifted(&self, col_off: u32, row_off: u32) -> Self {
        let MapPoint { x, y } = self.point(f64::from(col_off), f64::from(row_off));
        let a = &self.0;
        Self([x, a[1], a[2], y, a[4], a[5]])
    }

    /// Map units squared per pixel; negative when rows run downwards on the map, as they usually do.
    pub fn determinant(&self) -> f64 {
        let a = &self.0;
        a[1] * a[5] - a[2] * a[4]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_grid_uses_all_six_numbers() {
        let affine = Affine([100.0, 2.0, 3.0, 200.0, 5.0, -7.0]);
        // 100 + 10 * 2 + 4 * 3 = 132; 200 + 10 * 5 - 4 * 7 = 222.
        assert_eq!(affine.pixel_to_map(PixelCorner { col: 10, row: 4 }), MapPoint { x: 132.0, y: 222.0 });
        // 2 * -7 - 3 * 5 = -29.
        assert_eq!(affine.determinant(), -29.0);
        // Corners (0, 0), (2, 0), (0, 1), (2, 1) lie at (100, 200), (104, 210), (103, 193), (107, 203).
        let window = PixelWindow { col_off: 0, row_off: 0, width: 2, height: 1 };
        assert_eq!(affine.bbox(window), [100.0, 193.0, 107.0, 210.0]);
        let shifted = affine.shifted(3, 4);
        assert_eq!(shifted.point(7.0, 1.0), affine.point(10.0, 5.0));
        // A box around one point: that point's pixel position.
        let MapPoint { x, y } = affine.point(2.5, 7.25);
        let [left, top, right, bottom] = affine.pixel_bounds([x, y, x, y]).unwrap();
        assert!((left - 2.5).abs() < 1e-9 && (top - 7.25).abs() < 1e-9 && (right, bottom) == (left, top));
        assert_eq!(Affine([0.0; 6]).pixel_bounds([0.0; 4]), None);
    }
}
