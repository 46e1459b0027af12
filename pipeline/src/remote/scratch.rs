//! Folders for local copies: removed when their owner is done, and by the next one when it was killed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What their names begin with.
const PREFIX: &str = "geophrase-scene-";
/// The file in each that its owner holds; the kernel lets go of it when the owner dies.
const LOCK: &str = ".lock";

/// A folder of its own for the copy of one scene.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// A new one, after those of dead processes have been removed.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        remove_orphans(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = File::create(folder.path().join(LOCK))?;
        // Where there are no locks nobody can remove it for an orphan either.
        let _ = lock.try_lock();
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes what killed processes of this user left in a folder.
fn remove_orphans(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_orphan(&entry.path()) {
            tracing::info!("removed what a killed run left: {}", entry.path().display());
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a folder is ours and nobody holds its lock. One without a lock is being made just now.
fn is_orphan(folder: &Path) -> bool {
    let lock: PathBuf = folder.join(LOCK);
    let is_own = |path: &Path| path.symlink_metadata().is_ok_and(|found| !found.is_symlink() && owned_by_us(&found));
    // In a folder that others write to as well, a lock that is a pipe would be waited for.
    let is_plain = lock.symlink_metadata().is_ok_and(|found| found.is_file());
    is_own(folder) && is_plain && is_own(&lock) && File::open(&lock).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(unix)]
fn owned_by_us(found: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn owned_by_us(_found: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_living_stay_and_those_of_the_dead_go() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::new(parent.path()).unwrap();
        let dead = parent.path().join("geophrase-scene-dead");
        std::fs::create_dir(&dead).unwrap();
        let foreign = parent.path().join("something-else");
        std::fs::create_dir(&foreign).unwrap();
        let other = Scratch::new(parent.path()).unwrap();
        // Without a lock it may be one that is being made.
        assert!(dead.exists());
        std::fs::write(dead.join(LOCK), "").unwrap();
        std::fs::write(dead.join("scene.tif"), "x").unwrap();
        drop(Scratch::new(parent.path()).unwrap());
        assert!(!dead.exists() && foreign.exists() && living.path().exists() && other.path().exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }
}
