//! Polygons to a file whose format follows from its extension.

use std::path::Path;

use crate::detection::Detection;
use crate::error::GeoIoError;
use crate::geojson_writer::GeoJsonWriter;
use crate::ogr_writer::OgrWriter;
use crate::scene::SceneInfo;
use crate::write_guard::PendingOutput;

/// The formats polygons can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorFormat {
    /// `.geojson`, `.json`
    GeoJson,
    /// `.gpkg`
    GeoPackage,
}

impl VectorFormat {
    /// The format of this name.
    ///
    /// # Errors
    /// [`GeoIoError::Usage`] for an extension that is not known.
    pub fn of(out: &Path) -> Result<Self, GeoIoError> {
        let extension = out.extension().map(|text| text.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("geojson" | "json") => Ok(Self::GeoJson),
            Some("gpkg") => Ok(Self::GeoPackage),
            _ => Err(GeoIoError::Usage {
                reason: format!("output {} ends in neither .geojson nor .gpkg", out.display()),
            }),
        }
    }
}

/// How polygons are written.
#[derive(Clone, Debug)]
pub struct VectorOptions {
    /// GeoJSON in longitude and latitude as RFC 7946 asks for, instead of the CRS of the scene.
    pub rfc7946: bool,
    /// Replace a file of the same name.
    pub overwrite: bool,
    /// Name of the layer in formats that have one.
    pub layer: String,
    /// The time a GeoPackage says it was written at, so that the same input gives the same bytes.
    pub timestamp: String,
}

impl Default for VectorOptions {
    fn default() -> Self {
        Self {
            rfc7946: false,
            overwrite: false,
            layer: "detections".to_owned(),
            timestamp: "2000-01-01T00:00:00.000Z".to_owned(),
        }
    }
}

/// Writes detections one after the other.
pub struct VectorWriter {
    format: Format,
}

/// The file behind a writer.
enum Format {
    GeoJson(Box<GeoJsonWriter>),
    Ogr(Box<OgrWriter>),
}

impl VectorWriter {
    /// Creates the file under a temporary name beside `out`.
    ///
    /// # Errors
    /// [`GeoIoError::Usage`], [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`], before any work is done.
    pub fn create(out: &Path, info: &SceneInfo, options: &VectorOptions) -> Result<Self, GeoIoError> {
        info.is_not(out)?;
        let format = match VectorFormat::of(out)? {
            VectorFormat::GeoJson => Format::GeoJson(Box::new(GeoJsonWriter::create(out, info, options)?)),
            VectorFormat::GeoPackage => Format::Ogr(Box::new(OgrWriter::create(out, info, options)?)),
        };
        Ok(Self { format })
    }

    /// Adds a detection.
    ///
    /// # Errors
    /// [`GeoIoError::Write`]; [`GeoIoError::UnusableScene`] for a place that has no longitude and latitude when RFC 7946
    /// was asked for.
    pub fn write(&mut self, detection: &Detection) -> Result<(), GeoIoError> {
        match &mut self.format {
            Format::GeoJson(writer) => writer.write(detection),
            Format::Ogr(writer) => writer.write(detection),
        }
    }

    /// Closes, verifies and syncs the file.
    ///
    /// # Errors
    /// [`GeoIoError::Write`].
    pub fn finish(self) -> Result<PendingOutput, GeoIoError> {
        match self.format {
            Format::GeoJson(writer) => writer.finish(),
            Format::Ogr(writer) => writer.finish(),
        }
    }
}
