//! `geophrase plan`: writes down what is to be done.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};

use geo_io::{SceneOptions, Trust};
use model::{DeviceChoice, SegmenterOptions};

use crate::commands::segment::checked_prompts;
use crate::config::{RunConfig, find_model};
use crate::engine;
use crate::error::PipelineError;
use crate::exit::one_line;
use crate::logging::Verbosity;
use crate::plan::{PLAN, Plan, PlanOptions, PlannedScene, RejectedScene, planned_name};
use crate::remote::{Fetched, RemoteOptions, by_gdal, is_remote, without_secrets};
use crate::run::{blocked_on, fetched, signals};
use crate::scenes::{EXTENSIONS, SceneSearch};
use crate::stac::AssetChoice;
use crate::stats::Statistics;
use crate::view::prompts::PromptSpec;

/// What `geophrase plan` was asked to do.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Scenes, folders and lists.
    pub scenes: Vec<OsString>,
    /// How to read them.
    pub scene_options: SceneOptions,
    /// How those that are addresses are fetched.
    pub remote: RemoteOptions,
    /// Whether GDAL reads addresses itself.
    pub direct: bool,
    /// The asset of STAC items that is the scene.
    pub asset: Option<String>,
    /// A file of statistics to use or to make.
    pub stats: Option<PathBuf>,
    /// What to find.
    pub prompts: Vec<String>,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device that will compute.
    pub device: DeviceChoice,
    /// How runs go.
    pub run: RunConfig,
    /// The folder of the plan.
    pub folder: PathBuf,
    /// Extensions of the files of polygons.
    pub formats: Vec<String>,
    /// Whether rasters are written.
    pub raster: bool,
    /// Whether all prompts are written in one raster too.
    pub class_raster: bool,
    /// The extension of QGIS projects, where some are wanted.
    pub qgis_project: Option<String>,
    /// Tiles in a unit.
    pub unit_tiles: usize,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Writes the plan of some scenes.
///
/// # Errors
/// Prompts, a model or options that cannot be used, names that two scenes would share; and, with the plan written,
/// [`PipelineError::ScenesFailed`] for scenes that cannot be worked on.
pub fn plan(request: &PlanRequest) -> Result<(), PipelineError> {
    let PlanRequest { scene_options, remote, prompts, model, device, run, folder, formats, raster, .. } = request;
    let (prompts, mut run, device) = (checked_prompts(prompts)?, run.clone(), *device);
    // As with scenes: a plan can be run from any folder.
    run.cutline = run.cutline.map(|file| std::path::absolute(&file).unwrap_or(file));
    let scenes = find_scenes(request)?;
    let names = output_names(&scenes)?;
    let model_folder = find_model(model.clone())?;
    let options = SegmenterOptions { device, min_presence: run.min_presence, ..SegmenterOptions::default() };
    let segmenter = engine::open(&model_folder, &prompts, &options)?;
    let described = engine::described(segmenter.info());
    let specs: Vec<PromptSpec> = prompts.iter().cloned().map(PromptSpec::new).collect();
    let model_folder = std::path::absolute(&model_folder).unwrap_or(model_folder);
    let mut plan = Plan::new(model_folder, described, prompts, PlanOptions::new(scene_options, &run));
    plan.vocabulary_notes = engine::vocabulary_notes(segmenter.as_ref(), &specs)?;
    drop(segmenter);

    let single = scenes.len() == 1;
    let mut interrupt = Box::pin(signals());
    let mut statistics = request.stats.as_deref().map(Statistics::open).transpose()?;
    for (scene, stem) in scenes.iter().zip(names) {
        let name = planned_name(scene)?;
        let mut planned = PlannedScene {
            fingerprint: None,
            scaling: None,
            grid: [0, 0],
            vectors: formats.iter().map(|extension| PathBuf::from(format!("{stem}.{extension}"))).collect(),
            raster: raster.then(|| PathBuf::from(format!("{stem}.tif"))),
            class_raster: request.class_raster.then(|| PathBuf::from(format!("{stem}.classes.tif"))),
            qgis_project: request.qgis_project.as_ref().map(|end| PathBuf::from(format!("{stem}.{end}"))),
            report: Some(PathBuf::from(format!("{stem}.report.json"))),
            name: name.clone(),
        };
        let laid_out =
            blocked_on(fetched(scene, remote, scene_options.trust, request.verbosity.watched(), &mut interrupt))
                .and_then(|Fetched { source, .. }| {
                    planned.fingerprint = source.fingerprint();
                    if let Some(statistics) = &mut statistics {
                        let opened = source.open(&statistics.options(&source, scene_options)?)?;
                        statistics.note(&source, scene_options, &opened)?;
                        planned.scaling = Some(opened.info().scaling.clone());
                    }
                    plan.lay_out(planned, &source, request.unit_tiles)
                });
        match laid_out {
            Ok(_) => {}
            Err(error) if error.is_about_a_scene() && !single => {
                plan.rejected.push(RejectedScene { name, reason: one_line(&error) });
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(statistics) = statistics {
        statistics.write()?;
    }
    let is_new = !folder.join(PLAN).exists();
    for scene in 0..plan.scenes.len() {
        let (names, _) = plan.outputs(folder, scene, false)?;
        if is_new && folder.exists() {
            names.check(false)?;
        }
    }
    let path = plan.write(folder)?;
    if request.verbosity >= Verbosity::Summary {
        let tiles: usize = (0..plan.units.len()).map(|unit| plan.tiles_of(unit).len()).sum();
        let line =
            format!("{}: {} scenes, {} units, {tiles} tiles\n", path.display(), plan.scenes.len(), plan.units.len());
        // Nobody is left to tell when standard error is closed.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    plan.all_accepted()
}

/// The scenes that are meant, addresses as they are to be read.
fn find_scenes(request: &PlanRequest) -> Result<Vec<OsString>, PipelineError> {
    let extensions = EXTENSIONS.map(str::to_owned);
    let asset =
        AssetChoice { name: request.asset.as_deref(), is_untrusted: request.scene_options.trust != Trust::Trusted };
    let output = Some(request.folder.clone());
    let search = SceneSearch { base: Path::new(""), extensions: &extensions, output, asset };
    let found = search.find(request.scenes.iter().map(OsString::as_os_str));
    let mut found = found.map_err(|(path, source)| PipelineError::ReadInput { path, source })?;
    if found.is_empty() {
        return Err(PipelineError::Usage("there is no scene in what was given".into()));
    }
    for scene in &mut found {
        without_secrets(scene)?;
        if request.direct && is_remote(scene) {
            *scene = by_gdal(scene);
        }
    }
    Ok(found)
}

/// A name for the outputs of each scene.
fn output_names(scenes: &[OsString]) -> Result<Vec<String>, PipelineError> {
    let mut taken: HashMap<String, &OsStr> = HashMap::new();
    let mut names = Vec::new();
    for scene in scenes {
        let stem = Path::new(scene).file_stem().unwrap_or(scene).to_string_lossy().into_owned();
        if let Some(other) = taken.insert(stem.to_lowercase(), scene) {
            return Err(PipelineError::Usage(format!(
                "scenes {} and {} would both write {stem}.*: plan them into different folders, or rename one",
                other.display(),
                scene.display()
            )));
        }
        if stem.to_lowercase() == PLAN.trim_end_matches(".json") {
            return Err(PipelineError::Usage(format!("a scene cannot be called {stem}: that is the plan's own name")));
        }
        names.push(stem);
    }
    Ok(names)
}
