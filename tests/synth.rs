//! Drawn scenes and data sets: the same for a seed, georeferenced, whole or not there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use common::names_in;
use geo_io::{PixelSize, PixelWindow, Scene, SceneOptions};
use model::dataset::{RecordReader, read_rgb};

fn synth(arguments: &[&OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geophrase")).arg("synth").args(arguments).output().unwrap()
}

fn words<'a>(words: &[&'a str], path: &'a Path) -> Vec<&'a OsStr> {
    words.iter().copied().map(OsStr::new).chain([path.as_os_str()]).collect()
}

#[test]
fn a_seed_draws_the_same_scene_twice_and_it_lies_where_it_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        "--size",
        "300x520",
        "--seed",
        "3",
        "--pixel-size",
        "0.4",
        "--crs",
        "EPSG:25832",
        "--origin",
        "600000,5600000",
    ];
    let mut files = Vec::new();
    for name in ["a.tif", "b.tif"] {
        let path = folder.path().join(name);
        let output = synth(&words(&[&flags[..], &["--out"]].concat(), &path));
        assert!(output.status.success() && output.stderr.is_empty() && output.stdout.is_empty());
        files.push(std::fs::read(&path).unwrap());
    }
    assert!(files[0] == files[1]);
    let scene = Scene::open(folder.path().join("a.tif").as_os_str(), &SceneOptions::default()).unwrap();
    let info = scene.info();
    assert_eq!(info.size, PixelSize { width: 300, height: 520 });
    assert_eq!(info.affine.0, [600_000.0, 0.4, 0.0, 5_600_000.0, 0.0, -0.4]);
    assert_eq!(info.crs.as_ref().unwrap().authority(), Some(("EPSG", 25832)));
}

#[test]
fn strips_of_a_scene_join_without_a_seam() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    assert!(synth(&words(&["--size", "64x600", "--seed", "3", "--out"], &path)).status.success());
    // The scene is drawn in strips; one window over all of them must show the same pixels.
    let scene = Scene::open(path.as_os_str(), &SceneOptions::default()).unwrap();
    let pixels = scene.read_rgb(PixelWindow::whole(scene.info().size)).unwrap();
    let world = pipeline::commands::synth::world_of(3, scene.info().size, 0.5, (0.0, 0.0));
    let drawn = model::synthetic::World::new(world).unwrap().render(0, 0, 600, 64);
    let area = 64 * 600;
    for i in 0..area {
        let read = [pixels.rgb[i], pixels.rgb[area + i], pixels.rgb[2 * area + i]];
        let expected: Vec<f32> = drawn.rgb[3 * i..3 * i + 3].iter().map(|&value| f32::from(value)).collect();
        assert_eq!(read.as_slice(), expected, "row {}, column {}", i / 64, i % 64);
    }
}

#[test]
fn the_demo_scene_of_the_repository_is_what_the_generator_draws() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/demo/truth.jsonl");
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("truth.jsonl");
    let scene = folder.path().join("scene.tif");
    let mut arguments = words(&["--demo", "--out"], &scene);
    arguments.extend([OsStr::new("--records"), records.as_os_str()]);
    assert!(synth(&arguments).status.success());
    assert_eq!(std::fs::read_to_string(records).unwrap(), std::fs::read_to_string(shipped).unwrap());
}

#[test]
fn a_data_set_has_pictures_and_records_that_fit() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    let flags = ["--count", "4", "--tile", "128", "--phrases-per-tile", "2", "--seed", "8", "--dataset"];
    assert!(synth(&words(&flags, &set)).status.success());
    assert_eq!(names_in(&set), ["000000.png", "000001.png", "000002.png", "000003.png", "records.jsonl"]);
    let mut count = 0;
    for record in RecordReader::open(&set.join("records.jsonl")).unwrap() {
        let record = record.unwrap();
        let picture = read_rgb(&record.image_path(&set)).unwrap();
        assert_eq!((picture.rows, picture.cols), (128, 128));
        if let Some(truth) = record.truth().unwrap() {
            assert_eq!((truth.rows(), truth.cols()), (128, 128));
        }
        count += 1;
    }
    assert!((4..=8).contains(&count), "{count} records");
}

#[test]
fn what_is_there_is_kept_and_what_cannot_be_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.tif");
    std::fs::write(&path, "precious").unwrap();
    let refused = |arguments: &[&OsStr], code: i32| {
        let output = synth(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), errors.lines().count()), (Some(code), 1), "{errors}");
        assert_eq!(names_in(folder.path()), ["scene.tif"]);
    };
    refused(&words(&["--size", "9x9", "--out"], &path), 73);
    refused(&words(&["--dataset"], folder.path()), 73);
    let other = folder.path().join("other.tif");
    refused(&words(&["--size", "0x9", "--out"], &other), 2);
    refused(&words(&["--size", "9x9", "--pixel-size", "70", "--out"], &other), 2);
    refused(&words(&["--size", "9x9", "--crs", "EPSG:0", "--out"], &other), 2);
    refused(&words(&["--size", "9x9"], &other), 2);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}
