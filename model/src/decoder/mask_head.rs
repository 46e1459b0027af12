//! The mask logit: how much more a pixel answers the foreground query than the background query.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;

use crate::ops::ModelBackend;
use crate::ops::linear::{linear_tokens, map_to_tokens};

/// Sizes of a [`MaskHead`].
#[derive(Config, Debug)]
pub struct MaskHeadConfig {
    /// Channels of the text tokens.
    pub width: usize,
    /// Channels of the stride-4 feature.
    pub fine_width: usize,
}

/// Three linear layers on either side and a dot product; `[CLS]` asks for the foreground,
/// the mean of the visual prompts for the background.
///
/// # Source
/// CARIS's head; the single logit is foreground minus background, so that its sigmoid is the two-way softmax.
#[derive(Module, Debug)]
pub struct MaskHead<B: Backend> {
    pixel: Vec<Linear<B>>,
    foreground: Vec<Linear<B>>,
    background: Vec<Linear<B>>,
}

impl MaskHeadConfig {
    /// A module with fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> MaskHead<B> {
        let (width, fine) = (self.width, self.fine_width);
        let stack =
            |sizes: [usize; 4]| sizes.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect();
        MaskHead {
            pixel: stack([fine; 4]),
            foreground: stack([width, width, width, fine]),
            background: stack([width, width, width, fine]),
        }
    }
}

impl<B: ModelBackend> MaskHead<B> {
    /// The foreground logit P_fg at stride 4.
    ///
    /// # Shapes
    /// - `feature`: `[batch, fine_width, row, col]`
    /// - `foreground`, `background`: `[batch, 1, width]`
    /// - returns: `[batch, 1, row, col]`
    pub fn forward(&self, feature: Tensor<B, 4>, foreground: Tensor<B, 3>, background: Tensor<B, 3>) -> Tensor<B, 4> {
        let [batch, fine, rows, cols] = feature.dims();
        let pixels = stacked(&self.pixel, map_to_tokens(feature));
        let query = stacked(&self.foreground, foreground) - stacked(&self.background, background);
        let logits = pixels.matmul(query.swap_dims(1, 2)).mul_scalar((fine as f64).powf(-0.5));
        logits.reshape([batch, 1, rows, cols])
    }
}

/// Linear layers with ReLU between them.
fn stacked<B: Backend>(layers: &[Linear<B>], tokens: Tensor<B, 3>) -> Tensor<B, 3> {
    layers
        .iter()
        .enumerate()
        .fold(tokens, |tokens, (i, layer)| linear_tokens(layer, if i == 0 { tokens } else { relu(tokens) }))
}
