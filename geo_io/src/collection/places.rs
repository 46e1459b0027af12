//! Where the scenes of a collection lie, and their detections brought to one CRS.

use std::path::{Path, PathBuf};

use gdal::errors::GdalError;
use gdal::spatial_ref::{CoordTransform, SpatialRef};
use gdal::vector::{Feature, LayerAccess};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use geo::{MapCoordsInPlace, MultiPolygon, coord};

use super::CollectedScene;
use crate::attributes::{ATTRIBUTES, Kind};
use crate::crs::SceneCrs;
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::{guarded, tolerant};

/// A detection on its way into the collection.
pub(super) struct Item {
    pub(super) scene: usize,
    pub(super) id: String,
    pub(super) prompt: String,
    pub(super) shape: MultiPolygon,
}

/// Where each scene lies, and the CRS that all are brought to.
pub(super) struct Places {
    pub(super) target: Option<SpatialRef>,
    /// The way there; `None` for a scene without polygons, or that has no place beside the others.
    ways: Vec<Option<Way>>,
    footprints: Vec<Option<MultiPolygon>>,
}

/// The way from the CRS of a scene to that of the collection.
enum Way {
    /// It is the same.
    Same,
    Over(CoordTransform),
}

impl Places {
    pub(super) fn of(scenes: &[CollectedScene]) -> Result<Self, GeoIoError> {
        let mut systems: Vec<Option<Option<SceneCrs>>> = Vec::with_capacity(scenes.len());
        for scene in scenes {
            let read = |path: &PathBuf| crs_of(path).map_err(|failure| unreadable(path, failure));
            systems.push(scene.vector.as_ref().map(read).transpose()?);
        }
        let known: Vec<&SceneCrs> = systems.iter().flatten().flatten().collect();
        let is_one = known.windows(2).all(|pair| pair[0] == pair[1]);
        let target = match known.first() {
            None => None,
            Some(first) if is_one => Some((*first).clone()),
            Some(_) => Some(SceneCrs::from_definition("EPSG:4326").map_err(|failure| GeoIoError::Usage {
                reason: format!("scenes of different CRS cannot be collected: {failure}"),
            })?),
        };
        let lost =
            |failure: GdalFailure| GeoIoError::Usage { reason: format!("scenes cannot be collected: {failure}") };
        let mut ways = Vec::with_capacity(scenes.len());
        for system in systems {
            ways.push(match (system, &target) {
                (None, _) => None,
                (Some(None), None) => Some(Way::Same),
                // Without a CRS there is no place beside those that have one.
                (Some(None), Some(_)) => None,
                (Some(Some(own)), Some(target)) if own == *target => Some(Way::Same),
                (Some(Some(own)), Some(target)) => {
                    let (from, to) = (own.spatial_ref().map_err(lost)?, target.spatial_ref().map_err(lost)?);
                    Some(Way::Over(guarded(|| CoordTransform::new(&from, &to)).map_err(lost)?))
                }
                (Some(Some(_)), None) => None,
            });
        }
        let mut places = Self {
            target: target.map(|target| target.spatial_ref().map_err(lost)).transpose()?,
            ways,
            footprints: Vec::new(),
        };
        places.footprints = scenes
            .iter()
            .enumerate()
            .map(|(number, scene)| {
                let ring = scene.corners?.map(|corner| coord! { x: corner.x, y: corner.y });
                let mut shape = MultiPolygon::new(vec![geo::Polygon::new(ring.to_vec().into(), Vec::new())]);
                // A corner off the globe leaves the scene without a footprint, and its polygons where they are.
                places.carry(number, &mut shape).ok().filter(|is_placed| *is_placed).map(|_| shape)
            })
            .collect();
        Ok(places)
    }

    /// Brings a shape to the CRS of the collection; false when the scene has no place in it.
    fn carry(&self, scene: usize, shape: &mut MultiPolygon) -> Result<bool, GdalFailure> {
        match &self.ways[scene] {
            None => Ok(false),
            Some(Way::Same) => Ok(true),
            Some(Way::Over(transform)) => {
                guarded(|| {
                    shape.try_map_coords_in_place(|at| {
                        let (mut x, mut y) = ([at.x], [at.y]);
                        transform.transform_coords(&mut x, &mut y, &mut [])?;
                        Ok::<_, GdalError>(coord! { x: x[0], y: y[0] })
                    })
                })?;
                Ok(true)
            }
        }
    }

    pub(super) fn footprint(&self, scene: usize) -> Option<&MultiPolygon> {
        self.footprints[scene].as_ref()
    }

    pub(super) fn unplaced(&self, scenes: &[CollectedScene]) -> Vec<String> {
        let lost = scenes.iter().zip(&self.ways).filter(|(scene, way)| scene.vector.is_some() && way.is_none());
        lost.map(|(scene, _)| scene.name.clone()).collect()
    }

    /// The detections of a scene, brought to the CRS of the collection.
    pub(super) fn read(&self, number: usize, scene: &CollectedScene) -> Result<Vec<(Item, Vec<Stored>)>, GeoIoError> {
        let (Some(path), Some(_)) = (&scene.vector, &self.ways[number]) else { return Ok(Vec::new()) };
        let mut items = Vec::new();
        let read = tolerant(|| {
            let dataset = open(path)?;
            for mut layer in dataset.layers() {
                for feature in layer.features() {
                    let values = stored_values(&feature)?;
                    let Some(geometry) = feature.geometry() else { continue };
                    let shape = match geometry.to_geo()? {
                        geo::Geometry::Polygon(polygon) => MultiPolygon::new(vec![polygon]),
                        geo::Geometry::MultiPolygon(parts) => parts,
                        _ => continue,
                    };
                    let text =
                        |at: usize| if let Stored::Text(text) = &values[at] { text.clone() } else { String::new() };
                    items.push((Item { scene: number, id: text(0), prompt: text(1), shape }, values));
                }
            }
            Ok(())
        });
        read.map_err(|failure| unreadable(path, failure))?;
        for (item, _) in &mut items {
            self.carry(number, &mut item.shape).map_err(|failure| unreadable(path, failure))?;
        }
        Ok(items)
    }
}

/// A value of an attribute as an output stores it.
pub(super) enum Stored {
    Text(String),
    Real(f64),
    Integer(i64),
    Nothing,
}

fn stored_values(feature: &Feature) -> Result<Vec<Stored>, GdalError> {
    ATTRIBUTES
        .iter()
        .map(|attribute| {
            // An attribute that an output does not have is unknown.
            let Ok(at) = feature.field_index(attribute.name) else { return Ok(Stored::Nothing) };
            Ok(match attribute.kind {
                Kind::Text => feature.field_as_string(at)?.map_or(Stored::Nothing, Stored::Text),
                Kind::Real => feature.field_as_double(at)?.map_or(Stored::Nothing, Stored::Real),
                Kind::Integer | Kind::Boolean => {
                    feature.field_as_integer64(at)?.map_or(Stored::Nothing, Stored::Integer)
                }
            })
        })
        .collect()
}

fn open(path: &Path) -> Result<Dataset, GdalError> {
    let open_flags = GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY;
    Dataset::open_ex(path, DatasetOptions { open_flags, ..Default::default() })
}

/// The CRS of a file of polygons; `None` when it has none.
fn crs_of(path: &Path) -> Result<Option<SceneCrs>, GdalFailure> {
    let spatial_ref = tolerant(|| open(path)?.layer(0).map(|layer| layer.spatial_ref()))?;
    spatial_ref.map(|spatial_ref| SceneCrs::from_spatial_ref(&spatial_ref)).transpose()
}

fn unreadable(path: &Path, failure: GdalFailure) -> GeoIoError {
    GeoIoError::OpenScene { name: path.as_os_str().to_owned(), source: failure.into() }
}
