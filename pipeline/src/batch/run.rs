//! Works through the scenes of a job, one after the other, each through `segment`.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use geo_io::{GeoIoError, SceneExtent, scene_extent};
use model::weights::ModelFolder;

use super::collect::CollectionEntry;
use super::fingerprint::{Fingerprint, regular};
use super::job_file::{JobFile, Settings};
use super::manifest::{Manifest, State};
use super::naming::JobScene;
use super::report::{SceneEntry, SceneState, TileTotals};
use super::scenes::is_virtual;
use super::standing::Standing;
use crate::commands::segment::{SegmentRequest, segment};
use crate::error::{PipelineError, Signal};
use crate::exit::{Exit, one_line};
use crate::kept_model::ModelShelf;
use crate::logging::Verbosity;
use crate::progress::Progress;
use crate::report::{TileCounts, seconds};
use crate::run::Outcome;

/// Scenes of so many pixels keep their finished tiles until they are done, so that an interruption does not cost them.
const LARGE_PX: u64 = 1 << 23;
/// How often a scene under way asks whether it should stop.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A job that is ready to be worked through.
#[derive(Clone, Debug)]
pub struct JobRun {
    /// The job.
    pub job: JobFile,
    /// The output folder.
    pub folder: PathBuf,
    /// The model folder.
    pub model: PathBuf,
    /// What results depend on besides the scenes.
    pub settings: Settings,
    /// Its scenes.
    pub scenes: Vec<JobScene>,
    /// How to go about it.
    pub manner: Manner,
    /// Scenes that are still being written by somebody.
    pub unsettled: HashSet<OsString>,
}

/// How to go about a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Whether scenes that failed are tried again although nothing has changed.
    pub retry_failed: bool,
    /// Whether files that no manifest knows of are replaced.
    pub overwrite: bool,
    /// When to stop.
    pub deadline: Option<Instant>,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Why a run ended before all scenes were tried.
#[derive(Debug)]
pub enum Cut {
    /// It was asked to stop.
    Stopped,
    /// The time is over.
    OutOfTime,
    /// Something that every further scene would meet as well.
    Error(Box<PipelineError>),
}

/// What became of the scenes, and whether all of them were tried.
#[derive(Debug, Default)]
pub struct Worked {
    /// Hash of the model.
    pub model: String,
    /// Every scene in the job's order.
    pub scenes: Vec<SceneEntry>,
    /// Tiles of those that were worked on.
    pub tiles: TileTotals,
    /// The collection of all detections, if the job asks for one.
    pub collection: Option<CollectionEntry>,
    /// Why some were not tried.
    pub cut: Option<Cut>,
}

impl JobRun {
    /// What is to be done about each scene.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |scene| Standing::of(scene, &self.folder, &self.settings, self.manner.retry_failed);
        self.scenes.iter().map(standing).collect()
    }

    /// Works on all scenes that need it, until `stop` is set or the time is over.
    #[must_use]
    pub fn work(&self, stop: &Arc<AtomicBool>) -> Worked {
        self.remove_leftovers();
        let standings = self.standings();
        let mut worked = Worked {
            model: self.settings.model.clone(),
            scenes: self.scenes.iter().zip(&standings).map(|(scene, standing)| entry(scene, standing)).collect(),
            ..Worked::default()
        };
        let mut todo: Vec<usize> =
            (0..standings.len()).filter(|&at| matches!(standings[at], Standing::Todo(..))).collect();
        for (entry, scene) in worked.scenes.iter_mut().zip(&self.scenes) {
            if entry.state == SceneState::Pending && self.unsettled.contains(&scene.scene) {
                entry.reason = Some("still being written".to_owned());
            }
        }
        todo.retain(|&at| !self.unsettled.contains(&self.scenes[at].scene));
        todo.sort_by_key(|&at| standings[at].deaths());
        if let Some(error) = self.damage(!todo.is_empty()) {
            worked.cut = Some(Cut::Error(Box::new(error)));
            return worked;
        }
        let _kept = ModelShelf::open();
        let progress = Progress::new(todo.len() as u64, "scenes", self.manner.verbosity.watched());
        for at in todo {
            if let Some(cut) = self.cut(stop) {
                worked.cut = Some(cut);
                break;
            }
            let scene = &self.scenes[at];
            progress.says(&scene.name);
            let Standing::Todo(_, before) = &standings[at] else { continue };
            let started = Instant::now();
            let result = self.scene(scene, before.as_deref(), stop);
            let took = seconds(started.elapsed());
            match self.note(&mut worked, at, result, took) {
                None => progress.advance(1),
                Some(cut) => {
                    worked.cut = Some(cut);
                    break;
                }
            }
        }
        progress.finish();
        if worked.cut.is_none() {
            match self.collect(&worked) {
                Ok(collection) => worked.collection = collection,
                Err(error) => worked.cut = Some(Cut::Error(Box::new(error))),
            }
        }
        worked
    }

    /// What is wrong with model or device, where they are needed: every scene would meet it.
    fn damage(&self, is_needed: bool) -> Option<PipelineError> {
        let check = || ModelFolder::open(&self.model)?.tensors().and_then(|_| self.job.device.resolve());
        if is_needed { check().err().map(PipelineError::from) } else { None }
    }

    /// Why to stop before the next scene.
    fn cut(&self, stop: &AtomicBool) -> Option<Cut> {
        if stop.load(Ordering::Relaxed) {
            return Some(Cut::Stopped);
        }
        self.manner.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Cut::OutOfTime)
    }

    /// Writes down how a scene came out; gives why the job cannot go on, if it cannot.
    fn note(&self, worked: &mut Worked, at: usize, result: Result<DoneScene, PipelineError>, took: f64) -> Option<Cut> {
        let entry = &mut worked.scenes[at];
        entry.seconds = took;
        match result {
            Ok(DoneScene { manifest, tiles }) => {
                entry.state = SceneState::Done;
                entry.reason.clone_from(&manifest.reason);
                entry.exit_code = manifest.exit_code;
                (entry.detections, entry.holes) = (manifest.detections, manifest.holes);
                tracing::info!(scene = entry.scene, detections = entry.detections, seconds = took, "done");
                worked.tiles.add(tiles);
                None
            }
            Err(error) if is_interrupt(&error) => {
                entry.state = SceneState::Pending;
                // Out of time is the only other reason to interrupt a scene.
                Some(self.cut(&AtomicBool::new(false)).unwrap_or(Cut::Stopped))
            }
            Err(error) => {
                entry.exit_code = error.exit() as u8;
                entry.reason = Some(one_line(&error));
                tracing::error!(scene = entry.scene, exit_code = entry.exit_code, "{}", one_line(&error));
                if ends_the_job(&error) {
                    entry.state = SceneState::Pending;
                    return Some(Cut::Error(Box::new(error)));
                }
                entry.state = SceneState::Failed;
                None
            }
        }
    }

    /// Works on one scene and writes its manifest, last.
    fn scene(
        &self,
        scene: &JobScene,
        before: Option<&Manifest>,
        stop: &Arc<AtomicBool>,
    ) -> Result<DoneScene, PipelineError> {
        let unreadable = |source| not_read(&scene.scene, source);
        let started = Instant::now();
        self.refuse_foreign(scene, before)?;
        if !is_virtual(&scene.scene) {
            // A look before GDAL opens anything: a pipe would be waited for.
            regular(Path::new(&scene.scene)).map_err(unreadable)?;
        }
        let SceneExtent { files: sources, pixels } = self.extent(&scene.scene);
        let inputs = Fingerprint::take(&scene.scene, &sources).map_err(unreadable)?;
        let mut manifest = Manifest::running(scene, &self.settings, inputs.clone(), before);
        manifest.write(&scene.manifest)?;
        let checkpoint = self.checkpoint_of(scene);
        let goes_on = before.is_some_and(|before| {
            before.state != State::Done && before.settings == manifest.settings && before.inputs == manifest.inputs
        });
        if !goes_on {
            remove_folder(&checkpoint);
        }
        let keeps_tiles = pixels >= LARGE_PX && scene.scene.to_str().is_some();
        let result = self.segment(scene, stop, keeps_tiles.then_some(checkpoint.clone())).and_then(|outcome| {
            if inputs.still_holds(&scene.scene).is_ok_and(|holds| holds) {
                return Ok(outcome);
            }
            remove(&outcome.files);
            let reason = "it changed while it was being read; the next run takes it as it is then".to_owned();
            Err(GeoIoError::UnusableScene { name: scene.scene.clone(), reason }.into())
        });
        manifest.deaths = 0;
        manifest.seconds = seconds(started.elapsed());
        manifest.finished_at = now();
        match result {
            Ok(outcome) => {
                let stale = manifest.take_outputs(&outcome.files)?;
                remove(&stale.iter().map(|name| self.folder.join(name)).collect::<Vec<_>>());
                manifest.state = State::Done;
                manifest.detections = outcome.report.detections;
                manifest.holes = outcome.report.tiles.failed;
                let incomplete = outcome.whole().err();
                manifest.exit_code = incomplete.as_ref().map_or(Exit::Done, PipelineError::exit) as u8;
                manifest.reason = incomplete.as_ref().map(|error| one_line(error));
                manifest.write(&scene.manifest)?;
                Ok(DoneScene { manifest, tiles: outcome.report.tiles })
            }
            Err(error) if is_interrupt(&error) || ends_the_job(&error) || error.exit() == Exit::TryAgain => {
                // Nothing is wrong with the scene: the next run goes on where this one ended.
                manifest.state = State::Stopped;
                let _ = manifest.write(&scene.manifest);
                Err(error)
            }
            Err(error) => {
                remove_folder(&checkpoint);
                manifest.state = State::Failed;
                manifest.exit_code = error.exit() as u8;
                manifest.reason = Some(one_line(&error));
                manifest.write(&scene.manifest)?;
                Err(error)
            }
        }
    }

    /// Refuses to replace a file that is not known to be this scene's own.
    fn refuse_foreign(&self, scene: &JobScene, before: Option<&Manifest>) -> Result<(), PipelineError> {
        if self.manner.overwrite {
            return Ok(());
        }
        let is_own = |path: &Path| {
            let name = super::manifest::name_of(path);
            before.is_some_and(|before| before.claims.contains(&name))
        };
        match scene.names.all().into_iter().find(|path| path.symlink_metadata().is_ok() && !is_own(path)) {
            Some(path) => Err(GeoIoError::OutputExists { path }.into()),
            None => Ok(()),
        }
    }

    /// What is to be known of a scene before it is worked on. A stranger's is not opened more often than needed.
    fn extent(&self, scene: &OsStr) -> SceneExtent {
        if self.job.untrusted {
            // Compressed to a fourth or less, as pictures are.
            let bytes = std::fs::metadata(Path::new(scene)).map_or(0, |found| found.len());
            return SceneExtent { files: Vec::new(), pixels: bytes.saturating_mul(4) / 3 };
        }
        scene_extent(scene)
    }

    /// Where finished tiles of a large scene are kept until it is done.
    fn checkpoint_of(&self, scene: &JobScene) -> PathBuf {
        self.folder.join(format!(".{}.checkpoint", scene.name))
    }

    fn segment(
        &self,
        scene: &JobScene,
        stop: &Arc<AtomicBool>,
        checkpoint: Option<PathBuf>,
    ) -> Result<Outcome, PipelineError> {
        let run = self.job.run_config(scene.outputs.clone()).map_err(PipelineError::Usage)?;
        // One line per scene is for those who ask what the stages do; bars and notes are for single scenes.
        let verbosity = if self.manner.verbosity >= Verbosity::Info { self.manner.verbosity } else { Verbosity::Quiet };
        let request = SegmentRequest {
            scene: scene.scene.clone(),
            scene_options: self.job.scene_options(),
            prompts: self.job.prompts.clone(),
            model: Some(self.model.clone()),
            device: self.job.device,
            run,
            checkpoint: checkpoint.clone(),
            verbosity,
            keep_detections: 0,
        };
        let asked = || asked_to_stop(stop.clone(), self.manner.deadline);
        match (segment(request.clone(), asked()), checkpoint) {
            // Kept by another version of the program, or on another kind of processor.
            (Err(PipelineError::OtherPlan { .. } | PipelineError::PlanMismatch { .. }), Some(folder)) => {
                remove_folder(&folder);
                segment(request, asked())
            }
            (result, _) => result,
        }
    }

    /// Removes what a killed process left: hidden files named after this job's outputs. The lock is held, so that nobody
    /// is writing them.
    fn remove_leftovers(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let hidden: HashSet<String> = self
            .scenes
            .iter()
            .flat_map(|scene| scene.names.all().into_iter().chain([scene.manifest.clone()]))
            .chain([self.folder.join(super::report::REPORT_NAME)])
            .map(|path| super::manifest::name_of(&path))
            .collect();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let own = name.to_str().and_then(|name| name.strip_prefix('.')?.split_once(".tmp-"));
            if own.is_some_and(|(of, _)| hidden.contains(of)) {
                tracing::info!("removed what a killed run left: {}", entry.path().display());
                remove(&[entry.path()]);
            }
        }
    }
}

/// Becomes ready when a scene under way should stop.
async fn asked_to_stop(stop: Arc<AtomicBool>, deadline: Option<Instant>) -> Signal {
    while !stop.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        tokio::time::sleep(ASK_EVERY).await;
    }
    Signal::Terminate
}

/// Whether every further scene would meet the same.
fn ends_the_job(error: &PipelineError) -> bool {
    match error {
        // The name of one scene's output is taken; the next may be free.
        PipelineError::GeoIo(GeoIoError::OutputExists { .. }) => false,
        // A prompt that the model cannot take; what else is called usage belongs to the scene: bands, pixel size.
        PipelineError::Model(_) if error.exit() == Exit::Usage => true,
        error => matches!(error.exit(), Exit::CannotCreate | Exit::WriteFailed | Exit::Config | Exit::DeviceAbsent),
    }
}

/// A scene that is done, and how its tiles were answered.
struct DoneScene {
    manifest: Manifest,
    tiles: TileCounts,
}

impl TileTotals {
    fn add(&mut self, tiles: TileCounts) {
        self.computed += tiles.computed;
        self.reused += tiles.reused;
        self.empty += tiles.empty;
        self.failed += tiles.failed;
    }
}

/// What the report says of a scene before it is worked on.
fn entry(scene: &JobScene, standing: &Standing) -> SceneEntry {
    let mut entry = SceneEntry {
        scene: scene.shown.clone(),
        name: scene.name.clone(),
        state: SceneState::Pending,
        exit_code: 0,
        reason: None,
        detections: 0,
        holes: 0,
        seconds: 0.0,
    };
    let known = match standing {
        Standing::Todo(why, _) => {
            entry.reason = Some(why.to_string());
            return entry;
        }
        Standing::UpToDate(known) => {
            entry.state = SceneState::UpToDate;
            known
        }
        Standing::Quarantined(known) => {
            entry.state = SceneState::Quarantined;
            known
        }
    };
    entry.exit_code = known.exit_code;
    entry.reason.clone_from(&known.reason);
    (entry.detections, entry.holes) = (known.detections, known.holes);
    entry
}

/// A scene that cannot be looked at before GDAL opens it.
fn not_read(scene: &OsStr, source: std::io::Error) -> PipelineError {
    if source.kind() == std::io::ErrorKind::NotFound {
        return GeoIoError::MissingScene { name: scene.to_owned() }.into();
    }
    if source.kind() == std::io::ErrorKind::InvalidInput {
        return GeoIoError::UnusableScene { name: scene.to_owned(), reason: source.to_string() }.into();
    }
    PipelineError::ReadInput { path: PathBuf::from(scene), source }
}

/// Whether it was a signal, or the end of the time, that ended the work on a scene.
fn is_interrupt(error: &PipelineError) -> bool {
    matches!(error, PipelineError::Interrupted(_) | PipelineError::Paused(_))
}

/// Removes a folder of finished tiles, if it is there.
fn remove_folder(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

/// Removes files that are ours; one that is gone already is no loss.
fn remove(files: &[PathBuf]) {
    for file in files {
        let _ = std::fs::remove_file(file);
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
