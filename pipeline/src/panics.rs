//! Turns panics into errors that fit on one line.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use crate::error::PipelineError;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics from printing by themselves; what they would say is found in the error of [`caught`].
pub fn silence() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("no message");
        tracing::debug!("panic: {text}{place}\n{}", std::backtrace::Backtrace::capture());
        LAST.with(|last| last.replace(Some(format!("{text}{place}"))));
    }));
}

/// Runs some work; its panic becomes an error that names the stage.
///
/// # Errors
/// The work's own, or [`PipelineError::StagePanic`].
pub fn caught<T>(stage: &'static str, work: impl FnOnce() -> Result<T, PipelineError>) -> Result<T, PipelineError> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        let message = LAST.with(|last| last.take()).or(text).unwrap_or_else(|| "no message".into());
        Err(PipelineError::StagePanic { stage, message })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_panic_becomes_an_error_that_names_its_stage_and_ends_with_70() {
        let error = caught::<()>("stitch", || panic!("no row {}", 7)).unwrap_err();
        assert!(error.to_string().starts_with("bug in stage stitch: no row 7"), "{error}");
        assert_eq!(error.exit(), Exit::Bug);
    }
}
