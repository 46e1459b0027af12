//! From the layouts of others to neutral records.

use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use super::images::{picture_size, read_rgb};
use super::record::{RecordReader, RecordWriter, ReferringRecord};
use super::source::{Dataset, DatasetItem};
use crate::error::ModelError;

/// What becomes of an item whose mask marks nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyMask {
    /// It stays a mask without a pixel, which the published protocol scores as 0.
    #[default]
    Keep,
    /// It becomes `null`: the phrase has no target.
    Null,
    /// The item is left out.
    Skip,
}

/// How a data set is converted.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// What becomes of an item whose mask marks nothing.
    pub empty: EmptyMask,
    /// Leaves items out that cannot be used, instead of giving up.
    pub skip_unusable: bool,
    /// Decodes every picture instead of looking at its size only, and reads every record back.
    pub check: bool,
    /// Writes every picture as PNG into this folder, which the records are then relative to.
    pub png: Option<PathBuf>,
}

/// What was converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Records written.
    pub records: usize,
    /// The folder that their pictures are relative to.
    pub images: PathBuf,
    /// Records whose mask marks nothing.
    pub empty: usize,
    /// Items left out because their mask marks nothing.
    pub skipped_empty: usize,
    /// Items left out because they cannot be used, and why.
    pub skipped: Vec<(String, String)>,
    /// Records whose picture and mask have different sizes.
    pub size_mismatches: usize,
}

/// An item on its way to becoming a record.
struct Candidate {
    record: ReferringRecord,
    mismatch: bool,
}

/// Items whose masks are held in memory at once.
const CHUNK: usize = 1024;

/// Writes the items of a data set as referring records; `progress` hears how many are done, and of how many, and may
/// end the work.
///
/// The order of the data set is kept. The file has its name only once it is complete.
///
/// # Errors
/// [`ModelError::Data`] for an item that cannot be used, unless those are left out; [`ModelError::Io`] when a file
/// cannot be written; and whatever `progress` returns.
pub fn convert<E: From<ModelError>>(
    dataset: &Dataset,
    out: &Path,
    options: &ConvertOptions,
    progress: &mut dyn FnMut(usize, usize) -> Result<(), E>,
) -> Result<Converted, E> {
    if let Some(folder) = &options.png {
        std::fs::create_dir_all(folder).map_err(|source| ModelError::Io {
            action: "create",
            path: folder.clone(),
            source,
        })?;
    }
    let mut converted = Converted {
        records: 0,
        images: options.png.clone().unwrap_or_else(|| dataset.images.clone()),
        empty: 0,
        skipped_empty: 0,
        skipped: Vec::new(),
        size_mismatches: 0,
    };
    let mut writer = RecordWriter::create(out)?;
    let mut done = 0;
    for items in dataset.items.chunks(CHUNK) {
        let candidates: Vec<Result<Candidate, String>> =
            items.par_iter().map(|item| candidate(dataset, item, options)).collect();
        for (item, candidate) in items.iter().zip(candidates) {
            match candidate {
                Ok(candidate) => write(candidate, options.empty, &mut writer, &mut converted)?,
                Err(reason) if options.skip_unusable => converted.skipped.push((item.id.clone(), reason)),
                Err(reason) => {
                    let reason = format!("item {}: {reason} (--skip-unusable leaves such items out)", item.id);
                    return Err(ModelError::Data { path: dataset.root.clone(), reason }.into());
                }
            }
        }
        done += items.len();
        progress(done, dataset.items.len())?;
    }
    if converted.records == 0 {
        return Err(ModelError::Data { path: dataset.root.clone(), reason: "left no record".to_owned() }.into());
    }
    writer.finish()?;
    if options.check {
        read_back(out, converted.records)?;
    }
    Ok(converted)
}

fn candidate(dataset: &Dataset, item: &DatasetItem, options: &ConvertOptions) -> Result<Candidate, String> {
    let mut record = item.to_record()?;
    if record.phrase.trim().is_empty() {
        return Err("has no phrase".to_owned());
    }
    let path = item.image_path(&dataset.images);
    let picture_reason = |error: ModelError| match error {
        ModelError::Io { source, .. } => format!("its picture {} cannot be read: {source}", item.image),
        ModelError::Data { reason, .. } => format!("its picture {} {reason}", item.image),
        other => other.to_string(),
    };
    let size = if let Some(folder) = &options.png {
        let inside = Path::new(&item.image).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(format!("its picture {} has a name that leads out of its folder", item.image));
        }
        let picture = read_rgb(&path).map_err(picture_reason)?;
        record.image = Path::new(&item.image).with_extension("png").to_string_lossy().into_owned();
        let size = (picture.rows, picture.cols);
        write_png(picture, &folder.join(&record.image))?;
        Some(size)
    } else if options.check {
        let picture = read_rgb(&path).map_err(picture_reason)?;
        Some((picture.rows, picture.cols))
    } else {
        // The header alone: a picture that is not there is found in any case.
        Some(picture_size(&path).map_err(picture_reason)?)
    };
    let mask = record.rle.as_ref().map(|rle| (rle.size[0] as usize, rle.size[1] as usize));
    let mismatch = mask.zip(size).is_some_and(|(mask, picture)| mask != picture);
    Ok(Candidate { record, mismatch })
}

/// Writes a picture under a name of its own first, because two items may share it.
fn write_png(picture: super::images::RgbImage, path: &Path) -> Result<(), String> {
    let fails = |cause: &dyn std::fmt::Display| format!("{} cannot be written: {cause}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|cause| fails(&cause))?;
    }
    let (rows, cols) = (picture.rows as u32, picture.cols as u32);
    let picture = image::RgbImage::from_raw(cols, rows, picture.rgb).ok_or_else(|| fails(&"it has no pixels"))?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).map_err(|cause| fails(&cause))?;
    let partial = path.with_extension(format!("{:?}.partial", std::thread::current().id()));
    std::fs::write(&partial, bytes.into_inner())
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|cause| fails(&cause))
}

fn write(
    candidate: Candidate,
    empty: EmptyMask,
    writer: &mut RecordWriter,
    converted: &mut Converted,
) -> Result<(), ModelError> {
    let Candidate { mut record, mismatch } = candidate;
    let marks_nothing = record.rle.as_ref().is_some_and(|rle| rle.foreground_px() == Ok(0));
    if marks_nothing {
        match empty {
            EmptyMask::Keep => converted.empty += 1,
            EmptyMask::Null => record.rle = None,
            EmptyMask::Skip => {
                converted.skipped_empty += 1;
                return Ok(());
            }
        }
    }
    converted.size_mismatches += usize::from(mismatch);
    converted.records += 1;
    writer.write(&record)
}

/// Reads the records once more, as training and evaluation will.
fn read_back(path: &Path, expected: usize) -> Result<(), ModelError> {
    let mut count = 0;
    for record in RecordReader::open(path)? {
        record?;
        count += 1;
    }
    if count != expected {
        let reason = format!("holds {count} records, not the {expected} that were written");
        return Err(ModelError::Data { path: path.to_owned(), reason });
    }
    Ok(())
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
