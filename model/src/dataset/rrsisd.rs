//! RRSIS-D: `refs(unc).p` with the phrases, `instances.json` with the masks, JPEG pictures; and any other set of the
//! REFER family that lies so.
//!
//! # Source
//! The fields and the meaning of the masks are those of the published loader: all masks of an annotation are added up,
//! and what adds up to 1 is foreground. Boxes are corners, not sizes, and areas are not to be relied on; neither is read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::rle::{Rle, from_runs};
use super::source::{Dataset, DatasetItem, DatasetKind, FileNames, TruthSource};
use super::{phrase_list, refs};
use crate::error::ModelError;

/// The file of phrases.
const REFS: &str = "refs(unc).p";
/// The file of masks.
const INSTANCES: &str = "instances.json";

/// Where the parts of the data set lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    refs: PathBuf,
    instances: PathBuf,
    images: PathBuf,
}

/// The files of an RRSIS-D, or `None` where this is none. The folder of pictures may be missing.
pub(super) fn find(root: &Path) -> Option<Places> {
    let inside = [root.join("rrsisd"), root.to_owned(), root.join("data/rrsisd"), root.join("refer/data/rrsisd")];
    let lists = inside.into_iter().find(|folder| folder.join(REFS).is_file() && folder.join(INSTANCES).is_file())?;
    let above = lists.parent().map(Path::to_owned).unwrap_or_default();
    let images = [&above, &lists]
        .iter()
        .flat_map(|folder| ["images/rrsisd/JPEGImages", "JPEGImages", "images"].map(|inner| folder.join(inner)))
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| above.join("images/rrsisd/JPEGImages"));
    Some(Places { refs: lists.join(REFS), instances: lists.join(INSTANCES), images })
}

/// The part of `instances.json` that masks need.
#[derive(Deserialize)]
struct Instances {
    images: Vec<Picture>,
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Picture {
    id: i64,
    file_name: String,
    height: Option<u32>,
    width: Option<u32>,
}

#[derive(Deserialize)]
struct Annotation {
    id: i64,
    // RRSIS-D calls it `categories_id`, COCO `category_id`.
    #[serde(alias = "categories_id")]
    category_id: Option<i64>,
    #[serde(default)]
    segmentation: Segmentation,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// One mask or several, each compressed or not; polygons are known to be refused by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    One(ForeignRle),
    Several(Vec<ForeignRle>),
    Other(serde_json::Value),
}

impl Default for Segmentation {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

#[derive(Deserialize)]
struct ForeignRle {
    size: [u32; 2],
    counts: Counts,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Counts {
    Compressed(String),
    Plain(Vec<u32>),
}

impl Segmentation {
    fn truth(&self) -> TruthSource {
        let several = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
            Self::Other(serde_json::Value::Array(_)) => {
                return TruthSource::Unusable("has a mask that is no run lengths, a polygon perhaps".to_owned());
            }
            Self::Other(_) => return TruthSource::Unusable("has no mask that is understood".to_owned()),
        };
        if several.is_empty() {
            return TruthSource::Unusable("has no mask".to_owned());
        }
        TruthSource::Runs(several.iter().map(ForeignRle::to_rle).collect())
    }
}

impl ForeignRle {
    fn to_rle(&self) -> Rle {
        match &self.counts {
            Counts::Compressed(counts) => Rle { size: self.size, counts: counts.clone() },
            Counts::Plain(runs) => from_runs(self.size, runs),
        }
    }
}

/// The data set.
///
/// # Errors
/// A folder that is no RRSIS-D, a pickle or JSON that cannot be understood, a phrase about a picture or mask that
/// `instances.json` does not list.
pub(super) fn read(root: &Path) -> Result<Dataset, ModelError> {
    let data = |path: &Path, reason: String| ModelError::Data { path: path.to_owned(), reason };
    let places = find(root)
        .ok_or_else(|| data(root, format!("is no RRSIS-D: it needs rrsisd/{REFS} and rrsisd/{INSTANCES}")))?;
    let bytes = std::fs::read(&places.instances).map_err(|source| ModelError::Io {
        action: "read",
        path: places.instances.clone(),
        source,
    })?;
    let instances: Instances =
        serde_json::from_slice(&bytes).map_err(|cause| data(&places.instances, cause.to_string()))?;
    let mut notes = Vec::new();
    let names = if places.images.is_dir() {
        FileNames::of(&places.images)?
    } else {
        notes.push(format!("there is no folder of pictures {}", places.images.display()));
        FileNames::default()
    };
    let pictures: HashMap<i64, &Picture> = instances.images.iter().map(|picture| (picture.id, picture)).collect();
    let annotations: HashMap<i64, &Annotation> = instances.annotations.iter().map(|one| (one.id, one)).collect();
    let categories: HashMap<i64, &str> = instances.categories.iter().map(|one| (one.id, one.name.as_str())).collect();
    let mut items = Vec::new();
    for reference in refs::read(&places.refs)? {
        let lacks = |what: &str, id: i64| {
            data(&places.instances, format!("lists no {what} {id}, which phrase {} of {REFS} is about", reference.id))
        };
        let picture = *pictures.get(&reference.image_id).ok_or_else(|| lacks("image", reference.image_id))?;
        let annotation =
            *annotations.get(&reference.annotation_id).ok_or_else(|| lacks("annotation", reference.annotation_id))?;
        let image = names.find(&picture.file_name).unwrap_or(&picture.file_name).to_owned();
        for (number, phrase) in reference.phrases.iter().enumerate() {
            let id = match number {
                0 => reference.id.to_string(),
                _ => format!("{}-{number}", reference.id),
            };
            items.push(DatasetItem {
                id,
                split: Some(reference.split.clone()),
                phrase: phrase.clone(),
                image: image.clone(),
                stated_size: picture.height.zip(picture.width).map(|(rows, cols)| [rows, cols]),
                kind: None,
                category: annotation.category_id.and_then(|id| categories.get(&id)).map(|name| (*name).to_owned()),
                truth: annotation.segmentation.truth(),
            });
        }
    }
    items.sort_by_key(|item| phrase_list::rank(item.split.as_deref().unwrap_or_default()));
    Ok(Dataset { kind: DatasetKind::Rrsisd, root: root.to_owned(), images: places.images, items, notes })
}

#[cfg(test)]
#[path = "rrsisd_tests.rs"]
mod tests;
