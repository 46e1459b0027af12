//! The built binary killed at its N-th system call, for N = 1, 2, ... until none is reached: whatever was there before
//! is whole, and the same command ends with the same bytes. Needs `strace`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use common::{bytes_in, names_in, paint, shipped_model, waves};

/// Calls that change what is on disk.
const CALLS: [&str; 6] = [
    "write,pwrite64,writev",
    "fsync,fdatasync",
    "rename,renameat,renameat2",
    "ftruncate",
    "unlink,unlinkat",
    "linkat,link",
];
/// No run comes near so many calls of one kind in one thread.
const MOST: usize = 400;

/// Whether system calls can be tampered with here.
fn can_inject() -> bool {
    let tried = Command::new("strace").args(["-f", "-e", "trace=none", "true"]).output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("SKIPPED: strace is not installed or not permitted");
    }
    can
}

fn geophrase(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.args(args);
    ready(&mut command, folder);
    command
}

fn ready(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env("GEOPHRASE_MODEL", shipped_model()).env_remove("RUST_LOG");
    // One thread of kernels, so that it is the same calls each time.
    command.env("RAYON_NUM_THREADS", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
}

/// The same command under `strace`, with something done to the n-th call of some kinds in any of its threads.
fn tampered(folder: &Path, args: &[&str], calls: &str, what: &str, n: usize) -> ExitStatus {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={calls}"));
    command.arg("-e").arg(format!("inject={calls}:{what}:when={n}"));
    command.arg(env!("CARGO_BIN_EXE_geophrase")).args(args);
    ready(&mut command, folder);
    command.status().unwrap()
}

/// Whether the command was killed at that call.
fn killed_at(folder: &Path, args: &[&str], calls: &str, n: usize) -> bool {
    !tampered(folder, args, calls, "signal=KILL", n).success()
}

fn run(folder: &Path, args: &[&str]) {
    assert!(geophrase(folder, args).status().unwrap().success(), "{args:?}");
}

/// A small scene and its plan in a folder.
fn planned() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    paint(&folder.path().join("scene.tif"), 120, 90, waves);
    run(
        folder.path(),
        &["plan", "scene.tif", "-p", "a pond", "--out", "job", "--threshold", "0.05", "--min-presence", "0"],
    );
    folder
}

/// The outputs that have their final names.
fn finished(job: &Path) -> Vec<(String, Vec<u8>)> {
    bytes_in(job).into_iter().filter(|(name, _)| name.starts_with("scene.")).collect()
}

const RUN: [&str; 3] = ["run", "--plan", "job/plan.json"];
const MERGE: [&str; 3] = ["merge", "--plan", "job/plan.json"];

#[test]
fn fault_2_a_merge_killed_at_any_call_leaves_whole_files_and_is_repeated_to_the_same_bytes() {
    if !can_inject() {
        return;
    }
    let folder = planned();
    let job = folder.path().join("job");
    run(folder.path(), &RUN);
    run(folder.path(), &MERGE);
    let whole = finished(&job);
    assert_eq!(whole.len(), 3);
    let mut points = 0;
    for calls in CALLS {
        for n in 1..MOST {
            for (name, _) in finished(&job) {
                std::fs::remove_file(job.join(name)).unwrap();
            }
            let killed = killed_at(folder.path(), &MERGE, calls, n);
            for (name, bytes) in finished(&job) {
                let (_, right) = whole.iter().find(|(known, _)| *known == name).unwrap();
                assert!(bytes == *right, "{name} is not whole after a kill at {calls} {n}");
            }
            if !killed {
                break;
            }
            points += 1;
            run(folder.path(), &MERGE);
            assert!(finished(&job) == whole, "other bytes after a kill at {calls} {n}");
        }
    }
    eprintln!("{points} points");
    assert!(points > 20, "only {points} points were reached");
}

#[test]
fn fault_1_a_run_killed_at_any_call_goes_on_and_ends_with_the_same_log() {
    if !can_inject() {
        return;
    }
    let folder = planned();
    let units = folder.path().join("job/units");
    run(folder.path(), &RUN);
    let whole = bytes_in(&units);
    assert_eq!(whole.len(), 1);
    let mut points = 0;
    for calls in &CALLS[..4] {
        for n in 1..MOST {
            for name in names_in(&units) {
                std::fs::remove_file(units.join(name)).unwrap();
            }
            if !killed_at(folder.path(), &RUN, calls, n) {
                break;
            }
            points += 1;
            run(folder.path(), &RUN);
            assert!(bytes_in(&units) == whole, "other bytes after a kill at {calls} {n}");
        }
    }
    eprintln!("{points} points");
    assert!(points >= 4, "only {points} points were reached");
}

#[test]
fn fault_19_a_sync_or_rename_that_fails_is_a_write_error_and_no_name_is_given_to_half_a_file() {
    if !can_inject() {
        return;
    }
    let folder = planned();
    let job = folder.path().join("job");
    run(folder.path(), &RUN);
    run(folder.path(), &MERGE);
    let whole = finished(&job);
    let mut points = 0;
    for (calls, what) in [("fsync,fdatasync", "error=EIO"), ("rename,renameat,renameat2", "error=EIO")] {
        for n in 1..MOST {
            for (name, _) in finished(&job) {
                std::fs::remove_file(job.join(name)).unwrap();
            }
            let status = tampered(folder.path(), &MERGE, calls, what, n);
            for (name, bytes) in finished(&job) {
                let (_, right) = whole.iter().find(|(known, _)| *known == name).unwrap();
                assert!(bytes == *right, "{name} is not whole after {what} at {calls} {n}");
            }
            if status.success() {
                break;
            }
            points += 1;
            assert_eq!(status.code(), Some(74), "{what} at {calls} {n}");
        }
    }
    assert!(points >= 2, "only {points} points were reached");
}

#[test]
fn fault_1_a_checkpoint_killed_at_any_rename_or_removal_ends_with_the_same_bytes_and_nothing_else() {
    if !can_inject() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    paint(&folder.path().join("scene.tif"), 120, 90, waves);
    let out = folder.path().join("out");
    let segment = [
        "segment",
        "scene.tif",
        "-p",
        "a pond",
        "--threshold",
        "0.05",
        "--min-presence",
        "0",
        "-o",
        "out/scene.geojson",
        "--raster",
        "out/scene.tif",
        "--checkpoint",
        "kept",
    ];
    std::fs::create_dir(&out).unwrap();
    run(folder.path(), &segment);
    let whole = bytes_in(&out);
    assert_eq!(whole.len(), 3);
    let mut points = 0;
    for calls in ["rename,renameat,renameat2", "unlink,unlinkat,rmdir"] {
        for n in 1..MOST {
            std::fs::remove_dir_all(&out).unwrap();
            std::fs::create_dir(&out).unwrap();
            if !killed_at(folder.path(), &segment, calls, n) {
                break;
            }
            points += 1;
            if !geophrase(folder.path(), &segment).status().unwrap().success() {
                // Killed when all was done but the empty folder: the outputs are there, and that is what it says.
                assert!(!folder.path().join("kept/plan.json").exists(), "a kill at {calls} {n} cannot be gone on from");
            }
            assert!(bytes_in(&out) == whole, "other bytes after a kill at {calls} {n}");
            let left: Vec<String> = names_in(&out).into_iter().filter(|name| name.starts_with('.')).collect();
            assert_eq!(left, [""; 0], "after a kill at {calls} {n}");
            let _ = std::fs::remove_dir(folder.path().join("kept"));
            assert!(!folder.path().join("kept").exists(), "a kill at {calls} {n} left a checkpoint");
        }
    }
    eprintln!("{points} points");
    assert!(points >= 6, "only {points} points were reached");
}
