//! `geophrase train`: the model crate's own loop.

use model::training::TrainRequest;

use crate::error::PipelineError;

/// Trains by a recipe, resuming where an earlier run stopped.
///
/// # Errors
/// An unusable recipe, missing data, an absent device, a disk that cannot be written.
pub fn train(request: &TrainRequest) -> Result<(), PipelineError> {
    Ok(model::training::train(request)?)
}
