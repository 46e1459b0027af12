//! Flags of `geophrase diff`.

use std::path::PathBuf;

use clap::Args;

use crate::commands::diff::{DiffRequest, diff};
use crate::error::PipelineError;

/// Say what was added, removed and changed between two runs over the same place.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Polygons of the earlier run, in any format.
    before: PathBuf,
    /// Polygons of the later run.
    after: PathBuf,
    /// Write what was added, removed and changed as GeoJSON, in the CRS of the earlier file.
    #[arg(short, long, value_name = "FILE.geojson")]
    output: Option<PathBuf>,
    /// Least overlap (intersection over union) of two polygons that are the same thing.
    #[arg(long, value_name = "0..1", default_value_t = 0.1, value_parser = share)]
    min_iou: f64,
    /// Overlap from which on nothing has changed.
    #[arg(long, value_name = "0..1", default_value_t = 0.95, value_parser = share)]
    same_iou: f64,
    /// Replace the output if it exists.
    #[arg(long)]
    overwrite: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.trim().parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is no number from 0 to 1"))
}

impl DiffArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        diff(&DiffRequest {
            before: self.before,
            after: self.after,
            out: self.output,
            min_iou: self.min_iou,
            same_iou: self.same_iou,
            overwrite: self.overwrite,
        })
    }
}
