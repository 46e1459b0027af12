//! `geophrase dataset convert`: a data set of others as referring records.

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;

use model::dataset::{self, ConvertOptions, Converted};

use crate::error::{PipelineError, Signal};
use crate::progress::Progress;
use crate::run::interruptible;

/// What `geophrase dataset convert` was asked to do.
#[derive(Clone, Debug)]
pub struct ConvertRequest {
    /// The data set's folder.
    pub root: PathBuf,
    /// How it lies on disk, when not to be told by its files.
    pub kind: Option<String>,
    /// Only these splits; none means all.
    pub splits: Vec<String>,
    /// Where the records go.
    pub out: PathBuf,
    /// How they are made.
    pub options: ConvertOptions,
    /// Whether a file of records that exists is replaced.
    pub overwrite: bool,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// Converts a data set and says which folder the records' pictures are relative to.
///
/// # Errors
/// A folder that is no data set, an item that cannot be used, a file that cannot be written.
pub fn convert(request: ConvertRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    if !request.overwrite && request.out.symlink_metadata().is_ok() {
        return Err(geo_io::GeoIoError::OutputExists { path: request.out }.into());
    }
    let out = request.out.clone();
    let converted = interruptible(
        move |cancel| {
            let dataset = super::open(&request.root, request.kind.as_deref(), &request.splits)?;
            let bar = Progress::new(dataset.items.len() as u64, "records", request.watched);
            let converted =
                dataset::convert::<PipelineError>(&dataset, &request.out, &request.options, &mut |done, _| {
                    bar.reached(done as u64);
                    cancel.check("convert")
                });
            bar.finish();
            converted
        },
        interrupt,
    )?;
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(summary(&converted, &out).as_bytes());
    Ok(())
}

fn summary(converted: &Converted, out: &std::path::Path) -> String {
    let mut text = format!("{} records in {}\n", converted.records, out.display());
    for (count, what) in [
        (converted.empty, "have a mask that marks nothing (--empty null|skip treats them otherwise)"),
        (converted.skipped_empty, "were left out because their mask marks nothing"),
        (
            converted.size_mismatches,
            "have a picture and a mask of different sizes (eval takes them by --protocol lavt only)",
        ),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    if let Some((id, reason)) = converted.skipped.first() {
        text.push_str(&format!("{} were left out as unusable, such as {id}: {reason}\n", converted.skipped.len()));
    }
    text.push_str(&format!("pictures: --images {}\n", converted.images.display()));
    text
}
