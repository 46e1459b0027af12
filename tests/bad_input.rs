//! The built binary and bad input: the right exit code, one line on standard error, nothing left behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use common::tiff::{Place, Sample, Tiff};
use common::{names_in, paint, shipped_model, waves};

/// A scene in a folder, and an empty folder for outputs.
struct Desk {
    folder: tempfile::TempDir,
    out: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        Self { folder, out }
    }

    fn scene(&self) -> PathBuf {
        self.folder.path().join("scene.tif")
    }

    fn good_scene(&self) -> PathBuf {
        paint(&self.scene(), 90, 80, waves);
        self.scene()
    }

    /// `segment SCENE -o out/out.geojson --raster out/out.tif` and more, with a model folder that does not exist
    /// unless one is named: scenes and flags are judged before the model is opened.
    fn segment(&self, scene: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
        command.env_remove("GEOPHRASE_MODEL").env_remove("RUST_LOG").timeout(Duration::from_secs(120));
        command.arg("segment").arg(scene).arg("-o").arg(self.out.join("out.geojson"));
        command.arg("--raster").arg(self.out.join("out.tif")).args(more);
        if !more.contains(&"--prompt") {
            command.args(["--prompt", "ships"]);
        }
        if !more.contains(&"--model") {
            command.args(["--model", "no/such/model"]);
        }
        command
    }

    /// Expects a refusal with one of some exit codes whose one line holds some words.
    fn refused(&self, scene: &Path, more: &[&str], codes: &[i32], words: &[&str]) {
        let output = self.segment(scene, more).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let case = format!("{} {more:?} said {errors:?}", scene.display());
        assert!(codes.contains(&output.status.code().unwrap()), "exit {:?}: {case}", output.status.code());
        assert_eq!(errors.lines().count(), 1, "{case}");
        assert!(errors.starts_with("geophrase: ") && output.stdout.is_empty(), "{case}");
        for word in words {
            assert!(errors.contains(word), "{word:?} is missing: {case}");
        }
        assert_eq!(names_in(&self.out), [""; 0], "left behind: {case}");
    }

    fn refused_tiff(&self, tiff: &Tiff, words: &[&str]) {
        tiff.write(&self.scene());
        self.refused(&self.scene(), &[], &[65], words);
    }
}

fn grey(bands: u16) -> Tiff {
    Tiff::bytes(20, 10, bands, |row, col, _| (row + col) as u8)
}

#[test]
fn a_scene_that_is_not_there() {
    let desk = Desk::new();
    desk.refused(Path::new("no/such/scene.tif"), &[], &[66], &["no/such/scene.tif", "does not exist"]);
}

#[test]
fn a_file_that_is_no_raster() {
    let desk = Desk::new();
    std::fs::write(desk.scene(), "these are words, not pixels\n".repeat(40)).unwrap();
    desk.refused(&desk.scene(), &[], &[65, 66], &["scene.tif"]);
    std::fs::write(desk.scene(), "").unwrap();
    desk.refused(&desk.scene(), &[], &[65, 66], &["scene.tif"]);
    desk.refused(desk.folder.path(), &[], &[65, 66], &[]);
}

#[test]
fn a_geotiff_that_is_cut_before_its_directory() {
    let desk = Desk::new();
    let whole = grey(3).encode();
    for length in [4, 8, whole.len() / 2, whole.len() - 300] {
        std::fs::write(desk.scene(), &whole[..length]).unwrap();
        desk.refused(&desk.scene(), &[], &[65, 66], &["scene.tif"]);
    }
}

#[test]
fn a_scene_without_a_crs_is_told_the_two_ways_out() {
    let desk = Desk::new();
    desk.refused_tiff(&Tiff { place: Place::NoCrs, ..grey(3) }, &["--assume-crs", "--allow-no-crs"]);
    desk.refused_tiff(&Tiff { place: Place::Nowhere, ..grey(3) }, &["CRS"]);
}

#[test]
fn a_scene_with_control_points_or_a_camera_model_only_is_told_to_warp() {
    let desk = Desk::new();
    desk.refused_tiff(&Tiff { place: Place::Gcps, ..grey(3) }, &["gdalwarp"]);
    desk.refused_tiff(&Tiff { place: Place::Rpcs, ..grey(3) }, &["gdalwarp"]);
}

#[test]
fn a_scene_without_bands_or_with_two() {
    let desk = Desk::new();
    let vrt = desk.folder.path().join("none.vrt");
    std::fs::write(
        &vrt,
        "<VRTDataset rasterXSize=\"9\" rasterYSize=\"9\"><SRS>EPSG:32633</SRS>\
         <GeoTransform>500000, 1, 0, 5300000, 0, -1</GeoTransform></VRTDataset>",
    )
    .unwrap();
    desk.refused(&vrt, &[], &[65, 66], &["band"]);
    desk.refused_tiff(&grey(2), &["2 bands", "--bands"]);
}

#[test]
fn complex_samples() {
    let desk = Desk::new();
    let data = vec![0; 20 * 10 * 8];
    desk.refused_tiff(&Tiff { sample: Sample::ComplexFloat, data, ..grey(1) }, &["complex"]);
}

#[test]
fn a_band_that_is_not_there() {
    let desk = Desk::new();
    let scene = desk.good_scene();
    desk.refused(&scene, &["--bands", "1,2,9"], &[2], &["9"]);
    desk.refused(&scene, &["--bands", "0"], &[2], &["0"]);
    desk.refused(&scene, &["--bands", "1,2"], &[2], &[]);
    desk.refused(&scene, &["--bands", "red"], &[2], &["red"]);
}

#[test]
fn prompts_that_say_nothing() {
    let desk = Desk::new();
    let scene = desk.good_scene();
    for prompt in ["", "   ", "ships\u{7}", "two\nlines"] {
        desk.refused(&scene, &["--prompt", prompt], &[2], &["prompt"]);
    }
}

#[test]
fn a_prompt_that_is_too_long() {
    let model = shipped_model();
    let desk = Desk::new();
    let long = "the very large and rather old ship ".repeat(30);
    desk.refused(&desk.good_scene(), &["--prompt", &long, "--model", model.to_str().unwrap()], &[2], &["shorten"]);
}

#[test]
fn a_model_folder_that_is_missing_or_damaged() {
    let desk = Desk::new();
    let scene = desk.good_scene();
    desk.refused(&scene, &["--model", "no/such/model"], &[78], &["no/such/model"]);
    let model = desk.folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    let named = model.to_str().unwrap();
    desk.refused(&scene, &["--model", named], &[78], &[named]);
    for file in ["config.json", "model.safetensors", "tokenizer.json", "MODEL_CARD.md"] {
        std::fs::write(model.join(file), "not what it should be").unwrap();
    }
    desk.refused(&scene, &["--model", named], &[78], &[named]);
}

#[test]
fn a_model_whose_weights_are_cut_or_of_another_shape() {
    let shipped = shipped_model();
    let desk = Desk::new();
    let scene = desk.good_scene();
    let model = desk.folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(&shipped).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let named = model.to_str().unwrap();
    let weights = std::fs::read(model.join("model.safetensors")).unwrap();
    std::fs::write(model.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    desk.refused(&scene, &["--model", named], &[78], &["model"]);
    std::fs::write(model.join("model.safetensors"), &weights).unwrap();
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&config).unwrap();
    other["decoder"]["hidden"] = 96.into();
    std::fs::write(model.join("config.json"), other.to_string()).unwrap();
    desk.refused(&scene, &["--model", named], &[78], &["does not fit config.json"]);
    other["decoder"]["hidden"] = 256.into();
    other["calibration"]["temperature"] = 0.into();
    std::fs::write(model.join("config.json"), other.to_string()).unwrap();
    desk.refused(&scene, &["--model", named], &[78], &["temperature"]);
}

#[test]
fn outputs_that_cannot_be() {
    let desk = Desk::new();
    let scene = desk.good_scene();
    let refused = |output: &Path, code: i32, word: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
        command.args(["segment", scene.to_str().unwrap(), "-p", "ships", "--model", "no/such/model", "-o"]).arg(output);
        let result = command.output().unwrap();
        let errors = String::from_utf8(result.stderr).unwrap();
        assert_eq!(result.status.code(), Some(code), "{errors}");
        assert!(errors.lines().count() == 1 && errors.contains(word), "{errors}");
    };
    refused(&desk.out.join("no/such/folder/out.geojson"), 73, "folder");
    refused(&desk.out.join("out.kml"), 2, ".geojson");
    std::fs::write(desk.out.join("there.geojson"), "precious").unwrap();
    refused(&desk.out.join("there.geojson"), 73, "--overwrite");
    assert_eq!(std::fs::read(desk.out.join("there.geojson")).unwrap(), b"precious");
    assert_eq!(names_in(&desk.out), ["there.geojson"]);
}

#[test]
fn devices_that_are_unknown_or_absent() {
    let desk = Desk::new();
    let scene = desk.good_scene();
    desk.refused(&scene, &["--device", "abacus"], &[2], &["abacus", "cuda"]);
    if !cfg!(feature = "cuda") {
        desk.refused(&scene, &["--device", "cuda:0"], &[69], &["cuda"]);
    }
}

#[test]
fn flags_that_make_no_sense() {
    let desk = Desk::new();
    let scene = desk.good_scene();
    for (flag, value) in [
        ("--threshold", "1.5"),
        ("--tile-overlap", "200%"),
        ("--min-area", "big"),
        ("--scale", "loud"),
        ("--batch", "0"),
        ("--resolution", "fine"),
        ("--resolution", "0"),
        ("--frame", "world"),
        ("--views", "9"),
        ("--no-such-flag", "1"),
    ] {
        desk.refused(&scene, &[flag, value], &[2], &[]);
    }
}

#[test]
fn pixel_sizes_that_a_scene_cannot_be_shown_at() {
    let model = shipped_model();
    let desk = Desk::new();
    let scene = desk.good_scene();
    let with = |flags: &[&'static str]| [flags, &["--model", model.to_str().unwrap()]].concat();
    desk.refused(&scene, &with(&["--resolution", "500"]), &[2], &["--resolution 500 m", "64 to 4096 px"]);
    Tiff { place: Place::NoCrs, ..grey(3) }.write(&desk.scene());
    let flags = with(&["--resolution", "0.3", "--allow-no-crs"]);
    desk.refused(&desk.scene(), &flags, &[2], &["the pixel size is not known", "2px"]);
}

/// What works although it is odd: every file is there, nothing is said, and the report counts the pixels.
fn works(desk: &Desk, scene: &Path, more: &[&str]) -> serde_json::Value {
    let model = shipped_model();
    let more = [more, &["--model", model.to_str().unwrap()]].concat();
    let output = desk.segment(scene, &more).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{} {more:?}", scene.display());
    let expected = ["out.geojson", "out.mask.tif", "out.report.json", "out.tif"];
    assert_eq!(names_in(&desk.out), expected);
    let report = serde_json::from_slice(&std::fs::read(desk.out.join("out.report.json")).unwrap()).unwrap();
    std::fs::remove_dir_all(&desk.out).unwrap();
    std::fs::create_dir(&desk.out).unwrap();
    report
}

#[test]
fn each_v_says_more() {
    let desk = Desk::new();
    let scene = desk.scene();
    grey(1).write(&scene);
    let model = shipped_model();
    let said = |flags: &str| {
        let more = ["--model", model.to_str().unwrap(), "--overwrite", flags];
        let output = desk.segment(&scene, &more).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let [one, two, three] = ["-v", "-vv", "-vvv"].map(said);
    assert_eq!(one.lines().count(), 1, "{one}");
    assert!(two.contains("1 tiles of") && two.contains("wrote ") && !two.contains("read tile"), "{two}");
    assert!(three.contains("read tile 0 at") && three.contains("answered the tile at"), "{three}");
}

#[test]
fn odd_scenes_that_work() {
    let desk = Desk::new();
    let scene = desk.scene();
    let notes = |report: &serde_json::Value| report["notes"].to_string();

    grey(1).write(&scene);
    let report = works(&desk, &scene, &[]);
    assert!(notes(&report).contains("grey"), "{report}");
    assert_eq!((&report["valid_px"], &report["nodata_px"]), (&200.into(), &0.into()));

    let palette = (0..=255).map(|i| [i, 255 - i, 7]).collect();
    Tiff { palette: Some(palette), ..grey(1) }.write(&scene);
    assert!(notes(&works(&desk, &scene, &[])).contains("palette"));
    let report = works(&desk, &scene, &["--scale", "0,100"]);
    assert!(notes(&report).contains("--scale says nothing about a palette"), "{report}");
    assert_eq!(report["scene"]["scaling"]["method"], "none");

    // Alpha 0 in the left half: no data there.
    Tiff {
        alpha: true,
        ..Tiff::bytes(20, 10, 2, |_, col, band| if band == 0 { 9 } else { 255 * u8::from(col >= 10) })
    }
    .write(&scene);
    assert_eq!(works(&desk, &scene, &[])["nodata_px"], 100);

    Tiff::bytes(1, 1, 3, |_, _, band| band as u8).write(&scene);
    assert_eq!(works(&desk, &scene, &[])["valid_px"], 1);

    Tiff { nodata: Some("3"), ..Tiff::bytes(20, 10, 3, |_, _, _| 3) }.write(&scene);
    let report = works(&desk, &scene, &[]);
    assert_eq!(
        (&report["valid_px"], &report["tiles"]["computed"], &report["detections"]),
        (&0.into(), &0.into(), &0.into())
    );

    Tiff::floats(20, 10, 3, |_, col, _| if col < 5 { f32::NAN } else { col as f32 }).write(&scene);
    assert_eq!(works(&desk, &scene, &[])["nodata_px"], 50);

    Tiff { place: Place::NoCrs, ..grey(3) }.write(&scene);
    let report = works(&desk, &scene, &["--allow-no-crs"]);
    assert!(notes(&report).contains("the pixel size is unknown"), "{report}");
    let report = works(&desk, &scene, &["--assume-crs", "EPSG:32633"]);
    assert!(report["scene"]["crs"].to_string().contains("32633"), "{report}");
}

#[test]
fn a_scene_that_cannot_be_read_whole_is_refused_after_it_was_begun() {
    let model = shipped_model();
    let desk = Desk::new();
    // The directory at the end stays; a hole in the compressed pixels does not.
    paint(&desk.scene(), 900, 900, waves);
    let mut bytes = std::fs::read(desk.scene()).unwrap();
    let (from, to) = (bytes.len() / 2, bytes.len() / 2 + 2000);
    bytes[from..to].fill(0xA5);
    std::fs::write(desk.scene(), bytes).unwrap();
    desk.refused(&desk.scene(), &["--model", model.to_str().unwrap()], &[65, 66], &["cannot read"]);
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_nothing_and_ends_with_130_or_143() {
    let model = shipped_model();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let desk = Desk::new();
        paint(&desk.scene(), 2500, 2500, waves);
        let mut running = std::process::Command::new(env!("CARGO_BIN_EXE_geophrase"))
            .args(["segment", desk.scene().to_str().unwrap(), "-p", "ships", "--model", model.to_str().unwrap(), "-o"])
            .arg(desk.out.join("out.geojson"))
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Outputs have temporary names as soon as the run has begun.
        let begun = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            !names_in(&desk.out).is_empty()
        });
        assert!(begun, "the run never began");
        let id = running.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let ended = running.wait().unwrap();
        assert_eq!(ended.code(), Some(code));
        assert_eq!(names_in(&desk.out), [""; 0]);
    }
}
