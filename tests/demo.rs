//! The shipped weights on the shipped scene, against the generator's truth, and what GDAL makes of the outputs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{band, bytes_in, names_in, shipped_model};
use model::dataset::RecordReader;

fn demo_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/demo").join(name)
}

fn geophrase() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.env_remove("GEOPHRASE_MODEL").env_remove("RUST_LOG");
    command
}

#[test]
fn each_prompt_of_the_demo_is_found_with_an_iou_of_at_least_0_6() {
    let model = shipped_model();
    let records: Vec<_> = RecordReader::open(&demo_file("truth.jsonl")).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(records.len(), 3);
    let out = tempfile::tempdir().unwrap();
    let mut failed = Vec::new();
    for record in records {
        let raster = out.path().join(format!("{}.tif", record.id));
        let mut segment = geophrase();
        segment.arg("segment").arg(demo_file("scene.tif")).args(["-p", &record.phrase]);
        let status = segment.arg("--model").arg(&model).arg("--raster").arg(&raster).status().unwrap();
        assert!(status.success());
        let found = band(&raster, 1);
        let truth = record.truth().unwrap().unwrap();
        assert_eq!(found.len(), truth.bits().len());
        let (mut both, mut either) = (0_u64, 0_u64);
        for (found, &truth) in found.iter().zip(truth.bits()) {
            let found = found.is_some_and(|p| p > 0.5);
            both += u64::from(found && truth == 1);
            either += u64::from(found || truth == 1);
        }
        let iou = both as f64 / either.max(1) as f64;
        println!("{:?}: IoU {iou:.3}", record.phrase);
        if iou < 0.6 {
            failed.push(format!("{:?} {iou:.3}", record.phrase));
        }
    }
    assert!(failed.is_empty(), "below 0.6: {}", failed.join(", "));
}

#[test]
fn words_of_place_are_heeded() {
    let model = shipped_model();
    let out = tempfile::tempdir().unwrap();
    // How much of what a prompt marks in the demo scene, of 1,280 px, lies in the left and in the upper half.
    let shares = |prompt: &str| {
        let raster = out.path().join("out.tif");
        let mut segment = geophrase();
        segment.arg("segment").arg(demo_file("scene.tif")).args(["-p", prompt, "--frame", "scene", "--overwrite"]);
        assert!(segment.arg("--model").arg(&model).arg("--raster").arg(&raster).status().unwrap().success());
        let found = band(&raster, 1);
        let side = found.len().isqrt();
        let marked: Vec<usize> = (0..found.len()).filter(|&at| found[at].is_some_and(|p| p > 0.5)).collect();
        assert!(marked.len() > 1_000, "{prompt:?} marks {} pixels", marked.len());
        let share = |within: &dyn Fn(usize) -> bool| {
            marked.iter().filter(|&&at| within(at)).count() as f64 / marked.len() as f64
        };
        (share(&|at| at % side < side / 2), share(&|at| at / side < side / 2))
    };
    let [left, right, bottom] = ["left", "right", "bottom"].map(|side| shares(&format!("the buildings on the {side}")));
    assert!(left.0 > 0.8 && right.0 < 0.5 && bottom.1 < 0.2, "left {left:?}, right {right:?}, bottom {bottom:?}");
}

#[test]
fn the_batch_size_and_the_number_of_threads_change_no_byte() {
    let model = shipped_model();
    let run = |batch: &str, threads: &str| {
        let out = tempfile::tempdir().unwrap();
        let mut segment = geophrase();
        segment.env("RAYON_NUM_THREADS", threads);
        segment.arg("segment").arg(demo_file("scene.tif")).args(["-p", "storage tanks", "-p", "buildings"]);
        segment.args(["--batch", batch, "--device", "cpu", "--model"]).arg(&model);
        segment.arg("--raster").arg(out.path().join("out.tif")).arg("-o").arg(out.path().join("out.geojson"));
        assert!(segment.status().unwrap().success());
        let found = band(&out.path().join("out.storage-tanks.tif"), 1);
        assert!(found.iter().flatten().any(|p| *p > 0.5), "nothing was found, so nothing is compared");
        bytes_in(out.path())
    };
    let first = run("1", "1");
    assert_eq!(first.len(), 5);
    for (batch, threads) in [("4", "2"), ("3", "3"), ("1", "2")] {
        assert!(first == run(batch, threads), "files differ with batches of {batch} and {threads} threads");
    }
}

#[test]
fn the_demo_lists_what_it_finds_and_draws_it() {
    let model = shipped_model();
    let out = tempfile::tempdir().unwrap();
    let mut demo = geophrase();
    demo.arg("demo").arg("--scene").arg(demo_file("scene.tif")).arg("--model").arg(&model);
    let output = demo.arg("--out").arg(out.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("storage tanks") && table.contains("WGS 84 / UTM zone 33N"), "{table}");
    let names = names_in(out.path());
    assert!(names.contains(&"found.png".to_owned()) && names.contains(&"found.geojson".to_owned()), "{names:?}");
    // GDAL's own programs read every output.
    for name in names {
        let program = match name.rsplit('.').next() {
            Some("tif" | "png") => "gdalinfo",
            Some("geojson") => "ogrinfo",
            _ => continue,
        };
        let Ok(read) = Command::new(program).arg(out.path().join(&name)).output() else {
            eprintln!("SKIPPED: {program} is not installed");
            continue;
        };
        let said = String::from_utf8_lossy(&read.stdout).into_owned();
        assert!(read.status.success() && read.stderr.is_empty(), "{program} {name}: {said}");
        assert!(name.ends_with("png") || name.ends_with("geojson") || said.contains("UTM zone 33N"), "{name}: {said}");
    }
}

#[test]
fn drawn_records_can_be_scored() {
    let model = shipped_model();
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    let json = folder.path().join("scores.json");
    let drawn = geophrase().args(["synth", "--count", "3", "--seed", "5", "--dataset"]).arg(&set).status().unwrap();
    assert!(drawn.success());
    let [items, plot, sheet] = ["items.jsonl", "plot.svg", "worst.png"].map(|name| folder.path().join(name));
    let eval = |more: &[&std::ffi::OsStr]| {
        let mut eval = geophrase();
        eval.arg("eval").arg("--records").arg(set.join("records.jsonl")).arg("--images").arg(&set);
        let output = eval.arg("--model").arg(&model).arg("--json").arg(&json).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.stdout, std::fs::read(&json).unwrap())
    };
    let flags = ["--items".as_ref(), items.as_os_str(), "--plot".as_ref(), plot.as_os_str(), "--sheet".as_ref()];
    let (table, alone) = eval(&[&flags[..], &[sheet.as_os_str()]].concat());
    let scores: serde_json::Value = serde_json::from_slice(&alone).unwrap();
    assert_eq!(scores["n"], 3, "{scores}");
    assert_eq!(std::fs::read_to_string(&items).unwrap().lines().count(), 3);
    assert!(std::fs::read_to_string(&plot).unwrap().starts_with("<svg "));
    assert!(std::fs::read(&sheet).unwrap().starts_with(b"\x89PNG"));
    let table = String::from_utf8(table).unwrap();
    assert!(table.contains("mIoU") && table.lines().all(|line| line.chars().count() <= 100), "{table}");
    // Four files and the set: nothing else is left.
    assert_eq!(names_in(folder.path()), ["items.jsonl", "plot.svg", "scores.json", "set", "worst.png"]);

    // Two models side by side give the same bytes.
    let (_, together) = eval(&["--overwrite".as_ref(), "--jobs".as_ref(), "2".as_ref()]);
    assert_eq!(alone, together);
}

#[test]
fn the_shipped_model_says_what_it_is() {
    let model = shipped_model();
    let output = geophrase().args(["model", "info"]).arg(&model).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for row in ["name ", "hash ", "weights ", "tile side ", "pixel size ", "calibration ", "trained on "] {
        assert!(text.lines().any(|line| line.starts_with(row)), "{row}{text}");
    }
    let absent = geophrase().args(["model", "info", "/nowhere/at/all"]).output().unwrap();
    assert_eq!(absent.status.code(), Some(78));
}

#[test]
fn a_presence_that_no_tile_reaches_leaves_nothing_and_the_report_says_how_present_it_was() {
    let out = tempfile::tempdir().unwrap();
    let found = out.path().join("found.geojson");
    let mut segment = geophrase();
    segment.arg("segment").arg(demo_file("scene.tif")).args(["-p", "storage tanks", "--min-presence", "1"]);
    let status = segment.arg("--model").arg(shipped_model()).arg("-o").arg(&found).status().unwrap();
    assert!(status.success());
    let report = std::fs::read(out.path().join("found.report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["options"]["min_presence"], 1.0);
    assert_eq!(report["prompts"][0]["mask_px"], 0);
    let presence = report["prompts"][0]["presence"].as_f64().unwrap();
    assert!(presence > 0.5 && presence < 1.0, "{presence}");
}

#[test]
fn a_prompt_that_names_nothing_the_model_knows_is_answered_with_a_note_of_what_is_nearest() {
    let out = tempfile::tempdir().unwrap();
    let found = out.path().join("found.geojson");
    let mut segment = geophrase();
    segment.arg("segment").arg(demo_file("scene.tif")).args(["-p", "zebra crossings", "-p", "the silos"]);
    let status = segment.arg("--model").arg(shipped_model()).arg("-o").arg(&found).status().unwrap();
    assert!(status.success());
    let report = std::fs::read(out.path().join("found.report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let notes: Vec<&str> = report["notes"].as_array().unwrap().iter().filter_map(|note| note.as_str()).collect();
    let unknown: Vec<&&str> = notes.iter().filter(|note| note.contains("names nothing")).collect();
    assert!(matches!(unknown[..], [note] if note.contains("zebra crossings") && note.contains("road")), "{notes:?}");
}
