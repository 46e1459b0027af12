//! Which scenes a job has, found anew at every start.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::error::BatchError;
use super::job_file::JobFile;
use crate::scenes::SceneSearch;
pub use crate::scenes::{is_unfinished, is_virtual};

/// Finds the scenes of a job; names are relative to its file.
///
/// # Errors
/// [`BatchError::NoScenes`] for a folder or a list that cannot be read.
pub fn find_scenes(job: &JobFile, job_path: &Path) -> Result<Vec<OsString>, BatchError> {
    let base = job.at(Path::new(""));
    let search = SceneSearch { base: &base, extensions: &job.extensions, output: Some(job.at(&job.output)) };
    let found = search.find(job.scenes.iter().map(OsStr::new));
    found.map_err(|(path, source)| BatchError::NoScenes { job: job_path.to_owned(), path, source })
}

#[cfg(test)]
#[path = "scenes_tests.rs"]
mod tests;
