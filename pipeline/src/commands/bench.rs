//! `geophrase bench`: what this machine can do, what the model makes of it, and what a whole run adds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use geo_io::{PixelSize, Scene, SceneOptions};
use model::config::ModelConfig;
use model::speed::{MachineSpeed, Operations, measure_machine};
use model::{DeviceChoice, Segmenter, SegmenterOptions, TileImage, untrained_segmenter};

use crate::commands::synth::{SceneRequest, scene, world_of};
use crate::config::{OutputConfig, RunConfig, find_model};
use crate::engine;
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::outputs::OutputNames;
use crate::report::Report;
use crate::run::{Job, PromptSpec, run, signals};

/// Pixel size for which ground is counted.
const GROUND_M: f64 = 0.3;
/// Share of a tile's side that the next tile adds.
const STRIDE: f64 = 0.8;
/// Seed of the drawn scene.
const SEED: u64 = 7;
/// What is asked of the drawn scene.
const PROMPT: &str = "storage tanks";

/// What `geophrase bench` was asked to do.
#[derive(Clone, Debug)]
pub struct BenchRequest {
    /// Sizes of a model with random weights, instead of the model in the folder.
    pub preset: Option<ModelConfig>,
    /// Numbers of prompts to measure.
    pub prompts: Vec<usize>,
    /// Rounds of every measurement.
    pub rounds: usize,
    /// Side of the scene to run on, if any.
    pub scene_px: Option<u32>,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Measures and prints.
///
/// # Errors
/// A model or a device that cannot be used, or a run that fails.
pub fn bench(request: &BenchRequest) -> Result<(), PipelineError> {
    let folder = find_model(request.model.clone())?;
    let config = match &request.preset {
        Some(config) => config.clone(),
        None => ModelConfig::read(&folder.join("config.json"))?,
    };
    let started = Instant::now();
    let mut segmenter = opened(request, &folder, Gate::Open)?;
    let loaded = started.elapsed().as_secs_f64();
    segmenter.ask(&[PROMPT.to_owned()])?;
    let tile = waves(config.tile_px);
    segmenter.predict(std::slice::from_ref(&tile))?;
    let first = started.elapsed().as_secs_f64();

    let machine = measure_machine(request.device)?;
    let device = segmenter.info().device.clone();
    say(&format!(
        "machine: {} threads; {device} multiplies f32 matrices at {:.0} GFLOP/s; memory moves at {:.1} GB/s\n\
         model {}, tiles of {} px: read in {loaded:.2} s, first answer after {first:.2} s\n",
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        machine.gflop_per_s,
        machine.gbyte_per_s,
        config.name,
        config.tile_px,
    ));
    say(&prices(segmenter.as_mut(), request, &config, Some(machine), &tile)?);
    if config.decoder.presence {
        say("where the presence head finds no target, so that no mask is drawn:\n");
        say(&prices(opened(request, &folder, Gate::Closed)?.as_mut(), request, &config, None, &tile)?);
    }
    if let Some(side_px) = request.scene_px {
        say(&whole_run(segmenter, request, &folder, side_px, &tile)?);
    }
    Ok(())
}

/// The model to measure, asked nothing yet; with a `gate` no presence passes, without one all do.
fn opened(request: &BenchRequest, folder: &Path, gate: Gate) -> Result<Box<dyn Segmenter>, PipelineError> {
    let options = SegmenterOptions {
        device: request.device,
        gate: !matches!(gate, Gate::Open),
        min_presence: matches!(gate, Gate::Closed).then_some(2.0),
        ..SegmenterOptions::default()
    };
    match &request.preset {
        Some(config) => Ok(engine::one_by_one_on_cpu(untrained_segmenter(config, folder, &options)?)),
        None => engine::open(folder, &[], &options),
    }
}

/// How the presence head is heeded.
#[derive(Clone, Copy)]
enum Gate {
    /// As the model has it.
    Own,
    /// Every tile answers.
    Open,
    /// No tile answers.
    Closed,
}

/// A table of seconds, speeds and prices for each number of prompts; operations are counted where a machine to compare
/// with is given.
fn prices(
    segmenter: &mut dyn Segmenter,
    request: &BenchRequest,
    config: &ModelConfig,
    machine: Option<MachineSpeed>,
    tile: &TileImage,
) -> Result<String, PipelineError> {
    let tiles = vec![tile.clone(); request.batch];
    // Counts take turns, so that other work on the machine weighs on all alike: none is the image alone.
    let counts: Vec<usize> = [0, 1].into_iter().chain(request.prompts.iter().copied()).collect();
    let mut taken = vec![Vec::new(); counts.len()];
    for round in 0..=request.rounds {
        for (count, taken) in counts.iter().zip(&mut taken) {
            segmenter.ask(&(0..*count).map(prompt).collect::<Vec<_>>())?;
            let start = Instant::now();
            segmenter.predict(&tiles)?;
            // The first round only warms up.
            if round > 0 {
                taken.push(start.elapsed().as_secs_f64() / tiles.len() as f64);
            }
        }
    }
    let seconds: Vec<f64> = taken.into_iter().map(median).collect();
    let (image, each) = (seconds[0], (seconds[1] - seconds[0]).max(0.0));
    let operations = Operations::of(config, tile.side_px);
    let ground_km2 = (tile.side_px as f64 * STRIDE * GROUND_M / 1000.0).powi(2);
    let mut text = format!(
        "image cost E {image:.4} s, prompt cost D {each:.4} s a tile, in batches of {}\n\
         prompts  s/tile  tiles/s  km2/min at 0.3 m  times one  (E + K D) / (E + D)",
        tiles.len()
    );
    text.push_str(if machine.is_some() { "  GFLOP/s  of peak\n" } else { "\n" });
    for (&count, &seconds) in counts.iter().zip(&seconds).skip(2) {
        let count = count as f64;
        text.push_str(&format!(
            "{count:7} {seconds:7.4} {:8.2} {:17.2} {:10.2} {:20.2}",
            1.0 / seconds,
            60.0 * ground_km2 / seconds,
            seconds / (image + each),
            (image + count * each) / (image + each),
        ));
        if let Some(machine) = machine {
            let gflop_per_s = (operations.image + count * operations.prompt) / 1e9 / seconds;
            text.push_str(&format!(" {gflop_per_s:8.0} {:7.0}%", 100.0 * gflop_per_s / machine.gflop_per_s));
        }
        text.push('\n');
    }
    Ok(text)
}

/// A run of `segment` on a drawn scene, beside the same number of model calls alone.
fn whole_run(
    mut segmenter: Box<dyn Segmenter>,
    request: &BenchRequest,
    model_folder: &Path,
    side_px: u32,
    tile: &TileImage,
) -> Result<String, PipelineError> {
    let folder = tempfile::tempdir().map_err(|source| PipelineError::Create { path: std::env::temp_dir(), source })?;
    let path = folder.path().join("scene.tif");
    let size = PixelSize { width: side_px, height: side_px };
    let drawn = SceneRequest {
        out: path.clone(),
        world: world_of(SEED, size, GROUND_M, (0.0, 0.0)),
        crs: "EPSG:32633".into(),
        origin: (500_000.0, 5_300_000.0),
        instances: None,
        records: None,
        phrases: Vec::new(),
        jpeg: None,
        overwrite: false,
        watched: request.verbosity.watched(),
    };
    scene(drawn, signals())?;
    segmenter.ask(&[PROMPT.to_owned()])?;
    let started = Instant::now();
    let report = segmented(opened(request, model_folder, Gate::Own)?, request, folder.path(), &path)?;
    let whole = started.elapsed().as_secs_f64();

    let calls = report.tiles.computed;
    let started = Instant::now();
    for _ in 0..calls {
        segmenter.predict(std::slice::from_ref(tile))?;
    }
    let bare = started.elapsed().as_secs_f64();
    let stages: Vec<String> = report.seconds.iter().map(|(stage, seconds)| format!("{stage} {seconds:.2}")).collect();
    let total = report.seconds["total"];
    Ok(format!(
        "segment on a drawn scene of {side_px} px: {total:.2} s, opening the model {:.2} s of {whole:.2} s; {calls} tiles \
         computed of {}; stages in s: {}\n\
         over its model calls, as they went in the run: {:.3} times; over as many calls alone, {bare:.2} s: {:.3} times\n",
        whole - total,
        report.tiles.planned,
        stages.join(", "),
        total / report.seconds["infer"],
        total / bare,
    ))
}

fn segmented(
    mut predictor: Box<dyn Segmenter>,
    request: &BenchRequest,
    folder: &Path,
    path: &Path,
) -> Result<Report, PipelineError> {
    let outputs = OutputConfig {
        vectors: vec![folder.join("out.geojson")],
        raster: Some(folder.join("out.tif")),
        ..OutputConfig::default()
    };
    let prompts = vec![PromptSpec::new(PROMPT.into())];
    let names = OutputNames::new(&outputs, &[PROMPT.to_owned()], path.as_os_str())?;
    let (name, watched, batch) = (path.as_os_str().to_owned(), request.verbosity.watched(), request.batch);
    let load = move || {
        predictor.ask(&[PROMPT.to_owned()])?;
        Ok(Job {
            scene: Scene::open(&name, &SceneOptions::default())?,
            model: engine::described(predictor.info()),
            predictor,
            prompts,
            config: RunConfig { batch, ..RunConfig::new(outputs) },
            names,
            watched,
            keep_detections: 0,
        })
    };
    Ok(run(load, signals())?.report)
}

/// Different prompts of much the same length.
fn prompt(index: usize) -> String {
    let things =
        ["storage tanks", "buildings", "ships", "cars", "trees", "roads", "pools", "bridges", "courts", "piers"];
    let wheres = ["", " by the river", " with a red roof", " on the left", " near the road"];
    format!("{}{}", things[index % things.len()], wheres[index / things.len() % wheres.len()])
}

/// A picture of waves; how long the model takes does not depend on what it sees.
fn waves(side_px: usize) -> TileImage {
    let value = |index: usize| {
        let (row, col) = (index / side_px % side_px, index % side_px);
        128.0 + 60.0 * (col as f32 / 19.0).sin() * (row as f32 / 31.0).cos()
    };
    TileImage { side_px, rgb: (0..3 * side_px * side_px).map(value).collect() }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn say(text: &str) {
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
