//! `geophrase run`: runs a plan, or a share of it, into the logs of its units.

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{DeviceChoice, SegmenterOptions};

use crate::budget::Ram;
use crate::config::READERS;
use crate::engine;
use crate::error::{PipelineError, Signal};
use crate::logging::Verbosity;
use crate::plan::Plan;
use crate::remote::RemoteOptions;
use crate::run::units::{OpenModel, UnitsJob, UnitsOutcome, run_units};
use crate::unit::Shard;

/// What `geophrase run` was asked to do.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The plan.
    pub plan: PathBuf,
    /// Which part of it.
    pub shard: Shard,
    /// The model folder, where it is not the plan's.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// The memory that the run may take.
    pub ram: Ram,
    /// How scenes on servers are fetched.
    pub remote: RemoteOptions,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Runs the units of a shard.
///
/// # Errors
/// A plan or model that cannot be used; what stopped the work; units of scenes that cannot be worked on, or that
/// another process has in hand.
pub fn run_plan(request: &RunRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    let plan = Arc::new(Plan::read(&request.plan)?);
    let units = request.shard.units(plan.units.len());
    let folder = folder_of(&request.plan).to_owned();
    let job = UnitsJob {
        units: Box::new(units),
        open_model: opener(&plan, request),
        each: Box::new(|_, _| {}),
        folder: folder.clone(),
        source: None,
        remote: request.remote.clone(),
        batch: request.batch,
        readers: READERS,
        ram: request.ram,
        watched: request.verbosity.watched(),
        plan: plan.clone(),
    };
    let outcome = run_units(job, interrupt)?;
    if request.verbosity >= Verbosity::Summary {
        let UnitsOutcome { finished, tiles, .. } = &outcome;
        let line = format!(
            "{}: {finished} units, {} tiles ({} computed, {} reused, {} empty, {} failed, {} finished earlier)\n",
            request.plan.display(),
            tiles.planned,
            tiles.computed,
            tiles.reused,
            tiles.empty,
            tiles.failed,
            tiles.resumed
        );
        // Nobody is left to tell when standard error is closed.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    outcome.concluded(&plan)
}

/// Opens the model of a plan, and refuses any other.
pub(crate) fn opener(plan: &Arc<Plan>, request: &RunRequest) -> OpenModel {
    let (plan, device) = (plan.clone(), request.device);
    let folder = request.model.clone().unwrap_or_else(|| plan.model_folder.clone());
    Box::new(move || {
        let options = SegmenterOptions {
            device,
            raw_uncertainty: plan.options.raw_uncertainty,
            min_presence: plan.options.min_presence,
            ..SegmenterOptions::default()
        };
        let segmenter = engine::open(&folder, &plan.prompts, &options)?;
        plan.is_for(&engine::described(segmenter.info()))?;
        Ok(segmenter)
    })
}

/// The folder a plan lies in.
pub(crate) fn folder_of(plan: &Path) -> &Path {
    plan.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
