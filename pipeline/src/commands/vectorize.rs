//! `geophrase vectorize`: polygons from the probability rasters of an earlier run, by other rules.

use std::io::Write;
use std::path::PathBuf;

use geo_io::{PendingOutput, ResultRaster, VectorFormat, VectorOptions, VectorWriter};

use crate::companions;
use crate::config::{MinArea, PolygonConfig, THRESHOLD};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::outputs::{is_printed, layers};
use crate::polygons::{Found, PolygonTracer};
use crate::qgis::style::{Style, qml};

/// Rows read at once.
const STRIP_ROWS: u32 = 512;

/// What `geophrase vectorize` was asked to do.
#[derive(Clone, Debug)]
pub struct VectorizeRequest {
    /// Probability rasters, one per prompt, on one grid.
    pub rasters: Vec<PathBuf>,
    /// Where polygons go.
    pub vectors: Vec<PathBuf>,
    /// The threshold, instead of that of each raster.
    pub threshold: Option<f32>,
    /// How masks become polygons.
    pub polygons: PolygonConfig,
    /// GeoJSON in longitude and latitude.
    pub rfc7946: bool,
    /// Write QGIS styles.
    pub styles: bool,
    /// Replace outputs that exist.
    pub overwrite: bool,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Traces the rasters at a threshold and writes the polygons.
///
/// # Errors
/// A raster that cannot be read or is none of ours, rasters of different grids or of one prompt, an output that cannot
/// be written.
pub fn vectorize(request: &VectorizeRequest) -> Result<(), PipelineError> {
    let rasters: Vec<ResultRaster> =
        request.rasters.iter().map(|path| ResultRaster::open(path)).collect::<Result<_, _>>()?;
    let prompts = prompts(request, &rasters)?;
    let mut info = rasters[0].info().clone();
    for (raster, path) in rasters.iter().zip(&request.rasters) {
        let (one, other) = (&info, raster.info());
        if one.size != other.size || one.affine != other.affine || one.crs != other.crs {
            let reason = format!("{} lies on another grid than {}", path.display(), request.rasters[0].display());
            return Err(PipelineError::Usage(reason));
        }
    }
    for (flag, area) in [("--min-area", request.polygons.min_area), ("--fill-holes", request.polygons.fill_holes)] {
        if matches!(area, MinArea::M2(area) if area > 0.0) && info.crs.is_none() {
            let reason = format!("a raster without a CRS has no square metres: give {flag} in pixels, such as 40px");
            return Err(PipelineError::Usage(reason));
        }
    }
    for path in request.vectors.iter().filter(|path| !is_printed(path)) {
        VectorFormat::of(path)?;
    }
    if let Some(scene) = Some(&rasters[0].origin().scene).filter(|scene| !scene.is_empty()) {
        info.name.clone_from(scene);
    }
    let options = VectorOptions {
        rfc7946: request.rfc7946,
        overwrite: request.overwrite,
        layers: layers(&prompts),
        several_parts: request.polygons.corners_connect,
        style_qml: request.styles.then(|| qml(&[Style::Detections], &[])),
        ..VectorOptions::default()
    };
    let mut vector = VectorWriter::create_all(&request.vectors, &info, &options)?;
    let found = trace(request, &rasters, &prompts, &mut vector)?;
    let mut pending = vector.finish()?;
    if request.styles {
        pending = pending.merge(styles(request)?);
    }
    pending.commit()?;
    if request.verbosity >= Verbosity::Summary {
        // Nobody is left to tell when standard error is closed.
        let _ = std::io::stderr().write_all(summary(&prompts, &found).as_bytes());
    }
    Ok(())
}

fn trace(
    request: &VectorizeRequest,
    rasters: &[ResultRaster],
    prompts: &[String],
    vector: &mut VectorWriter,
) -> Result<Found, PipelineError> {
    let info = rasters[0].info();
    let mut tracer = PolygonTracer::new(info, prompts, request.polygons, 0)?;
    for row_off in (0..info.size.height).step_by(STRIP_ROWS as usize) {
        let rows = STRIP_ROWS.min(info.size.height - row_off);
        for (prompt, raster) in rasters.iter().enumerate() {
            let threshold = request.threshold.or(raster.origin().threshold).unwrap_or(THRESHOLD);
            tracer.push(prompt, &raster.read_rows(row_off, rows, threshold)?, Some(vector))?;
        }
    }
    tracer.finish(Some(vector))
}

/// What each raster is of: as it says itself, else its file's name.
fn prompts(request: &VectorizeRequest, rasters: &[ResultRaster]) -> Result<Vec<String>, PipelineError> {
    let mut prompts: Vec<String> = Vec::new();
    for (path, raster) in request.rasters.iter().zip(rasters) {
        let prompt = match raster.origin().prompt.as_str() {
            "" => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            prompt => prompt.to_owned(),
        };
        if prompts.contains(&prompt) {
            return Err(PipelineError::Usage(format!("two rasters are of the prompt {prompt:?}")));
        }
        prompts.push(prompt);
    }
    Ok(prompts)
}

fn styles(request: &VectorizeRequest) -> Result<PendingOutput, PipelineError> {
    companions::styles_of(&companions::vector_styles(&request.vectors), &[], request.overwrite)
}

fn summary(prompts: &[String], found: &Found) -> String {
    let of = |(i, prompt): (usize, &String)| format!("{} of {prompt:?}", found.detections[i]);
    let listed: Vec<String> = prompts.iter().enumerate().map(of).collect();
    let left_out: u64 = found.below_min_area.iter().chain(&found.too_uncertain).sum();
    format!("{}; {left_out} left out\n", listed.join(", "))
}
