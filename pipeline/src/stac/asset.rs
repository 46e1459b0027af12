//! The files of a run as assets of a STAC Item.

use std::fs::File;
use std::path::Path;

use geo_io::{PendingOutput, VectorFormat};
use serde_json::{Map, Value, json};

use crate::beside::href;
use crate::error::PipelineError;
use crate::outputs::{OutputNames, has_extension, is_printed, mask_of};
use crate::report::Report;

/// What a multihash of 32 bytes of BLAKE3 begins with.
const BLAKE3: &str = "1e20";

/// What assets are made of.
pub(super) struct Files<'a> {
    /// The Item itself, from which files are seen.
    pub(super) item: &'a Path,
    pub(super) names: &'a OutputNames,
    pub(super) report: &'a Report,
    pub(super) cog: bool,
    pub(super) raw_uncertainty: bool,
    /// The files as they lie there before they get their names.
    pub(super) pending: &'a PendingOutput,
}

impl Files<'_> {
    /// All outputs but the Item, the scene and the model.
    pub(super) fn assets(&self) -> Result<Value, PipelineError> {
        let mut assets = Map::new();
        let names = self.names;
        for path in names.vectors.iter().filter(|path| !is_printed(path)) {
            let key = format!("polygons-{}", extension(path));
            assets.insert(unused(&assets, key), self.asset(path, "detections", &["data"])?);
        }
        for (raster, prompt) in names.rasters.iter().zip(&self.report.prompts) {
            let prompt = &prompt.prompt;
            let number =
                |kind: &str| if names.rasters.len() == 1 { kind.to_owned() } else { format!("{kind}-{prompt}") };
            let mut bands = vec![share_band("probability"), share_band("uncertainty")];
            if self.raw_uncertainty {
                bands.push(share_band("raw_uncertainty"));
            }
            let title = format!("probability and uncertainty of {prompt:?}");
            let asset = with_bands(self.asset(raster, &title, &["data"])?, bands);
            assets.insert(unused(&assets, number("probability")), asset);
            let mask = self.asset(&mask_of(raster), &format!("mask of {prompt:?}: 1 inside, 0 outside"), &["data"])?;
            assets.insert(unused(&assets, number("mask")), with_bands(mask, vec![label_band("mask")]));
        }
        if let Some(path) = &names.class_raster {
            let asset = self.asset(path, "the most probable prompt by its number, 0 for none", &["data"])?;
            assets.insert("classes".to_owned(), with_bands(asset, vec![label_band("class")]));
        }
        for (path, _) in &names.styles {
            let key = format!("style-{}", path.file_stem().unwrap_or_default().to_string_lossy());
            assets.insert(unused(&assets, key), self.asset(path, "QGIS style", &["style"])?);
        }
        if let Some(path) = &names.qgis_project {
            assets.insert("qgis-project".to_owned(), self.asset(path, "QGIS project", &["visual"])?);
        }
        assets.insert("report".to_owned(), self.asset(&names.report, "report of the run", &["metadata"])?);
        assets.insert("scene".to_owned(), self.scene());
        assets.insert("model".to_owned(), self.model());
        Ok(Value::Object(assets))
    }

    /// A file that was written.
    fn asset(&self, path: &Path, title: &str, roles: &[&str]) -> Result<Value, PipelineError> {
        let mut asset = json!({
            "href": href(self.item, path),
            "type": self.media_type(path),
            "title": title,
            "roles": roles,
        });
        if let Some((hidden, _)) = self.pending.files().find(|(_, name)| *name == path) {
            let (bytes, hash) =
                checksum(hidden).map_err(|source| PipelineError::ReadInput { path: path.to_owned(), source })?;
            asset["file:size"] = bytes.into();
            asset["file:checksum"] = format!("{BLAKE3}{hash}").into();
        }
        Ok(asset)
    }

    fn scene(&self) -> Value {
        let name = Path::new(&self.report.scene.name);
        let mut asset = json!({ "href": href(self.item, name), "title": "the scene", "roles": ["source"] });
        if has_extension(name, &["tif", "tiff"]) {
            asset["type"] = "image/tiff; application=geotiff".into();
        }
        asset
    }

    fn model(&self) -> Value {
        let model = &self.report.model;
        // A model that lies nowhere is known by its hash all the same.
        let href = match model.folder.as_os_str().is_empty() {
            true => format!("urn:geophrase:model:{}", model.hash),
            false => href(self.item, &model.folder.join("model.safetensors")),
        };
        json!({
            "href": href,
            "title": format!("weights of the model {}", model.name),
            "type": "application/octet-stream",
            "roles": ["mlm:model", "mlm:weights"],
            "mlm:artifact_type": "safetensors",
        })
    }

    fn media_type(&self, path: &Path) -> &'static str {
        match extension(path).as_str() {
            "tif" | "tiff" if self.cog => "image/tiff; application=geotiff; profile=cloud-optimized",
            "tif" | "tiff" => "image/tiff; application=geotiff",
            "geojson" => "application/geo+json",
            "geojsonl" | "ndjson" => "application/x-ndjson",
            "geojsons" => "application/geo+json-seq",
            "gpkg" => "application/geopackage+sqlite3",
            "fgb" => "application/vnd.flatgeobuf",
            "shp" => "application/vnd.shp",
            "parquet" | "geoparquet" => "application/vnd.apache.parquet",
            "json" if VectorFormat::of(path).is_ok() && *path != self.names.report => "application/geo+json",
            "json" => "application/json",
            "qml" | "qgs" => "application/xml",
            "qgz" => "application/zip",
            _ => "application/octet-stream",
        }
    }
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// A key that is still free: two files of one format do not hide each other.
fn unused(assets: &Map<String, Value>, key: String) -> String {
    let numbered = (2..).map(|number| format!("{key}-{number}"));
    let mut keys = std::iter::once(key.clone()).chain(numbered);
    keys.find(|key| !assets.contains_key(key)).unwrap_or(key)
}

/// A band of shares of one.
fn share_band(name: &str) -> Value {
    json!({ "name": name, "data_type": "float32", "nodata": "nan" })
}

/// A band of numbers that stand for something.
fn label_band(name: &str) -> Value {
    json!({ "name": name, "data_type": "uint8", "nodata": 255 })
}

fn with_bands(mut asset: Value, bands: Vec<Value>) -> Value {
    asset["raster:bands"] = Value::Array(bands);
    asset
}

/// Length and hash of a file.
fn checksum(path: &Path) -> std::io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}
