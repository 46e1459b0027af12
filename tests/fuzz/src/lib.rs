//! What the targets share.

use std::cell::OnceCell;
use std::path::Path;

use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Works in a folder for small files, the same one each time.
///
/// # Panics
/// When no folder can be made: there is nothing to fuzz then.
pub fn in_folder<T>(work: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with(|folder| work(folder.get_or_init(|| tempfile::tempdir().expect("a folder")).path()))
}
