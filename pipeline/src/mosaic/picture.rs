//! Answers a picture held in memory as `segment` would answer a scene: same tiles, same padding, same blending.

use geo_io::{PixelSize, RgbWindow};
use model::{TileImage, TilePrediction, TilePredictor};

use crate::error::PipelineError;
use crate::mosaic::blend::label_uncertainty;
use crate::mosaic::canvas::{BlendedPlanes, Canvas};
use crate::stage::infer::checked;
use crate::stage::prepare::prepare;
use crate::stage::{TileContent, TilePixels};
use crate::tiling::{Overlap, TilePlan, TileSpec};

/// How a picture is cut into tiles.
#[derive(Clone, Copy, Debug)]
pub struct PictureTiling {
    /// What neighbouring tiles share.
    pub overlap: Overlap,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Whether the scorer's own map is wanted.
    pub raw_uncertainty: bool,
    /// Probability above which a pixel belongs to the mask: the label that the uncertainty speaks about.
    pub threshold: f32,
}

/// What the model says about a picture, one entry per prompt.
///
/// # Shapes
/// `planes`: `[3, row, col]` of the picture, 0 to 255. Predictions: `[row, col]` of the picture.
///
/// # Errors
/// A device that fails, an answer that is no prediction, or an overlap that leaves nothing of a tile.
pub fn answer_picture(
    predictor: &mut dyn TilePredictor,
    size: PixelSize,
    planes: &[f32],
    tiling: PictureTiling,
) -> Result<Vec<TilePrediction>, PipelineError> {
    let tile_px = predictor.tile_px();
    let plan = TilePlan::new(size, u32::try_from(tile_px).unwrap_or(u32::MAX), tiling.overlap)?;
    let mut canvas = Canvas::new(plan.clone(), predictor.prompt_count(), tiling.raw_uncertainty);
    let mut blended: Vec<BlendedPlanes> = Vec::new();
    let indices: Vec<usize> = (0..plan.len()).collect();
    for batch in indices.chunks(tiling.batch.max(1)) {
        let tiles: Vec<TileSpec> = batch.iter().map(|&index| plan.tile(index)).collect();
        let images: Vec<TileImage> = tiles.iter().filter_map(|tile| image(tile, size, planes, tile_px)).collect();
        let mut answers = predictor.predict(&images)?.into_iter();
        for tile in &tiles {
            let predictions = checked(tile.window, (predictor.prompt_count(), tile_px), answers.next())?;
            canvas.add(tile, &vec![1; tile.window.area_px()], &predictions);
            if tile.grid_col + 1 == plan.grid_cols() {
                canvas.finish_row(tile.grid_row, u32::MAX, |rows| {
                    append(&mut blended, rows.prompts);
                    Ok::<_, PipelineError>(())
                })?;
            }
        }
    }
    let doubt = |probability: &[f32], implied: &[f32]| -> Vec<f32> {
        probability.iter().zip(implied).map(|(&p, &q)| label_uncertainty(p, q, tiling.threshold)).collect()
    };
    let answers = blended.into_iter().map(|planes| TilePrediction {
        uncertainty: doubt(&planes.probability, &planes.implied),
        raw_uncertainty: planes.raw_implied.as_deref().map(|implied| doubt(&planes.probability, implied)),
        probability: planes.probability,
        presence: None,
    });
    Ok(answers.collect())
}

/// The tile's part of the picture as the model takes it.
pub(crate) fn image(tile: &TileSpec, size: PixelSize, planes: &[f32], tile_px: usize) -> Option<TileImage> {
    let window = tile.window;
    let (width, left) = (window.width as usize, window.col_off as usize);
    let mut rgb = Vec::with_capacity(3 * window.area_px());
    for plane in planes.chunks_exact(size.area_px() as usize) {
        for row in window.row_off..window.row_off + window.height {
            rgb.extend_from_slice(&plane[row as usize * size.width as usize + left..][..width]);
        }
    }
    let pixels = Ok(RgbWindow { window, rgb, valid: vec![1; window.area_px()] });
    match prepare(TilePixels { tile: *tile, pixels }, tile_px).content {
        TileContent::Picture(image) | TileContent::Blank(image, _) => Some(image),
        TileContent::Empty | TileContent::Failed(_) => None,
    }
}

fn append(all: &mut Vec<BlendedPlanes>, more: Vec<BlendedPlanes>) {
    if all.is_empty() {
        *all = more;
        return;
    }
    for (all, more) in all.iter_mut().zip(more) {
        all.probability.extend(more.probability);
        all.implied.extend(more.implied);
        if let (Some(all), Some(more)) = (&mut all.raw_implied, more.raw_implied) {
            all.extend(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::ModelError;

    use super::*;

    /// Says for each pixel how red it is.
    struct Redness;

    const TILING: PictureTiling =
        PictureTiling { overlap: Overlap::Px(32), batch: 3, raw_uncertainty: false, threshold: 0.5 };

    /// Says too little: nothing, or planes of another size.
    struct Broken(Vec<Vec<TilePrediction>>);

    impl TilePredictor for Broken {
        fn tile_px(&self) -> usize {
            64
        }

        fn prompt_count(&self) -> usize {
            1
        }

        fn predict(&mut self, _: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
            Ok(self.0.clone())
        }
    }

    impl TilePredictor for Redness {
        fn tile_px(&self) -> usize {
            64
        }

        fn prompt_count(&self) -> usize {
            1
        }

        fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
            let answer = |tile: &TileImage| {
                let probability: Vec<f32> = tile.rgb[..64 * 64].iter().map(|red| red / 255.0).collect();
                let uncertainty = probability.iter().map(|p| p.min(1.0 - p)).collect();
                vec![TilePrediction { probability, uncertainty, raw_uncertainty: None, presence: None }]
            };
            Ok(tiles.iter().map(answer).collect())
        }
    }

    #[test]
    fn a_picture_larger_or_smaller_than_a_tile_is_answered_pixel_by_pixel() {
        for (width, height) in [(150, 70), (10, 3), (64, 64)] {
            let size = PixelSize { width, height };
            let area = size.area_px() as usize;
            let planes: Vec<f32> = (0..3 * area).map(|i| (i % 251) as f32).collect();
            let answer = answer_picture(&mut Redness, size, &planes, TILING).unwrap();
            assert_eq!(answer[0].probability.len(), area);
            for (i, (p, u)) in answer[0].probability.iter().zip(&answer[0].uncertainty).enumerate() {
                let red = (i % 251) as f32 / 255.0;
                assert!((p - red).abs() < 1e-6, "pixel {i} of {width}x{height}");
                assert!((u - red.min(1.0 - red)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn an_answer_that_is_no_prediction_is_refused() {
        let plane = |value: f32, len| TilePrediction {
            probability: vec![value; len],
            uncertainty: vec![0.5; len],
            raw_uncertainty: None,
            presence: None,
        };
        let size = PixelSize { width: 10, height: 10 };
        for (answer, reason) in [
            (Vec::new(), "there is none"),
            (vec![Vec::new()], "0 planes for 1 prompts"),
            (vec![vec![plane(0.5, 63)]], "63 values for 4096 pixels"),
            (vec![vec![plane(f32::NAN, 64 * 64)]], "NaN is no probability"),
        ] {
            let error = answer_picture(&mut Broken(answer), size, &[0.0; 300], TILING).unwrap_err();
            assert!(error.to_string().ends_with(reason), "{error}");
        }
    }

    #[test]
    fn the_uncertainty_speaks_of_the_label_at_the_threshold() {
        // Red 0.4 x 255: label "no" at 0.5 with doubt 0.4; at 0.3 the label is "yes", and its doubt 0.6.
        let size = PixelSize { width: 4, height: 4 };
        for (threshold, doubt) in [(0.5, 0.4), (0.3, 0.6)] {
            let tiling = PictureTiling { threshold, ..TILING };
            let answer = answer_picture(&mut Redness, size, &[102.0; 48], tiling).unwrap();
            assert!((answer[0].uncertainty[5] - doubt).abs() < 1e-6, "{}", answer[0].uncertainty[5]);
        }
    }
}
