//! What crosses the border of this crate at inference: tiles in, plain planes out.

use crate::error::ModelError;

/// One tile as the pipeline read it.
///
/// # Shapes
/// `rgb`: `[3, row, col]`, `3 * side_px * side_px` values on the 8-bit scale, 0 to 255.
#[derive(Clone, Debug)]
pub struct TileImage {
    /// Side of the square tile in pixels.
    pub side_px: usize,
    /// Red, green and blue planes, one after the other.
    pub rgb: Vec<f32>,
}

/// What the model says about one tile and one prompt.
///
/// # Shapes
/// Every plane is `[row, col]`, `side_px * side_px` values in `[0, 1]`.
#[derive(Clone, Debug)]
pub struct TilePrediction {
    /// Calibrated probability that the pixel belongs to what the prompt refers to.
    pub probability: Vec<f32>,
    /// Calibrated probability that the label `probability > 0.5` is wrong.
    pub uncertainty: Vec<f32>,
    /// The scorer's own map (sigmoid of the RUS logit, eq. 3), when it was asked for.
    pub raw_uncertainty: Option<Vec<f32>>,
    /// Probability that what the prompt refers to is in the tile at all, of models with a presence head.
    pub presence: Option<f32>,
}

/// What the network says about one tile and one prompt before any calibration.
///
/// # Shapes
/// Both planes are `[row, col]`, `side_px * side_px` values.
#[derive(Clone, Debug)]
pub struct TileLogits {
    /// The refined mask logit.
    pub mask: Vec<f32>,
    /// The scorer's logit, resized to the mask as logits.
    pub rus: Vec<f32>,
    /// Probability that what the prompt refers to is in the tile at all, of models with a presence head.
    pub presence: Option<f32>,
}

/// Turns tiles into predictions for a fixed list of prompts.
///
/// Object safe, so that the pipeline can be driven by a predictor made of arithmetic.
pub trait TilePredictor: Send {
    /// Side in pixels of the tiles this predictor was made for.
    fn tile_px(&self) -> usize;

    /// Number of prompts answered for every tile.
    fn prompt_count(&self) -> usize;

    /// Predictions indexed `[tile][prompt]`; the image is encoded once however many prompts there are.
    ///
    /// A network takes tiles of any side that is a multiple of 32; the tiles of one call all have the same.
    ///
    /// # Errors
    /// A tile of a side that cannot be taken, or a device that fails.
    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError>;
}
