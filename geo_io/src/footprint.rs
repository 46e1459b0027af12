//! Where a raster lies on the globe: its outline in longitude and latitude.

use geo::{BoundingRect, MultiPolygon};
use geojson::{Geometry, GeometryValue, Position};

use crate::attributes::rounded;
use crate::crs::SceneCrs;
use crate::detection::DetectionPolygon;
use crate::error::GdalFailure;
use crate::grid::PixelSize;
use crate::lonlat::LonLat;
use crate::scene::SceneInfo;
use crate::transform::Affine;

/// Pieces that the longer side of the outline is cut into, since it is not straight in degrees.
const PIECES: f64 = 32.0;
/// Parts of a degree that coordinates are rounded to: a centimetre.
const GRAIN: f64 = 1e7;
/// A corner this near to 180 degrees lies on the antimeridian.
const ON_THE_LINE: f64 = 1e-9;

/// The outline of a raster in longitude and latitude on WGS 84.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// A GeoJSON geometry: a polygon, or several where it was cut at the antimeridian.
    pub geometry: serde_json::Value,
    /// West, south, east, north; west is larger than east when it crosses the antimeridian (RFC 7946, section 5.2).
    pub bbox: [f64; 4],
}

impl Footprint {
    /// The outline of a scene; `None` where it has no CRS.
    ///
    /// # Errors
    /// When its CRS has no way to WGS 84, or a corner is not on the globe.
    pub fn of(info: &SceneInfo) -> Result<Option<Self>, GdalFailure> {
        info.crs.as_ref().map(|crs| Self::of_grid(info.size, &info.affine, crs)).transpose()
    }

    fn of_grid(size: PixelSize, affine: &Affine, crs: &SceneCrs) -> Result<Self, GdalFailure> {
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let corners = [(0.0, 0.0), (0.0, height), (width, height), (width, 0.0), (0.0, 0.0)];
        let shell: Vec<_> = corners.iter().map(|(col, row)| affine.point(*col, *row)).collect();
        let longest = shell.windows(2).map(|edge| (edge[1].x - edge[0].x).hypot(edge[1].y - edge[0].y));
        let longest = longest.fold(0.0, f64::max);
        let lonlat = LonLat::new(crs, longest / PIECES)?;
        let parts = lonlat.carry(&DetectionPolygon { shell, holes: Vec::new() })?;
        let bbox = bbox(&parts).ok_or_else(|| GdalFailure::new("its outline has no area"))?;
        let geometry = Geometry::new(geometry(&parts));
        let geometry = serde_json::to_value(geometry).map_err(|error| GdalFailure::new(&error.to_string()))?;
        Ok(Self { geometry, bbox: bbox.map(|value| rounded(value, GRAIN)) })
    }
}

fn geometry(parts: &MultiPolygon) -> GeometryValue {
    let ring = |ring: &geo::LineString| -> Vec<Position> {
        ring.0.iter().map(|at| Position::from([rounded(at.x, GRAIN), rounded(at.y, GRAIN)])).collect()
    };
    let mut polygons: Vec<Vec<Vec<Position>>> = parts.iter().map(|part| vec![ring(part.exterior())]).collect();
    match polygons.len() {
        1 => GeometryValue::Polygon { coordinates: polygons.remove(0) },
        _ => GeometryValue::MultiPolygon { coordinates: polygons },
    }
}

/// West, south, east, north of parts that were cut at the antimeridian.
fn bbox(parts: &MultiPolygon) -> Option<[f64; 4]> {
    let rects: Vec<_> = parts.iter().filter_map(BoundingRect::bounding_rect).collect();
    let whole = parts.bounding_rect()?;
    let (south, north) = (whole.min().y, whole.max().y);
    let ends_there = |x: f64| x > 180.0 - ON_THE_LINE;
    let begins_there = |x: f64| x < -180.0 + ON_THE_LINE;
    let before: Vec<f64> = rects
        .iter()
        .filter(|rect| ends_there(rect.max().x) && !begins_there(rect.min().x))
        .map(|rect| rect.min().x)
        .collect();
    let beyond: Vec<f64> = rects
        .iter()
        .filter(|rect| begins_there(rect.min().x) && !ends_there(rect.max().x))
        .map(|rect| rect.max().x)
        .collect();
    let west = before.into_iter().reduce(f64::min);
    let east = beyond.into_iter().reduce(f64::max);
    match (west, east) {
        // Both sides of the line, and ground between them that is not covered.
        (Some(west), Some(east)) if west > east => Some([west, south, east, north]),
        _ => Some([whole.min().x, south, whole.max().x, north]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(crs: &str, affine: [f64; 6], side: u32) -> Footprint {
        let crs = SceneCrs::from_definition(crs).unwrap();
        Footprint::of_grid(PixelSize { width: side, height: side }, &Affine(affine), &crs).unwrap()
    }

    #[test]
    fn a_scene_across_the_antimeridian_has_two_parts_and_a_box_that_goes_on_beyond() {
        // Four degrees wide from 178 east, two high.
        let found = footprint("EPSG:4326", [178.0, 0.04, 0.0, 1.0, 0.0, -0.02], 100);
        assert_eq!(found.geometry["type"], "MultiPolygon");
        assert_eq!(found.geometry["coordinates"].as_array().unwrap().len(), 2);
        assert_eq!(found.bbox, [178.0, -1.0, -178.0, 1.0]);
    }

    #[test]
    fn a_scene_that_touches_the_antimeridian_has_one_part() {
        let found = footprint("EPSG:4326", [178.0, 0.02, 0.0, 1.0, 0.0, -0.02], 100);
        assert_eq!((found.geometry["type"].as_str(), found.bbox), (Some("Polygon"), [178.0, -1.0, 180.0, 1.0]));
    }

    #[test]
    fn a_scene_round_the_pole_reaches_it_and_all_longitudes() {
        // 2,000 km a side round the south pole: its corners are 1,414 km away, which is 13 degrees.
        let found = footprint("EPSG:3031", [-1e6, 2e4, 0.0, 1e6, 0.0, -2e4], 100);
        let [west, south, east, north] = found.bbox;
        assert_eq!((west, south, east), (-180.0, -90.0, 180.0));
        assert!((-77.5..-76.5).contains(&north), "{north}");
    }

    #[test]
    fn sides_are_bent_as_they_are_on_the_globe() {
        // 600 km wide at 60 degrees north: the middle of the upper side is further north than its ends.
        let found = footprint("EPSG:32633", [200_000.0, 6000.0, 0.0, 6_700_000.0, 0.0, -6000.0], 100);
        let ring = found.geometry["coordinates"][0].as_array().unwrap();
        assert!(ring.len() > 4 * 30, "{}", ring.len());
    }
}
