//! Which scenes are meant: names, patterns, lists and folders.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::remote::is_remote;
use crate::stac::{self, AssetChoice, is_document};

/// Largest list of scenes that is read.
const MAX_LIST_BYTES: u64 = 64 << 20;
/// Folders below each other that `**` looks into.
const MAX_DEPTH: usize = 64;
/// Extensions of the files of a folder that are taken for scenes when nobody says otherwise.
pub const EXTENSIONS: [&str; 12] =
    ["tif", "tiff", "jp2", "j2k", "vrt", "img", "ntf", "nitf", "png", "jpg", "jpeg", "webp"];

/// A folder or list that cannot be read.
pub type Unreadable = (PathBuf, io::Error);

/// Where and how scenes are looked for.
#[derive(Clone, Debug)]
pub struct SceneSearch<'a> {
    /// The folder that names are relative to.
    pub base: &'a Path,
    /// Extensions of the files of a folder that are scenes, in small letters.
    pub extensions: &'a [String],
    /// A folder in which nothing is a scene.
    pub output: Option<PathBuf>,
    /// What of STAC items is the scene.
    pub asset: AssetChoice<'a>,
}

impl SceneSearch<'_> {
    /// Finds scenes, each once, in a fixed order: entries as they stand, names within a folder sorted.
    ///
    /// Left alone are files that are being written (hidden ones, `.part`, `.tmp`, ...) and whatever lies in the output
    /// folder. A name that is not there is a scene all the same, which then fails.
    ///
    /// # Errors
    /// A folder or a list that cannot be read: a drive that is not mounted is no empty folder.
    pub fn find<'e>(self, entries: impl IntoIterator<Item = &'e OsStr>) -> Result<Vec<OsString>, Unreadable> {
        let output = self.output.as_deref().and_then(|folder| folder.canonicalize().ok());
        let mut search =
            Search { base: self.base, extensions: self.extensions, output, asset: self.asset, found: Vec::new() };
        entries.into_iter().try_for_each(|entry| search.entry(entry))?;
        let mut seen = HashSet::new();
        search.found.retain(|name| seen.insert(same(name)));
        Ok(search.found)
    }
}

/// Whether a file of this name is one that somebody is still writing, by the custom of those who write.
#[must_use]
pub fn is_unfinished(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes().to_ascii_lowercase();
    let ends = [".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", "~"];
    bytes.starts_with(b".") || ends.iter().any(|end| bytes.ends_with(end.as_bytes()))
}

/// Whether a name is one that GDAL makes a scene of without there being a file of this name.
#[must_use]
pub fn is_virtual(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let driver = bytes.iter().position(|byte| !(byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_'));
    bytes.starts_with(b"/vsi") || driver.is_some_and(|end| end >= 2 && bytes[end] == b':')
}

struct Search<'a> {
    base: &'a Path,
    extensions: &'a [String],
    output: Option<PathBuf>,
    asset: AssetChoice<'a>,
    found: Vec<OsString>,
}

impl Search<'_> {
    fn entry(&mut self, entry: &OsStr) -> Result<(), Unreadable> {
        if let Some(list) = entry.to_str().and_then(|entry| entry.strip_prefix('@')) {
            return self.list(&self.base.join(list));
        }
        if is_virtual(entry) || is_remote(entry) {
            self.found.push(entry.into());
            return Ok(());
        }
        let path = self.base.join(entry);
        let is_there = path.symlink_metadata().is_ok();
        if path.is_dir() {
            return self.folder(&path);
        }
        if !is_there && entry.to_string_lossy().contains(['*', '?', '[']) {
            return self.pattern(&path);
        }
        self.scenes_of(path)
    }

    /// A file that is a scene, or the scenes that a STAC document names.
    fn scenes_of(&mut self, path: PathBuf) -> Result<(), Unreadable> {
        if is_document(path.as_os_str()) && path.symlink_metadata().is_ok() {
            let found = stac::scenes(&path, self.asset);
            self.found.extend(found.map_err(|reason| (path, io::Error::other(reason)))?);
        } else {
            self.found.push(path.into_os_string());
        }
        Ok(())
    }

    /// The names in a list, one a line, relative to the list; empty lines and those that begin with `#` say nothing.
    fn list(&mut self, path: &Path) -> Result<(), Unreadable> {
        let cannot = |source: io::Error| (path.to_owned(), source);
        if std::fs::metadata(path).map_err(cannot)?.len() > MAX_LIST_BYTES {
            return Err(cannot(io::Error::other(format!("it is larger than {MAX_LIST_BYTES} bytes"))));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        for line in std::fs::read(path).map_err(cannot)?.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let name = os_string(line).map_err(cannot)?;
            if is_virtual(&name) || is_remote(&name) {
                self.found.push(name);
            } else {
                self.scenes_of(folder.join(name))?;
            }
        }
        Ok(())
    }

    /// The files in a folder that have one of the extensions.
    fn folder(&mut self, path: &Path) -> Result<(), Unreadable> {
        for (name, is_folder) in listed(path)? {
            let extension = Path::new(&name).extension().map(|end| end.to_string_lossy().to_lowercase());
            let is_scene = extension.is_some_and(|end| self.extensions.contains(&end));
            if !is_folder && is_scene {
                self.take(path.join(name))?;
            }
        }
        Ok(())
    }

    /// The files that match a pattern.
    fn pattern(&mut self, path: &Path) -> Result<(), Unreadable> {
        let mut base = PathBuf::new();
        let mut rest: Vec<&OsStr> = Vec::new();
        for part in path.components() {
            let text = part.as_os_str();
            let is_plain = !text.to_string_lossy().contains(['*', '?', '[']);
            if rest.is_empty() && (is_plain || !matches!(part, Component::Normal(_))) {
                base.push(text);
            } else {
                rest.push(text);
            }
        }
        if base.as_os_str().is_empty() {
            base.push(".");
        }
        let patterns: Result<Vec<(bool, Pattern)>, _> = rest
            .iter()
            .map(|text| Pattern::new(&text.to_string_lossy()).map(|pattern| (*text == OsStr::new("**"), pattern)))
            .collect();
        let patterns = patterns.map_err(|error| (path.to_owned(), io::Error::other(error.to_string())))?;
        self.matching(&base, &patterns, 0)
    }

    fn matching(&mut self, folder: &Path, patterns: &[(bool, Pattern)], depth: usize) -> Result<(), Unreadable> {
        let Some(((is_deep, pattern), rest)) = patterns.split_first() else { return Ok(()) };
        if depth > MAX_DEPTH {
            return Err((folder.to_owned(), io::Error::other("its folders lie too deep, or in a circle")));
        }
        if *is_deep {
            self.matching(folder, rest, depth)?;
        }
        let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
        for (name, is_folder) in listed(folder)? {
            let path = folder.join(&name);
            // A name that is not UTF-8 is matched by what it looks like, and found under its own bytes.
            let fits = pattern.matches_with(&name.to_string_lossy(), options);
            match (is_folder, *is_deep) {
                (true, true) if !is_unfinished(&name) => self.matching(&path, patterns, depth + 1)?,
                (true, false) if fits && !rest.is_empty() => self.matching(&path, rest, depth + 1)?,
                (false, false) if fits && rest.is_empty() => self.take(path)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes a file that was found, not named.
    fn take(&mut self, path: PathBuf) -> Result<(), Unreadable> {
        let name = path.file_name().unwrap_or_default();
        let within = |output: &PathBuf| {
            path.parent().and_then(|folder| folder.canonicalize().ok()).is_some_and(|folder| folder.starts_with(output))
        };
        if !is_unfinished(name) && !self.output.as_ref().is_some_and(within) {
            return self.scenes_of(path);
        }
        Ok(())
    }
}

/// The names in a folder, sorted, and whether each is a folder (links to folders are not followed by `**`, but count).
fn listed(folder: &Path) -> Result<Vec<(OsString, bool)>, Unreadable> {
    let cannot = |source: io::Error| (folder.to_owned(), source);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        names.push((entry.file_name(), entry.path().is_dir()));
    }
    names.sort();
    Ok(names)
}

/// The same for all spellings of one name.
fn same(name: &OsStr) -> OsString {
    let path = Path::new(name);
    let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    match (folder.and_then(|folder| folder.canonicalize().ok()), path.file_name()) {
        (Some(folder), Some(file)) => folder.join(file).into_os_string(),
        _ => name.to_owned(),
    }
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> io::Result<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Ok(OsString::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> io::Result<OsString> {
    String::from_utf8(bytes.to_vec()).map(OsString::from).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_patterns_and_lists_give_their_scenes_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tif", "a.TIF", ".c.tif", "d.tif.part", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::write(folder.path().join("list.txt"), "# scenes\n\nb.tif\n/vsicurl/https://example.org/x.tif\n")
            .unwrap();
        let extensions = ["tif".to_owned()];
        let search = || SceneSearch {
            base: folder.path(),
            extensions: &extensions,
            output: None,
            asset: AssetChoice::default(),
        };
        let names = |entries: &[&str]| -> Vec<String> {
            let found = search().find(entries.iter().map(OsStr::new)).unwrap();
            let name = |path: &OsString| Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
            found.iter().map(name).collect()
        };
        assert_eq!(names(&[".", "@list.txt", "*.tif"]), ["a.TIF", "b.tif", "x.tif"]);
        assert_eq!(names(&["missing.tif", "[ab].tif"]), ["missing.tif", "b.tif"]);
        assert!(search().find([OsStr::new("@missing.txt")]).is_err());
    }
}
