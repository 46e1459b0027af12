//! Opens the model: the only place that knows how a segmenter is built.

use std::path::Path;

use model::{
    ModelError, ModelInfo, Segmenter, SegmenterOptions, TileImage, TilePrediction, TilePredictor, open_segmenter,
};

use crate::error::PipelineError;
use crate::kept_model;
use crate::report::ModelReport;
use crate::view::prompts::PromptSpec;

/// The model in a folder, asked for some prompts.
///
/// # Errors
/// A folder that is missing or damaged, a device that is absent, a prompt the model cannot take.
pub fn open(
    folder: &Path,
    prompts: &[String],
    options: &SegmenterOptions,
) -> Result<Box<dyn Segmenter>, PipelineError> {
    let mut segmenter = match kept_model::take(folder, options) {
        Some(kept) => kept,
        None => kept_model::lend(opened(folder, options)?, folder, options),
    };
    segmenter.ask(prompts)?;
    Ok(segmenter)
}

fn opened(folder: &Path, options: &SegmenterOptions) -> Result<Box<dyn Segmenter>, PipelineError> {
    Ok(one_by_one_on_cpu(open_segmenter(folder, options)?))
}

/// The segmenter as runs use it.
#[must_use]
pub fn one_by_one_on_cpu(segmenter: Box<dyn Segmenter>) -> Box<dyn Segmenter> {
    if segmenter.info().device == "cpu" {
        return Box::new(OneByOne(segmenter));
    }
    segmenter
}

/// Gives the model one tile at a time.
///
/// The CPU's matrix kernels block their sums by the number of rows, so that a tile's last bits would depend on how many
/// others share its batch. One by one they do not, and on a CPU that is not slower.
struct OneByOne(Box<dyn Segmenter>);

impl TilePredictor for OneByOne {
    fn tile_px(&self) -> usize {
        self.0.tile_px()
    }

    fn prompt_count(&self) -> usize {
        self.0.prompt_count()
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let mut answers = Vec::with_capacity(tiles.len());
        for tile in tiles {
            answers.extend(self.0.predict(std::slice::from_ref(tile))?);
        }
        Ok(answers)
    }
}

impl Segmenter for OneByOne {
    fn ask(&mut self, prompts: &[String]) -> Result<(), ModelError> {
        self.0.ask(prompts)
    }

    fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    fn nearest_known(&self, prompt: &str) -> Result<Option<Vec<String>>, ModelError> {
        self.0.nearest_known(prompt)
    }
}

/// What a user should know who asks for things that the model has never seen.
///
/// # Errors
/// A device that fails.
pub fn vocabulary_notes(segmenter: &dyn Segmenter, prompts: &[PromptSpec]) -> Result<Vec<String>, ModelError> {
    let mut notes = Vec::new();
    for prompt in prompts {
        if let Some(nearest) = segmenter.nearest_known(&prompt.text)? {
            let nearest = nearest.join(", ");
            notes.push(format!(
                "{:?} names nothing that the model was trained on, so do not rely on what it finds; nearest of what it knows: {nearest}",
                prompt.text
            ));
        }
    }
    Ok(notes)
}

/// The model as a report names it.
#[must_use]
pub fn described(info: &ModelInfo) -> ModelReport {
    ModelReport {
        name: info.name.clone(),
        hash: info.hash.clone(),
        tile_px: info.tile_px,
        frame_px: info.frame_px,
        one_view_px: info.one_view_px,
        device: info.device.clone(),
        pixel_size_m: Some(info.pixel_size_m.into()),
        folder: info.folder.clone(),
    }
}
