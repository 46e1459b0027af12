//! Polygons to files whose formats follow from their extensions.

use std::path::{Path, PathBuf};

use crate::attributes::Ranked;
use crate::detection::Detection;
use crate::error::GeoIoError;
use crate::geojson_writer::{GeoJsonWriter, Layout};
use crate::ogr_writer::{OgrFormat, OgrWriter};
use crate::parquet_writer::ParquetWriter;
use crate::scene::SceneInfo;
use crate::spool::Spool;
use crate::write_guard::{PendingOutput, STANDARD_OUTPUT, folder_of};

/// The formats polygons can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorFormat {
    /// `.geojson`, `.json`, and `-` for standard output.
    GeoJson,
    /// `.geojsonl`, `.ndjson`: a feature on each line, in longitude and latitude.
    GeoJsonLines,
    /// `.geojsons`: the same with record separators, as RFC 8142 wants them.
    GeoJsonRecords,
    /// `.gpkg`
    GeoPackage,
    /// `.fgb`
    FlatGeobuf,
    /// `.shp`, with names of ten characters.
    Shapefile,
    /// `.parquet`, `.geoparquet`
    GeoParquet,
}

impl VectorFormat {
    /// The format of this name.
    ///
    /// # Errors
    /// [`GeoIoError::Usage`] for an extension that is not known, with what can be done instead.
    pub fn of(out: &Path) -> Result<Self, GeoIoError> {
        if out == Path::new(STANDARD_OUTPUT) {
            return Ok(Self::GeoJson);
        }
        let extension = out.extension().map(|text| text.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("geojson" | "json") => Ok(Self::GeoJson),
            Some("geojsonl" | "ndjson") => Ok(Self::GeoJsonLines),
            Some("geojsons") => Ok(Self::GeoJsonRecords),
            Some("gpkg") => Ok(Self::GeoPackage),
            Some("fgb") => Ok(Self::FlatGeobuf),
            Some("shp") => Ok(Self::Shapefile),
            Some("parquet" | "geoparquet") => Ok(Self::GeoParquet),
            _ => Err(GeoIoError::Usage {
                reason: format!(
                    "output {} must end in .geojson, .geojsonl, .geojsons, .gpkg, .fgb, .parquet or .shp",
                    out.display()
                ),
            }),
        }
    }

    /// Whether `rfc7946` makes a difference to it.
    pub fn is_geojson(self) -> bool {
        matches!(self, Self::GeoJson | Self::GeoJsonLines | Self::GeoJsonRecords)
    }

    /// Whether its coordinates are longitude and latitude whatever the scene's CRS is, with or without `rfc7946`.
    pub fn is_in_degrees(self, rfc7946: bool) -> bool {
        match self {
            Self::GeoJson => rfc7946,
            Self::GeoJsonLines | Self::GeoJsonRecords => true,
            Self::GeoPackage | Self::FlatGeobuf | Self::Shapefile | Self::GeoParquet => false,
        }
    }

    /// What a user of the format should know.
    pub fn caveat(self) -> Option<&'static str> {
        (self == Self::Shapefile).then_some(
            "a shapefile takes names of ten characters, so review_rank is rev_rank, expected_area_m2 exp_m2, expected_area_low_m2 exp_lo_m2, expected_area_high_m2 exp_hi_m2, perimeter_m perim_m and touches_edge at_edge; a .gpkg keeps them",
        )
    }
}

/// A layer of its own for the detections of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptLayer {
    /// The prompt.
    pub prompt: String,
    /// Name of the layer.
    pub name: String,
}

/// How polygons are written.
#[derive(Clone, Debug)]
pub struct VectorOptions {
    /// GeoJSON in longitude and latitude as RFC 7946 asks for, instead of the CRS of the scene.
    pub rfc7946: bool,
    /// Replace files of the same names.
    pub overwrite: bool,
    /// Name of the layer in formats that have one for all.
    pub layer: String,
    /// Layers of a GeoPackage, one for each prompt; with none, [`VectorOptions::layer`] holds all detections.
    pub layers: Vec<PromptLayer>,
    /// Whether detections may have several parts, so that layers are of multipolygons.
    pub several_parts: bool,
    /// A QGIS style that a GeoPackage keeps as the default of its layers.
    pub style_qml: Option<String>,
    /// The time a file says it was written at, so that the same input gives the same bytes.
    pub timestamp: String,
}

impl Default for VectorOptions {
    fn default() -> Self {
        Self {
            rfc7946: false,
            overwrite: false,
            layer: "detections".to_owned(),
            layers: Vec::new(),
            several_parts: false,
            style_qml: None,
            timestamp: "2000-01-01T00:00:00.000Z".to_owned(),
        }
    }
}

/// Writes detections, each once, to all files of a run.
///
/// Detections wait in a file without a name beside the first output until all are known, and are ranked then.
pub struct VectorWriter {
    spool: Spool,
    scene: String,
    /// The first output, named in errors of the waiting file.
    first: PathBuf,
    formats: Vec<Format>,
}

/// The file behind a writer.
enum Format {
    GeoJson(Box<GeoJsonWriter>),
    Ogr(Box<OgrWriter>),
    Parquet(Box<ParquetWriter>),
}

impl VectorWriter {
    /// Creates a file under a temporary name beside `out`.
    ///
    /// # Errors
    /// [`GeoIoError::Usage`], [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`], before any work is done.
    pub fn create(out: &Path, info: &SceneInfo, options: &VectorOptions) -> Result<Self, GeoIoError> {
        Self::create_all(&[out.to_owned()], info, options)
    }

    /// The same for several files of one run.
    ///
    /// # Errors
    /// Those of [`VectorWriter::create`].
    pub fn create_all(outs: &[PathBuf], info: &SceneInfo, options: &VectorOptions) -> Result<Self, GeoIoError> {
        let formats = outs.iter().map(|out| VectorFormat::of(out)).collect::<Result<Vec<_>, _>>()?;
        if options.rfc7946 && !formats.iter().any(|format| format.is_geojson()) {
            let reason = "--rfc7946 is for GeoJSON; the other formats keep the scene's CRS".to_owned();
            return Err(GeoIoError::Usage { reason });
        }
        let mut writers = Vec::new();
        for (out, format) in outs.iter().zip(formats) {
            info.is_not(out)?;
            let geojson =
                |layout| GeoJsonWriter::create(out, layout, info, options).map(|file| Format::GeoJson(Box::new(file)));
            let ogr = |format| OgrWriter::create(out, format, info, options).map(|file| Format::Ogr(Box::new(file)));
            writers.push(match format {
                VectorFormat::GeoJson => geojson(Layout::Collection)?,
                VectorFormat::GeoJsonLines => geojson(Layout::Lines)?,
                VectorFormat::GeoJsonRecords => geojson(Layout::Records)?,
                VectorFormat::GeoPackage => ogr(OgrFormat::GeoPackage)?,
                VectorFormat::FlatGeobuf => ogr(OgrFormat::FlatGeobuf)?,
                VectorFormat::Shapefile => ogr(OgrFormat::Shapefile)?,
                VectorFormat::GeoParquet => Format::Parquet(Box::new(ParquetWriter::create(out, info, options)?)),
            });
        }
        let first = outs.first().cloned().unwrap_or_default();
        let on_disk = outs.iter().find(|out| **out != Path::new(STANDARD_OUTPUT));
        let folder = on_disk.map_or_else(std::env::temp_dir, |out| folder_of(out).to_owned());
        let prompts: Vec<&str> = options.layers.iter().map(|layer| layer.prompt.as_str()).collect();
        let spool = Spool::create_in(&folder, &prompts)
            .map_err(|error| GeoIoError::OutputCreate { path: first.clone(), source: error.into() })?;
        Ok(Self { spool, scene: info.short_name(), first, formats: writers })
    }

    /// Adds a detection.
    ///
    /// # Errors
    /// [`GeoIoError::Write`].
    pub fn write(&mut self, detection: &Detection) -> Result<(), GeoIoError> {
        let first = &self.first;
        self.spool.push(detection).map_err(|error| GeoIoError::Write { path: first.clone(), source: error.into() })
    }

    /// Ranks the detections and writes, closes, verifies and syncs the files.
    ///
    /// # Errors
    /// [`GeoIoError::Write`]; [`GeoIoError::UnusableScene`] for a place that has no longitude and latitude when these
    /// were asked for.
    pub fn finish(self) -> Result<PendingOutput, GeoIoError> {
        let Self { spool, scene, first, mut formats } = self;
        let broken = |error: std::io::Error| GeoIoError::Write { path: first.clone(), source: error.into() };
        for found in spool.ranked().map_err(broken)? {
            let (detection, review_rank) = found.map_err(broken)?;
            let ranked = Ranked { detection: &detection, scene: &scene, review_rank };
            for format in &mut formats {
                match format {
                    Format::GeoJson(writer) => writer.write(&ranked)?,
                    Format::Ogr(writer) => writer.write(&ranked)?,
                    Format::Parquet(writer) => writer.write(&ranked)?,
                }
            }
        }
        let mut pending = PendingOutput::default();
        for format in formats {
            pending = pending.merge(match format {
                Format::GeoJson(writer) => writer.finish()?,
                Format::Ogr(writer) => writer.finish()?,
                Format::Parquet(writer) => writer.finish()?,
            });
        }
        Ok(pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_extension_is_refused_with_those_that_are_known() {
        for name in ["a.kml", "a", "a.arrow"] {
            let error = VectorFormat::of(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(".gpkg"), "{error}");
        }
        assert_eq!(VectorFormat::of(Path::new("A.SHP")).unwrap(), VectorFormat::Shapefile);
    }
}
