//! What is in a data set, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use super::images::{picture_size, read_rgb};
use super::mask_file::GreyHistogram;
use super::source::{Dataset, DatasetItem, DatasetKind};
use crate::error::ModelError;

/// How closely a data set is looked at.
#[derive(Clone, Copy)]
pub struct InspectOptions<'a> {
    /// Whether pictures are decoded and hashed, to find the same picture under two names. Takes by far the longest.
    pub pixels: bool,
    /// Counts the tokens of a phrase, where a tokenizer is at hand.
    pub tokens: Option<&'a (dyn Fn(&str) -> usize + Sync)>,
    /// Tokens that a model reads of a phrase.
    pub max_tokens: usize,
}

/// What is in a data set, and what is wrong with it. Items are named by their ids.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetReport {
    /// How it lies on disk.
    pub kind: DatasetKind,
    /// Its folder.
    pub root: PathBuf,
    /// The folder of its pictures.
    pub images: PathBuf,
    /// Tokens that a model reads of a phrase; `None` where phrases were not counted.
    pub max_tokens: Option<usize>,
    /// Its parts.
    pub splits: BTreeMap<String, SplitReport>,
    /// How often each grey value occurs in masks that are pictures.
    pub mask_values: BTreeMap<u8, u64>,
    /// The same pixels in more than one split, whatever the names; `None` where pixels were not compared.
    pub shared_pictures: Option<Vec<SharedPicture>>,
    /// What a reader of these numbers should know.
    pub notes: Vec<String>,
}

/// One part of a data set.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SplitReport {
    /// Phrases.
    pub records: usize,
    /// Different picture files.
    pub images: usize,
    /// Different pictures by their pixels; `None` where pixels were not compared.
    pub different_pictures: Option<usize>,
    /// Most words of a phrase.
    pub longest_words: usize,
    /// Most tokens of a phrase; `None` where phrases were not counted.
    pub longest_tokens: Option<usize>,
    /// Phrases with more tokens than a model reads.
    pub long_phrases: Vec<String>,
    /// Items whose mask marks nothing.
    pub empty_masks: Vec<String>,
    /// Items that say outright that there is no target.
    pub no_target: usize,
    /// Items whose picture is not there.
    pub missing_images: Vec<String>,
    /// Items whose picture or mask cannot be used, and why.
    pub unusable: Vec<Unusable>,
    /// Items whose picture and mask have different sizes.
    pub size_mismatches: Vec<SizeMismatch>,
    /// Items whose picture has not the size that the data set states.
    pub stated_size_wrong: Vec<String>,
    /// Items with the phrase and the picture of an earlier one.
    pub repeated: Vec<String>,
}

/// An item that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unusable {
    /// The item.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// An item whose picture and mask have different sizes, in rows and columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SizeMismatch {
    /// The item.
    pub id: String,
    /// The picture.
    pub image: [usize; 2],
    /// The mask.
    pub mask: [usize; 2],
}

/// The same pixels in more than one split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedPicture {
    /// Blake3 of size and pixels, shortened.
    pub hash: String,
    /// The files of each split.
    pub images: BTreeMap<String, Vec<String>>,
}

/// What is known of a picture file.
struct Picture {
    size: Result<(usize, usize), Trouble>,
    hash: Option<blake3::Hash>,
}

enum Trouble {
    Missing,
    Unusable(String),
}

/// What is known of an item's mask.
struct Finding {
    mask: Result<Option<MaskFacts>, String>,
    histogram: Option<GreyHistogram>,
    tokens: Option<usize>,
}

struct MaskFacts {
    size: (usize, usize),
    foreground_px: u64,
}

/// Looks at every item of a data set; `progress` hears how many are done, and of how many.
///
/// Every picture file is opened once and every mask decoded, on all cores.
#[must_use]
pub fn inspect(
    dataset: &Dataset,
    options: &InspectOptions<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> DatasetReport {
    let files: BTreeSet<&str> = dataset.items.iter().map(|item| item.image.as_str()).collect();
    let total = files.len() + dataset.items.len();
    let done = AtomicUsize::new(0);
    let advance = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let pictures: HashMap<&str, Picture> = files
        .into_par_iter()
        .map(|file| {
            let picture = look_at(dataset, file, options.pixels);
            advance();
            (file, picture)
        })
        .collect();
    let findings: Vec<Finding> = dataset
        .items
        .par_iter()
        .map(|item| {
            let finding = look_into(item, options);
            advance();
            finding
        })
        .collect();

    let mut report = DatasetReport {
        kind: dataset.kind,
        root: dataset.root.clone(),
        images: dataset.images.clone(),
        max_tokens: options.tokens.map(|_| options.max_tokens),
        splits: BTreeMap::new(),
        mask_values: BTreeMap::new(),
        shared_pictures: None,
        notes: dataset.notes.clone(),
    };
    let mut histogram = GreyHistogram::default();
    for (item, finding) in dataset.items.iter().zip(&findings) {
        let split = report.splits.entry(split_of(item)).or_default();
        split.count(item, finding, &pictures[item.image.as_str()], options.max_tokens);
        if let Some(values) = &finding.histogram {
            histogram.add(values);
        }
    }
    report.mask_values = histogram.values().collect();
    count_pictures(dataset, &pictures, &mut report);
    if options.pixels {
        report.shared_pictures = Some(shared(dataset, &pictures));
    }
    report
}

fn split_of(item: &DatasetItem) -> String {
    item.split.clone().unwrap_or_default()
}

fn look_at(dataset: &Dataset, file: &str, pixels: bool) -> Picture {
    let path = dataset.images.join(file);
    let trouble = |error: ModelError| match error {
        ModelError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Trouble::Missing,
        ModelError::Io { source, .. } => Trouble::Unusable(format!("the picture cannot be read: {source}")),
        ModelError::Data { reason, .. } => Trouble::Unusable(format!("the picture {reason}")),
        other => Trouble::Unusable(other.to_string()),
    };
    if !pixels {
        return Picture { size: picture_size(&path).map_err(trouble), hash: None };
    }
    match read_rgb(&path) {
        Ok(picture) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update(format!("{} {}\n", picture.rows, picture.cols).as_bytes());
            hasher.update(&picture.rgb);
            Picture { size: Ok((picture.rows, picture.cols)), hash: Some(hasher.finalize()) }
        }
        Err(error) => Picture { size: Err(trouble(error)), hash: None },
    }
}

fn look_into(item: &DatasetItem, options: &InspectOptions<'_>) -> Finding {
    let tokens = options.tokens.map(|count| count(&item.phrase));
    let truth = match item.decode() {
        Ok(truth) => truth,
        Err(reason) => return Finding { mask: Err(reason), histogram: None, tokens },
    };
    let facts =
        truth.mask.map(|mask| MaskFacts { size: (mask.rows(), mask.cols()), foreground_px: mask.foreground_px() });
    Finding { mask: Ok(facts), histogram: truth.histogram, tokens }
}

impl SplitReport {
    fn count(&mut self, item: &DatasetItem, finding: &Finding, picture: &Picture, max_tokens: usize) {
        let id = || item.id.clone();
        self.records += 1;
        self.longest_words = self.longest_words.max(item.phrase.split_whitespace().count());
        if let Some(tokens) = finding.tokens {
            self.longest_tokens = Some(self.longest_tokens.unwrap_or_default().max(tokens));
            if tokens > max_tokens {
                self.long_phrases.push(id());
            }
        }
        match &picture.size {
            Err(Trouble::Missing) => self.missing_images.push(id()),
            Err(Trouble::Unusable(reason)) => self.unusable.push(Unusable { id: id(), reason: reason.clone() }),
            Ok((rows, cols)) => {
                let stated = item.stated_size.map(|[rows, cols]| (rows as usize, cols as usize));
                if stated.is_some_and(|stated| stated != (*rows, *cols)) {
                    self.stated_size_wrong.push(id());
                }
            }
        }
        let reason = match &finding.mask {
            Ok(None) => return self.no_target += 1,
            Ok(Some(facts)) => {
                if facts.foreground_px == 0 {
                    self.empty_masks.push(id());
                }
                if let Ok((rows, cols)) = picture.size
                    && facts.size != (rows, cols)
                {
                    let mask = [facts.size.0, facts.size.1];
                    self.size_mismatches.push(SizeMismatch { id: id(), image: [rows, cols], mask });
                }
                return;
            }
            Err(reason) => reason.clone(),
        };
        self.unusable.push(Unusable { id: id(), reason });
    }

    /// Whether anything is wrong that keeps an item from being used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.missing_images.is_empty() && self.unusable.is_empty()
    }
}

/// Different files and pictures of each split, and items that repeat an earlier one.
fn count_pictures(dataset: &Dataset, pictures: &HashMap<&str, Picture>, report: &mut DatasetReport) {
    let mut files: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    // By pixels where they are known, so that the same scene under two names is found.
    let mut seen: HashSet<(String, String, String)> = HashSet::new();
    for item in &dataset.items {
        let split = split_of(item);
        files.entry(split.clone()).or_default().insert(&item.image);
        let picture = pictures[item.image.as_str()].hash.map_or_else(|| item.image.clone(), |hash| hash.to_string());
        if !seen.insert((split.clone(), picture, item.phrase.to_lowercase()))
            && let Some(split) = report.splits.get_mut(&split)
        {
            split.repeated.push(item.id.clone());
        }
    }
    for (name, files) in files {
        let hashes: BTreeSet<String> = files.iter().filter_map(|file| Some(pictures[file].hash?.to_string())).collect();
        if let Some(split) = report.splits.get_mut(&name) {
            split.images = files.len();
            split.different_pictures = files.iter().any(|file| pictures[file].hash.is_some()).then_some(hashes.len());
        }
    }
}

/// Pixels that occur in more than one split.
fn shared(dataset: &Dataset, pictures: &HashMap<&str, Picture>) -> Vec<SharedPicture> {
    let mut by_hash: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for item in &dataset.items {
        if let Some(hash) = pictures[item.image.as_str()].hash {
            let splits = by_hash.entry(hash.to_hex()[..16].to_owned()).or_default();
            splits.entry(split_of(item)).or_default().insert(item.image.clone());
        }
    }
    by_hash
        .into_iter()
        .filter(|(_, splits)| splits.len() > 1)
        .map(|(hash, splits)| SharedPicture {
            hash,
            images: splits.into_iter().map(|(split, files)| (split, files.into_iter().collect())).collect(),
        })
        .collect()
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
