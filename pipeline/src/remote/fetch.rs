//! Fetches a scene to a file, piece by piece if the connection breaks, and believes nothing that it cannot check.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ureq::Response;
use url::Url;

use super::RemoteOptions;
use super::address::file_name;
use super::checksum::{Checksum, sha256_of};
use super::client::{Client, Failure, jitter};
use super::error::RemoteErrorKind;
use crate::error::PipelineError;
use crate::machine::free_disk_bytes;
use crate::progress::Progress;

/// What is left free on the disk.
const SPARE_BYTES: u64 = 64 << 20;
/// The most tries in all: a server that breaks off after every few bytes is given up at some time, too.
const MOST_TRIES: u32 = 100;

/// A scene to be fetched into a folder.
pub(super) struct Fetch {
    /// The scene as users see it.
    pub(super) shown: String,
    pub(super) url: Url,
    /// The folder of the copy.
    pub(super) folder: PathBuf,
    pub(super) options: RemoteOptions,
    pub(super) watched: bool,
}

impl Fetch {
    /// Fetches it whole, and gives the file.
    pub(super) fn run(self) -> Result<PathBuf, PipelineError> {
        let path = self.folder.join(file_name(&self.url));
        let create = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = create.map_err(|source| PipelineError::Create { path: path.clone(), source })?;
        let mut copy = Copy { fetch: &self, path: &path, file, have: 0, whole: None, sums: Vec::new(), restarts: 0 };
        copy.complete()?;
        tracing::info!("fetched {}: {} bytes", self.shown, copy.have);
        Ok(path)
    }

    fn error(&self, kind: RemoteErrorKind) -> PipelineError {
        kind.of(&self.shown).into()
    }
}

/// What is known of the whole file since its first piece.
#[derive(PartialEq, Eq)]
struct Whole {
    bytes: Option<u64>,
    /// By which the server tells that it is still the same: a strong `ETag`, or when it was modified.
    validator: Option<String>,
}

/// The copy as far as it is there.
struct Copy<'a> {
    fetch: &'a Fetch,
    path: &'a Path,
    file: File,
    have: u64,
    whole: Option<Whole>,
    sums: Vec<Checksum>,
    /// How often it was begun anew because it had become another.
    restarts: u32,
}

/// Why one try ended.
enum Ended {
    Failure(Failure),
    Local(PipelineError),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<RemoteErrorKind> for Ended {
    fn from(kind: RemoteErrorKind) -> Self {
        Self::Failure(Failure::Never(kind))
    }
}

impl Copy<'_> {
    fn complete(&mut self) -> Result<(), PipelineError> {
        let Fetch { url, options, shown, .. } = self.fetch;
        let patience = options.patience;
        let client = Client::new(url.clone(), patience).map_err(|kind| self.fetch.error(kind))?;
        let (mut in_vain, mut tries, mut most) = (0, 0, 0);
        loop {
            let (reason, asked) = match self.piece(&client).and_then(|()| self.check()) {
                Ok(()) => return Ok(()),
                Err(Ended::Local(error)) => return Err(error),
                Err(Ended::Failure(Failure::Never(kind))) => return Err(self.fetch.error(kind)),
                Err(Ended::Failure(Failure::Again(reason, asked))) => (reason, asked),
            };
            tries += 1;
            in_vain = if self.have > most { 1 } else { in_vain + 1 };
            most = most.max(self.have);
            if in_vain >= patience.tries || tries >= MOST_TRIES {
                return Err(self.fetch.error(RemoteErrorKind::Unreachable { reason, tries }));
            }
            let pause = patience.pause_after(in_vain, asked);
            tracing::info!(
                "{shown}: {reason}; {} bytes are there, next try in {:.1} s",
                self.have,
                pause.as_secs_f64()
            );
            std::thread::sleep(pause + jitter().min(pause));
        }
    }

    /// Asks for what is missing and appends it.
    fn piece(&mut self, client: &Client) -> Result<(), Ended> {
        let validator = self.whole.as_ref().and_then(|whole| whole.validator.clone());
        let mut headers = Vec::new();
        if let Some(validator) = validator.filter(|_| self.have > 0) {
            headers = vec![("Range", format!("bytes={}-", self.have)), ("If-Range", validator)];
        } else {
            self.empty()?;
        }
        let response = client.get(&headers)?;
        if response.status() == 206 {
            self.continues(&response)?;
        } else {
            self.begins(&response)?;
        }
        self.append(response)
    }

    /// A reply with the whole file.
    fn begins(&mut self, response: &Response) -> Result<(), Ended> {
        let now = Whole { bytes: length(response), validator: validator(response) };
        let encoding = response.header("content-encoding").unwrap_or("identity");
        if !encoding.eq_ignore_ascii_case("identity") {
            return Err(Failure::again(format!("it comes packed ({})", encoding.escape_default())).into());
        }
        if response.content_type().starts_with("text/html") {
            return Err(Failure::again("a web page came instead of a raster").into());
        }
        let is_chunked = response.header("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked"));
        if now.bytes.is_none() && !is_chunked && self.fetch.options.sha256.is_none() {
            return Err(RemoteErrorKind::NoLength.into());
        }
        self.empty()?;
        if self.whole.as_ref().is_some_and(|before| *before != now) {
            self.restarts += 1;
            if self.restarts > 1 {
                return Err(RemoteErrorKind::Changing.into());
            }
        }
        self.fits(now.bytes.unwrap_or(0))?;
        self.sums = Checksum::promised(|name| response.all(name));
        self.whole = Some(now);
        Ok(())
    }

    /// A reply that goes on where the copy ends.
    fn continues(&mut self, response: &Response) -> Result<(), Ended> {
        let expected = self.whole.as_ref().and_then(|whole| whole.bytes);
        let range = response.header("content-range").unwrap_or_default();
        let validator = validator(response);
        let is_same = validator.is_none() || self.whole.as_ref().is_some_and(|whole| whole.validator == validator);
        if range_of(range) != Some((self.have, expected)) || !is_same {
            self.empty()?;
            let range = range.escape_default();
            return Err(Failure::again(format!("another part came than was asked for ({range})")).into());
        }
        Ok(())
    }

    /// Whether so many bytes are allowed, and there is room for them.
    fn fits(&self, bytes: u64) -> Result<(), Ended> {
        let most = self.fetch.options.max_bytes;
        if bytes > most {
            return Err(RemoteErrorKind::TooLarge { bytes, most }.into());
        }
        match free_disk_bytes(&self.fetch.folder) {
            Some(free) if free < bytes.saturating_add(SPARE_BYTES) => {
                let folder = self.fetch.folder.parent().unwrap_or(&self.fetch.folder).display().to_string();
                Err(RemoteErrorKind::NoRoom { bytes, folder, free }.into())
            }
            _ => Ok(()),
        }
    }

    /// Appends the body of a reply.
    fn append(&mut self, response: Response) -> Result<(), Ended> {
        let expected = self.whole.as_ref().and_then(|whole| whole.bytes);
        let most = self.fetch.options.max_bytes;
        let patience = self.fetch.options.patience;
        let progress = Progress::new(expected.unwrap_or(0), "bytes", self.fetch.watched);
        progress.says("fetching");
        let mut body = response.into_reader();
        let mut buffer = vec![0; 1 << 16];
        let (mut since, mut came) = (Instant::now(), 0);
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::again(format!("the connection broke: {error}")).into()),
            };
            self.have += count as u64;
            came += count as u64;
            if self.have > expected.unwrap_or(u64::MAX).min(most) {
                return Err(RemoteErrorKind::TooLarge { bytes: self.have, most }.into());
            }
            self.file.write_all(&buffer[..count]).map_err(|source| self.not_written(source))?;
            progress.reached(self.have);
            if since.elapsed() >= patience.stall {
                if (came as f64) < patience.slowest as f64 * since.elapsed().as_secs_f64() {
                    return Err(Failure::again(format!("slower than {} bytes a second", patience.slowest)).into());
                }
                (since, came) = (Instant::now(), 0);
            }
        }
        progress.finish();
        match expected {
            Some(expected) if self.have != expected => {
                Err(Failure::again(format!("{} of {expected} bytes came", self.have)).into())
            }
            _ => Ok(()),
        }
    }

    /// Whether what is there is what was to come.
    fn check(&mut self) -> Result<(), Ended> {
        if self.have == 0 {
            return Err(Failure::again("an empty reply").into());
        }
        let mut start = Vec::new();
        let read = self.file.rewind().and_then(|()| (&self.file).take(512).read_to_end(&mut start));
        read.map_err(|source| self.not_written(source))?;
        if is_web_page(&start) {
            self.forget()?;
            return Err(Failure::again("a web page came instead of a raster").into());
        }
        let sums = std::mem::take(&mut self.sums);
        for sum in &sums {
            if !sum.holds(self.path).map_err(|source| self.not_written(source))? {
                self.forget()?;
                return Err(Failure::again("what came has not the checksum that the server promised").into());
            }
        }
        if let Some(wanted) = &self.fetch.options.sha256 {
            let found = sha256_of(self.path).map_err(|source| self.not_written(source))?;
            if !wanted.eq_ignore_ascii_case(&found) {
                return Err(RemoteErrorKind::OtherContent { found }.into());
            }
        }
        Ok(())
    }

    /// Begins anew, without taking what comes next for another file.
    fn forget(&mut self) -> Result<(), Ended> {
        self.whole = None;
        self.empty()
    }

    /// Throws away what is there.
    fn empty(&mut self) -> Result<(), Ended> {
        self.have = 0;
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map(|_| ()).map_err(|source| self.not_written(source))
    }

    fn not_written(&self, source: std::io::Error) -> Ended {
        Ended::Local(PipelineError::Write { path: self.path.to_owned(), source })
    }
}

fn length(response: &Response) -> Option<u64> {
    response.header("content-length")?.trim().parse().ok()
}

/// A strong `ETag`, or else the time of the last change: what `If-Range` takes.
fn validator(response: &Response) -> Option<String> {
    let tag = response.header("etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| response.header("last-modified")).map(str::to_owned)
}

/// The first byte and the length of the whole file in a `Content-Range`, of a part that reaches to the end.
fn range_of(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let whole: u64 = whole.trim().parse().ok()?;
    (first <= last && last.checked_add(1) == Some(whole)).then_some((first, Some(whole)))
}

/// Whether a file begins as web pages do: what a login page or a captive portal sends in place of a scene.
fn is_web_page(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    text.starts_with("<!doctype html") || text.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_50_only_a_part_that_reaches_the_end_goes_on() {
        assert_eq!(range_of("bytes 10-99/100"), Some((10, Some(100))));
        for wrong in [
            "",
            "bytes 10-98/100",
            "bytes 99-10/100",
            "bytes */100",
            "bytes 10-99/*",
            "bytes -1-99/100",
            "bytes 0-18446744073709551615/0",
        ] {
            assert_eq!(range_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn fault_50_web_pages_are_told_from_rasters_that_are_text() {
        assert!(is_web_page(b"\n <!DOCTYPE html><p>") && is_web_page(b"<HTML>"));
        assert!(!is_web_page(b"<VRTDataset rasterXSize=") && !is_web_page(b"II*\0"));
    }
}
