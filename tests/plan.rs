//! The built binary with the shipped weights: plan, run, status, merge, worker, and runs that are killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{bytes_in, names_in, paint, shipped_model, waves};
use serde_json::Value;

/// A scene of five tile rows and a folder for everything else.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        paint(&desk.at("scene.tif"), 200, 1200, |row, col| if row % 97 < 40 { [90, 70, 60] } else { waves(row, col) });
        for name in ["whole", "out"] {
            std::fs::create_dir(desk.at(name)).unwrap();
        }
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
        command.env_remove("RUST_LOG").env("GEOPHRASE_MODEL", shipped_model());
        command.current_dir(self.folder.path()).args(args).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that has to end with a code, and returns what it said on standard error.
    fn ends(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?} said {said:?}");
        said
    }

    /// The bytes that an undisturbed `segment` gives.
    fn whole(&self) -> Vec<(String, Vec<u8>)> {
        self.ends(
            &["segment", "scene.tif", "-p", "a pond", "-o", "whole/scene.geojson", "--raster", "whole/scene.tif"],
            0,
        );
        bytes_in(&self.at("whole"))
    }

    fn planned(&self) {
        let said = self.ends(&["-v", "plan", "scene.tif", "-p", "a pond", "--out", "job", "--unit-tiles", "2"], 0);
        assert!(said.contains("1 scenes, 2 units, 5 tiles"), "{said}");
    }

    fn merged(&self) -> Vec<(String, Vec<u8>)> {
        bytes_in(&self.at("job")).into_iter().filter(|(name, _)| name.starts_with("scene.")).collect()
    }
}

/// The bytes in a folder, which may hold folders too.
fn files_in(folder: &Path) -> Vec<String> {
    names_in(folder).into_iter().filter(|name| folder.join(name).is_file()).collect()
}

#[test]
fn a_plan_run_in_shards_and_merged_gives_the_bytes_of_segment() {
    let desk = Desk::new();
    let whole = desk.whole();
    std::fs::create_dir(desk.at("job")).unwrap();
    std::fs::write(desk.at("job/scene.tif"), "precious").unwrap();
    desk.ends(&["plan", "scene.tif", "-p", "a pond", "--out", "job"], 73);
    std::fs::remove_file(desk.at("job/scene.tif")).unwrap();
    desk.planned();
    assert_eq!(files_in(&desk.at("job")), ["plan.json"]);
    assert!(desk.ends(&["status", "--plan", "job/plan.json"], 75).contains("2 of 2 units"));
    assert!(desk.ends(&["merge", "--plan", "job/plan.json"], 75).contains("units 0, 1"));
    assert_eq!(desk.ends(&["run", "--plan", "job/plan.json", "--shard", "1/2"], 0), "");
    assert!(desk.ends(&["merge", "--plan", "job/plan.json"], 75).contains("units 0"));
    let mut auto = desk.command(&["-v", "run", "--plan", "job/plan.json", "--shard", "auto"]);
    auto.env("SLURM_ARRAY_TASK_ID", "0").env("SLURM_ARRAY_TASK_COUNT", "2");
    assert!(auto.output().unwrap().status.success());
    let status = desk.run(&["status", "--plan", "job/plan.json", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((status["complete"].as_bool(), status["tiles_finished"].as_u64()), (Some(true), Some(5)));
    assert_eq!(status["scenes"][0]["merged"], false);
    assert_eq!(desk.ends(&["merge", "--plan", "job/plan.json"], 0), "");
    assert_eq!(desk.merged(), whole);
    // All of it again: nothing is computed, and the same bytes come out.
    let said = desk.ends(&["-v", "run", "--plan", "job/plan.json"], 0);
    assert!(said.contains("0 computed") && said.contains("5 finished earlier"), "{said}");
    assert!(desk.ends(&["-v", "merge", "--plan", "job/plan.json", "--scene", "scene"], 0).contains("5 tiles"));
    assert_eq!(desk.merged(), whole);
    assert!(desk.ends(&["merge", "--plan", "job/plan.json", "--scene", "other"], 2).contains("no scene other"));
}

#[test]
fn a_worker_answers_each_line_with_one_and_ends_with_its_input() {
    let desk = Desk::new();
    desk.planned();
    let mut worker = desk
        .command(&["worker", "--plan", "job/plan.json", "--stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = worker.stdin.take().unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let mut ask = |line: &str| -> Value {
        writeln!(input, "{line}").unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    for (unit, tiles) in [(1, 3), (0, 2), (0, 2)] {
        let said = ask(&format!("{{\"unit\": {unit}}}"));
        assert_eq!((&said["state"], said["unit"].as_u64()), (&Value::from("done"), Some(unit)), "{said}");
        assert_eq!(said["tiles"]["planned"].as_u64(), Some(tiles), "{said}");
    }
    for wrong in ["{\"unit\": 2}", "unit 1", "{\"unit\": 0, \"shell\": \"rm\"}"] {
        let said = ask(wrong);
        assert_eq!((&said["state"], said["exit"].as_u64()), (&Value::from("failed"), Some(2)), "{said}");
    }
    drop(input);
    assert!(worker.wait().unwrap().success());
    desk.ends(&["merge", "--plan", "job/plan.json"], 0);
    assert_eq!(desk.merged(), desk.whole());
}

/// Waits until a child has ended, or kills it after a while; true when it was killed.
fn kill_after(child: &mut Child, after: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < after {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

#[test]
fn fault_1_a_run_with_a_checkpoint_that_is_killed_again_and_again_ends_with_the_bytes_of_an_undisturbed_one() {
    let desk = Desk::new();
    let whole = desk.whole();
    let segment = [
        "segment",
        "scene.tif",
        "-p",
        "a pond",
        "-o",
        "out/scene.geojson",
        "--raster",
        "out/scene.tif",
        "--checkpoint",
        "kept",
    ];
    let (mut kills, mut after) = (0, Duration::from_millis(300));
    loop {
        let mut child = desk.command(&segment).spawn().unwrap();
        if !kill_after(&mut child, after) {
            assert!(child.wait().unwrap().success());
            break;
        }
        kills += 1;
        // A little longer each time, so that it ends on a busy machine too.
        after += Duration::from_millis(150);
        let named: Vec<String> = names_in(&desk.at("out")).into_iter().filter(|name| !name.starts_with('.')).collect();
        // On a busy machine a kill may come when all is done and only the process has not ended yet.
        assert!(named.is_empty() || named.len() == 4, "half a result after {kills} kills: {named:?}");
        if named.len() == 4 && !desk.at("kept").exists() {
            break;
        }
    }
    assert!(kills > 0, "it was never killed");
    // Hidden files that killed runs left are gone too.
    assert_eq!(bytes_in(&desk.at("out")), whole, "after {kills} kills");
    assert!(!desk.at("kept").exists(), "the checkpoint is still there");
    let report = std::fs::read_to_string(desk.at("out/scene.report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["tiles"]["planned"], 5);
}

#[test]
fn the_report_of_a_run_with_a_checkpoint_times_the_answers_as_well_as_the_merge() {
    let desk = Desk::new();
    desk.ends(&["segment", "scene.tif", "-p", "a pond", "--raster", "out/scene.tif", "--checkpoint", "kept"], 0);
    let report = std::fs::read_to_string(desk.at("out/scene.report.json")).unwrap();
    let seconds = serde_json::from_str::<Value>(&report).unwrap()["seconds"].clone();
    let took = |stage: &str| seconds[stage].as_f64().unwrap_or_else(|| panic!("{stage}: {seconds}"));
    assert!(took("infer") > 0.0 && took("total") >= took("infer") + took("recall"), "{seconds}");
}

#[test]
fn fault_55_another_model_than_the_plans_and_a_plan_changed_by_hand_are_refused() {
    let desk = Desk::new();
    desk.planned();
    let model = desk.at("model");
    std::fs::create_dir(&model).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(shipped_model().join(name), model.join(name)).unwrap();
    }
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    std::fs::write(model.join("config.json"), config.replacen("\"small\"", "\"another\"", 1)).unwrap();
    let said = desk.ends(&["run", "--plan", "job/plan.json", "--model", "model"], 78);
    assert!(said.contains("was made for model"), "{said}");
    let plan = desk.at("job/plan.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("a pond", "a lake")).unwrap();
    let said = desk.ends(&["run", "--plan", "job/plan.json"], 78);
    assert!(said.contains("changed after it was made") && said.lines().count() == 1, "{said}");
}

#[test]
fn fault_25_scenes_that_would_share_a_name_and_scenes_that_cannot_be_read_are_told_at_once() {
    let desk = Desk::new();
    std::fs::create_dir(desk.at("b")).unwrap();
    std::fs::copy(desk.at("scene.tif"), desk.at("b/Scene.tif")).unwrap();
    let said = desk.ends(&["plan", "scene.tif", "b", "-p", "a pond", "--out", "job"], 2);
    assert!(said.contains("would both write"), "{said}");
    assert!(!desk.at("job").exists());
    std::fs::write(desk.at("bad.tif"), "no raster").unwrap();
    let said = desk.ends(&["plan", "scene.tif", "bad.tif", "-p", "a pond", "--out", "job"], 4);
    assert!(said.contains("1 of 2 scenes failed") && said.contains("bad.tif"), "{said}");
    assert_eq!(desk.ends(&["run", "--plan", "job/plan.json"], 0), "");
    assert!(desk.ends(&["merge", "--plan", "job/plan.json"], 4).contains("bad.tif"));
    assert!(desk.at("job/scene.geojson").exists());
}
