//! `geophrase dataset from-vector`: referring records from polygons that somebody drew or mended over a scene.

use std::ffi::OsString;
use std::future::Future;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use geo_io::{GeoIoError, Label, Scene, SceneOptions, pending_file, read_labels, vector_fields};
use image::{ImageFormat, RgbImage};
use model::dataset::{RecordWriter, ReferringRecord};
use model::text::check_prompt;
use model::{ModelError, TileImage};

use super::label_tiles::lay_tiles;
use super::label_truth::{Truths, truths};
use crate::config::find_model;
use crate::error::{PipelineError, Signal};
use crate::report::ModelReport;
use crate::run::interruptible;
use crate::stage::prepare::prepare;
use crate::stage::{Cancel, TileContent, TilePixels};
use crate::tiling::TileSpec;
use crate::view::choice::ViewConfig;
use crate::view::choose::{ViewRequest, Views};
use crate::view::prompts::PromptSpec;
use crate::view::resample::Resampler;
use crate::view::rescaled::View;

/// Fields that are looked for where none is named.
const PHRASE_FIELDS: [&str; 2] = ["phrase", "prompt"];
/// Every so manyeth tile is for validation.
const VALIDATION_EVERY: usize = 4;

/// Tiles of a training step, where there are as many.
const BATCH: usize = 2;

/// What `geophrase dataset from-vector` was asked to do.
#[derive(Clone, Debug)]
pub struct FromVectorRequest {
    /// The scene.
    pub scene: OsString,
    /// How to read it.
    pub scene_options: SceneOptions,
    /// The polygons.
    pub labels: PathBuf,
    /// What all of them are.
    pub phrase: Option<String>,
    /// The field that says what each of them is.
    pub phrase_field: Option<String>,
    /// Whether everything that a phrase names is outlined wherever a tile shows an outline.
    pub complete: bool,
    /// The model that is to learn from them.
    pub model: Option<PathBuf>,
    /// How the scene is shown to it.
    pub views: ViewConfig,
    /// The folder to be made.
    pub out: PathBuf,
    /// Whether files in it are replaced.
    pub overwrite: bool,
}

/// What was written.
#[derive(Debug, Default)]
struct Written {
    tiles: usize,
    records: usize,
    validation: usize,
    /// Polygons that no tile shows, too small for a pixel of the model.
    unseen: usize,
}

/// Writes pictures, records and a recipe, and says how to go on.
///
/// # Errors
/// A scene or polygons that cannot be read or do not meet, no phrase, a folder that cannot be written.
pub fn from_vector(request: FromVectorRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    let recipe = request.out.join("train.toml");
    let records = request.out.join("records.jsonl");
    if let Some(path) = [&recipe, &records].into_iter().find(|path| path.exists() && !request.overwrite) {
        return Err(GeoIoError::OutputExists { path: path.clone() }.into());
    }
    let text = interruptible(move |cancel| write(&request, &records, &recipe, cancel), interrupt)?;
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn write(request: &FromVectorRequest, records: &Path, recipe: &Path, cancel: &Cancel) -> Result<String, PipelineError> {
    let scene = Scene::open(&request.scene, &request.scene_options)?;
    let folder = find_model(request.model.clone())?;
    let labels = named(request, read_labels(&request.labels, scene.info(), field(request)?.as_deref())?)?;
    let phrases = phrases(&labels, &request.labels)?;
    let view = view(&scene, &folder, request)?;
    let tiles = lay_tiles(&labels, scene.info().size, view.side_px);
    let images = request.out.join("images");
    std::fs::create_dir_all(&images).map_err(|source| PipelineError::Write { path: images.clone(), source })?;
    let mut writer = RecordWriter::create(records)?;
    let mut written = Written { tiles: tiles.len(), ..Written::default() };
    let mut shown = vec![false; labels.len()];
    for (number, tile) in tiles.iter().enumerate() {
        cancel.check("from-vector")?;
        let window = tile.window;
        let pixels = scene.read_rgb(window)?;
        let valid = pixels.valid.clone();
        let spec = TileSpec { index: number, grid_row: 0, grid_col: number, window };
        let prepared = prepare(TilePixels { tile: spec, pixels: Ok(pixels) }, view.side_px);
        let (TileContent::Picture(image) | TileContent::Blank(image, _)) = prepared.content else { continue };
        let name = format!("images/{}_{}.png", window.row_off, window.col_off);
        save(&image, view.model_px[0], &request.out.join(&name), request.overwrite)?;
        let Truths { of_phrases, seen } = truths(tile, &labels, &phrases, &valid, &view, request.complete)?;
        for label in seen {
            shown[label] = true;
        }
        let validation =
            number % VALIDATION_EVERY == VALIDATION_EVERY - 1 || (tiles.len() > 1 && number + 1 == tiles.len());
        for truth in of_phrases {
            writer.write(&ReferringRecord {
                id: format!("{}_{}-{}", window.row_off, window.col_off, truth.phrase),
                image: name.clone(),
                phrase: phrases[truth.phrase].clone(),
                rle: truth.mask,
                known: truth.known,
                kind: None,
                category: None,
                split: Some(if validation { "val" } else { "train" }.to_owned()),
            })?;
            written.records += 1;
            written.validation += usize::from(validation);
        }
    }
    written.unseen = shown.iter().filter(|shown| !**shown).count();
    if written.records == 0 {
        return Err(unusable(&request.labels, "none of its polygons covers a pixel with data as the model sees it"));
    }
    writer.finish()?;
    let learns = written.validation > 0 && written.validation < written.records;
    if learns {
        let batch = (written.records - written.validation).min(BATCH);
        let text = recipe_text(&folder, request, (view.model_px[0], batch), &phrases);
        pending_file(recipe, request.overwrite, text.as_bytes())?.commit()?;
    }
    Ok(summary(&written, labels.len(), request, learns.then_some(recipe)))
}

/// The field that says what the polygons are; `None` where one phrase holds for all.
fn field(request: &FromVectorRequest) -> Result<Option<String>, PipelineError> {
    if request.phrase.is_some() {
        return Ok(None);
    }
    let fields = vector_fields(&request.labels)?;
    let has = || fields.iter().cloned().collect::<Vec<_>>().join(", ");
    match &request.phrase_field {
        Some(name) if fields.contains(name) => Ok(Some(name.clone())),
        Some(name) => Err(unusable(&request.labels, &format!("it has no field {name}; it has: {}", has()))),
        None => match PHRASE_FIELDS.into_iter().find(|name| fields.contains(*name)) {
            Some(name) => Ok(Some(name.to_owned())),
            None => Err(unusable(
                &request.labels,
                &format!("it has no field phrase or prompt (it has: {}): give --phrase or --phrase-field", has()),
            )),
        },
    }
}

/// The labels with the one phrase, where there is one for all; not empty.
fn named(request: &FromVectorRequest, labels: Vec<Label>) -> Result<Vec<Label>, PipelineError> {
    if labels.is_empty() {
        return Err(unusable(&request.labels, "none of its polygons touches the scene"));
    }
    let all = |label: Label| Label { text: request.phrase.clone().or(label.text), ..label };
    Ok(labels.into_iter().map(all).collect())
}

/// All phrases, each once, in the order of the file.
fn phrases(labels: &[Label], path: &Path) -> Result<Vec<String>, PipelineError> {
    let mut phrases: Vec<String> = Vec::new();
    for text in labels.iter().filter_map(|label| label.text.as_ref()) {
        if !phrases.contains(text) {
            check_prompt(text)?;
            phrases.push(text.clone());
        }
    }
    if phrases.is_empty() {
        return Err(unusable(path, "no polygon says what it is"));
    }
    Ok(phrases)
}

/// How a tile of the scene is shown to the model.
fn view(scene: &Scene, folder: &Path, request: &FromVectorRequest) -> Result<View, PipelineError> {
    let model = ModelReport::unopened(folder)?;
    let views = Views::choose(&ViewRequest {
        size: scene.info().size,
        pixel_size_m: scene.info().pixel_size_m,
        model: &model,
        prompts: &[],
        raw_uncertainty: false,
        config: &request.views,
    })?;
    Ok(views.tile)
}

/// Writes a tile as the model sees it.
fn save(tile: &TileImage, side_px: usize, path: &Path, overwrite: bool) -> Result<(), PipelineError> {
    let planes = match tile.side_px == side_px {
        true => tile.rgb.clone(),
        false => Resampler::new(tile.side_px, side_px).planes(&tile.rgb),
    };
    let area = side_px * side_px;
    let interleaved = (0..area).flat_map(|at| (0..3).map(move |band| (band, at)));
    let bytes = interleaved.map(|(band, at)| planes[band * area + at].round().clamp(0.0, 255.0) as u8).collect();
    let failed = |source| PipelineError::Write { path: path.to_owned(), source };
    let picture = RgbImage::from_raw(side_px as u32, side_px as u32, bytes)
        .ok_or_else(|| failed(std::io::Error::other("a picture of another size")))?;
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).map_err(|error| failed(std::io::Error::other(error)))?;
    pending_file(path, overwrite, png.get_ref())?.commit()?;
    Ok(())
}

/// A recipe that goes on from the model with what was labelled.
fn recipe_text(
    model: &Path,
    request: &FromVectorRequest,
    (tile_px, batch): (usize, usize),
    phrases: &[String],
) -> String {
    let out = &request.out;
    let quoted = |path: PathBuf| format!("{:?}", path.display().to_string());
    let placed = phrases.iter().any(|phrase| PromptSpec::new(phrase.clone()).needs_frame());
    format!(
        "# Goes on from a model with polygons drawn over a scene: geophrase train --config THIS FILE\n\n\
         output = {run}\nmodel = {config}\ninit = {init}\ntile_px = {tile_px}\nsteps = 100\nbatch = {batch}\nphrases = 1\n\
         workers = {batch}\nseed = 1\nuncertainty_warm_up = 0\ncheckpoint_every = 50\nvalidate_every = 50\ncalibrate = false\n\
         validation_tiles = 100\naverage = 0.98\nweight_decay = 0.02\n\n\
         \
         [data]\nkind = \"records\"\ntrain = {records}\ntrain_split = \"train\"\nvalidation = {records}\n\
         validation_split = \"val\"\nimages = {images}\nturn = {turn}\n\n\
         [schedule]\nrate = 5e-5\nwarm_up = 10\npower = 0.9\n\n\
         [loss]\ncross_entropy = 2.0\nbackground = 1.0\nforeground = 1.3\ndice = 1.0\nuncertainty = 0.1\n\
         refinement = 1.0\npresence = {presence}\n",
        run = quoted(out.join("run")),
        config = quoted(model.join("config.json")),
        init = quoted(model.to_owned()),
        records = quoted(out.join("records.jsonl")),
        images = quoted(out.to_owned()),
        turn = !placed,
        // Where nobody says what is not there, the classifier would only learn that everything is.
        presence = if request.complete { "1.0" } else { "0.0" },
    )
}

fn summary(written: &Written, polygons: usize, request: &FromVectorRequest, recipe: Option<&Path>) -> String {
    let Written { tiles, records, validation, unseen } = written;
    let mut text = format!(
        "{records} records ({validation} for validation) of {tiles} tiles from {} of {polygons} polygons in {}\n",
        polygons - unseen,
        request.out.display()
    );
    if !request.complete {
        text += "what is not outlined counts as unknown; --complete says that all there is was outlined\n";
    }
    text += &match recipe {
        Some(recipe) => format!("train with: geophrase train --config {}\n", recipe.display()),
        None => "one tile holds them all, so there is nothing to validate with, and no recipe was written\n".to_owned(),
    };
    text
}

fn unusable(path: &Path, reason: &str) -> PipelineError {
    ModelError::Data { path: path.to_owned(), reason: reason.to_owned() }.into()
}

#[cfg(test)]
#[path = "from_vector_tests.rs"]
mod tests;
