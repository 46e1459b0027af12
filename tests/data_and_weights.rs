//! The built binary on data sets and weight files: what it says, what it writes, what it refuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn geophrase(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.env_remove("RUST_LOG").env("GEOPHRASE_MODEL", shipped()).args(arguments);
    command
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("data/models/small")
}

fn fixture(name: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("model/tests/fixtures");
    fixtures.join(name).to_str().unwrap().to_owned()
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Expects a refusal whose one line holds some words.
fn refused(command: &mut Command, code: i32, words: &str) {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.starts_with("geophrase: ") && errors.contains(words), "{errors}");
}

/// A RISBench of two splits: one picture for both, a phrase of forty words, an empty mask.
fn risbench(root: &Path) {
    let folder = root.join("RISBench_dataset");
    for name in ["img_rgb", "mask"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    for (name, foreground) in [("train_1_0.png", 6), ("test_1_0.png", 0)] {
        let picture = image::RgbImage::from_fn(16, 16, |col, row| image::Rgb([col as u8, row as u8, 9]));
        picture.save(folder.join("img_rgb").join(name)).unwrap();
        let mask = image::GrayImage::from_fn(16, 16, |col, row| {
            image::Luma([if row == 0 && col < foreground { 255 } else { 0 }])
        });
        mask.save(folder.join("mask").join(name)).unwrap();
    }
    std::fs::write(root.join("output_phrase_train.txt"), "train_1_0.png the ship\r\n").unwrap();
    let long = vec!["ship"; 40].join(" ");
    std::fs::write(root.join("output_phrase_test.txt"), format!("test_1_0.png {long}\n")).unwrap();
}

#[test]
fn a_data_set_is_looked_at_and_converted() {
    let folder = tempfile::tempdir().unwrap();
    risbench(folder.path());
    let root = folder.path().to_str().unwrap();
    let table = stdout(&mut geophrase(&["dataset", "inspect", root]));
    for line in [
        "test: the mask marks nothing: test_1_0",
        "test: the phrase has more than 20 tokens: test_1_0",
        "1 pictures are in more than one split: test_1_0.png in test is train_1_0.png in train",
        "grey values of the masks: 0 (98.828 %), 255 (1.172 %)",
    ] {
        assert!(table.lines().any(|found| found == line), "{line:?} is not in\n{table}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&mut geophrase(&["dataset", "inspect", root, "--json", "-"]))).unwrap();
    assert_eq!(json["kind"], "risbench");
    assert_eq!(json["splits"]["test"]["longest_tokens"], 42);

    let out = folder.path().join("records.jsonl");
    let out = out.to_str().unwrap();
    let said = stdout(&mut geophrase(&["dataset", "convert", root, "--out", out, "--split", "test", "--check"]));
    assert!(said.starts_with("1 records in "), "{said}");
    assert!(said.contains("pictures: --images ") && said.ends_with("RISBench_dataset/img_rgb\n"), "{said}");
    let records = std::fs::read_to_string(out).unwrap();
    assert!(records.contains(r#""image":"test_1_0.png""#), "{records}");
    // What was written is a data set itself.
    let again = stdout(&mut geophrase(&["dataset", "inspect", out, "--no-pixels"]));
    assert!(again.starts_with("referring records in "), "{again}");
    refused(&mut geophrase(&["dataset", "convert", root, "--out", out]), 73, "records.jsonl");
    refused(&mut geophrase(&["dataset", "inspect", root, "--kind", "coco7"]), 2, "unknown kind of data set");
    refused(&mut geophrase(&["dataset", "inspect", &fixture("")]), 65, "looks like no data set that is known");
}

#[test]
fn weights_are_listed_compared_and_refused() {
    let shipped = shipped();
    let table = stdout(&mut geophrase(&["weights", "inspect", shipped.to_str().unwrap()]));
    assert!(table.contains("a whole geophrase model"), "{table}");
    assert!(table.contains(" applied, 0 missing, 0 misshapen, 0 unused"), "{table}");
    let json =
        stdout(&mut geophrase(&["weights", "inspect", &fixture("checkpoint_zip.pth"), "--model", "base", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["dialect"], "ConvNeXt, Facebook's names");
    assert_eq!(json["wrapper"], "model.");
    // A tower of four blocks has shapes of its own, and lacks most of the 36 blocks of ConvNeXt-B.
    assert!(json["fit"]["missing"].as_array().unwrap().len() > 200);
    assert!(!json["fit"]["misshapen"].as_array().unwrap().is_empty());

    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.pth");
    let bytes = std::fs::read(fixture("checkpoint_zip.pth")).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    refused(&mut geophrase(&["weights", "inspect", cut.to_str().unwrap()]), 78, "damaged or cut zip");

    let damaged = folder.path().join("model");
    std::fs::create_dir(&damaged).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(shipped.join(name), damaged.join(name)).unwrap();
    }
    std::fs::write(damaged.join("tokenizer.json"), "{}").unwrap();
    refused(&mut geophrase(&["weights", "inspect", damaged.to_str().unwrap()]), 78, "tokenizer.json is not the one");
}

#[test]
fn records_of_a_drawn_scene_need_phrases() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (scene, records) = (at("scene.tif"), at("records.jsonl"));
    let arguments = ["synth", "--out", &scene, "--size", "64x64", "--records", &records];
    refused(&mut geophrase(&arguments), 2, "--records needs phrases");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_empty_variable_names_no_model() {
    let folder = tempfile::tempdir().unwrap();
    risbench(folder.path());
    let mut command = geophrase(&["dataset", "inspect", folder.path().to_str().unwrap(), "--no-pixels"]);
    // In a folder without a model, nothing is found, and nothing is complained about either.
    let said = stdout(command.env("GEOPHRASE_MODEL", "").current_dir(folder.path()));
    assert!(said.contains("no tokenizer at hand") || said.contains("more than 20 tokens"), "{said}");
}

#[test]
fn a_calibration_is_fitted_on_records_and_written_as_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    let (set, records) = (set.to_str().unwrap().to_owned(), set.join("records.jsonl").to_str().unwrap().to_owned());
    stdout(&mut geophrase(&["synth", "--dataset", &set, "--count", "24", "--seed", "3100"]));
    let out = folder.path().join("config.json");
    let ask = ["calibrate", "--records", &records, "--images", &set, "--device", "cpu", "--out", out.to_str().unwrap()];
    let table = stdout(&mut geophrase(&ask));
    for start in ["records ", "presence ", "probability ", "uncertainty "] {
        assert!(table.lines().any(|line| line.starts_with(start)), "{start:?} is not in\n{table}");
    }
    let read = |path: &Path| -> serde_json::Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let (mut before, mut after) = (read(&shipped().join("config.json")), read(&out));
    assert_ne!(before["calibration"], after["calibration"]);
    for config in [&mut before, &mut after] {
        config.as_object_mut().unwrap().remove("calibration");
    }
    assert_eq!(before, after);

    let written = std::fs::read(&out).unwrap();
    refused(&mut geophrase(&ask), 73, "exists already");
    let of_no_split = [&ask[..], &["--split", "none", "--overwrite"]].concat();
    refused(&mut geophrase(&of_no_split), 65, "holds no record of the split \"none\"");
    assert_eq!(std::fs::read(&out).unwrap(), written);
}
