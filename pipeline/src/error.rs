//! Everything that can stop a command, and the exit code it ends with.

use std::path::PathBuf;

use geo_io::{ErrorKind, GeoIoError};
use model::{ModelError, ModelErrorKind};

use crate::exit::Exit;

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, a job scheduler, or a closed terminal.
    Terminate,
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Flags that do not fit together or a value that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Rasters and polygons.
    #[error(transparent)]
    GeoIo(#[from] GeoIoError),
    /// Model, device, prompt, training data.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A scene on a server.
    #[error(transparent)]
    Remote(#[from] crate::remote::RemoteError),
    /// A file of statistics that does not fit.
    #[error("cannot use the statistics in {}: {reason}", path.display())]
    Statistics {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// No model folder was named and none was found.
    #[error("no model folder found (looked in {looked_in}): name one with --model DIR or GEOPHRASE_MODEL")]
    NoModel {
        /// The places that were tried.
        looked_in: String,
    },
    /// The world that `synth` was asked to draw makes no sense.
    #[error("cannot draw a scene: {0}")]
    Synth(String),
    /// An input other than the scene cannot be read.
    #[error("cannot read {}", path.display())]
    ReadInput {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An output folder or file cannot be created.
    #[error("cannot create {}", path.display())]
    Create {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An output file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The model gave something that is no prediction.
    #[error("the model's answer for the tile at {window} is unusable: {reason}")]
    BadPrediction {
        /// The tile.
        window: geo_io::PixelWindow,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process is at work on the same thing.
    #[error("{} is being written by another process: try again later", path.display())]
    Locked {
        /// The file it holds.
        path: PathBuf,
    },
    /// A file in a plan's folder belongs to another plan.
    #[error("{} belongs to another plan: use another folder, or remove this one", path.display())]
    OtherPlan {
        /// The file.
        path: PathBuf,
    },
    /// A plan that does not fit this program, this model, or itself.
    #[error("cannot use the plan: {reason}")]
    PlanMismatch {
        /// What does not fit.
        reason: String,
    },
    /// The scene is no longer the file it was.
    #[error("scene {scene} was changed while work on it was under way")]
    SceneChanged {
        /// The scene.
        scene: String,
    },
    /// Some units of a plan are not finished.
    #[error("{missing} of {all} units are not finished: run the plan first (units {listed})")]
    UnitsMissing {
        /// How many are not finished.
        missing: usize,
        /// Of how many.
        all: usize,
        /// Which, the first few.
        listed: String,
    },
    /// A finished unit whose answers are not all there.
    #[error("{} is damaged ({reason}): remove it and run its unit again", path.display())]
    DamagedLog {
        /// The log.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Some scenes could not be worked on; the others were.
    #[error("{failed} of {all} scenes failed; the first is {scene}: {reason}")]
    ScenesFailed {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
        /// The first of them.
        scene: String,
        /// Why.
        reason: String,
    },
    /// Some units are in the hands of other processes; the others are done.
    #[error("{units} units are being run by another process: try again later")]
    UnitsLocked {
        /// How many.
        units: usize,
    },
    /// The scene takes more memory than the run may take.
    #[error(
        "a scene {width} px wide with {prompts} prompts needs about {needed}, and {allowed} are allowed: give more with \
         --ram, ask for fewer prompts at once, or cut the scene"
    )]
    TooLittleMemory {
        /// What it needs at least.
        needed: String,
        /// What it may take.
        allowed: String,
        /// Width of the scene.
        width: u32,
        /// Number of prompts.
        prompts: usize,
    },
    /// No tile of the scene could be read or answered.
    #[error("no tile of scene {scene} could be read: {reason}")]
    NoTile {
        /// The scene.
        scene: String,
        /// Why the first one could not.
        reason: String,
    },
    /// All is written, but some of the scene has no result.
    #[error(
        "{failed} of {planned} tiles of {scene} have no answer, which leaves {hole_px} pixels without a result \
         (listed in {})", report.display()
    )]
    Holes {
        /// The scene.
        scene: String,
        /// Tiles without an answer.
        failed: u64,
        /// All tiles.
        planned: u64,
        /// Pixels without a result.
        hole_px: u64,
        /// Where the holes are listed.
        report: PathBuf,
    },
    /// A stage panicked.
    #[error("bug in stage {stage}: {message}")]
    StagePanic {
        /// The stage's name.
        stage: &'static str,
        /// The panic message.
        message: String,
    },
    /// A stage ended early because its neighbour did; the neighbour's error is the one to report.
    #[error("bug: stage {0} ended early without a cause")]
    Stopped(&'static str),
    /// The runtime that supervises the stages could not be started.
    #[error("cannot start the stages")]
    Runtime(#[source] std::io::Error),
    /// A job of many scenes ended without having done all it was asked.
    #[error(transparent)]
    Batch(#[from] crate::batch::error::BatchError),
    /// The machine lacks something that a run needs.
    #[error(transparent)]
    Unfit(#[from] crate::commands::doctor::Unfit),
    /// The user or the system asked a training run to end.
    #[error(
        "{} after step {step} of {steps}: the same command goes on from there",
        match .signal { Signal::Interrupt => "interrupted", Signal::Terminate => "terminated" }
    )]
    TrainingInterrupted {
        /// What asked.
        signal: Signal,
        /// Steps done.
        step: usize,
        /// Steps of the recipe.
        steps: usize,
    },
    /// The user or the system asked work on a plan to end; what was finished is kept.
    #[error(
        "{}: finished tiles are kept, and the same command goes on from there",
        match .0 { Signal::Interrupt => "interrupted", Signal::Terminate => "terminated" }
    )]
    Paused(Signal),
    /// The user or the system asked to end.
    #[error("{}: nothing was written", match .0 { Signal::Interrupt => "interrupted", Signal::Terminate => "terminated" })]
    Interrupted(Signal),
}

impl PipelineError {
    /// The same, where an interrupt costs only what was in hand.
    #[must_use]
    pub fn paused(self) -> Self {
        if let Self::Interrupted(signal) = self { Self::Paused(signal) } else { self }
    }

    /// True when the outputs are there all the same.
    #[must_use]
    pub fn leaves_outputs(&self) -> bool {
        matches!(self, Self::Holes { .. })
    }

    /// True when one scene is at fault, so that work on others can go on.
    #[must_use]
    pub fn is_about_a_scene(&self) -> bool {
        match self {
            Self::GeoIo(error) => matches!(
                error.kind(),
                ErrorKind::MissingScene | ErrorKind::UnreadableScene | ErrorKind::UnusableScene | ErrorKind::Usage
            ),
            Self::Remote(error) => !matches!(error.exit(), Exit::WriteFailed | Exit::Config),
            Self::Usage(_)
            | Self::NoTile { .. }
            | Self::SceneChanged { .. }
            | Self::BadPrediction { .. }
            | Self::TooLittleMemory { .. } => true,
            _ => false,
        }
    }

    /// The exit code to end with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Synth(_) | Self::TooLittleMemory { .. } => Exit::Usage,
            Self::GeoIo(error) => match error.kind() {
                ErrorKind::MissingScene | ErrorKind::UnreadableScene => Exit::UnreadableScene,
                ErrorKind::UnusableScene => Exit::UnusableScene,
                ErrorKind::Usage => Exit::Usage,
                ErrorKind::OutputExists | ErrorKind::OutputCreate => Exit::CannotCreate,
                ErrorKind::WriteFailed => Exit::WriteFailed,
                ErrorKind::Internal => Exit::Bug,
            },
            Self::Model(error) => model_exit(error),
            Self::Remote(error) => error.exit(),
            Self::Batch(error) => error.exit(),
            Self::Unfit(unfit) => unfit.exit,
            Self::NoModel { .. } | Self::OtherPlan { .. } | Self::PlanMismatch { .. } | Self::Statistics { .. } => {
                Exit::Config
            }
            Self::ReadInput { .. } | Self::NoTile { .. } | Self::DamagedLog { .. } => Exit::UnreadableScene,
            Self::Holes { .. } | Self::ScenesFailed { .. } => Exit::Incomplete,
            Self::Locked { .. } | Self::UnitsLocked { .. } | Self::UnitsMissing { .. } => Exit::TryAgain,
            Self::SceneChanged { .. } => Exit::UnusableScene,
            Self::Create { .. } => Exit::CannotCreate,
            Self::Write { .. } => Exit::WriteFailed,
            Self::BadPrediction { .. } | Self::StagePanic { .. } | Self::Stopped(_) | Self::Runtime(_) => Exit::Bug,
            Self::Interrupted(signal) | Self::Paused(signal) | Self::TrainingInterrupted { signal, .. } => match signal
            {
                Signal::Interrupt => Exit::Interrupted,
                Signal::Terminate => Exit::Terminated,
            },
        }
    }
}

fn model_exit(error: &ModelError) -> Exit {
    match error.kind() {
        ModelErrorKind::Usage => Exit::Usage,
        ModelErrorKind::Config => Exit::Config,
        ModelErrorKind::DeviceAbsent => Exit::DeviceAbsent,
        ModelErrorKind::Data => Exit::UnusableScene,
        ModelErrorKind::Bug => Exit::Bug,
        ModelErrorKind::Io => match error {
            ModelError::Io { action: "read" | "open", .. } => Exit::UnreadableScene,
            ModelError::Io { action: "create", .. } => Exit::CannotCreate,
            _ => Exit::WriteFailed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_error_is_a_usage_error_and_a_damaged_model_is_a_configuration_error() {
        let prompt = ModelError::Prompt { prompt: String::new(), reason: "is empty".into() };
        assert_eq!(PipelineError::from(prompt).exit(), Exit::Usage);
        let folder = ModelError::ModelFolder { folder: "m".into(), reason: "cut".into() };
        assert_eq!(PipelineError::from(folder).exit(), Exit::Config);
    }

    #[test]
    fn signals_end_with_128_plus_their_number() {
        assert_eq!(PipelineError::Interrupted(Signal::Interrupt).exit() as u8, 128 + 2);
        assert_eq!(PipelineError::Interrupted(Signal::Terminate).exit() as u8, 128 + 15);
    }
}
