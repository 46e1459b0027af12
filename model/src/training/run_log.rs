//! `log.jsonl` of a run: one line per record, for people and plots.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::validation::ValidationScore;
use crate::error::ModelError;
use crate::evaluation::calibration::CalibrationSummary;

/// An append-only log.
pub(crate) struct RunLog {
    path: PathBuf,
    file: File,
}

/// What is logged of a step.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct StepRecord {
    /// Steps done, this one included.
    pub(crate) step: usize,
    /// Smoothed loss.
    pub(crate) loss: f64,
    /// L_unc of this step.
    pub(crate) uncertainty: f64,
    /// Norm of this step's gradient, all parameters together, before any clipping.
    pub(crate) gradient: f64,
    /// Learning rate.
    pub(crate) rate: f64,
    /// Seconds that this step took.
    pub(crate) seconds: f64,
}

impl RunLog {
    /// Opens the log of a run that has done `step` steps; what was logged after that is cut off, for it will come again.
    pub(crate) fn open(run: &Path, step: usize) -> Result<Self, ModelError> {
        let path = run.join("log.jsonl");
        let io = |action: &'static str| {
            let path = path.clone();
            move |source| ModelError::Io { action, path, source }
        };
        if path.is_file() {
            let text = std::fs::read_to_string(&path).map_err(io("read"))?;
            let kept = kept_bytes(&text, step);
            if kept < text.len() {
                let file = OpenOptions::new().write(true).open(&path).map_err(io("open"))?;
                file.set_len(kept as u64).map_err(io("write"))?;
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(io("open"))?;
        Ok(Self { path, file })
    }

    pub(crate) fn step(&mut self, record: &StepRecord) -> Result<(), ModelError> {
        self.line(&json!(record))
    }

    pub(crate) fn validation(&mut self, step: usize, score: &ValidationScore) -> Result<(), ModelError> {
        self.line(&json!({"step": step, "validation": score}))
    }

    pub(crate) fn calibration(&mut self, step: usize, summary: &CalibrationSummary) -> Result<(), ModelError> {
        self.line(&json!({"step": step, "calibration": summary}))
    }

    pub(crate) fn uncalibrated(&mut self, step: usize, reason: &ModelError) -> Result<(), ModelError> {
        self.line(&json!({"step": step, "uncalibrated": reason.to_string()}))
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Result<Vec<Value>, ModelError> {
        let text = std::fs::read_to_string(&self.path).map_err(|source| ModelError::Io {
            action: "read",
            path: self.path.clone(),
            source,
        })?;
        // A line that a crash cut short says nothing.
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    fn line(&mut self, value: &Value) -> Result<(), ModelError> {
        // One call of the system, so that a crash leaves a whole line or none.
        self.file.write_all(format!("{value}\n").as_bytes()).map_err(|source| ModelError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

/// Length of the part of a log that ends before the first line of a later step, or before a line that is no JSON.
fn kept_bytes(text: &str, step: usize) -> usize {
    let mut kept = 0;
    for line in text.split_inclusive('\n') {
        let Ok(value) = serde_json::from_str::<Value>(line) else { break };
        if value["step"].as_u64().is_some_and(|logged| logged > step as u64) || !line.ends_with('\n') {
            break;
        }
        kept += line.len();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_logged_after_the_checkpoint_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        // Old logs have calibrations without a step; a crash may have cut the last line.
        let text = "{\"step\":20,\"loss\":1.0}\n{\"calibration\":{}}\n{\"step\":40,\"loss\":0.9}\n{\"step\":60,\"lo";
        std::fs::write(&path, text).unwrap();
        let mut log = RunLog::open(folder.path(), 20).unwrap();
        let score = ValidationScore::default();
        log.validation(25, &score).unwrap();
        let steps: Vec<Option<u64>> = log.lines().unwrap().iter().map(|line| line["step"].as_u64()).collect();
        assert_eq!(steps, [Some(20), None, Some(25)]);
    }

    #[test]
    fn a_log_that_is_in_step_stays_whole() {
        let text = "{\"step\":20}\n{\"step\":40}\n";
        assert_eq!(kept_bytes(text, 40), text.len());
        assert_eq!(kept_bytes(text, 39), 12);
    }
}
