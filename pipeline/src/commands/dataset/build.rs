//! `geophrase dataset build`: referring records from the labels of a COCO file.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use geo_io::pending_file;
use image::ImageFormat;
use model::dataset::{
    CocoImage, CocoOptions, CocoSet, ExpressionOptions, LabelledExpression, LabelledTile, Mask, OutlineTrust,
    RecordWriter, ReferringRecord, Rle, WrittenPhrase, expressions, read_written,
};
use model::synthetic::Dice;
use serde::Serialize;

use super::sheet::{Card, sheet};
use crate::error::{PipelineError, Signal};
use crate::progress::Progress;
use crate::run::interruptible;
use crate::stage::Cancel;

/// Cards on a contact sheet, and in one row of it.
const CARDS: usize = 60;
const CARD_COLUMNS: usize = 6;
/// Examples of each kind in the report.
const EXAMPLES: usize = 8;
/// Phrases drawn for each that is wanted where some are sorted out.
const SPARE: usize = 4;

/// What `geophrase dataset build` was asked to do.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The COCO file.
    pub coco: PathBuf,
    /// The folder of its pictures.
    pub images: PathBuf,
    /// How the file is understood where it says nothing.
    pub reading: CocoOptions,
    /// Phrases that people wrote, instead of made ones.
    pub written: Option<PathBuf>,
    /// Where the records go.
    pub out: PathBuf,
    /// Phrases per picture.
    pub per_image: usize,
    /// Another seed, other phrases.
    pub seed: u64,
    /// Kinds and wordings.
    pub phrases: ExpressionOptions,
    /// Name of the split that the records say.
    pub split: Option<String>,
    /// Whether the split is told by the picture's place instead: `first` or `second`.
    pub split_by_place: bool,
    /// What is sorted out.
    pub only: BuildFilter,
    /// Where a sheet of pictures with their phrases goes.
    pub contact_sheet: Option<PathBuf>,
    /// Where the counts go.
    pub report: Option<PathBuf>,
    /// Whether files that exist are replaced.
    pub overwrite: bool,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// What is sorted out of a built set.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildFilter {
    /// Pictures that may not be published.
    pub publishable: bool,
    /// Phrases with a target whose outline is only a box or rough.
    pub outlines: bool,
    /// Phrases that may mean unlabelled things too.
    pub complete: bool,
    /// All but so many pictures of each source.
    pub max_per_source: Option<usize>,
}

impl BuildFilter {
    /// Whether phrases are sorted out, not only pictures.
    fn thins(self) -> bool {
        self.outlines || self.complete
    }
}

/// What was built.
#[derive(Debug, Default, Serialize)]
struct BuildReport {
    pictures: usize,
    records: usize,
    without_target: usize,
    pictures_without_phrase: usize,
    left_out_rough: usize,
    left_out_incomplete: usize,
    kinds: BTreeMap<String, usize>,
    categories: BTreeMap<String, usize>,
    sources: BTreeMap<String, usize>,
    examples: BTreeMap<String, Vec<String>>,
}

/// Writes records of phrases that are true of the labels, and says how many of each kind.
///
/// # Errors
/// A file that is no COCO file, a picture that cannot be read, an output that exists or cannot be written.
pub fn build(request: BuildRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    let outputs = [Some(&request.out), request.contact_sheet.as_ref(), request.report.as_ref()];
    let existing = outputs.into_iter().flatten().find(|path| path.symlink_metadata().is_ok());
    if let Some(path) = existing.filter(|_| !request.overwrite) {
        return Err(geo_io::GeoIoError::OutputExists { path: path.clone() }.into());
    }
    let text = interruptible(move |cancel| build_records(&request, cancel), interrupt)?;
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn build_records(request: &BuildRequest, cancel: &Cancel) -> Result<String, PipelineError> {
    let set = CocoSet::open(&request.coco, &request.reading)?;
    let written = request.written.as_deref().map(|path| written(path, &set)).transpose()?;
    let mut pictures = pictures(&set, request);
    if let Some(written) = &written {
        pictures.retain(|&index| written.contains_key(&set.images()[index].file_name));
    }
    if pictures.is_empty() {
        return Err(PipelineError::Usage(format!("{} holds no picture that may be used", request.coco.display())));
    }
    let mut writer = RecordWriter::create(&request.out)?;
    let mut report = BuildReport { pictures: pictures.len(), ..BuildReport::default() };
    let mut cards = Cards { dice: Dice::new(&[request.seed, 1]), kept: Vec::new(), seen: 0 };
    let progress = Progress::new(pictures.len() as u64, "pictures", request.watched);
    for index in pictures {
        cancel.check("build")?;
        let image = &set.images()[index];
        let tile = set.tile(index, &request.images)?;
        let mut said = match &written {
            Some(written) => of_picture(&written[&image.file_name], &tile, request)?,
            None => made(&tile, request, image.id),
        };
        sort_out(&mut said, &tile, request.only, &mut report);
        if written.is_none() {
            if request.only.thins() {
                balance(&mut said);
            }
            said.truncate(request.per_image);
        }
        report.pictures_without_phrase += usize::from(said.is_empty());
        for (number, expression) in said.iter().enumerate() {
            let record = ReferringRecord {
                id: format!("{}-{number}", image.id),
                image: image.file_name.clone(),
                phrase: expression.phrase.clone(),
                rle: rle(&tile, expression, &request.coco)?,
                known: None,
                kind: Some(expression.kind.to_owned()),
                category: Some(expression.category.clone()),
                split: match request.split_by_place {
                    true => Some(half(image).to_owned()),
                    false => request.split.clone(),
                },
            };
            writer.write(&record)?;
            report.count(expression, &image.source);
            if request.contact_sheet.is_some() {
                cards.offer(&tile, expression);
            }
        }
        progress.advance(1);
    }
    progress.finish();
    writer.finish()?;
    if let Some(path) = &request.contact_sheet {
        let mut png = Cursor::new(Vec::new());
        sheet(&cards.kept, CARD_COLUMNS)
            .write_to(&mut png, ImageFormat::Png)
            .map_err(|error| PipelineError::Write { path: path.clone(), source: std::io::Error::other(error) })?;
        pending_file(path, request.overwrite, png.get_ref())?.commit()?;
    }
    if let Some(path) = &request.report {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| PipelineError::Write { path: path.clone(), source: error.into() })?;
        pending_file(path, request.overwrite, (text + "\n").as_bytes())?.commit()?;
    }
    Ok(report.table(&request.out))
}

/// The half of all places that a picture belongs to; a picture without a place is one of its own.
fn half(image: &CocoImage) -> &'static str {
    let place = if image.place.is_empty() { &image.file_name } else { &image.place };
    // The same on every machine, and it does not matter which places are drawn.
    let hash = blake3::hash(&[image.source.as_bytes(), &[0], place.as_bytes()].concat());
    if hash.as_bytes()[0] & 1 == 0 { "first" } else { "second" }
}

/// The pictures that are used, of each source so many at most.
fn pictures(set: &CocoSet, request: &BuildRequest) -> Vec<usize> {
    let most = request.only.max_per_source.unwrap_or(usize::MAX);
    let mut by_source: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, image) in set.images().iter().enumerate() {
        if image.publishable || !request.only.publishable {
            by_source.entry(&image.source).or_default().push(index);
        }
    }
    let mut dice = Dice::new(&[request.seed, 2]);
    let mut chosen: Vec<usize> = Vec::new();
    for mut indices in by_source.into_values() {
        while indices.len() > most {
            indices.swap_remove(dice.below(indices.len()));
        }
        chosen.extend(indices);
    }
    chosen.sort_unstable();
    chosen
}

/// What people wrote about the pictures of a set.
fn written(path: &Path, set: &CocoSet) -> Result<BTreeMap<String, Vec<WrittenPhrase>>, PipelineError> {
    let written = read_written(path)?;
    let known: BTreeSet<&str> = set.images().iter().map(|image| image.file_name.as_str()).collect();
    match written.keys().find(|name| !known.contains(name.as_str())) {
        None => Ok(written),
        Some(name) => {
            let reason = format!("speaks of {name}, which is no picture of the COCO file");
            Err(model::ModelError::Data { path: path.to_path_buf(), reason }.into())
        }
    }
}

/// The written phrases about one picture.
fn of_picture(
    written: &[WrittenPhrase],
    tile: &LabelledTile,
    request: &BuildRequest,
) -> Result<Vec<LabelledExpression>, PipelineError> {
    let one = |phrase: &WrittenPhrase| {
        phrase.in_tile(tile).ok_or_else(|| {
            let reason = format!("{}: {:?} means an annotation that the picture has not", phrase.image, phrase.phrase);
            let path = request.written.clone().unwrap_or_default();
            PipelineError::from(model::ModelError::Data { path, reason })
        })
    };
    written.iter().map(one).collect()
}

/// Phrases made about one picture, with some to spare where some will be sorted out.
fn made(tile: &LabelledTile, request: &BuildRequest, id: u64) -> Vec<LabelledExpression> {
    let wanted = request.per_image * if request.only.thins() { SPARE } else { 1 };
    expressions(tile, &request.phrases, &mut Dice::new(&[request.seed, 0, id]), wanted)
}

/// Leaves out the phrases that are not asked for.
fn sort_out(said: &mut Vec<LabelledExpression>, tile: &LabelledTile, only: BuildFilter, report: &mut BuildReport) {
    if only.outlines {
        let before = said.len();
        said.retain(|e| e.target.iter().all(|&index| tile.objects[index].trust == OutlineTrust::Outline));
        report.left_out_rough += before - said.len();
    }
    if only.complete {
        let before = said.len();
        said.retain(|e| e.complete);
        report.left_out_incomplete += before - said.len();
    }
}

/// Where phrases with a target were sorted out, those without must not fill their place.
fn balance(said: &mut Vec<LabelledExpression>) {
    let targets = said.iter().filter(|e| !e.target.is_empty()).count();
    let mut absent = (targets / 4).max(1);
    said.retain(|e| {
        let kept = !e.target.is_empty() || absent > 0;
        absent -= usize::from(kept && e.target.is_empty());
        kept
    });
}

/// The mask of all targets together.
fn rle(tile: &LabelledTile, expression: &LabelledExpression, coco: &Path) -> Result<Option<Rle>, PipelineError> {
    if expression.target.is_empty() {
        return Ok(None);
    }
    let mut bits = vec![0; tile.rows * tile.cols];
    for &index in &expression.target {
        tile.objects[index].mask.mark(tile.cols, &mut bits);
    }
    let data = |reason: String| model::ModelError::Data { path: coco.to_path_buf(), reason };
    let mask = Mask::new(tile.rows, tile.cols, bits).ok_or_else(|| data("a mask of another size".to_owned()))?;
    Ok(Some(Rle::encode(&mask).map_err(|cause| data(cause.to_string()))?))
}

/// A fair draw of so many cards out of any number.
struct Cards {
    dice: Dice,
    kept: Vec<Card>,
    seen: usize,
}

impl Cards {
    fn offer(&mut self, tile: &LabelledTile, expression: &LabelledExpression) {
        self.seen += 1;
        let place = if self.kept.len() < CARDS { self.kept.len() } else { self.dice.below(self.seen) };
        if place >= CARDS {
            return;
        }
        let Some(card) = Card::new(tile, expression) else { return };
        if place < self.kept.len() {
            self.kept[place] = card;
        } else {
            self.kept.push(card);
        }
    }
}

impl BuildReport {
    fn count(&mut self, expression: &LabelledExpression, source: &str) {
        self.records += 1;
        self.without_target += usize::from(expression.target.is_empty());
        let kind = expression.kind.to_owned();
        let examples = self.examples.entry(kind.clone()).or_default();
        // Every 37th, so that they come from all over the set.
        let of_kind = self.kinds.entry(kind).or_default();
        if examples.len() < EXAMPLES && of_kind.is_multiple_of(37) {
            examples.push(expression.phrase.clone());
        }
        *of_kind += 1;
        *self.categories.entry(expression.category.clone()).or_default() += 1;
        let source = if source.is_empty() { "(no source)" } else { source };
        *self.sources.entry(source.to_owned()).or_default() += 1;
    }

    fn table(&self, out: &Path) -> String {
        let mut text = format!(
            "{} records in {} ({} without a target) from {} pictures\n",
            self.records,
            out.display(),
            self.without_target,
            self.pictures
        );
        for (count, what) in [
            (self.pictures_without_phrase, "pictures gave no phrase"),
            (self.left_out_rough, "phrases were left out because an outline is only a box or rough"),
            (self.left_out_incomplete, "phrases were left out because they may mean unlabelled things too"),
        ] {
            if count > 0 {
                text.push_str(&format!("{count} {what}\n"));
            }
        }
        for (name, counts) in [("kind", &self.kinds), ("category", &self.categories), ("source", &self.sources)] {
            text.push_str(&format!("\n{name}\n"));
            for (of, count) in counts {
                text.push_str(&format!("  {of:<28}{count:>7}\n"));
            }
        }
        text.push_str("\nexamples\n");
        for (kind, examples) in &self.examples {
            for phrase in examples.iter().take(2) {
                text.push_str(&format!("  {kind:<13}{phrase}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
