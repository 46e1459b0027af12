//! Detections read back from any vector file of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdal::spatial_ref::CoordTransform;
use gdal::vector::{Feature, FieldValue, Geometry, LayerAccess, OGRwkbGeometryType};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use crate::attributes::ATTRIBUTES;
use crate::crs::SceneCrs;
use crate::detection::DetectionPolygon;
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::{guarded, tolerant};
use crate::grid::MapPoint;

/// A detection as a file tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDetection {
    /// The texts it has, by name: `id`, `prompt`, `scene`.
    pub texts: BTreeMap<String, String>,
    /// The numbers it has, by name; what is unknown is left out.
    pub numbers: BTreeMap<String, f64>,
    /// Where it is.
    pub parts: Vec<DetectionPolygon>,
}

impl StoredDetection {
    /// A text, empty when there is none of this name.
    pub fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }
}

/// A vector file, open for reading.
pub struct VectorReader {
    path: PathBuf,
    dataset: Dataset,
    crs: Option<SceneCrs>,
}

impl VectorReader {
    /// Opens a file of polygons in any format that GDAL reads.
    ///
    /// # Errors
    /// A file that is missing or holds no polygons that GDAL can read.
    pub fn open(path: &Path) -> Result<Self, GeoIoError> {
        if !path.exists() {
            return Err(GeoIoError::MissingInput { path: path.to_owned() });
        }
        let open_flags = GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY;
        let opened = tolerant(|| Dataset::open_ex(path, DatasetOptions { open_flags, ..Default::default() }));
        let dataset = opened.map_err(|failure| unreadable(path, failure))?;
        let crs = dataset.layers().find_map(|layer| layer.spatial_ref());
        let crs = crs.map(|crs| SceneCrs::from_spatial_ref(&crs)).transpose();
        let crs = crs.map_err(|failure| unreadable(path, failure))?;
        Ok(Self { path: path.to_owned(), dataset, crs })
    }

    /// Its CRS.
    pub fn crs(&self) -> Option<&SceneCrs> {
        self.crs.as_ref()
    }

    /// Gives all detections one after the other, in `target` where that is given and the file has a CRS.
    ///
    /// # Errors
    /// A feature that cannot be read or carried over.
    pub fn read(&self, target: Option<&SceneCrs>, mut each: impl FnMut(StoredDetection)) -> Result<(), GeoIoError> {
        let transform = match (&self.crs, target) {
            (Some(from), Some(to)) if from.wkt2() != to.wkt2() => Some(
                (|| -> Result<CoordTransform, GdalFailure> {
                    let (from, to) = (from.spatial_ref()?, to.spatial_ref()?);
                    guarded(|| CoordTransform::new(&from, &to))
                })()
                .map_err(|failure| unreadable(&self.path, failure))?,
            ),
            _ => None,
        };
        for number in 0..self.dataset.layer_count() {
            let read = guarded(|| {
                let mut layer = self.dataset.layer(number)?;
                for feature in layer.features() {
                    if let Some(detection) = detection_of(&feature, transform.as_ref())? {
                        each(detection);
                    }
                }
                Ok(())
            });
            read.map_err(|failure| unreadable(&self.path, failure))?;
        }
        Ok(())
    }
}

fn unreadable(path: &Path, failure: GdalFailure) -> GeoIoError {
    GeoIoError::ReadVector { path: path.to_owned(), source: failure.into() }
}

/// A feature with a polygon; others, such as the styles in a GeoPackage, are none.
fn detection_of(
    feature: &Feature,
    transform: Option<&CoordTransform>,
) -> Result<Option<StoredDetection>, gdal::errors::GdalError> {
    let Some(geometry) = feature.geometry() else { return Ok(None) };
    let mut parts = Vec::new();
    match geometry.geometry_type() & 0xff {
        OGRwkbGeometryType::wkbPolygon => parts.push(polygon_of(geometry, transform)?),
        OGRwkbGeometryType::wkbMultiPolygon => {
            for index in 0..geometry.geometry_count() {
                parts.push(polygon_of(&geometry.get_geometry(index), transform)?);
            }
        }
        _ => return Ok(None),
    }
    let (mut texts, mut numbers) = (BTreeMap::new(), BTreeMap::new());
    for (name, value) in feature.fields() {
        // A shapefile has the short names.
        let known = ATTRIBUTES.iter().find(|attribute| attribute.short_name == name);
        let name = known.map_or(name, |attribute| attribute.name.to_owned());
        match value {
            Some(FieldValue::StringValue(text)) => {
                texts.insert(name, text);
            }
            Some(FieldValue::RealValue(number)) => {
                numbers.insert(name, number);
            }
            Some(FieldValue::Integer64Value(number)) => {
                numbers.insert(name, number as f64);
            }
            Some(FieldValue::IntegerValue(number)) => {
                numbers.insert(name, f64::from(number));
            }
            _ => {}
        }
    }
    Ok(Some(StoredDetection { texts, numbers, parts }))
}

fn polygon_of(
    geometry: &Geometry,
    transform: Option<&CoordTransform>,
) -> Result<DetectionPolygon, gdal::errors::GdalError> {
    let mut rings = Vec::new();
    for index in 0..geometry.geometry_count() {
        let mut points = Vec::new();
        geometry.get_geometry(index).get_points(&mut points);
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.iter().map(|(x, y, _)| (*x, *y)).unzip();
        if let Some(transform) = transform {
            transform.transform_coords(&mut x, &mut y, &mut [])?;
        }
        rings.push(x.into_iter().zip(y).map(|(x, y)| MapPoint { x, y }).collect());
    }
    let shell = if rings.is_empty() { Vec::new() } else { rings.remove(0) };
    Ok(DetectionPolygon { shell, holes: rings })
}
