//! GeoParquet 1.1: geometries as WKB, a box for each, and the CRS as PROJJSON.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::{Value as Json, json};

use crate::attributes::{ATTRIBUTES, Kind, Ranked, Value};
use crate::detection::DetectionPolygon;
use crate::error::{Cause, GeoIoError};
use crate::gdal_env::guarded;
use crate::ogr_writer::geometry_of;
use crate::scene::SceneInfo;
use crate::vector_writer::VectorOptions;
use crate::write_guard::{PendingOutput, TempOutput};

/// Detections in a row group, which wait in memory.
const GROUP: usize = 16_384;
/// Which GeoParquet this is.
const VERSION: &str = "1.1.0";
/// The sides of boxes, in their order.
const SIDES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

/// A GeoParquet file under way.
pub(crate) struct ParquetWriter {
    /// Before `output`, so that it is closed before the file is removed.
    file: SerializedFileWriter<BufWriter<File>>,
    output: TempOutput,
    several_parts: bool,
    crs: Json,
    columns: Vec<Column>,
    boxes: Vec<[f64; 4]>,
    shapes: Vec<ByteArray>,
    /// Least x and y, largest x and y of all.
    reach: Option<[f64; 4]>,
    kinds: BTreeSet<&'static str>,
    count: u64,
}

/// The values of an attribute that wait, and for each detection whether it has one.
enum Column {
    Text(Vec<ByteArray>, Vec<i16>),
    Real(Vec<f64>, Vec<i16>),
    Integer(Vec<i64>, Vec<i16>),
    Boolean(Vec<bool>, Vec<i16>),
}

impl Column {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new(), Vec::new()),
            Kind::Real => Self::Real(Vec::new(), Vec::new()),
            Kind::Integer => Self::Integer(Vec::new(), Vec::new()),
            Kind::Boolean => Self::Boolean(Vec::new(), Vec::new()),
        }
    }

    fn push(&mut self, value: Value) {
        let has_one = i16::from(value != Value::Unknown);
        match (&mut *self, value) {
            (Self::Text(values, _), Value::Text(text)) => values.push(text.as_bytes().to_vec().into()),
            (Self::Real(values, _), Value::Real(number)) => values.push(number),
            (Self::Integer(values, _), Value::Integer(number)) => {
                values.push(i64::try_from(number).unwrap_or(i64::MAX));
            }
            (Self::Boolean(values, _), Value::Boolean(value)) => values.push(value),
            // The one list of attributes gives kinds and values.
            _ => debug_assert!(has_one == 0, "a value of its attribute's kind"),
        }
        match self {
            Self::Text(_, there) | Self::Real(_, there) | Self::Integer(_, there) | Self::Boolean(_, there) => {
                there.push(has_one);
            }
        }
    }

    fn write<W: Write + Send>(&self, group: &mut SerializedRowGroupWriter<W>) -> Result<(), ParquetError> {
        let mut column = group.next_column()?.ok_or_else(missing)?;
        match self {
            Self::Text(values, there) => column.typed::<ByteArrayType>().write_batch(values, Some(there), None)?,
            Self::Real(values, there) => column.typed::<DoubleType>().write_batch(values, Some(there), None)?,
            Self::Integer(values, there) => column.typed::<Int64Type>().write_batch(values, Some(there), None)?,
            Self::Boolean(values, there) => column.typed::<BoolType>().write_batch(values, Some(there), None)?,
        };
        column.close()
    }
}

fn missing() -> ParquetError {
    ParquetError::General("the schema has fewer columns than values come".to_owned())
}

fn columns() -> Vec<Column> {
    ATTRIBUTES.iter().map(|attribute| Column::of(attribute.kind)).collect()
}

impl ParquetWriter {
    pub(crate) fn create(out: &Path, info: &SceneInfo, options: &VectorOptions) -> Result<Self, GeoIoError> {
        let refused = |source: Cause| GeoIoError::OutputCreate { path: out.to_owned(), source };
        let crs = match &info.crs {
            None => Json::Null,
            Some(crs) => {
                let text = crs.spatial_ref().and_then(|crs| guarded(|| crs.to_projjson()));
                let text = text.map_err(|failure| refused(failure.into()))?;
                serde_json::from_str(&text).map_err(|error| refused(std::io::Error::from(error).into()))?
            }
        };
        let (output, file) = TempOutput::create(out, options.overwrite)?;
        let schema = parse_message_type(&schema()).map_err(|error| refused(error.into()))?;
        let properties = WriterProperties::builder()
            .set_created_by(format!("geophrase {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let file = SerializedFileWriter::new(BufWriter::new(file), Arc::new(schema), Arc::new(properties))
            .map_err(|error| refused(error.into()))?;
        Ok(Self {
            file,
            output,
            several_parts: options.several_parts,
            crs,
            columns: columns(),
            boxes: Vec::new(),
            shapes: Vec::new(),
            reach: None,
            kinds: BTreeSet::new(),
            count: 0,
        })
    }

    pub(crate) fn write(&mut self, ranked: &Ranked) -> Result<(), GeoIoError> {
        let parts = &ranked.detection.geometry;
        let shape = guarded(|| geometry_of(parts, self.several_parts)?.wkb());
        let shape = shape.map_err(|failure| self.output.failed(failure))?;
        self.kinds.insert(if parts.len() == 1 && !self.several_parts { "Polygon" } else { "MultiPolygon" });
        let reach = reach_of(parts);
        self.reach = Some(self.reach.map_or(reach, |before| both(before, reach)));
        self.boxes.push(reach);
        self.shapes.push(shape.into());
        for (column, value) in self.columns.iter_mut().zip(ranked.values()) {
            column.push(value);
        }
        self.count += 1;
        if self.shapes.len() < GROUP { Ok(()) } else { self.write_group() }
    }

    pub(crate) fn finish(mut self) -> Result<PendingOutput, GeoIoError> {
        self.write_group()?;
        let meta = KeyValue::new("geo".to_owned(), self.meta().to_string());
        self.file.append_key_value_metadata(meta);
        let Self { file, output, count, .. } = self;
        let file = file.into_inner().map_err(|error| output.failed(error))?;
        let file = file.into_inner().map_err(|error| output.failed(error.into_error()))?;
        file.sync_all().map_err(|error| output.failed(error))?;
        drop(file);
        let stored = stored(output.path()).map_err(|error| output.failed(error))?;
        if stored != count {
            let problem = std::io::Error::other(format!("{count} polygons were written but {stored} are there"));
            return Err(output.failed(problem));
        }
        output.seal()
    }

    fn write_group(&mut self) -> Result<(), GeoIoError> {
        if self.shapes.is_empty() {
            return Ok(());
        }
        let waiting = (std::mem::replace(&mut self.columns, columns()), std::mem::take(&mut self.boxes));
        let shapes = std::mem::take(&mut self.shapes);
        put(&mut self.file, &waiting.0, &waiting.1, &shapes).map_err(|error| self.output.failed(error))
    }

    /// What the file says of its geometries.
    fn meta(&self) -> Json {
        let covering: serde_json::Map<_, _> =
            SIDES.iter().map(|side| ((*side).to_owned(), json!(["bbox", side]))).collect();
        let mut geometry = json!({
            "encoding": "WKB",
            "geometry_types": self.kinds,
            "crs": self.crs,
            "edges": "planar",
            "orientation": "counterclockwise",
            "covering": { "bbox": covering },
        });
        if let Some(reach) = self.reach {
            geometry["bbox"] = json!(reach);
        }
        json!({ "version": VERSION, "primary_column": "geometry", "columns": { "geometry": geometry } })
    }
}

fn put<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    columns: &[Column],
    boxes: &[[f64; 4]],
    shapes: &[ByteArray],
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for column in columns {
        column.write(&mut group)?;
    }
    for side in 0..SIDES.len() {
        let values: Vec<f64> = boxes.iter().map(|reach| reach[side]).collect();
        let mut column = group.next_column()?.ok_or_else(missing)?;
        column.typed::<DoubleType>().write_batch(&values, None, None)?;
        column.close()?;
    }
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<ByteArrayType>().write_batch(shapes, None, None)?;
    column.close()?;
    group.close().map(|_| ())
}

/// The columns, as the crate's parser reads them.
fn schema() -> String {
    let attributes = ATTRIBUTES.iter().map(|attribute| match attribute.kind {
        Kind::Text => format!("optional binary {} (UTF8); ", attribute.name),
        Kind::Real => format!("optional double {}; ", attribute.name),
        Kind::Integer => format!("optional int64 {}; ", attribute.name),
        Kind::Boolean => format!("optional boolean {}; ", attribute.name),
    });
    let sides = SIDES.map(|side| format!("required double {side}; ")).concat();
    let attributes: String = attributes.collect();
    format!("message detections {{ {attributes}required group bbox {{ {sides}}} required binary geometry; }}")
}

fn reach_of(parts: &[DetectionPolygon]) -> [f64; 4] {
    let none = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    let points = parts.iter().flat_map(|part| &part.shell);
    points.fold(none, |reach, point| both(reach, [point.x, point.y, point.x, point.y]))
}

fn both(one: [f64; 4], other: [f64; 4]) -> [f64; 4] {
    [one[0].min(other[0]), one[1].min(other[1]), one[2].max(other[2]), one[3].max(other[3])]
}

/// Reads every row back, and counts.
fn stored(path: &Path) -> Result<u64, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let mut count = 0;
    for row in reader.get_row_iter(None)? {
        row?;
        count += 1;
    }
    Ok(count)
}
