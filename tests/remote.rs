//! Scenes on servers, most of which misbehave. Numbers in names are those of the list of faults in docs/reliability.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::desk::{ended, signal};
use common::server::{Reply, Server};
use common::{bytes_in, names_in, paint, shipped_model, waves};
use geo_io::Trust;
use pipeline::exit::{Exit, one_line};
use pipeline::remote::{Fetched, Patience, RemoteOptions};
use pipeline::run::{blocked_on, fetched};
use pipeline::{PipelineError, Signal};

/// Bytes that are no raster but all different enough: what is fetched is not looked into here.
fn file() -> Vec<u8> {
    (0..20_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// A folder for copies and options that do not wait long.
struct Trial {
    scratch: tempfile::TempDir,
    options: RemoteOptions,
}

impl Trial {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let patience = Patience {
            stall: Duration::from_millis(400),
            pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            ..Patience::default()
        };
        let options = RemoteOptions { scratch: Some(scratch.path().to_owned()), patience, ..RemoteOptions::default() };
        Self { scratch, options }
    }

    fn fetch(&self, url: &str) -> Result<Fetched, PipelineError> {
        let mut never = Box::pin(std::future::pending::<Signal>());
        blocked_on(fetched(OsStr::new(url), &self.options, Trust::Trusted, false, &mut never))
    }

    /// Whether the file comes whole by these replies, and how many it took.
    fn comes(&self, replies: Vec<Reply>) -> usize {
        let server = Server::new(file(), replies);
        let fetched = self.fetch(&server.url("a.tif")).unwrap_or_else(|error| panic!("{}", one_line(&error)));
        assert!(std::fs::read(Path::new(fetched.source.name())).unwrap() == file());
        drop(fetched);
        assert_eq!(names_in(self.scratch.path()), [""; 0]);
        server.asked().len()
    }

    /// What is said when it does not come.
    fn fails(&self, replies: Vec<Reply>) -> (Exit, String, usize) {
        let server = Server::new(file(), replies);
        let error = self.fetch(&server.url("a.tif?sig=SECRET")).unwrap_err();
        assert_eq!(names_in(self.scratch.path()), [""; 0]);
        let line = one_line(&error);
        assert!(line.starts_with(&format!("cannot fetch scene {}: ", server.url("a.tif"))), "{line}");
        assert!(!line.contains("SECRET"), "{line}");
        (error.exit(), line, server.asked().len())
    }
}

#[test]
fn fault_49_servers_that_fail_break_off_or_say_nothing_are_asked_again() {
    let trial = Trial::new();
    for bad in [
        Reply::Status(500, ""),
        Reply::Status(503, "Retry-After: 1\r\n"),
        Reply::Status(429, ""),
        Reply::Nothing,
        Reply::Status(200, ""),
    ] {
        assert_eq!(trial.comes(vec![bad.clone(), bad, Reply::Whole]), 3);
    }
}

#[test]
fn fault_49_a_server_that_stays_away_is_given_up_after_five_tries_with_75() {
    let (exit, line, asked) = Trial::new().fails(vec![Reply::Status(503, "")]);
    assert_eq!((exit, asked), (Exit::TryAgain, 5));
    assert!(line.contains("503, after 5 tries: try again later"), "{line}");
    let error = Trial::new().fetch("http://127.0.0.1:1/a.tif").unwrap_err();
    assert_eq!(error.exit(), Exit::TryAgain, "{}", one_line(&error));
}

#[test]
fn fault_49_what_the_server_has_not_or_does_not_give_is_not_asked_for_again() {
    for code in [401, 403, 404, 410] {
        let (exit, line, asked) = Trial::new().fails(vec![Reply::Status(code, "")]);
        assert_eq!((exit, asked), (Exit::UnreadableScene, 1), "{line}");
        assert!(line.ends_with(&format!("the server says {code}")), "{line}");
    }
}

#[test]
fn fault_50_a_connection_that_breaks_goes_on_where_it_broke() {
    let trial = Trial::new();
    let server = Server::new(file(), vec![Reply::Cut(50_000), Reply::Cut(20_000), Reply::Whole]);
    let fetched = trial.fetch(&server.url("a.tif")).unwrap();
    assert!(std::fs::read(Path::new(fetched.source.name())).unwrap() == file());
    let asked = server.asked();
    assert!(asked[1].contains("Range: bytes=30000-\r\n") && asked[1].contains("If-Range: \"1\"\r\n"), "{}", asked[1]);
    assert!(asked[2].contains("Range: bytes=60000-\r\n"), "{}", asked[2]);
    drop(fetched);
    // A server that breaks off again and again without sending anything new is given up.
    let (exit, line, _) = trial.fails(vec![Reply::Cut(50_000), Reply::Cut(50_000)]);
    assert_eq!(exit, Exit::TryAgain, "{line}");
}

#[test]
fn fault_50_wrong_bytes_other_parts_and_web_pages_are_noticed_before_gdal_sees_them() {
    let trial = Trial::new();
    let page = "<!DOCTYPE html><title>Please log in</title>";
    for bad in [Reply::Wrong, Reply::Page("text/html; charset=utf-8", page), Reply::Page("image/tiff", page)] {
        assert_eq!(trial.comes(vec![bad, Reply::Whole]), 2);
    }
    assert_eq!(trial.comes(vec![Reply::Cut(9), Reply::OtherPart, Reply::Whole]), 3);
    let (exit, line, _) = trial.fails(vec![Reply::Wrong]);
    assert_eq!(exit, Exit::TryAgain);
    assert!(line.contains("not the checksum that the server promised"), "{line}");
    let (_, line, _) = trial.fails(vec![Reply::Page("text/html", page)]);
    assert!(line.contains("a web page came instead of a raster"), "{line}");
}

#[test]
fn fault_50_a_reply_in_pieces_has_an_end_and_one_without_length_or_end_is_refused() {
    let trial = Trial::new();
    assert_eq!(trial.comes(vec![Reply::Chunked(false)]), 1);
    assert_eq!(trial.comes(vec![Reply::Chunked(true), Reply::Chunked(false)]), 2);
    let (exit, line, _) = trial.fails(vec![Reply::Endless]);
    assert!(exit == Exit::UnusableScene && line.contains("neither its length nor its end"), "{line}");
}

#[test]
fn fault_50_the_users_own_checksum_decides() {
    let mut trial = Trial::new();
    // Of the four bytes 0, by sha256sum.
    trial.options.sha256 = Some("df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119".into());
    for reply in [Reply::Whole, Reply::Endless] {
        let server = Server::new(vec![0; 4], vec![reply]);
        assert!(trial.fetch(&server.url("a.tif")).is_ok());
    }
    let (exit, line, asked) = trial.fails(vec![Reply::Whole]);
    assert_eq!((exit, asked), (Exit::UnusableScene, 1));
    assert!(line.contains("its SHA-256 is "), "{line}");
}

#[test]
fn fault_51_a_server_that_hangs_or_trickles_is_left_and_asked_again() {
    let trial = Trial::new();
    let long = Duration::from_secs(60);
    let started = Instant::now();
    assert_eq!(trial.comes(vec![Reply::Hang(long), Reply::Whole]), 2);
    // 1000 bytes a second are asked for; 200 come.
    assert_eq!(trial.comes(vec![Reply::Trickle(0, Duration::from_millis(5)), Reply::Whole]), 2);
    // What came before the server fell silent is not asked for again.
    let server = Server::new(file(), vec![Reply::Trickle(40_000, long), Reply::Whole]);
    assert!(trial.fetch(&server.url("a.tif")).is_ok());
    assert!(server.asked()[1].contains("Range: bytes=40000-"), "{}", server.asked()[1]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[cfg(unix)]
#[test]
fn fault_51_a_signal_ends_a_fetch_that_hangs_and_leaves_nothing() {
    let work = tempfile::tempdir().unwrap();
    for (kind, code) in [("-INT", 130), ("-TERM", 143)] {
        let server = Server::new(file(), vec![Reply::Trickle(40_000, Duration::from_secs(60))]);
        let mut command = segment(work.path(), &server.url("a.tif"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while names_in(&work.path().join("scratch")).is_empty() || server.asked().is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let started = Instant::now();
        signal(&child, kind);
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(code));
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(names_in(&work.path().join("scratch")), [""; 0]);
        assert_eq!(names_in(work.path()), ["scratch"]);
    }
}

#[test]
fn fault_52_a_scene_that_changes_between_two_parts_is_begun_anew_once() {
    let trial = Trial::new();
    let other: Vec<u8> = file().into_iter().rev().collect();
    let server = Server::new(file(), vec![Reply::Cut(50_000), Reply::Changed(other.clone(), "\"2\"")]);
    let fetched = trial.fetch(&server.url("a.tif")).unwrap();
    assert!(std::fs::read(Path::new(fetched.source.name())).unwrap() == other);
    drop(fetched);
    // A part of another file, sent in spite of If-Range, never comes behind the old one.
    assert_eq!(trial.comes(vec![Reply::Cut(9), Reply::Tagged("\"2\""), Reply::Whole]), 3);
    let restless = ["\"1\"", "\"2\"", "\"3\""].map(|tag| Reply::CutAs(50_000, tag));
    let (exit, line, asked) = trial.fails(restless.to_vec());
    assert_eq!((exit, asked), (Exit::TryAgain, 3));
    assert!(line.contains("it changed twice while it was fetched"), "{line}");
}

#[test]
fn fault_53_redirects_are_followed_but_not_to_files_secrets_of_clouds_or_in_circles() {
    let trial = Trial::new();
    let server = Server::new(file(), vec![Reply::Whole]);
    let there: &'static str = Box::leak(format!("Location: {}\r\n", server.url("b.tif")).into_boxed_str());
    assert_eq!(trial.comes(vec![Reply::Status(302, there)]), 1);
    assert_eq!(server.asked().len(), 1);
    for location in
        ["Location: file:///etc/passwd\r\n", "Location: http://169.254.169.254/latest\r\n", "", "Location: /a\r\n"]
    {
        let (exit, line, _) = trial.fails(vec![Reply::Status(302, location)]);
        assert!(exit == Exit::UnusableScene && line.contains("a redirect is not followed"), "{location}: {line}");
    }
}

#[test]
fn a_scene_may_be_too_large_for_what_is_allowed_or_for_the_disk() {
    let mut trial = Trial::new();
    trial.options.max_bytes = 79_999;
    for reply in [Reply::Whole, Reply::Chunked(false)] {
        let (exit, line, _) = trial.fails(vec![reply]);
        assert!(exit == Exit::UnusableScene && line.contains("--max-download"), "{line}");
    }
    trial.options.max_bytes = u64::MAX;
    let (exit, line, _) = trial.fails(vec![Reply::Claims(9_000_000_000_000_000)]);
    assert!(exit == Exit::WriteFailed && line.contains("free: name another folder with --scratch"), "{line}");
}

/// `geophrase segment` on an address, outputs and copies in a folder.
fn segment(work: &Path, url: &str) -> Command {
    std::fs::create_dir_all(work.join("scratch")).unwrap();
    let mut command = geophrase(&["segment", url, "-p", "buildings", "-o"]);
    command.arg(work.join("out.geojson")).arg("--raster").arg(work.join("out.tif"));
    command.arg("--scratch").arg(work.join("scratch")).arg("--overwrite");
    command
}

fn geophrase(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
    command.env("GEOPHRASE_MODEL", shipped_model()).env_remove("RUST_LOG").stdin(Stdio::null()).args(arguments);
    command
}

fn painted(folder: &Path) -> (PathBuf, Vec<u8>) {
    let path = folder.join("scene.tif");
    paint(&path, 90, 80, waves);
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

fn done(output: &Output) {
    let (code, said) = ended(output);
    assert_eq!((code, said.as_str()), (0, ""));
}

#[test]
fn a_scene_on_a_server_gives_the_bytes_of_the_same_scene_on_disk_fetched_or_read_by_gdal() {
    let work = tempfile::tempdir().unwrap();
    let (path, bytes) = painted(work.path());
    let out = |name: &str| {
        let folder = work.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let (local, fetched, direct) = (out("local"), out("fetched"), out("direct"));
    done(&segment(&local, path.to_str().unwrap()).output().unwrap());
    let server = Server::new(bytes.clone(), vec![Reply::Status(503, ""), Reply::Cut(500), Reply::Whole]);
    done(&segment(&fetched, &server.url("scene.tif")).output().unwrap());
    assert_eq!(names_in(&fetched.join("scratch")), [""; 0]);
    let rasters =
        |folder: &Path| bytes_in(folder).into_iter().filter(|(name, _)| name.ends_with(".tif")).collect::<Vec<_>>();
    assert!(rasters(&local).len() == 2 && rasters(&local) == rasters(&fetched));
    let report = std::fs::read_to_string(fetched.join("out.report.json")).unwrap();
    assert!(report.contains(&format!("\"name\": \"{}\"", server.url("scene.tif"))), "{report}");
    assert!(!report.contains("geophrase-scene"), "{report}");
    let server = Server::new(bytes, vec![Reply::Whole]);
    done(&segment(&direct, &server.url("scene.tif")).arg("--direct").output().unwrap());
    assert!(rasters(&local) == rasters(&direct));
}

#[test]
fn fault_54_secrets_of_an_address_are_in_no_line_and_no_file() {
    let work = tempfile::tempdir().unwrap();
    let (_, bytes) = painted(work.path());
    let server = Server::new(bytes, vec![Reply::Cut(400), Reply::Whole]);
    let url = server.url("scene.tif?sig=SECRET").replace("http://", "http://me:SECRET@");
    let folder = work.path().join("out");
    let report = |output: Output| format!("{:?}", ended(&output));
    let said =
        report(segment(&folder, &url).arg("-vvv").arg("--qgis-project").arg(folder.join("a.qgs")).output().unwrap());
    assert!(said.starts_with("(0, ") && said.contains("/scene.tif") && !said.contains("SECRET"), "{said}");
    // The server got them, though: bWU6U0VDUkVU is me:SECRET.
    assert!(server.asked()[1].contains("sig=SECRET") && server.asked()[1].contains("Basic bWU6U0VDUkVU"));
    let checkpoint = folder.join("checkpoint");
    let said = report(segment(&folder, &url).arg("--checkpoint").arg(&checkpoint).arg("-vvv").output().unwrap());
    assert!(said.starts_with("(0, ") && !said.contains("SECRET"), "{said}");
    std::fs::write(folder.join("job.toml"), format!("scenes = [{url:?}]\nprompts = [\"buildings\"]\noutput = \"b\"\n"))
        .unwrap();
    let said = report(geophrase(&["batch", "-vvv"]).arg(folder.join("job.toml")).output().unwrap());
    assert!(said.starts_with("(0, ") && !said.contains("SECRET"), "{said}");
    std::fs::remove_file(folder.join("job.toml")).unwrap();
    for folder in [folder.clone(), folder.join("b")] {
        let files = names_in(&folder).into_iter().map(|name| folder.join(name)).filter(|path| path.is_file());
        for file in files {
            assert!(!String::from_utf8_lossy(&std::fs::read(&file).unwrap()).contains("SECRET"), "{}", file.display());
            assert!(!file.to_string_lossy().contains("SECRET"));
        }
    }
    // A plan would have to hold them.
    let plan = geophrase(&["plan", &url, "-p", "buildings", "--out"]).arg(folder.join("plan")).output().unwrap();
    let said = report(plan);
    assert!(said.starts_with("(2, ") && !said.contains("SECRET") && said.contains("a plan would hold"), "{said}");
}

#[test]
fn a_plan_of_a_scene_on_a_server_is_run_and_merged_and_refuses_one_that_changed() {
    let work = tempfile::tempdir().unwrap();
    let (_, bytes) = painted(work.path());
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    for (replies, code) in [(vec![Reply::Whole], 0), (vec![Reply::Whole, Reply::Changed(other, "\"2\"")], 65)] {
        let server = Server::new(bytes.clone(), replies);
        let plan = work.path().join(format!("plan-{code}"));
        done(&geophrase(&["plan", &server.url("scene.tif"), "-p", "buildings", "--out"]).arg(&plan).output().unwrap());
        let run = ended(&geophrase(&["run", "--plan"]).arg(plan.join("plan.json")).output().unwrap());
        assert_eq!(run.0, code, "{}", run.1);
        if code == 0 {
            done(&geophrase(&["merge", "--plan"]).arg(plan.join("plan.json")).output().unwrap());
            assert!(plan.join("scene.geojson").exists() && plan.join("scene.tif").exists());
        }
    }
}

#[test]
fn fault_49_a_job_goes_on_without_a_scene_that_its_server_has_not_and_never_asks_for_what_is_done() {
    let work = tempfile::tempdir().unwrap();
    let (_, bytes) = painted(work.path());
    let server = Server::new(bytes, vec![Reply::Whole]);
    let missing = Server::new(Vec::new(), vec![Reply::Status(404, "")]);
    let job = work.path().join("job.toml");
    let run = |scenes: &[String]| {
        std::fs::write(&job, format!("scenes = {scenes:?}\nprompts = [\"buildings\"]\noutput = \"out\"\n")).unwrap();
        ended(&geophrase(&["batch"]).arg(&job).output().unwrap())
    };
    let (code, said) = run(&[missing.url("gone.tif"), server.url("scene.tif")]);
    assert!(code == 4 && said.contains("the server says 404"), "{code}: {said}");
    assert!(work.path().join("out/scene.geojson").exists());
    // Done is done: nobody asks the server again.
    let asked = server.asked().len();
    let (code, _) = run(&[server.url("scene.tif")]);
    assert_eq!((code, server.asked().len()), (0, asked));
}

#[test]
fn strangers_scenes_do_not_come_from_servers() {
    let output = geophrase(&["info", "--untrusted", "http://127.0.0.1:1/a.tif"]).output().unwrap();
    let (code, said) = ended(&output);
    assert!(code == 65 && said.contains("--untrusted takes no addresses"), "{code}: {said}");
}
