//! From stride 8 to stride 4: the last step of the feature pyramid.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;

use crate::ops::ModelBackend;
use crate::ops::convolution::{Activation, convolve};
use crate::ops::group_norm::group_norm;
use crate::ops::resize::{Corners, bilinear};

/// Sizes of a [`PixelDecoder`].
#[derive(Config, Debug)]
pub struct PixelDecoderConfig {
    /// Channels of the stride-8 map that comes out of the encoder.
    pub width: usize,
    /// Channels at stride 4.
    pub fine_width: usize,
    /// Groups of the normalisation.
    #[config(default = 32)]
    pub groups: usize,
}

/// Upsampled stride-8 features plus the lateral of stride 4, smoothed by a 3x3 convolution.
#[derive(Module, Debug)]
pub struct PixelDecoder<B: Backend> {
    /// Present where the two widths differ.
    reduce: Option<Conv2d<B>>,
    smooth: Conv2d<B>,
    norm: GroupNorm<B>,
}

impl PixelDecoderConfig {
    /// A module with fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> PixelDecoder<B> {
        let narrower = self.width != self.fine_width;
        PixelDecoder {
            reduce: narrower.then(|| Conv2dConfig::new([self.width, self.fine_width], [1, 1]).init(device)),
            smooth: Conv2dConfig::new([self.fine_width, self.fine_width], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_bias(false)
                .init(device),
            norm: GroupNormConfig::new(self.groups, self.fine_width).init(device),
        }
    }
}

impl<B: ModelBackend> PixelDecoder<B> {
    /// The highest-resolution decoder feature F.
    ///
    /// # Shapes
    /// - `coarse`: `[batch, width, row / 2, col / 2]` at stride 8
    /// - `lateral`: `[batch, fine_width, row, col]` at stride 4
    /// - returns: the shape of `lateral`
    pub fn forward(&self, coarse: Tensor<B, 4>, lateral: Tensor<B, 4>) -> Tensor<B, 4> {
        let [_, _, rows, cols] = lateral.dims();
        let coarse = match &self.reduce {
            Some(reduce) => convolve(reduce, coarse, Activation::None),
            None => coarse,
        };
        let sum = bilinear(coarse, rows, cols, Corners::Free) + lateral;
        relu(group_norm(&self.norm, convolve(&self.smooth, sum, Activation::None)))
    }
}
