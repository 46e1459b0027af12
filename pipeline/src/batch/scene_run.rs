//! One scene of a job, from a look at its files to its manifest.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use geo_io::{GeoIoError, SceneExtent, scene_extent};

use super::fingerprint::{Fingerprint, regular};
use super::manifest::{Manifest, State, name_of};
use super::naming::JobScene;
use super::run::{JobRun, now};
use super::scenes::is_elsewhere;
use crate::commands::segment::{SegmentRequest, segment};
use crate::error::{PipelineError, Signal};
use crate::exit::{Exit, one_line};
use crate::logging::Verbosity;
use crate::panics::caught;
use crate::remote::{RemoteOptions, Source, is_remote};
use crate::report::{TileCounts, seconds};
use crate::run::{Outcome, blocked_on, fetched};

/// Scenes of so many pixels keep their finished tiles until they are done, so that an interruption does not cost them.
const LARGE_PX: u64 = 1 << 23;
/// How often a scene under way asks whether it should stop.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A scene that is done, and how its tiles were answered.
pub(super) struct DoneScene {
    pub(super) manifest: Manifest,
    pub(super) tiles: TileCounts,
}

impl JobRun {
    /// Works on one scene and writes its manifest, last.
    pub(super) fn scene(
        &self,
        scene: &JobScene,
        before: Option<&Manifest>,
        stop: &Arc<AtomicBool>,
    ) -> Result<DoneScene, PipelineError> {
        let unreadable = |source| not_read(&scene.scene, source);
        let started = Instant::now();
        self.refuse_foreign(scene, before)?;
        if !is_elsewhere(&scene.scene) {
            // A look before GDAL opens anything: a pipe would be waited for.
            regular(Path::new(&scene.scene)).map_err(unreadable)?;
        }
        let is_fetched = is_remote(&scene.scene);
        let nothing = SceneExtent { files: Vec::new(), pixels: 0 };
        let SceneExtent { files: sources, pixels } = if is_fetched { nothing } else { self.extent(&scene.scene) };
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
        let segmented = || {
            let mut asked = Box::pin(asked_to_stop(stop.clone(), self.manner.deadline));
            let remote = self.job.remote().map_err(PipelineError::Usage)?;
            let fetched = blocked_on(fetched(&scene.scene, &remote, self.job.trust(), false, &mut asked))?;
            let pixels = if is_fetched { self.extent(fetched.source.name()).pixels } else { pixels };
            let keeps_tiles = pixels >= LARGE_PX && scene.scene.to_str().is_some();
            self.segment(scene, &fetched.source, stop, keeps_tiles.then_some(checkpoint.clone()))
        };
        // A panic is a scene's own failure as well.
        let result = caught("scene", segmented).and_then(|outcome| {
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
            let name = name_of(path);
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
        source: &Source,
        stop: &Arc<AtomicBool>,
        checkpoint: Option<PathBuf>,
    ) -> Result<Outcome, PipelineError> {
        let run = self.job.run_config(scene.outputs.clone()).map_err(PipelineError::Usage)?;
        // One line per scene is for those who ask what the stages do; bars and notes are for single scenes.
        let verbosity = if self.manner.verbosity >= Verbosity::Info { self.manner.verbosity } else { Verbosity::Quiet };
        let request = SegmentRequest {
            scene: scene.scene.clone(),
            scene_options: self.job.scene_options(),
            at_hand: Some(source.clone()),
            remote: RemoteOptions::default(),
            stats: None,
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
}

/// Becomes ready when a scene under way should stop.
///
/// The work on a scene may go from one runtime to the next, and a timer belongs to the one it was made in. So there is a
/// new one for every look.
async fn asked_to_stop(stop: Arc<AtomicBool>, deadline: Option<Instant>) -> Signal {
    let mut timer = None;
    std::future::poll_fn(move |context| {
        loop {
            if stop.load(Ordering::Relaxed) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Poll::Ready(Signal::Terminate);
            }
            let next = timer.insert(Box::pin(tokio::time::sleep(ASK_EVERY)));
            if next.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Whether every further scene would meet the same.
pub(super) fn ends_the_job(error: &PipelineError) -> bool {
    match error {
        // The name of one scene's output is taken; the next may be free.
        PipelineError::GeoIo(GeoIoError::OutputExists { .. }) => false,
        // A prompt that the model cannot take; what else is called usage belongs to the scene: bands, pixel size.
        PipelineError::Model(_) if error.exit() == Exit::Usage => true,
        error => matches!(error.exit(), Exit::CannotCreate | Exit::WriteFailed | Exit::Config | Exit::DeviceAbsent),
    }
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
pub(super) fn is_interrupt(error: &PipelineError) -> bool {
    matches!(error, PipelineError::Interrupted(_) | PipelineError::Paused(_))
}

/// Removes a folder of finished tiles, if it is there.
fn remove_folder(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

/// Removes files that are ours; one that is gone already is no loss.
pub(super) fn remove(files: &[PathBuf]) {
    for file in files {
        let _ = std::fs::remove_file(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_a_stop_goes_on_from_one_runtime_to_the_next() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut asked = Box::pin(asked_to_stop(stop.clone(), None));
        let short = Duration::from_millis(120);
        assert!(runtime().block_on(async { tokio::time::timeout(short, &mut asked).await }).is_err());
        stop.store(true, Ordering::Relaxed);
        assert_eq!(runtime().block_on(asked), Signal::Terminate);
    }
}
