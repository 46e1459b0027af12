//! The walk over a file of records: pictures in, predictions from a closure, a report out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::protocol::{CompareSize, EvalOptions};
use super::report::EvalReport;
use super::{Evaluator, RecordOutcome};
use crate::dataset::resize::resized_bilinear;
use crate::dataset::{Mask, RecordReader, ReferringRecord, RgbImage, read_rgb};
use crate::error::ModelError;

/// What the predictor says about one picture and one phrase.
///
/// # Shapes
/// Every plane is `[row, col]`, of the size of the picture that was asked about.
#[derive(Clone, Debug, Default)]
pub struct ScenePrediction {
    /// Probability that a pixel belongs to what the phrase refers to.
    pub probability: Vec<f32>,
    /// Probability that the label `probability > 0.5` is wrong.
    pub uncertainty: Vec<f32>,
    /// The scorer's own map, where the model gives it.
    pub raw_uncertainty: Option<Vec<f32>>,
}

/// What is to be evaluated.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    /// The file of records.
    pub records: PathBuf,
    /// The folder of their pictures.
    pub images: PathBuf,
    /// Only the records of this split, when named.
    pub split: Option<String>,
    /// The rules.
    pub options: EvalOptions,
    /// The most phrases that one call of the predictor gets: each costs three planes of the picture's size.
    pub phrases_per_call: usize,
    /// Whether the report lists each record's own score.
    pub keep_records: bool,
}

impl EvalRequest {
    /// A request that follows the given rules, for all splits, 16 phrases a call.
    #[must_use]
    pub fn new(records: &Path, images: &Path, options: EvalOptions) -> Self {
        Self {
            records: records.to_path_buf(),
            images: images.to_path_buf(),
            split: None,
            options,
            phrases_per_call: 16,
            keep_records: false,
        }
    }
}

/// Answers a picture and phrases about it with one prediction per phrase.
pub type Predict<'a, E> = dyn FnMut(&RgbImage, &[String]) -> Result<Vec<ScenePrediction>, E> + 'a;

/// Scores a predictor on a file of records.
///
/// All records are read and checked first. Then each picture is read once, in the order in which the file first
/// names it, and `predict` is asked about it with all of its phrases, as they stand in the records, at most
/// `phrases_per_call` at a time; it answers with one prediction per phrase, of the size of the picture it was given.
/// `progress` hears how many records are done, and of how many.
///
/// # Errors
/// Records or pictures that cannot be read or do not fit each other, and whatever `predict` returns.
pub fn evaluate<E: From<ModelError>>(
    request: &EvalRequest,
    predict: &mut Predict<'_, E>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<EvalReport, E> {
    let groups = read_by_image(request)?;
    let total = groups.iter().map(Vec::len).sum();
    let mut done = 0;
    progress(done, total);

    let mut evaluator = Evaluator::new(request.options.clone());
    let mut scores = Vec::new();
    for group in &groups {
        let picture = read_picture(&group[0], request)?;
        for records in group.chunks(request.phrases_per_call.max(1)) {
            let phrases: Vec<String> = records.iter().map(|record| record.phrase.clone()).collect();
            let predictions = predict(&picture, &phrases)?;
            if predictions.len() != records.len() {
                let reason = format!("{} predictions for {} phrases", predictions.len(), records.len());
                return Err(ModelError::Prediction { record: records[0].id.clone(), reason }.into());
            }
            for (record, prediction) in records.iter().zip(&predictions) {
                let truth = read_truth(record, &picture, request)?;
                let score = evaluator.add(&RecordOutcome {
                    id: &record.id,
                    kind: record.kind.as_deref(),
                    category: record.category.as_deref(),
                    rows: picture.rows,
                    cols: picture.cols,
                    truth: truth.as_ref(),
                    probability: &prediction.probability,
                    uncertainty: &prediction.uncertainty,
                    raw_uncertainty: prediction.raw_uncertainty.as_deref(),
                })?;
                if request.keep_records {
                    scores.push(score);
                }
            }
            done += records.len();
            progress(done, total);
        }
    }
    let mut report = evaluator.report();
    report.records = scores;
    Ok(report)
}

/// The records that were asked for, those of one picture together.
fn read_by_image(request: &EvalRequest) -> Result<Vec<Vec<ReferringRecord>>, ModelError> {
    let mut groups: Vec<Vec<ReferringRecord>> = Vec::new();
    let mut group_of: HashMap<String, usize> = HashMap::new();
    for record in RecordReader::open(&request.records)? {
        let record = record?;
        if request.split.is_some() && record.split != request.split {
            continue;
        }
        let at = *group_of.entry(record.image.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Vec::new());
        }
        groups[at].push(record);
    }
    if groups.is_empty() {
        let reason = match &request.split {
            Some(split) => format!("holds no record of the split {split:?}"),
            None => "holds no record".to_owned(),
        };
        return Err(ModelError::Data { path: request.records.clone(), reason });
    }
    Ok(groups)
}

/// The picture of a record, on the grid of the comparison.
fn read_picture(record: &ReferringRecord, request: &EvalRequest) -> Result<RgbImage, ModelError> {
    let picture = read_rgb(&record.image_path(&request.images))?;
    Ok(match request.options.compare {
        CompareSize::Image => picture,
        CompareSize::Square(side) => resized_bilinear(&picture, side, side),
    })
}

/// The mask of a record, on the grid of the comparison.
fn read_truth(record: &ReferringRecord, picture: &RgbImage, request: &EvalRequest) -> Result<Option<Mask>, ModelError> {
    let data = |reason| ModelError::Data { path: request.records.clone(), reason };
    let truth = record.truth().map_err(|cause| data(format!("record {}: {cause}", record.id)))?;
    let Some(mask) = truth else { return Ok(None) };
    match request.options.compare {
        CompareSize::Square(side) => Ok(Some(mask.resized_nearest(side, side))),
        CompareSize::Image if (mask.rows(), mask.cols()) == (picture.rows, picture.cols) => Ok(Some(mask)),
        CompareSize::Image => Err(data(format!(
            "record {}: the mask has {} rows and {} columns, its picture {} has {} and {} (the protocol lavt resizes both)",
            record.id,
            mask.rows(),
            mask.cols(),
            record.image,
            picture.rows,
            picture.cols
        ))),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
