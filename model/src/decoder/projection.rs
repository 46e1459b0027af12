//! One pyramid level brought to the decoder's width.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, Initializer};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::ops::ModelBackend;
use crate::ops::convolution::{Activation, convolve};
use crate::ops::group_norm::group_norm;

/// Sizes of a [`LevelProjection`].
#[derive(Config, Debug)]
pub struct LevelProjectionConfig {
    /// Channels of the tower's level.
    pub channels: usize,
    /// Channels of the decoder.
    pub width: usize,
    /// Groups of the normalisation.
    #[config(default = 32)]
    pub groups: usize,
    /// Whether the convolution has a bias (the decoder inputs do, the lateral of the FPN does not).
    #[config(default = true)]
    pub bias: bool,
}

/// 1x1 convolution and group normalisation, no activation.
#[derive(Module, Debug)]
pub struct LevelProjection<B: Backend> {
    convolution: Conv2d<B>,
    norm: GroupNorm<B>,
}

impl LevelProjectionConfig {
    /// A module with fresh weights (Xavier uniform).
    pub fn init<B: Backend>(&self, device: &B::Device) -> LevelProjection<B> {
        LevelProjection {
            convolution: Conv2dConfig::new([self.channels, self.width], [1, 1])
                .with_bias(self.bias)
                .with_initializer(Initializer::XavierUniform { gain: 1.0 })
                .init(device),
            norm: GroupNormConfig::new(self.groups, self.width).init(device),
        }
    }
}

impl<B: ModelBackend> LevelProjection<B> {
    /// # Shapes
    /// `[batch, channels, row, col]` to `[batch, width, row, col]`
    pub fn forward(&self, level: Tensor<B, 4>) -> Tensor<B, 4> {
        group_norm(&self.norm, convolve(&self.convolution, level, Activation::None))
    }
}
