//! Convolutions, with the activation that may follow them.
//!
//! Burn's gradient of a depthwise weight runs one small convolution per channel, about twenty times the forward pass;
//! here it is one product of shifted planes per tap, and a kernel of its own on the CPU. Dense convolutions are Burn's,
//! except on the CPU, where the gradients cost Burn several copies into other layouts.

use burn::backend::Autodiff;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::module::conv2d;
use burn::tensor::ops::{ConvOptions, PadMode, PaddedConvOptions};
use burn::tensor::{Slice, Tensor, TensorPrimitive};

use super::backend::ModelBackend;

/// What follows a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Activation {
    /// The smallest and the largest value that come out.
    fn limits(self) -> (f32, f32) {
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
        }
    }

    /// The activation of every value, in place.
    #[cfg(feature = "cpu")]
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32]) {
        let (lowest, highest) = self.limits();
        if self != Self::None {
            for value in values {
                *value = value.clamp(lowest, highest);
            }
        }
    }

    /// Writes the gradients before the activation to `to`, from the values that came out and their gradients.
    #[cfg(feature = "cpu")]
    #[inline(always)]
    pub(super) fn undo(self, output: &[f32], slope: &[f32], to: &mut [f32]) {
        let (lowest, highest) = self.limits();
        if self == Self::None {
            to.copy_from_slice(slope);
            return;
        }
        for ((to, &slope), &output) in to.iter_mut().zip(slope).zip(output) {
            *to = if output > lowest && output < highest { slope } else { 0.0 };
        }
    }
}

/// How a convolution moves over its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionGeometry {
    /// Side of the square kernel.
    pub kernel: usize,
    /// Steps between neighbouring outputs, the same along rows and columns.
    pub stride: usize,
    /// Zeros above and to the left of the input.
    pub padding_start: [usize; 2],
    /// Zeros below and to the right of the input.
    pub padding_end: [usize; 2],
    /// What is applied to each output.
    pub activation: Activation,
}

impl ConvolutionGeometry {
    /// Rows and columns that come out of an input of `size`.
    #[must_use]
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let padded = size[axis] + self.padding_start[axis] + self.padding_end[axis];
            (padded - self.kernel) / self.stride + 1
        })
    }

    /// The geometry of one of Burn's layers on an input of `size`.
    fn of<B: Backend>(conv: &Conv2d<B>, size: [usize; 2], activation: Activation) -> Self {
        let (kernel, stride) = (conv.kernel_size[0], conv.stride[0]);
        let (padding_start, padding_end) = match conv.padding {
            PaddingConfig2d::Valid => ([0, 0], [0, 0]),
            PaddingConfig2d::Explicit(top, left, bottom, right) => ([top, left], [bottom, right]),
            PaddingConfig2d::Same => {
                let total = size.map(|side| ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side));
                (total.map(|total| total / 2), total.map(|total| total.div_ceil(2)))
            }
        };
        Self { kernel, stride, padding_start, padding_end, activation }
    }
}

/// `conv`, then `activation`.
///
/// # Shapes
/// `[batch, channel, row, col]` to `[batch, channel, row, col]`, channels, rows and columns as `conv` has it
pub fn convolve<B: ModelBackend>(conv: &Conv2d<B>, features: Tensor<B, 4>, activation: Activation) -> Tensor<B, 4> {
    let [_, channels, rows, cols] = features.dims();
    let [channels_out, _, _, _] = conv.weight.dims();
    let square = conv.kernel_size[0] == conv.kernel_size[1] && conv.stride[0] == conv.stride[1];
    let geometry = ConvolutionGeometry::of(conv, [rows, cols], activation);
    let run = match conv.groups {
        1 => B::dense_convolution,
        groups if groups == channels && groups == channels_out => B::depthwise_convolution,
        _ => return activate(conv.forward(features), activation),
    };
    if !square || conv.dilation != [1, 1] {
        return activate(conv.forward(features), activation);
    }
    let bias = conv.bias.as_ref().map_or_else(|| Tensor::zeros([channels_out], &features.device()), |bias| bias.val());
    Tensor::from_primitive(TensorPrimitive::Float(run(
        features.into_primitive().tensor(),
        conv.weight.val().into_primitive().tensor(),
        bias.into_primitive().tensor(),
        &geometry,
    )))
}

/// `activation` of every value.
pub fn activate<B: Backend, const D: usize>(values: Tensor<B, D>, activation: Activation) -> Tensor<B, D> {
    match activation {
        Activation::None => values,
        Activation::Relu => relu(values),
        Activation::Relu6 => values.clamp(0.0, 6.0),
    }
}

/// The gradient before `activation`, from the one after it and the values that came out.
pub(super) fn deactivate<B: Backend, const D: usize>(
    output: Tensor<B, D>,
    output_gradient: Tensor<B, D>,
    activation: Activation,
) -> Tensor<B, D> {
    if activation == Activation::None {
        return output_gradient;
    }
    let (lowest, highest) = activation.limits();
    let flat = output.clone().lower_equal_elem(lowest).bool_or(output.greater_equal_elem(highest));
    output_gradient.mask_fill(flat, 0.0)
}

/// The plain dense convolution.
pub(super) fn plain_dense<B: Backend>(
    input: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    geometry: &ConvolutionGeometry,
) -> Tensor<B, 4> {
    let stride = [geometry.stride; 2];
    let options = PaddedConvOptions::asymmetric(stride, geometry.padding_start, geometry.padding_end, [1, 1], 1);
    activate(conv2d(input, weight, Some(bias), options), geometry.activation)
}

/// Gradients of [`plain_dense`] for input, weight and bias.
///
/// # Shapes
/// `tensors`: input, weight, output and output gradient, each of four dimensions
pub(super) fn plain_dense_backward<B: Backend>(
    tensors: [Tensor<B, 4>; 4],
    geometry: &ConvolutionGeometry,
) -> (Tensor<B, 4>, Tensor<B, 4>, Tensor<B, 1>) {
    let [input, weight, output, output_gradient] = tensors;
    let [_, _, rows, cols] = input.dims();
    let [channels, _, _, _] = weight.dims();
    let slope = deactivate(output, output_gradient, geometry.activation);
    let ([top, left], [bottom, right]) = (geometry.padding_start, geometry.padding_end);
    let padded = input.pad((left, right, top, bottom), PadMode::Constant(0.0));
    let for_bias = slope.clone().sum_dim(3).sum_dim(2).sum_dim(0).reshape([channels]);

    let options = ConvOptions::new([geometry.stride; 2], [0, 0], [1, 1], 1);
    let raw = |tensor: &Tensor<B, 4>| tensor.clone().into_primitive().tensor();
    let for_weight = B::conv2d_weight_backward(raw(&padded), raw(&weight), raw(&slope), options.clone());
    let for_padded = B::conv2d_x_backward(raw(&padded), raw(&weight), raw(&slope), options);
    let wrap = |primitive| Tensor::<B, 4>::from_primitive(TensorPrimitive::Float(primitive));
    let for_input = wrap(for_padded).narrow(2, top, rows).narrow(3, left, cols);
    (for_input, wrap(for_weight), for_bias)
}

/// The plain depthwise convolution.
pub(super) fn plain_depthwise<B: Backend>(
    input: Tensor<B, 4>,
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    geometry: &ConvolutionGeometry,
) -> Tensor<B, 4> {
    let [_, channels, ..] = input.dims();
    let stride = [geometry.stride; 2];
    let options = PaddedConvOptions::asymmetric(stride, geometry.padding_start, geometry.padding_end, [1, 1], channels);
    activate(conv2d(input, weight, Some(bias), options), geometry.activation)
}

/// Gradients of [`plain_depthwise`] for input, weight and bias.
///
/// # Shapes
/// `tensors`: input, weight, output and output gradient, each of four dimensions
pub(super) fn plain_depthwise_backward<B: Backend>(
    tensors: [Tensor<B, 4>; 4],
    geometry: &ConvolutionGeometry,
) -> (Tensor<B, 4>, Tensor<B, 4>, Tensor<B, 1>) {
    let [input, weight, output, output_gradient] = tensors;
    let [_, channels, rows, cols] = input.dims();
    let [_, _, out_rows, out_cols] = output.dims();
    let slope = deactivate(output, output_gradient, geometry.activation);
    let ([top, left], [bottom, right]) = (geometry.padding_start, geometry.padding_end);
    let padded = input.pad((left, right, top, bottom), PadMode::Constant(0.0));

    let (kernel, stride) = (geometry.kernel, geometry.stride);
    let across = |first: usize, count: usize| {
        Slice::new(first as isize, Some((first + (count - 1) * stride + 1) as isize), stride as isize)
    };
    let taps = (0..kernel * kernel).map(|tap| {
        let window = [Slice::full(), Slice::full(), across(tap / kernel, out_rows), across(tap % kernel, out_cols)];
        (padded.clone().slice(window) * slope.clone()).sum_dim(3).sum_dim(2).sum_dim(0)
    });
    let for_weight = Tensor::cat(taps.collect(), 3).reshape([channels, 1, kernel, kernel]);
    let for_bias = slope.clone().sum_dim(3).sum_dim(2).sum_dim(0).reshape([channels]);

    // The gradient for the input is a transposed convolution, which Burn does well.
    let padded = Tensor::<Autodiff<B>, 4>::from_inner(padded).require_grad();
    let options = ConvOptions::new([stride; 2], [0, 0], [1, 1], channels);
    let output = conv2d(padded.clone(), Tensor::from_inner(weight), None, options);
    let grads = (output * Tensor::from_inner(slope)).sum().backward();
    let for_padded = padded.grad(&grads).unwrap_or_else(|| padded.inner().zeros_like());
    let for_input = for_padded.narrow(2, top, rows).narrow(3, left, cols);
    (for_input, for_weight, for_bias)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    type Cpu = burn_flex::Flex;

    #[test]
    fn same_padding_is_that_of_burns_layer_on_even_and_odd_sizes() {
        let device = Default::default();
        for (kernel, stride, size) in [(3, 2, [8, 7]), (5, 2, [8, 7]), (5, 1, [6, 9]), (3, 2, [1, 2])] {
            let conv: Conv2d<Cpu> = burn::nn::conv::Conv2dConfig::new([4, 4], [kernel, kernel])
                .with_stride([stride, stride])
                .with_groups(4)
                .with_padding(PaddingConfig2d::Same)
                .init(&device);
            let features = Tensor::random([2, 4, size[0], size[1]], Distribution::Normal(0.0, 9.0), &device);
            let reference = conv.forward(features.clone()).clamp(0.0, 6.0);
            let difference = (convolve(&conv, features, Activation::Relu6) - reference).abs().max();
            assert!(difference.into_scalar() < 1e-5, "kernel {kernel}, stride {stride}, {size:?}");
        }
    }

    #[test]
    fn the_plain_gradients_are_those_of_burn() {
        let geometry = ConvolutionGeometry {
            kernel: 5,
            stride: 2,
            padding_start: [1, 2],
            padding_end: [2, 2],
            activation: Activation::None,
        };
        let device = Default::default();
        let input = Tensor::<Cpu, 4>::random([2, 3, 14, 9], Distribution::Default, &device);
        let weight = Tensor::<Cpu, 4>::random([3, 1, 5, 5], Distribution::Default, &device);
        let bias = Tensor::<Cpu, 1>::zeros([3], &device);
        let output = plain_depthwise(input.clone(), weight.clone(), bias.clone(), &geometry);
        let slope = output.clone().sin();
        let (for_input, for_weight, for_bias) =
            plain_depthwise_backward([input.clone(), weight.clone(), output, slope.clone()], &geometry);

        let tracked = |tensor: Tensor<Cpu, 4>| Tensor::<Autodiff<Cpu>, 4>::from_inner(tensor).require_grad();
        let (input, weight) = (tracked(input), tracked(weight));
        let bias = Tensor::<Autodiff<Cpu>, 1>::from_inner(bias).require_grad();
        let output = plain_depthwise(input.clone(), weight.clone(), bias.clone(), &geometry);
        let grads = (output * Tensor::from_inner(slope)).sum().backward();
        let differences = [
            (input.grad(&grads).expect("tracked") - for_input).abs().max(),
            (weight.grad(&grads).expect("tracked") - for_weight).abs().max(),
            (bias.grad(&grads).expect("tracked") - for_bias).abs().max(),
        ];
        for difference in differences {
            assert!(difference.into_scalar() < 1e-4);
        }
    }
}
