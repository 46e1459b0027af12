//! Whether a scene is still the file it was.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Bytes at either end of a file that are looked at.
const END_BYTES: u64 = 1 << 20;

/// Size, time of change, and a hash of the first and the last MiB: cheap, and no rewriting of a raster leaves it as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Size of the file.
    pub bytes: u64,
    /// When it was changed last, in nanoseconds since 1970; compared for equality only, so that clocks do not matter.
    pub changed_ns: u64,
    /// BLAKE3 of the first and the last MiB.
    pub ends: String,
}

impl Fingerprint {
    /// Of a file on disk; `None` for a scene that is none (an address, a subdataset) and cannot be followed.
    #[must_use]
    pub fn of(scene: &OsStr) -> Option<Self> {
        let path = Path::new(scene);
        // A pipe would block, a folder has no ends.
        if !path.metadata().ok()?.is_file() {
            return None;
        }
        let mut file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        let mut hasher = blake3::Hasher::new();
        std::io::copy(&mut (&mut file).take(END_BYTES), &mut hasher).ok()?;
        if metadata.len() > END_BYTES {
            file.seek(SeekFrom::Start(metadata.len().saturating_sub(END_BYTES).max(END_BYTES))).ok()?;
            std::io::copy(&mut file.take(END_BYTES), &mut hasher).ok()?;
        }
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Self {
            bytes: metadata.len(),
            changed_ns: u64::try_from(changed.as_nanos()).unwrap_or(u64::MAX),
            ends: hasher.finalize().to_hex().to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_at_either_end_or_of_the_length_is_seen_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scene");
        let of = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut print = Fingerprint::of(path.as_os_str()).unwrap();
            print.changed_ns = 0;
            print
        };
        let plain = vec![7; 3 << 20];
        let first = of(&plain);
        assert_eq!(of(&plain), first);
        for at in [0, plain.len() - 1] {
            let mut other = plain.clone();
            other[at] = 8;
            assert_ne!(of(&other), first, "byte {at}");
        }
        assert_ne!(of(&plain[1..]), first);
    }

    #[test]
    fn what_is_no_file_has_no_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Fingerprint::of(folder.path().as_os_str()), None);
        assert_eq!(Fingerprint::of(OsStr::new("/vsicurl/https://example.org/a.tif")), None);
    }
}
