//! What is known about one scene of a job, beside its outputs. Renamed last: it is what makes a scene done.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use geo_io::pending_file;
use serde::{Deserialize, Serialize};

use super::fingerprint::{FileMark, Fingerprint};
use super::job_file::Settings;
use super::naming::{JobScene, escaped};
use crate::error::PipelineError;

/// Largest manifest that is read.
const MAX_BYTES: u64 = 16 << 20;

/// How far a scene is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being worked on, or the process that did was killed.
    Running,
    /// To be gone on with: the run was asked to stop, or something else than the scene stopped it.
    Stopped,
    /// Complete, with the outputs listed.
    Done,
    /// Tried, and not possible as things are.
    Failed,
}

/// What is known about a scene.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// How far it is.
    pub state: State,
    /// The scene, escaped.
    pub scene: String,
    /// The version of this program.
    pub version: String,
    /// What the results depend on besides the scene.
    pub settings: Settings,
    /// The scene's files as they were read.
    pub inputs: Vec<FileMark>,
    /// Names that are this scene's to write.
    pub claims: Vec<String>,
    /// Files that are complete.
    pub outputs: Vec<OutputMark>,
    /// The exit code that `segment` would have ended with.
    pub exit_code: u8,
    /// Why it failed.
    pub reason: Option<String>,
    /// Polygons written.
    pub detections: u64,
    /// Tiles without an answer.
    pub holes: u64,
    /// Processes that died while they worked on it.
    pub deaths: u32,
    /// Seconds it took.
    pub seconds: f64,
    /// When it was done or failed, in seconds since 1970. Nothing is decided by it.
    pub finished_at: u64,
}

/// A complete output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputMark {
    /// Its name in the output folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 hash of its content.
    pub blake3: String,
}

impl Manifest {
    /// A scene that is about to be worked on.
    #[must_use]
    pub fn running(scene: &JobScene, settings: &Settings, inputs: Fingerprint, before: Option<&Self>) -> Self {
        let mut claims: HashSet<String> = scene.names.all().iter().map(|path| name_of(path)).collect();
        // What an earlier run wrote is still this scene's to replace.
        claims.extend(before.iter().flat_map(|before| before.claims.iter().cloned()));
        let mut claims: Vec<String> = claims.into_iter().collect();
        claims.sort();
        let died = before.filter(|before| before.state == State::Running);
        Self {
            state: State::Running,
            scene: scene.shown.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: settings.clone(),
            inputs: inputs.0,
            claims,
            outputs: before.map(|before| before.outputs.clone()).unwrap_or_default(),
            exit_code: 0,
            reason: None,
            detections: 0,
            holes: 0,
            deaths: died.map_or(0, |before| before.deaths + 1),
            seconds: 0.0,
            finished_at: 0,
        }
    }

    /// What is known about a scene, if anything is. What cannot be read is as good as nothing.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        if std::fs::metadata(path).ok()?.len() > MAX_BYTES {
            return None;
        }
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Writes it in one step.
    ///
    /// # Errors
    /// A folder that cannot be written, a full disk.
    pub fn write(&self, path: &Path) -> Result<(), PipelineError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| PipelineError::Usage(error.to_string()))?;
        text.push('\n');
        pending_file(path, true, text.as_bytes())?.commit()?;
        Ok(())
    }

    /// Whether every output is there and as long as it was written.
    #[must_use]
    pub fn outputs_are_there(&self, folder: &Path) -> bool {
        let is_there = |output: &OutputMark| {
            std::fs::metadata(folder.join(&output.name)).is_ok_and(|found| found.len() == output.bytes)
        };
        self.outputs.iter().all(is_there)
    }

    /// Takes note of complete outputs, and gives the claims that are none any more.
    ///
    /// # Errors
    /// An output that cannot be read back.
    pub fn take_outputs(&mut self, files: &[PathBuf]) -> Result<Vec<String>, PipelineError> {
        let mark = |path: &PathBuf| {
            OutputMark::take(path).map_err(|source| PipelineError::Write { path: path.clone(), source })
        };
        self.outputs = files.iter().map(mark).collect::<Result<_, _>>()?;
        let kept: HashSet<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
        let (kept, stale) = std::mem::take(&mut self.claims).into_iter().partition(|name| kept.contains(name.as_str()));
        self.claims = kept;
        Ok(stale)
    }
}

impl OutputMark {
    fn take(path: &Path) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        hasher.update_reader(file)?;
        Ok(Self { name: name_of(path), bytes, blake3: hasher.finalize().to_hex().to_string() })
    }
}

/// The name of an output in its folder. Names of outputs are UTF-8.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_str().map_or_else(|| escaped(name), str::to_owned)).unwrap_or_default()
}
