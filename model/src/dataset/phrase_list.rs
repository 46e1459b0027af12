//! Lists of phrases, one `<id> <phrase>` a line, as RefSegRS and RISBench have them.

use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// The phrases of one split.
#[derive(Debug)]
pub(super) struct PhraseList {
    /// The split: "train", "val", "test".
    pub(super) split: String,
    /// Id and phrase of each line.
    pub(super) lines: Vec<(String, String)>,
    /// What a reader of its numbers should know.
    pub(super) notes: Vec<String>,
}

/// The lists of a folder, by split: training first. `output_phrase_val3.txt` is a list of `val`, unless
/// `output_phrase_val.txt` is there, too.
pub(super) fn lists(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(String, String)> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| {
            let split = name.strip_prefix("output_phrase_")?.strip_suffix(".txt")?;
            let split = split.trim_end_matches(|char: char| char.is_ascii_digit()).to_owned();
            (!split.is_empty()).then_some((split, name))
        })
        .collect();
    // The plain name is the shortest.
    found.sort_by_key(|(split, name)| (rank(split), split.clone(), name.len(), name.clone()));
    found.dedup_by(|later, first| later.0 == first.0);
    found.into_iter().map(|(split, name)| (split, folder.join(name))).collect()
}

/// Training first, then validation, then test, then whatever else there is.
pub(super) fn rank(split: &str) -> usize {
    ["train", "val", "test"].iter().position(|known| *known == split).unwrap_or(3)
}

/// Reads a list: the id ends at the first space. Line ends of Windows and blank lines are read over.
///
/// # Errors
/// [`ModelError::Io`] when it cannot be read, [`ModelError::Data`] for a line without a phrase.
pub(super) fn read(split: String, path: &Path) -> Result<PhraseList, ModelError> {
    let bytes =
        std::fs::read(path).map_err(|source| ModelError::Io { action: "read", path: path.to_owned(), source })?;
    let mut lines = Vec::new();
    let mut damaged = 0_usize;
    for (number, raw) in bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).split(|&byte| byte == b'\n').enumerate()
    {
        let text = String::from_utf8_lossy(raw);
        damaged += usize::from(matches!(text, std::borrow::Cow::Owned(_)));
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let Some((id, phrase)) = text.split_once([' ', '\t']) else {
            let reason = format!("line {}: {text:?} has no phrase behind its id", number + 1);
            return Err(ModelError::Data { path: path.to_owned(), reason });
        };
        lines.push((id.to_owned(), phrase.trim().to_owned()));
    }
    let mut notes = Vec::new();
    if damaged > 0 {
        notes.push(format!("{}: {damaged} lines are not UTF-8; what is none was replaced", path.display()));
    }
    Ok(PhraseList { split, lines, notes })
}
