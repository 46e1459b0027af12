//! A data set as it lies on disk, whatever its layout, as a list of items.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use super::mask::Mask;
use super::mask_file::{GreyHistogram, read_mask_file};
use super::record::ReferringRecord;
use super::rle::Rle;
use super::{coco_folder, records_folder, refsegrs, risbench, rrsisd};
use crate::error::ModelError;

/// How a data set lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetKind {
    /// RefSegRS: lists of phrases, TIFF pictures and TIFF masks.
    Refsegrs,
    /// RRSIS-D: `refs(unc).p` and `instances.json`, as all sets of the REFER family.
    Rrsisd,
    /// RISBench: lists of phrases, PNG pictures and PNG masks.
    Risbench,
    /// Referring records beside their pictures, as this project writes them.
    Records,
    /// A COCO file of labelled objects, beside its pictures.
    Coco,
}

/// What a phrase refers to, as its data set says it.
#[derive(Clone, Debug, PartialEq)]
pub enum TruthSource {
    /// A grey picture; what is brighter than `above` is meant.
    File {
        /// The picture, or `None` when there is none of that name.
        path: Option<PathBuf>,
        /// The brightest value of the background.
        above: u8,
    },
    /// Run lengths; what exactly one of them marks is meant.
    Runs(Vec<Rle>),
    /// Nothing: the phrase has no target.
    Nothing,
    /// Something that cannot be used, and why.
    Unusable(String),
}

/// One phrase of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetItem {
    /// Name of the item, as the data set counts.
    pub id: String,
    /// Part of the set: "train", "val", "test".
    pub split: Option<String>,
    /// The phrase.
    pub phrase: String,
    /// Path of the picture, relative to [`Dataset::images`].
    pub image: String,
    /// Rows and columns of the picture as the data set states them, where it does.
    pub stated_size: Option<[u32; 2]>,
    /// Kind of the phrase, where known.
    pub kind: Option<String>,
    /// Category of what is referred to, where known.
    pub category: Option<String>,
    /// What is referred to.
    pub truth: TruthSource,
}

/// What an item refers to, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// The mask, or `None` where the phrase has no target.
    pub mask: Option<Mask>,
    /// How often each grey value occurs, where the mask is a picture.
    pub histogram: Option<GreyHistogram>,
}

/// A data set, read as far as its lists go: pictures and masks are still on disk.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// How it lies on disk.
    pub kind: DatasetKind,
    /// Its folder.
    pub root: PathBuf,
    /// The folder that pictures are relative to.
    pub images: PathBuf,
    /// Its phrases, in the order of its lists.
    pub items: Vec<DatasetItem>,
    /// What a reader of its numbers should know.
    pub notes: Vec<String>,
}

/// The name of a layout that does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of data set {0:?}: use refsegrs, rrsisd, risbench, records or coco")]
pub struct UnknownDatasetKind(String);

impl FromStr for DatasetKind {
    type Err = UnknownDatasetKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "refsegrs" => Ok(Self::Refsegrs),
            "rrsisd" => Ok(Self::Rrsisd),
            "risbench" => Ok(Self::Risbench),
            "records" => Ok(Self::Records),
            "coco" => Ok(Self::Coco),
            other => Err(UnknownDatasetKind(other.to_owned())),
        }
    }
}

impl std::fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refsegrs => "RefSegRS",
            Self::Rrsisd => "RRSIS-D",
            Self::Risbench => "RISBench",
            Self::Records => "referring records",
            Self::Coco => "COCO labels",
        })
    }
}

impl Dataset {
    /// The data set in a folder; its kind is told by its files unless it is given.
    ///
    /// # Errors
    /// [`ModelError::Data`] for a folder that is none of these, or a list that cannot be understood;
    /// [`ModelError::Io`] for one that cannot be read.
    pub fn open(root: &Path, kind: Option<DatasetKind>) -> Result<Self, ModelError> {
        // A folder that is not there deserves its own message.
        std::fs::metadata(root).map_err(|source| ModelError::Io { action: "read", path: root.to_owned(), source })?;
        let kind = match kind {
            Some(kind) => kind,
            None => sniff(root)?,
        };
        let mut dataset = match kind {
            DatasetKind::Refsegrs => refsegrs::read(root)?,
            DatasetKind::Rrsisd => rrsisd::read(root)?,
            DatasetKind::Risbench => risbench::read(root)?,
            DatasetKind::Records => records_folder::read(root)?,
            DatasetKind::Coco => coco_folder::read(root)?,
        };
        if dataset.items.is_empty() {
            return Err(ModelError::Data { path: root.to_owned(), reason: "holds no phrase".to_owned() });
        }
        dataset.name_apart();
        Ok(dataset)
    }

    /// The splits there are, in the order in which they first occur; an item without one belongs to "".
    #[must_use]
    pub fn splits(&self) -> Vec<String> {
        let mut splits: Vec<String> = Vec::new();
        for item in &self.items {
            let split = item.split.clone().unwrap_or_default();
            if !splits.contains(&split) {
                splits.push(split);
            }
        }
        splits
    }

    /// Keeps the items of some splits only.
    ///
    /// # Errors
    /// [`ModelError::Data`] for a split that the data set has not.
    pub fn keep_splits(&mut self, wanted: &[String]) -> Result<(), ModelError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let there = self.splits();
        if let Some(missing) = wanted.iter().find(|split| !there.contains(split)) {
            let reason = format!("has no split {missing:?}, only {}", there.join(", "));
            return Err(ModelError::Data { path: self.root.clone(), reason });
        }
        self.items.retain(|item| item.split.as_ref().is_some_and(|split| wanted.contains(split)));
        Ok(())
    }

    /// Tells items of one name apart: the second `a` becomes `a#2`.
    fn name_apart(&mut self) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut repeated = 0_usize;
        for item in &mut self.items {
            let count = seen.entry(item.id.clone()).or_default();
            *count += 1;
            if *count > 1 {
                repeated += 1;
                item.id = format!("{}#{count}", item.id);
            }
        }
        if repeated > 0 {
            self.notes
                .push(format!("{repeated} items have the name of an earlier one; they are called NAME#2 and so on"));
        }
    }
}

impl DatasetItem {
    /// Where the picture lies.
    #[must_use]
    pub fn image_path(&self, images: &Path) -> PathBuf {
        images.join(&self.image)
    }

    /// What the item refers to.
    ///
    /// # Errors
    /// Why the mask cannot be used, for a reader who knows the item's name.
    pub fn decode(&self) -> Result<Truth, String> {
        match &self.truth {
            TruthSource::Nothing => Ok(Truth { mask: None, histogram: None }),
            TruthSource::Unusable(reason) => Err(reason.clone()),
            TruthSource::File { path: None, .. } => Err("there is no mask of that name".to_owned()),
            TruthSource::File { path: Some(path), above } => {
                let (mask, histogram) = read_mask_file(path, *above).map_err(|error| match error {
                    ModelError::Io { source, .. } => format!("the mask cannot be read: {source}"),
                    ModelError::Data { reason, .. } => format!("the mask {reason}"),
                    other => other.to_string(),
                })?;
                Ok(Truth { mask: Some(mask), histogram: Some(histogram) })
            }
            TruthSource::Runs(runs) => Ok(Truth { mask: Some(marked_once(runs)?), histogram: None }),
        }
    }

    /// The item as a neutral record; a mask that marks nothing stays a mask.
    ///
    /// # Errors
    /// As [`DatasetItem::decode`].
    pub fn to_record(&self) -> Result<ReferringRecord, String> {
        let rle = match &self.truth {
            // What is already in our form is passed on to the byte.
            TruthSource::Runs(runs) if runs.len() == 1 => {
                runs[0].foreground_px().map_err(|cause| cause.to_string())?;
                Some(runs[0].clone())
            }
            _ => self.decode()?.mask.as_ref().map(Rle::encode).transpose().map_err(|cause| cause.to_string())?,
        };
        Ok(ReferringRecord {
            id: self.id.clone(),
            image: self.image.clone(),
            phrase: self.phrase.clone(),
            rle,
            known: None,
            kind: self.kind.clone(),
            category: self.category.clone(),
            split: self.split.clone(),
        })
    }
}

/// The pixels that exactly one of several masks marks, as the published loader of RRSIS-D has it: it adds masks up and
/// compares the sum with 1.
fn marked_once(runs: &[Rle]) -> Result<Mask, String> {
    let [first, rest @ ..] = runs else { return Err("has no mask".to_owned()) };
    let first = first.decode().map_err(|cause| cause.to_string())?;
    if rest.is_empty() {
        return Ok(first);
    }
    let (rows, cols) = (first.rows(), first.cols());
    let mut sum: Vec<u32> = first.bits().iter().map(|&bit| u32::from(bit)).collect();
    for rle in rest {
        let mask = rle.decode().map_err(|cause| cause.to_string())?;
        if (mask.rows(), mask.cols()) != (rows, cols) {
            return Err("has masks of different sizes".to_owned());
        }
        for (sum, bit) in sum.iter_mut().zip(mask.bits()) {
            *sum += u32::from(*bit);
        }
    }
    let bits = sum.iter().map(|&sum| u8::from(sum == 1)).collect();
    Mask::new(rows, cols, bits).ok_or_else(|| "has a mask of an impossible size".to_owned())
}

/// The kind of data set that a folder, or a file of records, looks like.
fn sniff(root: &Path) -> Result<DatasetKind, ModelError> {
    if rrsisd::find(root).is_some() {
        return Ok(DatasetKind::Rrsisd);
    }
    if risbench::find(root).is_some() {
        return Ok(DatasetKind::Risbench);
    }
    if refsegrs::find(root).is_some() {
        return Ok(DatasetKind::Refsegrs);
    }
    if records_folder::find(root).is_some() {
        return Ok(DatasetKind::Records);
    }
    if coco_folder::find(root).is_some() {
        return Ok(DatasetKind::Coco);
    }
    let reason = "looks like no data set that is known (RefSegRS: output_phrase_train.txt, images, masks; RRSIS-D: \
                  rrsisd/refs(unc).p, rrsisd/instances.json; RISBench: output_phrase_train.txt, img_rgb, mask; \
                  records: records.jsonl; COCO: instances.json): name the folder that holds these";
    Err(ModelError::Data { path: root.to_owned(), reason: reason.to_owned() })
}

/// The names in a folder, by stem and whole, so that a picture is found with and without its extension.
#[derive(Debug, Default)]
pub(super) struct FileNames {
    by_stem: BTreeMap<String, String>,
    whole: std::collections::BTreeSet<String>,
}

impl FileNames {
    /// The files of a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io { action: "read", path: folder.to_owned(), source };
        let mut names = Self::default();
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let Ok(name) = entry.map_err(io)?.file_name().into_string() else { continue };
            if let Some((stem, _)) = name.rsplit_once('.') {
                // The first in the order of names, whatever the order of the folder.
                let known = names.by_stem.entry(stem.to_owned()).or_insert_with(|| name.clone());
                if name < *known {
                    known.clone_from(&name);
                }
            }
            names.whole.insert(name);
        }
        Ok(names)
    }

    /// The file that a name with, without, or with another extension means.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        if let Some(found) = self.whole.get(name) {
            return Some(found);
        }
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        self.by_stem.get(name).or_else(|| self.by_stem.get(stem)).map(String::as_str)
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
