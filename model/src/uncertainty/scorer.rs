//! RUS, the referring uncertainty scorer: where the phrase may be misread, before anything is decoded.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor};

use crate::ops::ModelBackend;
use crate::ops::feed_forward::{Middle, feed_forward_tokens};
use crate::ops::linear::linear_tokens;

/// Sizes of an [`UncertaintyScorer`].
#[derive(Config, Debug)]
pub struct UncertaintyScorerConfig {
    /// Channels C of the tokens.
    pub width: usize,
}

/// Aligns every coarse visual token with the words and scores the pair.
///
/// # Source
/// Eq. 3. W_v and W_t start as identities, gamma as 1 / sqrt(C); the last layer starts at zero, so that u = 0.
#[derive(Module, Debug)]
pub struct UncertaintyScorer<B: Backend> {
    visual: Linear<B>,
    textual: Linear<B>,
    gamma: Param<Tensor<B, 1>>,
    hidden: Linear<B>,
    output: Linear<B>,
}

impl UncertaintyScorerConfig {
    /// A module with the paper's initial weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> UncertaintyScorer<B> {
        let identity = || {
            let mut linear: Linear<B> = LinearConfig::new(self.width, self.width).with_bias(false).init(device);
            linear.weight = Param::from_tensor(Tensor::eye(self.width, device));
            linear
        };
        let scale = (self.width as f64).powf(-0.5);
        UncertaintyScorer {
            visual: identity(),
            textual: identity(),
            gamma: Param::from_tensor(Tensor::full([1], scale, device)),
            hidden: LinearConfig::new(2 * self.width, self.width).init(device),
            output: LinearConfig::new(self.width, 1).with_initializer(Initializer::Zeros).init(device),
        }
    }
}

impl<B: ModelBackend> UncertaintyScorer<B> {
    /// The uncertainty logit U at the resolution of the tokens.
    ///
    /// # Shapes
    /// - `visual`: `[batch, rows * cols, channel]`, the stride-32 tokens
    /// - `text`: `[batch, word, channel]`, `ignored`: `[batch, word]`, true for padding
    /// - returns: `[batch, 1, rows, cols]`
    pub fn forward(
        &self,
        visual: Tensor<B, 3>,
        text: Tensor<B, 3>,
        ignored: Tensor<B, 2, Bool>,
        (rows, cols): (usize, usize),
    ) -> Tensor<B, 4> {
        let [batch, count, _] = visual.dims();
        let words = ignored.dims()[1];
        let projected = linear_tokens(&self.visual, visual.clone());
        let text = linear_tokens(&self.textual, text);
        let scores = projected.matmul(text.clone().swap_dims(1, 2)) * self.gamma.val().reshape([1, 1, 1]);
        // Eq. 3 leaves the padding mask out; without it padding would soak up attention.
        let ignored = ignored.reshape([batch, 1, words]).expand([batch, count, words]);
        let aligned = softmax(scores.mask_fill(ignored, -1e9), 2).matmul(text);
        let pair = Tensor::cat(vec![visual, aligned], 2);
        feed_forward_tokens([&self.hidden, &self.output], Middle::Gelu, pair).reshape([batch, 1, rows, cols])
    }
}
