//! `refs(unc).p`: the phrases of the REFER family, a pickled list of dictionaries.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::error::ModelError;
use crate::pickle::{self, Value};

/// The phrases about one object of one picture.
#[derive(Debug, PartialEq)]
pub(super) struct Reference {
    pub(super) id: i64,
    pub(super) image_id: i64,
    pub(super) annotation_id: i64,
    pub(super) split: String,
    /// As people wrote them.
    pub(super) phrases: Vec<String>,
}

/// All references of a file, read without running the program that a pickle is.
///
/// # Errors
/// [`ModelError::Io`] when the file cannot be opened; [`ModelError::Data`] for a pickle that is damaged, that calls
/// anything, or that is no list of references.
pub(super) fn read(path: &Path) -> Result<Vec<Reference>, ModelError> {
    let file = File::open(path).map_err(|source| ModelError::Io { action: "read", path: path.to_owned(), source })?;
    let data = |reason: String| ModelError::Data { path: path.to_owned(), reason };
    let value = pickle::read(&mut BufReader::new(file)).map_err(data)?;
    let list = value.as_sequence().ok_or_else(|| data("is no list of phrases".to_owned()))?;
    list.iter()
        .enumerate()
        .map(|(number, entry)| reference(entry).map_err(|reason| data(format!("entry {number} {reason}"))))
        .collect()
}

fn reference(entry: &Value) -> Result<Reference, String> {
    if !matches!(entry, Value::Dict(_)) {
        return Err("is no dictionary".to_owned());
    }
    let whole = |key: &str| {
        let value = entry.get(key).ok_or_else(|| format!("has no {key}"))?;
        let digits = || value.as_text()?.trim().parse().ok();
        value.as_int().or_else(digits).ok_or_else(|| format!("has a {key} that is no number"))
    };
    let (id, image_id, annotation_id) = (whole("ref_id")?, whole("image_id")?, whole("ann_id")?);
    let split = entry.get("split").and_then(Value::as_text).ok_or("has no split")?.to_owned();
    let sentences = entry.get("sentences").and_then(Value::as_sequence).ok_or("has no sentences")?;
    let phrases = sentences
        .iter()
        .map(|sentence| {
            let text = ["raw", "sent"].iter().find_map(|key| sentence.get(key)?.as_text());
            text.map(|text| text.trim().to_owned()).ok_or_else(|| "has a sentence without words".to_owned())
        })
        .collect::<Result<Vec<_>, _>>()?;
    if phrases.is_empty() {
        return Err("has no sentences".to_owned());
    }
    Ok(Reference { id, image_id, annotation_id, split, phrases })
}
