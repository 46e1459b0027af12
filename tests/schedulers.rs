//! The built binary as cron, systemd and log collectors see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::desk::{Desk, count, ended};
use serde_json::Value;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/configs").join(name)
}

const BINARY: &str = env!("CARGO_BIN_EXE_geophrase");

/// Runs a command as cron does: by `sh`, hardly any environment, no terminal, another working folder.
fn by_cron(line: &str, home: &Path) -> (i32, String) {
    // A session of its own has no terminal. Where there is no setsid, the test's own has none either, mostly.
    let has_setsid = Command::new("setsid").arg("true").status().is_ok();
    let mut command = if has_setsid { Command::new("setsid") } else { Command::new("env") };
    if has_setsid {
        command.args(["-w", "env"]);
    }
    command.args(["-i", "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "LOGNAME=geophrase"]);
    command.arg(format!("HOME={}", home.display())).args(["/bin/sh", "-c", line]).current_dir(home);
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    ended(&output)
}

/// The command of the crontab that ships, for another program and job.
fn crontab_line(job: &Path) -> String {
    let text = std::fs::read_to_string(example("geophrase.crontab")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1);
    // Five fields of time, then the command; a percent sign would end it.
    let command = lines[0].splitn(6, ' ').last().unwrap().trim();
    assert!(!command.contains('%'));
    let adapted = command.replace("/usr/local/bin/geophrase", BINARY);
    let adapted = adapted.replace("/srv/tanks/tanks.toml", &format!("'{}'", job.display()));
    assert!(adapted.contains(BINARY) && adapted.contains("job.toml"), "{adapted}");
    adapted
}

#[test]
fn the_crontab_line_works_with_crons_environment_and_says_nothing_on_success() {
    let desk = Desk::new(2);
    let home = tempfile::tempdir().unwrap();
    let line = crontab_line(&desk.at("job.toml"));
    assert_eq!(by_cron(&line, home.path()), (0, String::new()));
    assert_eq!(count(&desk.report(0), "done"), 2);
    assert_eq!(by_cron(&line, home.path()), (0, String::new()));
    assert_eq!(count(&desk.report(0), "up_to_date"), 2);
    std::fs::write(desk.at("in/bad.tif"), "no pixels").unwrap();
    let (code, mail) = by_cron(&line, home.path());
    assert!(code == 4 && mail.lines().count() == 1 && mail.contains("in/bad.tif"), "{mail}");
    // Neither colours nor a bar.
    assert!(!mail.contains('\u{1b}') && !mail.contains('\r'), "{mail:?}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "something was left in the home");
}

#[test]
fn every_line_can_be_json_and_the_last_one_tells_the_exit_code() {
    let desk = Desk::new(1);
    std::fs::write(desk.at("in/bad.tif"), "no pixels").unwrap();
    let (code, lines) = desk.run(&["-vv", "--log-format", "json"]);
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let last = objects.last().unwrap();
    assert_eq!((code, last["exit_code"].as_i64(), &last["level"]), (4, Some(4), &Value::from("ERROR")));
    assert!(last["message"].as_str().unwrap().contains("1 of 2 scenes failed"));
    let of_scene = |name: &str| {
        objects.iter().find(|line| line["scene"].as_str().is_some_and(|scene| scene.ends_with(name))).unwrap().clone()
    };
    assert_eq!((&of_scene("in/bad.tif")["level"], &of_scene("in/s0.tif")["level"]), (&"ERROR".into(), &"INFO".into()));
    assert!(objects.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()), "{lines}");

    let mut segment = Command::new(BINARY);
    segment.args(["segment", "no/such.tif", "-p", "x", "--log-format", "json", "-o"]).arg(desk.at("x.geojson"));
    segment.arg("--model").arg(common::shipped_model());
    let (code, line) = ended(&segment.output().unwrap());
    let object: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((code, object["exit_code"].as_i64()), (66, Some(66)));
}

#[test]
fn the_units_are_understood_by_systemd() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("SKIPPED: systemd-analyze is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let names = ["geophrase-batch.service", "geophrase-batch.timer", "geophrase-watch.service"];
    for name in names {
        let text = std::fs::read_to_string(example(name)).unwrap().replace("/usr/local/bin/geophrase", BINARY);
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let verify = |name: &str| {
        let output = Command::new("systemd-analyze").arg("verify").arg(folder.path().join(name)).output().unwrap();
        // It ends with 0 on unknown keys, and only says so.
        String::from_utf8(output.stderr).unwrap()
    };
    for name in names {
        assert_eq!(verify(name), "", "{name}");
    }
    let unit = folder.path().join(names[0]);
    let text = std::fs::read_to_string(&unit).unwrap().replace("NoNewPrivileges=", "NoNewPrivilege=");
    std::fs::write(&unit, text).unwrap();
    assert!(verify(names[0]).contains("NoNewPrivilege"), "this test cannot fail");
}

#[test]
fn the_flags_of_the_units_are_flags_of_the_program() {
    for name in ["geophrase-batch.service", "geophrase-watch.service"] {
        let desk = Desk::new(0);
        let text = std::fs::read_to_string(example(name)).unwrap();
        let words = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/geophrase ")).unwrap();
        let words = words.replace("/srv/tanks/tanks.toml", desk.at("job.toml").to_str().unwrap());
        let words = words.replace("/var/lib/node_exporter", desk.at("").to_str().unwrap());
        let mut command = Command::new(BINARY);
        command.args(words.split(' '));
        if name.contains("watch") {
            command.arg("--once").args(["--poll", "0.1"]);
            // A flag given twice is refused, and the unit gives one of its own.
            command = Command::new(BINARY);
            command.args(words.replace("--poll 30s", "--poll 0.1 --once").split(' '));
        }
        let (code, line) = ended(&command.output().unwrap());
        assert_eq!(code, 0, "{name}: {line}");
    }
}

#[test]
fn the_job_that_ships_is_understood() {
    let output = Command::new(BINARY).arg("batch").arg(example("batch.toml")).arg("--dry-run").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{:?}", output.stderr);
    assert!(
        text.contains("data/demo/scene.tif: do (new)") || text.contains("data/demo/scene.tif: up to date"),
        "{text}"
    );
}
