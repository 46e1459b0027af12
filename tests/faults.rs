//! Disks that are full, folders that cannot be written, scenes that break while they are read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod common;

use std::path::Path;
use std::process::Command;

use common::tiff::Tiff;
use common::{Trial, names_in, paint, waves};
use pipeline::exit::{Exit, one_line};

/// A small file system of its own for the time of a test; needs root.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: mounting a tmpfs needs root");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", options]).arg(self.path()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_ends_the_run_with_74_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    // Noise, so that compression does not save the day.
    let noise =
        |row: u32, col: u32| (row.wrapping_mul(2_654_435_761) ^ col.wrapping_mul(40_503).wrapping_mul(row | 1)) >> 7;
    paint(&scene, 1200, 1200, |row, col| noise(row, col).to_le_bytes()[..3].try_into().unwrap());
    for size in ["size=64k", "size=1m", "size=4m"] {
        let Some(disk) = Tmpfs::mount(size) else { return };
        let error = Trial::new(&scene, disk.path()).run().unwrap_err();
        assert_eq!(error.exit(), Exit::WriteFailed, "{size}: {}", one_line(&error));
        assert_eq!(names_in(disk.path()), [""; 0], "{size}");
    }
}

#[test]
fn a_read_only_folder_ends_the_run_with_73() {
    let Some(disk) = Tmpfs::mount("size=1m") else { return };
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 70, 70, waves);
    disk.remount("remount,ro");
    let error = Trial::new(&scene, disk.path()).run().unwrap_err();
    assert_eq!(error.exit(), Exit::CannotCreate, "{}", one_line(&error));
    assert_eq!(names_in(disk.path()), [""; 0]);
}

#[test]
fn a_scene_on_a_read_only_disk_works() {
    let Some(disk) = Tmpfs::mount("size=4m") else { return };
    let scene = disk.path().join("scene.tif");
    paint(&scene, 70, 70, waves);
    disk.remount("remount,ro");
    let out = tempfile::tempdir().unwrap();
    assert!(Trial::new(&scene, out.path()).run().is_ok());
}

#[test]
fn a_scene_that_breaks_off_ends_the_run_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Tiff::bytes(300, 300, 3, |row, col, band| waves(row, col)[band as usize]).encode();
    // The directory lies behind the pixels: move the pixels' tail away by cutting inside a copy that keeps it.
    let scene = folder.path().join("cut.tif");
    paint(&scene, 900, 900, waves);
    let painted = std::fs::read(&scene).unwrap();
    for (name, bytes) in
        [("empty", &[][..]), ("half", &whole[..whole.len() / 2]), ("part", &painted[..painted.len() * 2 / 3])]
    {
        std::fs::write(&scene, bytes).unwrap();
        let out = tempfile::tempdir().unwrap();
        let error = Trial::new(&scene, out.path()).run().unwrap_err();
        assert!(matches!(error.exit(), Exit::UnreadableScene | Exit::UnusableScene), "{name}: {}", one_line(&error));
        assert_eq!(names_in(out.path()), [""; 0], "{name}");
    }
}

#[test]
fn an_output_that_exists_is_kept_unless_it_may_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.tif");
    paint(&scene, 70, 70, waves);
    for name in ["out.geojson", "out.tif", "out.mask.tif", "out.report.json"] {
        let out = tempfile::tempdir().unwrap();
        std::fs::write(out.path().join(name), "precious").unwrap();
        let error = Trial::new(&scene, out.path()).run().unwrap_err();
        assert_eq!(error.exit(), Exit::CannotCreate, "{name}: {}", one_line(&error));
        assert_eq!(names_in(out.path()), [name]);
        assert_eq!(std::fs::read(out.path().join(name)).unwrap(), b"precious");

        let mut trial = Trial::new(&scene, out.path());
        trial.config.outputs.overwrite = true;
        trial.run().unwrap();
        assert_eq!(names_in(out.path()).len(), 4);
        assert_ne!(std::fs::read(out.path().join(name)).unwrap(), b"precious");
    }
}
