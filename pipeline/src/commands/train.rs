//! `geophrase train`: the model crate's own loop.

use std::sync::{Arc, Mutex, PoisonError};

use model::training::{TrainOutcome, TrainRequest};

use crate::error::{PipelineError, Signal};
use crate::run::interruptible;

/// Trains by a recipe, resuming where an earlier run stopped, until it is done or `interrupt` comes.
///
/// After an interrupt the step in hand is finished and a checkpoint written.
///
/// # Errors
/// An unusable recipe, missing data, an absent device, a disk that cannot be written, or
/// [`PipelineError::TrainingInterrupted`].
pub fn train<I>(mut request: TrainRequest, interrupt: I) -> Result<TrainOutcome, PipelineError>
where
    I: Future<Output = Signal>,
{
    let came: Arc<Mutex<Option<Signal>>> = Arc::default();
    let note = came.clone();
    let noted = async move {
        let signal = interrupt.await;
        *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(signal);
        signal
    };
    // The training's own error is the one to report, also after a signal: a checkpoint may have failed.
    let outcome = interruptible(
        move |cancel| {
            request.interrupt = cancel.flag();
            Ok(model::training::train(&request))
        },
        noted,
    )??;
    let signal = *came.lock().unwrap_or_else(PoisonError::into_inner);
    match signal {
        Some(signal) if outcome.interrupted => {
            Err(PipelineError::TrainingInterrupted { signal, step: outcome.step, steps: outcome.steps })
        }
        _ => Ok(outcome),
    }
}
