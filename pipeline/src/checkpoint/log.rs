//! An append-only file with the answers to one unit, of which every whole record counts and a torn end does not.
//!
//! ```text
//! geophrase unit 1\n  plan id\n  unit number\n  kind of processor\n
//! then records:  length u32 | tile u64 | crc32 u32 | payload, all little-endian
//! ```
//! The checksum covers the tile's number and the payload; the payload is packed with zstd. A record that is cut or
//! damaged ends what is read: whatever follows it is computed again.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::PipelineError;

/// The number under which the answers about the whole scene are kept.
pub const SCENE: u64 = u64::MAX;
/// First line of every log.
const MAGIC: &str = "geophrase unit 1";
/// Longest header that is read.
const HEADER_MAX: u64 = 4096;
/// Length, tile and checksum before each payload.
const FRAME: usize = 16;
/// Largest payload, unpacked, so that a damaged length cannot ask for more memory than an answer has.
const PAYLOAD_MAX: usize = 1 << 31;
/// How often what was appended is made to outlast a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// How hard payloads are packed: answers are mostly flat, so that more effort gains little.
const LEVEL: i32 = 1;

/// Which unit a log belongs to, and on what it was computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHeader {
    /// The plan.
    pub plan: String,
    /// The unit's number in it.
    pub unit: usize,
    /// The kind of processor, since answers are the same bytes only on one kind.
    pub processor: String,
}

impl LogHeader {
    fn text(&self) -> String {
        format!("{MAGIC}\n{}\n{}\n{}\n", self.plan, self.unit, self.processor)
    }

    fn parse(lines: &[String]) -> Option<Self> {
        let [magic, plan, unit, processor] = lines else { return None };
        let unit = unit.parse().ok()?;
        (magic == MAGIC).then(|| Self { plan: plan.clone(), unit, processor: processor.clone() })
    }
}

/// A log that is being read, record by record.
pub struct LogReader {
    path: PathBuf,
    file: BufReader<File>,
    header: LogHeader,
    /// Where the last whole record ended.
    end: u64,
}

impl LogReader {
    /// Opens a log; `None` when there is none or its header is not whole, so that nothing of it counts.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path) -> Result<Option<Self>, PipelineError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PipelineError::ReadInput { path: path.to_owned(), source }),
        };
        Self::of(path, file)
    }

    fn of(path: &Path, file: File) -> Result<Option<Self>, PipelineError> {
        let mut file = BufReader::new(file);
        let (mut lines, mut line, mut end) = (Vec::new(), Vec::new(), 0);
        while lines.len() < 4 && end < HEADER_MAX {
            let mut byte = [0];
            match file.read_exact(&mut byte) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(source) => return Err(PipelineError::ReadInput { path: path.to_owned(), source }),
            }
            end += 1;
            match byte {
                [b'\n'] => lines.push(String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned()),
                [byte] => line.push(byte),
            }
        }
        let header = LogHeader::parse(&lines);
        Ok(header.map(|header| Self { path: path.to_owned(), file, header, end }))
    }

    /// Which unit it belongs to.
    #[must_use]
    pub fn header(&self) -> &LogHeader {
        &self.header
    }

    /// The next whole record, as tile number and payload; `None` at the end or where the file is damaged.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_record(&mut self) -> Result<Option<(u64, Vec<u8>)>, PipelineError> {
        let mut frame = [0; FRAME];
        if !self.fill(&mut frame)? {
            return Ok(None);
        }
        let [l0, l1, l2, l3, tile @ .., c0, c1, c2, c3] = frame;
        let (len, crc) = (u32::from_le_bytes([l0, l1, l2, l3]) as usize, u32::from_le_bytes([c0, c1, c2, c3]));
        // Read in pieces: a damaged length must not ask for more memory than there is file.
        let mut packed = Vec::new();
        let read = (&mut self.file).take(len as u64).read_to_end(&mut packed);
        read.map_err(|source| PipelineError::ReadInput { path: self.path.clone(), source })?;
        if packed.len() < len || checksum(&tile, &packed) != crc {
            return Ok(None);
        }
        let Ok(payload) = zstd::bulk::decompress(&packed, unpacked_len(&packed)) else { return Ok(None) };
        self.end += (FRAME + len) as u64;
        Ok(Some((u64::from_le_bytes(tile), payload)))
    }

    /// True when the whole of `bytes` could be filled.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, PipelineError> {
        match self.file.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(PipelineError::ReadInput { path: self.path.clone(), source }),
        }
    }
}

/// A log that answers are appended to.
pub struct LogWriter {
    path: PathBuf,
    file: File,
    synced: Instant,
}

impl LogWriter {
    /// Opens the log of a unit for more: keeps its first records as long as they are those of `expected`, in order, cuts
    /// off the rest, and says how many it kept. Nobody else can hold the same log meanwhile.
    ///
    /// # Errors
    /// [`PipelineError::Locked`] while another process holds it, [`PipelineError::OtherPlan`] for a log that belongs to
    /// another plan, and a file that cannot be read or written.
    pub fn resume(
        path: &Path,
        header: &LogHeader,
        expected: impl IntoIterator<Item = u64>,
    ) -> Result<(Self, usize), PipelineError> {
        let create = |source| PipelineError::Create { path: path.to_owned(), source };
        let write = |source| PipelineError::Write { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(create)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(PipelineError::Locked { path: path.to_owned() }),
            // A file system without locks: two writers would write the same bytes.
            Err(std::fs::TryLockError::Error(error)) => tracing::info!("no lock on {}: {error}", path.display()),
        }
        let (mut kept, mut end) = (0, 0);
        if let Some(mut reader) = LogReader::of(path, file.try_clone().map_err(create)?)? {
            let found = reader.header();
            if (&found.plan, found.unit) != (&header.plan, header.unit) {
                return Err(PipelineError::OtherPlan { path: path.to_owned() });
            }
            // Another kind of processor may have other last bits: what it began is not gone on with.
            if found.processor == header.processor {
                end = reader.end;
                let mut expected = expected.into_iter();
                while let (Some(wanted), Some((tile, _))) = (expected.next(), reader.next_record()?) {
                    if tile != wanted {
                        break;
                    }
                    (kept, end) = (kept + 1, reader.end);
                }
            }
        }
        file.set_len(end).map_err(write)?;
        file.seek(SeekFrom::Start(end)).map_err(write)?;
        if end == 0 {
            file.write_all(header.text().as_bytes()).map_err(write)?;
        }
        Ok((Self { path: path.to_owned(), file, synced: Instant::now() }, kept))
    }

    /// Appends a record.
    ///
    /// # Errors
    /// A full or broken disk; what was appended before stays.
    pub fn append(&mut self, tile: u64, payload: &[u8]) -> Result<(), PipelineError> {
        let write = |source| PipelineError::Write { path: self.path.clone(), source };
        let packed = zstd::bulk::compress(payload, LEVEL).map_err(write)?;
        let len = u32::try_from(packed.len()).map_err(|error| write(std::io::Error::other(error)))?;
        let tile = tile.to_le_bytes();
        let mut record = Vec::with_capacity(FRAME + packed.len());
        record.extend_from_slice(&len.to_le_bytes());
        record.extend_from_slice(&tile);
        record.extend_from_slice(&checksum(&tile, &packed).to_le_bytes());
        record.extend_from_slice(&packed);
        self.file.write_all(&record).map_err(write)?;
        if self.synced.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes all that was appended outlast a power cut.
    ///
    /// # Errors
    /// A broken disk.
    pub fn sync(&mut self) -> Result<(), PipelineError> {
        let synced = self.file.sync_data();
        synced.map_err(|source| PipelineError::Write { path: self.path.clone(), source })?;
        self.synced = Instant::now();
        Ok(())
    }
}

fn checksum(tile: &[u8], packed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(tile);
    hasher.update(packed);
    hasher.finalize()
}

/// The length of a payload as its packing states it.
fn unpacked_len(packed: &[u8]) -> usize {
    let stated = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    stated.and_then(|len| usize::try_from(len).ok()).unwrap_or_default().min(PAYLOAD_MAX)
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
