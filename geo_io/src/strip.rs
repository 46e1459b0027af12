//! Finished rows of a scene, as the stitcher hands them on.

use std::ops::Range;

/// Full-width finished rows `[row_off, row_off + rows)` of one prompt.
///
/// # Shapes
/// Every plane is `[row, col]` with `rows * width` values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SceneStrip {
    /// First row of the strip in the scene.
    pub row_off: u32,
    /// Number of rows.
    pub rows: u32,
    /// Width of the scene.
    pub width: u32,
    /// Probability, NaN where there is no result.
    pub probability: Vec<f32>,
    /// Probability that the label is wrong, NaN where there is no result.
    pub uncertainty: Vec<f32>,
    /// 1 where the probability is above the threshold, 0 where not, 255 where there is no result.
    pub mask: Vec<u8>,
    /// The scorer's own map, when it was asked for; NaN where there is no result.
    pub raw_uncertainty: Option<Vec<f32>>,
    /// The tiles that rows of the strip lie in and that the model has answered.
    pub tiles: Vec<StripTile>,
}

/// A tile that rows of a strip lie in.
#[derive(Clone, Debug, PartialEq)]
pub struct StripTile {
    /// What it is told apart by from others of the scene.
    pub number: u32,
    /// Rows of the scene that it covers.
    pub rows: Range<u32>,
    /// Columns of the scene that it covers.
    pub cols: Range<u32>,
    /// How likely it is, 0 to 1, that it holds what is asked for at all; of models that tell.
    pub presence: Option<f32>,
}
