//! Multi-scale deformable self-attention and a feed-forward network over the visual tokens.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::ops::deformable::sample;
use crate::ops::feed_forward::{Middle, feed_forward_tokens};
use crate::ops::layer_norm::layer_norm;
use crate::ops::linear::{linear_tokens, placed};
use crate::ops::{ModelBackend, SamplingGeometry};

/// Sizes of a [`DeformableLayer`].
#[derive(Config, Debug)]
pub struct DeformableLayerConfig {
    /// Channels of every token.
    pub width: usize,
    /// Attention heads; must divide `width`.
    pub heads: usize,
    /// Pyramid levels that are sampled.
    pub levels: usize,
    /// Sampling points of each head on each level.
    pub points: usize,
    /// Hidden channels of the feed-forward network.
    pub hidden: usize,
}

/// Deformable self-attention, then a feed-forward network, each with a residual and post-norm.
///
/// # Source
/// Mask2Former's pixel decoder; the paper's "subsequent token mixing" (eq. 1).
#[derive(Module, Debug)]
pub struct DeformableLayer<B: Backend> {
    offsets: Linear<B>,
    weights: Linear<B>,
    value: Linear<B>,
    output: Linear<B>,
    norm_attention: LayerNorm<B>,
    expand: Linear<B>,
    contract: Linear<B>,
    norm_forward: LayerNorm<B>,
    heads: usize,
    points: usize,
}

impl DeformableLayerConfig {
    /// A module with fresh weights; every head starts by looking in its own direction.
    pub fn init<B: Backend>(&self, device: &B::Device) -> DeformableLayer<B> {
        let samples = self.heads * self.levels * self.points;
        let zeros = |out: usize| LinearConfig::new(self.width, out).with_initializer(Initializer::Zeros).init(device);
        let xavier = |from: usize, to: usize| {
            LinearConfig::new(from, to).with_initializer(Initializer::XavierUniform { gain: 1.0 }).init(device)
        };
        let mut offsets: Linear<B> = zeros(samples * 2);
        offsets.bias = Some(Param::from_tensor(self.ring(device)));
        DeformableLayer {
            offsets,
            weights: zeros(samples),
            value: xavier(self.width, self.width),
            output: xavier(self.width, self.width),
            norm_attention: LayerNormConfig::new(self.width).init(device),
            expand: xavier(self.width, self.hidden),
            contract: xavier(self.hidden, self.width),
            norm_forward: LayerNormConfig::new(self.width).init(device),
            heads: self.heads,
            points: self.points,
        }
    }

    /// Head `h` looks along `2 pi h / heads`, point `k` at `k + 1` pixels in the maximum norm.
    fn ring<B: Backend>(&self, device: &B::Device) -> Tensor<B, 1> {
        let mut bias = Vec::new();
        for head in 0..self.heads {
            let angle = std::f64::consts::TAU * head as f64 / self.heads as f64;
            let (sin, cos) = angle.sin_cos();
            let reach = sin.abs().max(cos.abs());
            for _ in 0..self.levels {
                for point in 1..=self.points {
                    bias.push((cos / reach * point as f64) as f32);
                    bias.push((sin / reach * point as f64) as f32);
                }
            }
        }
        let count = bias.len();
        Tensor::from_data(TensorData::new(bias, [count]), device)
    }
}

impl<B: ModelBackend> DeformableLayer<B> {
    /// Tokens that have seen their surroundings on every level.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, token, channel]`, `positions`: `[1, token, channel]`
    /// - returns: the shape of `tokens`
    pub fn forward(&self, tokens: Tensor<B, 3>, positions: Tensor<B, 3>, levels: &[(usize, usize)]) -> Tensor<B, 3> {
        let geometry = SamplingGeometry { levels: levels.to_vec(), heads: self.heads, points: self.points };
        let query = placed(tokens.clone(), positions);
        let [batch, count, _] = query.dims();
        let per_head = levels.len() * self.points;
        let weights = linear_tokens(&self.weights, query.clone()).reshape([batch * count * self.heads, per_head]);
        let weights = softmax(weights, 1).reshape([batch, count, self.heads * per_head]);
        let offsets = linear_tokens(&self.offsets, query);
        let value = linear_tokens(&self.value, tokens.clone());
        let gathered = linear_tokens(&self.output, sample(value, offsets, weights, &geometry));
        let tokens = layer_norm(&self.norm_attention, tokens + gathered);
        let forward = feed_forward_tokens([&self.expand, &self.contract], Middle::Relu, tokens.clone());
        layer_norm(&self.norm_forward, tokens + forward)
    }
}
