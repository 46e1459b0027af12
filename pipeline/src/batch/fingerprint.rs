//! Whether a scene is the one that was worked on: by its content, never by the clock alone.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::naming::{escaped, unescaped};
use super::scenes::is_elsewhere;

/// Bytes at each end of a file that every start looks at.
const END_BYTES: u64 = 64 << 10;
/// What is added to a scene's name to name files beside it that change what is read.
const SIDE_FILES: [&str; 3] = [".aux.xml", ".ovr", ".msk"];
/// What takes the place of its extension.
const SIDE_EXTENSIONS: [&str; 7] = ["aux", "tfw", "tifw", "wld", "prj", "tab", "rpb"];

/// A file and everything by which a later start tells whether it is still the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMark {
    /// Its name, relative to the folder of the scene where it lies below that; see [`escaped`].
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// BLAKE3 hash of its first and last 64 KiB.
    pub ends: String,
    /// BLAKE3 hash of all of it.
    pub content: String,
}

/// What a scene looks like on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(pub Vec<FileMark>);

impl Fingerprint {
    /// Reads a scene, the files beside it and those it is made of, as far as they lie on disk.
    ///
    /// # Errors
    /// A scene that is not there, is no file, or cannot be read.
    pub fn take(scene: &OsStr, sources: &[PathBuf]) -> io::Result<Self> {
        if is_elsewhere(scene) {
            return Ok(Self::default());
        }
        let path = Path::new(scene);
        regular(path)?;
        let mut files = vec![path.to_owned()];
        for file in side_files(path).into_iter().chain(sources.iter().cloned()) {
            if file.is_file() && !files.contains(&file) {
                files.push(file);
            }
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        files.iter().map(|file| FileMark::take(file, folder)).collect::<io::Result<Vec<_>>>().map(Self)
    }

    /// Whether the scene still is as it was when this was taken.
    ///
    /// Length and both ends of every file are compared; where only the time differs, all of it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn still_holds(&self, scene: &OsStr) -> io::Result<bool> {
        if is_elsewhere(scene) {
            return Ok(true);
        }
        let path = Path::new(scene);
        let folder = path.parent().unwrap_or(Path::new(""));
        let known: Vec<PathBuf> = self.0.iter().map(|mark| folder.join(unescaped(&mark.name))).collect();
        // A file beside the scene that was not there changes what is read.
        if self.0.is_empty() || side_files(path).iter().any(|file| file.is_file() && !known.contains(file)) {
            return Ok(false);
        }
        for (mark, file) in self.0.iter().zip(&known) {
            if !mark.is_of(file)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl FileMark {
    fn take(path: &Path, folder: &Path) -> io::Result<Self> {
        let (mut file, metadata) = open(path)?;
        let ends = ends_of(&mut file, metadata.len())?;
        file.rewind()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file)?;
        let name = path.strip_prefix(folder).unwrap_or(path);
        Ok(Self {
            name: escaped(name.as_os_str()),
            bytes: metadata.len(),
            mtime_ns: mtime_ns(&metadata),
            ends,
            content: hasher.finalize().to_hex().to_string(),
        })
    }

    fn is_of(&self, path: &Path) -> io::Result<bool> {
        let (mut file, metadata) = match open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        if metadata.len() != self.bytes || ends_of(&mut file, metadata.len())? != self.ends {
            return Ok(false);
        }
        if mtime_ns(&metadata) == self.mtime_ns {
            return Ok(true);
        }
        file.rewind()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file)?;
        Ok(hasher.finalize().to_hex().as_str() == self.content)
    }
}

/// Refuses what is no file, before anything opens it: opening a pipe would wait for ever.
///
/// # Errors
/// What the name stands for instead, or why it cannot be looked at.
pub fn regular(path: &Path) -> io::Result<Metadata> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    let kind = if metadata.is_dir() { "a folder" } else { "a pipe or a device" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, not a file")))
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    regular(path)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

fn ends_of(file: &mut File, bytes: u64) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.by_ref().take(END_BYTES))?;
    if bytes > END_BYTES {
        file.seek(SeekFrom::Start((bytes - END_BYTES).max(END_BYTES)))?;
        hasher.update_reader(file.by_ref().take(END_BYTES))?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn side_files(scene: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = SIDE_FILES
        .iter()
        .map(|end| {
            let mut name: OsString = scene.as_os_str().to_owned();
            name.push(end);
            name.into()
        })
        .collect();
    files.extend(SIDE_EXTENSIONS.iter().map(|end| scene.with_extension(end)));
    files
}

/// Nanoseconds since 1970, also for times before.
pub(crate) fn mtime_ns(metadata: &Metadata) -> i64 {
    let nanoseconds = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    match metadata.modified().map(|time| time.duration_since(std::time::UNIX_EPOCH)) {
        Ok(Ok(after)) => nanoseconds(after),
        Ok(Err(before)) => -nanoseconds(before.duration()),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    struct Desk {
        folder: tempfile::TempDir,
        scene: PathBuf,
        taken: Fingerprint,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let scene = folder.path().join("s.tif");
            std::fs::write(&scene, vec![7; 300_000]).unwrap();
            let taken = Fingerprint::take(scene.as_os_str(), &[]).unwrap();
            Self { folder, scene, taken }
        }

        fn holds(&self) -> bool {
            self.taken.still_holds(self.scene.as_os_str()).unwrap()
        }

        fn time(&self) -> SystemTime {
            self.scene.metadata().unwrap().modified().unwrap()
        }

        fn set_time(&self, time: SystemTime) {
            File::options().write(true).open(&self.scene).unwrap().set_modified(time).unwrap();
        }

        /// Writes one byte and sets the time back to what it was.
        fn poke(&self, at: usize) {
            let time = self.time();
            let mut bytes = std::fs::read(&self.scene).unwrap();
            bytes[at] ^= 1;
            std::fs::write(&self.scene, bytes).unwrap();
            self.set_time(time);
        }
    }

    #[test]
    fn fault_13_the_clock_alone_changes_nothing() {
        let desk = Desk::new();
        for years in [-20, 20] {
            let far = Duration::from_secs(20 * 365 * 86_400);
            desk.set_time(if years < 0 { desk.time() - far } else { desk.time() + far });
            assert!(desk.holds(), "{years} years");
        }
    }

    #[test]
    fn fault_22_a_byte_at_either_end_is_noticed_although_length_and_time_are_the_same() {
        for at in [0, 299_999] {
            let desk = Desk::new();
            desk.poke(at);
            assert!(!desk.holds(), "byte {at}");
        }
    }

    #[test]
    fn fault_22_a_byte_in_the_middle_is_noticed_when_the_time_is_another() {
        let desk = Desk::new();
        desk.poke(150_000);
        // Time, length and ends are the same: this much is not seen, and the documentation says so.
        assert!(desk.holds());
        desk.set_time(desk.time() + Duration::from_secs(1));
        assert!(!desk.holds());
    }

    #[test]
    fn a_file_that_appears_beside_the_scene_or_goes_away_changes_it() {
        let desk = Desk::new();
        let side = desk.folder.path().join("s.tif.aux.xml");
        std::fs::write(&side, "x").unwrap();
        assert!(!desk.holds());
        let with_side = Fingerprint::take(desk.scene.as_os_str(), &[]).unwrap();
        assert_eq!(with_side.0.len(), 2);
        std::fs::remove_file(side).unwrap();
        assert!(!with_side.still_holds(desk.scene.as_os_str()).unwrap());
        std::fs::remove_file(&desk.scene).unwrap();
        assert!(!desk.holds());
    }

    #[test]
    fn fault_23_folders_are_no_scenes() {
        let folder = tempfile::tempdir().unwrap();
        let error = Fingerprint::take(folder.path().as_os_str(), &[]).unwrap_err();
        assert!(error.to_string().contains("a folder, not a file"), "{error}");
    }
}
