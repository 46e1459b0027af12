//! A job with its folders, and the built binary at work on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::{bytes_in, paint, shipped_model, waves};

/// A job and its folders.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// A job with some small scenes.
    pub(crate) fn new(scenes: usize) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(desk.at("in")).unwrap();
        for number in 0..scenes {
            desk.paint(format!("s{number}.tif"), number as u32);
        }
        desk.write_job("");
        desk
    }

    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.at("out").join(name)
    }

    pub(crate) fn paint(&self, name: impl AsRef<Path>, seed: u32) {
        // The painter goes through GDAL, which takes only names that are UTF-8.
        let plain = self.at("painted.tif");
        paint(&plain, 90, 80 + seed, |row, col| waves(row + 7 * seed, col));
        std::fs::rename(plain, self.at("in").join(name)).unwrap();
    }

    pub(crate) fn write_job(&self, more: &str) {
        let text = format!(
            "scenes = [\"in\"]\nprompts = [\"buildings\"]\noutput = \"out\"\nraster = true\nmodel = {:?}\n{more}",
            shipped_model()
        );
        std::fs::write(self.at("job.toml"), text).unwrap();
    }

    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geophrase"));
        command.env_remove("GEOPHRASE_MODEL").env_remove("RUST_LOG").stdin(Stdio::null());
        command.arg("batch").arg(self.at("job.toml")).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self) -> Child {
        self.command(&[]).spawn().unwrap()
    }

    /// Exit code and standard error of a run.
    pub(crate) fn run(&self, more: &[&str]) -> (i32, String) {
        let output = self.command(more).output().unwrap();
        assert!(output.stdout.is_empty());
        ended(&output)
    }

    /// What the job's report says, which must agree with the exit code.
    pub(crate) fn report(&self, code: i32) -> Value {
        let report: Value = serde_json::from_slice(&std::fs::read(self.out("geophrase.job.json")).unwrap()).unwrap();
        assert_eq!(report["exit_code"], code, "{report:#}");
        report
    }

    pub(crate) fn manifest(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.out(&format!("{name}.manifest.json"))).unwrap()).unwrap()
    }

    /// Results without what holds times: reports and manifests.
    pub(crate) fn results(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = bytes_in(&self.at("out"));
        files.retain(|(name, _)| !name.ends_with(".json") && name != ".geophrase.lock");
        files
    }

    /// Waits until the manifest of a scene says so.
    pub(crate) fn wait_for(&self, name: &str, state: &str) {
        let path = self.out(&format!("{name}.manifest.json"));
        let is_there = || {
            let text = std::fs::read(&path).ok()?;
            let manifest: Value = serde_json::from_slice(&text).ok()?;
            (manifest["state"] == state).then_some(())
        };
        let started = Instant::now();
        while is_there().is_none() {
            assert!(started.elapsed() < Duration::from_secs(120), "{name} never became {state}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) fn ended(output: &Output) -> (i32, String) {
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr.clone()).unwrap())
}

pub(crate) fn count(report: &Value, what: &str) -> u64 {
    report["counts"][what].as_u64().unwrap()
}

#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// When each result was last written.
pub(crate) fn times(desk: &Desk) -> Vec<SystemTime> {
    desk.results().iter().map(|(name, _)| desk.out(name).metadata().unwrap().modified().unwrap()).collect()
}
