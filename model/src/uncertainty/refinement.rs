//! UDLR, uncertainty-driven local refinement: a second look where the scorer expects mistakes.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::Backend;
use burn::tensor::module::avg_pool2d;

use crate::ops::ModelBackend;
use crate::ops::convolution::{Activation, convolve};
use crate::ops::resize::{Corners, bilinear};

/// Sizes and constants of a [`LocalRefinement`].
#[derive(Config, Debug)]
pub struct LocalRefinementConfig {
    /// Channels of the feature F.
    pub fine_width: usize,
    /// Channels of the refinement head R.
    pub hidden: usize,
    /// Centre tau of the soft region (eq. 13).
    #[config(default = 0.5)]
    pub threshold: f64,
    /// Softness t of the region's edge (eq. 13).
    #[config(default = 0.1)]
    pub temperature: f64,
    /// Side of the averaging window on the uncertainty, odd; 1 for none.
    #[config(default = 5)]
    pub blur: usize,
    /// Whether R runs at the tile's own resolution, as eq. 15 says, instead of at stride 4.
    #[config(default = false)]
    pub full_resolution: bool,
}

/// A residual on the mask logit, weighted by a soft mask of uncertain ground.
///
/// # Source
/// Eq. 13-16. The last convolution starts at zero, so that refinement starts as the identity.
#[derive(Module, Debug)]
pub struct LocalRefinement<B: Backend> {
    first: Conv2d<B>,
    second: Conv2d<B>,
    output: Conv2d<B>,
    threshold: f64,
    temperature: f64,
    blur: usize,
    full_resolution: bool,
}

impl LocalRefinementConfig {
    /// A module that refines nothing yet.
    pub fn init<B: Backend>(&self, device: &B::Device) -> LocalRefinement<B> {
        let convolution = |from: usize| {
            Conv2dConfig::new([from, self.hidden], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        LocalRefinement {
            first: convolution(self.fine_width + 2),
            second: convolution(self.hidden),
            output: Conv2dConfig::new([self.hidden, 1], [1, 1]).with_initializer(Initializer::Zeros).init(device),
            threshold: self.threshold,
            temperature: self.temperature,
            blur: self.blur,
            full_resolution: self.full_resolution,
        }
    }
}

impl<B: ModelBackend> LocalRefinement<B> {
    /// The refined mask logit at the tile's resolution.
    ///
    /// # Shapes
    /// - `feature`: `[batch, fine_width, row / 4, col / 4]`
    /// - `coarse`: `[batch, 1, row / 4, col / 4]`, the logit P_fg before upsampling
    /// - `logit`: `[batch, 1, row, col]`, P_fg at the tile's resolution
    /// - `uncertainty`: `[batch, 1, row, col]`, the resized RUS logit (eq. 2)
    /// - returns: the shape of `logit`
    pub fn forward(
        &self,
        feature: Tensor<B, 4>,
        coarse: Tensor<B, 4>,
        logit: Tensor<B, 4>,
        uncertainty: Tensor<B, 4>,
    ) -> Tensor<B, 4> {
        let [_, _, rows, cols] = logit.dims();
        let [_, _, fine_rows, fine_cols] = feature.dims();
        let region = self.region(sigmoid(uncertainty.clone()));
        let inputs = if self.full_resolution {
            vec![bilinear(feature, rows, cols, Corners::Aligned), logit.clone(), sigmoid(uncertainty)]
        } else {
            let risk = sigmoid(bilinear(uncertainty, fine_rows, fine_cols, Corners::Aligned));
            vec![feature, coarse, risk]
        };
        let hidden = convolve(&self.first, Tensor::cat(inputs, 1), Activation::Relu);
        let hidden = convolve(&self.second, hidden, Activation::Relu);
        let residual = convolve(&self.output, hidden, Activation::None);
        let residual = bilinear(residual, rows, cols, Corners::Aligned);
        logit + region * residual
    }

    /// The soft mask M of eq. 13-14; no gradient flows through it.
    fn region(&self, risk: Tensor<B, 4>) -> Tensor<B, 4> {
        let pad = self.blur / 2;
        let blurred = if self.blur > 1 {
            avg_pool2d(risk.detach(), [self.blur; 2], [1, 1], [pad; 2], false, false)
        } else {
            risk.detach()
        };
        sigmoid(blurred.sub_scalar(self.threshold).div_scalar(self.temperature)).detach()
    }
}
