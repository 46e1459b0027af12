//! The built binary's `watch`: scenes that come one after the other.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::desk::{Desk, count, ended, signal};
use common::names_in;

fn watch(desk: &Desk, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.env_remove("GEOPHRASE_MODEL").env_remove("RUST_LOG").stdin(Stdio::null());
    command.arg("watch").arg(desk.at("job.toml")).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ended_by(child: Child, name: &str) -> (i32, String) {
    signal(&child, name);
    ended(&child.wait_with_output().unwrap())
}

#[cfg(unix)]
#[test]
fn scenes_are_done_as_they_come_and_bad_ones_are_told_at_once() {
    let desk = Desk::new(1);
    let child = watch(&desk, &["--poll", "200ms"]).spawn();
    // Milliseconds are no unit of ours.
    assert_eq!(child.unwrap().wait().unwrap().code(), Some(2));
    let child = watch(&desk, &["--poll", "0.2"]).spawn().unwrap();
    desk.wait_for("s0", "done");
    desk.paint("late.tif", 3);
    desk.wait_for("late", "done");
    std::fs::write(desk.at("in/bad.tif"), "no pixels").unwrap();
    desk.wait_for("bad", "failed");
    desk.paint("later.tif", 4);
    desk.wait_for("later", "done");
    let (code, lines) = ended_by(child, "-TERM");
    assert_eq!(code, 143, "{lines}");
    assert!(lines.lines().next().unwrap().contains("in/bad.tif failed: "), "{lines}");
    assert!(lines.lines().count() == 2 && lines.contains("terminated after"), "{lines}");
    let report = desk.report(143);
    assert_eq!((count(&report, "total"), count(&report, "pending")), (4, 0));
}

#[cfg(unix)]
#[test]
fn a_file_that_is_being_written_is_left_alone_until_it_stays_the_same() {
    use std::io::Write;
    let desk = Desk::new(0);
    desk.paint("whole.tif", 1);
    let bytes = std::fs::read(desk.at("in/whole.tif")).unwrap();
    let child = watch(&desk, &["--poll", "1.5"]).spawn().unwrap();
    let mut slow = std::fs::File::create(desk.at("in/slow.tif")).unwrap();
    // A piece every third of a second for longer than two looks: never the same at both.
    let pieces = bytes.chunks(bytes.len().div_ceil(20));
    for piece in pieces {
        slow.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(330));
        assert!(!desk.out("slow.manifest.json").exists(), "worked on before it was complete");
    }
    drop(slow);
    desk.wait_for("slow", "done");
    assert_eq!(ended_by(child, "-INT").0, 130);
}

#[test]
fn once_does_what_is_complete_and_ends() {
    let desk = Desk::new(2);
    std::fs::copy(desk.at("in/s0.tif"), desk.at("in/half.tif.part")).unwrap();
    let run = |more: &[&str]| {
        let output = watch(&desk, &[&["--once", "--poll", "0.1"], more].concat()).output().unwrap();
        assert!(output.stdout.is_empty());
        ended(&output)
    };
    assert_eq!(run(&[]), (0, String::new()));
    assert_eq!(count(&desk.report(0), "done"), 2);
    assert!(!names_in(&desk.at("out")).iter().any(|name| name.starts_with("half")));
    std::fs::rename(desk.at("in/half.tif.part"), desk.at("in/half.tif")).unwrap();
    let (code, line) = run(&["-v"]);
    assert!(code == 0 && line.starts_with("3 scenes: 1 done, 2 up to date"), "{line}");
    std::fs::write(desk.at("in/bad.tif"), "no pixels").unwrap();
    let (code, line) = run(&[]);
    assert!(code == 4 && line.contains("in/bad.tif") && line.lines().count() == 1, "{line}");
    desk.report(4);
}

#[cfg(unix)]
#[test]
fn a_watch_holds_the_lock_and_a_batch_beside_it_is_turned_away() {
    let desk = Desk::new(1);
    let child = watch(&desk, &["--poll", "0.2"]).spawn().unwrap();
    desk.wait_for("s0", "done");
    let (code, line) = desk.run(&[]);
    assert!(code == 75 && line.contains(&format!("process {}", child.id())), "{line}");
    assert_eq!(desk.run(&["--if-locked", "skip"]), (0, String::new()));
    assert_eq!(ended_by(child, "-TERM").0, 143);
    assert_eq!(desk.run(&[]).0, 0);
}

#[cfg(unix)]
#[test]
fn a_watch_that_is_out_of_time_with_nothing_left_to_do_ends_well() {
    let desk = Desk::new(1);
    let output = watch(&desk, &["--poll", "0.1", "--max-runtime", "20s"]).output().unwrap();
    assert_eq!(ended(&output), (0, String::new()));
    assert_eq!(count(&desk.report(0), "up_to_date") + count(&desk.report(0), "done"), 1);
}
