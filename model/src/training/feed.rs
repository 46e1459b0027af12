//! Batches of training samples, prepared on a thread of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::config::{DataConfig, Emphasis};
use super::feed_imagery::{Imagery, Purpose};
use super::feed_records::RecordFeed;
use crate::config::{TrainedOn, TrainingSource};
use crate::error::ModelError;
use crate::synthetic::{self, Category, Dice};

/// One step's images and phrases.
pub(crate) struct Batch {
    /// `[image, row, col, 3]`
    pub(crate) pixels: Vec<u8>,
    /// `phrases` of them per image, image by image.
    pub(crate) phrases: Vec<String>,
    /// `[phrase, row, col]`, zeros and ones.
    pub(crate) masks: Vec<u8>,
    /// `[phrase, row, col]`, zero where nothing is known; empty when all is known.
    pub(crate) scored: Vec<u8>,
    /// Number of images.
    pub(crate) images: usize,
    /// Side of the tiles.
    pub(crate) side_px: usize,
}

impl Batch {
    /// A batch to be filled.
    pub(super) fn empty(feed: FeedConfig) -> Self {
        Self {
            pixels: Vec::new(),
            phrases: Vec::new(),
            masks: Vec::new(),
            scored: Vec::new(),
            images: feed.batch,
            side_px: feed.side_px,
        }
    }

    /// The batch in `parts` of equal numbers of images.
    pub(crate) fn split(self, parts: usize) -> Vec<Batch> {
        if parts == 1 {
            return vec![self];
        }
        let images = self.images / parts;
        let phrases = self.phrases.len() / parts;
        let area = self.side_px * self.side_px;
        (0..parts)
            .map(|part| Batch {
                pixels: self.pixels[part * images * area * 3..][..images * area * 3].to_vec(),
                phrases: self.phrases[part * phrases..][..phrases].to_vec(),
                masks: self.masks[part * phrases * area..][..phrases * area].to_vec(),
                scored: match self.scored.is_empty() {
                    true => Vec::new(),
                    false => self.scored[part * phrases * area..][..phrases * area].to_vec(),
                },
                images,
                side_px: self.side_px,
            })
            .collect()
    }

    /// The images as the towers take them.
    ///
    /// # Shapes
    /// `[image, 3, row, col]`, 0 to 255
    pub(crate) fn image_tensor<B: Backend>(&self, device: &B::Device) -> Tensor<B, 4> {
        let values: Vec<f32> = self.pixels.iter().map(|&value| f32::from(value)).collect();
        let shape = [self.images, self.side_px, self.side_px, 3];
        Tensor::<B, 4>::from_data(TensorData::new(values, shape), device).permute([0, 3, 1, 2])
    }

    /// # Shapes
    /// `[phrase, 1, row, col]`, zeros and ones
    pub(crate) fn mask_tensor<B: Backend>(&self, device: &B::Device) -> Tensor<B, 4> {
        self.plane_tensor(&self.masks, device)
    }

    /// # Shapes
    /// `[phrase, 1, row, col]`, zero where nothing is known; `None` when all is known
    pub(crate) fn scored_tensor<B: Backend>(&self, device: &B::Device) -> Option<Tensor<B, 4>> {
        (!self.scored.is_empty()).then(|| self.plane_tensor(&self.scored, device))
    }

    fn plane_tensor<B: Backend>(&self, planes: &[u8], device: &B::Device) -> Tensor<B, 4> {
        let values: Vec<f32> = planes.iter().map(|&value| f32::from(value)).collect();
        let shape = [self.phrases.len(), 1, self.side_px, self.side_px];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// How samples are put together.
#[derive(Clone, Copy)]
pub(crate) struct FeedConfig {
    pub(crate) batch: usize,
    pub(crate) phrases: usize,
    pub(crate) side_px: usize,
}

/// Where a run's batches come from.
#[derive(Clone)]
pub(crate) struct Feed {
    source: Source,
    shape: FeedConfig,
}

#[derive(Clone)]
enum Source {
    Synthetic { seed: u64, validation_seed: u64, emphasis: Vec<Emphasis> },
    Mixed(Arc<Mixed>),
    Records(Arc<RecordFeed>),
}

/// Generated scenes and labelled imagery, sample by sample.
struct Mixed {
    seed: u64,
    validation_seed: u64,
    generated_share: f64,
    emphasis: Vec<Emphasis>,
    training: Imagery,
    validation: Imagery,
}

/// What the scene generator shows; how often cannot be counted, since its scenes never end.
fn drawn() -> TrainedOn {
    TrainedOn {
        categories: Category::ALL.into_iter().map(|category| (category.name().replace('_', " "), 0)).collect(),
        sources: vec![TrainingSource { name: "scenes of the generator".to_owned(), ..TrainingSource::default() }],
        licence_note: String::new(),
    }
}

impl Feed {
    /// Opens what `data` names.
    pub(crate) fn open(data: &DataConfig, shape: FeedConfig) -> Result<Self, ModelError> {
        let source = match data.clone() {
            DataConfig::Synthetic { seed, validation_seed, emphasis } => {
                Source::Synthetic { seed, validation_seed, emphasis }
            }
            DataConfig::Mixed { seed, validation_seed, generated_share, emphasis, imagery } => {
                Source::Mixed(Arc::new(Mixed {
                    seed,
                    validation_seed,
                    generated_share,
                    emphasis,
                    training: Imagery::open(&imagery.train, &imagery)?,
                    validation: Imagery::open(&imagery.validation, &imagery)?,
                }))
            }
            DataConfig::Records(records) => Source::Records(Arc::new(RecordFeed::open(&records)?)),
        };
        Ok(Self { source, shape })
    }

    /// Steps in which each training record is asked about once; `None` where the data never end.
    pub(crate) fn steps_per_epoch(&self) -> Option<usize> {
        match &self.source {
            Source::Synthetic { .. } | Source::Mixed(_) => None,
            Source::Records(records) => Some(records.steps_per_epoch(self.shape)),
        }
    }

    /// What a model of this data has seen, for its folder.
    pub(crate) fn trained_on(&self) -> TrainedOn {
        match &self.source {
            Source::Synthetic { .. } => drawn(),
            Source::Mixed(mixed) => {
                let mut seen = drawn();
                seen.add(mixed.training.trained_on());
                seen
            }
            Source::Records(records) => records.trained_on(),
        }
    }

    /// Number of validation tiles when `wanted` are asked for.
    pub(crate) fn validation_tiles(&self, wanted: usize) -> usize {
        match &self.source {
            Source::Synthetic { .. } | Source::Mixed(_) => wanted,
            Source::Records(records) => records.validation_tiles(wanted),
        }
    }

    /// The batches of steps `from..to`, in order; step `n` is always the same batch. After an error there are no more.
    pub(crate) fn training(&self, from: usize, to: usize) -> Receiver<Result<Batch, ModelError>> {
        let feed = self.clone();
        let (sender, receiver) = sync_channel(2);
        thread::spawn(move || {
            for step in from..to {
                let batch = feed.training_batch(step);
                let failed = batch.is_err();
                // A closed channel means that training has ended; there is nobody to tell.
                if sender.send(batch).is_err() || failed {
                    break;
                }
            }
        });
        receiver
    }

    fn training_batch(&self, step: usize) -> Result<Batch, ModelError> {
        let first = (step * self.shape.batch) as u64;
        match &self.source {
            Source::Synthetic { seed, emphasis, .. } => Ok(synthetic_batch(*seed, first, self.shape, emphasis)),
            Source::Mixed(mixed) => mixed.training_batch(first, self.shape),
            Source::Records(records) => records.training(step, self.shape),
        }
    }

    /// Validation batch `index`: other places, one phrase per tile.
    pub(crate) fn validation(&self, index: usize) -> Result<Batch, ModelError> {
        let shape = FeedConfig { phrases: 1, ..self.shape };
        let first = (index * shape.batch) as u64;
        match &self.source {
            Source::Synthetic { validation_seed, .. } => Ok(synthetic_batch(*validation_seed, first, shape, &[])),
            Source::Mixed(mixed) => mixed.validation_batch(first, shape),
            Source::Records(records) => records.validation(index, shape),
        }
    }
}

impl Mixed {
    /// Samples `first..first + batch`, each generated or real by the throw of its dice.
    fn training_batch(&self, first: u64, shape: FeedConfig) -> Result<Batch, ModelError> {
        let mut batch = Batch::empty(shape);
        for index in first..first + shape.batch as u64 {
            let mut dice = Dice::new(&[self.seed, index]);
            if dice.chance(self.generated_share) {
                push_synthetic(&mut batch, self.seed, index, shape, &self.emphasis);
                batch.scored.resize(batch.masks.len(), 1);
            } else {
                self.training.push(&mut batch, shape, Purpose::Training, &mut dice)?;
            }
        }
        Ok(batch)
    }

    fn validation_batch(&self, first: u64, shape: FeedConfig) -> Result<Batch, ModelError> {
        let mut batch = Batch::empty(shape);
        for index in first..first + shape.batch as u64 {
            let mut dice = Dice::new(&[self.validation_seed, index]);
            self.validation.push(&mut batch, shape, Purpose::Validation, &mut dice)?;
        }
        Ok(batch)
    }
}

/// Samples `first..first + batch` of a seed; an image with fewer phrases than asked repeats them.
fn synthetic_batch(seed: u64, first: u64, feed: FeedConfig, emphasis: &[Emphasis]) -> Batch {
    let mut batch = Batch::empty(feed);
    for index in first..first + feed.batch as u64 {
        push_synthetic(&mut batch, seed, index, feed, emphasis);
    }
    batch
}

/// Adds sample `index` of a seed to the batch.
fn push_synthetic(batch: &mut Batch, seed: u64, index: u64, feed: FeedConfig, emphasis: &[Emphasis]) {
    // With an emphasis there is something to choose from.
    let candidates = if emphasis.is_empty() { feed.phrases } else { 4 * feed.phrases };
    let sample = synthetic::sample(seed, index, feed.side_px as u32, candidates);
    batch.pixels.extend_from_slice(&sample.rgb);
    let order = alternate(sample.phrases.len(), |i| {
        let meaning = &sample.phrases[i].0.meaning;
        emphasis.iter().any(|emphasis| emphasis.holds(meaning))
    });
    for i in 0..feed.phrases {
        let (expression, mask) = &sample.phrases[order[i % order.len()]];
        batch.phrases.push(expression.phrase.clone());
        batch.masks.extend_from_slice(mask);
    }
}

/// The numbers below `count`, an emphasised one and another by turns as long as there are both.
fn alternate(count: usize, emphasised: impl Fn(usize) -> bool) -> Vec<usize> {
    let (mut wanted, mut others): (Vec<usize>, Vec<usize>) = (0..count).rev().partition(|&i| emphasised(i));
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        order.extend(wanted.pop());
        order.extend(others.pop());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emphasised_phrases_take_turns_with_the_others() {
        // 1 and 2 are wanted: 1, then 0, then 2, then what is left.
        assert_eq!(alternate(5, |i| i == 1 || i == 2), [1, 0, 2, 3, 4]);
        assert_eq!(alternate(3, |_| false), [0, 1, 2]);
    }
}
