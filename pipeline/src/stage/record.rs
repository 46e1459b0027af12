//! Keeps answers in a checkpoint log.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use crate::checkpoint::codec::{encode_scene, encode_tile};
use crate::checkpoint::log::{LogWriter, SCENE};
use crate::error::PipelineError;
use crate::report::TileCounts;
use crate::stage::scene_view::SceneAnswers;
use crate::stage::{AnsweredTile, BusyClock};

/// Appends the answers to some tiles to the log of their unit, in the order they come.
pub struct RecordStage {
    /// Where they go.
    pub log: LogWriter,
    /// Where the answers about the whole scene come from, if they go here too.
    pub scene_answers: Option<SceneAnswers>,
    /// Number of tiles to come.
    pub tiles: usize,
    /// Answered tiles in plan order.
    pub input: Receiver<AnsweredTile>,
}

impl RecordStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "record";

    /// Keeps all answers and returns their counts and the time it took.
    ///
    /// It does not look whether it is to stop: what has been answered is worth keeping, and the stage before it ends soon.
    ///
    /// # Errors
    /// A disk that is full or broken, or [`PipelineError::Stopped`] when the input ends early.
    pub fn run(self) -> Result<(TileCounts, Duration), PipelineError> {
        let Self { mut log, scene_answers, tiles, mut input } = self;
        let mut clock = BusyClock::default();
        let mut counts = TileCounts::default();
        if let Some(scene) = scene_answers {
            let planes = scene.planes()?;
            clock.time(|| log.append(SCENE, &encode_scene(&planes)))?;
        }
        for _ in 0..tiles {
            let Some(answered) = input.blocking_recv() else {
                log.sync()?;
                return Err(PipelineError::Stopped(Self::NAME));
            };
            clock.time(|| log.append(answered.tile.index as u64, &encode_tile(&answered)))?;
            counts.note(&answered.answer);
        }
        clock.time(|| log.sync())?;
        Ok((counts, clock.total()))
    }
}
