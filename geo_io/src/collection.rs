//! Detections of many scenes in one GeoPackage, with an index of the scenes, and which objects two scenes both show.

use std::path::{Path, PathBuf};

use gdal::errors::GdalError;
use gdal::spatial_ref::{CoordTransform, SpatialRef};
use gdal::vector::{Defn, Feature, FieldDefn, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType, ToGdal};
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};
use geo::{Area, BooleanOps, BoundingRect, MapCoordsInPlace, MultiPolygon, Rect, coord};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use crate::attributes::{ATTRIBUTES, Kind};
use crate::crs::SceneCrs;
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::{guarded, tolerant};
use crate::grid::MapPoint;
use crate::ogr_writer::at_time;
use crate::vector_writer::VectorOptions;
use crate::write_guard::{PendingOutput, TempOutput};

/// Two detections are of one object when they share at least so much of the smaller one.
const SHARED: f64 = 0.5;
/// Features written in one transaction.
const BATCH: usize = 4096;

/// A scene of a collection.
#[derive(Clone, Debug)]
pub struct CollectedScene {
    /// Its name, different from all others.
    pub name: String,
    /// What became of it.
    pub state: String,
    /// Why, if it is not done.
    pub reason: Option<String>,
    /// Its polygons, if there are any.
    pub vector: Option<PathBuf>,
    /// The corners of its grid in its CRS, all the way round.
    pub corners: Option<[MapPoint; 4]>,
    /// Tiles without an answer.
    pub holes: u64,
}

/// A collection that waits for its name, and what is in it.
#[derive(Debug)]
pub struct Collection {
    /// The file.
    pub pending: PendingOutput,
    /// Detections of all scenes.
    pub detections: u64,
    /// Those that an earlier scene shows as well.
    pub repeated: u64,
    /// Scenes that cannot be put beside the others, for want of a CRS.
    pub unplaced: Vec<String>,
}

/// A detection on its way into the collection.
struct Item {
    scene: usize,
    id: String,
    prompt: String,
    shape: MultiPolygon,
}

/// Writes the detections of all scenes into one GeoPackage beside an index of the scenes.
///
/// In the CRS of the scenes where they share one, else in longitude and latitude on WGS 84. A detection that another scene
/// shows as well (the same prompt, at least half of the smaller of the two) names it in `also_in`; `repeated` is 1 where
/// that scene comes earlier, so that those with 0 are each object once.
///
/// # Errors
/// A file of polygons that cannot be read, a collection that cannot be written.
pub fn collect(out: &Path, scenes: &[CollectedScene], overwrite: bool) -> Result<Collection, GeoIoError> {
    let places = Places::of(scenes)?;
    let twins = Twins::of(scenes, &places)?;
    let output = TempOutput::create_for_gdal(out, overwrite)?;
    let failed = |failure: GdalFailure| output.failed(failure);
    // The driver insists on a name that is free.
    std::fs::remove_file(output.path()).map_err(|error| output.failed(error))?;
    let timestamp = VectorOptions::default().timestamp;
    let mut dataset = at_time(&timestamp, || created(output.path(), places.target.as_ref())).map_err(failed)?;
    let (mut detections, mut repeated) = (0, 0);
    for (number, scene) in scenes.iter().enumerate() {
        let items = places.read(number, scene)?;
        at_time(&timestamp, || write_index(&dataset, scene, items.len(), places.footprint(number))).map_err(failed)?;
        for batch in items.chunks(BATCH) {
            at_time(&timestamp, || {
                let transaction = dataset.start_transaction()?;
                {
                    let layer = transaction.layer_by_name("detections")?;
                    let definition = Defn::from_layer(&layer);
                    for (item, values) in batch {
                        let seen = twins.of_item(scenes, number, &item.id, &item.prompt);
                        repeated += u64::from(seen.is_repeated);
                        let mut feature = Feature::new(&definition)?;
                        feature.set_geometry(item.shape.to_gdal()?)?;
                        set_values(&mut feature, values)?;
                        feature.set_field_string(ATTRIBUTES.len(), &scene.name)?;
                        match seen.also_in {
                            Some(text) => feature.set_field_string(ATTRIBUTES.len() + 1, &text)?,
                            None => feature.set_field_null(ATTRIBUTES.len() + 1)?,
                        }
                        feature.set_field_integer(ATTRIBUTES.len() + 2, i32::from(seen.is_repeated))?;
                        feature.create(&layer)?;
                    }
                }
                transaction.commit()
            })
            .map_err(failed)?;
        }
        detections += items.len() as u64;
    }
    at_time(&timestamp, || dataset.close()).map_err(failed)?;
    let unplaced = places.unplaced(scenes);
    Ok(Collection { pending: output.seal()?, detections, repeated, unplaced })
}

/// Where each scene lies, and the CRS that all are brought to.
struct Places {
    target: Option<SpatialRef>,
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
    fn of(scenes: &[CollectedScene]) -> Result<Self, GeoIoError> {
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

    fn footprint(&self, scene: usize) -> Option<&MultiPolygon> {
        self.footprints[scene].as_ref()
    }

    fn unplaced(&self, scenes: &[CollectedScene]) -> Vec<String> {
        let lost = scenes.iter().zip(&self.ways).filter(|(scene, way)| scene.vector.is_some() && way.is_none());
        lost.map(|(scene, _)| scene.name.clone()).collect()
    }

    /// The detections of a scene, brought to the CRS of the collection.
    fn read(&self, number: usize, scene: &CollectedScene) -> Result<Vec<(Item, Vec<Stored>)>, GeoIoError> {
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

/// Which detections are of one object.
struct Twins {
    /// Scene and id of a detection, prompt, and scene and id of the other; each pair both ways, sorted.
    pairs: Vec<((usize, String, String), (usize, String))>,
}

/// What is known of a detection in other scenes.
struct Seen {
    also_in: Option<String>,
    is_repeated: bool,
}

type Boxed = GeomWithData<Rectangle<[f64; 2]>, usize>;

impl Twins {
    /// Compares what lies where scenes overlap; only that is held in memory.
    fn of(scenes: &[CollectedScene], places: &Places) -> Result<Self, GeoIoError> {
        let footprint = |number: usize| Some(boxed(places.footprint(number)?.bounding_rect()?, number));
        let footprints: RTree<Boxed> = RTree::bulk_load((0..scenes.len()).filter_map(footprint).collect());
        let mut items: Vec<Item> = Vec::new();
        for (number, scene) in scenes.iter().enumerate() {
            let others: Vec<AABB<[f64; 2]>> =
                places.footprint(number).and_then(BoundingRect::bounding_rect).map_or_else(Vec::new, |own| {
                    let meet = footprints.locate_in_envelope_intersecting(&envelope(own));
                    meet.filter(|other| other.data != number).map(|other| rstar::RTreeObject::envelope(other)).collect()
                });
            if others.is_empty() {
                continue;
            }
            for (item, _) in places.read(number, scene)? {
                let meets = item.shape.bounding_rect().is_some_and(|own| {
                    let own = envelope(own);
                    others.iter().any(|other| rstar::Envelope::intersects(other, &own))
                });
                if meets {
                    items.push(item);
                }
            }
        }
        let item_box = |(at, item): (usize, &Item)| Some(boxed(item.shape.bounding_rect()?, at));
        let tree: RTree<Boxed> = RTree::bulk_load(items.iter().enumerate().filter_map(item_box).collect());
        let mut pairs = Vec::new();
        for item in &items {
            let Some(own) = item.shape.bounding_rect() else { continue };
            for other in tree.locate_in_envelope_intersecting(&envelope(own)) {
                let other = &items[other.data];
                if other.scene > item.scene && other.prompt == item.prompt && are_one(&item.shape, &other.shape) {
                    let key = |item: &Item| (item.scene, item.id.clone(), item.prompt.clone());
                    pairs.push((key(item), (other.scene, other.id.clone())));
                    pairs.push((key(other), (item.scene, item.id.clone())));
                }
            }
        }
        pairs.sort();
        Ok(Self { pairs })
    }

    fn of_item(&self, scenes: &[CollectedScene], scene: usize, id: &str, prompt: &str) -> Seen {
        let key = (scene, id.to_owned(), prompt.to_owned());
        let first = self.pairs.partition_point(|(own, _)| *own < key);
        let others: Vec<&(usize, String)> =
            self.pairs[first..].iter().take_while(|(own, _)| *own == key).map(|(_, other)| other).collect();
        let named: Vec<String> = others.iter().map(|(other, id)| format!("{}:{id}", scenes[*other].name)).collect();
        Seen {
            also_in: (!named.is_empty()).then(|| named.join("; ")),
            is_repeated: others.iter().any(|(other, _)| *other < scene),
        }
    }
}

fn envelope(rect: Rect) -> AABB<[f64; 2]> {
    AABB::from_corners([rect.min().x, rect.min().y], [rect.max().x, rect.max().y])
}

fn boxed(rect: Rect, data: usize) -> Boxed {
    GeomWithData::new(Rectangle::from_aabb(envelope(rect)), data)
}

/// Whether two shapes share at least half of the smaller one.
fn are_one(a: &MultiPolygon, b: &MultiPolygon) -> bool {
    let smaller = a.unsigned_area().min(b.unsigned_area());
    smaller > 0.0 && a.intersection(b).unsigned_area() >= SHARED * smaller
}

/// A value of an attribute as an output stores it.
enum Stored {
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

fn set_values(feature: &mut Feature, values: &[Stored]) -> Result<(), GdalError> {
    for (at, value) in values.iter().enumerate() {
        match value {
            Stored::Text(text) => feature.set_field_string(at, text)?,
            Stored::Real(number) => feature.set_field_double(at, *number)?,
            Stored::Integer(number) => feature.set_field_integer64(at, *number)?,
            Stored::Nothing => feature.set_field_null(at)?,
        }
    }
    Ok(())
}

fn created(path: &Path, target: Option<&SpatialRef>) -> Result<Dataset, GdalError> {
    use OGRFieldType::{OFTInteger, OFTInteger64, OFTReal, OFTString};
    let mut dataset = DriverManager::get_driver_by_name("GPKG")?.create_vector_only(path)?;
    let options = |name, ty| LayerOptions { name, srs: target, ty, options: None };
    let layer = dataset.create_layer(options("detections", OGRwkbGeometryType::wkbMultiPolygon))?;
    for attribute in &ATTRIBUTES {
        let kind = match attribute.kind {
            Kind::Text => OFTString,
            Kind::Real => OFTReal,
            Kind::Integer => OFTInteger64,
            Kind::Boolean => OFTInteger,
        };
        FieldDefn::new(attribute.name, kind)?.add_to_layer(&layer)?;
    }
    layer.create_defn_fields(&[("scene_name", OFTString), ("also_in", OFTString), ("repeated", OFTInteger)])?;
    let layer = dataset.create_layer(options("scenes", OGRwkbGeometryType::wkbMultiPolygon))?;
    layer.create_defn_fields(&[
        ("scene_name", OFTString),
        ("state", OFTString),
        ("reason", OFTString),
        ("detections", OFTInteger64),
        ("holes", OFTInteger64),
        ("polygons", OFTString),
    ])?;
    Ok(dataset)
}

fn write_index(
    dataset: &Dataset,
    scene: &CollectedScene,
    detections: usize,
    footprint: Option<&MultiPolygon>,
) -> Result<(), GdalError> {
    let layer = dataset.layer_by_name("scenes")?;
    let definition = Defn::from_layer(&layer);
    let mut feature = Feature::new(&definition)?;
    if let Some(footprint) = footprint {
        feature.set_geometry(footprint.to_gdal()?)?;
    }
    let file = scene.vector.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    feature.set_field_string(0, &scene.name)?;
    feature.set_field_string(1, &scene.state)?;
    match &scene.reason {
        Some(reason) => feature.set_field_string(2, reason)?,
        None => feature.set_field_null(2)?,
    }
    feature.set_field_integer64(3, i64::try_from(detections)?)?;
    feature.set_field_integer64(4, i64::try_from(scene.holes)?)?;
    match file {
        Some(file) => feature.set_field_string(5, &file)?,
        None => feature.set_field_null(5)?,
    }
    feature.create(&layer)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, y: f64, side: f64) -> MultiPolygon {
        let rect = Rect::new(coord! { x: x, y: y }, coord! { x: x + side, y: y + side });
        MultiPolygon::new(vec![rect.to_polygon()])
    }

    #[test]
    fn shapes_are_one_when_they_share_half_of_the_smaller() {
        // 5 x 10 of 10 x 10, and a small one wholly inside a large one.
        assert!(are_one(&square(0.0, 0.0, 10.0), &square(5.0, 0.0, 10.0)));
        assert!(!are_one(&square(0.0, 0.0, 10.0), &square(5.1, 0.0, 10.0)));
        assert!(are_one(&square(0.0, 0.0, 10.0), &square(4.0, 4.0, 1.0)));
        assert!(!are_one(&square(0.0, 0.0, 1.0), &square(1.0, 0.0, 1.0)));
    }
}
