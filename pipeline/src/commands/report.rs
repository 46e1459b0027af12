//! `geophrase report`: a run as one HTML page.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use geo_io::{
    Affine, DetectionPolygon, ResultRaster, SceneCrs, StoredDetection, VectorFormat, VectorReader, pending_file,
};
use image::RgbImage;
use serde_json::Value;

use crate::commands::preview::scene_picture;
use crate::error::PipelineError;
use crate::page::{PageData, PageDetection, PageHistogram, data_address};

/// Longest side of the map's picture.
const MAP_PX: u32 = 1600;
/// Steps of a histogram.
const STEPS: usize = 50;
/// Rows read at once.
const STRIP_ROWS: u32 = 512;

/// What `geophrase report` was asked to do.
#[derive(Clone, Debug)]
pub struct ReportRequest {
    /// The report of the run.
    pub report: PathBuf,
    /// Where the page goes.
    pub out: PathBuf,
    /// The scene, where it is not found by its name.
    pub scene: Option<OsString>,
    /// Detections listed and drawn, at most.
    pub detections: usize,
    /// Replace the page if it exists.
    pub overwrite: bool,
}

/// Reads what a run left and writes the page.
///
/// # Errors
/// A report that is none, a file of the run that is gone, a page that cannot be written.
pub fn report(request: &ReportRequest) -> Result<(), PipelineError> {
    let path = &request.report;
    let text =
        std::fs::read_to_string(path).map_err(|source| PipelineError::ReadInput { path: path.clone(), source })?;
    let report: Value = serde_json::from_str(&text)
        .ok()
        .filter(|report: &Value| report["prompts"].is_array() && report["scene"]["size"]["width"].is_u64())
        .ok_or_else(|| PipelineError::Usage(format!("{} is no report of geophrase segment", path.display())))?;
    let scene_name = request.scene.clone().unwrap_or_else(|| report["scene"]["name"].as_str().unwrap_or("").into());
    let (picture, info) = scene_picture(&scene_name, MAP_PX)?;
    let outputs = outputs(&report, path);
    let mut detections = Vec::new();
    if let Some(vector) = best_vector(&outputs) {
        detections = most_uncertain(&vector, info.crs.as_ref(), &info.affine, request.detections)?;
    }
    let data = PageData {
        scene: info.short_name(),
        report,
        image: address(&picture, &request.out)?,
        detections,
        histograms: histograms(&outputs)?,
    };
    pending_file(&request.out, request.overwrite, data.page().as_bytes())?.commit()?;
    Ok(())
}

fn address(picture: &RgbImage, out: &Path) -> Result<String, PipelineError> {
    data_address(picture)
        .map_err(|error| PipelineError::Write { path: out.to_owned(), source: std::io::Error::other(error) })
}

/// The files of the run: where the report says, or beside it when the folder was moved.
fn outputs(report: &Value, path: &Path) -> Vec<PathBuf> {
    let listed = report["outputs"].as_array().into_iter().flatten().filter_map(Value::as_str).map(PathBuf::from);
    let found = listed.map(|file| {
        let beside = path.with_file_name(file.file_name().unwrap_or_default());
        if beside.exists() { beside } else { file }
    });
    found.filter(|file| file.exists()).collect()
}

/// The file of polygons to read: in the scene's own CRS if there is one.
fn best_vector(outputs: &[PathBuf]) -> Option<PathBuf> {
    let of =
        |path: &&PathBuf, wanted: &[VectorFormat]| VectorFormat::of(path).is_ok_and(|found| wanted.contains(&found));
    let is_report = |path: &&PathBuf| path.to_string_lossy().ends_with(".json");
    use VectorFormat::{FlatGeobuf, GeoJson, GeoJsonLines, GeoJsonRecords, GeoPackage, Shapefile};
    let own = outputs.iter().find(|path| of(path, &[GeoPackage, FlatGeobuf, Shapefile, GeoJson]) && !is_report(path));
    own.or_else(|| outputs.iter().find(|path| of(path, &[GeoJsonLines, GeoJsonRecords]))).cloned()
}

/// The detections that are most likely wrong, as the page takes them. Never more than twice as many are held.
fn most_uncertain(
    vector: &Path,
    crs: Option<&SceneCrs>,
    affine: &Affine,
    most: usize,
) -> Result<Vec<PageDetection>, PipelineError> {
    let rank = |found: &StoredDetection| found.numbers.get("review_rank").copied().unwrap_or(f64::INFINITY);
    let mut kept: Vec<StoredDetection> = Vec::new();
    let prune = |kept: &mut Vec<StoredDetection>| {
        kept.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        kept.truncate(most);
    };
    VectorReader::open(vector)?.read(crs, |found| {
        kept.push(found);
        if kept.len() >= 2 * most.max(1) {
            prune(&mut kept);
        }
    })?;
    prune(&mut kept);
    let page = |found: StoredDetection| PageDetection {
        path: path_of(&found.parts, affine),
        texts: found.texts,
        numbers: found.numbers,
    };
    Ok(kept.into_iter().map(page).collect())
}

/// Outlines in pixels of the scene, to a tenth of one.
fn path_of(parts: &[DetectionPolygon], affine: &Affine) -> String {
    let [x0, a, b, y0, c, d] = affine.0;
    let determinant = affine.determinant();
    let mut path = String::new();
    for ring in parts.iter().flat_map(|part| std::iter::once(&part.shell).chain(&part.holes)) {
        for (index, point) in ring.iter().enumerate().take(ring.len().saturating_sub(1)) {
            let (dx, dy) = (point.x - x0, point.y - y0);
            let (col, row) = ((dx * d - dy * b) / determinant, (dy * a - dx * c) / determinant);
            let _ = write!(path, "{}{col:.1} {row:.1}", if index == 0 { 'M' } else { 'L' });
        }
        path.push('Z');
    }
    path
}

/// How often probabilities and uncertainties occur in each raster of the run.
fn histograms(outputs: &[PathBuf]) -> Result<Vec<PageHistogram>, PipelineError> {
    let is_raster = |path: &&PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        (name.ends_with(".tif") || name.ends_with(".tiff")) && !name.contains(".mask.")
    };
    let mut histograms = Vec::new();
    for path in outputs.iter().filter(is_raster) {
        // A raster of classes has other bands.
        let Ok(raster) = ResultRaster::open(path) else { continue };
        let threshold = raster.origin().threshold.unwrap_or(0.5);
        let (mut probability, mut uncertainty) = (vec![0; STEPS], vec![0; STEPS]);
        let height = raster.info().size.height;
        for row_off in (0..height).step_by(STRIP_ROWS as usize) {
            let strip = raster.read_rows(row_off, STRIP_ROWS.min(height - row_off), threshold)?;
            for (counts, plane) in [(&mut probability, &strip.probability), (&mut uncertainty, &strip.uncertainty)] {
                for value in plane.iter().filter(|value| !value.is_nan()) {
                    counts[((value * STEPS as f32) as usize).min(STEPS - 1)] += 1;
                }
            }
        }
        let title = |what: &str| format!("pixels by {what}: {}", raster.origin().prompt);
        histograms.push(PageHistogram { title: title("probability"), counts: probability });
        histograms.push(PageHistogram { title: title("uncertainty"), counts: uncertainty });
    }
    Ok(histograms)
}
