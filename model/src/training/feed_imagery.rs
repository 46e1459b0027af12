//! Training samples from labelled imagery: a picture, a view of it, and phrases that are true of the view.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::config::ImageryConfig;
use super::feed::{Batch, FeedConfig};
use super::view_imagery::{closer_view, random_view};
use crate::config::{TrainedOn, TrainingSource};
use crate::dataset::augment::{Cut, View, cut};
use crate::dataset::coco::{CocoOptions, CocoSet};
use crate::dataset::expressions::{ExpressionOptions, Kind, contrasts, expressions};
use crate::dataset::join::{JOINED_SIDE, join, mirrored};
use crate::dataset::sensor::change_look;
use crate::dataset::{LabelledExpression, LabelledTile, LocalMask, OutlineTrust, WrittenPhrase, read_written};
use crate::error::ModelError;
use crate::synthetic::Dice;

/// Share of the showings of a picture that people wrote about in which their phrases are used.
const WRITTEN_SHARE: f64 = 0.6;
/// How often something absent is asked for: what is learnt least from labels alone is when to say nothing.
const ABSENT_WEIGHT: f64 = 0.26;
/// How often a place is asked for where a picture could be asked for more.
const POSITION_WEIGHT: f64 = 0.10;
/// Share of joined samples whose pictures are of one source, so that many things are alike and labelled alike.
const ALIKE_SHARE: f64 = 0.75;
/// Pictures tried before a sample without a phrase is given up.
const TRIES: usize = 20;

/// A labelled set and how often each of its pictures is shown.
pub(super) struct Imagery {
    set: CocoSet,
    folder: PathBuf,
    /// Pictures that may be shown, source by source.
    sources: Vec<Vec<usize>>,
    /// How often each source is shown.
    weights: Vec<f64>,
    /// Share of the samples that show four pictures.
    joined_share: f64,
    /// Share of the samples of which opposites are asked.
    contrast_share: f64,
    /// Phrases that people wrote, by the name of the picture.
    written: BTreeMap<String, Vec<WrittenPhrase>>,
}

/// What samples are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Any view, any look, every label.
    Training,
    /// The whole picture as it is, and only targets whose outline can be scored.
    Validation,
}

impl Imagery {
    /// Reads the labels in `file`; pictures are read when they are shown.
    pub(super) fn open(file: &Path, config: &ImageryConfig) -> Result<Self, ModelError> {
        let set = CocoSet::open(file, &CocoOptions::default())?;
        let mut by_source: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, image) in set.images().iter().enumerate() {
            if !config.publishable_only || image.publishable {
                by_source.entry(image.source.as_str()).or_default().push(index);
            }
        }
        if by_source.is_empty() {
            return Err(ModelError::Data { path: file.to_owned(), reason: "holds no picture that may be used".into() });
        }
        // Square roots, so that one large source does not drown the rest.
        let weights = by_source
            .iter()
            .map(|(name, pictures)| (pictures.len() as f64).sqrt() * config.source_weights.get(*name).unwrap_or(&1.0))
            .collect();
        let sources = by_source.into_values().collect();
        // The file may speak of any picture; those of the other set are never shown here.
        let written = config.written.as_deref().map_or_else(|| Ok(BTreeMap::new()), read_written)?;
        Ok(Self {
            sources,
            weights,
            joined_share: config.joined_share,
            contrast_share: config.contrast_share,
            folder: config.images.clone(),
            set,
            written,
        })
    }

    /// What there is to see: labels by category, pictures by source.
    pub(super) fn trained_on(&self) -> TrainedOn {
        let mut seen = TrainedOn::default();
        let mut pictures: BTreeMap<&str, (u64, BTreeSet<&str>)> = BTreeMap::new();
        for index in self.sources.iter().flatten() {
            let image = &self.set.images()[*index];
            let source = pictures.entry(&image.source).or_default();
            source.0 += 1;
            source.1.insert(&image.licence);
            for (category, labels) in self.set.labels(*index) {
                *seen.categories.entry(category.to_owned()).or_default() += labels as u64;
            }
        }
        seen.sources = pictures
            .into_iter()
            .map(|(name, (images, licences))| TrainingSource {
                name: name.to_owned(),
                images: Some(images),
                licence: licences.into_iter().filter(|licence| !licence.is_empty()).collect::<Vec<_>>().join("; "),
            })
            .collect();
        seen
    }

    /// Adds one sample to the batch, drawn by `dice`.
    pub(super) fn push(
        &self,
        batch: &mut Batch,
        shape: FeedConfig,
        purpose: Purpose,
        dice: &mut Dice,
    ) -> Result<(), ModelError> {
        for _ in 0..TRIES {
            let (Cut { mut tile, remains }, written) = match purpose {
                Purpose::Training if dice.chance(self.joined_share) => (self.joined(shape.side_px, dice)?, None),
                _ => self.shown(shape.side_px, purpose, dice)?,
            };
            if purpose == Purpose::Training {
                change_look(&mut tile, dice);
            }
            let mut said: Vec<LabelledExpression> =
                written.into_iter().flatten().filter_map(|phrase| phrase.in_tile(&tile)).collect();
            if !said.is_empty() {
                let turn = dice.below(said.len());
                said.rotate_left(turn);
            } else {
                let wanted = if purpose == Purpose::Training { shape.phrases } else { 4 * shape.phrases };
                let training = purpose == Purpose::Training;
                let mut options = ExpressionOptions { leave_out: training, ..ExpressionOptions::default() };
                if training {
                    options.set_weight(Kind::Absent, ABSENT_WEIGHT);
                    options.set_weight(Kind::Position, POSITION_WEIGHT);
                }
                // A share of 0 draws nothing, so that runs from before there was one repeat.
                if training && self.contrast_share > 0.0 && dice.chance(self.contrast_share) {
                    said = contrasts(&tile, &options, dice, wanted);
                }
                if said.len() < 2 {
                    said = expressions(&tile, &options, dice, wanted);
                }
            }
            if purpose == Purpose::Validation {
                said.retain(|expression| can_be_scored(&tile, expression));
            }
            if said.is_empty() {
                continue;
            }
            batch.pixels.extend(mirrored(&tile, shape.side_px));
            for i in 0..shape.phrases {
                let expression = &said[i % said.len()];
                let (mask, scored) = planes(&tile, &remains, expression, shape.side_px);
                batch.phrases.push(expression.phrase.clone());
                batch.masks.extend(mask);
                batch.scored.extend(scored);
            }
            return Ok(());
        }
        Err(ModelError::Data { path: self.folder.clone(), reason: format!("{TRIES} pictures in a row gave no phrase") })
    }

    /// A view of one picture, and what people wrote about it where that is to be asked.
    fn shown(
        &self,
        side_px: usize,
        purpose: Purpose,
        dice: &mut Dice,
    ) -> Result<(Cut, Option<&Vec<WrittenPhrase>>), ModelError> {
        let source = dice.weighted(&self.weights);
        let index = *dice.pick(&self.sources[source]);
        let picture = self.set.tile(index, &self.folder)?;
        let written = self.written.get(&self.set.images()[index].file_name).filter(|_| dice.chance(WRITTEN_SHARE));
        let cut = match purpose {
            Purpose::Training if written.is_none() => random_view(&picture, side_px, dice),
            // What people wrote is true of the whole picture, the right way up.
            Purpose::Training | Purpose::Validation => cut(&picture, &View::whole(picture.rows, picture.cols, side_px)),
        };
        Ok((cut, written))
    }

    /// Pieces of four pictures.
    fn joined(&self, side_px: usize, dice: &mut Dice) -> Result<Cut, ModelError> {
        let cell_px = side_px / JOINED_SIDE;
        let alike = dice.chance(ALIKE_SHARE).then(|| dice.weighted(&self.weights));
        let mut pieces = Vec::with_capacity(JOINED_SIDE * JOINED_SIDE);
        for _ in 0..JOINED_SIDE * JOINED_SIDE {
            let source = alike.unwrap_or_else(|| dice.weighted(&self.weights));
            let picture = self.set.tile(*dice.pick(&self.sources[source]), &self.folder)?;
            pieces.push(cut(&picture, &closer_view(&picture, cell_px, dice)));
        }
        Ok(join(&pieces, cell_px))
    }
}

/// Whether the outlines of all targets are good enough to score against.
fn can_be_scored(tile: &LabelledTile, expression: &LabelledExpression) -> bool {
    expression.complete && expression.target.iter().all(|&index| tile.objects[index].trust == OutlineTrust::Outline)
}

/// The mask of an expression and the pixels where it is known.
fn planes(tile: &LabelledTile, remains: &[LocalMask], said: &LabelledExpression, side_px: usize) -> (Vec<u8>, Vec<u8>) {
    let mut mask = vec![0; side_px * side_px];
    for &index in &said.target {
        tile.objects[index].mask.mark(side_px, &mut mask);
    }
    let mut scored = vec![0; side_px * side_px];
    for row in 0..tile.rows {
        scored[row * side_px..row * side_px + tile.cols].fill(u8::from(said.complete));
    }
    if !said.complete {
        // What lies close around a target, and other things that are labelled, is known not to be it.
        for &index in &said.target {
            let (rows, cols) = tile.objects[index].mask.surroundings(tile.rows, tile.cols);
            for row in rows {
                scored[row * side_px..][cols.clone()].fill(1);
            }
        }
        for (_, object) in tile.objects.iter().enumerate().filter(|(index, _)| !said.target.contains(index)) {
            object.mask.mark(side_px, &mut scored);
        }
    }
    let hide = |object: &LocalMask, scored: &mut [u8]| {
        for (row, line) in object.bits.chunks_exact(object.cols).enumerate() {
            let at = (object.row_off + row) * side_px + object.col_off;
            for (pixel, _) in scored[at..].iter_mut().zip(line).filter(|(_, bit)| **bit == 1) {
                *pixel = 0;
            }
        }
    };
    for remain in remains {
        hide(remain, &mut scored);
    }
    for &index in &said.unsure {
        hide(&tile.objects[index].mask, &mut scored);
    }
    for &index in &said.target {
        let object = &tile.objects[index];
        if object.trust == OutlineTrust::UprightBox {
            hide(&object.mask, &mut scored);
            show_core(&object.mask, side_px, &mut scored);
        }
    }
    (mask, scored)
}

/// Marks the middle of a box as known: an ellipse of half its height and width.
fn show_core(mask: &LocalMask, side_px: usize, scored: &mut [u8]) {
    let half = |length: usize| length as f64 / 2.0;
    for row in 0..mask.rows {
        for col in 0..mask.cols {
            let down = (row as f64 + 0.5 - half(mask.rows)) / (half(mask.rows) * 0.5);
            let across = (col as f64 + 0.5 - half(mask.cols)) / (half(mask.cols) * 0.5);
            if down * down + across * across <= 1.0 {
                scored[(mask.row_off + row) * side_px + mask.col_off + col] = 1;
            }
        }
    }
}

#[cfg(test)]
#[path = "feed_imagery_tests.rs"]
mod tests;
