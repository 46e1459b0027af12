//! Outputs are written under another name, verified, synced and only then renamed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{TempDir, TempPath};

use crate::error::GeoIoError;

/// A file being written under a hidden name in the folder of its final one. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct TempOutput {
    temp: TempPath,
    target: PathBuf,
    overwrite: bool,
}

/// The name that stands for standard output.
pub(crate) const STANDARD_OUTPUT: &str = "-";

impl TempOutput {
    /// Claims a hidden name beside `target`, and gives the empty file behind it.
    ///
    /// # Errors
    /// [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`].
    pub(crate) fn create(target: &Path, overwrite: bool) -> Result<(Self, File), GeoIoError> {
        let refuse = |source: io::Error| GeoIoError::OutputCreate { path: target.to_owned(), source: source.into() };
        if target == Path::new(STANDARD_OUTPUT) {
            let (file, temp) = tempfile::NamedTempFile::new().map_err(refuse)?.into_parts();
            return Ok((Self { temp, target: target.to_owned(), overwrite }, file));
        }
        may_create(target, overwrite)?;
        let file_name = target
            .file_name()
            .ok_or_else(|| refuse(io::Error::new(io::ErrorKind::InvalidInput, "the name has no file part")))?;
        let prefix = hidden_prefix(file_name);
        let mut suffix = OsString::from(".");
        suffix.push(target.extension().unwrap_or_default());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(&suffix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, temp) = builder.tempfile_in(folder_of(target)).map_err(refuse)?.into_parts();
        Ok((Self { temp, target: target.to_owned(), overwrite }, file))
    }

    /// The same for a file that GDAL will write: it takes only names in UTF-8.
    pub(crate) fn create_for_gdal(target: &Path, overwrite: bool) -> Result<Self, GeoIoError> {
        if target.to_str().is_none() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8");
            return Err(GeoIoError::OutputCreate { path: target.to_owned(), source: source.into() });
        }
        Ok(Self::create(target, overwrite)?.0)
    }

    /// The hidden name.
    pub(crate) fn path(&self) -> &Path {
        &self.temp
    }

    /// Whether a file of the final name is replaced.
    pub(crate) fn overwrites(&self) -> bool {
        self.overwrite
    }

    /// The final name.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Syncs the closed file to disk. From here on only the rename is missing.
    ///
    /// # Errors
    /// [`GeoIoError::Write`] when the disk refuses.
    pub(crate) fn seal(self) -> Result<PendingOutput, GeoIoError> {
        let synced = File::open(self.path()).and_then(|file| file.sync_all());
        synced.map_err(|error| self.failed(error))?;
        Ok(PendingOutput { files: vec![self], folders: Vec::new() })
    }

    /// An error of writing this output.
    pub(crate) fn failed(&self, source: impl Into<crate::error::Cause>) -> GeoIoError {
        GeoIoError::Write { path: self.target.clone(), source: source.into() }
    }

    /// Gives the file its final name; true when nothing had that name before.
    fn publish(self) -> Result<bool, GeoIoError> {
        if self.target == Path::new(STANDARD_OUTPUT) {
            let printed = File::open(&self.temp).and_then(|mut file| {
                let mut out = io::stdout().lock();
                io::copy(&mut file, &mut out)?;
                io::Write::flush(&mut out)
            });
            return printed.map(|()| false).map_err(|error| self.failed(error));
        }
        let is_new = fs::symlink_metadata(&self.target).is_err();
        let Self { temp, target, overwrite } = self;
        let renamed = if overwrite { temp.persist(&target) } else { temp.persist_noclobber(&target) };
        match renamed {
            Ok(()) => Ok(is_new),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(GeoIoError::OutputExists { path: target })
            }
            Err(error) => Err(GeoIoError::Write { path: target, source: error.error.into() }),
        }
    }
}

/// Files of one stem that a library writes together, in a hidden folder beside their final place.
#[derive(Debug)]
pub(crate) struct TempGroup {
    folder: TempDir,
    target: PathBuf,
    overwrite: bool,
}

impl TempGroup {
    /// Makes the folder. `companions` are extensions of files that come into being beside `target`; `stale` those of files
    /// of others that would not fit any more.
    ///
    /// # Errors
    /// [`GeoIoError::OutputExists`] and [`GeoIoError::OutputCreate`].
    pub(crate) fn create(
        target: &Path,
        companions: &[&str],
        stale: &[&str],
        overwrite: bool,
    ) -> Result<Self, GeoIoError> {
        let refuse = |source: io::Error| GeoIoError::OutputCreate { path: target.to_owned(), source: source.into() };
        let file_name = target
            .file_name()
            .filter(|name| name.to_str().is_some())
            .ok_or_else(|| refuse(io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8")))?;
        may_create(target, overwrite)?;
        for companion in companions {
            may_create(&target.with_extension(companion), overwrite)?;
        }
        if let Some(old) = stale.iter().map(|name| target.with_extension(name)).find(|old| old.exists()) {
            let reason = format!("{} belongs to an older file of this name: remove it first", old.display());
            return Err(refuse(io::Error::other(reason)));
        }
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(&hidden_prefix(file_name)).tempdir_in(folder_of(target)).map_err(refuse)?;
        Ok(Self { folder, target: target.to_owned(), overwrite })
    }

    /// Where the file named by the user is written.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(self.target.file_name().unwrap_or_default())
    }

    /// Syncs all files in the folder. From here on only renames are missing.
    ///
    /// # Errors
    /// [`GeoIoError::Write`] when the disk refuses.
    pub(crate) fn seal(self) -> Result<PendingOutput, GeoIoError> {
        let listed = || -> io::Result<Vec<PathBuf>> {
            let mut names = fs::read_dir(self.folder.path())?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<_>>>()?;
            names.sort();
            Ok(names)
        };
        let mut pending = PendingOutput::default();
        for path in listed().map_err(|error| self.failed(error))? {
            let target = self.target.with_file_name(path.file_name().unwrap_or_default());
            let temp = TempPath::try_from_path(path).map_err(|error| self.failed(error))?;
            pending = pending.merge(TempOutput { temp, target, overwrite: self.overwrite }.seal()?);
        }
        pending.folders.push(self.folder);
        Ok(pending)
    }

    /// An error of writing these files.
    pub(crate) fn failed(&self, source: impl Into<crate::error::Cause>) -> GeoIoError {
        GeoIoError::Write { path: self.target.clone(), source: source.into() }
    }
}

/// Complete, verified files that wait for their final names. Dropping it removes them.
#[derive(Debug, Default)]
pub struct PendingOutput {
    files: Vec<TempOutput>,
    /// Hidden folders that some of the files lie in, removed when all is done.
    folders: Vec<TempDir>,
}

impl PendingOutput {
    /// Gives all files their final names and returns these.
    ///
    /// # Errors
    /// When a file cannot be renamed; files that came into being by this call are removed again.
    pub fn commit(self) -> Result<Vec<PathBuf>, GeoIoError> {
        let mut done: Vec<(PathBuf, bool)> = Vec::new();
        let mut folders: Vec<PathBuf> = Vec::new();
        let Self { mut files, folders: hidden } = self;
        // What is printed cannot be taken back, so it comes last.
        files.sort_by_key(|file| file.target == Path::new(STANDARD_OUTPUT));
        for file in files {
            let target = file.target().to_owned();
            match file.publish() {
                Ok(is_new) => done.push((target, is_new)),
                Err(error) => {
                    for (path, _) in done.iter().filter(|(_, is_new)| *is_new) {
                        // The first error is the one to report.
                        let _ = fs::remove_file(path);
                    }
                    return Err(error);
                }
            }
            let folder = folder_of(&done[done.len() - 1].0).to_owned();
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        drop(hidden);
        for folder in folders {
            sync_folder(&folder)?;
        }
        Ok(done.into_iter().map(|(path, _)| path).collect())
    }

    /// Each file as it lies there now and under its final name.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.files.iter().map(|file| (file.path(), file.target()))
    }

    /// Both, to be committed together.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.folders.extend(other.folders);
        self
    }
}

/// Writes a small file (report, preview) aside, ready to be committed.
///
/// # Errors
/// When it exists and may not be replaced, cannot be created, or cannot be written.
pub fn pending_file(path: &Path, overwrite: bool, mut bytes: &[u8]) -> Result<PendingOutput, GeoIoError> {
    pending_copy(path, overwrite, &mut bytes)
}

/// Writes aside what a source gives, ready to be committed.
///
/// # Errors
/// Those of [`pending_file`], and those of the source.
pub fn pending_copy(path: &Path, overwrite: bool, source: &mut dyn io::Read) -> Result<PendingOutput, GeoIoError> {
    let (output, mut file) = TempOutput::create(path, overwrite)?;
    io::copy(source, &mut file).map_err(|error| output.failed(error))?;
    output.seal()
}

/// Refuses a name that is taken.
fn may_create(target: &Path, overwrite: bool) -> Result<(), GeoIoError> {
    let refuse = |source: io::Error| GeoIoError::OutputCreate { path: target.to_owned(), source: source.into() };
    match fs::symlink_metadata(target) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(refuse(io::Error::new(io::ErrorKind::IsADirectory, "a folder has this name")));
        }
        Ok(_) if !overwrite => {
            return Err(GeoIoError::OutputExists { path: target.to_owned() });
        }
        // A rename would replace a device or a pipe by a plain file.
        Ok(_) if fs::metadata(target).is_ok_and(|found| !found.is_file()) => {
            return Err(refuse(io::Error::new(io::ErrorKind::InvalidInput, "what has this name is no regular file")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refuse(error)),
    }
    Ok(())
}

/// What hidden names begin with.
fn hidden_prefix(file_name: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(file_name);
    prefix.push(".tmp-");
    prefix
}

/// Removes what a process that was killed while it wrote an output has left under hidden names.
///
/// Only for whoever knows that nobody else is writing this output now. What cannot be removed stays: it is in nobody's way.
pub fn remove_leftovers(target: &Path) {
    let Some(prefix) = target.file_name().map(hidden_prefix) else { return };
    let Ok(entries) = fs::read_dir(folder_of(target)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

/// The folder a file lies in; the current one for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes renames in a folder outlast a power cut, where the file system can do that at all.
fn sync_folder(folder: &Path) -> Result<(), GeoIoError> {
    match File::open(folder).and_then(|handle| handle.sync_all()) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            Err(GeoIoError::Write { path: folder.to_owned(), source: error.into() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "write_guard_tests.rs"]
mod tests;
