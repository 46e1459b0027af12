//! Tests of `write_guard.rs`.

use super::*;
use crate::error::ErrorKind;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_appears_under_its_name_only_at_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let pending = pending_file(&path, false, b"{}").unwrap();
    assert!(!path.exists());
    assert_eq!(pending.commit().unwrap(), vec![path.clone()]);
    assert_eq!(fs::read(&path).unwrap(), b"{}");
    assert_eq!(names(folder.path()), ["report.json"]);
}

#[test]
fn a_dropped_output_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(pending_file(&folder.path().join("a"), false, b"x").unwrap());
    assert!(names(folder.path()).is_empty());
}

#[test]
fn leftovers_of_one_output_are_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (killed, _) = TempOutput::create(&at("a.tif"), false).unwrap();
    let (other, _) = TempOutput::create(&at("a.tif.b"), false).unwrap();
    fs::write(at("a.tif"), "").unwrap();
    std::mem::forget(killed);
    remove_leftovers(&at("a.tif"));
    let left = names(folder.path());
    assert_eq!(left, [other.path().file_name().unwrap().to_str().unwrap(), "a.tif"]);
}

#[test]
fn an_existing_output_is_kept_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    fs::write(&path, "old").unwrap();
    assert_eq!(pending_file(&path, false, b"new").unwrap_err().kind(), ErrorKind::OutputExists);
    pending_file(&path, true, b"new").unwrap().commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn an_output_that_appears_meanwhile_is_not_replaced_and_the_rest_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let pending = pending_file(&a, false, b"1").unwrap().merge(pending_file(&b, false, b"2").unwrap());
    fs::write(&b, "theirs").unwrap();
    assert_eq!(pending.commit().unwrap_err().kind(), ErrorKind::OutputExists);
    assert_eq!(names(folder.path()), ["b"]);
    assert_eq!(fs::read(&b).unwrap(), b"theirs");
}

#[test]
fn a_missing_folder_and_a_folder_as_name_are_found_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("no/such/a.tif"), folder.path().to_owned(), PathBuf::from("/")] {
        assert_eq!(pending_file(&path, true, b"").unwrap_err().kind(), ErrorKind::OutputCreate, "{path:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_output_is_as_readable_as_any_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    pending_file(&ours, false, b"").unwrap().commit().unwrap();
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}
