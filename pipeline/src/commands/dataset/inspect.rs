//! `geophrase dataset inspect`: what is in a data set, and what is wrong with it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use geo_io::pending_file;
use model::dataset::{self, InspectOptions};
use model::text::PromptTokenizer;

use crate::config::find_model;
use crate::error::PipelineError;
use crate::progress::Progress;

/// What `geophrase dataset inspect` was asked to do.
#[derive(Clone, Debug)]
pub struct InspectRequest {
    /// The data set's folder.
    pub root: PathBuf,
    /// How it lies on disk, when not to be told by its files.
    pub kind: Option<String>,
    /// Only these splits; none means all.
    pub splits: Vec<String>,
    /// Where the numbers go: a file, or `-` for standard output instead of the table.
    pub json: Option<PathBuf>,
    /// Whether a JSON file that exists is replaced.
    pub overwrite: bool,
    /// Whether pictures are compared by their pixels.
    pub pixels: bool,
    /// A `tokenizer.json` or a folder with one; the shipped model's when none is named.
    pub tokenizer: Option<PathBuf>,
    /// Tokens that a model reads of a phrase.
    pub max_tokens: usize,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// Looks at a data set and says what is in it.
///
/// # Errors
/// A folder that is no data set, a tokenizer that cannot be read, a file that cannot be written.
pub fn inspect(request: &InspectRequest) -> Result<(), PipelineError> {
    let to_stdout = request.json.as_deref() == Some(Path::new("-"));
    let file = request.json.as_ref().filter(|_| !to_stdout);
    if let Some(path) = file.filter(|path| !request.overwrite && path.symlink_metadata().is_ok()) {
        return Err(geo_io::GeoIoError::OutputExists { path: path.clone() }.into());
    }
    let tokenizer = tokenizer(request.tokenizer.as_deref())?;
    let dataset = super::open(&request.root, request.kind.as_deref(), &request.splits)?;
    let count = tokenizer.as_ref().map(|tokenizer| {
        // A phrase that the tokenizer cannot split at all counts as one without tokens.
        move |phrase: &str| tokenizer.token_ids(phrase).map_or(0, |ids| ids.len())
    });
    let options = InspectOptions {
        pixels: request.pixels,
        tokens: count.as_ref().map(|count| count as &(dyn Fn(&str) -> usize + Sync)),
        max_tokens: request.max_tokens,
    };
    let bar: OnceLock<Progress> = OnceLock::new();
    let mut report = dataset::inspect(&dataset, &options, &|_, total| {
        bar.get_or_init(|| Progress::new(total as u64, "files", request.watched)).advance(1);
    });
    if let Some(bar) = bar.get() {
        bar.finish();
    }
    if tokenizer.is_none() {
        report.notes.push("no tokenizer at hand: the tokens of phrases were not counted".to_owned());
    }
    let json = |path: &Path| {
        let text = serde_json::to_string_pretty(&report);
        text.map(|text| text + "\n")
            .map_err(|error| PipelineError::Write { path: path.to_owned(), source: error.into() })
    };
    let text = if to_stdout { json(Path::new("-"))? } else { report.table() };
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if let Some(path) = file {
        pending_file(path, request.overwrite, json(path)?.as_bytes())?.commit()?;
    }
    Ok(())
}

/// The tokenizer that was named; else the shipped model's, if there is one.
fn tokenizer(named: Option<&Path>) -> Result<Option<PromptTokenizer>, PipelineError> {
    let in_folder = |path: &Path| if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() };
    match named {
        Some(path) => Ok(Some(PromptTokenizer::from_file(&in_folder(path), usize::MAX)?)),
        None => match find_model(None) {
            Ok(folder) => Ok(Some(PromptTokenizer::from_file(&in_folder(&folder), usize::MAX)?)),
            Err(_) => Ok(None),
        },
    }
}
