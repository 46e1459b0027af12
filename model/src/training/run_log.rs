//! `log.jsonl` of a run: one line per record, for people and plots.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::validation::ValidationScore;
use crate::error::ModelError;
use crate::evaluation::calibration::CalibrationSummary;

/// An append-only log.
pub(crate) struct RunLog {
    path: PathBuf,
    file: File,
}

impl RunLog {
    pub(crate) fn open(run: &Path) -> Result<Self, ModelError> {
        let path = run.join("log.jsonl");
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(ModelError::Io { action: "open", path, source }),
        }
    }

    pub(crate) fn step(
        &mut self,
        step: usize,
        loss: f64,
        uncertainty: f64,
        rate: f64,
        seconds: f64,
    ) -> Result<(), ModelError> {
        self.line(&json!({"step": step, "loss": loss, "uncertainty": uncertainty, "rate": rate, "seconds": seconds}))
    }

    pub(crate) fn validation(&mut self, step: usize, score: &ValidationScore) -> Result<(), ModelError> {
        self.line(&json!({"step": step, "validation": score}))
    }

    pub(crate) fn calibration(&mut self, summary: &CalibrationSummary) -> Result<(), ModelError> {
        self.line(&json!({"calibration": summary}))
    }

    pub(crate) fn uncalibrated(&mut self, reason: &ModelError) -> Result<(), ModelError> {
        self.line(&json!({"uncalibrated": reason.to_string()}))
    }

    fn line(&mut self, value: &serde_json::Value) -> Result<(), ModelError> {
        writeln!(self.file, "{value}").map_err(|source| ModelError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}
