//! What is to be done about each scene of a job, found out before anything is done.

use std::path::Path;

use super::fingerprint::Fingerprint;
use super::job_file::Settings;
use super::manifest::{Manifest, State};
use super::naming::JobScene;

/// What is to be done about a scene.
#[derive(Debug)]
pub enum Standing {
    /// To be worked on, and why; what is known from earlier.
    Todo(Why, Option<Box<Manifest>>),
    /// Done already, and nothing has changed.
    UpToDate(Box<Manifest>),
    /// Tried already without success, and nothing has changed.
    Quarantined(Box<Manifest>),
}

/// Why a scene is to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing is known about it.
    New,
    /// A process was stopped or killed while it worked on it.
    Unfinished,
    /// The scene is another.
    SceneChanged,
    /// Model, prompts or options are others.
    SettingsChanged,
    /// Outputs are missing or of another length.
    OutputsGone,
    /// It failed, and is to be tried again.
    Retry,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Unfinished => "unfinished",
            Self::SceneChanged => "scene changed",
            Self::SettingsChanged => "model, prompts or options changed",
            Self::OutputsGone => "outputs missing",
            Self::Retry => "failed before",
        })
    }
}

impl Standing {
    /// Finds out about a scene.
    #[must_use]
    pub fn of(scene: &JobScene, folder: &Path, settings: &Settings, retry_failed: bool) -> Self {
        let Some(known) = Manifest::read(&scene.manifest).map(Box::new) else { return Self::Todo(Why::New, None) };
        if matches!(known.state, State::Running | State::Stopped) {
            return Self::Todo(Why::Unfinished, Some(known));
        }
        let holds = Fingerprint(known.inputs.clone()).still_holds(&scene.scene);
        let why = if !holds.is_ok_and(|holds| holds) {
            Why::SceneChanged
        } else if known.settings != *settings {
            Why::SettingsChanged
        } else if known.state == State::Failed {
            // A later program may know better.
            if !retry_failed && known.version == env!("CARGO_PKG_VERSION") {
                return Self::Quarantined(known);
            }
            Why::Retry
        } else if known.outputs_are_there(folder) {
            return Self::UpToDate(known);
        } else {
            Why::OutputsGone
        };
        Self::Todo(why, Some(known))
    }

    /// Processes that died at this scene; those that killed some come last, so that they cannot keep others from being
    /// done.
    #[must_use]
    pub fn deaths(&self) -> u32 {
        match self {
            Self::Todo(Why::Unfinished, Some(known)) if known.state == State::Running => known.deaths + 1,
            _ => 0,
        }
    }
}
