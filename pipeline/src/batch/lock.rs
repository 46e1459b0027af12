//! One process at a time works on an output folder. The kernel holds the lock, so that a killed process leaves none.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::error::BatchError;
use crate::error::PipelineError;

/// The file that is locked; it stays, since removing it would let two processes lock two files of one name.
pub const LOCK_NAME: &str = ".geophrase.lock";

/// Held as long as it lives. The file is closed in children (`O_CLOEXEC`), so that none of them keeps the lock.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Takes the lock of a folder, without waiting.
    ///
    /// # Errors
    /// [`BatchError::Locked`] when another process holds it, [`PipelineError::Create`] when it cannot be made.
    pub fn take(folder: &Path) -> Result<Self, PipelineError> {
        let path = folder.join(LOCK_NAME);
        let cannot = |source| PipelineError::Create { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(BatchError::Locked { folder: folder.to_owned(), holder }.into());
            }
            Err(TryLockError::Error(source)) => return Err(cannot(source)),
        }
        let said = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        said.map_err(|source| PipelineError::Write { path, source })?;
        Ok(Self { file })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Only a courtesy: the number of a process that is gone would name a stranger.
        let _ = self.file.set_len(0);
    }
}

/// Who says to hold the lock.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(64).read_to_string(&mut text));
    match text.trim().parse::<u32>() {
        Ok(process) if read.is_ok() => format!("process {process}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_first_and_a_third_works_when_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("is being worked on by process {}", std::process::id())), "{error}");
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
