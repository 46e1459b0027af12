//! RISBench: one PNG picture and one PNG mask a phrase, and three lists whose ids include the extension.
//!
//! # Source
//! The layout is that of the published archive. A mask value that is not zero is foreground.

use std::path::Path;

use super::phrase_list;
use super::refsegrs::{Places, read_lists};
use super::source::{Dataset, DatasetKind};
use crate::error::ModelError;

/// The folders of a RISBench, or `None` where this is none. Lists lie beside `RISBench_dataset` or in it.
pub(super) fn find(root: &Path) -> Option<Places> {
    let inner = root.join("RISBench_dataset");
    let pictures = [inner.clone(), root.to_owned()].into_iter().find(|folder| folder.join("img_rgb").is_dir())?;
    let above = pictures.parent().map(Path::to_owned).unwrap_or_default();
    let lists = [root.to_owned(), inner, above].into_iter().find(|folder| !phrase_list::lists(folder).is_empty())?;
    let masks = pictures.join("mask");
    masks.is_dir().then(|| Places { lists, images: pictures.join("img_rgb"), masks })
}

/// The data set.
///
/// # Errors
/// A folder that is no RISBench, a list that cannot be understood.
pub(super) fn read(root: &Path) -> Result<Dataset, ModelError> {
    let places = find(root).ok_or_else(|| ModelError::Data {
        path: root.to_owned(),
        reason: "is no RISBench: it needs output_phrase_*.txt, RISBench_dataset/img_rgb and RISBench_dataset/mask"
            .to_owned(),
    })?;
    read_lists(root, DatasetKind::Risbench, &places, 0)
}

#[cfg(test)]
#[path = "risbench_tests.rs"]
mod tests;
