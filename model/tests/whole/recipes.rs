//! The recipes that are shipped.

use std::path::{Path, PathBuf};

use model::training::{DataConfig, Decay, Span, TrainingConfig};

/// The repository's folder of recipes.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/configs")
}

#[test]
fn every_shipped_recipe_is_one() {
    let mut recipes = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        // The folder has a job of the program's `batch` as well.
        let is_job = path.file_name().is_some_and(|name| name == "batch.toml");
        if path.extension().is_some_and(|extension| extension == "toml") && !is_job {
            recipes += 1;
            let mut config = TrainingConfig::read(&path).unwrap();
            // Paths in a recipe are relative to the repository.
            if config.model.ends_with(".json") {
                config.model = folder().join("../..").join(&config.model).to_string_lossy().into_owned();
            }
            config.model_config().unwrap();
        }
    }
    assert!(recipes >= 5, "{recipes}");
}

#[test]
fn the_base_recipe_is_the_papers() {
    let config = TrainingConfig::read(&folder().join("crobim-u-base.toml")).unwrap();
    assert_eq!((config.epochs, config.batch, config.uncertainty_warm_up), (Some(40), 32, Span::Epochs(2)));
    assert_eq!((config.schedule.rate, config.schedule.power, config.schedule.decay), (5e-5, 0.9, Decay::Poly));
    assert_eq!((config.weight_decay, config.clip, config.average), (0.01, 0.0, 0.0));
    assert_eq!((config.towers.drop_path, config.towers.text_layers), (0.3, 10));
    assert!(matches!(config.data, DataConfig::Records(_)));
    assert_eq!(config.model_config().unwrap().tile_px, 480);
}
