//! One interaction block of the decoder: picture and words look at each other, then the picture at itself.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor};

use super::{CrossAttention, CrossAttentionConfig, DeformableLayer, DeformableLayerConfig};
use crate::ops::ModelBackend;
use crate::ops::feed_forward::{Middle, feed_forward_tokens};
use crate::ops::layer_norm::layer_norm;
use crate::ops::linear::placed;

/// Sizes of an [`InteractionLayer`].
#[derive(Config, Debug)]
pub struct InteractionLayerConfig {
    /// The deformable part; its width and heads hold for the attention to and from the text too.
    pub visual: DeformableLayerConfig,
}

/// The block Phi of eq. 1, post-norm throughout.
///
/// # Source
/// Eq. 1 leaves the block open; the order is that of CARIS, whose sizes the paper shares:
/// image to text, text self-attention, text feed-forward, text to image, deformable self-attention, feed-forward.
#[derive(Module, Debug)]
pub struct InteractionLayer<B: Backend> {
    image_to_text: CrossAttention<B>,
    norm_gathered: LayerNorm<B>,
    text_attention: CrossAttention<B>,
    norm_text: LayerNorm<B>,
    text_expand: Linear<B>,
    text_contract: Linear<B>,
    norm_text_forward: LayerNorm<B>,
    text_to_image: CrossAttention<B>,
    norm_image: LayerNorm<B>,
    visual: DeformableLayer<B>,
}

impl InteractionLayerConfig {
    /// A module with fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> InteractionLayer<B> {
        let width = self.visual.width;
        let attention = || CrossAttentionConfig::new(width, self.visual.heads).init(device);
        let norm = || LayerNormConfig::new(width).init(device);
        InteractionLayer {
            image_to_text: attention(),
            norm_gathered: norm(),
            text_attention: attention(),
            norm_text: norm(),
            text_expand: LinearConfig::new(width, self.visual.hidden).init(device),
            text_contract: LinearConfig::new(self.visual.hidden, width).init(device),
            norm_text_forward: norm(),
            text_to_image: attention(),
            norm_image: norm(),
            visual: self.visual.init(device),
        }
    }
}

impl<B: ModelBackend> InteractionLayer<B> {
    /// The two token sequences after one round of looking at each other.
    ///
    /// # Shapes
    /// - `image`: `[batch, token, channel]`, `positions`: `[1, token, channel]`
    /// - `text`: `[batch, word, channel]`, `ignored`: `[batch, word]`, true for padding
    pub fn forward(
        &self,
        image: Tensor<B, 3>,
        text: Tensor<B, 3>,
        ignored: Tensor<B, 2, Bool>,
        positions: Tensor<B, 3>,
        levels: &[(usize, usize)],
    ) -> (Tensor<B, 3>, Tensor<B, 3>) {
        let located = placed(image.clone(), positions.clone());
        let gathered = self.image_to_text.forward(text.clone(), located.clone(), image.clone(), None);
        let text = layer_norm(&self.norm_gathered, text + gathered);
        let among = self.text_attention.forward(text.clone(), text.clone(), text.clone(), Some(ignored.clone()));
        let text = layer_norm(&self.norm_text, text + among);
        let forward = feed_forward_tokens([&self.text_expand, &self.text_contract], Middle::Relu, text.clone());
        let text = layer_norm(&self.norm_text_forward, text + forward);
        let told = self.text_to_image.forward(located, text.clone(), text.clone(), Some(ignored));
        let image = layer_norm(&self.norm_image, image + told);
        (self.visual.forward(image, positions, levels), text)
    }
}
