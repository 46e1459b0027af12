//! Tests of `scenes.rs`.

use super::*;

/// A folder with some empty files.
fn folder_with(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    folder
}

fn found_in(folder: &Path, scenes: &[&str]) -> Result<Vec<String>, BatchError> {
    let path = folder.join("job.toml");
    std::fs::write(&path, format!("scenes = {scenes:?}\nprompts = [\"x\"]\noutput = \"out\"\n")).unwrap();
    let found = find_scenes(&JobFile::read(&path).unwrap(), &path)?;
    let name = |name: OsString| {
        Path::new(&name).strip_prefix(folder).map_or(name.to_string_lossy().into_owned(), |n| n.display().to_string())
    };
    Ok(found.into_iter().map(name).collect())
}

#[test]
fn a_folder_gives_its_rasters_sorted_and_nothing_that_is_being_written() {
    let folder = folder_with(&["in/b.TIF", "in/a.tif", "in/.c.tif", "in/d.tif.part", "in/a.txt", "in/deep/e.tif"]);
    assert_eq!(found_in(folder.path(), &["in"]).unwrap(), ["in/a.tif", "in/b.TIF"]);
}

#[test]
fn patterns_reach_into_folders_and_never_into_the_outputs() {
    let folder = folder_with(&["a/x.tif", "a/b/y.tif", "a/b/z.txt", "out/x.tif", "a/.hidden/h.tif"]);
    assert_eq!(found_in(folder.path(), &["a/*.tif"]).unwrap(), ["a/x.tif"]);
    assert_eq!(found_in(folder.path(), &["**/*.tif"]).unwrap(), ["a/x.tif", "a/b/y.tif"]);
    assert_eq!(found_in(folder.path(), &["a/?/[xy].tif"]).unwrap(), ["a/b/y.tif"]);
    assert_eq!(found_in(folder.path(), &["a/*.jp2"]).unwrap(), [""; 0]);
}

#[test]
fn lists_are_relative_to_themselves_and_scenes_are_taken_once() {
    let folder = folder_with(&["lists/a.tif", "b.tif"]);
    std::fs::write(folder.path().join("lists/all.txt"), "# two\n\na.tif\r\n../b.tif\n/vsimem/c.tif\n").unwrap();
    let found = found_in(folder.path(), &["@lists/all.txt", "b.tif", "./b.tif"]).unwrap();
    assert_eq!(found, ["lists/a.tif", "lists/../b.tif", "/vsimem/c.tif"]);
}

#[test]
fn a_name_that_is_not_there_is_a_scene_and_a_folder_that_is_not_there_is_an_error() {
    let folder = folder_with(&["[odd] *.tif"]);
    assert_eq!(found_in(folder.path(), &["gone.tif", "[odd] *.tif"]).unwrap(), ["gone.tif", "[odd] *.tif"]);
    for gone in ["gone/*.tif", "@gone.txt"] {
        assert!(matches!(found_in(folder.path(), &[gone]), Err(BatchError::NoScenes { .. })), "{gone}");
    }
}

#[test]
fn names_that_gdal_makes_up_are_told_from_files() {
    for name in ["/vsicurl/https://x/a.tif", "NETCDF:\"a.nc\":b", "GTIFF_DIR:1:a.tif"] {
        assert!(is_virtual(OsStr::new(name)), "{name}");
    }
    for name in ["a.tif", "C:/a.tif", "/data/a.tif", "Ab:c.tif", ""] {
        assert!(!is_virtual(OsStr::new(name)), "{name}");
    }
}
