//! Everything that can go wrong in this crate, and what a caller should conclude from it.

use std::path::PathBuf;

/// Why the model crate could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A prompt that cannot be answered.
    #[error("prompt {prompt:?} {reason}")]
    Prompt {
        /// The prompt as given.
        prompt: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A device name that does not exist.
    #[error("unknown device {0:?}: use auto, cpu, cuda or cuda:N")]
    UnknownDevice(String),
    /// A device that was asked for and is not there.
    #[error("device {device} is not available: {reason}")]
    DeviceAbsent {
        /// The device as asked for.
        device: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A file of the model folder that is missing, damaged or of another shape.
    #[error("model folder {folder}: {reason}", folder = folder.display())]
    ModelFolder {
        /// The folder.
        folder: PathBuf,
        /// Which file, what is wrong with it, and what to do.
        reason: String,
    },
    /// A configuration that makes no sense.
    #[error("{path}: {reason}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Training or evaluation data that cannot be used.
    #[error("{path}: {reason}", path = path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tile whose shape is not what the predictor takes.
    #[error("a tile of {got} px with {values} values was given to a predictor that wants {wanted}")]
    TileSide {
        /// What the predictor takes.
        wanted: String,
        /// The side that was given.
        got: usize,
        /// How many values it came with.
        values: usize,
    },
    /// A prediction that does not fit the record it is compared with.
    #[error("prediction for record {record}: {reason}")]
    Prediction {
        /// The record.
        record: String,
        /// What does not fit.
        reason: String,
    },
    /// Training whose loss or gradient ceased to be a number.
    #[error(
        "{what} at step {step}: the batch lies in {folder}, the state before the last checkpoint is kept; a lower \
         learning rate or a smaller clip may help",
        folder = folder.display()
    )]
    Diverged {
        /// The step, counted from 0.
        step: usize,
        /// What became what.
        what: String,
        /// Where the batch was saved.
        folder: PathBuf,
    },
    /// A computation that failed on the device.
    #[error("the device failed: {0}")]
    Device(String),
}

/// What a caller should conclude from a [`ModelError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// The user asked for something that cannot be: prompt, device name.
    Usage,
    /// The model folder or a configuration does not fit.
    Config,
    /// The device is not there.
    DeviceAbsent,
    /// A file could not be read or written.
    Io,
    /// Data of a training or evaluation set are unusable.
    Data,
    /// A fault of ours or of the device.
    Bug,
}

impl ModelError {
    /// What a caller should conclude from this error.
    #[must_use]
    pub fn kind(&self) -> ModelErrorKind {
        match self {
            Self::Prompt { .. } | Self::UnknownDevice(_) => ModelErrorKind::Usage,
            Self::ModelFolder { .. } | Self::Config { .. } => ModelErrorKind::Config,
            Self::DeviceAbsent { .. } => ModelErrorKind::DeviceAbsent,
            Self::Io { .. } => ModelErrorKind::Io,
            Self::Data { .. } | Self::Diverged { .. } => ModelErrorKind::Data,
            Self::TileSide { .. } | Self::Prediction { .. } | Self::Device(_) => ModelErrorKind::Bug,
        }
    }
}
