//! Which scenes a command was given: names, folders and lists.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::error::PipelineError;

/// Extensions of the files of a folder that are taken for scenes.
const SCENE_EXTENSIONS: [&str; 6] = ["tif", "tiff", "vrt", "jp2", "img", "png"];

/// Replaces folders by the scenes in them and `@list.txt` by the names in it, and takes everything else as a name.
///
/// # Errors
/// A list or folder that cannot be read, and nothing found at all.
pub fn find_scenes(given: &[OsString]) -> Result<Vec<OsString>, PipelineError> {
    let mut found: Vec<OsString> = Vec::new();
    let mut take = |name: OsString| {
        if !found.contains(&name) {
            found.push(name);
        }
    };
    for name in given {
        if let Some(list) = name.to_str().and_then(|name| name.strip_prefix('@')) {
            let listed = listed(Path::new(list));
            let listed = listed.map_err(|source| PipelineError::ReadInput { path: list.into(), source })?;
            listed.into_iter().for_each(&mut take);
        } else if Path::new(name).is_dir() {
            let within = within(Path::new(name));
            within
                .map_err(|source| PipelineError::ReadInput { path: name.into(), source })?
                .into_iter()
                .for_each(&mut take);
        } else {
            take(name.clone());
        }
    }
    if found.is_empty() {
        return Err(PipelineError::Usage("there is no scene in what was given".into()));
    }
    Ok(found)
}

/// The names in a list, one a line, relative to the list; empty lines and those that begin with # are passed over.
fn listed(list: &Path) -> std::io::Result<Vec<OsString>> {
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut names = Vec::new();
    for line in BufReader::new(std::fs::File::open(list)?).lines() {
        let line = line?;
        let name = line.trim();
        if name.is_empty() || name.starts_with('#') {
            continue;
        }
        let beside = folder.join(name);
        names.push(if beside.exists() { beside.into_os_string() } else { name.into() });
    }
    Ok(names)
}

/// The rasters in a folder, sorted by name; hidden files and those still being written are left alone.
fn within(folder: &Path) -> std::io::Result<Vec<OsString>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.retain(|path| {
        let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        path.is_file() && !hidden && extension.is_some_and(|extension| SCENE_EXTENSIONS.contains(&extension.as_str()))
    });
    paths.sort();
    Ok(paths.into_iter().map(PathBuf::into_os_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_lists_give_their_scenes_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tif", "a.TIF", ".c.tif", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let list = folder.path().join("list.txt");
        std::fs::write(&list, "# scenes\n\nb.tif\n/vsicurl/https://example.org/x.tif\n").unwrap();
        let at = OsString::from(format!("@{}", list.display()));
        let given = [folder.path().as_os_str().to_owned(), at];
        let names: Vec<String> = find_scenes(&given)
            .unwrap()
            .iter()
            .map(|name| Path::new(name).file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.TIF", "b.tif", "x.tif"]);
    }

    #[test]
    fn an_empty_folder_and_a_missing_list_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find_scenes(&[folder.path().as_os_str().to_owned()]).is_err());
        assert!(find_scenes(&["@no/such/list.txt".into()]).is_err());
    }
}
