//! `geophrase dataset`: data sets of others, looked at and converted, and phrases made from labels.

pub mod build;
pub mod convert;
pub mod from_vector;
pub mod inspect;
mod label_tiles;
mod label_truth;
mod sheet;

use std::path::Path;

use model::dataset::{Dataset, DatasetKind};

use crate::error::PipelineError;

/// The data set in a folder, of a kind by name or told by its files, with some of its splits only.
fn open(root: &Path, kind: Option<&str>, splits: &[String]) -> Result<Dataset, PipelineError> {
    let kind = kind.map(str::parse::<DatasetKind>).transpose();
    let kind = kind.map_err(|error| PipelineError::Usage(error.to_string()))?;
    let mut dataset = Dataset::open(root, kind)?;
    dataset.keep_splits(splits)?;
    Ok(dataset)
}
