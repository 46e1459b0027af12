//! Starts the stages, watches over them, and commits their outputs. The only place of this crate that starts threads.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use geo_io::{Detection, Scene};
use model::Segmenter;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::closing::{Closing, Done, StageOutput};
use crate::config::{QUEUE, RunConfig};
use crate::error::{PipelineError, Signal};
use crate::outputs::OutputNames;
use crate::panics::caught;
use crate::progress::Progress;
use crate::report::{ModelReport, Report};
use crate::stage::Cancel;
use crate::stage::infer::InferStage;
use crate::stage::prepare::PrepareStage;
use crate::stage::read::ReadStage;
use crate::stage::scene_view::{SceneAnswers, SceneView};
use crate::stage::stitch::StitchStage;
use crate::stage::write::{WriteStage, Writers};
use crate::tiling::TilePlan;
use crate::view::choose::Views;
pub use crate::view::prompts::PromptSpec;

/// Pixels of tiles that may wait at one place between two stages.
const PIXELS_IN_FLIGHT: usize = 1 << 22;

/// A scene and a model, both open, and what to do with them.
pub struct Job {
    /// The scene.
    pub scene: Scene,
    /// The model, asked for the prompts.
    pub predictor: Box<dyn Segmenter>,
    /// How the report names it.
    pub model: ModelReport,
    /// What the model looks for.
    pub prompts: Vec<PromptSpec>,
    /// How to go about it.
    pub config: RunConfig,
    /// Names of the outputs.
    pub names: OutputNames,
    /// Whether a progress bar is shown.
    pub watched: bool,
    /// How many detections to hand back besides writing them.
    pub keep_detections: usize,
}

/// What a run that succeeded leaves.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub report: Report,
    /// The files, under their final names.
    pub files: Vec<PathBuf>,
    /// The first detections, as many as the job asked for.
    pub detections: Vec<Detection>,
}

impl Outcome {
    /// Says so when some of the scene has no result.
    ///
    /// # Errors
    /// [`PipelineError::Holes`]; the outputs are there all the same.
    pub fn whole(&self) -> Result<(), PipelineError> {
        let Report { tiles, hole_px, scene, .. } = &self.report;
        if tiles.failed == 0 {
            return Ok(());
        }
        Err(PipelineError::Holes {
            scene: scene.name.clone(),
            failed: tiles.failed,
            planned: tiles.planned,
            hole_px: *hole_px,
            report: self.files.last().cloned().unwrap_or_default(),
        })
    }
}

/// Opens a job with `load` and runs it, until it is done or `interrupt` comes.
///
/// All outputs get their final names at the very end, together; before that, nothing is left behind.
///
/// # Errors
/// The first cause that stopped a stage, or [`PipelineError::Interrupted`].
pub fn run<L, I>(load: L, interrupt: I) -> Result<Outcome, PipelineError>
where
    L: FnOnce() -> Result<Job, PipelineError> + Send + 'static,
    I: Future<Output = Signal>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PipelineError::Runtime)?;
    let result = runtime.block_on(supervise(load, Box::pin(interrupt)));
    // An interrupted load may hang in a network read; it owns nothing on disk and ends with the process.
    runtime.shutdown_background();
    result
}

/// Runs work that is one piece, until it is done or `interrupt` comes; then `Cancel` tells it to stop.
///
/// # Errors
/// The work's own, or [`PipelineError::Interrupted`].
pub fn interruptible<T, W, I>(work: W, interrupt: I) -> Result<T, PipelineError>
where
    T: Send + 'static,
    W: FnOnce(&Cancel) -> Result<T, PipelineError> + Send + 'static,
    I: Future<Output = Signal>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PipelineError::Runtime)?;
    runtime.block_on(async {
        let cancel = Cancel::default();
        let own = cancel.clone();
        let mut working = JoinSet::new();
        working.spawn_blocking(move || caught("work", || work(&own)));
        tokio::select! {
            biased;
            signal = interrupt => {
                cancel.stop();
                // The work removes what it has begun before it ends.
                match working.join_next().await.map(joined) {
                    // It was through before it noticed: what it wrote is there, and to say otherwise would be false.
                    Some(Ok(done)) => Ok(done),
                    _ => Err(PipelineError::Interrupted(signal)),
                }
            }
            done = working.join_next() => done.map_or_else(|| Err(PipelineError::Stopped("work")), joined),
        }
    })
}

/// Waits for Ctrl-C, a request to terminate, or the terminal being closed.
pub async fn signals() -> Signal {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        if let [Ok(mut int), Ok(mut term), Ok(mut hup)] = kinds.map(signal) {
            return tokio::select! {
                _ = int.recv() => Signal::Interrupt,
                _ = term.recv() => Signal::Terminate,
                _ = hup.recv() => Signal::Terminate,
            };
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the signal ends the process by itself.
        std::future::pending::<()>().await;
    }
    Signal::Interrupt
}

async fn supervise<L, I>(load: L, mut interrupt: Pin<Box<I>>) -> Result<Outcome, PipelineError>
where
    L: FnOnce() -> Result<Job, PipelineError> + Send + 'static,
    I: Future<Output = Signal>,
{
    let mut loading = JoinSet::new();
    loading.spawn_blocking(move || caught("load", load));
    let job = tokio::select! {
        biased;
        signal = &mut interrupt => return Err(PipelineError::Interrupted(signal)),
        job = loading.join_next() => job.map_or_else(|| Err(PipelineError::Stopped("load")), joined)?,
    };

    let started = Instant::now();
    let cancel = Cancel::default();
    let closing = Closing::new(&job)?;
    let mut stages = start(job, closing.plan.clone(), &closing.views, &cancel)?;
    let mut done = Done::default();
    let mut first_cause = None;
    let mut stopped = None;
    loop {
        let ended = tokio::select! {
            biased;
            signal = &mut interrupt, if first_cause.is_none() => {
                first_cause = Some(PipelineError::Interrupted(signal));
                cancel.stop();
                continue;
            }
            ended = stages.join_next() => ended,
        };
        match ended.map(joined) {
            None => break,
            Some(Ok(output)) => done.note(output),
            Some(Err(error)) => {
                cancel.stop();
                let slot = if matches!(error, PipelineError::Stopped(_)) { &mut stopped } else { &mut first_cause };
                slot.get_or_insert(error);
            }
        }
    }
    if let Some(error) = first_cause.or(stopped) {
        return Err(error);
    }
    closing.commit(done, started.elapsed())
}

/// A stage's result; a panic has been made an error by [`caught`].
fn joined<T>(joined: Result<Result<T, PipelineError>, tokio::task::JoinError>) -> Result<T, PipelineError> {
    joined.unwrap_or_else(|error| Err(PipelineError::StagePanic { stage: "task", message: error.to_string() }))
}

/// Creates the outputs and starts every stage on a thread of its own.
fn start(
    job: Job,
    plan: Arc<TilePlan>,
    views: &Views,
    cancel: &Cancel,
) -> Result<JoinSet<Result<StageOutput, PipelineError>>, PipelineError> {
    let Job { scene, predictor, config, names, watched, keep_detections, prompts, .. } = job;
    let info = scene.info().clone();
    let readers = in_flight(&plan, config.readers.min(plan.len()));
    let (queue, batch) = (in_flight(&plan, QUEUE), in_flight(&plan, config.batch));
    let scenes: Vec<Scene> = (1..readers).map(|_| scene.reopen()).collect::<Result<_, _>>()?;
    let view = scene_view(&scene, &prompts, views)?;
    let writers = Writers::create(&names, &info, &config)?;

    let mut stages = JoinSet::new();
    let mut inputs = Vec::new();
    for (first, scene) in std::iter::once(scene).chain(scenes).enumerate() {
        let (output, input) = mpsc::channel(queue);
        inputs.push(input);
        let read = ReadStage {
            scene,
            plan: plan.clone(),
            first,
            step: readers,
            on_bad_tile: config.on_bad_tile,
            output,
            cancel: cancel.clone(),
        };
        let name = ReadStage::NAME;
        stages.spawn_blocking(move || caught(name, || read.run().map(|took| StageOutput::Took(name, took))));
    }

    let (output, input) = mpsc::channel(queue.max(batch));
    let (tiles, tile_px) = (plan.len(), plan.tile_px() as usize);
    let prepare = PrepareStage { inputs, tiles, tile_px, output, cancel: cancel.clone() };
    let name = PrepareStage::NAME;
    stages.spawn_blocking(move || caught(name, || prepare.run().map(|took| StageOutput::Took(name, took))));

    let progress = Progress::new(tiles as u64, "tiles", watched);
    let (output, answers) = mpsc::channel(queue.max(batch));
    let (scene_view, scene_answers) = view.unzip();
    let infer = InferStage {
        predictor,
        view: views.tile.clone(),
        scene_view,
        on_bad_tile: config.on_bad_tile,
        batch,
        tiles,
        input,
        output,
        progress,
        cancel: cancel.clone(),
    };
    let name = InferStage::NAME;
    stages.spawn_blocking(move || caught(name, || infer.run().map(|took| StageOutput::Took(name, took))));

    let (output, strips) = mpsc::channel(1);
    let stitch = StitchStage {
        plan,
        prompts: views.by_tile().len(),
        scene_answers,
        raw_uncertainty: config.raw_uncertainty,
        threshold: config.threshold,
        input: answers,
        output,
        cancel: cancel.clone(),
    };
    let stitched = |(counts, took)| StageOutput::Stitched(counts, took);
    stages.spawn_blocking(move || caught(StitchStage::NAME, || stitch.run().map(stitched)));

    let write = WriteStage {
        writers,
        info,
        prompts: prompts.into_iter().map(|prompt| prompt.text).collect(),
        min_area: config.min_area,
        keep: keep_detections,
        input: strips,
        cancel: cancel.clone(),
    };
    let written = |(written, took)| StageOutput::Written(Box::new(written), took);
    stages.spawn_blocking(move || caught(WriteStage::NAME, || write.run().map(written)));
    Ok(stages)
}

/// How many of `wanted` tiles may wait at one place: fewer when they are large, so that memory stays bounded.
fn in_flight(plan: &TilePlan, wanted: usize) -> usize {
    let tile_px = plan.tile_px() as usize;
    wanted.clamp(1, (PIXELS_IN_FLIGHT / (tile_px * tile_px)).max(1))
}

/// What answers the prompts whose frame is the scene when others are answered by tiles, and where the answers come out.
fn scene_view(
    scene: &Scene,
    prompts: &[PromptSpec],
    views: &Views,
) -> Result<Option<(SceneView, SceneAnswers)>, PipelineError> {
    let Some(view) = views.scene.clone() else { return Ok(None) };
    let texts = |numbers: Vec<usize>| numbers.into_iter().map(|number| prompts[number].text.clone()).collect();
    let (output, input) = oneshot::channel();
    let by_scene = SceneView {
        scene: scene.reopen()?,
        view,
        prompts: texts(views.by_scene()),
        then: texts(views.by_tile()),
        output,
    };
    Ok(Some((by_scene, SceneAnswers { numbers: views.by_scene(), input })))
}
