//! `geophrase merge`: writes the outputs of a plan whose units are finished.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use crate::budget::Ram;
use crate::commands::run::folder_of;
use crate::commands::status::all_finished;
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::plan::Plan;
use crate::remote::RemoteOptions;
use crate::run::merge::{MergeJob, merge};
use crate::run::signals;

/// What `geophrase merge` was asked to do.
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// The plan.
    pub plan: PathBuf,
    /// Only these scenes; all of them when empty.
    pub scenes: Vec<String>,
    /// The memory that it may take.
    pub ram: Ram,
    /// How scenes on servers are fetched.
    pub remote: RemoteOptions,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Writes the outputs, scene by scene. Outputs of an earlier merge are replaced: they are the same bytes.
///
/// # Errors
/// Units that are not finished; what stopped a scene; [`PipelineError::ScenesFailed`] when others went on without it;
/// [`PipelineError::Holes`] for tiles without an answer.
pub fn merge_plan(request: &MergeRequest) -> Result<(), PipelineError> {
    let plan = Arc::new(Plan::read(&request.plan)?);
    let folder = folder_of(&request.plan).to_owned();
    let mut numbers = Vec::new();
    for name in &request.scenes {
        let is_it = |number: &usize| plan.scenes[*number].is_called(name);
        let found = (0..plan.scenes.len()).find(is_it);
        numbers.push(found.ok_or_else(|| PipelineError::Usage(format!("the plan has no scene {name}")))?);
    }
    if numbers.is_empty() {
        numbers = (0..plan.scenes.len()).collect();
    }
    let missing: Vec<usize> = numbers
        .iter()
        .flat_map(|&scene| plan.units_of(scene))
        .filter(|&unit| !Plan::finished_log(&folder, unit).exists())
        .collect();
    all_finished(&missing, plan.units.len())?;

    let mut failed = Vec::new();
    for &scene in &numbers {
        let job = MergeJob {
            plan: plan.clone(),
            folder: folder.clone(),
            scene,
            source: None,
            remote: request.remote.clone(),
            keep_detections: 0,
            resumed: 0,
            outputs: None,
            overwrite: true,
            ram: request.ram,
        };
        let merged = merge(job, signals()).and_then(|outcome| {
            if request.verbosity >= Verbosity::Summary {
                // Nobody is left to tell when standard error is closed.
                let _ = writeln!(std::io::stderr(), "{}", outcome.report.summary());
            }
            outcome.whole()
        });
        match merged {
            Ok(()) => {}
            Err(error) if numbers.len() > 1 && (error.is_about_a_scene() || error.leaves_outputs()) => {
                failed.push((scene, error));
            }
            Err(error) => return Err(error),
        }
    }
    if let Some((scene, error)) = failed.first() {
        return Err(PipelineError::ScenesFailed {
            failed: failed.len(),
            all: numbers.len(),
            scene: plan.scenes[*scene].name.clone(),
            reason: crate::exit::one_line(error),
        });
    }
    if request.scenes.is_empty() { plan.all_accepted() } else { Ok(()) }
}
