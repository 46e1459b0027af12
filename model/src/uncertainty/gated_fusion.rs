//! UGF, uncertainty-gated fusion: language enters where the picture alone is unsure.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor};

use crate::decoder::{CrossAttention, CrossAttentionConfig};
use crate::ops::ModelBackend;
use crate::ops::layer_norm::layer_norm;
use crate::ops::linear::linear_tokens;
use crate::ops::noise::dropout;

/// Sizes of a [`GatedFusion`].
#[derive(Config, Debug)]
pub struct GatedFusionConfig {
    /// Channels of the tokens.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Dropout on the projected update.
    #[config(default = 0.1)]
    pub dropout: f64,
}

/// Cross-attention to the words, gated by uncertainty; one set of weights for all three levels.
///
/// # Source
/// Eq. 9-12. alpha starts at 1 and beta at 0: the gate rises with uncertainty and starts half open.
#[derive(Module, Debug)]
pub struct GatedFusion<B: Backend> {
    attention: CrossAttention<B>,
    projection: Linear<B>,
    #[module(skip)]
    dropout: f64,
    alpha: Param<Tensor<B, 1>>,
    beta: Param<Tensor<B, 1>>,
    norm: LayerNorm<B>,
}

impl GatedFusionConfig {
    /// A module with the paper's initial gate.
    pub fn init<B: Backend>(&self, device: &B::Device) -> GatedFusion<B> {
        GatedFusion {
            attention: CrossAttentionConfig::new(self.width, self.heads).init(device),
            projection: LinearConfig::new(self.width, self.width).init(device),
            dropout: self.dropout,
            alpha: Param::from_tensor(Tensor::ones([1], device)),
            beta: Param::from_tensor(Tensor::zeros([1], device)),
            norm: LayerNormConfig::new(self.width).init(device),
        }
    }
}

impl<B: ModelBackend> GatedFusion<B> {
    /// Lets language in where the picture alone is unsure.
    ///
    /// # Shapes
    /// - `visual`: `[batch, token, channel]`
    /// - `text`: `[batch, word, channel]`, `ignored`: `[batch, word]`, true for padding
    /// - `uncertainty`: `[batch, token, 1]`, logits resized to the level (eq. 10)
    /// - returns: the shape of `visual`
    pub fn forward(
        &self,
        visual: Tensor<B, 3>,
        text: Tensor<B, 3>,
        ignored: Tensor<B, 2, Bool>,
        uncertainty: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        let attended = self.attention.forward(visual.clone(), text.clone(), text, Some(ignored));
        let update = dropout(linear_tokens(&self.projection, attended), self.dropout);
        let gate = sigmoid(uncertainty * self.alpha.val().reshape([1, 1, 1]) + self.beta.val().reshape([1, 1, 1]));
        layer_norm(&self.norm, visual + gate * update)
    }
}
