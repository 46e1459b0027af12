//! `geophrase segment`: opens scene and model, runs the pipeline, says what was found.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};

use geo_io::{Scene, SceneOptions};
use model::text::check_prompt;
use model::{DeviceChoice, SegmenterOptions};

use crate::config::{MinArea, RunConfig, find_model};
use crate::engine;
use crate::error::{PipelineError, Signal};
use crate::logging::Verbosity;
use crate::outputs::OutputNames;
use crate::run::{Job, Outcome, PromptSpec, run};

/// What `geophrase segment` was asked to do.
#[derive(Clone, Debug)]
pub struct SegmentRequest {
    /// The scene, by any name GDAL knows.
    pub scene: OsString,
    /// How to read it.
    pub scene_options: SceneOptions,
    /// What to find.
    pub prompts: Vec<String>,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// How the run goes.
    pub run: RunConfig,
    /// How much to say.
    pub verbosity: Verbosity,
    /// How many detections to hand back besides writing them.
    pub keep_detections: usize,
}

/// Finds what the prompts refer to and writes the outputs.
///
/// # Errors
/// Whatever stopped the run; nothing is left behind then.
pub fn segment(request: SegmentRequest, interrupt: impl Future<Output = Signal>) -> Result<Outcome, PipelineError> {
    let verbosity = request.verbosity;
    let prompts = checked_prompts(&request.prompts)?;
    let names = OutputNames::new(&request.run.outputs, &prompts, &request.scene)?;
    names.check(request.run.outputs.overwrite)?;
    let folder = find_model(request.model.clone())?;
    let outcome = run(move || load(request, prompts, names, &folder), interrupt)?;
    let report = &outcome.report;
    let mut lines = String::new();
    if verbosity >= Verbosity::Summary {
        lines = report.summary() + "\n";
    } else if verbosity.watched() {
        lines.extend(report.notes.iter().map(|note| format!("note: {note}\n")));
    }
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(lines.as_bytes());
    Ok(outcome)
}

/// The prompts without surrounding blanks, each once.
fn checked_prompts(prompts: &[String]) -> Result<Vec<String>, PipelineError> {
    let mut checked = Vec::new();
    for prompt in prompts {
        let prompt = check_prompt(prompt)?;
        if !checked.contains(&prompt) {
            checked.push(prompt);
        }
    }
    Ok(checked)
}

fn load(
    request: SegmentRequest,
    prompts: Vec<String>,
    names: OutputNames,
    folder: &Path,
) -> Result<Job, PipelineError> {
    let SegmentRequest { scene, scene_options, device, run: config, verbosity, keep_detections, .. } = request;
    let scene = Scene::open(&scene, &scene_options)?;
    let info = scene.info();
    tracing::info!(
        "scene {}: {} x {} px, bands {:?} of {}, scaling {:?}, pixel size {:?} m",
        info.name,
        info.size.width,
        info.size.height,
        info.bands,
        info.data_type,
        info.scaling,
        info.pixel_size_m
    );
    let areas = [("--min-area", config.polygons.min_area), ("--fill-holes", config.polygons.fill_holes)];
    for (flag, area) in areas {
        if matches!(area, MinArea::M2(area) if area > 0.0) && scene.info().crs.is_none() {
            let reason = format!("a scene without a CRS has no square metres: give {flag} in pixels, such as 40px");
            return Err(PipelineError::Usage(reason));
        }
    }
    let options = SegmenterOptions {
        device,
        raw_uncertainty: config.raw_uncertainty,
        min_presence: config.min_presence,
        ..SegmenterOptions::default()
    };
    let predictor = engine::open(folder, &prompts, &options)?;
    let model = engine::described(predictor.info());
    tracing::info!("model {} ({}) on {}, tiles of {} px", model.name, folder.display(), model.device, model.tile_px);
    let prompts = prompts.into_iter().map(PromptSpec::new).collect();
    let watched = verbosity.watched();
    Ok(Job { scene, predictor, model, prompts, config, names, watched, keep_detections })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_given_twice_is_looked_for_once() {
        let prompts = ["ships".to_owned(), " ships ".into(), "piers".into()];
        assert_eq!(checked_prompts(&prompts).unwrap(), ["ships", "piers"]);
    }
}
