//! `geophrase batch`: a job of many scenes, worked through with nobody watching.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use geo_io::{Trust, distrust_scenes};
use model::config::ModelConfig;
use model::weights::ModelFolder;

use crate::batch::error::BatchError;
use crate::batch::job_file::JobFile;
use crate::batch::lock::{FolderLock, LOCK_NAME};
use crate::batch::metrics;
use crate::batch::naming::name_scenes;
use crate::batch::report::{Counts, JobReport, REPORT_NAME};
use crate::batch::run::{Cut, JobRun, Manner, Worked, now};
use crate::batch::scenes::find_scenes;
use crate::batch::standing::Standing;
use crate::config::find_model;
use crate::error::{PipelineError, Signal};
use crate::exit::Exit;
use crate::logging::{self, Verbosity};
use crate::report::seconds;
use crate::run::{interruptible, signals};
use crate::stage::Cancel;

use super::watch::{Watch, watch};

/// What `geophrase batch` was asked to do.
#[derive(Clone, Debug)]
pub struct BatchRequest {
    /// The job file.
    pub job: PathBuf,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Stop after this long.
    pub max_runtime: Option<Duration>,
    /// How much to give way to other processes, 0 to 19.
    pub nice: Option<i32>,
    /// Where numbers for Prometheus go.
    pub metrics: Option<PathBuf>,
    /// Whom scenes come from, where the job file does not say that it is strangers.
    pub trust: Trust,
    /// Whether it is well when another process works on the same folder.
    pub skip_if_locked: bool,
    /// Look for scenes again and again.
    pub watch: Option<Watch>,
    /// How scenes that failed and files of others are treated, and how much is said.
    pub manner: Manner,
}

/// Works through the scenes of a job.
///
/// # Errors
/// Whatever kept a scene from being done; see [`BatchError`].
pub fn batch(request: &BatchRequest) -> Result<(), PipelineError> {
    let started = Instant::now();
    let deadline = request.max_runtime.map(|runtime| started + runtime);
    let manner = Manner { deadline, ..request.manner };
    lower_priority(request.nice)?;
    let mut job = JobFile::read(&request.job)?;
    job.distrust(request.trust);
    if job.trust() != Trust::Trusted {
        // Before anything else of GDAL, so that it loads no plugins.
        distrust_scenes();
    }
    if request.dry_run {
        let run = prepare(job, &request.job, manner)?;
        // A reader such as `head` may have gone already.
        let _ = std::io::stdout().write_all(told(&run).as_bytes());
        return Ok(());
    }
    let folder = job.at(&job.output);
    let is_new = !folder.exists();
    create_folder(&folder)?;
    // Before anything that takes time, so that a second start is turned away at once.
    let lock = match FolderLock::take(&folder) {
        Err(PipelineError::Batch(locked @ BatchError::Locked { .. })) if request.skip_if_locked => {
            if manner.verbosity >= Verbosity::Summary {
                logging::say(&locked.to_string());
            }
            return Ok(());
        }
        taken => taken?,
    };
    let run = prepare(job.clone(), &request.job, manner).inspect_err(|_| {
        if is_new {
            // A job that cannot be begun leaves nothing behind.
            let _ = std::fs::remove_file(folder.join(LOCK_NAME)).and_then(|()| std::fs::remove_dir(&folder));
        }
    })?;
    let pass = Pass { started, folder, metrics: request.metrics.clone(), manner };
    let result = work_through(request.clone(), job, run, &pass);
    drop(lock);
    result
}

/// What all rounds of a job have in common.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    started: Instant,
    folder: PathBuf,
    metrics: Option<PathBuf>,
    pub(super) manner: Manner,
}

impl Pass {
    /// Writes report and numbers of a round in which nothing came in between.
    pub(super) fn write_down(&self, worked: &Worked) -> Result<(), PipelineError> {
        let report = self.report(worked);
        self.write(&report)
    }

    fn write(&self, report: &JobReport) -> Result<(), PipelineError> {
        report.write(&self.folder)?;
        self.metrics.as_deref().map_or(Ok(()), |path| metrics::write(path, report))
    }

    fn report(&self, worked: &Worked) -> JobReport {
        let mut report = JobReport {
            version: env!("CARGO_PKG_VERSION"),
            model: worked.model.clone(),
            exit_code: 0,
            counts: Counts::of(&worked.scenes),
            detections: worked.scenes.iter().map(|scene| scene.detections).sum(),
            tiles: worked.tiles,
            seconds: seconds(self.started.elapsed()),
            finished_at: now(),
            collection: worked.collection.clone(),
            scenes: worked.scenes.clone(),
        };
        report.exit_code = report.plain_exit() as u8;
        report
    }

    /// The report of the last round, and the error the job ends with; the exit code in the one is that of the other.
    fn concluded(&self, worked: Worked, signal: Option<Signal>) -> (JobReport, Option<PipelineError>) {
        let mut report = self.report(&worked);
        let (finished, total) = (report.counts.finished(), report.counts.total);
        let error = match worked.cut {
            Some(Cut::Error(error)) => Some(*error),
            Some(Cut::OutOfTime) => Some(BatchError::OutOfTime { finished, total }.into()),
            Some(Cut::Stopped) => {
                let signal = signal.unwrap_or(Signal::Terminate);
                Some(BatchError::Interrupted { signal, finished, total }.into())
            }
            None if report.plain_exit() == Exit::Done => None,
            None => {
                let (failed, holes, exit) = (report.failures(), report.holes(), report.plain_exit());
                Some(BatchError::Partial { failed, holes, total, report: self.folder.join(REPORT_NAME), exit }.into())
            }
        };
        report.exit_code = error.as_ref().map_or(Exit::Done, PipelineError::exit) as u8;
        (report, error)
    }
}

/// Finds model and scenes and checks all that can be checked before any scene is opened.
pub(super) fn prepare(job: JobFile, job_path: &Path, manner: Manner) -> Result<JobRun, PipelineError> {
    let model = find_model(job.model.as_ref().map(|model| job.at(model)))?;
    let folder = ModelFolder::open(&model)?;
    let config = ModelConfig::read(&model.join("config.json"))?;
    let tokenizer = folder.tokenizer(config.max_tokens)?;
    for prompt in &job.prompts {
        tokenizer.encode_prompt(prompt)?;
    }
    let settings = job.settings(&folder.hash()?).map_err(PipelineError::Usage)?;
    let scenes = name_scenes(&job, job_path, find_scenes(&job, job_path)?)?;
    Ok(JobRun { folder: job.at(&job.output), job, model, settings, scenes, manner, unsettled: HashSet::new() })
}

/// Works on the scenes until all were tried or something stops it, and writes down what became of them.
fn work_through(request: BatchRequest, job: JobFile, run: JobRun, pass: &Pass) -> Result<(), PipelineError> {
    let asked = Asked::default();
    let own = pass.clone();
    let work = move |cancel: &Cancel| match request.watch {
        None => Ok(run.work(&cancel.flag())),
        Some(how) => watch(&request, &job, how, &own, &cancel.flag()),
    };
    let worked = interruptible(work, asked.clone().signal())?;
    let (report, error) = pass.concluded(worked, asked.first());
    pass.write(&report)?;
    if pass.manner.verbosity >= Verbosity::Summary {
        logging::say(&report.summary());
    }
    error.map_or(Ok(()), Err)
}

/// Which signal asked the run to stop.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Option<Signal>>>);

impl Asked {
    /// Waits for a signal; a second one ends the process at once.
    async fn signal(self) -> Signal {
        let signal = signals().await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(signal);
        tokio::spawn(async {
            let exit = match signals().await {
                Signal::Interrupt => Exit::Interrupted,
                Signal::Terminate => Exit::Terminated,
            };
            // What is half-written has a hidden name; the next run removes it.
            std::process::exit(i32::from(exit as u8));
        });
        signal
    }

    fn first(&self) -> Option<Signal> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What would be done, one line per scene.
fn told(run: &JobRun) -> String {
    let mut text = String::new();
    let mut counts = [0; 3];
    for (scene, standing) in run.scenes.iter().zip(run.standings()) {
        let (at, word) = match standing {
            Standing::Todo(why, _) => (0, format!("do ({why})")),
            Standing::UpToDate(_) => (1, "up to date".to_owned()),
            Standing::Quarantined(known) => (2, format!("failed earlier: {}", known.reason.unwrap_or_default())),
        };
        counts[at] += 1;
        let _ = writeln!(text, "{}: {word}", scene.shown);
    }
    let [todo, done, failed] = counts;
    let _ = writeln!(text, "{} scenes: {todo} to do, {done} up to date, {failed} failed earlier", run.scenes.len());
    text
}

fn create_folder(folder: &Path) -> Result<(), PipelineError> {
    std::fs::create_dir_all(folder).map_err(|source| PipelineError::Create { path: folder.to_owned(), source })
}

fn lower_priority(nice: Option<i32>) -> Result<(), PipelineError> {
    let Some(nice) = nice else { return Ok(()) };
    let lowered = rustix::process::nice(nice);
    lowered.map(drop).map_err(|error| PipelineError::Usage(format!("--nice {nice} is not possible: {error}")))
}
