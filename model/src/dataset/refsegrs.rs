//! RefSegRS: one TIFF picture and one TIFF mask a phrase, and three lists of phrases.
//!
//! # Source
//! The layout is that of the published archive, the threshold that of the loader of FIANet: a mask value above 50 is
//! foreground. Older copies call the folders `images2` and `masks2`, and the lists `val3` and `test3`.

use std::path::{Path, PathBuf};

use super::phrase_list;
use super::source::{Dataset, DatasetItem, DatasetKind, FileNames, TruthSource};
use crate::error::ModelError;

/// The brightest value of the background.
const BACKGROUND: u8 = 50;

/// Where a data set keeps its lists, pictures and masks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    pub(super) lists: PathBuf,
    pub(super) images: PathBuf,
    pub(super) masks: PathBuf,
}

/// The folders of a RefSegRS, or `None` where this is none.
pub(super) fn find(root: &Path) -> Option<Places> {
    let inside = [root.to_owned(), root.join("RefSegRS"), root.join("refsegrs")];
    let lists = inside.into_iter().find(|folder| !phrase_list::lists(folder).is_empty())?;
    let (images, masks) = [("images", "masks"), ("images2", "masks2")]
        .map(|(images, masks)| (lists.join(images), lists.join(masks)))
        .into_iter()
        .find(|(images, masks)| images.is_dir() && masks.is_dir())?;
    Some(Places { lists, images, masks })
}

/// The data set.
///
/// # Errors
/// A folder that is no RefSegRS, a list that cannot be understood.
pub(super) fn read(root: &Path) -> Result<Dataset, ModelError> {
    let places = find(root).ok_or_else(|| ModelError::Data {
        path: root.to_owned(),
        reason: "is no RefSegRS: it needs output_phrase_*.txt, images and masks".to_owned(),
    })?;
    let mut dataset = read_lists(root, DatasetKind::Refsegrs, &places, BACKGROUND)?;
    if places.images.ends_with("images2") {
        dataset.notes.push("an older copy: pictures in images2, masks in masks2".to_owned());
    }
    Ok(dataset)
}

/// A data set of lists, pictures and masks of one name; `above` is the brightest value of the background.
pub(super) fn read_lists(root: &Path, kind: DatasetKind, places: &Places, above: u8) -> Result<Dataset, ModelError> {
    let images = FileNames::of(&places.images)?;
    let masks = FileNames::of(&places.masks)?;
    let mut items = Vec::new();
    let mut notes = Vec::new();
    for (split, path) in phrase_list::lists(&places.lists) {
        let list = phrase_list::read(split, &path)?;
        notes.extend(list.notes);
        for (name, phrase) in list.lines {
            let id = stem(&name).to_owned();
            let image = images.find(&name).map_or_else(|| name.clone(), str::to_owned);
            let mask = masks.find(&name).map(|found| places.masks.join(found));
            items.push(DatasetItem {
                id,
                split: Some(list.split.clone()),
                phrase,
                image,
                stated_size: None,
                kind: None,
                category: None,
                truth: TruthSource::File { path: mask, above },
            });
        }
    }
    Ok(Dataset { kind, root: root.to_owned(), images: places.images.clone(), items, notes })
}

/// A name without the extension of a picture.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if matches!(extension.to_ascii_lowercase().as_str(), "tif" | "tiff" | "png" | "jpg") =>
        {
            stem
        }
        _ => name,
    }
}

#[cfg(test)]
#[path = "refsegrs_tests.rs"]
mod tests;
