//! Trains and scores what is not there yet, then adds it up.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::score::score;
use super::summary::{AblationReport, RunScores};
use super::{AblationRequest, Variant};
use crate::error::ModelError;
use crate::training::{DataConfig, Span, TrainRequest, TrainingConfig, train_by};

/// Trains each variant with each seed and scores them on the same records; runs that are done are not done again.
///
/// `note` hears what is going on. `None` when it was interrupted; the same request then goes on.
///
/// # Errors
/// An unusable recipe or records, an `out` that was made by another recipe, a disk that cannot be written.
pub fn ablate(request: &AblationRequest, note: &mut dyn FnMut(&str)) -> Result<Option<AblationReport>, ModelError> {
    let recipe = TrainingConfig::read(&request.recipe)?;
    create(&request.out)?;
    pin_recipe(request, &recipe)?;
    let mut runs = Vec::new();
    for seed in 0..request.seeds {
        for variant in Variant::ALL {
            let name = format!("{}-{}", variant.name(), seed + 1);
            let file = request.out.join(&name).join("scores.json");
            if !file.is_file() {
                note(&format!("{name}: training"));
                let config = variant_recipe(request, &recipe, variant, seed)?;
                let train = TrainRequest {
                    device: request.device,
                    talk: request.talk,
                    interrupt: request.interrupt.clone(),
                    ..TrainRequest::new(&request.recipe)
                };
                train_by(config, &train)?;
                if request.interrupt.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                note(&format!("{name}: scoring"));
                let report = score(request, &request.out.join(&name).join("last"))?;
                write(&file, &serde_json::to_string_pretty(&report).expect("a report is always JSON"))?;
            }
            runs.push(RunScores::read(variant, seed, &read_json(&file)?).map_err(|reason| data(&file, reason))?);
        }
    }
    let report = AblationReport::of(&runs).map_err(|reason| data(&request.out, reason))?;
    write(
        &request.out.join("ablation.json"),
        &serde_json::to_string_pretty(&report).expect("numbers are always JSON"),
    )?;
    write(&request.out.join("ablation.md"), &report.table())?;
    Ok(Some(report))
}

/// Refuses a folder whose runs follow another recipe or were scored on other records.
fn pin_recipe(request: &AblationRequest, recipe: &TrainingConfig) -> Result<(), ModelError> {
    let file = request.out.join("recipe.json");
    let mut value = serde_json::to_value(recipe).expect("a recipe is always JSON");
    value["model_config"] = serde_json::to_value(recipe.model_config()?).expect("a configuration is always JSON");
    value["tried_steps"] = request.steps.into();
    value["scored_on"] = format!("{} {}", request.records.display(), request.split.as_deref().unwrap_or("all")).into();
    if file.is_file() {
        if read_json(&file)? != value {
            let reason = "was made by another recipe or for other records: name another folder with --out";
            return Err(data(&request.out, reason.into()));
        }
        return Ok(());
    }
    write(&file, &serde_json::to_string_pretty(&value).expect("a recipe is always JSON"))
}

/// The recipe of one run; seed 0 is the recipe's own.
fn variant_recipe(
    request: &AblationRequest,
    recipe: &TrainingConfig,
    variant: Variant,
    seed: usize,
) -> Result<TrainingConfig, ModelError> {
    let mut model = recipe.model_config()?;
    model.decoder = variant.decoder(&model.decoder);
    model.name = format!("{} {}", model.name, variant.name());
    // Scoring shows pictures at the side that training had.
    model.tile_px = recipe.tile_px.unwrap_or(model.tile_px);
    let output = request.out.join(format!("{}-{}", variant.name(), seed + 1));
    create(&output)?;
    let file = output.join("config.json");
    write(&file, &serde_json::to_string_pretty(&model).expect("a configuration is always JSON"))?;

    let mut config = recipe.clone();
    config.model = file.to_string_lossy().into_owned();
    config.output = output;
    config.seed = config.seed.wrapping_add(seed as u64);
    if let Some(steps) = request.steps {
        (config.steps, config.epochs) = (Some(Span::Steps(steps)), None);
    }
    // Another seed sees other samples, or the same in another order; far enough from the seed of the validation.
    let shift = 1_000_003 * seed as u64;
    match &mut config.data {
        DataConfig::Synthetic { seed, .. } | DataConfig::Mixed { seed, .. } => *seed = seed.wrapping_add(shift),
        DataConfig::Records(records) => records.seed = records.seed.wrapping_add(shift),
    }
    Ok(config)
}

fn create(folder: &Path) -> Result<(), ModelError> {
    std::fs::create_dir_all(folder).map_err(|source| ModelError::Io {
        action: "create",
        path: folder.to_owned(),
        source,
    })
}

/// Writes a file that has its name only when it is whole.
fn write(path: &Path, text: &str) -> Result<(), ModelError> {
    let io = |source| ModelError::Io { action: "write", path: path.to_owned(), source };
    let fresh = PathBuf::from(format!("{}.new", path.display()));
    std::fs::write(&fresh, text).map_err(io)?;
    std::fs::rename(&fresh, path).map_err(io)
}

fn read_json(path: &Path) -> Result<Value, ModelError> {
    let text = std::fs::read_to_string(path).map_err(|source| ModelError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|cause| data(path, format!("is no JSON: {cause}")))
}

fn data(path: &Path, reason: String) -> ModelError {
    ModelError::Data { path: path.to_owned(), reason }
}
