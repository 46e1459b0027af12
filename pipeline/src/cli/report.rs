//! Flags of `geophrase report`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::commands::report::{ReportRequest, report};
use crate::error::PipelineError;

/// Show a run as one HTML page: map, detections, histograms, timings, provenance.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The report that the run left (*.report.json); its outputs are found by their names in it.
    report: PathBuf,
    /// Where the page goes.
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
    /// The scene, where it is not found by the name in the report.
    #[arg(long)]
    scene: Option<OsString>,
    /// The most uncertain detections to list and draw, so many at most.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    detections: usize,
    /// Replace the page if it exists.
    #[arg(long)]
    overwrite: bool,
}

impl ReportArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        report(&ReportRequest {
            report: self.report,
            out: self.output,
            scene: self.scene,
            detections: self.detections,
            overwrite: self.overwrite,
        })
    }
}
