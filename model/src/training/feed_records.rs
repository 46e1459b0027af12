//! Batches from files of referring records: pictures and masks resized to the tile, shuffled anew in each epoch.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::feed::{Batch, FeedConfig};
use super::quarter_turn::QuarterTurn;
use crate::config::{TrainedOn, TrainingSource};
use crate::dataset::resize::resized_bilinear;
use crate::dataset::{RecordReader, ReferringRecord, Rle, read_rgb};
use crate::error::ModelError;
use crate::synthetic::Dice;

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
    /// Shows training pictures turned by quarters and mirrored at random; wrong where phrases name places.
    #[serde(default)]
    pub turn: bool,
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
    turn: bool,
}

/// A picture with masks for some phrases, on the grid of the tile.
struct Loaded {
    pixels: Vec<u8>,
    masks: Vec<u8>,
    /// `None` when all is known.
    scored: Option<Vec<u8>>,
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
        Ok(Self { images: config.images.clone(), by_picture, train, validation, seed: config.seed, turn: config.turn })
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
        let mut loaded = self.load(&items, shape.side_px)?;
        if self.turn {
            let mut dice = Dice::new(&[self.seed, step as u64]);
            for item in &mut loaded {
                item.turn(&QuarterTurn::random(&mut dice), shape.side_px);
            }
        }
        Ok(batch(loaded, &items, shape))
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
        Ok(batch(self.load(&items, shape.side_px)?, &items, shape))
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
    fn load(&self, items: &[Vec<&ReferringRecord>], side_px: usize) -> Result<Vec<Loaded>, ModelError> {
        items.par_iter().map(|records| self.load_item(records, side_px)).collect()
    }

    /// One picture and the masks of some of its records, as published protocols resize them.
    fn load_item(&self, records: &[&ReferringRecord], side_px: usize) -> Result<Loaded, ModelError> {
        let path = records[0].image_path(&self.images);
        let picture = resized_bilinear(&read_rgb(&path)?, side_px, side_px);
        let area = side_px * side_px;
        let plane = |rle: &Option<Rle>, otherwise: u8, record: &ReferringRecord| {
            let mask = rle.as_ref().map(Rle::decode).transpose().map_err(|cause| ModelError::Data {
                path: path.clone(),
                reason: format!("record {}: {cause}", record.id),
            })?;
            Ok(mask
                .map_or_else(|| vec![otherwise; area], |mask| mask.resized_nearest(side_px, side_px).bits().to_vec()))
        };
        let planes = |of: fn(&ReferringRecord) -> &Option<Rle>, otherwise| {
            let planes = records.iter().map(|&record| plane(of(record), otherwise, record));
            planes.collect::<Result<Vec<Vec<u8>>, ModelError>>().map(|planes| planes.concat())
        };
        let partly = records.iter().any(|record| record.known.is_some());
        Ok(Loaded {
            pixels: picture.rgb,
            masks: planes(|record| &record.rle, 0)?,
            scored: partly.then(|| planes(|record| &record.known, 1)).transpose()?,
        })
    }
}

/// The pictures with their phrases; what is known is said of all as soon as it is not all of one.
fn batch(loaded: Vec<Loaded>, items: &[Vec<&ReferringRecord>], shape: FeedConfig) -> Batch {
    let mut batch = Batch::empty(FeedConfig { batch: items.len(), ..shape });
    let partly = loaded.iter().any(|item| item.scored.is_some());
    for (item, records) in loaded.into_iter().zip(items) {
        if partly {
            batch.scored.extend(item.scored.unwrap_or_else(|| vec![1; item.masks.len()]));
        }
        batch.pixels.extend(item.pixels);
        batch.masks.extend(item.masks);
        batch.phrases.extend(records.iter().map(|record| record.phrase.clone()));
    }
    batch
}

impl Loaded {
    fn turn(&mut self, turn: &QuarterTurn, side_px: usize) {
        let planes = self.masks.chunks_exact_mut(side_px * side_px);
        for plane in planes.chain(self.scored.iter_mut().flat_map(|known| known.chunks_exact_mut(side_px * side_px))) {
            turn.lay(plane, side_px, 1);
        }
        turn.lay(&mut self.pixels, side_px, 3);
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
