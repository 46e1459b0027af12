//! BERT's encoder: post-norm transformer layers over WordPiece tokens, without pooler or heads.
//!
//! # Padding
//! Inside this crate a padding mask is **true where a token is padding and must be ignored**, the polarity of the
//! paper. BERT's own `attention_mask` is the opposite (1 = real); nothing but [`super::tokenizer`] sees that one.

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::ops::ModelBackend;
use crate::ops::feed_forward::{Middle, feed_forward};

/// BERT's layer norm epsilon.
const NORM_EPSILON: f64 = 1e-12;
/// Standard deviation of BERT's random initialisation.
const INIT_STD: f64 = 0.02;
/// Attention score of a padded token, as the original code has it: far below any real score, finite in f16.
const PADDED_SCORE: f64 = -1e4;

/// Sizes of a BERT encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BertConfig {
    /// Entries of the vocabulary.
    pub vocabulary: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub intermediate: usize,
    /// Longest sequence there are position embeddings for.
    pub max_positions: usize,
}

/// A BERT encoder.
#[derive(Module, Debug)]
pub struct Bert<B: Backend> {
    word: Embedding<B>,
    position: Param<Tensor<B, 2>>,
    /// Embedding of the token type; this crate uses type 0 only, so only its row is kept.
    token_type: Param<Tensor<B, 1>>,
    norm: LayerNorm<B>,
    layers: Vec<BertLayer<B>>,
}

/// Attention and feed-forward, each added to its input and normalised afterwards.
#[derive(Module, Debug)]
pub struct BertLayer<B: Backend> {
    query: Linear<B>,
    key: Linear<B>,
    value: Linear<B>,
    output: Linear<B>,
    attention_norm: LayerNorm<B>,
    widen: Linear<B>,
    narrow: Linear<B>,
    feed_forward_norm: LayerNorm<B>,
    #[module(skip)]
    heads: usize,
}

impl BertConfig {
    /// BERT-base, uncased: 12 layers of 768.
    #[must_use]
    pub fn base() -> Self {
        Self { vocabulary: 30_522, width: 768, layers: 12, heads: 12, intermediate: 3072, max_positions: 512 }
    }

    /// The 6-layer, 384-wide encoder of the `small` preset.
    #[must_use]
    pub fn mini() -> Self {
        Self { width: 384, layers: 6, intermediate: 1536, ..Self::base() }
    }

    /// An encoder with random weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> Bert<B> {
        let normal = normal();
        Bert {
            word: EmbeddingConfig::new(self.vocabulary, self.width).with_initializer(normal.clone()).init(device),
            position: normal.init([self.max_positions, self.width], device),
            token_type: normal.init([self.width], device),
            norm: layer_norm(self.width, device),
            layers: (0..self.layers).map(|_| BertLayer::init(self, device)).collect(),
        }
    }
}

impl<B: ModelBackend> Bert<B> {
    /// One feature vector per token.
    ///
    /// # Shapes
    /// - `ids`: `[batch, token]`
    /// - `padding`: `[batch, token]`, true where a token is to be ignored
    /// - returns: `[batch, token, width]`; rows of padded tokens carry no meaning
    ///
    /// # Panics
    /// More tokens than there are position embeddings.
    pub fn forward(&self, ids: Tensor<B, 2, Int>, padding: Tensor<B, 2, Bool>) -> Tensor<B, 3> {
        let [batch, tokens] = ids.dims();
        let [_, width] = self.position.val().dims();
        let position = self.position.val().narrow(0, 0, tokens).add(self.token_type.val().unsqueeze());
        let embedded = self.word.forward(ids) + position.unsqueeze::<3>();
        let mut features = self.norm.forward(embedded.reshape([batch * tokens, width]));
        let padding = padding.reshape([batch, 1, 1, tokens]);
        for layer in &self.layers {
            features = layer.forward(features, &padding);
        }
        features.reshape([batch, tokens, width])
    }
}

impl<B: Backend> BertLayer<B> {
    fn init(config: &BertConfig, device: &B::Device) -> Self {
        let square = || linear(config.width, config.width, device);
        Self {
            query: square(),
            key: square(),
            value: square(),
            output: square(),
            attention_norm: layer_norm(config.width, device),
            widen: linear(config.width, config.intermediate, device),
            narrow: linear(config.intermediate, config.width, device),
            feed_forward_norm: layer_norm(config.width, device),
            heads: config.heads,
        }
    }
}

impl<B: ModelBackend> BertLayer<B> {
    /// Tokens stay flattened to two dimensions: a linear layer on three back-propagates many times slower.
    ///
    /// # Shapes
    /// - `features`: `[batch * token, width]`
    /// - `padding`: `[batch, 1, 1, token]`
    fn forward(&self, features: Tensor<B, 2>, padding: &Tensor<B, 4, Bool>) -> Tensor<B, 2> {
        let attended = self.output.forward(self.attend(features.clone(), padding));
        let features = self.attention_norm.forward(attended + features);
        let forward = feed_forward([&self.widen, &self.narrow], Middle::Gelu, features.clone());
        self.feed_forward_norm.forward(forward + features)
    }

    fn attend(&self, features: Tensor<B, 2>, padding: &Tensor<B, 4, Bool>) -> Tensor<B, 2> {
        let [batch, _, _, tokens] = padding.dims();
        let [rows, width] = features.dims();
        let head_width = width / self.heads;
        let split =
            |projected: Tensor<B, 2>| projected.reshape([batch, tokens, self.heads, head_width]).swap_dims(1, 2);
        let query = split(self.query.forward(features.clone())) / (head_width as f64).sqrt();
        let key = split(self.key.forward(features.clone()));
        let value = split(self.value.forward(features));
        let scores = query.matmul(key.transpose());
        let ignored = padding.clone().expand(scores.dims());
        let weights = softmax(scores.mask_fill(ignored, PADDED_SCORE), 3);
        weights.matmul(value).swap_dims(1, 2).reshape([rows, width])
    }
}

fn normal() -> Initializer {
    Initializer::Normal { mean: 0.0, std: INIT_STD }
}

fn linear<B: Backend>(from: usize, to: usize, device: &B::Device) -> Linear<B> {
    LinearConfig::new(from, to).with_initializer(normal()).init(device)
}

fn layer_norm<B: Backend>(width: usize, device: &B::Device) -> LayerNorm<B> {
    LayerNormConfig::new(width).with_epsilon(NORM_EPSILON).init(device)
}
