//! How a file is named as seen from another, so that a folder with both may be moved.

use std::path::{Path, PathBuf};

/// A file as seen from the folder of another; as it is where it is no plain file, such as `/vsicurl/...`.
pub(crate) fn relative(from: &Path, to: &Path) -> String {
    let folder = match from.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let to_folder = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let plain = to.to_string_lossy().into_owned();
    // The outputs are not there yet under their names, but their folders are.
    let (Ok(folder), Ok(to_folder), Some(name)) = (folder.canonicalize(), to_folder.canonicalize(), to.file_name())
    else {
        return plain;
    };
    if to.starts_with("/vsi") {
        return plain;
    }
    let shared = folder.components().zip(to_folder.components()).take_while(|(a, b)| a == b).count();
    let mut path = PathBuf::from(".");
    path.extend(folder.components().skip(shared).map(|_| ".."));
    path.extend(to_folder.components().skip(shared));
    path.push(name);
    path.to_string_lossy().into_owned()
}

/// The same as a link: what an address cannot hold is escaped, and what lies on the network has its address.
pub(crate) fn href(from: &Path, to: &Path) -> String {
    let path = relative(from, to);
    let on_network = path.strip_prefix("/vsicurl/").filter(|rest| rest.contains("://"));
    on_network.map_or_else(|| escaped(&path), str::to_owned)
}

/// Everything but the letters, digits and marks that stand for themselves, as `%XX`.
fn escaped(path: &str) -> String {
    let mut link = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => link.push(char::from(byte)),
            _ => link.push_str(&format!("%{byte:02X}")),
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_seen_from_the_other() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        let project = folder.path().join("out/look.qgs");
        assert_eq!(relative(&project, &folder.path().join("out/a.tif")), "./a.tif");
        assert_eq!(relative(&project, &folder.path().join("scene.tif")), "./../scene.tif");
        assert_eq!(relative(&project, Path::new("/vsicurl/https://host/a.tif")), "/vsicurl/https://host/a.tif");
    }

    #[test]
    fn links_hold_only_what_links_may_hold() {
        let folder = tempfile::tempdir().unwrap();
        let item = folder.path().join("a.stac.json");
        assert_eq!(href(&item, &folder.path().join("my scene #1.tif")), "./my%20scene%20%231.tif");
        assert_eq!(href(&item, &folder.path().join("屋.tif")), "./%E5%B1%8B.tif");
        assert_eq!(href(&item, Path::new("/vsicurl/https://host/a.tif")), "https://host/a.tif");
    }
}
