//! A model folder as a predictor of tiles: the face that inference shows to the outside.

mod network;

use std::path::{Path, PathBuf};

use crate::config::ModelConfig;
use crate::device::{DeviceChoice, ResolvedDevice};
use crate::error::ModelError;
use crate::segmenter::network::Network;
use crate::store::StoredModel;
use crate::tile::{TileImage, TileLogits, TilePredictor};
use crate::weights::ModelFolder;

/// How a model is opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmenterOptions {
    /// The device to compute on.
    pub device: DeviceChoice,
    /// Whether the scorer's own map is wanted too.
    pub raw_uncertainty: bool,
    /// Whether a tile without a target is silenced by the presence head.
    pub gate: bool,
    /// Presence below which a tile is silenced, instead of the fitted one.
    pub min_presence: Option<f64>,
    /// Whether the fitted calibration is applied; without it, plain sigmoids.
    pub calibrate: bool,
    /// Whether a prompt of too many tokens is cut, as the published protocol does, instead of refused.
    pub cut_long_prompts: bool,
}

impl Default for SegmenterOptions {
    fn default() -> Self {
        Self {
            device: DeviceChoice::Auto,
            raw_uncertainty: false,
            gate: true,
            min_presence: None,
            calibrate: true,
            cut_long_prompts: false,
        }
    }
}

/// What a report says about the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Name in its configuration.
    pub name: String,
    /// Hash over its files.
    pub hash: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// The device it runs on.
    pub device: String,
    /// Side of its tiles.
    pub tile_px: usize,
    /// Largest side at which a whole scene is shown to it.
    pub frame_px: usize,
    /// Longer side up to which a scene is shown to it in one view whatever is asked.
    pub one_view_px: usize,
    /// Smallest and largest pixel size in metres that it was trained on.
    pub pixel_size_m: [f64; 2],
    /// WordPiece tokens kept of a prompt.
    pub max_tokens: usize,
}

/// A predictor that can be asked other prompts without reading its weights again.
pub trait Segmenter: TilePredictor {
    /// Sets the prompts that the next tiles are asked.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] for a prompt that cannot be answered.
    fn ask(&mut self, prompts: &[String]) -> Result<(), ModelError>;

    /// What a report says about the model.
    fn info(&self) -> &ModelInfo;

    /// The nearest things that the model was trained on, where a prompt names none of them; `None` where it does, or
    /// where the model does not say what it was trained on.
    ///
    /// # Errors
    /// A prompt that cannot be read, or a device that fails.
    fn nearest_known(&self, prompt: &str) -> Result<Option<Vec<String>>, ModelError> {
        let _ = prompt;
        Ok(None)
    }
}

/// A model that says what it thinks before any calibration, for whoever fits one.
pub trait LogitSource {
    /// Sets the prompts that the next tiles are asked; those of too many tokens are cut.
    ///
    /// # Errors
    /// [`ModelError::Prompt`] for a prompt that cannot be read.
    fn ask(&mut self, prompts: &[String]) -> Result<(), ModelError>;

    /// What a report says about the model.
    fn info(&self) -> &ModelInfo;

    /// Its configuration.
    fn config(&self) -> &ModelConfig;

    /// What it says about a tile, one entry per prompt.
    ///
    /// # Errors
    /// A tile of a side that cannot be taken, or a device that fails.
    fn logits(&mut self, tile: &TileImage) -> Result<Vec<TileLogits>, ModelError>;
}

/// The model in `folder`, ready to be asked.
///
/// # Errors
/// A folder that is missing, damaged or of another shape, or a device that is not there.
pub fn open_segmenter(folder: &Path, options: &SegmenterOptions) -> Result<Box<dyn Segmenter>, ModelError> {
    match options.device.resolve()? {
        #[cfg(feature = "cpu")]
        device @ ResolvedDevice::Cpu(inner) => {
            Ok(Box::new(Network::<crate::device::Cpu>::open(folder, options, inner, device.to_string())?))
        }
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(inner) => {
            let name = ResolvedDevice::Cuda(inner.clone()).to_string();
            Ok(Box::new(Network::<crate::device::Cuda>::open(folder, options, inner, name)?))
        }
    }
}

/// A model of these sizes with random weights and the tokenizer of the model in `folder`, to measure how long it takes.
///
/// # Errors
/// A tokenizer that cannot be read or does not fit, or a device that is not there.
pub fn untrained_segmenter(
    config: &ModelConfig,
    folder: &Path,
    options: &SegmenterOptions,
) -> Result<Box<dyn Segmenter>, ModelError> {
    let tokenizer = ModelFolder::open(folder)?.tokenizer(config.max_tokens)?;
    match options.device.resolve()? {
        #[cfg(feature = "cpu")]
        device @ ResolvedDevice::Cpu(inner) => {
            let (config, name) = (config.clone(), device.to_string());
            let model = config.init(&inner);
            let stored = StoredModel { config, model, tokenizer, hash: String::new() };
            Ok(Box::new(Network::<crate::device::Cpu>::new(folder, stored, options, inner, name)))
        }
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(inner) => {
            let (config, name) = (config.clone(), ResolvedDevice::Cuda(inner.clone()).to_string());
            let model = config.init(&inner);
            let stored = StoredModel { config, model, tokenizer, hash: String::new() };
            Ok(Box::new(Network::<crate::device::Cuda>::new(folder, stored, options, inner, name)))
        }
    }
}

/// The model in `folder`, to be asked for its logits.
///
/// # Errors
/// As [`open_segmenter`].
pub fn open_logits(folder: &Path, device: DeviceChoice) -> Result<Box<dyn LogitSource>, ModelError> {
    let options = SegmenterOptions { device, cut_long_prompts: true, ..SegmenterOptions::default() };
    match device.resolve()? {
        #[cfg(feature = "cpu")]
        device @ ResolvedDevice::Cpu(inner) => {
            Ok(Box::new(Network::<crate::device::Cpu>::open(folder, &options, inner, device.to_string())?))
        }
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(inner) => {
            let name = ResolvedDevice::Cuda(inner.clone()).to_string();
            Ok(Box::new(Network::<crate::device::Cuda>::open(folder, &options, inner, name)?))
        }
    }
}
