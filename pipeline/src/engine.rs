//! Opens the model: the only place that knows how a segmenter is built.

use std::path::Path;

use model::{DeviceChoice, TilePredictor};

use crate::error::PipelineError;
use crate::report::ModelReport;

/// How to open a model.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// The device to compute on.
    pub device: DeviceChoice,
    /// Whether the scorer's own map is wanted.
    pub raw_uncertainty: bool,
    /// Whether the presence gate may close tiles.
    pub gate: bool,
    /// Whether probabilities and uncertainties are calibrated.
    pub calibrate: bool,
}
