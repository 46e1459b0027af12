//! Reads tiles from the scene.

use std::sync::Arc;
use std::time::Duration;

use geo_io::Scene;
use tokio::sync::mpsc::Sender;

use crate::error::PipelineError;
use crate::stage::{BusyClock, Cancel, TilePixels};
use crate::tiling::TilePlan;

/// Reads every `step`-th tile of the plan from a dataset of its own.
///
/// With one such stage per residue, each with its own channel, plan order is restored by taking from the channels in
/// turn, and no reader can run ahead of the others by more than its channel holds.
pub struct ReadStage {
    /// The scene, opened for this stage alone.
    pub scene: Scene,
    /// All tiles.
    pub plan: Arc<TilePlan>,
    /// First tile of this stage.
    pub first: usize,
    /// Distance to its next tile.
    pub step: usize,
    /// Takes the tiles.
    pub output: Sender<TilePixels>,
    /// Tells when to stop.
    pub cancel: Cancel,
}

impl ReadStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "read";

    /// Reads until the plan's end and returns the time it took.
    ///
    /// # Errors
    /// A window that cannot be read.
    pub fn run(self) -> Result<Duration, PipelineError> {
        let mut clock = BusyClock::default();
        for index in (self.first..self.plan.len()).step_by(self.step) {
            self.cancel.check(Self::NAME)?;
            let tile = self.plan.tile(index);
            let pixels = clock.time(|| self.scene.read_rgb(tile.window))?;
            tracing::debug!("read tile {index} at {}", tile.window);
            if self.output.blocking_send(TilePixels { tile, pixels }).is_err() {
                break;
            }
        }
        Ok(clock.total())
    }
}
