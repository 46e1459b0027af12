//! `geophrase train`: the model crate's own loop.

use std::path::Path;

use model::DeviceChoice;

use crate::error::PipelineError;

/// Trains by a recipe up to a step, resuming where an earlier run stopped.
///
/// # Errors
/// An unusable recipe, missing data, an absent device, a disk that cannot be written.
pub fn train(recipe: &Path, device: DeviceChoice, stop_at: usize) -> Result<(), PipelineError> {
    Ok(model::training::train_until(recipe, device, stop_at)?)
}
