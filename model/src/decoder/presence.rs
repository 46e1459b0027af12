//! Whether what the phrase names is in the picture at all.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;

/// Sizes of a [`PresenceHead`].
#[derive(Config, Debug)]
pub struct PresenceHeadConfig {
    /// Channels of the tokens.
    pub width: usize,
}

/// A small classifier on the sentence token and the strongest responses of the coarsest level.
///
/// Not in the paper, whose datasets always contain the target; a scene cut into a thousand tiles does not.
#[derive(Module, Debug)]
pub struct PresenceHead<B: Backend> {
    hidden: Linear<B>,
    output: Linear<B>,
}

impl PresenceHeadConfig {
    /// A module with fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> PresenceHead<B> {
        PresenceHead {
            hidden: LinearConfig::new(2 * self.width, self.width).init(device),
            output: LinearConfig::new(self.width, 1).init(device),
        }
    }
}

impl<B: Backend> PresenceHead<B> {
    /// The logit of "there is a target".
    ///
    /// # Shapes
    /// - `sentence`: `[batch, 1, channel]`, `coarse`: `[batch, token, channel]` of stride 32
    /// - returns: `[batch, 1]`
    pub fn forward(&self, sentence: Tensor<B, 3>, coarse: Tensor<B, 3>) -> Tensor<B, 2> {
        let [batch, _, width] = sentence.dims();
        let strongest = coarse.max_dim(1).reshape([batch, width]);
        let both = Tensor::cat(vec![sentence.reshape([batch, width]), strongest], 1);
        self.output.forward(relu(self.hidden.forward(both)))
    }
}
