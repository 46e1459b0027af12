//! GeoPackage through GDAL, inside the write guard and counted after closing.

use std::path::Path;

use gdal::errors::GdalError;
use gdal::vector::{Defn, Feature, Geometry, LayerAccess, LayerOptions, OGRFieldType, OGRwkbGeometryType};
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};

use crate::detection::{Detection, DetectionPolygon};
use crate::error::{GdalFailure, GeoIoError};
use crate::gdal_env::guarded;
use crate::grid::MapPoint;
use crate::scene::SceneInfo;
use crate::vector_writer::VectorOptions;
use crate::write_guard::{PendingOutput, TempOutput};

/// Detections written in one transaction.
const BATCH: usize = 2048;

const FIELDS: [(&str, OGRFieldType::Type); 11] = [
    ("id", OGRFieldType::OFTString),
    ("prompt", OGRFieldType::OFTString),
    ("prob_mean", OGRFieldType::OFTReal),
    ("prob_p10", OGRFieldType::OFTReal),
    ("unc_mean", OGRFieldType::OFTReal),
    ("unc_p90", OGRFieldType::OFTReal),
    ("unc_max", OGRFieldType::OFTReal),
    ("area_m2", OGRFieldType::OFTReal),
    ("perimeter_m", OGRFieldType::OFTReal),
    ("n_px", OGRFieldType::OFTInteger64),
    ("touches_edge", OGRFieldType::OFTInteger),
];

/// A GeoPackage under way.
pub(crate) struct OgrWriter {
    /// `None` only while the file is being closed. Before `output`, so that it is closed before the file is removed.
    dataset: Option<Dataset>,
    output: TempOutput,
    batch: Vec<Detection>,
    count: u64,
    timestamp: String,
}

impl OgrWriter {
    pub(crate) fn create(out: &Path, info: &SceneInfo, options: &VectorOptions) -> Result<Self, GeoIoError> {
        if options.rfc7946 {
            return Err(GeoIoError::Usage {
                reason: "--rfc7946 is for .geojson; a .gpkg keeps the scene's CRS".to_owned(),
            });
        }
        let output = TempOutput::create_for_gdal(out, options.overwrite)?;
        let refused = |source: crate::error::Cause| GeoIoError::OutputCreate { path: out.to_owned(), source };
        // The driver insists on a name that is free.
        std::fs::remove_file(output.path()).map_err(|error| refused(error.into()))?;
        let spatial_ref = info.crs.as_ref().map(crate::crs::SceneCrs::spatial_ref).transpose();
        let spatial_ref = spatial_ref.map_err(|failure| refused(failure.into()))?;
        let created = at_time(&options.timestamp, || {
            let mut dataset = DriverManager::get_driver_by_name("GPKG")?.create_vector_only(output.path())?;
            let layer = dataset.create_layer(LayerOptions {
                name: &options.layer,
                srs: spatial_ref.as_ref(),
                ty: OGRwkbGeometryType::wkbPolygon,
                options: None,
            })?;
            layer.create_defn_fields(&FIELDS)?;
            Ok(dataset)
        });
        let dataset = Some(created.map_err(|failure| refused(failure.into()))?);
        Ok(Self { dataset, output, batch: Vec::new(), count: 0, timestamp: options.timestamp.clone() })
    }

    pub(crate) fn write(&mut self, detection: &Detection) -> Result<(), GeoIoError> {
        self.batch.push(detection.clone());
        if self.batch.len() < BATCH { Ok(()) } else { self.write_batch() }
    }

    pub(crate) fn finish(mut self) -> Result<PendingOutput, GeoIoError> {
        self.write_batch()?;
        if let Some(dataset) = self.dataset.take() {
            at_time(&self.timestamp, || dataset.close()).map_err(|failure| self.output.failed(failure))?;
        }
        let stored = count_features(self.output.path()).map_err(|failure| self.output.failed(failure))?;
        if stored != self.count {
            let problem = GdalFailure::new(&format!("{} polygons were written but {stored} are there", self.count));
            return Err(self.output.failed(problem));
        }
        self.output.seal()
    }

    fn write_batch(&mut self) -> Result<(), GeoIoError> {
        let Some(dataset) = &mut self.dataset else { return Ok(()) };
        let batch = &self.batch;
        let written = at_time(&self.timestamp, || {
            let transaction = dataset.start_transaction()?;
            let layer = transaction.layer(0)?;
            let definition = Defn::from_layer(&layer);
            for detection in batch {
                feature_of(detection, &definition)?.create(&layer)?;
            }
            transaction.commit()
        });
        written.map_err(|failure| self.output.failed(failure))?;
        self.count += self.batch.len() as u64;
        self.batch.clear();
        Ok(())
    }
}

/// Work during which GDAL takes this for the present time.
fn at_time<T>(timestamp: &str, work: impl FnOnce() -> Result<T, GdalError>) -> Result<T, GdalFailure> {
    const KEY: &str = "OGR_CURRENT_DATE";
    guarded(|| {
        gdal::config::set_thread_local_config_option(KEY, timestamp)?;
        let result = work();
        gdal::config::clear_thread_local_config_option(KEY)?;
        result
    })
}

fn feature_of<'a>(detection: &Detection, definition: &'a Defn) -> Result<Feature<'a>, GdalError> {
    let mut feature = Feature::new(definition)?;
    feature.set_geometry(geometry_of(&detection.geometry)?)?;
    feature.set_field_string(0, &detection.id)?;
    feature.set_field_string(1, &detection.prompt)?;
    let numbers = [
        Some(detection.prob_mean),
        Some(detection.prob_p10),
        Some(detection.unc_mean),
        Some(detection.unc_p90),
        Some(detection.unc_max),
        detection.area_m2,
        detection.perimeter_m,
    ];
    for (offset, number) in numbers.into_iter().enumerate() {
        match number {
            Some(number) => feature.set_field_double(2 + offset, number)?,
            None => feature.set_field_null(2 + offset)?,
        }
    }
    feature.set_field_integer64(9, i64::try_from(detection.n_px)?)?;
    feature.set_field_integer(10, i32::from(detection.touches_edge))?;
    Ok(feature)
}

fn geometry_of(polygon: &DetectionPolygon) -> Result<Geometry, GdalError> {
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
        let mut layer = dataset.layer(0)?;
        Ok(layer.features().filter(|feature| feature.geometry().is_some_and(|geometry| !geometry.is_empty())).count()
            as u64)
    })
}
