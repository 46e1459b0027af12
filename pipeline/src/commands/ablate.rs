//! `geophrase ablate`: what the paper's modules are worth, by training with and without them.

use std::io::Write;

use model::ablation::{self, AblationRequest};

use crate::commands::synth::{DatasetRequest, dataset};
use crate::error::{PipelineError, Signal};
use crate::run::interruptible;

/// Runs the comparison and prints its table; `drawn` is the set of pictures to draw first, where one is wanted.
///
/// # Errors
/// Whatever stops a training or an evaluation, or an interrupt.
pub fn ablate<I>(
    mut request: AblationRequest,
    drawn: Option<DatasetRequest>,
    talks: bool,
    interrupt: I,
) -> Result<(), PipelineError>
where
    I: Future<Output = Signal>,
{
    if let Some(drawn) = drawn.filter(|drawn| !drawn.folder.is_dir()) {
        if let Some(parent) = drawn.folder.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|source| PipelineError::Create { path: parent.to_owned(), source })?;
        }
        dataset(drawn, std::future::pending())?;
    }
    let report = interruptible(
        move |cancel| {
            request.interrupt = cancel.flag();
            let mut note = |text: &str| {
                if talks {
                    // Nobody is left to tell when standard error is closed.
                    let _ = writeln!(std::io::stderr(), "{text}");
                }
            };
            match ablation::ablate(&request, &mut note) {
                Ok(Some(report)) => Ok(Ok(report)),
                Ok(None) => Err(PipelineError::Stopped("ablate")),
                Err(error) => Ok(Err(error)),
            }
        },
        interrupt,
    )??;
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(report.table().as_bytes());
    Ok(())
}
