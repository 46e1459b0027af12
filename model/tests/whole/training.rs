//! Training as a whole: it learns, it resumes, and what it writes can be asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::training::{TrainRequest, train};
use model::weights::{StoredTensor, TensorFile};
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

fn request(recipe: &Path) -> TrainRequest {
    TrainRequest { device: DeviceChoice::Cpu, ..TrainRequest::new(recipe) }
}

/// Losses of the run's log, oldest first.
fn losses(run: &Path) -> Vec<f64> {
    let log = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64()).collect()
}

#[test]
fn the_loss_falls_and_the_result_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    train(&request(&recipe(folder.path(), "run", 400, 1e-2))).unwrap();
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
    train(&request(&whole)).unwrap();
    train(&TrainRequest { stop_at: Some(3), ..request(&broken) }).unwrap();
    train(&request(&broken)).unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| weights(&folder.path().join(name)));
    assert_eq!(whole, broken);
}

/// The recipe with more lines at its end.
fn with(recipe: PathBuf, lines: &str) -> PathBuf {
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text + lines).unwrap();
    recipe
}

/// The weights that a run kept.
fn weights(run: &Path) -> BTreeMap<String, StoredTensor> {
    TensorFile::read(&run.join("model/model.safetensors")).unwrap().tensors
}

#[test]
fn trained_towers_resume_and_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let towers = "[towers]\nvision_rate = 0.5\ntext_rate = 0.5\n";
    let whole = with(recipe(folder.path(), "whole", 4, 1e-2), towers);
    let broken = with(recipe(folder.path(), "broken", 4, 1e-2), towers);
    train(&request(&whole)).unwrap();
    train(&TrainRequest { stop_at: Some(3), ..request(&broken) }).unwrap();
    train(&request(&broken)).unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| weights(&folder.path().join(name)));
    assert_eq!(whole, broken);

    // The stem is the first thing that a picture meets, and the word table the first that a phrase meets.
    let start = |file: &str| TensorFile::read(&folder.path().join("towers").join(file)).unwrap().tensors;
    let moved = |name: &str, start: &StoredTensor| {
        whole[name].values.iter().zip(&start.values).any(|(now, then)| (now - then).abs() > 1e-3)
    };
    assert!(moved("vision.downsample.0.conv.weight", &start("vision.safetensors")["downsample.0.conv.weight"]));
    assert!(moved("text.layers.0.query.weight", &start("text.safetensors")["layers.0.query.weight"]));
}

#[test]
fn frozen_towers_stay_as_they_are_and_out_of_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    train(&request(&recipe(folder.path(), "run", 2, 1e-2))).unwrap();
    let run = folder.path().join("run");
    assert!(run.join("state/decoder.bin").is_file());
    assert!(!run.join("state/vision.bin").exists() && !run.join("state/text.bin").exists());
    let kept = weights(&run);
    for (name, start) in TensorFile::read(&folder.path().join("towers/vision.safetensors")).unwrap().tensors {
        // A model folder holds 16-bit floats: eleven bits of each value.
        let close = |(now, then): (&f32, &f32)| (now - then).abs() <= then.abs() / 2048.0 + 1e-7;
        assert!(kept[&format!("vision.{name}")].values.iter().zip(&start.values).all(close), "{name}");
    }
}

#[test]
fn a_frozen_tower_may_thaw_in_a_later_sitting() {
    let folder = tempfile::tempdir().unwrap();
    train(&TrainRequest { stop_at: Some(2), ..request(&recipe(folder.path(), "run", 4, 1e-2)) }).unwrap();
    let thawed = with(recipe(folder.path(), "run", 4, 1e-2), "[towers]\nvision_rate = 0.5\n");
    train(&request(&thawed)).unwrap();
    assert!(folder.path().join("run/state/vision.bin").is_file());
}

#[test]
fn a_run_may_start_from_a_model_folder() {
    let folder = tempfile::tempdir().unwrap();
    train(&request(&recipe(folder.path(), "first", 3, 1e-2))).unwrap();
    // So small a rate leaves every weight in place.
    let second = recipe(folder.path(), "second", 1, 1e-9);
    train(&TrainRequest { init: Some(folder.path().join("first/model")), ..request(&second) }).unwrap();
    let [first, second] = ["first", "second"].map(|name| weights(&folder.path().join(name)));
    for (name, tensor) in &first {
        let close = |(one, other): (&f32, &f32)| (one - other).abs() <= one.abs() / 512.0 + 1e-6;
        assert!(tensor.values.iter().zip(&second[name].values).all(close), "{name}");
    }
}

#[test]
fn a_recipe_that_validates_on_its_training_worlds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = recipe(folder.path(), "run", 2, 2e-3);
    let text = std::fs::read_to_string(&path).unwrap().replace("validation_seed = 2", "validation_seed = 1");
    std::fs::write(&path, text).unwrap();
    let error = train(&request(&path)).unwrap_err();
    assert!(error.to_string().contains("validation seed is the training seed"), "{error}");
}
