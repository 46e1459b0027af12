//! Training as a whole: it learns, it resumes, and what it writes can be asked.

use std::path::{Path, PathBuf};

use model::training::{train, train_until};
use model::weights::TensorFile;
use model::{DeviceChoice, SegmenterOptions, TileImage, open_segmenter};

use crate::tiny;

/// A recipe of `steps` steps for the tiny model, in `folder`.
fn recipe(folder: &Path, name: &str, steps: usize, rate: f64) -> PathBuf {
    let config = tiny::tiny_config();
    let model = folder.join("config.json");
    std::fs::write(&model, serde_json::to_string(&config).unwrap()).unwrap();
    let towers = folder.join("towers");
    if !towers.is_dir() {
        std::fs::create_dir(&towers).unwrap();
        tiny::write_towers(&towers, &config);
    }
    let text = format!(
        r#"
output = "{out}"
model = "{model}"
steps = {steps}
batch = 2
phrases = 2
workers = 2
seed = 3
uncertainty_warm_up = 1
checkpoint_every = 2
validate_every = {steps}
validation_tiles = 4
[pretrained]
vision = "{towers}/vision.safetensors"
text = "{towers}/text.safetensors"
tokenizer = "{towers}/tokenizer.json"
[data]
kind = "synthetic"
seed = 1
validation_seed = 2
[schedule]
rate = {rate}
"#,
        out = folder.join(name).display(),
        model = model.display(),
        towers = towers.display(),
    );
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

/// Losses of the run's log, oldest first.
fn losses(run: &Path) -> Vec<f64> {
    let log = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64()).collect()
}

#[test]
fn the_loss_falls_and_the_result_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    train(&recipe(folder.path(), "run", 400, 1e-2), DeviceChoice::Cpu).unwrap();
    let losses = losses(&folder.path().join("run"));
    assert!(losses.last().unwrap() < &(losses[0] * 0.95), "{losses:?}");

    let options = SegmenterOptions { raw_uncertainty: true, ..SegmenterOptions::default() };
    let mut segmenter = open_segmenter(&folder.path().join("run/model"), &options).unwrap();
    segmenter.ask(&["the red ship".into(), "road".into()]).unwrap();
    let tile = TileImage { side_px: 64, rgb: (0..3 * 64 * 64).map(|i| (i % 251) as f32).collect() };
    let answers = segmenter.predict(&[tile.clone(), tile]).unwrap();
    assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    for answer in answers.iter().flatten() {
        assert_eq!(answer.probability.len(), 64 * 64);
        assert!(answer.probability.iter().chain(&answer.uncertainty).all(|value| (0.0..=1.0).contains(value)));
        assert_eq!(answer.raw_uncertainty.as_ref().unwrap().len(), 64 * 64);
    }
    // The second tile is the first, and its neighbour in the batch does not matter.
    assert_eq!(answers[0][0].probability, answers[1][0].probability);
}

#[test]
fn a_resumed_run_ends_with_the_weights_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = recipe(folder.path(), "whole", 6, 2e-3);
    let broken = recipe(folder.path(), "broken", 6, 2e-3);
    train(&whole, DeviceChoice::Cpu).unwrap();
    train_until(&broken, DeviceChoice::Cpu, 3).unwrap();
    train(&broken, DeviceChoice::Cpu).unwrap();
    let weights = |name: &str| TensorFile::read(&folder.path().join(name).join("model/model.safetensors")).unwrap();
    assert_eq!(weights("whole").tensors, weights("broken").tensors);
}

#[test]
fn a_recipe_that_validates_on_its_training_worlds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = recipe(folder.path(), "run", 2, 2e-3);
    let text = std::fs::read_to_string(&path).unwrap().replace("validation_seed = 2", "validation_seed = 1");
    std::fs::write(&path, text).unwrap();
    let error = train(&path, DeviceChoice::Cpu).unwrap_err();
    assert!(error.to_string().contains("validation seed is the training seed"), "{error}");
}
