//! How the outline of a component is drawn: along pixels, with fewer corners, squared, or with round corners.

use geo::{Coord, LineString, Polygon, coord};

use crate::grid::PixelCorner;
use crate::round::rounded;
use crate::square::squared;
use crate::vectorize::{Component, HalfPixel, simplified};

/// How far inside the mask outlines lie at most where corners are rounded and nothing was said of leaving out corners:
/// steps become slopes.
const LEAST_SIMPLIFY_PX: f64 = 0.5;

/// How outlines are drawn. The default is along pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shaping {
    /// Leave out corners: how far inside the mask an outline may then be, in pixels.
    pub simplify_px: Option<f64>,
    /// Draw what has straight walls at right angles with just these.
    pub regularize: bool,
    /// Round the corners of everything else.
    pub smooth: bool,
}

impl Shaping {
    /// Whether [`Component::saddles`] must be known.
    pub fn needs_saddles(&self) -> bool {
        *self != Self::default()
    }

    /// The parts of a component in pixels of the scene, columns as x and rows as y. The first ring of each is the outer
    /// one; rings run as those of the component do.
    pub(crate) fn outline(&self, component: &Component) -> Vec<Polygon> {
        if self.regularize
            && let Some(polygon) = squared(component)
        {
            return vec![polygon];
        }
        match (self.simplify_px, self.smooth) {
            (None, false) => along_pixels(component),
            (Some(tolerance), false) => with_fewer_corners(component, tolerance),
            (tolerance, true) => {
                let pinned: Vec<Coord> = component.saddles.iter().map(at).collect();
                let parts = with_fewer_corners(component, tolerance.unwrap_or(LEAST_SIMPLIFY_PX));
                parts.into_iter().map(|part| rounded(part, &pinned)).collect()
            }
        }
    }
}

/// Outlines along the edges of pixels.
pub(crate) fn along_pixels(component: &Component) -> Vec<Polygon> {
    let ring = |ring: &Vec<PixelCorner>| -> LineString { ring.iter().map(at).collect() };
    let part = |part: &crate::Outline| Polygon::new(ring(&part.shell), part.holes.iter().map(ring).collect());
    component.parts.iter().map(part).collect()
}

/// Outlines of fewer corners, at most so far inside the mask and less than half a pixel outside.
pub(crate) fn with_fewer_corners(component: &Component, tolerance_px: f64) -> Vec<Polygon> {
    let point = |point: HalfPixel| coord! { x: point.col as f64 / 2.0, y: point.row as f64 / 2.0 };
    let part = |rings: Vec<Vec<HalfPixel>>| {
        let mut rings = rings.into_iter().map(|ring| -> LineString { ring.into_iter().map(point).collect() });
        Polygon::new(rings.next().unwrap_or_else(|| LineString::new(Vec::new())), rings.collect())
    };
    simplified(&component.parts, &component.saddles, tolerance_px).into_iter().map(part).collect()
}

fn at(corner: &PixelCorner) -> Coord {
    coord! { x: f64::from(corner.col), y: f64::from(corner.row) }
}
