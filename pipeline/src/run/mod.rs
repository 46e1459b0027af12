//! Starts the stages, watches over them, and commits their outputs. The only place of this crate that starts threads.

pub mod merge;
mod start;
pub mod units;

use std::ffi::OsStr;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use geo_io::{Detection, Scene, Trust};
use model::Segmenter;
use tokio::task::JoinSet;

use crate::closing::{Closing, Done, StageOutput};
use crate::config::RunConfig;
use crate::engine;
use crate::error::{PipelineError, Signal};
use crate::fingerprint::Fingerprint;
use crate::outputs::OutputNames;
use crate::panics::caught;
use crate::remote::{Fetched, Fetching, RemoteOptions, Source, is_remote};
use crate::report::{ModelReport, Report};
use crate::run::start::{Stages, Work};
use crate::setting::Setting;
use crate::stage::Cancel;
pub use crate::view::prompts::PromptSpec;

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
    /// The one of them that is the report.
    pub report_file: PathBuf,
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
            report: self.report_file.clone(),
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
    blocked_on(supervise(load, Box::pin(interrupt)))
}

/// Waits on this thread until a supervisor is at its end.
///
/// # Errors
/// Its own, or [`PipelineError::Runtime`].
pub fn blocked_on<T>(work: impl Future<Output = Result<T, PipelineError>>) -> Result<T, PipelineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PipelineError::Runtime)?;
    let result = runtime.block_on(work);
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

/// A scene as GDAL can open it: one that is an address is fetched first, until it is there or `interrupt` comes.
///
/// # Errors
/// [`PipelineError::Remote`], a folder for the copy that cannot be written, or [`PipelineError::Interrupted`].
pub async fn fetched<I>(
    name: &OsStr,
    options: &RemoteOptions,
    trust: Trust,
    watched: bool,
    interrupt: &mut Pin<Box<I>>,
) -> Result<Fetched, PipelineError>
where
    I: Future<Output = Signal>,
{
    if !is_remote(name) {
        return Ok(Fetched::at_hand(Source::local(name)));
    }
    // The folder is held here: an interrupt leaves the fetching to itself, and removes what it has fetched.
    let (fetch, at_hand) = Fetching::new(name, options, trust, watched)?.split();
    Ok(at_hand(loaded(fetch, interrupt).await?))
}

/// Waits for Ctrl-C, a request to terminate, or the terminal being closed. From then on another one of these ends the
/// process at once: what it was writing has a hidden name then.
pub async fn signals() -> Signal {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        if let [Ok(mut int), Ok(mut term), Ok(mut hup)] = kinds.map(signal) {
            let mut next = async move || {
                tokio::select! {
                    _ = int.recv() => Signal::Interrupt,
                    _ = term.recv() => Signal::Terminate,
                    _ = hup.recv() => Signal::Terminate,
                }
            };
            let first = next().await;
            tokio::spawn(async move {
                let exit = PipelineError::Interrupted(next().await).exit();
                std::process::exit(i32::from(exit as u8));
            });
            return first;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the signal ends the process by itself.
        std::future::pending::<()>().await;
    }
    Signal::Interrupt
}

/// The whole of a scene, from its pixels to its files.
async fn supervise<L, I>(load: L, mut interrupt: Pin<Box<I>>) -> Result<Outcome, PipelineError>
where
    L: FnOnce() -> Result<Job, PipelineError> + Send + 'static,
    I: Future<Output = Signal>,
{
    let (job, fingerprint) = loaded(
        move || {
            let job = load()?;
            let fingerprint = Fingerprint::of(job.scene.name());
            Ok((job, fingerprint))
        },
        &mut interrupt,
    )
    .await?;
    let started = Instant::now();
    let cancel = Cancel::default();
    let Job { scene, predictor, model, prompts, config, names, watched, keep_detections } = job;
    let notes = engine::vocabulary_notes(predictor.as_ref(), &prompts)?;
    let name = scene.name().to_owned();
    let setting = Arc::new(Setting::new(&scene, model, prompts, config, notes)?);
    let tiles: Arc<[usize]> = (0..setting.plan.len()).collect();
    let mut stages = Stages::new(&setting, &cancel)?;
    let work = Work { scene, predictor, tiles, with_scene_view: true, watched };
    let (answers, scene_answers) = stages.answer(work)?;
    stages.finish(answers, scene_answers, &names, keep_detections)?;
    let done = watch(stages.started(), &cancel, &mut interrupt).await?;
    if Fingerprint::of(&name) != fingerprint {
        return Err(PipelineError::SceneChanged { scene: name.display().to_string() });
    }
    Closing { setting: Arc::unwrap_or_clone(setting), names, resumed: 0 }.commit(done, started.elapsed())
}

/// What a load gives, unless it is interrupted.
async fn loaded<T, L, I>(load: L, interrupt: &mut Pin<Box<I>>) -> Result<T, PipelineError>
where
    T: Send + 'static,
    L: FnOnce() -> Result<T, PipelineError> + Send + 'static,
    I: Future<Output = Signal>,
{
    let mut loading = JoinSet::new();
    loading.spawn_blocking(move || caught("load", load));
    tokio::select! {
        biased;
        signal = interrupt => Err(PipelineError::Interrupted(signal)),
        loaded = loading.join_next() => loaded.map_or_else(|| Err(PipelineError::Stopped("load")), joined),
    }
}

/// Waits until all stages have ended; the first cause that stopped one of them stops the others.
async fn watch<I>(
    mut stages: JoinSet<Result<StageOutput, PipelineError>>,
    cancel: &Cancel,
    interrupt: &mut Pin<Box<I>>,
) -> Result<Done, PipelineError>
where
    I: Future<Output = Signal>,
{
    let mut done = Done::default();
    let mut first_cause = None;
    let mut stopped = None;
    loop {
        let ended = tokio::select! {
            biased;
            signal = &mut *interrupt, if first_cause.is_none() => {
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
    first_cause.or(stopped).map_or(Ok(done), Err)
}

/// A stage's result; a panic has been made an error by [`caught`].
fn joined<T>(joined: Result<Result<T, PipelineError>, tokio::task::JoinError>) -> Result<T, PipelineError> {
    joined.unwrap_or_else(|error| Err(PipelineError::StagePanic { stage: "task", message: error.to_string() }))
}
