//! Training samples from labelled imagery: a picture, a view of it, and phrases that are true of the view.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::config::ImageryConfig;
use super::feed::{Batch, FeedConfig};
use crate::config::{TrainedOn, TrainingSource};
use crate::dataset::augment::{Cut, View, cut};
use crate::dataset::coco::{CocoOptions, CocoSet};
use crate::dataset::expressions::{ExpressionOptions, Kind, expressions};
use crate::dataset::sensor::change_look;
use crate::dataset::{LabelledExpression, LabelledTile, LocalMask, OutlineTrust, WrittenPhrase, read_written};
use crate::error::ModelError;
use crate::synthetic::Dice;

/// Share of training views that show the whole picture.
const WHOLE_SHARE: f64 = 0.45;
/// Largest enlargement of a picture.
const MAX_SCALE: f64 = 2.0;
/// How much closer than the whole picture a view may look.
const MAX_ZOOM: f64 = 4.0;
/// Share of the showings of a picture that people wrote about in which their phrases are used.
const WRITTEN_SHARE: f64 = 0.6;
/// How often something absent is asked for: what is learnt least from labels alone is when to say nothing.
const ABSENT_WEIGHT: f64 = 0.26;
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
        Ok(Self { sources, weights, folder: config.images.clone(), set, written })
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
            let source = &self.sources[dice.weighted(&self.weights)];
            let index = *dice.pick(source);
            let picture = self.set.tile(index, &self.folder)?;
            let written = self.written.get(&self.set.images()[index].file_name).filter(|_| dice.chance(WRITTEN_SHARE));
            let view = match purpose {
                Purpose::Training if written.is_none() => random_view(&picture, shape.side_px, dice),
                // What people wrote is true of the whole picture, the right way up.
                Purpose::Training => whole_view(&picture, shape.side_px, dice),
                Purpose::Validation => View::whole(picture.rows, picture.cols, shape.side_px),
            };
            let Cut { mut tile, remains } = cut(&picture, &view);
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
                }
                said = expressions(&tile, &options, dice, wanted);
            }
            if purpose == Purpose::Validation {
                said.retain(|expression| can_be_scored(&tile, expression));
            }
            if said.is_empty() {
                continue;
            }
            batch.pixels.extend(padded(&tile, shape.side_px));
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
}

/// Whether the outlines of all targets are good enough to score against.
fn can_be_scored(tile: &LabelledTile, expression: &LabelledExpression) -> bool {
    expression.complete && expression.target.iter().all(|&index| tile.objects[index].trust == OutlineTrust::Outline)
}

/// The whole picture or a closer look at a part of it, turned and mirrored at random.
fn random_view(picture: &LabelledTile, side_px: usize, dice: &mut Dice) -> View {
    let side = side_px as f64;
    let long = picture.rows.max(picture.cols) as f64;
    let turned =
        |view: View, dice: &mut Dice| View { quarter_turns: dice.below(4) as u8, mirrored: dice.chance(0.5), ..view };
    if dice.chance(WHOLE_SHARE) {
        return turned(whole_view(picture, side_px, dice), dice);
    }
    let fit = side / long;
    let closest = (fit * MAX_ZOOM).min(MAX_SCALE).max(fit);
    let scale = fit * (closest / fit).powf(dice.unit());
    let reach = |px: usize| px.min((side / scale) as usize).max(1);
    let (rows, cols) = (reach(picture.rows), reach(picture.cols));
    // Mostly near an object: empty ground is learnt quickly.
    let centre = if !picture.objects.is_empty() && dice.chance(0.75) {
        let mask = &dice.pick(&picture.objects).mask;
        (mask.row_off + mask.rows / 2, mask.col_off + mask.cols / 2)
    } else {
        (dice.below(picture.rows), dice.below(picture.cols))
    };
    let shift = |at: usize, length: usize, of: usize, dice: &mut Dice| {
        let first = at as f64 - dice.range(0.15, 0.85) * length as f64;
        (first.max(0.0) as usize).min(of - length)
    };
    let row_off = shift(centre.0, rows, picture.rows, dice);
    let col_off = shift(centre.1, cols, picture.cols, dice);
    turned(View { row_off, col_off, rows, cols, scale, quarter_turns: 0, mirrored: false }, dice)
}

/// The whole picture, not always as large as it fits.
fn whole_view(picture: &LabelledTile, side_px: usize, dice: &mut Dice) -> View {
    let side = side_px as f64;
    View::whole(picture.rows, picture.cols, dice.range(0.7 * side, side).round() as usize)
}

/// The tile's pixels, continued to a square by mirroring at the last row and column, as `segment` does.
fn padded(tile: &LabelledTile, side_px: usize) -> Vec<u8> {
    let mirrored = |at: usize, length: usize| {
        if length == 1 {
            return 0;
        }
        let period = 2 * (length - 1);
        let at = at % period;
        if at < length { at } else { period - at }
    };
    let mut pixels = Vec::with_capacity(side_px * side_px * 3);
    for row in 0..side_px {
        let line = mirrored(row, tile.rows) * tile.cols;
        for col in 0..side_px {
            let at = (line + mirrored(col, tile.cols)) * 3;
            pixels.extend_from_slice(&tile.rgb[at..at + 3]);
        }
    }
    pixels
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
            let margin = margin(&tile.objects[index].mask);
            fill_box(&tile.objects[index].mask, margin, tile, side_px, &mut scored);
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

/// Pixels around an object that belong to what is seen of it.
fn margin(mask: &LocalMask) -> usize {
    (mask.rows.max(mask.cols) / 5).clamp(3, 24)
}

/// Marks the object's box, `margin` wider on all sides, as known.
fn fill_box(mask: &LocalMask, margin: usize, tile: &LabelledTile, side_px: usize, scored: &mut [u8]) {
    let (bottom, right) = (mask.row_off + mask.rows + margin, mask.col_off + mask.cols + margin);
    for row in mask.row_off.saturating_sub(margin)..bottom.min(tile.rows) {
        let line = row * side_px;
        scored[line + mask.col_off.saturating_sub(margin)..line + right.min(tile.cols)].fill(1);
    }
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
