//! Detections of many scenes in one GeoPackage, with an index of the scenes, and which objects two scenes both show.

mod places;
mod twins;

use std::path::{Path, PathBuf};

use gdal::errors::GdalError;
use gdal::spatial_ref::SpatialRef;
use gdal::vector::{Defn, Feature, FieldDefn, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType, ToGdal};
use gdal::{Dataset, DriverManager};
use geo::MultiPolygon;

use crate::attributes::{ATTRIBUTES, Kind};
use crate::error::{GdalFailure, GeoIoError};
use crate::grid::MapPoint;
use crate::ogr_writer::at_time;
use crate::vector_writer::VectorOptions;
use crate::write_guard::{PendingOutput, TempOutput};
use places::{Places, Stored};
use twins::Twins;

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
