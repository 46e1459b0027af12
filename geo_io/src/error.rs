//! What can go wrong, and what the caller should conclude from it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::window::PixelWindow;

/// What GDAL said, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GdalFailure {
    message: String,
}

impl GdalFailure {
    pub(crate) fn new(message: &str) -> Self {
        let words: Vec<&str> = message.split_whitespace().collect();
        let message = if words.is_empty() { "gdal gives no reason".to_owned() } else { words.join(" ") };
        Self { message }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for GdalFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GdalFailure {}

/// The cause of an error, from GDAL, the operating system or a check of ours.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything this crate can fail with. Messages are one line; the cause is in `source()`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeoIoError {
    /// Nothing has this name.
    #[error("scene {} does not exist", name.display())]
    MissingScene {
        /// The name as the user gave it.
        name: OsString,
    },
    /// It exists but cannot be opened as a raster.
    #[error("cannot open scene {}", name.display())]
    OpenScene {
        /// The name as the user gave it.
        name: OsString,
        /// What GDAL or the system says.
        source: Cause,
    },
    /// It is a raster, but not one that can be worked on. The reason says what to do.
    #[error("cannot use scene {}: {reason}", name.display())]
    UnusableScene {
        /// The name as the user gave it.
        name: OsString,
        /// Why, and the remedy.
        reason: String,
    },
    /// An option does not fit the scene or makes no sense.
    #[error("{reason}")]
    Usage {
        /// What is wrong with which option.
        reason: String,
    },
    /// Pixels could not be read.
    #[error("cannot read {window} from {}", name.display())]
    ReadWindow {
        /// The scene.
        name: OsString,
        /// The pixels that were asked for.
        window: PixelWindow,
        /// What GDAL says.
        source: Cause,
    },
    /// The file that bounds what is wanted of a scene cannot be used.
    #[error("cannot use cutline {}", path.display())]
    Cutline {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// A file to be read is not there.
    #[error("{} does not exist", path.display())]
    MissingInput {
        /// The file.
        path: PathBuf,
    },
    /// A vector file cannot be read.
    #[error("cannot read polygons from {}", path.display())]
    ReadVector {
        /// The file.
        path: PathBuf,
        /// What GDAL says.
        source: Cause,
    },
    /// The output is there already.
    #[error("output {} exists already (use --overwrite to replace it)", path.display())]
    OutputExists {
        /// The output.
        path: PathBuf,
    },
    /// The output cannot be created: no such folder, read-only, a name without a file part.
    #[error("cannot create {}", path.display())]
    OutputCreate {
        /// The output.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// Writing, closing, verifying or renaming an output failed.
    #[error("cannot write {}", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// Rows came in the wrong order or number, a mistake of the calling program.
    #[error("internal: {reason}")]
    Order {
        /// What was expected and what came.
        reason: String,
    },
}

/// What the caller should conclude from an error; the binary makes exit codes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No such scene (exit 66).
    MissingScene,
    /// The scene or a part of it cannot be read (exit 66).
    UnreadableScene,
    /// The scene cannot be worked on (exit 65).
    UnusableScene,
    /// An option is wrong (exit 2).
    Usage,
    /// The output exists (exit 73).
    OutputExists,
    /// The output cannot be created (exit 73).
    OutputCreate,
    /// The output could not be written: full disk, broken disk (exit 74).
    WriteFailed,
    /// A mistake of the program itself (exit 70).
    Internal,
}

impl GeoIoError {
    /// What the caller should conclude.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::MissingScene { .. } | Self::MissingInput { .. } => ErrorKind::MissingScene,
            Self::OpenScene { .. } | Self::ReadVector { .. } | Self::ReadWindow { .. } => ErrorKind::UnreadableScene,
            Self::UnusableScene { .. } => ErrorKind::UnusableScene,
            Self::Usage { .. } | Self::Cutline { .. } => ErrorKind::Usage,
            Self::OutputExists { .. } => ErrorKind::OutputExists,
            Self::OutputCreate { .. } => ErrorKind::OutputCreate,
            Self::Write { .. } => ErrorKind::WriteFailed,
            Self::Order { .. } => ErrorKind::Internal,
        }
    }
}
