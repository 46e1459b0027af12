//! `geophrase watch`: a job whose scenes keep coming, looked for again and again.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::batch::{BatchRequest, Pass, prepare};
use crate::batch::fingerprint::mtime_ns;
use crate::batch::job_file::JobFile;
use crate::batch::report::SceneState;
use crate::batch::run::{Cut, Worked};
use crate::batch::scenes::{find_scenes, is_elsewhere};
use crate::error::PipelineError;
use crate::logging;

/// How often a waiting process asks whether it should stop.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How a folder is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Time between two looks; a file that is the same at both is complete.
    pub poll: Duration,
    /// End after the scenes that are complete now.
    pub once: bool,
}

/// Length and time of each file at the last look.
#[derive(Default)]
struct Looks(HashMap<OsString, Option<(u64, i64)>>);

impl Looks {
    /// Looks at the scenes; gives those that are not the same as at the last look.
    fn unsettled(&mut self, scenes: Vec<OsString>) -> Vec<OsString> {
        let before = std::mem::take(&mut self.0);
        let mut unsettled = Vec::new();
        for scene in scenes {
            let look = std::fs::metadata(Path::new(&scene)).ok().map(|found| (found.len(), mtime_ns(&found)));
            if !is_elsewhere(&scene) && before.get(&scene) != Some(&look) {
                unsettled.push(scene.clone());
            }
            self.0.insert(scene, look);
        }
        unsettled
    }
}

/// Works on every scene once it is complete, until `stop` is set, the time is over, or `once`.
///
/// A pass that finds nothing new costs a look at the folder. A pass that worked on something writes report and numbers.
///
/// # Errors
/// What ends a job: a folder that is gone, a model that does not fit, a report that cannot be written.
pub(super) fn watch(
    request: &BatchRequest,
    job: &JobFile,
    watch: Watch,
    pass: &Pass,
    stop: &Arc<AtomicBool>,
) -> Result<Worked, PipelineError> {
    let mut looks = Looks::default();
    looks.unsettled(find_scenes(job, &request.job)?);
    let mut last: Option<(Looked, Worked)> = None;
    loop {
        // At the first look nothing is known to be complete, so that there is a pause before the first pass as well.
        let mut cut = pause(watch.poll, stop, pass.manner.deadline);
        let unsettled = looks.unsettled(find_scenes(job, &request.job)?);
        let looked = Looked { files: looks.0.clone(), unsettled: unsettled.clone() };
        let is_new = last.as_ref().is_none_or(|(before, _)| *before != looked);
        if cut.is_none() && is_new {
            let mut run = prepare(job.clone(), &request.job, pass.manner)?;
            run.unsettled = unsettled.into_iter().collect();
            let mut worked = run.work(stop);
            cut = worked.cut.take();
            let has_worked = worked.scenes.iter().any(|s| matches!(s.state, SceneState::Done | SceneState::Failed));
            if !watch.once && cut.is_none() && (has_worked || last.is_none()) {
                pass.write_down(&worked)?;
                for scene in worked.scenes.iter().filter(|scene| scene.state == SceneState::Failed) {
                    logging::say(&format!("{} failed: {}", scene.scene, scene.reason.as_deref().unwrap_or_default()));
                }
            }
            last = Some((looked, worked));
        }
        if watch.once || cut.is_some() {
            let mut worked = last.map_or_else(Worked::default, |(_, worked)| worked);
            // With nothing left to do, the end of the time is the end of the job.
            let is_through = worked.scenes.iter().all(|scene| scene.state != SceneState::Pending);
            worked.cut = cut.filter(|cut| !(matches!(cut, Cut::OutOfTime) && is_through));
            return Ok(worked);
        }
    }
}

/// What a pass was about: when the next look is the same, there is nothing to do.
#[derive(PartialEq)]
struct Looked {
    files: HashMap<OsString, Option<(u64, i64)>>,
    unsettled: Vec<OsString>,
}

/// Waits; gives the reason to stop that came meanwhile.
fn pause(length: Duration, stop: &AtomicBool, deadline: Option<Instant>) -> Option<Cut> {
    let started = Instant::now();
    loop {
        if stop.load(Ordering::Relaxed) {
            return Some(Cut::Stopped);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Some(Cut::OutOfTime);
        }
        if started.elapsed() >= length {
            return None;
        }
        std::thread::sleep(ASK_EVERY.min(length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_complete_when_two_looks_find_it_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let scenes = || vec![path.clone().into_os_string()];
        let mut looks = Looks::default();
        std::fs::write(&path, "1").unwrap();
        assert_eq!(looks.unsettled(scenes()), scenes());
        std::fs::write(&path, "12").unwrap();
        assert_eq!(looks.unsettled(scenes()), scenes());
        assert_eq!(looks.unsettled(scenes()), [""; 0]);
        // Written to again, it is not complete any more.
        std::fs::write(&path, "123").unwrap();
        assert_eq!(looks.unsettled(scenes()), scenes());
    }
}
