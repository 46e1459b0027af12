//! What comes between a job and its end: signals, kills, full disks, odd names, other processes. Numbers in names are those
//! of the list of faults in docs/reliability.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use common::desk::{Desk, count, ended, signal};
use common::{names_in, paint, waves};

#[test]
fn fault_14_and_15_of_20_starts_in_one_second_one_works_and_19_exit_75_naming_it() {
    let desk = Desk::new(6);
    let children: Vec<Child> = (0..20).map(|_| desk.start()).collect();
    let ids: Vec<u32> = children.iter().map(Child::id).collect();
    let outputs: Vec<Output> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let codes: Vec<i32> = outputs.iter().map(|output| output.status.code().unwrap()).collect();
    let worked = codes.iter().position(|&code| code == 0).unwrap();
    assert_eq!((codes.iter().filter(|&&c| c == 0).count(), codes.iter().filter(|&&c| c == 75).count()), (1, 19));
    let named = outputs.iter().filter(|output| {
        let (code, line) = ended(output);
        code == 75 && line.contains(&format!("is being worked on by process {}", ids[worked]))
    });
    // Whoever comes before the holder has written its number can only say "another process".
    assert!(named.count() >= 15, "{outputs:?}");
    assert!(!names_in(&desk.at("out")).iter().any(|name| name.contains(".tmp-")));
    assert_eq!(count(&desk.report(0), "done"), 6);
}

#[test]
fn fault_14_the_lock_is_closed_in_children() {
    let desk = Desk::new(4);
    let mut child = desk.start();
    desk.wait_for("s0", "done");
    let lock = desk.out(".geophrase.lock").canonicalize().unwrap();
    let mut flags = None;
    for entry in std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap() {
        let entry = entry.unwrap();
        if std::fs::read_link(entry.path()).is_ok_and(|target| target == lock) {
            let info = std::fs::read_to_string(
                entry.path().parent().unwrap().parent().unwrap().join("fdinfo").join(entry.file_name()),
            )
            .unwrap();
            let text = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
            flags = Some(u32::from_str_radix(&text, 8).unwrap());
        }
    }
    // O_CLOEXEC.
    assert_eq!(flags.map(|flags| flags & 0o2_000_000), Some(0o2_000_000));
    child.kill().unwrap();
    child.wait().unwrap();
    // The kernel has let go of it.
    assert_eq!(desk.run(&[]).0, 0);
}

#[test]
fn fault_4_and_5_and_6_signals_end_a_job_between_tiles_and_the_next_run_goes_on() {
    let whole = Desk::new(4);
    assert_eq!(whole.run(&[]).0, 0);
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 143)] {
        let desk = Desk::new(4);
        let child = desk.start();
        desk.wait_for("s1", "running");
        signal(&child, name);
        let (found, line) = ended(&child.wait_with_output().unwrap());
        assert_eq!((found, line.lines().count()), (code, 1), "{name}: {line}");
        assert!(line.contains("the same command goes on from there"), "{line}");
        assert!(!names_in(&desk.at("out")).iter().any(|name| name.contains(".tmp-")), "{name}");
        let report = desk.report(code);
        let (done, pending) = (count(&report, "done"), count(&report, "pending"));
        assert!(done >= 1 && pending >= 1 && done + pending == 4, "{report:#}");
        assert_eq!(desk.run(&[]).0, 0);
        assert_eq!(count(&desk.report(0), "up_to_date"), done);
        assert!(desk.results() == whole.results(), "{name}: other bytes than those of an unbroken run");
    }
}

#[test]
fn fault_1_kill_9_at_any_time_loses_nothing_and_leaves_nothing_behind() {
    let whole = Desk::new(3);
    assert_eq!(whole.run(&[]).0, 0);
    let desk = Desk::new(3);
    let mut killed = 0;
    // Later and later, by a quarter each, until a run is through before it is killed.
    for wait_ms in std::iter::successors(Some(20), |wait: &u64| Some(wait + wait / 4)) {
        let mut child = desk.start();
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(wait_ms) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        // What has a final name is whole.
        for (name, bytes) in desk.at("out").exists().then(|| desk.results()).into_iter().flatten() {
            if !name.starts_with('.') {
                assert!(whole.results().contains(&(name.clone(), bytes)), "{name} is not whole");
            }
        }
    }
    assert!(killed >= 3, "killed {killed} times");
    assert_eq!(desk.run(&[]).0, 0);
    assert!(desk.results() == whole.results());
    assert_eq!(names_in(&desk.at("out")), names_in(&whole.at("out")));
}

#[test]
fn fault_22_a_scene_replaced_while_it_is_read_fails_and_is_done_by_the_next_run() {
    let desk = Desk::new(0);
    // Large enough to be under way for a while.
    paint(&desk.at("in/big.tif"), 1500, 1200, waves);
    let child = desk.start();
    desk.wait_for("big", "running");
    let other = desk.at("other.tif");
    paint(&other, 1500, 1200, |row, col| waves(row + 50, col));
    std::fs::rename(other, desk.at("in/big.tif")).unwrap();
    let (code, line) = ended(&child.wait_with_output().unwrap());
    assert!(code == 4 && line.contains("changed while"), "{code}: {line}");
    let left = names_in(&desk.at("out"));
    assert!(!left.iter().any(|name| name.ends_with(".tif") || name.ends_with(".geojson")), "{left:?}");
    assert_eq!(desk.run(&[]), (0, String::new()));
}

#[test]
fn fault_23_pipes_folders_and_circles_of_links_are_refused_and_hang_nothing() {
    let desk = Desk::new(1);
    assert!(Command::new("mkfifo").arg(desk.at("in/pipe.tif")).status().unwrap().success());
    std::os::unix::fs::symlink("loop.tif", desk.at("in/loop.tif")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", desk.at("in/zero.tif")).unwrap();
    std::fs::create_dir(desk.at("in/folder.tif")).unwrap();
    let (code, line) = desk.run(&[]);
    assert_eq!(code, 4, "{line}");
    let report = desk.report(4);
    let failed = |name: &str| {
        let scenes = report["scenes"].as_array().unwrap();
        scenes.iter().find(|scene| scene["name"] == name).unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert!(failed("pipe").contains("a pipe or a device"), "{report:#}");
    assert!(failed("zero").contains("a pipe or a device"), "{report:#}");
    assert!(failed("loop").contains("in/loop.tif"), "{report:#}");
    assert_eq!((count(&report, "done"), count(&report, "failed")), (1, 3));
}

#[test]
fn fault_24_odd_names_work_and_are_told_apart() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new(0);
    let long = format!("{}.tif", "l".repeat(251));
    let names: [&[u8]; 9] = [
        b"with space.tif",
        b"new\nline.tif",
        b"-v.tif",
        b"\xff\xfe.tif",
        "船 é.tif".as_bytes(),
        "e\u{301}.tif".as_bytes(),
        b"quote'\"$(x).tif",
        b"100%.tif",
        long.as_bytes(),
    ];
    for (seed, name) in names.iter().enumerate() {
        desk.paint(OsStr::from_bytes(name), seed as u32);
    }
    let (code, line) = desk.run(&[]);
    assert_eq!((code, line.as_str()), (0, ""));
    let out = names_in(&desk.at("out"));
    for expected in ["with space.tif", "new%0Aline.tif", "-v.geojson", "%FF%FE.tif", "船 é.mask.tif", "100%25.tif"] {
        assert!(out.iter().any(|name| name == expected), "{expected} is not among {out:?}");
    }
    assert_eq!(out.iter().filter(|name| name.ends_with(".manifest.json")).count(), names.len());
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert_eq!(count(&desk.report(0), "up_to_date"), names.len() as u64);
}

/// A small file system of its own for the time of a test; needs root.
#[cfg(target_os = "linux")]
struct Disk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn mount(at: &std::path::Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("SKIPPED: mounting a tmpfs needs root");
        None
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", options]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn fault_17_a_full_disk_ends_the_job_with_74_and_it_goes_on_once_there_is_room() {
    let whole = Desk::new(6);
    assert_eq!(whole.run(&[]).0, 0);
    let desk = Desk::new(6);
    // Room for about two scenes.
    let Some(disk) = Disk::mount(&desk.at("out"), "size=200k") else { return };
    let (code, line) = desk.run(&[]);
    assert_eq!((code, line.lines().count()), (74, 1), "{line}");
    for (name, bytes) in desk.results() {
        assert!(whole.results().contains(&(name.clone(), bytes)), "{name} is not whole");
    }
    assert!(!names_in(&desk.at("out")).iter().any(|name| name.contains(".tmp-")));
    disk.remount("remount,size=20m");
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert!(count(&desk.report(0), "up_to_date") >= 1, "what was done before is done again");
    assert!(desk.results() == whole.results());
}

#[cfg(target_os = "linux")]
#[test]
fn fault_18_a_disk_without_room_for_names_ends_the_job_with_73_or_74() {
    let desk = Desk::new(3);
    let Some(_disk) = Disk::mount(&desk.at("out"), "size=20m,nr_inodes=5") else { return };
    let (code, line) = desk.run(&[]);
    assert!([73, 74].contains(&code) && line.lines().count() == 1, "{code}: {line}");
    assert!(!names_in(&desk.at("out")).iter().any(|name| name.contains(".tmp-")));
}

#[cfg(target_os = "linux")]
#[test]
fn fault_20_a_read_only_folder_ends_the_job_with_73_before_any_work() {
    let desk = Desk::new(1);
    let Some(disk) = Disk::mount(&desk.at("out"), "size=1m") else { return };
    disk.remount("remount,ro");
    let (code, line) = desk.run(&[]);
    assert_eq!((code, line.lines().count()), (73, 1), "{line}");
    // Scenes that cannot be written to are no trouble.
    let desk = Desk::new(0);
    let Some(disk) = Disk::mount(&desk.at("in"), "size=1m") else { return };
    let plain = desk.at("plain.tif");
    paint(&plain, 90, 80, waves);
    std::fs::copy(plain, desk.at("in/a.tif")).unwrap();
    disk.remount("remount,ro");
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert_eq!(count(&desk.report(0), "done"), 1);
}

#[test]
fn fault_13_a_clock_that_goes_backwards_or_leaps_makes_no_work() {
    if Command::new("faketime").arg("--version").output().is_err() {
        eprintln!("SKIPPED: faketime is not installed");
        return;
    }
    let desk = Desk::new(2);
    assert_eq!(desk.run(&[]).0, 0);
    let results = desk.results();
    for when in ["-1d", "+20y"] {
        let plain = desk.command(&[]);
        let mut faked = Command::new("faketime");
        faked.arg("-f").arg(when).arg(plain.get_program()).args(plain.get_args()).env_remove("GEOPHRASE_MODEL");
        let (code, line) = ended(&faked.output().unwrap());
        assert_eq!((code, line.as_str()), (0, ""), "{when}");
        assert_eq!(count(&desk.report(0), "up_to_date"), 2, "{when}");
    }
    // Done by another clock, the results are the same.
    std::fs::remove_dir_all(desk.at("out")).unwrap();
    let plain = desk.command(&[]);
    let mut faked = Command::new("faketime");
    faked.args(["-f", "-1d x10"]).arg(plain.get_program()).args(plain.get_args()).env_remove("GEOPHRASE_MODEL");
    assert_eq!(ended(&faked.output().unwrap()).0, 0);
    assert!(desk.results() == results);
}

#[cfg(unix)]
#[test]
fn fault_5_a_second_signal_ends_the_job_at_once() {
    let desk = Desk::new(0);
    paint(&desk.at("in/big.tif"), 2000, 2000, waves);
    let child = desk.start();
    desk.wait_for("big", "running");
    signal(&child, "-INT");
    signal(&child, "-INT");
    let (code, _) = ended(&child.wait_with_output().unwrap());
    // The first alone may have been enough, if it came to an end first.
    assert_eq!(code, 130);
}

#[test]
fn fault_55_a_damaged_model_ends_the_job_with_78_before_any_scene_is_opened() {
    let desk = Desk::new(1);
    let model = desk.at("model");
    std::fs::create_dir(&model).unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(common::shipped_model().join(file), model.join(file)).unwrap();
    }
    let weights = model.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let text = std::fs::read_to_string(desk.at("job.toml")).unwrap();
    let shipped = common::shipped_model().display().to_string();
    std::fs::write(desk.at("job.toml"), text.replace(&shipped, model.to_str().unwrap())).unwrap();
    let (code, line) = desk.run(&[]);
    assert!(code == 78 && line.contains("model.safetensors") && line.lines().count() == 1, "{code}: {line}");
    assert!(!desk.out("s0.manifest.json").exists());
    desk.report(78);
}

#[cfg(unix)]
#[test]
fn fault_1_tiles_of_a_large_scene_that_were_finished_before_a_kill_are_not_computed_again() {
    let desk = Desk::new(0);
    // More than eight million pixels: 12 rows of 11 tiles.
    paint(&desk.at("in/large.tif"), 2900, 3000, waves);
    let mut child = desk.start();
    desk.wait_for("large", "running");
    let log = desk.out(".large.checkpoint");
    let kept = || -> u64 {
        let Ok(units) = std::fs::read_dir(log.join("units")) else { return 0 };
        units.flatten().filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
    };
    let started = Instant::now();
    while kept() < 200_000 {
        assert!(started.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none(), "nothing is kept");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(desk.run(&[]), (0, String::new()));
    let report = std::fs::read(desk.out("large.report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert!(report["tiles"]["resumed"].as_u64().unwrap() > 0, "{}", report["tiles"]);
    assert!(!log.exists(), "what was kept is still there");
    let resumed = desk.results();
    std::fs::remove_dir_all(desk.at("out")).unwrap();
    assert_eq!(desk.run(&[]), (0, String::new()));
    assert!(desk.results() == resumed);
}
