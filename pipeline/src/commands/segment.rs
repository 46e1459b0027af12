//! `geophrase segment`: opens scene and model, runs the pipeline, says what was found.

use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use geo_io::SceneOptions;
use model::text::check_prompt;
use model::{DeviceChoice, SegmenterOptions};

use crate::commands::dry_run::dry_run;
use crate::config::{RunConfig, UNIT_TILES, find_model};
use crate::engine;
use crate::error::{PipelineError, Signal};
use crate::logging::{self, Verbosity};
use crate::outputs::OutputNames;
use crate::plan::{PLAN, Plan, PlanOptions, PlannedScene, planned_name};
use crate::remote::{Fetched, RemoteOptions, Source, shown};
use crate::run::merge::{MergeJob, run_and_merge};
use crate::run::units::UnitsJob;
use crate::run::{Job, Outcome, PromptSpec, blocked_on, fetched, interruptible, run};
use crate::stats::{Book, known_scaling, opened};

/// What `geophrase segment` was asked to do.
#[derive(Clone, Debug)]
pub struct SegmentRequest {
    /// The scene, by any name GDAL knows.
    pub scene: OsString,
    /// How to read it.
    pub scene_options: SceneOptions,
    /// The scene, where it is at hand already.
    pub at_hand: Option<Source>,
    /// How it is fetched if it is an address.
    pub remote: RemoteOptions,
    /// A file of statistics to use or to make.
    pub stats: Option<PathBuf>,
    /// What to find.
    pub prompts: Vec<String>,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// How the run goes.
    pub run: RunConfig,
    /// Where finished tiles are kept until the outputs are there; nowhere when `None`.
    pub checkpoint: Option<PathBuf>,
    /// How much to say.
    pub verbosity: Verbosity,
    /// How many detections to hand back besides writing them.
    pub keep_detections: usize,
}

impl SegmentRequest {
    /// The scene, at hand.
    fn fetched<I: Future<Output = Signal>>(&self, interrupt: &mut Pin<Box<I>>) -> Result<Fetched, PipelineError> {
        if let Some(source) = &self.at_hand {
            return Ok(Fetched::at_hand(source.clone()));
        }
        blocked_on(fetched(&self.scene, &self.remote, self.scene_options.trust, self.verbosity.watched(), interrupt))
    }
}

/// Finds what the prompts refer to and writes the outputs.
///
/// # Errors
/// Whatever stopped the run; nothing is left behind then.
pub fn segment(mut request: SegmentRequest, interrupt: impl Future<Output = Signal>) -> Result<Outcome, PipelineError> {
    let verbosity = request.verbosity;
    let prompts = checked_prompts(&request.prompts)?;
    let names = OutputNames::new(&request.run.outputs, &prompts, &request.scene)?;
    // A checkpoint that has a plan was begun when the outputs were not there: what is there now is from its own merge,
    // killed before the checkpoint was removed.
    let begun = request.checkpoint.as_ref().is_some_and(|folder| folder.join(PLAN).exists());
    names.check(request.run.outputs.overwrite || begun)?;
    let folder = find_model(request.model.clone())?;
    let mut interrupt = Box::pin(interrupt);
    let fetched = request.fetched(&mut interrupt)?;
    let source = fetched.source.clone();
    let outcome = match request.checkpoint.clone() {
        Some(checkpoint) => {
            request.run.outputs.overwrite |= begun;
            checkpointed(request, prompts, &folder, &checkpoint, source, interrupt)?
        }
        None => run(move || load(request, prompts, names, &folder, &source, Book::IsMade), interrupt)?,
    };
    let report = &outcome.report;
    let mut lines = String::new();
    if verbosity >= Verbosity::Summary {
        lines = report.summary() + "\n";
    } else if verbosity.watched() {
        lines.extend(report.notes.iter().map(|note| format!("note: {note}\n")));
    }
    lines.lines().for_each(logging::say);
    Ok(outcome)
}

/// Says what [`segment`] would do, and writes nothing.
///
/// # Errors
/// Whatever would stop the run before its first tile.
pub fn look(request: SegmentRequest, interrupt: impl Future<Output = Signal>) -> Result<String, PipelineError> {
    let prompts = checked_prompts(&request.prompts)?;
    let names = OutputNames::new(&request.run.outputs, &prompts, &request.scene)?;
    names.check(request.run.outputs.overwrite)?;
    let folder = find_model(request.model.clone())?;
    let mut interrupt = Box::pin(interrupt);
    let fetched = request.fetched(&mut interrupt)?;
    let source = fetched.source.clone();
    interruptible(move |_| dry_run(load(request, prompts, names, &folder, &source, Book::IsRead)?), interrupt)
}

/// The same in two steps, a plan of one scene and its merge, with finished tiles kept in between.
fn checkpointed(
    request: SegmentRequest,
    prompts: Vec<String>,
    model_folder: &Path,
    checkpoint: &Path,
    source: Source,
    interrupt: impl Future<Output = Signal>,
) -> Result<Outcome, PipelineError> {
    let SegmentRequest {
        scene, scene_options, remote, stats, device, run: mut config, verbosity, keep_detections, ..
    } = request;
    let outputs = &config.outputs;
    let scaling = known_scaling(&source, &scene_options, stats.as_deref())?;
    let absolute = |path: &Option<PathBuf>| path.as_ref().map(|path| std::path::absolute(path).unwrap_or(path.clone()));
    let planned = PlannedScene {
        // Without what is secret of an address: the scene is at hand, and an address signed anew is still the same.
        name: planned_name(&shown(&scene))?,
        fingerprint: source.fingerprint(),
        scaling,
        grid: [0, 0],
        vectors: outputs.vectors.iter().filter_map(|path| absolute(&Some(path.clone()))).collect(),
        raster: absolute(&outputs.raster),
        class_raster: absolute(&outputs.class_raster),
        qgis_project: absolute(&outputs.qgis_project),
        report: absolute(&outputs.report),
    };
    config.cutline = absolute(&config.cutline);
    let options = SegmenterOptions {
        device,
        raw_uncertainty: config.raw_uncertainty,
        min_presence: config.min_presence,
        ..SegmenterOptions::default()
    };
    let mut predictor = Some(engine::open(model_folder, &prompts, &options)?);
    let mut plan = {
        let segmenter = predictor.as_deref().ok_or(PipelineError::Stopped("load"))?;
        let model = engine::described(segmenter.info());
        let specs: Vec<PromptSpec> = prompts.iter().cloned().map(PromptSpec::new).collect();
        let options = PlanOptions::new(&scene_options, &config);
        let mut plan = Plan::new(model_folder.to_owned(), model, prompts, options);
        plan.vocabulary_notes = engine::vocabulary_notes(segmenter, &specs)?;
        plan
    };
    plan.lay_out(planned, &source, UNIT_TILES as usize)?;
    plan.write(checkpoint)?;
    let plan = Arc::new(plan);
    let (asked, model_folder) = (plan.prompts.clone(), model_folder.to_owned());
    let job = UnitsJob {
        units: Box::new(0..plan.units.len()),
        each: Box::new(|_, _| {}),
        open_model: Box::new(move || match predictor.take() {
            Some(predictor) => Ok(predictor),
            None => engine::open(&model_folder, &asked, &options),
        }),
        folder: checkpoint.to_owned(),
        source: Some(source.clone()),
        remote: remote.clone(),
        batch: config.batch,
        readers: config.readers,
        ram: config.ram,
        watched: verbosity.watched(),
        plan: plan.clone(),
    };
    let merge = MergeJob {
        plan: plan.clone(),
        folder: checkpoint.to_owned(),
        scene: 0,
        source: Some(source),
        remote,
        keep_detections,
        resumed: 0,
        outputs: Some(config.outputs),
        overwrite: false,
        ram: config.ram,
    };
    let outcome = run_and_merge(job, merge, interrupt)?;
    plan.remove(checkpoint);
    Ok(outcome)
}

/// The prompts without surrounding blanks, each once.
pub(crate) fn checked_prompts(prompts: &[String]) -> Result<Vec<String>, PipelineError> {
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
    source: &Source,
    book: Book,
) -> Result<Job, PipelineError> {
    let SegmentRequest { scene_options, stats, device, run: config, verbosity, keep_detections, .. } = request;
    let scene = opened(source, &scene_options, stats.as_deref(), book)?;
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
    config.fits(info)?;
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
