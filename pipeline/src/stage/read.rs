//! Reads tiles from the scene.

use std::sync::Arc;
use std::time::Duration;

use geo_io::{Cutline, ErrorKind, GeoIoError, PixelWindow, Reach, RgbWindow, Scene};
use tokio::sync::mpsc::Sender;

use crate::config::OnBadTile;
use crate::error::PipelineError;
use crate::exit::one_line;
use crate::stage::{BusyClock, Cancel, TilePixels};
use crate::tiling::TilePlan;

/// How often a window is tried before it counts as unreadable.
const TRIES: usize = 3;

/// Reads every `step`-th of some tiles from a dataset of its own.
///
/// With one such stage per residue, each with its own channel, plan order is restored by taking from the channels in
/// turn, and no reader can run ahead of the others by more than its channel holds.
pub struct ReadStage {
    /// The scene, opened for this stage alone.
    pub scene: Scene,
    /// All tiles.
    pub plan: Arc<TilePlan>,
    /// Those to be read.
    pub tiles: Arc<[usize]>,
    /// First tile of this stage, as a position in `tiles`.
    pub first: usize,
    /// Distance to its next tile.
    pub step: usize,
    /// The polygons outside of which nothing is wanted: a tile that does not touch them is not read.
    pub cutline: Option<Arc<Cutline>>,
    /// What becomes of a window that cannot be read.
    pub on_bad_tile: OnBadTile,
    /// Takes the tiles.
    pub output: Sender<TilePixels>,
    /// Tells when to stop.
    pub cancel: Cancel,
}

impl ReadStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "read";

    /// Reads until the last of them and returns the time it took.
    ///
    /// # Errors
    /// A window that cannot be read, unless that is to be a hole.
    pub fn run(mut self) -> Result<Duration, PipelineError> {
        let mut clock = BusyClock::default();
        for position in (self.first..self.tiles.len()).step_by(self.step) {
            self.cancel.check(Self::NAME)?;
            let tile = self.plan.tile(self.tiles[position]);
            let pixels = match (clock.time(|| self.wanted(tile.window)), self.on_bad_tile) {
                (Ok(pixels), _) => Ok(pixels),
                (Err(error), OnBadTile::Hole) => Err(one_line(&error)),
                (Err(error), OnBadTile::Fail) => return Err(error.into()),
            };
            tracing::debug!("read tile {} at {}", tile.index, tile.window);
            if self.output.blocking_send(TilePixels { tile, pixels }).is_err() {
                break;
            }
        }
        Ok(clock.total())
    }
    /// Reads a window unless nothing of it is wanted; then it counts as one without data.
    fn wanted(&mut self, window: PixelWindow) -> Result<RgbWindow, GeoIoError> {
        match &self.cutline {
            Some(cutline) if !cutline.inside(window, Reach::Touches)?.contains(&1) => {
                let area = window.area_px();
                Ok(RgbWindow { window, rgb: vec![0.0; 3 * area], valid: vec![0; area] })
            }
            _ => self.read(window),
        }
    }

    /// Reads a window, if need be several times: each further try opens the scene anew, because a dataset that met a
    /// bad reply or a broken block may remember it.
    fn read(&mut self, window: PixelWindow) -> Result<RgbWindow, GeoIoError> {
        let mut tries = 1;
        loop {
            let error = match self.scene.read_rgb(window) {
                Ok(pixels) => return Ok(pixels),
                Err(error) => error,
            };
            if tries == TRIES || error.kind() != ErrorKind::UnreadableScene {
                return Err(error);
            }
            tries += 1;
            tracing::info!("try {tries} of {TRIES}: {}", one_line(&error));
            match self.scene.anew() {
                Ok(scene) => self.scene = scene,
                // What could not be read is more telling than what could not be opened after it.
                Err(_) => return Err(error),
            }
        }
    }
}
