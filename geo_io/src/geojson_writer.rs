//! GeoJSON, as one collection or as a sequence of features, streamed through a checked file of our own: GDAL's driver
//! closes silently on a cut file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use gdal::spatial_ref::SpatialRef;
use geo::MultiPolygon;
use geojson::{Geometry, GeometryValue, Position};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use crate::attributes::{ATTRIBUTES, Ranked, Value, rounded};
use crate::crs::{SceneCrs, same};
use crate::detection::{Detection, DetectionPolygon};
use crate::error::GeoIoError;
use crate::gdal_env::tolerant;
use crate::grid::MapPoint;
use crate::lonlat::LonLat;
use crate::scene::SceneInfo;
use crate::vector_writer::VectorOptions;
use crate::write_guard::{PendingOutput, TempOutput};

/// Coordinates are rounded to this part of a pixel or finer.
const STEP_PX: f64 = 1e-3;
/// An edge on the ground is kept straight in degrees over at most so many pixels.
const STRAIGHT_PX: f64 = 64.0;
/// What a scene without a CRS is drawn in. A missing or null member would be read as longitude and latitude.
const NO_CRS: &str = "ENGCRS[\"grid of a scene without CRS\",EDATUM[\"unknown\"],CS[Cartesian,2],AXIS[\"x\",east],\
                      AXIS[\"y\",north],LENGTHUNIT[\"unknown\",1]]";
/// Degrees for a metre, at most.
const DEGREES_PER_M: f64 = 1.0 / 111_000.0;

/// A GeoJSON file under way.
pub(crate) struct GeoJsonWriter {
    file: BufWriter<Counted>,
    output: TempOutput,
    scene: String,
    lonlat: Option<LonLat>,
    layout: Layout,
    /// Powers of ten to which coordinates are rounded.
    grain: f64,
    is_first: bool,
}

/// A file that knows how much was written to it.
struct Counted {
    file: File,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// How features follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One collection, a feature on each line.
    Collection,
    /// A feature on each line and nothing else, always in longitude and latitude.
    Lines,
    /// The same, each line after a record separator (RFC 8142).
    Records,
}

/// One line of the file.
#[derive(serde::Serialize)]
struct Feature<'a> {
    r#type: &'static str,
    properties: Properties<'a>,
    geometry: Geometry,
}

/// Attributes in the order they are listed.
struct Properties<'a>(&'a Ranked<'a>);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(ATTRIBUTES.len()))?;
        for (attribute, value) in ATTRIBUTES.iter().zip(self.0.values()) {
            match value {
                Value::Text(text) => map.serialize_entry(attribute.name, text)?,
                Value::Real(number) => map.serialize_entry(attribute.name, &number)?,
                Value::Integer(number) => map.serialize_entry(attribute.name, &number)?,
                Value::Boolean(value) => map.serialize_entry(attribute.name, &value)?,
                Value::Unknown => map.serialize_entry(attribute.name, &())?,
            }
        }
        map.end()
    }
}

impl GeoJsonWriter {
    pub(crate) fn create(
        out: &Path,
        layout: Layout,
        info: &SceneInfo,
        options: &VectorOptions,
    ) -> Result<Self, GeoIoError> {
        let in_degrees = options.rfc7946 || layout != Layout::Collection;
        let lonlat = in_degrees.then(|| lonlat_of(info, layout)).transpose()?;
        let (output, file) = TempOutput::create(out, options.overwrite)?;
        let pixel = if lonlat.is_some() {
            info.pixel_size_m.map_or(1e-4, |metres| metres * DEGREES_PER_M)
        } else {
            shortest_side(info)
        };
        let mut writer = Self {
            file: BufWriter::with_capacity(1 << 16, Counted { file, bytes: 0 }),
            output,
            scene: info.name.clone(),
            lonlat,
            layout,
            grain: grain(pixel, if in_degrees { 7 } else { 0 }),
            is_first: true,
        };
        if layout == Layout::Collection {
            writer.put(&head(info, options))?;
        }
        Ok(writer)
    }

    pub(crate) fn write(&mut self, ranked: &Ranked) -> Result<(), GeoIoError> {
        let geometry = self.geometry(ranked.detection)?;
        let feature = Feature { r#type: "Feature", properties: Properties(ranked), geometry };
        let before: &[u8] = match self.layout {
            Layout::Collection if self.is_first => b"\n",
            Layout::Collection => b",\n",
            Layout::Lines => b"",
            Layout::Records => b"\x1e",
        };
        let mut line = before.to_vec();
        self.is_first = false;
        serde_json::to_writer(&mut line, &feature).map_err(|error| self.output.failed(error))?;
        if self.layout != Layout::Collection {
            line.push(b'\n');
        }
        self.put(&line)
    }

    pub(crate) fn finish(mut self) -> Result<PendingOutput, GeoIoError> {
        if self.layout == Layout::Collection {
            self.put(b"\n]}\n")?;
        }
        self.file.flush().map_err(|error| self.output.failed(error))?;
        let Counted { file, bytes } = self.file.get_ref();
        file.sync_all().map_err(|error| self.output.failed(error))?;
        let stored = std::fs::metadata(self.output.path()).map_err(|error| self.output.failed(error))?.len();
        if stored != *bytes {
            let problem = io::Error::other(format!("{bytes} bytes were written but {stored} are there"));
            return Err(self.output.failed(problem));
        }
        drop(self.file);
        self.output.seal()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), GeoIoError> {
        self.file.write_all(bytes).map_err(|error| self.output.failed(error))
    }

    fn geometry(&self, detection: &Detection) -> Result<Geometry, GeoIoError> {
        let Some(lonlat) = &self.lonlat else {
            let ring = |ring: &Vec<MapPoint>| ring.iter().map(|point| self.position(point.x, point.y)).collect();
            let part = |part: &DetectionPolygon| std::iter::once(&part.shell).chain(&part.holes).map(ring).collect();
            return Ok(Geometry::new(polygon_or_several(detection.geometry.iter().map(part).collect())));
        };
        let parts = lonlat.carry_all(&detection.geometry).map_err(|failure| GeoIoError::UnusableScene {
            name: (&self.scene).into(),
            reason: format!(
                "detection {} has no longitude and latitude: {failure} ({})",
                detection.id,
                match self.layout {
                    Layout::Collection => "leave out --rfc7946",
                    _ => "write .geojson or .gpkg instead",
                }
            ),
        })?;
        Ok(Geometry::new(self.parts(&parts)))
    }

    fn parts(&self, parts: &MultiPolygon) -> GeometryValue {
        let ring = |ring: &geo::LineString| -> Vec<Position> {
            ring.0.iter().map(|coord| self.position(coord.x, coord.y)).collect()
        };
        let part = |part: &geo::Polygon| std::iter::once(part.exterior()).chain(part.interiors()).map(ring).collect();
        polygon_or_several(parts.0.iter().map(part).collect())
    }

    fn position(&self, x: f64, y: f64) -> Position {
        Position::from([rounded(x, self.grain), rounded(y, self.grain)])
    }
}

fn polygon_or_several(mut coordinates: Vec<Vec<Vec<Position>>>) -> GeometryValue {
    match coordinates.len() {
        1 => GeometryValue::Polygon { coordinates: coordinates.remove(0) },
        _ => GeometryValue::MultiPolygon { coordinates },
    }
}

fn lonlat_of(info: &SceneInfo, layout: Layout) -> Result<LonLat, GeoIoError> {
    let what = if layout == Layout::Collection { "--rfc7946" } else { "a sequence of GeoJSON features" };
    let crs =
        info.crs.as_ref().ok_or_else(|| GeoIoError::Usage { reason: format!("{what} needs a scene with a CRS") })?;
    LonLat::new(crs, STRAIGHT_PX * shortest_side(info)).map_err(|failure| GeoIoError::Usage {
        reason: format!(
            "{what} is not possible: there is no way from {} to longitude and latitude: {failure}",
            crs.name()
        ),
    })
}

/// Everything before the first feature.
fn head(info: &SceneInfo, options: &VectorOptions) -> Vec<u8> {
    let mut head = format!("{{\"type\":\"FeatureCollection\",\"name\":{},", json!(options.layer));
    match &info.crs {
        Some(crs) if options.rfc7946 => {
            let authority = crs.authority().map(|(name, code)| format!("{name}:{code}"));
            head += &format!("\"source_crs\":{},", json!({ "authority": authority, "wkt2": crs.wkt2() }));
        }
        crs => head += &crs_of(crs.as_ref()),
    }
    head += "\"features\":[";
    head.into_bytes()
}

/// The `crs` member of a file in this CRS, with a comma after it; nothing for longitude and latitude on WGS 84.
pub(crate) fn crs_of(crs: Option<&SceneCrs>) -> String {
    match crs {
        Some(crs) if crs.is_wgs84() => String::new(),
        Some(crs) => crs_member(&crs_name(crs)),
        None => crs_member(NO_CRS),
    }
}

fn crs_member(name: &str) -> String {
    format!("\"crs\":{},", json!({ "type": "name", "properties": { "name": name } }))
}

/// The name GDAL and QGIS read back as the same CRS: the URN of its code, or else its whole definition.
fn crs_name(crs: &SceneCrs) -> String {
    if let Some(("EPSG", code)) = crs.authority() {
        let urn = format!("urn:ogc:def:crs:EPSG::{code}");
        let known = tolerant(|| SpatialRef::from_definition(&urn));
        if known.is_ok() && tolerant(|| SpatialRef::from_epsg(code)).is_ok_and(|by_code| is_same(&by_code, crs)) {
            return urn;
        }
    }
    crs.wkt2().to_owned()
}

fn is_same(by_code: &SpatialRef, crs: &SceneCrs) -> bool {
    tolerant(|| SpatialRef::from_wkt(crs.wkt2())).is_ok_and(|by_text| same(by_code, &by_text))
}

fn shortest_side(info: &SceneInfo) -> f64 {
    let a = &info.affine.0;
    a[1].hypot(a[4]).min(a[2].hypot(a[5]))
}

/// The power of ten that resolves a thousandth of a pixel, with at least so many decimals.
fn grain(pixel: f64, least: i32) -> f64 {
    let decimals = (-(pixel * STEP_PX).log10()).ceil();
    10_f64.powi((decimals as i32).clamp(least, 15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_resolve_a_thousandth_of_a_pixel() {
        // 0.066 m: a thousandth is 6.6e-5, so five decimals. A degree grid of 6e-7 needs ten. 30 m needs two.
        assert_eq!((grain(0.066, 0), grain(6e-7, 0), grain(30.0, 0)), (1e5, 1e10, 1e2));
        assert_eq!(grain(1000.0, 0), 1.0);
    }

    #[test]
    fn a_code_becomes_a_urn_and_anything_else_its_definition() {
        let utm = SceneCrs::from_definition("EPSG:32633").unwrap();
        assert_eq!(crs_name(&utm), "urn:ogc:def:crs:EPSG::32633");
        let own = SceneCrs::from_definition("+proj=tmerc +lat_0=27 +lon_0=85.3 +ellps=WGS84 +units=m").unwrap();
        assert!(crs_name(&own).starts_with("PROJCRS["));
    }
}
