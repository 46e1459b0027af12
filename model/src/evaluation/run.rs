//! The walk over a file of records: pictures in, predictions from a closure, a report out.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::counted::{Placement, RecordCounts, RecordScore, check};
use super::evaluator::{Evaluator, RecordOutcome};
use super::index::RecordIndex;
use super::protocol::{CompareGrid, EvalOptions};
use super::regrid::{Grid, regridded, regridded_probability};
use super::report::EvalReport;
use crate::dataset::resize::resized_bilinear;
use crate::dataset::{Mask, ReferringRecord, RgbImage, read_rgb};
use crate::error::ModelError;

/// The most pixels that the predictions of one call hold.
const MAX_CALL_PX: usize = 24 << 20;

/// What the predictor says about one picture and one phrase.
///
/// # Shapes
/// Every plane is `[row, col]`, of the size of the picture that was asked about.
#[derive(Clone, Debug, Default)]
pub struct ScenePrediction {
    /// Probability that a pixel belongs to what the phrase refers to.
    pub probability: Vec<f32>,
    /// Probability that the label `probability > threshold` is wrong.
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
    /// The most phrases that one call of the predictor gets; fewer where the picture is large.
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
pub type Predict<'a, E> = dyn FnMut(&RgbImage, &[String]) -> Result<Vec<ScenePrediction>, E> + Send + 'a;

/// A record with all that was seen while it was scored; picture, truth and prediction are on the grid of the model.
#[derive(Clone, Copy, Debug)]
pub struct SeenRecord<'a> {
    /// Its place in the order of the report: its picture's, then its own among the picture's records.
    pub order: (usize, usize),
    /// What it scored.
    pub score: &'a RecordScore,
    /// The picture as the model saw it.
    pub picture: &'a RgbImage,
    /// The mask on the picture's grid, or `None` where the phrase refers to nothing.
    pub truth: Option<&'a Mask>,
    /// What the model said.
    pub prediction: &'a ScenePrediction,
}

/// Who hears of an evaluation while it runs.
pub struct Watcher<'a, E> {
    /// How many records are done, and of how many.
    pub progress: &'a mut dyn FnMut(usize, usize),
    /// Each record's score, in the order of the report.
    pub scored: &'a mut dyn FnMut(&RecordScore) -> Result<(), E>,
    /// Each record with its planes, in any order and on any thread.
    pub seen: &'a (dyn Fn(&SeenRecord<'_>) + Sync),
}

/// Scores a predictor on a file of records, as [`evaluate_with`] does, with nobody but `progress` watching.
///
/// # Errors
/// Those of [`evaluate_with`].
pub fn evaluate<E: From<ModelError> + Send>(
    request: &EvalRequest,
    predict: &mut Predict<'_, E>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<EvalReport, E> {
    evaluate_with(request, vec![predict], Watcher { progress, scored: &mut |_| Ok(()), seen: &|_| () })
}

/// Scores predictors that give the same answers on a file of records; each works on its own thread.
///
/// All records are read and checked first, and of each only its place in the file is kept. Then each picture is read
/// once, in the order in which the file first names it, and a predictor is asked about it with all of its phrases, as
/// they stand in the records, at most `phrases_per_call` at a time; it answers with one prediction per phrase, of the
/// size of the picture it was given. The report does not depend on the number of predictors.
///
/// # Errors
/// Records or pictures that cannot be read or do not fit each other, and whatever a predictor or the watcher returns.
///
/// # Panics
/// When a predictor does, or without one.
pub fn evaluate_with<E: From<ModelError> + Send>(
    request: &EvalRequest,
    predictors: Vec<&mut Predict<'_, E>>,
    mut watcher: Watcher<'_, E>,
) -> Result<EvalReport, E> {
    assert!(!predictors.is_empty(), "a predictor is needed");
    let index = RecordIndex::read(&request.records, request.split.as_deref())?;
    let workers = predictors.len();
    thread::scope(|scope| {
        let mut results = Vec::with_capacity(workers);
        for (worker, predict) in predictors.into_iter().enumerate() {
            let (sender, receiver) = sync_channel(1);
            results.push(receiver);
            let (index, seen) = (&index, watcher.seen);
            scope.spawn(move || {
                let mut work = Work { request, index, predict, seen };
                work.pictures((worker..index.pictures()).step_by(workers), &sender);
            });
        }
        gather(request, &index, &results, &mut watcher)
    })
}

/// Takes the pictures' results in order, whichever thread made them.
fn gather<E: From<ModelError>>(
    request: &EvalRequest,
    index: &RecordIndex,
    results: &[Receiver<Result<Vec<RecordCounts>, E>>],
    watcher: &mut Watcher<'_, E>,
) -> Result<EvalReport, E> {
    let total = index.records();
    (watcher.progress)(0, total);
    let mut evaluator = Evaluator::new(request.options.clone());
    let (mut scores, mut done) = (Vec::new(), 0);
    for picture in 0..index.pictures() {
        // A worker without a result has panicked, and the scope passes that on.
        let Ok(counted) = results[picture % results.len()].recv() else { break };
        for record in counted? {
            evaluator.absorb(&record)?;
            (watcher.scored)(&record.score)?;
            done += 1;
            if request.keep_records {
                scores.push(record.score);
            }
        }
        (watcher.progress)(done, total);
    }
    let mut report = evaluator.report();
    report.records = scores;
    Ok(report)
}

/// What one thread works with.
struct Work<'a, 'p, E> {
    request: &'a EvalRequest,
    index: &'a RecordIndex,
    predict: &'a mut Predict<'p, E>,
    seen: &'a (dyn Fn(&SeenRecord<'_>) + Sync),
}

impl<E: From<ModelError>> Work<'_, '_, E> {
    /// Counts pictures until there are no more, one fails, or nobody wants to know.
    fn pictures(&mut self, pictures: impl Iterator<Item = usize>, results: &SyncSender<Result<Vec<RecordCounts>, E>>) {
        for picture in pictures {
            let counted = self.picture(picture);
            let failed = counted.is_err();
            if results.send(counted).is_err() || failed {
                return;
            }
        }
    }

    /// Counts the records of a picture.
    fn picture(&mut self, at: usize) -> Result<Vec<RecordCounts>, E> {
        let options = &self.request.options;
        let records = self.index.load(at)?;
        let stored = read_rgb(&records[0].image_path(&self.request.images))?;
        let own = (stored.rows, stored.cols);
        let picture = options.size.map_or_else(|| stored.clone(), |side| resized_bilinear(&stored, side, side));
        let affordable = MAX_CALL_PX / (picture.rows * picture.cols).max(1);
        let mut counted = Vec::with_capacity(records.len());
        for asked in records.chunks(self.request.phrases_per_call.min(affordable).max(1)) {
            let phrases: Vec<String> = asked.iter().map(|record| record.phrase.clone()).collect();
            let predictions = (self.predict)(&picture, &phrases)?;
            if predictions.len() != asked.len() {
                let reason = format!("{} predictions for {} phrases", predictions.len(), asked.len());
                return Err(ModelError::Prediction { record: asked[0].id.clone(), reason }.into());
            }
            for (record, prediction) in asked.iter().zip(&predictions) {
                let (truth, counts) = self.record(record, own, &picture, prediction)?;
                (self.seen)(&SeenRecord {
                    order: (at, counted.len()),
                    score: &counts.score,
                    picture: &picture,
                    truth: truth.as_ref(),
                    prediction,
                });
                counted.push(counts);
            }
        }
        Ok(counted)
    }

    /// Counts a record, and gives its mask on the grid of the model.
    fn record(
        &self,
        record: &ReferringRecord,
        own: Grid,
        picture: &RgbImage,
        prediction: &ScenePrediction,
    ) -> Result<(Option<Mask>, RecordCounts), ModelError> {
        let options = &self.request.options;
        let stored = self.truth(record, own)?;
        let seen = (picture.rows, picture.cols);
        let on_seen = match &options.size {
            None => stored.clone(),
            Some(side) => stored.as_ref().map(|mask| mask.resized_nearest(*side, *side)),
        };
        let outcome = outcome(record, seen, on_seen.as_ref(), prediction);
        check(&outcome)?;
        let place = Placement { image: &record.image, phrase: &record.phrase, ..Placement::default() };
        if options.size.is_none() {
            let counts = RecordCounts::of(&outcome, place, options)?;
            return Ok((on_seen, counts));
        }
        // Where the mask has another size than its picture, the mask decides.
        let back = stored.as_ref().map_or(own, |mask| (mask.rows(), mask.cols()));
        let counts = if options.compare == CompareGrid::Network {
            let probability = stored.as_ref().map(|mask| (mask, regridded_probability(prediction, seen, back)));
            let other_grid = probability.as_ref().map(|(mask, plane)| (*mask, plane.as_slice()));
            let stored_truth = stored.as_ref().map(|mask| (mask.foreground_px(), mask.bits().len() as u64));
            RecordCounts::of(&outcome, Placement { other_grid, stored_truth, ..place }, options)?
        } else {
            let regridded = regridded(prediction, seen, back, options.threshold);
            let original = self::outcome(record, back, stored.as_ref(), &regridded);
            let other_grid = on_seen.as_ref().map(|mask| (mask, prediction.probability.as_slice()));
            RecordCounts::of(&original, Placement { other_grid, ..place }, options)?
        };
        Ok((on_seen, counts))
    }

    /// The mask as stored; without resizing it has to fit its picture.
    fn truth(&self, record: &ReferringRecord, own: Grid) -> Result<Option<Mask>, ModelError> {
        let data = |reason| ModelError::Data { path: self.request.records.clone(), reason };
        let truth = record.scored_truth().map_err(data)?;
        let Some(mask) = &truth else { return Ok(None) };
        let (rows, cols) = (mask.rows(), mask.cols());
        if self.request.options.size.is_none() && (rows, cols) != own {
            let (id, image) = (&record.id, &record.image);
            return Err(data(format!(
                "record {id}: the mask has {rows} rows and {cols} columns, its picture {image} has {} and {} \
                 (the protocol lavt and --size resize both)",
                own.0, own.1
            )));
        }
        Ok(truth)
    }
}

fn outcome<'a>(
    record: &'a ReferringRecord,
    grid: Grid,
    truth: Option<&'a Mask>,
    prediction: &'a ScenePrediction,
) -> RecordOutcome<'a> {
    RecordOutcome {
        id: &record.id,
        kind: record.kind.as_deref(),
        category: record.category.as_deref(),
        rows: grid.0,
        cols: grid.1,
        truth,
        probability: &prediction.probability,
        uncertainty: &prediction.uncertainty,
        raw_uncertainty: prediction.raw_uncertainty.as_deref(),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
