//! What a machine does to a process: crashes, limits on memory and open files, devices that fail, file systems without locks.
//! Numbers in names are those of the list of faults in docs/reliability.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![cfg(target_os = "linux")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::desk::{Desk, count, ended, signal};
use common::{Rule, Trial, bytes_in, names_in, paint, shipped_model, waves};
use pipeline::exit::{Exit, one_line};

fn ready(command: &mut Command) -> &mut Command {
    command.env("GEOPHRASE_MODEL", shipped_model()).env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::null())
}

#[test]
fn fault_8_a_crash_in_a_library_costs_what_was_in_hand_and_the_scene_comes_last_in_the_next_run() {
    let desk = Desk::new(6);
    let mut child = desk.start();
    desk.wait_for("s1", "running");
    // What a C library does that finds its memory damaged. (One SIGSEGV from outside only disarms the handler of the standard
    // library.)
    signal(&child, "-ABRT");
    let ended = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(6));
    assert!(names_in(&desk.at("out")).iter().any(|name| name == "s0.tif"));
    assert_eq!(desk.run(&[]), (0, String::new()));
    let report = desk.report(0);
    assert_eq!((count(&report, "done") + count(&report, "up_to_date"), count(&report, "failed")), (6, 0));
    let unbroken = Desk::new(6);
    assert_eq!(unbroken.run(&[]).0, 0);
    assert!(desk.results() == unbroken.results());
}

/// A control group of its own within that of the test, with a limit on memory; removed when it is dropped.
struct Group {
    folder: PathBuf,
    limit: &'static str,
}

impl Group {
    fn new(bytes: u64) -> Option<Self> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let made = groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            let (root, limit) = match controllers {
                "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                "" => ("/sys/fs/cgroup", "memory.max"),
                _ => return None,
            };
            let folder = Path::new(root).join(path).join(format!("geophrase-test-{}", std::process::id()));
            std::fs::create_dir(&folder).ok()?;
            let group = Self { folder, limit };
            std::fs::write(group.folder.join(group.limit), bytes.to_string()).ok()?;
            Some(group)
        });
        if made.is_none() {
            eprintln!("SKIPPED: no control group with a limit on memory can be made here (it needs root)");
        }
        made
    }

    /// A command that joins the group before it begins.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg("echo $$ > \"$0\" && exec \"$@\"").arg(self.folder.join("cgroup.procs")).arg(program);
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel takes a moment to see that the last process has left.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn fault_9_a_run_stays_within_what_its_control_group_allows_without_being_told() {
    const LIMIT: u64 = 900 << 20;
    let Some(group) = Group::new(LIMIT) else { return };
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 2000, 300, waves);
    let segment = |more: &[&str]| {
        let mut command = group.command(env!("CARGO_BIN_EXE_geophrase"));
        command.arg("segment").arg(&scene).args(["-p", "a pond", "-o"]).arg(folder.path().join("out.geojson"));
        command.arg("--raster").arg(folder.path().join("out.tif")).args(more);
        ready(&mut command);
        command.stdout(Stdio::piped()).output().unwrap()
    };
    let looked = segment(&["--dry-run"]);
    let text = String::from_utf8_lossy(&looked.stdout).into_owned();
    let allowed = text.split(" MiB allowed").next().and_then(|text| text.rsplit(' ').next()).unwrap_or_default();
    let allowed: u64 = allowed.parse().unwrap_or_else(|_| panic!("{text}{:?}", ended(&looked)));
    assert!(allowed <= (LIMIT >> 20) / 2, "{text}");
    assert_eq!(ended(&segment(&[])), (0, String::new()));
}

#[test]
fn fault_10_too_few_open_files_end_with_one_line_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 200, 100, waves);
    let (mut failed, mut done) = (0, 0);
    for most in (4..40).step_by(3) {
        let out = folder.path().join(format!("out-{most}"));
        std::fs::create_dir(&out).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n {most}; exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_geophrase"));
        command.arg("segment").arg(&scene).args(["-p", "a pond", "-o"]).arg(out.join("out.gpkg"));
        command.arg("--raster").arg(out.join("out.tif"));
        let output = ready(&mut command).stderr(Stdio::piped()).output().unwrap();
        let (code, said) = ended(&output);
        if code == 0 {
            done += 1;
        } else {
            failed += 1;
            // So few that not even the libraries of the program can be loaded are the system's to tell.
            let is_ours = said.starts_with("geophrase: ") || said.starts_with("error: ");
            assert!(said.lines().count() == 1 && (is_ours || code == 127), "{most}: {code}: {said}");
            assert_eq!(names_in(&out), [""; 0], "{most}");
        }
    }
    assert!(failed > 0 && done > 0, "{failed} failed, {done} done");
}

#[test]
fn fault_11_and_12_a_device_without_memory_or_one_that_is_lost_ends_the_run_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 300, 200, waves);
    let out = tempfile::tempdir().unwrap();
    let error = Trial { rule: Rule::DeviceFailsAt(3), ..Trial::new(&scene, out.path()) }.run().unwrap_err();
    assert_eq!(error.exit(), Exit::Bug, "{}", one_line(&error));
    assert!(one_line(&error).contains("out of memory"), "{}", one_line(&error));
    assert_eq!(names_in(out.path()), [""; 0]);
}

#[test]
fn fault_12_a_device_that_is_not_there_ends_with_69_and_nothing_else_is_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 100, 100, waves);
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.arg("segment").arg(&scene).args(["-p", "a pond", "--device", "cuda:63", "-o"]);
    command.arg(folder.path().join("out.geojson"));
    let (code, said) = ended(&ready(&mut command).stderr(Stdio::piped()).output().unwrap());
    assert!(code == 69 && said.contains("cuda:63"), "{code}: {said}");
    assert_eq!(names_in(folder.path()), ["scene.tif"]);
}

/// A command under `strace`, on a file system that knows no locks.
fn without_locks(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK"]);
    command.arg(env!("CARGO_BIN_EXE_geophrase")).args(arguments).current_dir(folder);
    ready(&mut command).stderr(Stdio::piped()).output().unwrap()
}

#[test]
fn fault_27_without_locks_a_plan_gives_the_same_bytes_and_a_job_does_not_begin() {
    let tried = Command::new("strace").args(["-f", "-e", "trace=none", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: strace is not installed or not permitted");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    paint(&folder.path().join("scene.tif"), 120, 90, waves);
    let bytes = |name: &str, locks: bool| {
        let run = |arguments: &[&str]| {
            if !locks {
                return ended(&without_locks(folder.path(), arguments));
            }
            let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
            command.args(arguments).current_dir(folder.path());
            ended(&ready(&mut command).stderr(Stdio::piped()).output().unwrap())
        };
        let plan = format!("{name}/plan.json");
        for arguments in [
            &["plan", "scene.tif", "-p", "a pond", "--out", name][..],
            &["run", "--plan", &plan],
            &["merge", "--plan", &plan],
        ] {
            assert_eq!(run(arguments), (0, String::new()), "{arguments:?}");
        }
        let mut bytes = bytes_in(&folder.path().join(name));
        bytes.retain(|(name, _)| name != "plan.json");
        bytes
    };
    assert!(bytes("with", true) == bytes("without", false));
    let job = "scenes = [\"scene.tif\"]\nprompts = [\"a pond\"]\noutput = \"out\"\n";
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    let (code, said) = ended(&without_locks(folder.path(), &["batch", "job.toml"]));
    assert!(code == 73 && said.contains(".geophrase.lock") && said.lines().count() == 1, "{code}: {said}");
}
