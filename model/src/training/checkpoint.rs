//! The state of a run on disk, replaced as a whole.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::record::{BinFileRecorder, FullPrecisionSettings, Record, Recorder};
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Steps done.
    pub(crate) step: usize,
    /// Best validation mIoU so far.
    pub(crate) best: f64,
    /// Seconds spent, over all sittings.
    pub(crate) seconds: f64,
    /// The step of the last validation.
    #[serde(default)]
    pub(crate) validated: usize,
    /// The smoothed loss, so that the log of a resumed run goes on smoothly.
    #[serde(default)]
    pub(crate) loss: Option<f64>,
    /// What the towers were when the run began; a frozen tower must still be that.
    #[serde(default)]
    pub(crate) towers: Option<TowerHashes>,
}

/// Hashes of the towers that a run began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TowerHashes {
    pub(crate) vision: TowerHash,
    pub(crate) text: TowerHash,
}

/// The first bytes of a BLAKE3 hash.
pub(crate) type TowerHash = u64;

/// `state/` of a run.
pub(crate) struct CheckpointFolder {
    folder: PathBuf,
}

impl CheckpointFolder {
    pub(crate) fn new(run: &Path) -> Self {
        Self { folder: run.join("state") }
    }

    /// Writes the parts that `write` puts into the folder it is given, then swaps folders.
    pub(crate) fn replace(
        &self,
        progress: &Progress,
        write: impl FnOnce(&Path) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        let fresh = self.folder.with_extension("new");
        let old = self.folder.with_extension("old");
        let io = |action: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| ModelError::Io { action, path, source }
        };
        for leftover in [&fresh, &old] {
            if leftover.is_dir() && self.folder.is_dir() {
                std::fs::remove_dir_all(leftover).map_err(io("remove", leftover))?;
            }
        }
        std::fs::create_dir_all(&fresh).map_err(io("create", &fresh))?;
        write(&fresh)?;
        let file = fresh.join("progress.json");
        let text = serde_json::to_string(progress).expect("numbers are always JSON");
        std::fs::write(&file, text).map_err(io("write", &file))?;
        // A power cut must not leave a folder with its final name and files without their content.
        for entry in std::fs::read_dir(&fresh).map_err(io("read", &fresh))? {
            let path = entry.map_err(io("read", &fresh))?.path();
            sync(&path)?;
        }
        sync(&fresh)?;
        if self.folder.is_dir() {
            std::fs::rename(&self.folder, &old).map_err(io("rename", &self.folder))?;
        }
        std::fs::rename(&fresh, &self.folder).map_err(io("rename", &fresh))?;
        // Without a parent the folder lies in the working folder.
        if let Some(run) = self.folder.parent().filter(|run| !run.as_os_str().is_empty()) {
            sync(run)?;
        }
        if old.is_dir() {
            std::fs::remove_dir_all(&old).map_err(io("remove", &old))?;
        }
        Ok(())
    }

    /// The newest complete state, if there is one.
    ///
    /// A state that is there and cannot be read is an error: to begin anew would write over the run.
    pub(crate) fn newest(&self) -> Result<Option<(PathBuf, Progress)>, ModelError> {
        // A crash between the two renames leaves only the old folder.
        for folder in [self.folder.clone(), self.folder.with_extension("old")] {
            if !folder.is_dir() {
                continue;
            }
            let path = folder.join("progress.json");
            let text = std::fs::read_to_string(&path).map_err(|source| ModelError::Io {
                action: "read",
                path: path.clone(),
                source,
            })?;
            let progress = serde_json::from_str(&text)
                .map_err(|cause| ModelError::Data { path, reason: format!("is no checkpoint: {cause}") })?;
            return Ok(Some((folder, progress)));
        }
        Ok(None)
    }
}

/// Waits until a file, or the names in a folder, are on the disk.
fn sync(path: &Path) -> Result<(), ModelError> {
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(|source| ModelError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// Writes one record as `name.bin`.
pub(crate) fn save<B: Backend, R: Record<B>>(folder: &Path, name: &str, record: R) -> Result<(), ModelError> {
    let path = folder.join(name);
    BinFileRecorder::<FullPrecisionSettings>::new().record(record, path.clone()).map_err(|cause| ModelError::Io {
        action: "write",
        path,
        source: std::io::Error::other(cause.to_string()),
    })
}

/// Whether the state in `folder` has a record of this name.
pub(crate) fn holds(folder: &Path, name: &str) -> bool {
    folder.join(name).with_extension("bin").is_file()
}

/// Reads the record that [`save`] wrote.
pub(crate) fn load<B: Backend, R: Record<B>>(folder: &Path, name: &str, device: &B::Device) -> Result<R, ModelError> {
    let path = folder.join(name);
    BinFileRecorder::<FullPrecisionSettings>::new().load(path.clone(), device).map_err(|cause| ModelError::Io {
        action: "read",
        path,
        source: std::io::Error::other(cause.to_string()),
    })
}

/// The module with the weights of `name.bin`.
pub(crate) fn load_module<B: Backend, M: Module<B>>(
    module: M,
    folder: &Path,
    name: &str,
    device: &B::Device,
) -> Result<M, ModelError> {
    Ok(module.load_record(load::<B, M::Record>(folder, name, device)?))
}
