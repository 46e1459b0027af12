//! Referring records: one JSON object a line that joins a picture, a phrase and a mask.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::mask::Mask;
use super::rle::{Rle, RleError};
use crate::error::ModelError;

/// The longest line that is read.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// A phrase about a picture, and the pixels that it refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferringRecord {
    /// Name of the record; a whole number is read as its digits.
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    /// Path of the picture, relative to the folder of pictures.
    pub image: String,
    /// What is asked for.
    pub phrase: String,
    /// The mask, or `None` where the phrase refers to nothing in the picture. Written as `null`, never left out.
    #[serde(deserialize_with = "present_or_null")]
    pub rle: Option<Rle>,
    /// The pixels of which it is known whether they belong to the mask; all of them where it is left out. Training
    /// leaves the others out of the loss; such a record cannot be scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Rle>,
    /// What kind of phrase it is: "category", "position", ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is referred to: "ship", "building", ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Which part of the set it belongs to: "train", "val", "test".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
}

impl ReferringRecord {
    /// The mask, or `None` where the phrase refers to nothing.
    ///
    /// # Errors
    /// Whatever [`RleError`] names.
    pub fn truth(&self) -> Result<Option<Mask>, RleError> {
        self.rle.as_ref().map(Rle::decode).transpose()
    }

    /// The mask of a record that is to be scored, or `None` where the phrase refers to nothing.
    ///
    /// # Errors
    /// What is wrong with the mask, or that only a part of it is known.
    pub fn scored_truth(&self) -> Result<Option<Mask>, String> {
        if self.known.is_some() {
            return Err(format!("record {}: only a part of its mask is known, so it cannot be scored", self.id));
        }
        self.truth().map_err(|cause| format!("record {}: {cause}", self.id))
    }

    /// Where the picture lies under the folder of pictures.
    #[must_use]
    pub fn image_path(&self, images: &Path) -> PathBuf {
        images.join(&self.image)
    }

    /// What is wrong with the record, if anything is.
    fn problem(&self) -> Option<String> {
        if self.id.trim().is_empty() {
            return Some("\"id\" is empty".to_owned());
        }
        if self.phrase.trim().is_empty() {
            return Some(format!("record {}: \"phrase\" is empty", self.id));
        }
        if self.image.is_empty() || Path::new(&self.image).is_absolute() {
            return Some(format!("record {}: \"image\" must be a path relative to the folder of pictures", self.id));
        }
        let wrong = |name: &str, rle: &Option<Rle>| {
            let cause = rle.as_ref()?.foreground_px().err()?;
            Some(format!("record {}: \"{name}\" is no mask: {cause}", self.id))
        };
        wrong("rle", &self.rle).or_else(|| wrong("known", &self.known))
    }
}

/// Text, or a whole number as its digits.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "\"id\" must be a text or a whole number")]
    enum Name {
        Text(String),
        Number(i64),
    }
    Ok(match Name::deserialize(deserializer)? {
        Name::Text(text) => text,
        Name::Number(number) => number.to_string(),
    })
}

/// Like the plain reading of an option, except that a missing field is an error: a forgotten mask is not an absent target.
fn present_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rle>, D::Error> {
    Option::deserialize(deserializer)
}

/// Reads records one line at a time; each error names its line.
///
/// Blank lines are skipped. After an error nothing more is read.
#[derive(Debug)]
pub struct RecordReader<R> {
    path: PathBuf,
    source: R,
    line: Vec<u8>,
    line_number: usize,
    stopped: bool,
}

impl RecordReader<BufReader<File>> {
    /// A reader of a file of records.
    ///
    /// # Errors
    /// [`ModelError::Io`] when the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file =
            File::open(path).map_err(|source| ModelError::Io { action: "read", path: path.to_path_buf(), source })?;
        Ok(Self::new(BufReader::new(file), path))
    }
}

impl<R: BufRead> RecordReader<R> {
    /// A reader of records from any source; `path` is what errors name.
    pub fn new(source: R, path: &Path) -> Self {
        Self { path: path.to_path_buf(), source, line: Vec::new(), line_number: 0, stopped: false }
    }

    /// The next record, or `None` at the end.
    fn read(&mut self) -> Result<Option<ReferringRecord>, ModelError> {
        loop {
            self.line.clear();
            let read = self
                .source
                .by_ref()
                .take(MAX_LINE_BYTES + 1)
                .read_until(b'\n', &mut self.line)
                .map_err(|source| ModelError::Io { action: "read", path: self.path.clone(), source })?;
            if read == 0 {
                return Ok(None);
            }
            self.line_number += 1;
            if read as u64 > MAX_LINE_BYTES {
                return Err(self.error(&format!("longer than {MAX_LINE_BYTES} bytes")));
            }
            let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
            if line.trim_ascii().is_empty() {
                continue;
            }
            let record: ReferringRecord =
                serde_json::from_slice(line).map_err(|cause| self.error(&json_reason(&cause)))?;
            return match record.problem() {
                Some(reason) => Err(self.error(&reason)),
                None => Ok(Some(record)),
            };
        }
    }

    fn error(&self, reason: &str) -> ModelError {
        ModelError::Data { path: self.path.clone(), reason: format!("line {}: {reason}", self.line_number) }
    }
}

impl<R: BufRead> Iterator for RecordReader<R> {
    type Item = Result<ReferringRecord, ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let item = self.read().transpose();
        self.stopped = !matches!(item, Some(Ok(_)));
        item
    }
}

/// What serde found wrong, with the column but without its own line number, which is always 1 here.
fn json_reason(cause: &serde_json::Error) -> String {
    let text = cause.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    format!("column {}: {what}", cause.column())
}

/// Writes records one a line, into a file that has its name only once it is complete.
#[derive(Debug)]
pub struct RecordWriter {
    path: PathBuf,
    partial: PathBuf,
    file: Option<BufWriter<File>>,
}

impl RecordWriter {
    /// A writer of a new file of records beside which `NAME.partial` grows until [`RecordWriter::finish`].
    ///
    /// # Errors
    /// [`ModelError::Io`] when the file cannot be created.
    pub fn create(path: &Path) -> Result<Self, ModelError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|source| ModelError::Io {
            action: "create",
            path: partial.clone(),
            source,
        })?;
        Ok(Self { path: path.to_path_buf(), partial, file: Some(BufWriter::new(file)) })
    }

    /// Adds one record.
    ///
    /// # Errors
    /// [`ModelError::Data`] for a record that could not be read back, [`ModelError::Io`] when writing fails.
    pub fn write(&mut self, record: &ReferringRecord) -> Result<(), ModelError> {
        if let Some(reason) = record.problem() {
            return Err(ModelError::Data { path: self.path.clone(), reason });
        }
        let mut line = serde_json::to_vec(record)
            .map_err(|cause| ModelError::Data { path: self.path.clone(), reason: cause.to_string() })?;
        line.push(b'\n');
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(&line)).map_err(|source| self.io(source))
    }

    /// Closes the file and gives it its name.
    ///
    /// # Errors
    /// [`ModelError::Io`] when the last bytes cannot be written; the unfinished file is then removed.
    pub fn finish(mut self) -> Result<(), ModelError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let done = file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.partial, &self.path));
        done.map_err(|source| {
            // The first error is the one to report.
            let _ = fs::remove_file(&self.partial);
            self.io(source)
        })
    }

    fn io(&self, source: std::io::Error) -> ModelError {
        ModelError::Io { action: "write", path: self.path.clone(), source }
    }
}

impl Drop for RecordWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nobody is left to tell, and a file without its final name claims nothing.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
