//! The inverted residual of EfficientNet-Lite, batch norm already folded in.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::ops::ModelBackend;
use crate::ops::convolution::{Activation, convolve};

/// Sizes of one inverted residual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvertedResidualConfig {
    /// Channels that come in.
    pub channels_in: usize,
    /// Channels that go out.
    pub channels_out: usize,
    /// Factor by which the first convolution widens; 1 leaves it out.
    pub expansion: usize,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Stride of the depthwise convolution.
    pub stride: usize,
}

/// Widen, filter each channel in space, narrow again; added to its input where the shapes agree.
///
/// Every convolution carries the bias that its batch norm left behind, see [`super::efficientnet_lite`].
#[derive(Module, Debug)]
pub struct InvertedResidual<B: Backend> {
    expand: Option<Conv2d<B>>,
    depthwise: Conv2d<B>,
    project: Conv2d<B>,
    #[module(skip)]
    residual: bool,
}

impl InvertedResidualConfig {
    /// A block with random weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> InvertedResidual<B> {
        let wide = self.channels_in * self.expansion;
        let expand = (self.expansion != 1).then(|| Conv2dConfig::new([self.channels_in, wide], [1, 1]).init(device));
        let depthwise = same_conv([wide, wide], self.kernel, self.stride).with_groups(wide).init(device);
        let project = Conv2dConfig::new([wide, self.channels_out], [1, 1]).init(device);
        InvertedResidual {
            expand,
            depthwise,
            project,
            residual: self.stride == 1 && self.channels_in == self.channels_out,
        }
    }
}

impl<B: ModelBackend> InvertedResidual<B> {
    /// Features one block deeper.
    ///
    /// # Shapes
    /// - `features`: `[batch, channels_in, row, col]`
    /// - returns: `[batch, channels_out, ceil(row / stride), ceil(col / stride)]`
    pub fn forward(&self, features: Tensor<B, 4>) -> Tensor<B, 4> {
        let wide = match &self.expand {
            Some(expand) => convolve(expand, features.clone(), Activation::Relu6),
            None => features.clone(),
        };
        let filtered = convolve(&self.depthwise, wide, Activation::Relu6);
        let narrow = convolve(&self.project, filtered, Activation::None);
        if self.residual { narrow + features } else { narrow }
    }
}

/// A square convolution that pads as TensorFlow's SAME does: the output side is `ceil(side / stride)`, and an odd
/// number of padded rows or columns puts the extra one at the bottom or the right.
pub(super) fn same_conv(channels: [usize; 2], kernel: usize, stride: usize) -> Conv2dConfig {
    Conv2dConfig::new(channels, [kernel, kernel]).with_stride([stride, stride]).with_padding(PaddingConfig2d::Same)
}
