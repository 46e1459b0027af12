//! A folder of this project's own records beside their pictures.

use std::path::{Path, PathBuf};

use super::record::RecordReader;
use super::source::{Dataset, DatasetItem, DatasetKind, TruthSource};
use crate::error::ModelError;

/// The file of records: the one named, or `records.jsonl` in a folder.
pub(super) fn find(root: &Path) -> Option<PathBuf> {
    if root.is_file() {
        let json_lines = root.extension().is_some_and(|extension| extension == "jsonl");
        return json_lines.then(|| root.to_owned());
    }
    Some(root.join("records.jsonl")).filter(|file| file.is_file())
}

/// The records; their pictures lie in the folder `images` beside them, or where the records lie.
///
/// # Errors
/// A folder without records, or records that cannot be read.
pub(super) fn read(root: &Path) -> Result<Dataset, ModelError> {
    let file = find(root).ok_or_else(|| ModelError::Data {
        path: root.to_owned(),
        reason: "holds no records.jsonl: name the file of records".to_owned(),
    })?;
    let mut items = Vec::new();
    for record in RecordReader::open(&file)? {
        let record = record?;
        items.push(DatasetItem {
            id: record.id,
            split: record.split,
            phrase: record.phrase,
            image: record.image,
            stated_size: None,
            kind: record.kind,
            category: record.category,
            truth: record.rle.map_or(TruthSource::Nothing, |rle| TruthSource::Runs(vec![rle])),
        });
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join("images");
    let there = |images: &Path| items.first().is_some_and(|item| images.join(&item.image).is_file());
    let images = if !there(folder) && there(&beside) { beside } else { folder.to_owned() };
    Ok(Dataset { kind: DatasetKind::Records, root: root.to_owned(), images, items, notes: Vec::new() })
}
