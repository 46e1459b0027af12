//! Where the records of each picture lie in their file, so that they need not all be held in memory.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::dataset::{RecordReader, ReferringRecord};
use crate::error::ModelError;

/// The offsets of all records, those of one picture together, pictures in the order in which the file names them.
///
/// Takes 8 bytes a record and the name of each picture while it is made.
#[derive(Clone, Debug)]
pub(crate) struct RecordIndex {
    path: PathBuf,
    pictures: Vec<Vec<u64>>,
}

impl RecordIndex {
    /// Reads and checks all records once, and keeps where those of a split lie.
    ///
    /// # Errors
    /// A file that cannot be read, a record that is none, or no record of the split.
    pub(crate) fn read(path: &Path, split: Option<&str>) -> Result<Self, ModelError> {
        let consumed = Rc::new(Cell::new(0));
        let source = Counted { source: BufReader::new(open(path)?), consumed: Rc::clone(&consumed) };
        let mut pictures: Vec<Vec<u64>> = Vec::new();
        let mut place_of: HashMap<String, usize> = HashMap::new();
        let mut start = 0;
        for record in RecordReader::new(source, path) {
            let record = record?;
            if split.is_none() || record.split.as_deref() == split {
                let at = *place_of.entry(record.image).or_insert(pictures.len());
                if at == pictures.len() {
                    pictures.push(Vec::new());
                }
                pictures[at].push(start);
            }
            start = consumed.get();
        }
        if pictures.is_empty() {
            let reason = match split {
                Some(split) => format!("holds no record of the split {split:?}"),
                None => "holds no record".to_owned(),
            };
            return Err(ModelError::Data { path: path.to_owned(), reason });
        }
        Ok(Self { path: path.to_owned(), pictures })
    }

    /// Number of pictures.
    pub(crate) fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// Number of records.
    pub(crate) fn records(&self) -> usize {
        self.pictures.iter().map(Vec::len).sum()
    }

    /// The records of a picture, in the order of the file.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no longer the one that was indexed.
    pub(crate) fn load(&self, picture: usize) -> Result<Vec<ReferringRecord>, ModelError> {
        let io = |source| ModelError::Io { action: "read", path: self.path.clone(), source };
        let changed = || ModelError::Data { path: self.path.clone(), reason: "changed while it was read".to_owned() };
        let mut file = open(&self.path)?;
        let mut records: Vec<ReferringRecord> = Vec::with_capacity(self.pictures[picture].len());
        for &offset in &self.pictures[picture] {
            file.seek(SeekFrom::Start(offset)).map_err(io)?;
            let record = RecordReader::new(BufReader::new(&file), &self.path).next().ok_or_else(changed)?;
            let record =
                record.map_err(|error| if matches!(error, ModelError::Data { .. }) { changed() } else { error })?;
            if records.first().is_some_and(|first| first.image != record.image) {
                return Err(changed());
            }
            records.push(record);
        }
        Ok(records)
    }
}

fn open(path: &Path) -> Result<File, ModelError> {
    File::open(path).map_err(|source| ModelError::Io { action: "read", path: path.to_owned(), source })
}

/// A source that says how many of its bytes were taken.
struct Counted<R> {
    source: R,
    consumed: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.consumed.set(self.consumed.get() + count as u64);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.consumed.set(self.consumed.get() + count as u64);
        self.source.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn line(id: &str, image: &str, split: &str) -> String {
        format!(r#"{{"id":"{id}","image":"{image}","phrase":"ships","rle":null,"split":"{split}"}}"#)
    }

    fn ids(index: &RecordIndex, picture: usize) -> Vec<String> {
        index.load(picture).unwrap().into_iter().map(|record| record.id).collect()
    }

    #[test]
    fn records_of_a_picture_come_together_wherever_they_lie() {
        // A byte order mark, a blank line, Windows line ends, no end of line at the end.
        let lines = [line("1", "a.png", "val"), line("2", "b.png", "val"), line("3", "a.png", "val")];
        let file = file(&format!("\u{feff}{}\r\n\n{}\r\n  \n{}", lines[0], lines[1], lines[2]));
        let index = RecordIndex::read(file.path(), None).unwrap();
        assert_eq!((index.pictures(), index.records()), (2, 3));
        assert_eq!(ids(&index, 0), ["1", "3"]);
        assert_eq!(ids(&index, 1), ["2"]);
    }

    #[test]
    fn a_split_leaves_the_others_out() {
        let file = file(&[line("1", "a.png", "val"), line("2", "a.png", "test")].join("\n"));
        let index = RecordIndex::read(file.path(), Some("test")).unwrap();
        assert_eq!(ids(&index, 0), ["2"]);
        assert!(RecordIndex::read(file.path(), Some("train")).is_err());
    }

    #[test]
    fn a_bad_line_is_named_although_it_belongs_to_another_split() {
        let file = file(&format!("{}\nnonsense\n", line("1", "a.png", "val")));
        let message = RecordIndex::read(file.path(), Some("val")).unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
    }

    #[test]
    fn a_file_that_changes_is_noticed() {
        let file = file(&[line("1", "a.png", "val"), line("2", "a.png", "val")].join("\n"));
        let index = RecordIndex::read(file.path(), None).unwrap();
        std::fs::write(file.path(), [line("1", "a.png", "val"), line("2", "b.png", "val")].join("\n")).unwrap();
        assert!(index.load(0).unwrap_err().to_string().ends_with("changed while it was read"));
        std::fs::write(file.path(), "short").unwrap();
        assert!(index.load(0).unwrap_err().to_string().ends_with("changed while it was read"));
    }
}
