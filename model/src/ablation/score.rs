//! Scores one model folder: whole pictures at the side of training, no gate, calibrated.

use std::path::Path;

use super::AblationRequest;
use crate::dataset::RgbImage;
use crate::dataset::resize::resized_bilinear;
use crate::error::ModelError;
use crate::evaluation::{EvalOptions, EvalReport, EvalRequest, Protocol, ScenePrediction, evaluate};
use crate::segmenter::{SegmenterOptions, open_segmenter};
use crate::tile::{TileImage, TilePrediction};

/// The report on the model in `folder`, record by record.
///
/// The gate is left open: it is fitted on few phrases without a target, and would add its luck to every row.
pub(super) fn score(request: &AblationRequest, folder: &Path) -> Result<EvalReport, ModelError> {
    let mut options = EvalOptions::new(Protocol::Segment);
    options.gate = false;
    let mut rules = EvalRequest::new(&request.records, &request.images, options);
    rules.split = request.split.clone();
    rules.keep_records = true;
    let opened = SegmenterOptions {
        device: request.device,
        raw_uncertainty: true,
        gate: false,
        min_presence: None,
        calibrate: true,
        cut_long_prompts: true,
    };
    let mut segmenter = open_segmenter(folder, &opened)?;
    let side_px = segmenter.info().tile_px;
    let mut predict = |picture: &RgbImage, phrases: &[String]| {
        segmenter.ask(phrases)?;
        let rgb = resized_bilinear(picture, side_px, side_px).to_planes();
        let answers = segmenter.predict(&[TileImage { side_px, rgb }])?;
        let grid = Grid { side_px, rows: picture.rows, cols: picture.cols };
        Ok(answers.into_iter().flatten().map(|answer| grid.scene(answer)).collect())
    };
    evaluate::<ModelError>(&rules, &mut predict, &mut |_, _| ())
}

/// From a tile back to the picture it was made from.
struct Grid {
    side_px: usize,
    rows: usize,
    cols: usize,
}

impl Grid {
    fn scene(&self, answer: TilePrediction) -> ScenePrediction {
        ScenePrediction {
            probability: self.plane(answer.probability),
            uncertainty: self.plane(answer.uncertainty),
            raw_uncertainty: answer.raw_uncertainty.map(|plane| self.plane(plane)),
        }
    }

    /// Each pixel of the picture takes the tile's pixel under its centre.
    fn plane(&self, tile: Vec<f32>) -> Vec<f32> {
        if (self.rows, self.cols) == (self.side_px, self.side_px) {
            return tile;
        }
        let under = |at: usize, count: usize| ((2 * at + 1) * self.side_px / (2 * count)).min(self.side_px - 1);
        (0..self.rows)
            .flat_map(|row| (0..self.cols).map(move |col| (row, col)))
            .map(|(row, col)| tile[under(row, self.rows) * self.side_px + under(col, self.cols)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_goes_back_onto_the_picture() {
        // Two pixels a side onto two rows of four columns: each column twice.
        let grid = Grid { side_px: 2, rows: 2, cols: 4 };
        assert_eq!(grid.plane(vec![0.1, 0.2, 0.3, 0.4]), [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]);
    }
}
