//! Square metres and metres on the ellipsoid of the scene's CRS.

use geographiclib_rs::{Geodesic, InverseGeodesic, PolygonArea, Winding};

use crate::error::GeoIoError;
use crate::gdal_env::{MovableTransform, guarded};
use crate::grid::{MapPoint, PixelCorner, PixelSize};
use crate::scene::SceneInfo;
use crate::transform::Affine;
use crate::vectorize::Outline;

/// Edges of a ring are cut into pieces of at most so many pixels: straight on the map is not straight on the globe.
const PIECE_PX: f64 = 32.0;

/// What is needed to place and measure detections of one scene. Made once per scene and thread.
pub struct GeoContext {
    affine: Affine,
    size: PixelSize,
    origin: (u32, u32),
    geographic: Option<Geographic>,
}

/// The way to longitude and latitude, and the ellipsoid these are on.
struct Geographic {
    transform: MovableTransform,
    ellipsoid: Geodesic,
}

/// Area and length of a polygon on the ellipsoid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measures {
    pub(crate) area_m2: f64,
    pub(crate) perimeter_m: f64,
}

impl GeoContext {
    /// Prepares the transformation to the geographic form of the scene's CRS.
    ///
    /// # Errors
    /// None at present: without a usable CRS the measures of detections are `None`.
    pub fn new(info: &SceneInfo) -> Result<Self, GeoIoError> {
        Ok(Self { origin: info.origin, ..Self::of(info.affine, info.size, info.crs.as_ref()) })
    }

    pub(crate) fn of(affine: Affine, size: PixelSize, crs: Option<&crate::crs::SceneCrs>) -> Self {
        let geographic = crs.and_then(crate::crs::SceneCrs::to_geographic).and_then(|(transform, major, minor)| {
            let sound = major.is_finite() && minor.is_finite() && major > 0.0 && minor > 0.0;
            sound.then(|| Geographic { transform, ellipsoid: Geodesic::new(major, (major - minor) / major) })
        });
        Self { affine, size, origin: (0, 0), geographic }
    }

    /// Row and column of the raster's first pixel in the scene that it was cut from.
    pub(crate) fn origin(&self) -> (u32, u32) {
        self.origin
    }

    pub(crate) fn affine(&self) -> &Affine {
        &self.affine
    }

    /// Side of a square as large as the pixel in the middle of the scene.
    pub(crate) fn pixel_size_m(&self) -> Option<f64> {
        let (col, row) = (f64::from(self.size.width) / 2.0, f64::from(self.size.height) / 2.0);
        let corners =
            [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map(|(x, y)| self.affine.point(col + x, row + y));
        let degrees = self.to_degrees(&corners)?;
        let side = |a: usize, b: usize| self.distance_m(degrees[a], degrees[b]);
        let (wide, high) = (side(0, 1)?, side(1, 2)?);
        Some((wide * high).sqrt()).filter(|side| *side > 0.0)
    }

    fn distance_m(&self, a: MapPoint, b: MapPoint) -> Option<f64> {
        let metres: f64 = self.geographic.as_ref()?.ellipsoid.inverse(a.y, a.x, b.y, b.x);
        metres.is_finite().then_some(metres)
    }

    /// Area and perimeter of several polygons together.
    pub(crate) fn measure_all(&self, parts: &[Outline]) -> Option<Measures> {
        let none = Measures { area_m2: 0.0, perimeter_m: 0.0 };
        parts.iter().try_fold(none, |sum, part| {
            let more = self.measure(&part.shell, &part.holes)?;
            Some(Measures { area_m2: sum.area_m2 + more.area_m2, perimeter_m: sum.perimeter_m + more.perimeter_m })
        })
    }

    /// Area and perimeter of a polygon given by closed rings, `None` where any part of it is not on the globe.
    pub(crate) fn measure(&self, shell: &[PixelCorner], holes: &[Vec<PixelCorner>]) -> Option<Measures> {
        let outer = self.measure_ring(shell)?;
        holes.iter().try_fold(outer, |sum, hole| {
            let ring = self.measure_ring(hole)?;
            Some(Measures { area_m2: sum.area_m2 - ring.area_m2, perimeter_m: sum.perimeter_m + ring.perimeter_m })
        })
    }

    fn measure_ring(&self, ring: &[PixelCorner]) -> Option<Measures> {
        let geographic = self.geographic.as_ref()?;
        let mut points = Vec::with_capacity(ring.len());
        for edge in ring.windows(2) {
            let (from, to) = (edge[0], edge[1]);
            let (cols, rows) = (f64::from(to.col) - f64::from(from.col), f64::from(to.row) - f64::from(from.row));
            let pieces = (cols.hypot(rows) / PIECE_PX).ceil().max(1.0);
            for piece in 0..pieces as u32 {
                let part = f64::from(piece) / pieces;
                points.push(self.affine.point(f64::from(from.col) + cols * part, f64::from(from.row) + rows * part));
            }
        }
        let degrees = self.to_degrees(&points)?;
        let mut polygon = PolygonArea::new(&geographic.ellipsoid, Winding::CounterClockwise);
        degrees.iter().for_each(|point| polygon.add_point(point.y, point.x));
        let (perimeter_m, area_m2, _) = polygon.compute(true);
        let area_m2 = area_m2.abs();
        (area_m2.is_finite() && perimeter_m.is_finite()).then_some(Measures { area_m2, perimeter_m })
    }

    /// Longitude and latitude of map points, `None` when one of them is not on the globe.
    fn to_degrees(&self, points: &[MapPoint]) -> Option<Vec<MapPoint>> {
        let geographic = self.geographic.as_ref()?;
        let mut x: Vec<f64> = points.iter().map(|point| point.x).collect();
        let mut y: Vec<f64> = points.iter().map(|point| point.y).collect();
        guarded(|| geographic.transform.0.transform_coords(&mut x, &mut y, &mut [])).ok()?;
        let on_globe = |(x, y): (&f64, &f64)| x.is_finite() && y.is_finite() && y.abs() <= 90.0;
        if !x.iter().zip(&y).all(on_globe) {
            return None;
        }
        Some(x.into_iter().zip(y).map(|(x, y)| MapPoint { x, y }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crs::SceneCrs;

    fn square(side: i32) -> Vec<PixelCorner> {
        [(0, 0), (side, 0), (side, side), (0, side), (0, 0)].map(|(col, row)| PixelCorner { col, row }).to_vec()
    }

    fn context(crs: &str, affine: [f64; 6]) -> GeoContext {
        let crs = SceneCrs::from_definition(crs).unwrap();
        GeoContext::of(Affine(affine), PixelSize { width: 100, height: 100 }, Some(&crs))
    }

    #[test]
    fn a_square_on_the_central_meridian_of_utm_is_larger_on_the_ground_by_the_scale_factor() {
        // The scale on the central meridian is 0.9996: 100 px of 0.1 m are 10 / 0.9996 m, squared 100.08 m2.
        let context = context("EPSG:32633", [500_000.0, 0.1, 0.0, 5_000_000.0, 0.0, -0.1]);
        let measures = context.measure(&square(100), &[]).unwrap();
        assert!((measures.area_m2 - 100.0 / 0.9996_f64.powi(2)).abs() < 1e-3, "{measures:?}");
        assert!((measures.perimeter_m - 40.0 / 0.9996).abs() < 1e-4, "{measures:?}");
        assert!((context.pixel_size_m().unwrap() - 0.1 / 0.9996).abs() < 1e-6);
    }

    #[test]
    fn a_few_small_pixels_are_measured_to_a_tenth_of_a_percent() {
        // Drone pixels of 0.03 m: one is 9e-4 m2, and the sums over the globe behind it must not drown that.
        for northing in [100.0, 3_000_000.0, 8_000_000.0] {
            let context = context("EPSG:32633", [500_000.0, 0.03, 0.0, northing, 0.0, -0.03]);
            for side in [1, 2, 5] {
                let expected = (f64::from(side) * 0.03 / 0.9996).powi(2);
                let measures = context.measure(&square(side), &[]).unwrap();
                assert!((measures.area_m2 / expected - 1.0).abs() < 1e-3, "{northing} {side} {measures:?} {expected}");
            }
        }
    }

    #[test]
    fn a_hole_takes_area_away_and_adds_length() {
        let context = context("EPSG:32633", [500_000.0, 1.0, 0.0, 5_000_000.0, 0.0, -1.0]);
        let with_hole = context.measure(&square(10), &[square(5)]).unwrap();
        // 100 - 25 and 40 + 20.
        assert!((with_hole.area_m2 - 75.0 / 0.9996_f64.powi(2)).abs() < 1e-4, "{with_hole:?}");
        assert!((with_hole.perimeter_m - 60.0 / 0.9996).abs() < 1e-4, "{with_hole:?}");
    }

    #[test]
    fn web_mercator_metres_are_not_ground_metres() {
        // At 60 degrees north a Mercator metre is about half a metre: area about a quarter.
        let context = context("EPSG:3857", [0.0, 1.0, 0.0, 8_399_737.9, 0.0, -1.0]);
        let measures = context.measure(&square(10), &[]).unwrap();
        assert!((measures.area_m2 / 25.0 - 1.0).abs() < 0.01, "{measures:?}");
    }

    #[test]
    fn feet_become_metres_and_mars_is_smaller() {
        // 100 US survey feet are 30.48006 m; squared 929.03 m2, give or take the scale of the zone.
        let feet =
            context("EPSG:2232", [3_000_000.0, 1.0, 0.0, 1_700_000.0, 0.0, -1.0]).measure(&square(100), &[]).unwrap();
        assert!((feet.area_m2 / 929.03 - 1.0).abs() < 1e-3, "{feet:?}");
        // One degree squared at the equator of a sphere of 3396.19 km: (pi / 180 * R)^2 = 3513.5 km2, a little less north of it.
        let mars =
            context("+proj=longlat +R=3396190", [0.0, 0.01, 0.0, 1.0, 0.0, -0.01]).measure(&square(100), &[]).unwrap();
        assert!((mars.area_m2 / 3.5135e9 - 1.0).abs() < 1e-3, "{mars:?}");
    }

    #[test]
    fn without_a_crs_or_off_the_globe_nothing_is_claimed() {
        let no_crs = GeoContext::of(Affine::IDENTITY, PixelSize { width: 1, height: 1 }, None);
        assert_eq!(no_crs.measure(&square(1), &[]), None);
        assert_eq!(no_crs.pixel_size_m(), None);
        let beyond = context("+proj=geos +h=35785831 +lon_0=0 +ellps=WGS84", [9e6, 1000.0, 0.0, 9e6, 0.0, -1000.0]);
        assert_eq!(beyond.measure(&square(1), &[]), None);
    }
}
