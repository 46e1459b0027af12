//! Training as a whole: it learns, it resumes, and what it writes can be asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::config::{ModelConfig, TrainingSource};
use model::dataset::{Mask, RecordWriter, ReferringRecord, Rle};
use model::training::{TrainRequest, train};
use model::weights::{StoredTensor, TensorFile};
use model::{DeviceChoice, SegmenterOptions, TileImage, open_segmenter};

use crate::tiny;

/// A recipe of `steps` steps for the tiny model, in `folder`.
pub(crate) fn recipe(folder: &Path, name: &str, steps: usize, rate: f64) -> PathBuf {
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
rate = {rate:e}
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

/// Six pictures with a record each for training, and the first three with one for validation.
pub(crate) fn write_records(folder: &Path) {
    let mut writer = RecordWriter::create(&folder.join("records.jsonl")).unwrap();
    for picture in 0..6 {
        let name = format!("{picture}.png");
        image::GrayImage::from_pixel(80, 70, image::Luma([40 * picture])).save(folder.join(&name)).unwrap();
        let mask = Mask::new(70, 80, (0..5600).map(|at| u8::from(at % 80 < 40)).collect()).unwrap();
        for (split, count) in [("train", 1), ("val", usize::from(picture < 3))] {
            for phrase in 0..count {
                let record = ReferringRecord {
                    id: format!("{picture}-{split}-{phrase}"),
                    image: name.clone(),
                    phrase: "the red ship".into(),
                    rle: Some(Rle::encode(&mask).unwrap()),
                    known: None,
                    kind: None,
                    category: None,
                    split: Some(split.into()),
                };
                writer.write(&record).unwrap();
            }
        }
    }
    writer.finish().unwrap();
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
    let config_of = |name: &str| ModelConfig::read(&folder.path().join(name).join("model/config.json")).unwrap();
    let mut seen = config_of("first");
    let pictures = TrainingSource { name: "pictures".into(), images: Some(9), licence: "research only".into() };
    seen.trained_on.sources.push(pictures.clone());
    seen.trained_on.licence_note = "ask first".into();
    std::fs::write(folder.path().join("first/model/config.json"), serde_json::to_string(&seen).unwrap()).unwrap();
    // So small a rate leaves every weight in place.
    let second = recipe(folder.path(), "second", 1, 1e-9);
    train(&TrainRequest { init: Some(folder.path().join("first/model")), ..request(&second) }).unwrap();
    let [first, second] = ["first", "second"].map(|name| weights(&folder.path().join(name)));
    for (name, tensor) in &first {
        let close = |(one, other): (&f32, &f32)| (one - other).abs() <= one.abs() / 512.0 + 1e-6;
        assert!(tensor.values.iter().zip(&second[name].values).all(close), "{name}");
    }
    // What the first had seen, and on what terms, the second has seen too.
    let trained_on = config_of("second").trained_on;
    assert!(trained_on.sources.contains(&pictures), "{:?}", trained_on.sources);
    assert_eq!(trained_on.licence_note, "ask first");
}

#[test]
fn a_place_prior_may_be_added_to_a_model_without_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str, change: fn(&mut ModelConfig)| {
        let path = recipe(folder.path(), name, 1, 1e-2);
        let mut config = tiny::tiny_config();
        change(&mut config);
        std::fs::write(folder.path().join("config.json"), serde_json::to_string(&config).unwrap()).unwrap();
        train(&request(&path)).unwrap();
        Some(folder.path().join(name).join("model"))
    };
    let plain = start("plain", |config| config.decoder.place_prior = false);
    let second = recipe(folder.path(), "second", 1, 1e-2);
    train(&TrainRequest { init: plain, ..request(&second) }).unwrap();
    assert!(weights(&folder.path().join("second")).contains_key("decoder.place_prior.output.weight"));

    let without_presence = start("without-presence", |config| config.decoder.presence = false);
    let third = recipe(folder.path(), "third", 1, 1e-2);
    let refused = train(&TrainRequest { init: without_presence, ..request(&third) }).unwrap_err().to_string();
    assert!(refused.contains("presence"), "{refused}");
}

#[test]
fn chance_resumes_too_whoever_of_the_workers_is_first() {
    // Fusion drops a tenth of its update, and samples skip blocks of the tower; two workers, two rounds each.
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, stops: &[usize], lines: &str| {
        let path = recipe(folder.path(), name, 6, 1e-2);
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("batch = 2", &format!("batch = 4\naccumulate = 2\nclip_over = \"model\"\n{lines}"));
        std::fs::write(&path, text + "[towers]\nvision_rate = 1.0\ndrop_path = 0.5\n").unwrap();
        for &stop in stops {
            train(&TrainRequest { stop_at: Some(stop), ..request(&path) }).unwrap();
        }
        weights(&folder.path().join(name))
    };
    let whole = run("whole", &[6], "");
    assert_eq!(whole, run("broken", &[1, 3, 6], ""));
    // What is computed again is the same, too.
    assert_eq!(whole, run("lean", &[6], "checkpointing = true"));
}

#[test]
fn an_interrupted_run_leaves_a_checkpoint_and_logs_no_step_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = recipe(folder.path(), "run", 100_000, 1e-3);
    let run = folder.path().join("run");
    let interrupt = Arc::new(AtomicBool::new(false));
    let request = TrainRequest { interrupt: interrupt.clone(), ..request(&path) };
    let outcome = std::thread::scope(|scope| {
        let training = scope.spawn(|| train(&request).unwrap());
        let logged = || std::fs::read_to_string(run.join("log.jsonl")).unwrap_or_default().lines().count();
        while logged() < 2 && !training.is_finished() {
            std::thread::yield_now();
        }
        interrupt.store(true, Ordering::Relaxed);
        training.join().unwrap()
    });
    assert!(outcome.interrupted && outcome.step >= 40 && outcome.step < outcome.steps, "{outcome:?}");
    let progress = std::fs::read_to_string(run.join("state/progress.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&progress).unwrap()["step"], outcome.step);

    // As if the run had been killed without a chance to write: the log knows more than the checkpoint.
    let late = format!("{{\"step\":{},\"loss\":9.0}}\n", outcome.step + 1);
    let log = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    std::fs::write(run.join("log.jsonl"), log.clone() + &late).unwrap();
    interrupt.store(false, Ordering::Relaxed);
    train(&TrainRequest { stop_at: Some(outcome.step), ..request }).unwrap();
    assert_eq!(std::fs::read_to_string(run.join("log.jsonl")).unwrap(), log);
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_its_batch_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let error = train(&request(&recipe(folder.path(), "run", 50, 1e30))).unwrap_err().to_string();
    assert!(error.contains("bad_batch") && (error.contains("NaN") || error.contains("inf")), "{error}");
    let bad = folder.path().join("run/bad_batch");
    let batch: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(bad.join("batch.json")).unwrap()).unwrap();
    // Two pictures, two phrases each.
    assert_eq!(batch["samples"].as_array().unwrap().len(), 4);
    for file in ["image-0.png", "image-1.png", "mask-1-1.png"] {
        let picture = model::dataset::read_rgb(&bad.join(file)).unwrap();
        assert_eq!((picture.rows, picture.cols), (64, 64));
    }
}

#[test]
fn a_run_from_records_goes_by_epochs_and_leaves_a_plot() {
    let folder = tempfile::tempdir().unwrap();
    write_records(folder.path());
    let path = recipe(folder.path(), "run", 1, 1e-3);
    let text = std::fs::read_to_string(&path).unwrap();
    let text =
        text.replace("steps = 1\n", "epochs = 2\n").replace("validate_every = 1", "validate_every = \"1 epoch\"");
    let data = text.find("[data]").unwrap();
    let text = format!(
        "{}[data]\nkind = \"records\"\ntrain = \"{dir}/records.jsonl\"\nvalidation = \"{dir}/records.jsonl\"\n\
         train_split = \"train\"\nvalidation_split = \"val\"\nimages = \"{dir}\"\n",
        &text[..data],
        dir = folder.path().display()
    );
    std::fs::write(&path, text).unwrap();
    let outcome = train(&request(&path)).unwrap();
    // Six pictures in batches of two are three steps an epoch.
    assert_eq!((outcome.step, outcome.interrupted), (6, false));
    let run = folder.path().join("run");
    let log = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    let validations: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["validation"].is_object())
        .collect();
    assert_eq!(validations.iter().map(|line| line["step"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 6]);
    assert_eq!(validations[0]["validation"]["targets"], 3);
    assert!(std::fs::read_to_string(run.join("training.svg")).unwrap().contains("<circle"));
    assert!(run.join("last/model.safetensors").is_file() && run.join("model/model.safetensors").is_file());
}

#[test]
fn a_tower_that_is_not_the_one_the_run_began_with_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = recipe(folder.path(), "run", 4, 1e-3);
    train(&TrainRequest { stop_at: Some(2), ..request(&path) }).unwrap();
    let file = folder.path().join("towers/vision.safetensors");
    let mut tower = TensorFile::read(&file).unwrap();
    tower.tensors.values_mut().next().unwrap().values[0] += 1.0;
    tower.write(&file, model::weights::Precision::Exact).unwrap();
    let error = train(&request(&path)).unwrap_err().to_string();
    assert!(error.contains("another vision tower"), "{error}");
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
