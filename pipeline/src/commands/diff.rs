//! `geophrase diff`: what was added, removed and changed between two runs over the same place.

use std::io::Write;
use std::path::PathBuf;

use geo_io::{Change, Diff, DiffOptions, pending_file};

use crate::error::PipelineError;

/// What `geophrase diff` was asked to do.
#[derive(Clone, Debug)]
pub struct DiffRequest {
    /// Polygons of the earlier run.
    pub before: PathBuf,
    /// Polygons of the later run.
    pub after: PathBuf,
    /// Where the changes go.
    pub out: Option<PathBuf>,
    /// Least overlap of two polygons that are the same thing.
    pub min_iou: f64,
    /// Overlap from which on nothing has changed.
    pub same_iou: f64,
    /// Replace the output if it exists.
    pub overwrite: bool,
}

/// Pairs the polygons, prints a table, and writes the changes if asked for.
///
/// # Errors
/// A file that cannot be read or written.
pub fn diff(request: &DiffRequest) -> Result<(), PipelineError> {
    let is_geojson = |path: &PathBuf| path.extension().is_some_and(|e| e == "geojson" || e == "json");
    if let Some(path) = request.out.as_ref().filter(|path| !is_geojson(path)) {
        return Err(PipelineError::Usage(format!("output {} must end in .geojson", path.display())));
    }
    let options = DiffOptions { min_iou: request.min_iou, same_iou: request.same_iou };
    let diff = Diff::of(&request.before, &request.after, options)?;
    if let Some(path) = &request.out {
        pending_file(path, request.overwrite, diff.to_geojson().as_bytes())?.commit()?;
    }
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(table(&diff).as_bytes());
    Ok(())
}

fn table(diff: &Diff) -> String {
    let mut text = format!("{:>8} {:>8} {:>8} {:>8}  prompt\n", "added", "removed", "changed", "same");
    for (prompt, counts) in diff.counts() {
        let count = |change| counts.get(&change).copied().unwrap_or(0);
        text.push_str(&format!(
            "{:>8} {:>8} {:>8} {:>8}  {prompt}\n",
            count(Change::Added),
            count(Change::Removed),
            count(Change::Changed),
            count(Change::Same)
        ));
    }
    text
}
