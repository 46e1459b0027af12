//! Puts tiles together to finished rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use geo_io::{Cutline, PixelWindow, Reach, SceneStrip};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::error::PipelineError;
use crate::mosaic::blend::{CALIBRATED_AT, label_uncertainty};
use crate::mosaic::canvas::{BlendedPlanes, BlendedRows, Canvas};
use crate::mosaic::holes::{FailedTile, Holes};
use crate::report::TileCounts;
use crate::stage::scene_view::{SceneAnswers, SceneRows};
use crate::stage::strip_tiles::StripTiles;
use crate::stage::{Answer, AnsweredTile, BusyClock, Cancel, StripSet};
use crate::tiling::TilePlan;

/// The value of the mask where there is no result.
const MASK_NODATA: u8 = 255;

/// Blends tiles in plan order and cuts the result at the threshold.
pub struct StitchStage {
    /// All tiles.
    pub plan: Arc<TilePlan>,
    /// Number of prompts that are answered by tiles.
    pub prompts: usize,
    /// Where the answers to the others come from.
    pub scene_answers: Option<SceneAnswers>,
    /// Whether the scorer's own map is wanted.
    pub raw_uncertainty: bool,
    /// Probability above which a pixel belongs to the mask.
    pub threshold: f32,
    /// The polygons outside of which nothing is wanted.
    pub cutline: Option<Arc<Cutline>>,
    /// Rows that are handed on at once.
    pub strip_rows: u32,
    /// Answered tiles in plan order.
    pub input: Receiver<AnsweredTile>,
    /// Takes finished rows from the top.
    pub output: Sender<StripSet>,
    /// Tells when to stop.
    pub cancel: Cancel,
}

/// What the stitch stage counted.
#[derive(Clone, Debug, Default)]
pub struct StitchCounts {
    /// Tiles by how they were answered.
    pub tiles: TileCounts,
    /// Pixels with a result.
    pub valid_px: u64,
    /// Pixels without, because the scene has no data there.
    pub nodata_px: u64,
    /// Pixels without, because no tile that covers them could be read.
    pub hole_px: u64,
    /// Tiles without an answer.
    pub failed: Vec<FailedTile>,
    /// The highest presence of each prompt that is answered by tiles, of models that tell.
    pub presence: Vec<Option<f32>>,
}

impl StitchStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "stitch";

    /// Stitches all tiles and returns what it counted and the time it took.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] when the input ends early.
    pub fn run(mut self) -> Result<(StitchCounts, Duration), PipelineError> {
        let mut clock = BusyClock::default();
        let mut counts = StitchCounts::default();
        counts.tiles.planned = self.plan.len() as u64;
        counts.presence = vec![None; self.prompts];
        let scene = self.scene_answers.take().map(SceneAnswers::wait).transpose()?;
        let mut holes = Holes::default();
        let mut strip_tiles = StripTiles::new(self.prompts, scene.as_ref().map_or(&[], SceneRows::numbers));
        let mut canvas = Canvas::new((*self.plan).clone(), self.prompts, self.raw_uncertainty);
        for _ in 0..self.plan.len() {
            self.cancel.check(Self::NAME)?;
            let answered = self.input.blocking_recv().ok_or(PipelineError::Stopped(Self::NAME))?;
            let AnsweredTile { tile, valid, answer, predictions } = answered;
            let has_planes = matches!(answer, Answer::Computed | Answer::Reused);
            counts.tiles.note(&answer);
            if let Answer::Failed(reason) = answer {
                holes.add(tile.window, reason);
            }
            for (highest, prediction) in counts.presence.iter_mut().zip(predictions.iter()) {
                *highest = highest.iter().copied().chain(prediction.presence).reduce(f32::max);
            }
            strip_tiles.add(&tile, self.plan.part(), &predictions);
            if has_planes {
                clock.time(|| canvas.add(&tile, &valid, &predictions));
            }
            if tile.grid_col + 1 < self.plan.grid_cols() {
                continue;
            }
            let part = self.plan.part();
            let start = Instant::now();
            let mut sending = Duration::ZERO;
            let finished = canvas.finish_row(tile.grid_row, self.strip_rows, |mut rows| {
                if let Some(scene) = &scene {
                    scene.join(&mut rows, self.plan.size().width, part);
                }
                let inside = self.inside(&rows)?;
                let hole_px = holes.count(&rows, inside.as_deref(), part);
                for (covered, inside) in rows.covered.iter_mut().zip(inside.iter().flatten()) {
                    *covered &= *inside == 1;
                }
                let valid_px = rows.covered.iter().filter(|&&covered| covered).count() as u64;
                counts.valid_px += valid_px;
                counts.hole_px += hole_px;
                counts.nodata_px += rows.covered.len() as u64 - valid_px - hole_px;
                let mut strips = cut(&rows, part.width, self.threshold);
                strip_tiles.hand_over(&mut strips);
                let waits = Instant::now();
                let sent = self.output.blocking_send(strips);
                sending += waits.elapsed();
                sent.map_err(|_| None)
            });
            clock.add(start.elapsed().saturating_sub(sending));
            match finished {
                Ok(()) => {}
                // The next stage has stopped and says why.
                Err(None) => break,
                Err(Some(error)) => return Err(error),
            }
        }
        counts.failed = holes.finish();
        Ok((counts, clock.total()))
    }
}

impl StitchStage {
    /// 1 for each pixel of some rows that is wanted; `None` where all are.
    fn inside(&self, rows: &BlendedRows) -> Result<Option<Vec<u8>>, PipelineError> {
        let Some(cutline) = &self.cutline else { return Ok(None) };
        let part = self.plan.part();
        let window = PixelWindow { row_off: part.row_off + rows.row_off, height: rows.rows, ..part };
        Ok(Some(cutline.inside(window, Reach::Middles)?))
    }
}

/// One strip per prompt: mask and uncertainty at the user's threshold, NaN and 255 where there is no result.
fn cut(rows: &BlendedRows, width: u32, threshold: f32) -> StripSet {
    rows.prompts.iter().map(|planes| cut_prompt(rows, planes, width, threshold)).collect()
}

fn cut_prompt(rows: &BlendedRows, planes: &BlendedPlanes, width: u32, threshold: f32) -> SceneStrip {
    let where_covered = |i: usize, value: f32| if rows.covered[i] { value } else { f32::NAN };
    let doubt = |implied: &[f32], threshold: f32| -> Vec<f32> {
        let labels = planes.probability.iter().zip(implied).enumerate();
        labels.map(|(i, (&p, &q))| where_covered(i, label_uncertainty(p, q, threshold))).collect()
    };
    let label = |(i, &p): (usize, &f32)| if rows.covered[i] { u8::from(p > threshold) } else { MASK_NODATA };
    SceneStrip {
        row_off: rows.row_off,
        rows: rows.rows,
        width,
        uncertainty: doubt(&planes.implied, threshold),
        // The scorer speaks of the label at the threshold it was trained at, whatever the user's is.
        raw_uncertainty: planes.raw_implied.as_deref().map(|implied| doubt(implied, CALIBRATED_AT)),
        mask: planes.probability.iter().enumerate().map(label).collect(),
        tiles: Vec::new(),
        probability: planes.probability.iter().enumerate().map(|(i, &p)| where_covered(i, p)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_threshold_moves_the_label_and_the_doubt_about_it() {
        let planes =
            BlendedPlanes { probability: vec![0.6, 0.6, 0.0], implied: vec![0.9, 0.9, 0.0], raw_implied: None };
        let rows = BlendedRows { row_off: 4, rows: 1, covered: vec![true, true, false], prompts: vec![planes] };
        let low = &cut(&rows, 3, 0.5)[0];
        assert_eq!((low.row_off, low.rows, low.width), (4, 1, 3));
        assert_eq!(low.mask, [1, 1, 255]);
        // The label "target" is wrong with probability 1 - 0.9.
        assert!((low.uncertainty[0] - 0.1).abs() < 1e-6);
        let high = &cut(&rows, 3, 0.7)[0];
        assert_eq!(high.mask, [0, 0, 255]);
        assert!((high.uncertainty[0] - 0.9).abs() < 1e-6);
        assert!(high.probability[2].is_nan() && high.uncertainty[2].is_nan());
    }
}
