//! Multi-head attention between two token sequences.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor};

use crate::ops::ModelBackend;
use crate::ops::attention::{IGNORED_SCORE, attend};
use crate::ops::linear::linear_tokens;

/// Sizes of a [`CrossAttention`].
#[derive(Config, Debug)]
pub struct CrossAttentionConfig {
    /// Channels of every token.
    pub width: usize,
    /// Attention heads; must divide `width`.
    pub heads: usize,
}

/// Scaled dot-product attention with separate projections for queries, keys and values.
#[derive(Module, Debug)]
pub struct CrossAttention<B: Backend> {
    query: Linear<B>,
    key: Linear<B>,
    value: Linear<B>,
    output: Linear<B>,
    heads: usize,
}

impl CrossAttentionConfig {
    /// A module with fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> CrossAttention<B> {
        let linear = || LinearConfig::new(self.width, self.width).init(device);
        CrossAttention { query: linear(), key: linear(), value: linear(), output: linear(), heads: self.heads }
    }
}

impl<B: ModelBackend> CrossAttention<B> {
    /// What each query gathers from the values.
    ///
    /// # Shapes
    /// - `query`: `[batch, n, channel]`; `key`, `value`: `[batch, m, channel]`
    /// - `ignored`: `[batch, m]`, true where a key must not be looked at (the paper's polarity)
    /// - returns: `[batch, n, channel]`
    pub fn forward(
        &self,
        query: Tensor<B, 3>,
        key: Tensor<B, 3>,
        value: Tensor<B, 3>,
        ignored: Option<Tensor<B, 2, Bool>>,
    ) -> Tensor<B, 3> {
        let [batch, keys, _] = key.dims();
        let query = linear_tokens(&self.query, query);
        let key = linear_tokens(&self.key, key);
        let value = linear_tokens(&self.value, value);
        let bias = match ignored {
            Some(ignored) => ignored.float().mul_scalar(IGNORED_SCORE),
            None => Tensor::zeros([batch, keys], &query.device()),
        };
        linear_tokens(&self.output, attend(query, key, value, bias, self.heads))
    }
}
