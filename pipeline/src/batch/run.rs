//! Works through the scenes of a job, one after the other, each through `segment`.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::weights::ModelFolder;

use super::collect::CollectionEntry;
use super::job_file::{JobFile, Settings};
use super::manifest::name_of;
use super::naming::JobScene;
use super::report::{REPORT_NAME, SceneEntry, SceneState, TileTotals};
use super::scene_run::{DoneScene, ends_the_job, is_interrupt, remove};
use super::standing::Standing;
use crate::error::PipelineError;
use crate::exit::one_line;
use crate::kept_model::ModelShelf;
use crate::logging::Verbosity;
use crate::progress::Progress;
use crate::report::{TileCounts, seconds};

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

    /// Removes what a killed process left: hidden files named after this job's outputs. The lock is held, so that nobody
    /// is writing them.
    fn remove_leftovers(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let hidden: HashSet<String> = self
            .scenes
            .iter()
            .flat_map(|scene| scene.names.all().into_iter().chain([scene.manifest.clone()]))
            .chain([self.folder.join(REPORT_NAME)])
            .map(|path| name_of(&path))
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

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
