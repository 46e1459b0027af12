//! Batches from files of referring records: pictures and masks resized to the tile, shuffled anew in each epoch.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::feed::{Batch, FeedConfig};
use crate::config::{TrainedOn, TrainingSource};
use crate::dataset::resize::resized_bilinear;
use crate::dataset::{RecordReader, ReferringRecord, read_rgb};
use crate::error::ModelError;

/// Records to train from, as `geophrase dataset convert` writes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordsConfig {
    /// File of training records.
    pub train: PathBuf,
    /// File of validation records; may be the same where the splits differ.
    pub validation: PathBuf,
    /// Folder that the records' pictures are relative to.
    pub images: PathBuf,
    /// Takes only records of this split for training.
    #[serde(default)]
    pub train_split: Option<String>,
    /// Takes only records of this split for validation.
    #[serde(default)]
    pub validation_split: Option<String>,
    /// Seed of the order.
    #[serde(default = "default_seed")]
    pub seed: u64,
}

fn default_seed() -> u64 {
    1
}

impl RecordsConfig {
    /// What makes the choice of records impossible, if anything does.
    pub(crate) fn problem(&self) -> Option<String> {
        let same = self.train == self.validation && self.train_split == self.validation_split;
        same.then(|| "the validation records are the training records: name another file or split".into())
    }
}

/// Records read and checked, pictures not yet.
pub(crate) struct RecordFeed {
    images: PathBuf,
    train: Vec<ReferringRecord>,
    /// Indices into `train` of the records of each picture.
    by_picture: Vec<Vec<usize>>,
    validation: Vec<ReferringRecord>,
    seed: u64,
}

impl RecordFeed {
    /// What there is to see: records by category, pictures of the one folder.
    pub(crate) fn trained_on(&self) -> TrainedOn {
        let mut seen = TrainedOn::default();
        for category in self.train.iter().filter_map(|record| record.category.as_ref()) {
            *seen.categories.entry(category.clone()).or_default() += 1;
        }
        seen.sources = vec![TrainingSource {
            name: self.images.display().to_string(),
            images: Some(self.by_picture.len() as u64),
            licence: String::new(),
        }];
        seen
    }

    /// Reads both files.
    ///
    /// # Errors
    /// Records that cannot be read, no record at all, or a picture that is not there.
    pub(crate) fn open(config: &RecordsConfig) -> Result<Self, ModelError> {
        let train = read(&config.train, config.train_split.as_deref(), &config.images)?;
        let mut validation = read(&config.validation, config.validation_split.as_deref(), &config.images)?;
        // A validation may take fewer tiles than there are records; these should not all be of one place.
        validation.shuffle(&mut ChaCha8Rng::seed_from_u64(config.seed));
        let mut picture_of = HashMap::new();
        let mut by_picture: Vec<Vec<usize>> = Vec::new();
        for (index, record) in train.iter().enumerate() {
            let at = *picture_of.entry(record.image.as_str()).or_insert(by_picture.len());
            if at == by_picture.len() {
                by_picture.push(Vec::new());
            }
            by_picture[at].push(index);
        }
        Ok(Self { images: config.images.clone(), by_picture, train, validation, seed: config.seed })
    }

    /// Steps in which each record is asked about once; what does not fill a batch at the end is left out.
    pub(crate) fn steps_per_epoch(&self, shape: FeedConfig) -> usize {
        self.by_picture.iter().map(|records| records.len().div_ceil(shape.phrases)).sum::<usize>() / shape.batch
    }

    /// The batch of a step.
    ///
    /// # Errors
    /// Fewer records than a batch takes, or a picture that cannot be read.
    pub(crate) fn training(&self, step: usize, shape: FeedConfig) -> Result<Batch, ModelError> {
        let steps = self.steps_per_epoch(shape);
        if steps == 0 {
            let reason = format!("{} records are too few for a batch of {}", self.train.len(), shape.batch);
            return Err(ModelError::Data { path: self.images.clone(), reason });
        }
        let items = self.epoch(step / steps, shape.phrases);
        let items: Vec<Vec<&ReferringRecord>> = items[step % steps * shape.batch..][..shape.batch]
            .iter()
            .map(|item| item.iter().map(|&index| &self.train[index]).collect())
            .collect();
        self.load(&items, shape)
    }

    /// Number of validation tiles when `wanted` are asked for.
    pub(crate) fn validation_tiles(&self, wanted: usize) -> usize {
        wanted.min(self.validation.len())
    }

    /// Validation batch `index`: one record per tile; the last one may be smaller.
    ///
    /// # Errors
    /// A picture that cannot be read.
    pub(crate) fn validation(&self, index: usize, shape: FeedConfig) -> Result<Batch, ModelError> {
        let records = self.validation.iter().skip(index * shape.batch).take(shape.batch);
        let items: Vec<Vec<&ReferringRecord>> = records.map(|record| vec![record]).collect();
        self.load(&items, shape)
    }

    /// The pictures of an epoch in its order, each with `phrases` of its records.
    ///
    /// A picture with more records comes several times; what is missing at its last time is filled with its own.
    fn epoch(&self, epoch: usize, phrases: usize) -> Vec<Vec<usize>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(epoch as u64 + 1);
        let mut items = Vec::new();
        for records in &self.by_picture {
            let mut records = records.clone();
            records.shuffle(&mut rng);
            let times = records.len().div_ceil(phrases);
            let mut round = records.into_iter().cycle();
            items.extend((0..times).map(|_| round.by_ref().take(phrases).collect::<Vec<_>>()));
        }
        items.shuffle(&mut rng);
        items
    }

    /// Reads pictures and masks, several at a time.
    fn load(&self, items: &[Vec<&ReferringRecord>], shape: FeedConfig) -> Result<Batch, ModelError> {
        let loaded: Vec<(Vec<u8>, Vec<u8>)> =
            items.par_iter().map(|records| self.load_item(records, shape.side_px)).collect::<Result<_, _>>()?;
        let mut batch = Batch::empty(FeedConfig { batch: items.len(), ..shape });
        for ((pixels, masks), records) in loaded.into_iter().zip(items) {
            batch.pixels.extend(pixels);
            batch.masks.extend(masks);
            batch.phrases.extend(records.iter().map(|record| record.phrase.clone()));
        }
        Ok(batch)
    }

    /// One picture and the masks of some of its records, as published protocols resize them.
    fn load_item(&self, records: &[&ReferringRecord], side_px: usize) -> Result<(Vec<u8>, Vec<u8>), ModelError> {
        let path = records[0].image_path(&self.images);
        let picture = resized_bilinear(&read_rgb(&path)?, side_px, side_px);
        let mut masks = Vec::with_capacity(records.len() * side_px * side_px);
        for record in records {
            let truth = record.truth().map_err(|cause| ModelError::Data {
                path: path.clone(),
                reason: format!("record {}: {cause}", record.id),
            })?;
            match truth {
                Some(mask) => masks.extend_from_slice(mask.resized_nearest(side_px, side_px).bits()),
                None => masks.resize(masks.len() + side_px * side_px, 0),
            }
        }
        Ok((picture.rgb, masks))
    }
}

/// The records of a split, whose pictures are all there.
fn read(file: &Path, split: Option<&str>, images: &Path) -> Result<Vec<ReferringRecord>, ModelError> {
    let mut records = Vec::new();
    for record in RecordReader::open(file)? {
        let record = record?;
        if split.is_none() || record.split.as_deref() == split {
            records.push(record);
        }
    }
    let refuse = |reason: String| ModelError::Data { path: file.to_owned(), reason };
    if records.is_empty() {
        return Err(refuse(
            split.map_or("holds no record".into(), |split| format!("holds no record of split {split:?}")),
        ));
    }
    match records.iter().find(|record| !record.image_path(images).is_file()) {
        Some(record) => {
            let picture = record.image_path(images);
            Err(refuse(format!("record {}: there is no picture {}", record.id, picture.display())))
        }
        None => Ok(records),
    }
}

#[cfg(test)]
#[path = "feed_records_tests.rs"]
mod tests;
