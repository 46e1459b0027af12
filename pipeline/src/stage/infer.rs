//! Asks the model.

use std::sync::Arc;
use std::time::Duration;

use geo_io::PixelWindow;
use model::{Segmenter, TileImage, TilePrediction, TilePredictor};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::config::OnBadTile;
use crate::error::PipelineError;
use crate::exit::one_line;
use crate::progress::Progress;
use crate::stage::scene_view::SceneView;
use crate::stage::{Answer, AnsweredTile, BusyClock, Cancel, PreparedTile, TileContent};
use crate::tiling::TileSpec;
use crate::view::rescaled::{Rescaled, View};

/// Blank colours whose answers are kept.
const BLANK_COLOURS: usize = 16;

/// Owns the model and answers tiles in the order they come.
pub struct InferStage {
    /// The model.
    pub predictor: Box<dyn Segmenter>,
    /// How tiles are shown to it.
    pub view: View,
    /// What it has to answer about the whole scene first.
    pub scene_view: Option<SceneView>,
    /// What becomes of a tile whose answer is unusable.
    pub on_bad_tile: OnBadTile,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Number of tiles to come.
    pub tiles: usize,
    /// Tiles in plan order.
    pub input: Receiver<PreparedTile>,
    /// Takes the answers in plan order.
    pub output: Sender<AnsweredTile>,
    /// Shown to the user.
    pub progress: Progress,
    /// Tells when to stop.
    pub cancel: Cancel,
}

impl InferStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "infer";

    /// Answers all tiles and returns the model and the time it took.
    ///
    /// # Errors
    /// A device that fails, an answer that is no prediction (unless that is to be a hole), or [`PipelineError::Stopped`] when the input ends early.
    pub fn run(self) -> Result<(Box<dyn Segmenter>, Duration), PipelineError> {
        let Self { mut predictor, view, scene_view, on_bad_tile, batch, tiles, mut input, output, progress, cancel } =
            self;
        let mut clock = BusyClock::default();
        if let Some(scene_view) = scene_view {
            clock.time(|| scene_view.answer(predictor.as_mut()))?;
        }
        let mut queue = Queue { predictor, view, on_bad_tile, clock, waiting: Vec::new(), blank: Vec::new() };
        for index in 0..tiles {
            cancel.check(Self::NAME)?;
            let prepared = input.blocking_recv().ok_or(PipelineError::Stopped(Self::NAME))?;
            let mut answered = queue.take(prepared)?;
            // A long run of empty tiles must not pile up behind a batch that is not full.
            if queue.pictures() >= batch || queue.waiting.len() >= 4 * batch || index + 1 == tiles {
                answered.extend(queue.flush()?);
            }
            for tile in answered {
                tracing::debug!("answered the tile at {}: {:?}", tile.tile.window, tile.answer);
                progress.advance(1);
                if output.blocking_send(tile).is_err() {
                    return Ok(queue.done());
                }
            }
        }
        Ok(queue.done())
    }
}

/// A tile on its way through the model.
struct Waiting {
    tile: TileSpec,
    valid: Vec<u8>,
    source: Source,
}

/// Where a waiting tile's answer comes from.
enum Source {
    /// It is known.
    Known(Answer, Arc<Vec<TilePrediction>>),
    /// The model has to look; the colour of a blank tile is kept with the answer.
    Model(TileImage, Option<[u32; 3]>),
}

/// Tiles that wait for a full batch.
struct Queue {
    predictor: Box<dyn Segmenter>,
    view: View,
    on_bad_tile: OnBadTile,
    clock: BusyClock,
    waiting: Vec<Waiting>,
    blank: Vec<([u32; 3], Arc<Vec<TilePrediction>>)>,
}

impl Queue {
    fn done(self) -> (Box<dyn Segmenter>, Duration) {
        (self.predictor, self.clock.total())
    }

    /// Takes a tile; what it returns had to be answered first.
    fn take(&mut self, prepared: PreparedTile) -> Result<Vec<AnsweredTile>, PipelineError> {
        let PreparedTile { tile, valid, content } = prepared;
        let mut answered = Vec::new();
        let source = match content {
            TileContent::Empty => Source::Known(Answer::Empty, Arc::new(Vec::new())),
            TileContent::Failed(reason) => Source::Known(Answer::Failed(reason), Arc::new(Vec::new())),
            TileContent::Picture(image) => Source::Model(image, None),
            TileContent::Blank(image, colour) => {
                // The same colour may wait in this batch: its answer is wanted now, so that how many tiles are
                // computed does not depend on the batch size.
                let same = |w: &Waiting| matches!(&w.source, Source::Model(_, Some(other)) if *other == colour);
                if self.waiting.iter().any(same) {
                    answered = self.flush()?;
                }
                match self.blank.iter().find(|(known, _)| *known == colour) {
                    Some((_, predictions)) => Source::Known(Answer::Reused, Arc::clone(predictions)),
                    None => Source::Model(image, Some(colour)),
                }
            }
        };
        self.waiting.push(Waiting { tile, valid, source });
        Ok(answered)
    }

    /// Tiles that the model has to look at.
    fn pictures(&self) -> usize {
        self.waiting.iter().filter(|waiting| matches!(waiting.source, Source::Model(..))).count()
    }

    /// Answers all that wait.
    fn flush(&mut self) -> Result<Vec<AnsweredTile>, PipelineError> {
        let mut images = Vec::new();
        let mut rest = Vec::new();
        for Waiting { tile, valid, source } in self.waiting.drain(..) {
            let known = match source {
                Source::Known(answer, predictions) => Ok((answer, predictions)),
                Source::Model(image, colour) => {
                    images.push(image);
                    Err(colour)
                }
            };
            rest.push((tile, valid, known));
        }
        let predictions = if images.is_empty() {
            Vec::new()
        } else {
            let mut predictor = Rescaled::new(self.predictor.as_mut(), &self.view);
            self.clock.time(|| predictor.predict(&images))?
        };
        let mut predictions = predictions.into_iter();
        let mut answered = Vec::with_capacity(rest.len());
        for (tile, valid, known) in rest {
            let (answer, predictions) = match known {
                Ok(known) => known,
                Err(colour) => {
                    let shape = (self.predictor.prompt_count(), self.view.side_px);
                    match (checked(tile.window, shape, predictions.next()), self.on_bad_tile) {
                        (Ok(predictions), _) => {
                            let predictions = Arc::new(predictions);
                            if let Some(colour) = colour.filter(|_| self.blank.len() < BLANK_COLOURS) {
                                self.blank.push((colour, Arc::clone(&predictions)));
                            }
                            (Answer::Computed, predictions)
                        }
                        (Err(error), OnBadTile::Hole) => (Answer::Failed(one_line(&error)), Arc::new(Vec::new())),
                        (Err(error), OnBadTile::Fail) => return Err(error),
                    }
                }
            };
            answered.push(AnsweredTile { tile, valid, answer, predictions });
        }
        Ok(answered)
    }
}

/// The predictions of one view, if they are predictions: broken is not empty.
///
/// # Errors
/// [`PipelineError::BadPrediction`] for another number of prompts or pixels, or a value that is no probability.
pub fn checked(
    window: PixelWindow,
    (prompts, side_px): (usize, usize),
    predictions: Option<Vec<TilePrediction>>,
) -> Result<Vec<TilePrediction>, PipelineError> {
    let bad = |reason: String| PipelineError::BadPrediction { window, reason };
    let predictions = predictions.ok_or_else(|| bad("there is none".into()))?;
    let area = side_px.pow(2);
    if predictions.len() != prompts {
        return Err(bad(format!("{} planes for {prompts} prompts", predictions.len())));
    }
    for prediction in &predictions {
        let raw = prediction.raw_uncertainty.as_ref();
        for plane in [&prediction.probability, &prediction.uncertainty].into_iter().chain(raw) {
            if plane.len() != area {
                return Err(bad(format!("{} values for {area} pixels", plane.len())));
            }
            // Written so that NaN is caught too.
            if let Some(value) = plane.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                return Err(bad(format!("{value} is no probability")));
            }
        }
    }
    Ok(predictions)
}
