//! Gives the answers in checkpoint logs as if they had just been computed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

use crate::checkpoint::codec::{decode_scene, decode_tile};
use crate::checkpoint::log::{LogReader, SCENE};
use crate::error::PipelineError;
use crate::mosaic::canvas::BlendedPlanes;
use crate::stage::{AnsweredTile, BusyClock, Cancel};
use crate::tiling::TilePlan;

/// A finished unit of a scene.
#[derive(Clone, Debug)]
pub struct FinishedUnit {
    /// Its number in the plan of units.
    pub number: usize,
    /// Its log.
    pub log: PathBuf,
    /// Its tiles.
    pub tiles: std::ops::Range<usize>,
}

/// Reads the logs of a scene's units from the first to the last.
pub struct RecallStage {
    /// The tiles of the scene.
    pub plan: Arc<TilePlan>,
    /// The identity of the plan of units.
    pub plan_id: String,
    /// All units of the scene, ascending.
    pub units: Vec<FinishedUnit>,
    /// Takes the answers about the whole scene, where there are some.
    pub scene_output: Option<oneshot::Sender<Vec<BlendedPlanes>>>,
    /// Takes the answers in plan order.
    pub output: Sender<AnsweredTile>,
    /// Tells when to stop.
    pub cancel: Cancel,
}

impl RecallStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "recall";

    /// Gives all answers; returns the kinds of processor they were computed on and the time it took.
    ///
    /// # Errors
    /// A log that is of another plan, cannot be read, or lacks an answer.
    pub fn run(mut self) -> Result<(Vec<String>, Duration), PipelineError> {
        let mut clock = BusyClock::default();
        let mut processors = Vec::new();
        for FinishedUnit { number, log, tiles } in &self.units {
            let damaged = |reason: &str| PipelineError::DamagedLog { path: log.clone(), reason: reason.to_owned() };
            let mut reader = LogReader::open(log)?.ok_or_else(|| damaged("it has no head"))?;
            if (&reader.header().plan, reader.header().unit) != (&self.plan_id, *number) {
                return Err(PipelineError::OtherPlan { path: log.clone() });
            }
            if !processors.contains(&reader.header().processor) {
                processors.push(reader.header().processor.clone());
            }
            let mut next = |wanted: u64| match clock.time(|| reader.next_record())? {
                Some((tile, payload)) if tile == wanted => Ok(payload),
                _ => Err(damaged("an answer is missing or damaged")),
            };
            if let Some(output) = self.scene_output.take() {
                let planes = decode_scene(&next(SCENE)?).map_err(|reason| damaged(&reason))?;
                // The next stage has stopped when this fails; its own error is the one to report.
                let _ = output.send(planes);
            }
            for index in tiles.clone() {
                self.cancel.check(Self::NAME)?;
                let payload = next(index as u64)?;
                let answered = decode_tile(self.plan.tile(index), &payload).map_err(|reason| damaged(&reason))?;
                if self.output.blocking_send(answered).is_err() {
                    return Ok((processors, clock.total()));
                }
            }
        }
        Ok((processors, clock.total()))
    }
}
