//! Vision towers: from RGB to features at strides 4, 8, 16 and 32.
//!
//! Each tower normalises its pixels itself, because how it wants them belongs to its weights.

pub mod block;
pub mod convnext;
pub mod efficientnet_lite;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::ops::ModelBackend;

pub use convnext::{ConvNext, ConvNextConfig};
pub use efficientnet_lite::{EfficientNetLite, EfficientNetLiteConfig};

/// Which vision tower to build.
///
/// In a configuration: `{"kind": "efficientnet_lite", "variant": 0}`, or
/// `{"kind": "convnext", "depths": [3, 3, 27, 3], "channels": [128, 256, 512, 1024]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VisionConfig {
    /// ConvNeXt, the paper's choice.
    Convnext(ConvNextConfig),
    /// EfficientNet-Lite, for machines without a GPU.
    EfficientnetLite(EfficientNetLiteConfig),
}

/// A vision tower of either kind.
///
/// Weights are named as if the enum were not there: `stem.weight`, not `EfficientnetLite.stem.weight`.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a model has one tower; a box would only add a step to reach it")]
pub enum VisionTower<B: Backend> {
    /// ConvNeXt.
    Convnext(ConvNext<B>),
    /// EfficientNet-Lite.
    EfficientnetLite(EfficientNetLite<B>),
}

impl VisionConfig {
    /// Channels at strides 4, 8, 16 and 32.
    #[must_use]
    pub fn channels(&self) -> [usize; 4] {
        match self {
            Self::Convnext(config) => config.channels,
            Self::EfficientnetLite(config) => config.channels(),
        }
    }

    /// What makes the configuration impossible, if anything does.
    ///
    /// # Errors
    /// An EfficientNet-Lite above 4, or a ConvNeXt without channels.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::EfficientnetLite(config) if !config.is_valid() => {
                Err(format!("there is no EfficientNet-Lite{}: choose 0 to 4", config.variant))
            }
            Self::Convnext(config) if config.channels.contains(&0) => {
                Err("a ConvNeXt needs channels at every level".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// A tower with random weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> VisionTower<B> {
        match self {
            Self::Convnext(config) => VisionTower::Convnext(config.init(device)),
            Self::EfficientnetLite(config) => VisionTower::EfficientnetLite(config.init(device)),
        }
    }
}

impl<B: Backend> VisionTower<B> {
    /// The tower with stochastic depth in training, see [`ConvNext::with_drop_path`]; an EfficientNet-Lite has none.
    #[must_use]
    pub fn with_drop_path(self, share: f64) -> Self {
        match self {
            Self::Convnext(tower) => Self::Convnext(tower.with_drop_path(share)),
            Self::EfficientnetLite(tower) => Self::EfficientnetLite(tower),
        }
    }
}

impl<B: ModelBackend> VisionTower<B> {
    /// Image features at strides 4, 8, 16 and 32.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, row, col]`, RGB on the scale 0 to 255; rows and columns divide by 32 in this project
    /// - returns: four of `[batch, channel, row / stride, col / stride]`, channels as [`VisionConfig::channels`]
    pub fn forward(&self, images: Tensor<B, 4>) -> Vec<Tensor<B, 4>> {
        match self {
            Self::Convnext(tower) => tower.forward(images),
            Self::EfficientnetLite(tower) => tower.forward(images),
        }
    }
}
