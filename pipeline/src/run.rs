//! Starts the stages, watches over them, and commits their outputs. The only place of this crate that starts threads.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use geo_io::{Detection, Scene, SceneInfo, pending_file};
use model::TilePredictor;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::{QUEUE, RunConfig};
use crate::error::{PipelineError, Signal};
use crate::outputs::OutputNames;
use crate::panics::caught;
use crate::progress::Progress;
use crate::report::{ModelReport, OptionsReport, PromptReport, Report, Versions, peak_memory_bytes, seconds};
use crate::stage::Cancel;
use crate::stage::infer::InferStage;
use crate::stage::prepare::PrepareStage;
use crate::stage::read::ReadStage;
use crate::stage::stitch::{StitchCounts, StitchStage};
use crate::stage::write::{WriteStage, Writers, Written};
use crate::tiling::TilePlan;

/// A scene and a model, both open, and what to do with them.
pub struct Job {
    /// The scene.
    pub scene: Scene,
    /// The model.
    pub predictor: Box<dyn TilePredictor>,
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

/// One prompt of a job.
#[derive(Clone, Debug)]
pub struct PromptSpec {
    /// The text.
    pub text: String,
    /// Its words whose meaning depends on the frame.
    pub frame_words: Vec<String>,
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
    let mut stages = start(job, closing.plan.clone(), &cancel)?;
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

/// What a stage hands back when it is done.
enum StageOutput {
    Took(&'static str, Duration),
    Stitched(StitchCounts, Duration),
    Written(Box<Written>, Duration),
}

/// What all stages together handed back.
#[derive(Default)]
struct Done {
    seconds: BTreeMap<&'static str, f64>,
    counts: StitchCounts,
    written: Option<Box<Written>>,
}

impl Done {
    fn note(&mut self, output: StageOutput) {
        let (stage, took) = match output {
            StageOutput::Took(stage, took) => (stage, took),
            StageOutput::Stitched(counts, took) => {
                self.counts = counts;
                (StitchStage::NAME, took)
            }
            StageOutput::Written(written, took) => {
                self.written = Some(written);
                (WriteStage::NAME, took)
            }
        };
        *self.seconds.entry(stage).or_default() += seconds(took);
    }
}

/// A stage's result; a panic has been made an error by [`caught`].
fn joined<T>(joined: Result<Result<T, PipelineError>, tokio::task::JoinError>) -> Result<T, PipelineError> {
    joined.unwrap_or_else(|error| Err(PipelineError::StagePanic { stage: "task", message: error.to_string() }))
}

/// Creates the outputs and starts every stage on a thread of its own.
fn start(
    job: Job,
    plan: Arc<TilePlan>,
    cancel: &Cancel,
) -> Result<JoinSet<Result<StageOutput, PipelineError>>, PipelineError> {
    let Job { scene, predictor, config, names, watched, keep_detections, prompts, .. } = job;
    let info = scene.info().clone();
    let readers = config.readers.clamp(1, plan.len());
    let scenes: Vec<Scene> = (1..readers).map(|_| scene.reopen()).collect::<Result<_, _>>()?;
    let writers = Writers::create(&names, &info, &config)?;

    let mut stages = JoinSet::new();
    let mut inputs = Vec::new();
    for (first, scene) in std::iter::once(scene).chain(scenes).enumerate() {
        let (output, input) = mpsc::channel(QUEUE);
        inputs.push(input);
        let read = ReadStage { scene, plan: plan.clone(), first, step: readers, output, cancel: cancel.clone() };
        let name = ReadStage::NAME;
        stages.spawn_blocking(move || caught(name, || read.run().map(|took| StageOutput::Took(name, took))));
    }

    let (output, input) = mpsc::channel(QUEUE.max(config.batch));
    let (tiles, tile_px) = (plan.len(), plan.tile_px() as usize);
    let prepare = PrepareStage { inputs, tiles, tile_px, output, cancel: cancel.clone() };
    let name = PrepareStage::NAME;
    stages.spawn_blocking(move || caught(name, || prepare.run().map(|took| StageOutput::Took(name, took))));

    let progress = Progress::new(tiles as u64, "tiles", watched);
    let (output, answers) = mpsc::channel(QUEUE.max(config.batch));
    let infer = InferStage { predictor, batch: config.batch, tiles, input, output, progress, cancel: cancel.clone() };
    let name = InferStage::NAME;
    stages.spawn_blocking(move || caught(name, || infer.run().map(|took| StageOutput::Took(name, took))));

    let (output, strips) = mpsc::channel(1);
    let stitch = StitchStage {
        plan,
        prompts: prompts.len(),
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

/// What is needed once the stages are done: the report's fixed part and the names.
struct Closing {
    plan: Arc<TilePlan>,
    info: SceneInfo,
    model: ModelReport,
    prompts: Vec<PromptSpec>,
    config: RunConfig,
    names: OutputNames,
}

impl Closing {
    fn new(job: &Job) -> Result<Self, PipelineError> {
        let info = job.scene.info().clone();
        let tile_px = u32::try_from(job.predictor.tile_px()).map_err(|_| PipelineError::Stopped("plan"))?;
        Ok(Self {
            plan: Arc::new(TilePlan::new(info.size, tile_px, job.config.overlap)?),
            info,
            model: job.model.clone(),
            prompts: job.prompts.clone(),
            config: job.config.clone(),
            names: job.names.clone(),
        })
    }

    /// Writes the report and gives everything its final name.
    fn commit(self, done: Done, total: Duration) -> Result<Outcome, PipelineError> {
        let Done { seconds: mut times, counts, written } = done;
        let written = *written.ok_or(PipelineError::Stopped(WriteStage::NAME))?;
        times.insert("total", seconds(total));
        let mut outputs = self.names.all();
        outputs.retain(|path| *path != self.names.report);
        let report = Report {
            versions: Versions { geophrase: env!("CARGO_PKG_VERSION"), gdal: geo_io::init_gdal() },
            notes: self.notes(),
            options: OptionsReport {
                tile_overlap: self.config.overlap.to_string(),
                overlap_px: self.plan.overlap_px(),
                stride_px: self.plan.stride_px(),
                threshold: self.config.threshold,
                min_area: self.config.min_area.to_string(),
                batch: self.config.batch,
                raw_uncertainty: self.config.raw_uncertainty,
                rfc7946: self.config.outputs.rfc7946,
            },
            scene: self.info,
            model: self.model,
            prompts: self
                .prompts
                .into_iter()
                .enumerate()
                .map(|(i, prompt)| PromptReport {
                    prompt: prompt.text,
                    detections: written.detections[i],
                    below_min_area: written.below_min_area[i],
                    mask_px: written.mask_px[i],
                    frame_words: prompt.frame_words,
                })
                .collect(),
            tiles: counts.tiles,
            holes: Vec::new(),
            valid_px: counts.valid_px,
            nodata_px: counts.nodata_px,
            detections: written.detections.iter().sum(),
            outputs,
            seconds: times,
            peak_memory_bytes: peak_memory_bytes(),
        };
        let text = report.to_json();
        let own = pending_file(&self.names.report, self.config.outputs.overwrite, text.as_bytes())?;
        let files = written.pending.merge(own).commit()?;
        Ok(Outcome { report, files, detections: written.kept })
    }

    /// What a reader of the results should know.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.info.notes.clone();
        for prompt in self.prompts.iter().filter(|prompt| !prompt.frame_words.is_empty()) {
            notes.push(format!(
                "{:?} depends on the frame ({}): it is answered tile by tile, not for the whole scene",
                prompt.text,
                prompt.frame_words.join(", ")
            ));
        }
        if let (Some((fine, coarse)), Some(pixel_m)) = (self.model.pixel_size_m, self.info.pixel_size_m)
            && !(fine..=coarse).contains(&pixel_m)
        {
            notes.push(format!("pixels of {pixel_m:.3} m; the model was trained at {fine} to {coarse} m"));
        }
        notes
    }
}
