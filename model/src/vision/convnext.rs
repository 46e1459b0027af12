//! ConvNeXt, tiny to xlarge, with a norm on each output level as the dense-prediction variant has it.
//!
//! # Source
//! The paper names ConvNeXt-B as its image encoder (section IV) and prints the widths of ConvNeXt-XL; every weight
//! file there is for B has 128 to 1024 channels, so that is what `base` means here. The widths are a config value.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::ops::ModelBackend;
use crate::ops::convolution::{Activation, convolve};
use crate::ops::feed_forward::{Middle, feed_forward};
use crate::ops::linear::{map_to_tokens, tokens_to_map};
use crate::ops::noise::drop_path;

/// Layer norm epsilon of ConvNeXt.
const NORM_EPSILON: f64 = 1e-6;
/// First value of the layer scale.
const INITIAL_SCALE: f64 = 1e-6;
/// Mean and standard deviation of ImageNet's pixels, on the scale 0 to 1.
const PIXEL_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const PIXEL_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Depth and width of a ConvNeXt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvNextConfig {
    /// Blocks of each stage.
    pub depths: [usize; 4],
    /// Channels of each stage, at strides 4, 8, 16 and 32.
    pub channels: [usize; 4],
}

/// A pyramid of image features from a ConvNeXt, without its classifier.
#[derive(Module, Debug)]
pub struct ConvNext<B: Backend> {
    downsample: Vec<Downsample<B>>,
    stages: Vec<Vec<ConvNextBlock<B>>>,
    norms: Vec<LayerNorm<B>>,
}

/// Halves rows and columns, or quarters them at the stem.
#[derive(Module, Debug)]
pub struct Downsample<B: Backend> {
    norm: LayerNorm<B>,
    conv: Conv2d<B>,
    /// The stem normalises after its convolution, the others before.
    #[module(skip)]
    norm_first: bool,
}

/// Depthwise 7x7, norm, two linear layers with GELU between them, scaled and added to the input.
#[derive(Module, Debug)]
pub struct ConvNextBlock<B: Backend> {
    depthwise: Conv2d<B>,
    norm: LayerNorm<B>,
    widen: Linear<B>,
    narrow: Linear<B>,
    scale: Param<Tensor<B, 1>>,
    /// Share of the samples that skip this block in training.
    #[module(skip)]
    drop_path: f64,
}

impl ConvNextConfig {
    /// ConvNeXt-T.
    #[must_use]
    pub fn tiny() -> Self {
        Self::of([3, 3, 9, 3], 96)
    }

    /// ConvNeXt-S.
    #[must_use]
    pub fn small() -> Self {
        Self::of([3, 3, 27, 3], 96)
    }

    /// ConvNeXt-B, the paper's.
    #[must_use]
    pub fn base() -> Self {
        Self::of([3, 3, 27, 3], 128)
    }

    /// ConvNeXt-L.
    #[must_use]
    pub fn large() -> Self {
        Self::of([3, 3, 27, 3], 192)
    }

    /// ConvNeXt-XL.
    #[must_use]
    pub fn xlarge() -> Self {
        Self::of([3, 3, 27, 3], 256)
    }

    fn of(depths: [usize; 4], first: usize) -> Self {
        Self { depths, channels: [first, 2 * first, 4 * first, 8 * first] }
    }

    /// A tower with random weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> ConvNext<B> {
        let channels = self.channels;
        let downsample = (0..4)
            .map(|stage| match stage {
                0 => Downsample::init([3, channels[0]], 4, false, device),
                _ => Downsample::init([channels[stage - 1], channels[stage]], 2, true, device),
            })
            .collect();
        let stages = (0..4)
            .map(|stage| (0..self.depths[stage]).map(|_| ConvNextBlock::init(channels[stage], device)).collect())
            .collect();
        ConvNext { downsample, stages, norms: channels.map(|width| layer_norm(width, device)).into() }
    }
}

impl<B: ModelBackend> ConvNext<B> {
    /// Image features at strides 4, 8, 16 and 32.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, row, col]`, RGB on the scale 0 to 255
    /// - returns: four of `[batch, channel, row / stride, col / stride]`, rounded down
    pub fn forward(&self, images: Tensor<B, 4>) -> Vec<Tensor<B, 4>> {
        let mut features = normalize(images);
        let mut levels = Vec::with_capacity(self.norms.len());
        for ((downsample, blocks), norm) in self.downsample.iter().zip(&self.stages).zip(&self.norms) {
            features = downsample.forward(features);
            for block in blocks {
                features = block.forward(features);
            }
            levels.push(norm_channels(norm, features.clone()));
        }
        levels
    }
}

impl<B: Backend> ConvNext<B> {
    /// The tower with stochastic depth: training leaves out the last block for this share of the samples, earlier
    /// blocks for a share that grows evenly from 0 at the first.
    #[must_use]
    pub fn with_drop_path(mut self, share: f64) -> Self {
        let blocks = self.stages.iter().map(Vec::len).sum::<usize>();
        for (index, block) in self.stages.iter_mut().flatten().enumerate() {
            block.drop_path = share * index as f64 / blocks.saturating_sub(1).max(1) as f64;
        }
        self
    }
}

impl<B: Backend> Downsample<B> {
    fn init(channels: [usize; 2], stride: usize, norm_first: bool, device: &B::Device) -> Self {
        Self {
            norm: layer_norm(channels[usize::from(!norm_first)], device),
            conv: Conv2dConfig::new(channels, [stride, stride]).with_stride([stride, stride]).init(device),
            norm_first,
        }
    }
}

impl<B: ModelBackend> Downsample<B> {
    fn forward(&self, features: Tensor<B, 4>) -> Tensor<B, 4> {
        if self.norm_first {
            self.conv.forward(norm_channels(&self.norm, features))
        } else {
            norm_channels(&self.norm, self.conv.forward(features))
        }
    }
}

impl<B: Backend> ConvNextBlock<B> {
    fn init(channels: usize, device: &B::Device) -> Self {
        Self {
            depthwise: Conv2dConfig::new([channels, channels], [7, 7])
                .with_padding(PaddingConfig2d::Explicit(3, 3, 3, 3))
                .with_groups(channels)
                .init(device),
            norm: layer_norm(channels, device),
            widen: LinearConfig::new(channels, 4 * channels).init(device),
            narrow: LinearConfig::new(4 * channels, channels).init(device),
            scale: Initializer::Constant { value: INITIAL_SCALE }.init([channels], device),
            drop_path: 0.0,
        }
    }
}

impl<B: ModelBackend> ConvNextBlock<B> {
    fn forward(&self, features: Tensor<B, 4>) -> Tensor<B, 4> {
        let (tokens, grid) = to_tokens(convolve(&self.depthwise, features.clone(), Activation::None));
        let narrow = feed_forward([&self.widen, &self.narrow], Middle::Gelu, self.norm.forward(tokens));
        let narrow = narrow * self.scale.val().unsqueeze();
        features + drop_path(to_grid(narrow, grid), self.drop_path)
    }
}

/// Pixels minus ImageNet's mean, divided by its standard deviation.
fn normalize<B: Backend>(images: Tensor<B, 4>) -> Tensor<B, 4> {
    let plane = |values: [f32; 3]| {
        let data = TensorData::new(values.to_vec(), [1, 3, 1, 1]);
        Tensor::<B, 4>::from_data(data, &images.device())
    };
    let mean = plane(PIXEL_MEAN.map(|value| value * 255.0));
    let std = plane(PIXEL_STD.map(|value| value * 255.0));
    (images - mean) / std
}

fn layer_norm<B: Backend>(width: usize, device: &B::Device) -> LayerNorm<B> {
    LayerNormConfig::new(width).with_epsilon(NORM_EPSILON).init(device)
}

/// Layer norm over the channels of each pixel.
fn norm_channels<B: ModelBackend>(norm: &LayerNorm<B>, features: Tensor<B, 4>) -> Tensor<B, 4> {
    let (tokens, grid) = to_tokens(features);
    to_grid(norm.forward(tokens), grid)
}

/// Pixels as rows of a matrix, for layers that are many times slower on four dimensions; and `[batch, row, col]`.
///
/// # Shapes
/// `[batch, channel, row, col]` to `[batch * row * col, channel]`
fn to_tokens<B: ModelBackend>(features: Tensor<B, 4>) -> (Tensor<B, 2>, [usize; 3]) {
    let [batch, channels, rows, cols] = features.dims();
    let tokens = map_to_tokens(features).reshape([batch * rows * cols, channels]);
    (tokens, [batch, rows, cols])
}

/// The way back from [`to_tokens`].
fn to_grid<B: ModelBackend>(tokens: Tensor<B, 2>, [batch, rows, cols]: [usize; 3]) -> Tensor<B, 4> {
    let [_, channels] = tokens.dims();
    tokens_to_map(tokens.reshape([batch, rows * cols, channels]), rows, cols)
}
