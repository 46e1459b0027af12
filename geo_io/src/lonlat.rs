//! Polygons in longitude and latitude as RFC 7946 wants them: on WGS 84 and cut at the antimeridian.

use geo::orient::{Direction, Orient};
use geo::{BooleanOps, Coord, LineString, MultiPolygon, Polygon, Rect, coord};

use crate::crs::SceneCrs;
use crate::detection::DetectionPolygon;
use crate::error::GdalFailure;
use crate::gdal_env::{MovableTransform, guarded};
use crate::grid::MapPoint;

/// Carries polygons from the CRS of a scene to longitude and latitude.
pub(crate) struct LonLat {
    transform: MovableTransform,
    /// Longer edges are cut into pieces, since straight on the map is not straight in degrees.
    longest_edge: f64,
}

impl LonLat {
    /// # Errors
    /// When there is no way from this CRS to WGS 84, as from another planet.
    pub(crate) fn new(crs: &SceneCrs, longest_edge: f64) -> Result<Self, GdalFailure> {
        Ok(Self { transform: crs.to_wgs84()?, longest_edge })
    }

    /// The polygon in degrees: one part, or several when it crosses the antimeridian. Shells run counter-clockwise.
    ///
    /// # Errors
    /// When a corner is not on the globe.
    pub(crate) fn carry(&self, polygon: &DetectionPolygon) -> Result<MultiPolygon, GdalFailure> {
        let shell = self.ring(&polygon.shell)?;
        let holes = polygon.holes.iter().map(|hole| self.ring(hole)).collect::<Result<Vec<_>, _>>()?;
        Ok(placed(shell, holes))
    }

    /// All parts of a detection, as [`LonLat::carry`] carries each.
    ///
    /// # Errors
    /// When a corner is not on the globe.
    pub(crate) fn carry_all(&self, parts: &[DetectionPolygon]) -> Result<MultiPolygon, GdalFailure> {
        let carried = parts.iter().map(|part| self.carry(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(carried.into_iter().flatten().collect())
    }

    fn ring(&self, ring: &[MapPoint]) -> Result<LineString, GdalFailure> {
        // Before edges are divided: one to a corner that is nowhere has no length, or one without end.
        self.on_the_globe(ring.iter().map(|corner| (corner.x, corner.y)).unzip())?;
        let (mut x, mut y) = (Vec::with_capacity(ring.len()), Vec::with_capacity(ring.len()));
        for edge in ring.windows(2) {
            let (dx, dy) = (edge[1].x - edge[0].x, edge[1].y - edge[0].y);
            let pieces = (dx.hypot(dy) / self.longest_edge).ceil().clamp(1.0, 1e6);
            for piece in 0..pieces as u32 {
                let part = f64::from(piece) / pieces;
                x.push(edge[0].x + dx * part);
                y.push(edge[0].y + dy * part);
            }
        }
        let (x, y) = self.on_the_globe((x, y))?;
        Ok(unrolled(&x, &y))
    }

    /// Longitudes and latitudes of points of the map.
    fn on_the_globe(&self, (mut x, mut y): (Vec<f64>, Vec<f64>)) -> Result<(Vec<f64>, Vec<f64>), GdalFailure> {
        if x.is_empty() {
            return Err(GdalFailure::new("a ring has no corners"));
        }
        guarded(|| self.transform.0.transform_coords(&mut x, &mut y, &mut []))?;
        if let Some(index) =
            (0..x.len()).find(|index| !x[*index].is_finite() || y[*index].is_nan() || y[*index].abs() > 90.0)
        {
            return Err(GdalFailure::new(&format!("a corner lies off the globe, near {} {}", x[index], y[index])));
        }
        Ok((x, y))
    }
}

/// A closed ring without jumps of 360 degrees. A ring round a pole gets the pole as its far side.
fn unrolled(x: &[f64], y: &[f64]) -> LineString {
    let mut coords: Vec<Coord> = Vec::with_capacity(x.len() + 3);
    let mut before = x[0];
    let follow = |before: f64, x: f64| x - 360.0 * ((x - before) / 360.0).round();
    for (x, y) in x.iter().zip(y) {
        let x = follow(before, *x);
        coords.push(coord! { x: x, y: *y });
        before = x;
    }
    let first = coords[0];
    let back = follow(before, first.x);
    if (back - first.x).abs() > 180.0 {
        let pole = 90.0_f64.copysign(y.iter().sum());
        coords.push(coord! { x: back, y: first.y });
        coords.push(coord! { x: back, y: pole });
        coords.push(coord! { x: first.x, y: pole });
    }
    coords.push(first);
    LineString::new(coords)
}

/// A shell with its holes between -180 and 180 degrees. A hole round a pole is no ring within its shell there: both reach
/// the pole, and so it is taken off.
fn placed(shell: LineString, holes: Vec<LineString>) -> MultiPolygon {
    let (round_pole, plain): (Vec<_>, Vec<_>) = holes.into_iter().partition(has_pole);
    let plain = plain.into_iter().map(|hole| beside(hole, &shell)).collect();
    let ground = cut(&Polygon::new(shell, plain));
    if round_pole.is_empty() {
        return ground;
    }
    let without = round_pole.into_iter().map(|hole| cut(&Polygon::new(hole, Vec::new())));
    without.fold(ground, |ground, hole| ground.difference(&hole)).orient(Direction::Default)
}

/// A hole moved by whole turns so that it lies where its shell does.
fn beside(hole: LineString, shell: &LineString) -> LineString {
    let west = |ring: &LineString| ring.0.iter().map(|coord| coord.x).fold(f64::INFINITY, f64::min);
    let turns = ((west(shell) - west(&hole) - 1e-9) / 360.0).ceil();
    hole.0.into_iter().map(|coord| coord! { x: coord.x + 360.0 * turns, y: coord.y }).collect()
}

/// Cuts at every odd multiple of 180 degrees and moves the parts to -180..180.
fn cut(polygon: &Polygon) -> MultiPolygon {
    let xs = || polygon.exterior().0.iter().map(|coord| coord.x);
    let (west, east) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let first = ((west + 180.0) / 360.0).floor();
    let last = ((east + 180.0) / 360.0).ceil() - 1.0;
    let mut parts = Vec::new();
    for turn in first as i64..=last.max(first) as i64 {
        let shift = turn as f64 * 360.0;
        let inside = if first >= last {
            MultiPolygon::new(vec![polygon.clone()])
        } else {
            let world = Rect::new(coord! { x: shift - 180.0, y: -91.0 }, coord! { x: shift + 180.0, y: 91.0 });
            polygon.intersection(&world.to_polygon())
        };
        parts.extend(inside.0.into_iter().map(|part| moved(&part, shift)));
    }
    let parts = MultiPolygon::new(parts);
    if has_pole(polygon.exterior()) {
        // Where a ring round a pole was opened, two parts share an edge now that was none.
        let none = MultiPolygon::new(Vec::new());
        let whole = parts.iter().fold(none, |all, part| all.union(part)).orient(Direction::Default);
        return MultiPolygon::new(whole.iter().map(|part| moved(part, 0.0)).collect());
    }
    parts.orient(Direction::Default)
}

/// Whether a ring goes round a pole, which is its far side then.
fn has_pole(ring: &LineString) -> bool {
    ring.0.iter().any(|coord| coord.y.abs() >= 90.0)
}

fn moved(polygon: &Polygon, shift: f64) -> Polygon {
    let ring = |ring: &LineString| -> LineString {
        ring.0
            .iter()
            .map(|coord| coord! { x: (coord.x - shift).clamp(-180.0, 180.0), y: coord.y.clamp(-90.0, 90.0) })
            .collect()
    };
    Polygon::new(ring(polygon.exterior()), polygon.interiors().iter().map(ring).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::Area;

    #[test]
    fn a_ring_across_the_antimeridian_becomes_two_parts_that_meet_there() {
        // From 179 to -178: three degrees wide, two high.
        let ring = unrolled(&[179.0, -178.0, -178.0, 179.0], &[0.0, 0.0, 2.0, 2.0]);
        let parts = cut(&Polygon::new(ring, vec![]));
        assert_eq!(parts.0.len(), 2);
        let mut areas: Vec<f64> = parts.0.iter().map(Area::signed_area).collect();
        areas.sort_by(f64::total_cmp);
        assert!((areas[0] - 2.0).abs() < 1e-6 && (areas[1] - 4.0).abs() < 1e-6, "{areas:?}");
        assert!(parts.0.iter().flat_map(|part| &part.exterior().0).all(|coord| coord.x.abs() <= 180.0));
    }

    #[test]
    fn longitudes_beyond_180_are_moved_and_touching_180_cuts_nothing() {
        let square = |west: f64| unrolled(&[west, west + 1.0, west + 1.0, west], &[0.0, 0.0, 1.0, 1.0]);
        let xs = |west| -> Vec<f64> {
            cut(&Polygon::new(square(west), vec![])).0[0].exterior().0.iter().map(|coord| coord.x).collect()
        };
        assert!(xs(300.0).iter().all(|x| (-60.0..=-59.0).contains(x)));
        assert!(xs(179.0).iter().all(|x| (179.0..=180.0).contains(x)));
        assert_eq!(cut(&Polygon::new(square(179.0), vec![])).0.len(), 1);
    }

    #[test]
    fn a_corner_that_is_no_number_or_nowhere_is_refused_before_its_edges_are_divided() {
        let crs = SceneCrs::from_definition("EPSG:32633").unwrap();
        let lonlat = LonLat::new(&crs, 1.0).unwrap();
        let ring = |x: f64| {
            let corners = [(5e5, 5.3e6), (x, 5.3e6), (5e5 + 1.0, 5.3e6 + 1.0), (5e5, 5.3e6)];
            let shell = corners.map(|(x, y)| MapPoint { x, y }).to_vec();
            lonlat.carry(&DetectionPolygon { shell, holes: Vec::new() })
        };
        assert!(ring(5e5 + 1.0).is_ok());
        for wrong in [f64::NAN, f64::INFINITY, 1e300] {
            assert!(ring(wrong).is_err(), "{wrong}");
        }
        assert!(lonlat.carry(&DetectionPolygon { shell: Vec::new(), holes: Vec::new() }).is_err());
    }

    #[test]
    fn a_hole_goes_where_its_shell_is() {
        let square = |west: f64, side: f64| unrolled(&[west, west + side, west + side, west], &[0.0, 0.0, side, side]);
        // The shell spans the whole globe; a hole far in the east stays there. One across 180 degrees follows its shell.
        let wide = unrolled(
            &[-180.0, -60.0, 60.0, 180.0, 180.0, 60.0, -60.0, -180.0],
            &[0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0, 9.0],
        );
        assert_eq!(beside(square(170.0, 2.0), &wide).0[0].x, 170.0);
        assert_eq!(beside(square(-178.0, 2.0), &square(175.0, 20.0)).0[0].x, 182.0);
    }

    #[test]
    fn what_lies_round_a_hole_with_the_pole_in_it_is_a_band() {
        let ring = |first: f64, latitude: f64| unrolled(&[first, first + 120.0, first - 120.0], &[latitude; 3]);
        // The hole begins at another longitude than the shell.
        let band = placed(ring(10.0, 80.0), vec![ring(70.0, 85.0)]);
        assert!((band.unsigned_area() - 360.0 * 5.0).abs() < 1e-3, "{band:?}");
        assert!(geo::Validation::is_valid(&band));
        assert!(band.iter().flat_map(|part| &part.exterior().0).all(|coord| coord.y < 85.0 + 1e-9));
    }

    #[test]
    fn a_ring_round_the_pole_contains_it() {
        let ring = unrolled(&[0.0, 120.0, -120.0], &[80.0, 80.0, 80.0]);
        let parts = cut(&Polygon::new(ring, vec![]));
        // All longitudes, from 80 to 90 degrees.
        assert!((parts.unsigned_area() - 3600.0).abs() < 1e-3, "{parts:?}");
    }
}
