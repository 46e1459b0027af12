//! What became of every scene of a job, as one file in the output folder.

use std::path::Path;

use geo_io::pending_file;
use serde::Serialize;

use super::collect::CollectionEntry;
use crate::error::PipelineError;
use crate::exit::Exit;

/// The name of the report in the output folder. No scene's output can have it: theirs end otherwise.
pub const REPORT_NAME: &str = "geophrase.job.json";

/// What became of a job.
#[derive(Clone, Debug, Serialize)]
pub struct JobReport {
    /// The version of this program.
    pub version: &'static str,
    /// Hash of the model.
    pub model: String,
    /// The exit code that the process ends with.
    pub exit_code: u8,
    /// Scenes by what became of them.
    pub counts: Counts,
    /// Detections of all scenes that are done.
    pub detections: u64,
    /// Tiles of the scenes that this run worked on.
    pub tiles: TileTotals,
    /// Seconds by the clock on the wall.
    pub seconds: f64,
    /// When it ended, in seconds since 1970. Nothing is decided by it.
    pub finished_at: u64,
    /// The collection of all detections, if the job asks for one and every scene was tried.
    pub collection: Option<CollectionEntry>,
    /// Every scene.
    pub scenes: Vec<SceneEntry>,
}

/// What became of a scene.
#[derive(Clone, Debug, Serialize)]
pub struct SceneEntry {
    /// The scene, escaped.
    pub scene: String,
    /// What its results are named by.
    pub name: String,
    /// What became of it.
    pub state: SceneState,
    /// The exit code that `segment` ended or would have ended with.
    pub exit_code: u8,
    /// Why it failed, or why it was worked on.
    pub reason: Option<String>,
    /// Polygons written.
    pub detections: u64,
    /// Tiles without an answer.
    pub holes: u64,
    /// Seconds that this run worked on it.
    pub seconds: f64,
}

/// What became of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SceneState {
    /// Done by this run.
    Done,
    /// Done earlier.
    UpToDate,
    /// Failed in this run.
    Failed,
    /// Failed earlier, unchanged since, not tried again.
    Quarantined,
    /// Still to be done.
    Pending,
}

/// Scenes by what became of them; all but the first and last two add up to the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub total: usize,
    /// Done by this run.
    pub done: usize,
    /// Done earlier.
    pub up_to_date: usize,
    /// Failed in this run.
    pub failed: usize,
    /// Failed earlier.
    pub quarantined: usize,
    /// Still to be done.
    pub pending: usize,
    /// Those of the done that have holes.
    pub with_holes: usize,
}

/// Tiles of the scenes that a run worked on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TileTotals {
    /// Looked at by the model.
    pub computed: u64,
    /// Given an earlier answer.
    pub reused: u64,
    /// Without data.
    pub empty: u64,
    /// Not readable.
    pub failed: u64,
}

impl Counts {
    /// Counts scenes.
    #[must_use]
    pub fn of(scenes: &[SceneEntry]) -> Self {
        let mut counts = Self { total: scenes.len(), ..Self::default() };
        for scene in scenes {
            *match scene.state {
                SceneState::Done => &mut counts.done,
                SceneState::UpToDate => &mut counts.up_to_date,
                SceneState::Failed => &mut counts.failed,
                SceneState::Quarantined => &mut counts.quarantined,
                SceneState::Pending => &mut counts.pending,
            } += 1;
            let is_done = matches!(scene.state, SceneState::Done | SceneState::UpToDate);
            counts.with_holes += usize::from(is_done && scene.holes > 0);
        }
        counts
    }

    /// Scenes that need nothing more.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.total - self.pending
    }
}

impl JobReport {
    /// Writes it in one step.
    ///
    /// # Errors
    /// A folder that cannot be written, a full disk.
    pub fn write(&self, folder: &Path) -> Result<(), PipelineError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| PipelineError::Usage(error.to_string()))?;
        text.push('\n');
        pending_file(&folder.join(REPORT_NAME), true, text.as_bytes())?.commit()?;
        Ok(())
    }

    /// The report in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let Counts { total, done, up_to_date, failed, quarantined, pending, with_holes } = self.counts;
        let parts = [
            (done, "done"),
            (up_to_date, "up to date"),
            (failed, "failed"),
            (quarantined, "failed earlier"),
            (pending, "to be done"),
            (with_holes, "with holes"),
        ];
        let told = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        let told: Vec<String> = told.collect();
        let told = if told.is_empty() { "nothing to do".to_owned() } else { told.join(", ") };
        let scenes = if total == 1 { "scene" } else { "scenes" };
        format!("{total} {scenes}: {told}; {} detections, {:.1} s", self.detections, self.seconds)
    }

    /// Scenes without a result, and why.
    #[must_use]
    pub fn failures(&self) -> Vec<(String, String)> {
        let failed = self.scenes.iter().filter(|s| matches!(s.state, SceneState::Failed | SceneState::Quarantined));
        failed.map(|scene| (scene.scene.clone(), scene.reason.clone().unwrap_or_default())).collect()
    }

    /// Scenes with a result that has holes.
    #[must_use]
    pub fn holes(&self) -> Vec<String> {
        let done = self.scenes.iter().filter(|s| matches!(s.state, SceneState::Done | SceneState::UpToDate));
        done.filter(|scene| scene.holes > 0).map(|scene| scene.scene.clone()).collect()
    }

    /// The exit code of a run in which nothing came in between: 0, or 4 when a scene failed or has holes; 75 when all that
    /// failed may work later, as servers that could not be reached.
    #[must_use]
    pub fn plain_exit(&self) -> Exit {
        let Counts { failed, quarantined, with_holes, .. } = self.counts;
        let later = |scene: &&SceneEntry| scene.state == SceneState::Failed && scene.exit_code == Exit::TryAgain as u8;
        match failed + quarantined + with_holes {
            0 => Exit::Done,
            wrong if self.scenes.iter().filter(later).count() == wrong => Exit::TryAgain,
            _ => Exit::Incomplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job whose scenes ended with these codes.
    fn ended(codes: &[u8]) -> JobReport {
        let scene = |&exit_code: &u8| SceneEntry {
            scene: String::new(),
            name: String::new(),
            state: if exit_code == 0 { SceneState::Done } else { SceneState::Failed },
            exit_code,
            reason: None,
            detections: 0,
            holes: 0,
            seconds: 0.0,
        };
        let scenes: Vec<SceneEntry> = codes.iter().map(scene).collect();
        JobReport {
            version: "0",
            model: String::new(),
            exit_code: 0,
            counts: Counts::of(&scenes),
            detections: 0,
            tiles: TileTotals::default(),
            seconds: 0.0,
            finished_at: 0,
            collection: None,
            scenes,
        }
    }

    #[test]
    fn fault_49_servers_that_could_not_be_reached_are_a_reason_to_try_again_unless_something_else_failed() {
        assert_eq!(ended(&[0, 0]).plain_exit(), Exit::Done);
        assert_eq!(ended(&[0, 75, 75]).plain_exit(), Exit::TryAgain);
        assert_eq!(ended(&[0, 75, 66]).plain_exit(), Exit::Incomplete);
    }
}
