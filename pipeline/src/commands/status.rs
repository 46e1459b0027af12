//! `geophrase status`: how far a plan is.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::checkpoint::log::{LogReader, SCENE};
use crate::commands::run::folder_of;
use crate::error::PipelineError;
use crate::plan::Plan;

/// How far a plan is.
#[derive(Clone, Debug, Serialize)]
pub struct PlanStatus {
    /// What the plan is known by.
    pub plan: String,
    /// Whether all of it is finished.
    pub complete: bool,
    /// Units that are finished.
    pub units_finished: usize,
    /// All units.
    pub units: usize,
    /// Tiles whose answers are kept.
    pub tiles_finished: usize,
    /// All tiles.
    pub tiles: usize,
    /// The same for each scene.
    pub scenes: Vec<SceneStatus>,
    /// Scenes that could not be planned, and why.
    pub rejected: Vec<(String, String)>,
}

/// How far a scene is.
#[derive(Clone, Debug, Serialize)]
pub struct SceneStatus {
    /// Its name in the plan.
    pub name: String,
    /// Its units that are not finished.
    pub units_missing: Vec<usize>,
    /// Tiles whose answers are kept.
    pub tiles_finished: usize,
    /// All tiles.
    pub tiles: usize,
    /// Whether its outputs are there.
    pub merged: bool,
}

/// Says how far a plan is, on standard output.
///
/// # Errors
/// A plan that cannot be read, and [`PipelineError::UnitsMissing`] while it is not finished.
pub fn status(path: &Path, json: bool) -> Result<(), PipelineError> {
    let plan = Plan::read(path)?;
    let status = status_of(&plan, folder_of(path))?;
    let text = if json {
        serde_json::to_string_pretty(&status).unwrap_or_default() + "\n"
    } else {
        let mut text = String::new();
        for SceneStatus { name, units_missing, tiles_finished, tiles, merged } in &status.scenes {
            let state = match (units_missing.len(), merged) {
                (0, true) => "merged".to_owned(),
                (0, false) => "finished".to_owned(),
                (missing, _) => format!("{missing} units to do"),
            };
            text += &format!("{name}: {tiles_finished} of {tiles} tiles, {state}\n");
        }
        for (name, reason) in &status.rejected {
            text += &format!("{name}: not in the plan: {reason}\n");
        }
        let PlanStatus { units_finished, units, tiles_finished, tiles, .. } = &status;
        text + &format!("{units_finished} of {units} units, {tiles_finished} of {tiles} tiles\n")
    };
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let missing: Vec<usize> = status.scenes.iter().flat_map(|scene| scene.units_missing.iter().copied()).collect();
    all_finished(&missing, plan.units.len())
}

/// Refuses to go on without some units.
pub(crate) fn all_finished(missing: &[usize], all: usize) -> Result<(), PipelineError> {
    if missing.is_empty() {
        return Ok(());
    }
    let mut listed: Vec<String> = missing.iter().take(8).map(usize::to_string).collect();
    if missing.len() > listed.len() {
        listed.push("...".into());
    }
    Err(PipelineError::UnitsMissing { missing: missing.len(), all, listed: listed.join(", ") })
}

/// How far a plan is.
///
/// # Errors
/// A log that cannot be read.
pub fn status_of(plan: &Plan, folder: &Path) -> Result<PlanStatus, PipelineError> {
    let id = plan.id();
    let mut scenes = Vec::new();
    for (number, scene) in plan.scenes.iter().enumerate() {
        let (mut missing, mut finished, mut tiles) = (Vec::new(), 0, 0);
        for unit in plan.units_of(number) {
            let of_unit = plan.tiles_of(unit).len();
            tiles += of_unit;
            if Plan::finished_log(folder, unit).exists() {
                finished += of_unit;
            } else {
                missing.push(unit);
                finished += kept(&Plan::log_of(folder, unit), &id)?;
            }
        }
        let (names, _) = plan.outputs(folder, number, true)?;
        scenes.push(SceneStatus {
            name: scene.name.clone(),
            units_missing: missing,
            tiles_finished: finished,
            tiles,
            merged: names.all().iter().all(|path| path.exists()),
        });
    }
    let units_missing: usize = scenes.iter().map(|scene| scene.units_missing.len()).sum();
    Ok(PlanStatus {
        plan: id,
        complete: units_missing == 0,
        units_finished: plan.units.len() - units_missing,
        units: plan.units.len(),
        tiles_finished: scenes.iter().map(|scene| scene.tiles_finished).sum(),
        tiles: scenes.iter().map(|scene| scene.tiles).sum(),
        scenes,
        rejected: plan.rejected.iter().map(|scene| (scene.name.clone(), scene.reason.clone())).collect(),
    })
}

/// Tiles in the log of a unit that is under way.
fn kept(path: &Path, plan: &str) -> Result<usize, PipelineError> {
    let Some(mut reader) = LogReader::open(path)?.filter(|reader| reader.header().plan == plan) else { return Ok(0) };
    let mut kept = 0;
    while let Some((tile, _)) = reader.next_record()? {
        kept += usize::from(tile != SCENE);
    }
    Ok(kept)
}
