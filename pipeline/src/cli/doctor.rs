//! Flags of `geophrase doctor`.

use std::path::PathBuf;

use clap::Args;
use model::DeviceChoice;

use crate::commands::doctor::{DoctorRequest, doctor};
use crate::error::PipelineError;

/// Check that this machine has what a run needs.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The model folder [default: what GEOPHRASE_MODEL names, else the one shipped].
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// The folder that outputs will go to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl DoctorArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        let request = DoctorRequest { model: self.model, device: self.device, out: self.out };
        doctor(&request, self.json)
    }
}
