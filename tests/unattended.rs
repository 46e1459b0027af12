//! The built binary's `batch`: each scene once, and what it says about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use common::desk::{Desk, count, times};
use common::{names_in, shipped_model};
use serde_json::Value;

#[test]
fn each_scene_is_done_once_and_nothing_is_said_without_a_terminal() {
    let desk = Desk::new(3);
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert_eq!(count(&desk.report(0), "done"), 3);
    let names: Vec<String> = names_in(&desk.at("out"));
    let of = |n| ["geojson", "manifest.json", "mask.tif", "report.json", "tif"].map(|end| format!("s{n}.{end}"));
    let mut expected: Vec<String> = (0..3).flat_map(of).collect();
    expected.extend([".geophrase.lock".to_owned(), "geophrase.job.json".to_owned()]);
    expected.sort();
    assert_eq!(names, expected);
    let manifest = desk.manifest("s1");
    assert_eq!((&manifest["state"], manifest["outputs"].as_array().unwrap().len()), (&Value::from("done"), 4));

    let before = times(&desk);
    let (code, line) = desk.run(&["-v"]);
    assert_eq!((code, line.lines().count()), (0, 1), "{line}");
    assert!(line.starts_with("3 scenes: 3 up to date;"), "{line}");
    assert_eq!(count(&desk.report(0), "up_to_date"), 3);
    assert_eq!(times(&desk), before);
}

#[test]
fn a_bad_scene_is_named_and_the_rest_go_on() {
    let desk = Desk::new(2);
    std::fs::write(desk.at("in/bad.tif"), "no pixels at all").unwrap();
    let (code, line) = desk.run(&[]);
    assert_eq!((code, line.lines().count()), (4, 1), "{line}");
    assert!(
        line.contains("1 of 3 scenes failed") && line.contains("in/bad.tif") && line.contains("geophrase.job.json")
    );
    let report = desk.report(4);
    assert_eq!((count(&report, "done"), count(&report, "failed")), (2, 1));
    assert_eq!(report["scenes"][0]["state"], "failed");
    let is_of_bad = |name: &String| name.starts_with("bad");
    let left: Vec<String> = names_in(&desk.at("out")).into_iter().filter(is_of_bad).collect();
    assert_eq!(left, ["bad.manifest.json"]);

    // Unchanged, it is not tried again, and still named.
    let (code, line) = desk.run(&[]);
    assert!(code == 4 && line.contains("in/bad.tif"), "{line}");
    assert_eq!(count(&desk.report(4), "quarantined"), 1);
    assert_eq!(desk.run(&["--retry-failed"]).0, 4);
    assert_eq!(count(&desk.report(4), "failed"), 1);
    // Repaired, it is done.
    desk.paint("bad.tif", 9);
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert_eq!(count(&desk.report(0), "done"), 1);
}

#[test]
fn what_has_changed_is_done_again_and_nothing_else() {
    let desk = Desk::new(2);
    assert_eq!(desk.run(&[]).0, 0);
    let dry = |desk: &Desk| {
        let output = desk.command(&["--dry-run"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(dry(&desk).contains("2 scenes: 0 to do, 2 up to date, 0 failed earlier"));
    desk.paint("s0.tif", 5);
    assert!(dry(&desk).contains("s0.tif: do (scene changed)"));
    assert_eq!(desk.run(&[]).0, 0);
    assert_eq!((count(&desk.report(0), "done"), count(&desk.report(0), "up_to_date")), (1, 1));

    std::fs::remove_file(desk.out("s1.tif")).unwrap();
    assert!(dry(&desk).contains("s1.tif: do (outputs missing)"));
    assert_eq!(desk.run(&[]).0, 0);
    assert!(desk.out("s1.tif").exists());

    desk.write_job("[options]\nthreshold = 0.7\n");
    assert_eq!(dry(&desk).matches("do (model, prompts or options changed)").count(), 2);
    desk.write_job("polygons = \"none\"\n");
    assert_eq!(desk.run(&[]).0, 0);
    // What the job no longer asks for would be of other settings than what lies beside it.
    assert!(!desk.out("s0.geojson").exists() && desk.out("s0.tif").exists());
}

#[test]
fn files_of_others_are_kept_unless_the_user_says_otherwise() {
    let desk = Desk::new(2);
    std::fs::create_dir(desk.at("out")).unwrap();
    std::fs::write(desk.out("s0.geojson"), "precious").unwrap();
    for _ in 0..2 {
        let (code, line) = desk.run(&[]);
        assert!(code == 4 && line.contains("s0.geojson exists already"), "{line}");
        assert_eq!(std::fs::read(desk.out("s0.geojson")).unwrap(), b"precious");
    }
    assert_eq!(desk.run(&["--overwrite"]), (0, String::new()));
    assert_ne!(std::fs::read(desk.out("s0.geojson")).unwrap(), b"precious");
}

#[test]
fn jobs_that_make_no_sense_are_refused_in_one_line_and_leave_nothing() {
    let desk = Desk::new(1);
    for (more, code, words) in [
        ("outptu = 1\n", 78, "unknown field"),
        ("name = \"all\"\n", 78, "gives all scenes one name"),
        ("[options]\nmin_area = \"big\"\n", 78, "options.min_area"),
        ("scenes = 3\n", 78, "line 6"),
    ] {
        desk.write_job(more);
        let (found, line) = desk.run(&[]);
        assert_eq!((found, line.lines().count()), (code, 1), "{more:?}: {line}");
        assert!(line.contains(words) && line.contains("job.toml"), "{more:?}: {line}");
        assert!(!desk.at("out").exists(), "{more:?}");
    }
    let job = |scenes: &str, prompt: &str, model: &str| {
        let text = format!("scenes = {scenes}\nprompts = [{prompt:?}]\noutput = \"out\"\nmodel = {model:?}\n");
        std::fs::write(desk.at("job.toml"), text).unwrap();
        let (code, line) = desk.run(&[]);
        assert!(line.lines().count() == 1 && !desk.at("out").exists(), "{line}");
        (code, line)
    };
    let model = shipped_model().display().to_string();
    assert_eq!(job("[\"in\"]", " ", &model).0, 2);
    assert_eq!(job("[\"in\"]", &"a long phrase ".repeat(20), &model).0, 2);
    assert_eq!(job("[\"in\"]", "ships", "no/such/model").0, 78);
    assert_eq!(job("[\"gone/*.tif\"]", "ships", &model).0, 66);
    std::fs::remove_file(desk.at("job.toml")).unwrap();
    assert_eq!(desk.run(&[]).0, 66);
}

#[test]
fn fault_25_two_scenes_of_one_stem_are_found_before_any_work() {
    let desk = Desk::new(1);
    std::fs::create_dir(desk.at("in/deep")).unwrap();
    std::fs::copy(desk.at("in/s0.tif"), desk.at("in/deep/s0.tif")).unwrap();
    let job = |name: &str| {
        let text = std::fs::read_to_string(desk.at("job.toml")).unwrap();
        std::fs::write(desk.at("job.toml"), text.replace("\"in\"]", "\"in/**/*.tif\"]") + name).unwrap();
        desk.run(&[])
    };
    let (code, line) = job("");
    assert!(code == 2 && line.contains("would both write") && line.contains("{parent}"), "{line}");
    assert!(!desk.at("out").exists());
    assert_eq!(job("name = \"{parent}-{stem}\"\n"), (0, String::new()));
    assert!(desk.out("deep-s0.tif").exists() && desk.out("in-s0.tif").exists());
}

#[cfg(target_os = "linux")]
#[cfg(unix)]
#[cfg(unix)]
#[test]
fn out_of_time_ends_with_75_and_the_next_run_goes_on() {
    let desk = Desk::new(3);
    let (code, line) = desk.run(&["--max-runtime", "0"]);
    assert_eq!((code, line.lines().count()), (75, 1), "{line}");
    assert!(line.contains("out of time after 0 of 3 scenes"), "{line}");
    assert_eq!(count(&desk.report(75), "pending"), 3);
    // A time that is too short for one scene on a busy machine is doubled.
    let mut seconds = 1;
    while desk.run(&["--max-runtime", &seconds.to_string()]).0 == 75 {
        seconds *= 2;
        assert!(seconds < 300, "never through");
    }
    assert_eq!(count(&desk.report(0), "pending"), 0);
}

#[cfg(unix)]
#[cfg(unix)]
#[cfg(unix)]
#[test]
fn numbers_for_prometheus_tell_what_the_report_tells() {
    let desk = Desk::new(1);
    std::fs::write(desk.at("in/bad.tif"), "no pixels").unwrap();
    let metrics = desk.at("geophrase.prom");
    assert_eq!(desk.run(&["--metrics", metrics.to_str().unwrap()]).0, 4);
    let text = std::fs::read_to_string(&metrics).unwrap();
    for line in ["geophrase_exit_code 4", "geophrase_scenes{state=\"done\"} 1", "geophrase_scenes{state=\"failed\"} 1"]
    {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    std::fs::remove_file(desk.at("in/bad.tif")).unwrap();
    assert_eq!(desk.run(&["--metrics", metrics.to_str().unwrap()]).0, 0);
    assert!(std::fs::read_to_string(&metrics).unwrap().contains("\ngeophrase_last_success_timestamp_seconds 1"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_job_gives_way_to_other_processes_when_told_to() {
    let desk = Desk::new(3);
    let niceness = |process: &str| -> i32 {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        // The nineteenth field; the name before it is in parentheses.
        stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse().unwrap()
    };
    let ours = niceness("self");
    let mut child = desk.command(&["--nice", "15"]).spawn().unwrap();
    desk.wait_for("s0", "done");
    assert_eq!(niceness(&child.id().to_string()), (ours + 15).min(19));
    child.kill().unwrap();
    child.wait().unwrap();
}
