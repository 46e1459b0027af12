//! EfficientNet-Lite 0 to 4: inverted residuals with ReLU6 and without squeeze-and-excitation.
//!
//! Batch norm is kept out of the module. In this project its running statistics are always frozen, and a frozen batch
//! norm is one multiplication and one addition per channel, which the convolution before it can do itself: with
//! `s = gamma / sqrt(variance + 1e-3)`, weight `w * s` and bias `beta - mean * s`. The fold happens once, where the
//! weights are converted ([`crate::weights::convert`]), and is exact up to the rounding of f32. Training goes on from
//! the folded weights: every function the frozen pair can express, the folded convolution can express too.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use super::block::{InvertedResidual, InvertedResidualConfig, same_conv};
use crate::ops::ModelBackend;
use crate::ops::convolution::{Activation, convolve};

/// Channels of the stem, the same in every variant.
const STEM_CHANNELS: usize = 32;

/// Pixels enter as `(x - 127) / 128`.
const PIXEL_MEAN: f32 = 127.0;
const PIXEL_SCALE: f32 = 128.0;

/// One row of the architecture table: blocks of one width.
struct Group {
    repeats: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    channels: usize,
}

/// The table of EfficientNet-B0, which the variants widen and deepen.
const GROUPS: [Group; 7] = [
    group(1, 3, 1, 1, 16),
    group(2, 3, 2, 6, 24),
    group(2, 5, 2, 6, 40),
    group(3, 3, 2, 6, 80),
    group(3, 5, 1, 6, 112),
    group(4, 5, 2, 6, 192),
    group(1, 3, 1, 6, 320),
];

/// Groups whose last block is the deepest at strides 4, 8, 16 and 32.
const LEVEL_GROUPS: [usize; 4] = [1, 2, 4, 6];

const fn group(repeats: usize, kernel: usize, stride: usize, expansion: usize, channels: usize) -> Group {
    Group { repeats, kernel, stride, expansion, channels }
}

/// Which EfficientNet-Lite to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EfficientNetLiteConfig {
    /// 0 to 4, from the smallest to the largest.
    pub variant: u8,
}

/// A pyramid of image features from an EfficientNet-Lite, without its classifier.
#[derive(Module, Debug)]
pub struct EfficientNetLite<B: Backend> {
    stem: Conv2d<B>,
    blocks: Vec<InvertedResidual<B>>,
    /// Index of the block that ends each level.
    #[module(skip)]
    level_ends: [usize; 4],
}

impl EfficientNetLiteConfig {
    /// Whether the variant exists.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.variant <= 4
    }

    /// Channels at strides 4, 8, 16 and 32.
    #[must_use]
    pub fn channels(&self) -> [usize; 4] {
        LEVEL_GROUPS.map(|index| self.width(GROUPS[index].channels))
    }

    /// The blocks from the stem to the last level, in order.
    #[must_use]
    pub fn blocks(&self) -> Vec<InvertedResidualConfig> {
        let mut channels_in = STEM_CHANNELS;
        let mut blocks = Vec::new();
        for (index, group) in GROUPS.iter().enumerate() {
            let channels_out = self.width(group.channels);
            for repeat in 0..self.depth(index) {
                blocks.push(InvertedResidualConfig {
                    channels_in,
                    channels_out,
                    expansion: group.expansion,
                    kernel: group.kernel,
                    stride: if repeat == 0 { group.stride } else { 1 },
                });
                channels_in = channels_out;
            }
        }
        blocks
    }

    /// A tower with random weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> EfficientNetLite<B> {
        let level_ends =
            LEVEL_GROUPS.map(|last_group| (0..=last_group).map(|index| self.depth(index)).sum::<usize>() - 1);
        EfficientNetLite::from_blocks(&self.blocks(), level_ends, device)
    }

    /// Factors of width and depth.
    fn factors(&self) -> (f64, f64) {
        match self.variant {
            0 => (1.0, 1.0),
            1 => (1.0, 1.1),
            2 => (1.1, 1.2),
            3 => (1.2, 1.4),
            _ => (1.4, 1.8),
        }
    }

    /// Channels after widening: the nearest multiple of 8 that loses no more than a tenth.
    fn width(&self, channels: usize) -> usize {
        let wanted = channels as f64 * self.factors().0;
        let rounded = ((wanted + 4.0) as usize / 8 * 8).max(8);
        if (rounded as f64) < 0.9 * wanted { rounded + 8 } else { rounded }
    }

    /// Blocks of a group after deepening; the first and the last group keep theirs.
    fn depth(&self, index: usize) -> usize {
        let repeats = GROUPS[index].repeats;
        if index == 0 || index == GROUPS.len() - 1 {
            repeats
        } else {
            (repeats as f64 * self.factors().1).ceil() as usize
        }
    }
}

impl<B: Backend> EfficientNetLite<B> {
    /// A tower of any depth and width with random weights; `level_ends` are the blocks that end the four levels.
    ///
    /// Public for the parity tests, which compare a tower small enough to lie in the repository.
    pub fn from_blocks(blocks: &[InvertedResidualConfig], level_ends: [usize; 4], device: &B::Device) -> Self {
        Self {
            stem: same_conv([3, STEM_CHANNELS], 3, 2).init(device),
            blocks: blocks.iter().map(|block| block.init(device)).collect(),
            level_ends,
        }
    }
}

impl<B: ModelBackend> EfficientNetLite<B> {
    /// Image features at strides 4, 8, 16 and 32.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, row, col]`, RGB on the scale 0 to 255
    /// - returns: four of `[batch, channel, ceil(row / stride), ceil(col / stride)]`
    pub fn forward(&self, images: Tensor<B, 4>) -> Vec<Tensor<B, 4>> {
        let pixels = (images - PIXEL_MEAN) / PIXEL_SCALE;
        let mut features = convolve(&self.stem, pixels, Activation::Relu6);
        let mut levels = Vec::with_capacity(self.level_ends.len());
        for (index, block) in self.blocks.iter().enumerate() {
            features = block.forward(features);
            if self.level_ends.contains(&index) {
                levels.push(features.clone());
            }
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lite0_has_the_published_channels_and_sixteen_blocks() {
        let config = EfficientNetLiteConfig { variant: 0 };
        assert_eq!(config.channels(), [24, 40, 112, 320]);
        // 1 + 2 + 2 + 3 + 3 + 4 + 1
        assert_eq!(config.blocks().len(), 16);
    }

    #[test]
    fn lite2_is_wider_and_deeper_except_at_both_ends() {
        let config = EfficientNetLiteConfig { variant: 2 };
        // 24 * 1.1 = 26.4 -> 24; 40 * 1.1 = 44 -> 48; 112 * 1.1 = 123.2 -> 120; 320 * 1.1 = 352.
        assert_eq!(config.channels(), [24, 48, 120, 352]);
        // 1 + ceil(2.4) + ceil(2.4) + ceil(3.6) + ceil(3.6) + ceil(4.8) + 1
        assert_eq!(config.blocks().len(), 1 + 3 + 3 + 4 + 4 + 5 + 1);
    }
}
