//! Asks the model about the whole scene at once, for prompts whose frame it is, beside others answered by tiles.

use geo_io::{PixelSize, PixelWindow, Scene};
use model::{Segmenter, TilePrediction, TilePredictor};
use tokio::sync::oneshot;

use crate::error::PipelineError;
use crate::mosaic::blend::implied_probability;
use crate::mosaic::canvas::{BlendedPlanes, BlendedRows};
use crate::stage::infer::checked;
use crate::stage::prepare::prepare;
use crate::stage::{TileContent, TilePixels};
use crate::tiling::TileSpec;
use crate::view::rescaled::{Rescaled, View};

/// Shows the model the whole scene in one view.
pub struct SceneView {
    /// The scene, opened for this view alone.
    pub scene: Scene,
    /// How it is shown.
    pub view: View,
    /// What is asked about it.
    pub prompts: Vec<String>,
    /// What the model is to be asked afterwards, tile by tile.
    pub then: Vec<String>,
    /// Takes the answers.
    pub output: oneshot::Sender<Vec<BlendedPlanes>>,
}

impl SceneView {
    /// Gets the answers and sends them on; afterwards the model is ready for tiles.
    ///
    /// # Errors
    /// A scene that cannot be read, a device that fails, or an answer that is no prediction.
    pub fn answer(self, segmenter: &mut dyn Segmenter) -> Result<(), PipelineError> {
        let Self { scene, view, prompts, then, output } = self;
        let size = scene.info().size;
        let window = PixelWindow::whole(size);
        let tile = TileSpec { index: 0, grid_row: 0, grid_col: 0, window };
        // Without the whole scene there is no answer about it, so this is never a hole.
        let pixels = Ok(scene.read_rgb(window)?);
        let planes = match prepare(TilePixels { tile, pixels }, view.side_px).content {
            // Nothing in the scene is data, so nobody will read these.
            TileContent::Empty | TileContent::Failed(_) => {
                let nothing = vec![0.0; window.area_px()];
                let planes = BlendedPlanes {
                    probability: nothing.clone(),
                    implied: nothing.clone(),
                    raw_implied: Some(nothing),
                };
                vec![planes; prompts.len()]
            }
            TileContent::Picture(image) | TileContent::Blank(image, _) => {
                segmenter.ask(&prompts)?;
                let answers = Rescaled::new(segmenter, &view).predict(&[image])?;
                let answers = checked(window, (prompts.len(), view.side_px), answers.into_iter().next())?;
                segmenter.ask(&then)?;
                answers.iter().map(|answer| cropped(answer, view.side_px, size)).collect()
            }
        };
        // The next stage has stopped when this fails; its own error is the one to report.
        let _ = output.send(planes);
        Ok(())
    }
}

/// The part of a square answer that lies on the scene, in the terms of blended tiles.
fn cropped(answer: &TilePrediction, side_px: usize, size: PixelSize) -> BlendedPlanes {
    let (width, height) = (size.width as usize, size.height as usize);
    let crop = |value: &dyn Fn(usize) -> f32| -> Vec<f32> {
        (0..height).flat_map(|row| (0..width).map(move |col| row * side_px + col)).map(value).collect()
    };
    let TilePrediction { probability, uncertainty, raw_uncertainty, .. } = answer;
    BlendedPlanes {
        probability: crop(&|i| probability[i]),
        implied: crop(&|i| implied_probability(probability[i], uncertainty[i])),
        raw_implied: raw_uncertainty.as_ref().map(|raw| crop(&|i| implied_probability(probability[i], raw[i]))),
    }
}

/// Where the answers about the whole scene come out.
pub struct SceneAnswers {
    /// The numbers of their prompts, ascending.
    pub numbers: Vec<usize>,
    /// Gives the answers.
    pub input: oneshot::Receiver<Vec<BlendedPlanes>>,
}

impl SceneAnswers {
    /// The answers, once they are there, to be given out row by row.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] when there will be none.
    pub fn wait(self) -> Result<SceneRows, PipelineError> {
        let numbers = self.numbers.clone();
        Ok(SceneRows { numbers, planes: self.planes()? })
    }

    /// The answers as they are, once they are there.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] when there will be none.
    pub fn planes(self) -> Result<Vec<BlendedPlanes>, PipelineError> {
        self.input.blocking_recv().map_err(|_| PipelineError::Stopped("infer"))
    }
}

/// Answers about the whole scene, to be given out row by row.
pub struct SceneRows {
    numbers: Vec<usize>,
    planes: Vec<BlendedPlanes>,
}

impl SceneRows {
    /// The numbers of the prompts answered so, ascending.
    pub(crate) fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    /// Puts the same rows of these answers among those that were blended from tiles, in the order of the prompts. The
    /// rows are of a `part` of the scene, which is `width` wide.
    pub fn join(&self, rows: &mut BlendedRows, width: u32, part: PixelWindow) {
        let start = |row: u32| (part.row_off + row) as usize * width as usize + part.col_off as usize;
        let cut = |plane: &Vec<f32>| -> Vec<f32> {
            let rows = (rows.row_off..rows.row_off + rows.rows).map(start);
            rows.flat_map(|at| plane[at..at + part.width as usize].iter().copied()).collect()
        };
        let cut: Vec<BlendedPlanes> = self
            .planes
            .iter()
            .map(|planes| BlendedPlanes {
                probability: cut(&planes.probability),
                implied: cut(&planes.implied),
                raw_implied: planes.raw_implied.as_ref().map(cut),
            })
            .collect();
        for (&number, planes) in self.numbers.iter().zip(cut) {
            rows.prompts.insert(number, planes);
        }
    }
}
