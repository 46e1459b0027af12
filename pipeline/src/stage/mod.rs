//! The stages of a run and what they hand to each other.
//!
//! Each stage is a loop over its input. When a send fails, the next stage has stopped: its own error is the one to
//! report, so the loop just ends. When an input ends early, the stage says [`PipelineError::Stopped`].

pub mod infer;
pub mod prepare;
pub mod read;
pub mod recall;
pub mod record;
pub mod scene_view;
pub mod stitch;
mod strip_tiles;
pub mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use geo_io::{RgbWindow, SceneStrip};
use model::{TileImage, TilePrediction};

use crate::error::PipelineError;
use crate::tiling::TileSpec;

/// Tells all stages to stop.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks all stages to stop after what they have in hand.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether stages have been asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for work that knows nothing of stages.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Ends the calling stage when it has been asked to stop.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] with the stage's name.
    pub fn check(&self, stage: &'static str) -> Result<(), PipelineError> {
        if self.0.load(Ordering::Relaxed) { Err(PipelineError::Stopped(stage)) } else { Ok(()) }
    }
}

/// Adds up the time a stage works, without its waiting for others.
#[derive(Debug, Default)]
pub struct BusyClock(Duration);

impl BusyClock {
    /// Runs some work on the clock.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.0 += start.elapsed();
        result
    }

    /// Adds time that was measured elsewhere.
    pub fn add(&mut self, time: Duration) {
        self.0 += time;
    }

    /// The time so far.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0
    }
}

/// A tile as read from the scene.
#[derive(Debug)]
pub struct TilePixels {
    /// Which tile.
    pub tile: TileSpec,
    /// Its pixels, or why they cannot be read where that is to be a hole.
    pub pixels: Result<RgbWindow, String>,
}

/// A tile as the model takes it.
#[derive(Debug)]
pub struct PreparedTile {
    /// Which tile.
    pub tile: TileSpec,
    /// `[row, col]` of the window, 1 where the scene has data; empty for a tile that could not be read.
    pub valid: Vec<u8>,
    /// What there is to see.
    pub content: TileContent,
}

/// What there is to see on a tile.
#[derive(Debug)]
pub enum TileContent {
    /// No valid pixel: nothing to ask the model.
    Empty,
    /// It could not be read, and this is why.
    Failed(String),
    /// One colour all over, by its bits: the model's answer is the same for each such tile.
    Blank(TileImage, [u32; 3]),
    /// A picture.
    Picture(TileImage),
}

/// How a tile got its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has no valid pixel and needs none.
    Empty,
    /// It has none, and this is why: a hole.
    Failed(String),
    /// The model computed it.
    Computed,
    /// It is as blank as an earlier tile and has its answer.
    Reused,
}

/// A tile with the model's answer.
#[derive(Debug)]
pub struct AnsweredTile {
    /// Which tile.
    pub tile: TileSpec,
    /// `[row, col]` of the window, 1 where the scene has data.
    pub valid: Vec<u8>,
    /// How the answer was got.
    pub answer: Answer,
    /// One prediction per prompt; none for a tile that is empty or failed.
    pub predictions: Arc<Vec<TilePrediction>>,
}

/// Finished rows of the scene, one strip per prompt.
pub type StripSet = Vec<SceneStrip>;
