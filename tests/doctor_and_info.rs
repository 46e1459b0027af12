//! The built binary's `doctor` and `info`: what they say of this machine and of a scene, and how they end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;

use assert_cmd::Command;
use common::tiff::{Place, Tiff};
use common::{paint, shipped_model, waves};
use serde_json::Value;

fn geophrase(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.env_remove("GEOPHRASE_MODEL").env_remove("RUST_LOG").args(words);
    command
}

/// Exit code, standard output, standard error.
fn said(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn with_model(mut command: Command) -> Command {
    command.arg("--model").arg(shipped_model());
    command
}

#[test]
fn a_machine_that_can_run_is_found_fit_with_its_facts() {
    let (code, json, errors) = said(with_model(geophrase(&["doctor", "--json"])));
    assert_eq!((code, errors.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&answer["ok"], &answer["exit_code"]), (&Value::Bool(true), &Value::from(0)));
    let states: Vec<&str> =
        answer["checks"].as_array().unwrap().iter().map(|check| check["state"].as_str().unwrap()).collect();
    assert!(states.len() >= 9 && !states.contains(&"fail"), "{states:?}");
    assert_eq!(answer["facts"]["model_hash"].as_str().unwrap().len(), 64);
    assert!(answer["facts"]["gdal_version"].as_str().unwrap().starts_with('3'));
    let (code, table, _) = said(with_model(geophrase(&["doctor"])));
    assert!(code == 0 && table.lines().all(|line| line.chars().count() <= 100), "{table}");
}

#[test]
fn a_damaged_model_ends_with_78_and_a_folder_that_cannot_be_written_is_named_too() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(shipped_model().join(file), folder.path().join(file)).unwrap();
    }
    let weights = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let mut doctor = geophrase(&["doctor", "--out", "/no/such/folder", "--model"]);
    doctor.arg(folder.path());
    let (code, table, errors) = said(doctor);
    assert_eq!(code, 78, "{errors}");
    assert!(table.contains("model         FAIL") && table.contains("output        FAIL"), "{table}");
    assert!(
        errors.lines().count() == 1 && errors.contains("model.safetensors") && errors.contains("/no/such"),
        "{errors}"
    );
}

#[test]
fn a_lost_crs_database_is_found_before_a_night_is_lost() {
    let mut doctor = with_model(geophrase(&["doctor"]));
    doctor.env("PROJ_LIB", "/no/such/folder").env("PROJ_DATA", "/no/such/folder");
    let (code, table, errors) = said(doctor);
    assert_eq!(code, 78, "{table}");
    assert!(errors.contains("PROJ_LIB"), "{errors}");
}

#[test]
fn info_tells_the_tiles_that_segment_makes() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 1_000, 330, waves);
    let info = |scene: &Path, more: &[&str]| {
        let mut command = with_model(geophrase(&["info"]));
        command.arg(scene).args(more);
        said(command)
    };
    let (code, json, errors) = info(&scene, &["--json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&json).unwrap();
    // 1,000 px with tiles of 320 px, one every 256 px: at 0, 256, 512 and 680. 330 px: at 0 and 10.
    assert_eq!(answer["tiles"]["count"], 8, "{json}");
    assert_eq!(answer["bbox"][0], 500_000.0);
    // 1,000 * 330 * (2 * 4 + 1) bytes.
    assert_eq!(answer["raster_bytes"], 2_970_000);
    assert_eq!(answer["scene"]["validity"], "everywhere");
    let (_, rows, _) = info(&scene, &["--tile-overlap", "0", "-p", "the largest ship"]);
    assert!(
        rows.contains("tiles") && rows.contains("8-bit values as they are") && rows.contains("EPSG:32633"),
        "{rows}"
    );
    assert!(rows.contains("note") && rows.contains("depends on the frame"), "{rows}");

    assert_eq!(planned(&scene), answer["tiles"]["count"]);

    // A small scene is one view for the shipped model.
    let small = folder.path().join("small.tif");
    paint(&small, 700, 330, waves);
    let answer: Value = serde_json::from_str(&info(&small, &["--json"]).1).unwrap();
    assert_eq!((&answer["tiles"]["count"], planned(&small)), (&Value::from(1), Value::from(1)), "{answer}");
}

/// The tiles that `segment` plans for a scene.
fn planned(scene: &Path) -> Value {
    let raster = scene.with_file_name("out.tif");
    let mut segment = with_model(geophrase(&["segment", "-p", "ships", "--overwrite"]));
    segment.arg("--raster").arg(&raster).arg(scene);
    assert_eq!(said(segment).0, 0);
    let report = std::fs::read(raster.with_file_name("out.report.json")).unwrap();
    serde_json::from_slice::<Value>(&report).unwrap()["tiles"]["planned"].clone()
}

#[test]
fn info_measures_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 40, 40, waves);
    let mut measured = with_model(geophrase(&["info", "--measure", "--json"]));
    measured.arg(&scene);
    let answer: Value = serde_json::from_str(&said(measured).1).unwrap();
    assert!(answer["estimate"]["seconds"].as_f64().unwrap() > 0.0 && answer["estimate"]["prompts"] == 1);
    let mut plain = with_model(geophrase(&["info", "--json"]));
    plain.arg(&scene);
    let answer: Value = serde_json::from_str(&said(plain).1).unwrap();
    assert_eq!(answer["estimate"], Value::Null);
}

#[test]
fn info_refuses_what_segment_refuses_with_the_same_code() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    Tiff { place: Place::NoCrs, ..Tiff::bytes(20, 10, 3, |row, col, _| (row + col) as u8) }.write(&scene);
    let info = |scene: &Path| {
        let mut command = with_model(geophrase(&["info"]));
        command.arg(scene);
        said(command)
    };
    let (code, out, errors) = info(&scene);
    assert_eq!((code, out.as_str()), (65, ""));
    assert!(errors.contains("--assume-crs") && errors.lines().count() == 1, "{errors}");
    assert_eq!(info(Path::new("/no/such/scene.tif")).0, 66);
}
