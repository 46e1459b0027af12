//! Which scenes a job has, found anew at every start.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::error::BatchError;
use super::job_file::JobFile;
use crate::remote::{by_gdal, is_remote};
use crate::scenes::SceneSearch;
pub use crate::scenes::{is_unfinished, is_virtual};
use crate::stac::AssetChoice;

/// Whether a scene is no file that could be looked at here.
#[must_use]
pub fn is_elsewhere(name: &OsStr) -> bool {
    is_virtual(name) || is_remote(name)
}

/// Finds the scenes of a job; names are relative to its file.
///
/// # Errors
/// [`BatchError::NoScenes`] for a folder or a list that cannot be read.
pub fn find_scenes(job: &JobFile, job_path: &Path) -> Result<Vec<OsString>, BatchError> {
    let base = job.at(Path::new(""));
    let asset = AssetChoice { name: job.asset.as_deref(), is_untrusted: job.untrusted };
    let search = SceneSearch { base: &base, extensions: &job.extensions, output: Some(job.at(&job.output)), asset };
    let found = search.find(job.scenes.iter().map(OsStr::new));
    let direct = |scene: OsString| if job.direct && is_remote(&scene) { by_gdal(&scene) } else { scene };
    found.map(|found| found.into_iter().map(direct).collect()).map_err(|(path, source)| BatchError::NoScenes {
        job: job_path.to_owned(),
        path,
        source,
    })
}

#[cfg(test)]
#[path = "scenes_tests.rs"]
mod tests;
