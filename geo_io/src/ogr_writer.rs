//! GeoPackage, FlatGeobuf and shapefile through GDAL, inside the write guard and counted after closing.

use std::path::{Path, PathBuf};

use gdal::errors::GdalError;
use gdal::vector::{Defn, Feature, FieldDefn, Geometry, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType};
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};

use crate::attributes::{ATTRIBUTES, Kind, Ranked, Value};
use crate::detection::{Detection, DetectionPolygon};
use crate::error::{Cause, GdalFailure, GeoIoError};
use crate::gdal_env::guarded;
use crate::grid::MapPoint;
use crate::scene::SceneInfo;
use crate::vector_writer::VectorOptions;
use crate::write_guard::{PendingOutput, TempGroup, TempOutput};

/// Detections written in one transaction.
const BATCH: usize = 2048;
/// Bytes that a text in a shapefile may have.
const SHAPEFILE_TEXT: usize = 254;

/// A format that GDAL writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OgrFormat {
    GeoPackage,
    FlatGeobuf,
    Shapefile,
}

impl OgrFormat {
    fn driver(self) -> &'static str {
        match self {
            Self::GeoPackage => "GPKG",
            Self::FlatGeobuf => "FlatGeobuf",
            Self::Shapefile => "ESRI Shapefile",
        }
    }
}

/// What is written under temporary names: one file, or files of one stem.
enum Target {
    File(TempOutput),
    Group(TempGroup),
}

impl Target {
    fn path(&self) -> PathBuf {
        match self {
            Self::File(file) => file.path().to_owned(),
            Self::Group(group) => group.path(),
        }
    }

    fn failed(&self, source: impl Into<Cause>) -> GeoIoError {
        match self {
            Self::File(file) => file.failed(source),
            Self::Group(group) => group.failed(source),
        }
    }

    fn seal(self) -> Result<PendingOutput, GeoIoError> {
        match self {
            Self::File(file) => file.seal(),
            Self::Group(group) => group.seal(),
        }
    }
}

/// A file of polygons under way.
pub(crate) struct OgrWriter {
    /// `None` only while the file is being closed. Before `target`, so that it is closed before the file is removed.
    dataset: Option<Dataset>,
    target: Target,
    format: OgrFormat,
    several_parts: bool,
    /// The prompt whose detections each layer holds; none when one layer holds all.
    layers: Vec<String>,
    batch: Vec<Waiting>,
    count: u64,
    timestamp: String,
}

/// A detection that waits for its transaction.
struct Waiting {
    detection: Detection,
    scene: String,
    review_rank: u64,
}

impl OgrWriter {
    pub(crate) fn create(
        out: &Path,
        format: OgrFormat,
        info: &SceneInfo,
        options: &VectorOptions,
    ) -> Result<Self, GeoIoError> {
        let refused = |source: Cause| GeoIoError::OutputCreate { path: out.to_owned(), source };
        let target = match format {
            OgrFormat::Shapefile => {
                shapefile_takes(options)?;
                let companions = ["shx", "dbf", "cpg", "prj"];
                Target::Group(TempGroup::create(out, &companions, &["qix", "sbn", "sbx", "qpj"], options.overwrite)?)
            }
            _ => {
                let output = TempOutput::create_for_gdal(out, options.overwrite)?;
                // The drivers insist on a name that is free.
                std::fs::remove_file(output.path()).map_err(|error| refused(error.into()))?;
                Target::File(output)
            }
        };
        let spatial_ref = info.crs.as_ref().map(crate::crs::SceneCrs::spatial_ref).transpose();
        let spatial_ref = spatial_ref.map_err(|failure| refused(failure.into()))?;
        let per_prompt = format == OgrFormat::GeoPackage && !options.layers.is_empty();
        let names: Vec<&str> = match per_prompt {
            true => options.layers.iter().map(|layer| layer.name.as_str()).collect(),
            false => vec![&options.layer],
        };
        let created = at_time(&options.timestamp, || {
            let mut dataset = DriverManager::get_driver_by_name(format.driver())?.create_vector_only(target.path())?;
            let date = format!("DBF_DATE_LAST_UPDATE={}", options.timestamp.get(..10).unwrap_or("2000-01-01"));
            let shapefile = [date.as_str(), "ENCODING=UTF-8"];
            for name in &names {
                let layer = dataset.create_layer(LayerOptions {
                    name,
                    srs: spatial_ref.as_ref(),
                    ty: match options.several_parts && format != OgrFormat::Shapefile {
                        true => OGRwkbGeometryType::wkbMultiPolygon,
                        false => OGRwkbGeometryType::wkbPolygon,
                    },
                    options: (format == OgrFormat::Shapefile).then_some(&shapefile[..]),
                })?;
                for attribute in &ATTRIBUTES {
                    let short = format == OgrFormat::Shapefile;
                    let field = FieldDefn::new(
                        if short { attribute.short_name } else { attribute.name },
                        match attribute.kind {
                            Kind::Text => OGRFieldType::OFTString,
                            Kind::Real => OGRFieldType::OFTReal,
                            Kind::Integer => OGRFieldType::OFTInteger64,
                            Kind::Boolean => OGRFieldType::OFTInteger,
                        },
                    )?;
                    if short && attribute.kind == Kind::Text {
                        field.set_width(SHAPEFILE_TEXT as i32);
                    }
                    field.add_to_layer(&layer)?;
                }
            }
            if let (OgrFormat::GeoPackage, Some(qml)) = (format, &options.style_qml) {
                add_styles(&mut dataset, &names, qml, &options.timestamp)?;
            }
            Ok(dataset)
        });
        let dataset = Some(created.map_err(|failure| refused(failure.into()))?);
        let layers = match per_prompt {
            true => options.layers.iter().map(|layer| layer.prompt.clone()).collect(),
            false => Vec::new(),
        };
        let (several_parts, timestamp) = (options.several_parts, options.timestamp.clone());
        Ok(Self { dataset, target, format, several_parts, layers, batch: Vec::new(), count: 0, timestamp })
    }

    pub(crate) fn write(&mut self, ranked: &Ranked) -> Result<(), GeoIoError> {
        let Ranked { detection, scene, review_rank } = *ranked;
        self.batch.push(Waiting { detection: detection.clone(), scene: scene.to_owned(), review_rank });
        if self.batch.len() < BATCH { Ok(()) } else { self.write_batch() }
    }

    pub(crate) fn finish(mut self) -> Result<PendingOutput, GeoIoError> {
        self.write_batch()?;
        if let Some(dataset) = self.dataset.take() {
            at_time(&self.timestamp, || dataset.close()).map_err(|failure| self.target.failed(failure))?;
        }
        let stored = count_features(&self.target.path()).map_err(|failure| self.target.failed(failure))?;
        if stored != self.count {
            let problem = GdalFailure::new(&format!("{} polygons were written but {stored} are there", self.count));
            return Err(self.target.failed(problem));
        }
        self.target.seal()
    }

    fn write_batch(&mut self) -> Result<(), GeoIoError> {
        let Some(dataset) = &mut self.dataset else { return Ok(()) };
        let (batch, layers, several_parts) = (&self.batch, &self.layers, self.several_parts);
        let in_transactions = self.format == OgrFormat::GeoPackage;
        let written = at_time(&self.timestamp, || {
            if !in_transactions {
                return write_layers(dataset, layers, several_parts, batch);
            }
            let transaction = dataset.start_transaction()?;
            write_layers(&transaction, layers, several_parts, batch)?;
            transaction.commit()
        });
        written.map_err(|failure| self.target.failed(failure))?;
        self.count += self.batch.len() as u64;
        self.batch.clear();
        Ok(())
    }
}

fn write_layers(dataset: &Dataset, layers: &[String], several_parts: bool, batch: &[Waiting]) -> Result<(), GdalError> {
    for number in 0..layers.len().max(1) {
        let layer = dataset.layer(number)?;
        let definition = Defn::from_layer(&layer);
        let is_here = |waiting: &&Waiting| layers.get(number).is_none_or(|prompt| *prompt == waiting.detection.prompt);
        for Waiting { detection, scene, review_rank } in batch.iter().filter(is_here) {
            let ranked = Ranked { detection, scene, review_rank: *review_rank };
            feature_of(&ranked, several_parts, &definition)?.create(&layer)?;
        }
    }
    Ok(())
}

/// The table in which QGIS keeps styles, with one for each layer that is its default.
fn add_styles(dataset: &mut Dataset, layers: &[&str], qml: &str, timestamp: &str) -> Result<(), GdalError> {
    let table = dataset.create_layer(LayerOptions {
        name: "layer_styles",
        srs: None,
        ty: OGRwkbGeometryType::wkbNone,
        options: Some(&["FID=id"]),
    })?;
    let text = OGRFieldType::OFTString;
    for (name, kind) in [
        ("f_table_catalog", text),
        ("f_table_schema", text),
        ("f_table_name", text),
        ("f_geometry_column", text),
        ("styleName", text),
        ("styleQML", text),
        ("styleSLD", text),
        ("useAsDefault", OGRFieldType::OFTInteger),
        ("description", text),
        ("owner", text),
        ("ui", text),
        ("update_time", OGRFieldType::OFTDateTime),
    ] {
        FieldDefn::new(name, kind)?.add_to_layer(&table)?;
    }
    let definition = Defn::from_layer(&table);
    for layer in layers {
        let mut style = Feature::new(&definition)?;
        let texts = ["", "", layer, "geom", "uncertainty", qml, ""];
        for (index, text) in texts.iter().enumerate() {
            style.set_field_string(index, text)?;
        }
        style.set_field_integer(7, 1)?;
        style.set_field_string(8, "detections graduated by their mean uncertainty")?;
        style.set_field_string(9, "")?;
        style.set_field_string(11, timestamp)?;
        style.create(&table)?;
    }
    Ok(())
}

/// Refuses texts that would be cut short in silence.
fn shapefile_takes(options: &VectorOptions) -> Result<(), GeoIoError> {
    match options.layers.iter().find(|layer| layer.prompt.len() > SHAPEFILE_TEXT) {
        Some(long) => Err(GeoIoError::Usage {
            reason: format!("a shapefile holds prompts of {SHAPEFILE_TEXT} bytes, {:?} is longer", long.prompt),
        }),
        None => Ok(()),
    }
}

/// Work during which GDAL takes this for the present time.
pub(crate) fn at_time<T>(timestamp: &str, work: impl FnOnce() -> Result<T, GdalError>) -> Result<T, GdalFailure> {
    const KEY: &str = "OGR_CURRENT_DATE";
    guarded(|| {
        gdal::config::set_thread_local_config_option(KEY, timestamp)?;
        let result = work();
        gdal::config::clear_thread_local_config_option(KEY)?;
        result
    })
}

fn feature_of<'a>(ranked: &Ranked, several_parts: bool, definition: &'a Defn) -> Result<Feature<'a>, GdalError> {
    let mut feature = Feature::new(definition)?;
    feature.set_geometry(geometry_of(&ranked.detection.geometry, several_parts)?)?;
    for (index, value) in ranked.values().into_iter().enumerate() {
        match value {
            Value::Text(text) => feature.set_field_string(index, text)?,
            Value::Real(number) => feature.set_field_double(index, number)?,
            Value::Integer(number) => feature.set_field_integer64(index, i64::try_from(number)?)?,
            Value::Boolean(value) => feature.set_field_integer(index, i32::from(value))?,
            Value::Unknown => feature.set_field_null(index)?,
        }
    }
    Ok(feature)
}

/// The parts as one geometry of GDAL.
pub(crate) fn geometry_of(parts: &[DetectionPolygon], several_parts: bool) -> Result<Geometry, GdalError> {
    if let ([part], false) = (parts, several_parts) {
        return polygon_of(part);
    }
    let mut geometry = Geometry::empty(OGRwkbGeometryType::wkbMultiPolygon)?;
    for part in parts {
        geometry.add_geometry(polygon_of(part)?)?;
    }
    Ok(geometry)
}

fn polygon_of(polygon: &DetectionPolygon) -> Result<Geometry, GdalError> {
    let mut geometry = Geometry::empty(OGRwkbGeometryType::wkbPolygon)?;
    for points in std::iter::once(&polygon.shell).chain(&polygon.holes) {
        let mut ring = Geometry::empty(OGRwkbGeometryType::wkbLinearRing)?;
        points.iter().for_each(|MapPoint { x, y }| ring.add_point_2d((*x, *y)));
        geometry.add_geometry(ring)?;
    }
    Ok(geometry)
}

/// Reads every feature with its geometry, and counts.
fn count_features(path: &Path) -> Result<u64, GdalFailure> {
    guarded(|| {
        let open_flags = GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY;
        let dataset = Dataset::open_ex(path, DatasetOptions { open_flags, ..Default::default() })?;
        let mut count = 0;
        for mut layer in dataset.layers() {
            let whole = |feature: &Feature| feature.geometry().is_some_and(|geometry| !geometry.is_empty());
            count += layer.features().filter(whole).count() as u64;
        }
        Ok(count)
    })
}
