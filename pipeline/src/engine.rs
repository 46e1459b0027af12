//! Opens the model: the only place that knows how a segmenter is built.

use std::path::Path;

use model::{ModelInfo, Segmenter, SegmenterOptions, open_segmenter};

use crate::error::PipelineError;
use crate::report::ModelReport;

/// The model in a folder, asked for some prompts.
///
/// # Errors
/// A folder that is missing or damaged, a device that is absent, a prompt the model cannot take.
pub fn open(
    folder: &Path,
    prompts: &[String],
    options: &SegmenterOptions,
) -> Result<Box<dyn Segmenter>, PipelineError> {
    let mut segmenter = open_segmenter(folder, options)?;
    segmenter.ask(prompts)?;
    Ok(segmenter)
}

/// The model as a report names it.
#[must_use]
pub fn described(info: &ModelInfo) -> ModelReport {
    ModelReport {
        name: info.name.clone(),
        hash: info.hash.clone(),
        tile_px: info.tile_px,
        device: info.device.clone(),
        pixel_size_m: Some(info.pixel_size_m.into()),
    }
}
