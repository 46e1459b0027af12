//! The backend trait of this crate: operations with a kernel of their own where a backend has one,
//! and a plain tensor formulation everywhere else.

use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive};

use super::convolution::ConvolutionGeometry;
use super::feed_forward::Middle;
use super::{attention, convolution, deformable, feed_forward, layer_norm};

/// The grids that deformable attention samples, and how its heads and points are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplingGeometry {
    /// Rows and columns of each level, in the order of the tokens.
    pub levels: Vec<(usize, usize)>,
    /// Attention heads; the channels are split evenly among them.
    pub heads: usize,
    /// Sampling points of each head on each level.
    pub points: usize,
}

impl SamplingGeometry {
    /// Number of tokens of all levels together.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.levels.iter().map(|(rows, cols)| rows * cols).sum()
    }
}

/// A backend on which the model runs.
///
/// The defaults are written with plain tensor operations, so that every Burn backend qualifies;
/// the CPU backend brings its own kernels.
pub trait ModelBackend: Backend {
    /// Samples `value` at learned places around every token and sums by attention weight.
    ///
    /// # Shapes
    /// - `value`: `[batch, token, channel]`
    /// - `offsets`: `[batch, token, head * level * point * 2]`, x then y, in pixels of the level
    /// - `weights`: `[batch, token, head * level * point]`, summing to one over levels and points
    /// - returns: `[batch, token, channel]`
    fn deformable_sampling(
        value: FloatTensor<Self>,
        offsets: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        geometry: &SamplingGeometry,
    ) -> FloatTensor<Self> {
        raw(deformable::plain::<Self>(wrap(value), wrap(offsets), wrap(weights), geometry))
    }

    /// Gradients of [`ModelBackend::deformable_sampling`] for value, offsets and weights.
    fn deformable_sampling_backward(
        value: FloatTensor<Self>,
        offsets: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        geometry: &SamplingGeometry,
    ) -> [FloatTensor<Self>; 3] {
        let inputs = [wrap::<Self, 3>(value), wrap(offsets), wrap(weights)];
        deformable::plain_backward(inputs, wrap(output_gradient), geometry).map(raw)
    }

    /// What each query gathers from the values; see [`attention::attend`] for the shapes.
    fn token_attention(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self> {
        raw(attention::plain::<Self>(wrap(query), wrap(key), wrap(value), wrap(bias), heads))
    }

    /// Gradients of [`ModelBackend::token_attention`] for query, key and value.
    fn token_attention_backward(
        inputs: [FloatTensor<Self>; 3],
        bias: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        heads: usize,
    ) -> [FloatTensor<Self>; 3] {
        attention::plain_backward::<Self>(inputs.map(wrap), wrap(bias), wrap(output_gradient), heads).map(raw)
    }

    /// Two linear layers with an activation between them.
    ///
    /// # Shapes
    /// - `tokens`: `[token, in]`
    /// - `weights`: `[in, wide]`, `[wide]`, `[wide, out]`, `[out]`
    /// - returns: `[token, out]`
    fn feed_forward(tokens: FloatTensor<Self>, weights: [FloatTensor<Self>; 4], middle: Middle) -> FloatTensor<Self> {
        let [widen, widen_bias, narrow, narrow_bias] = weights;
        let weights = (wrap(widen), wrap(widen_bias), wrap(narrow), wrap(narrow_bias));
        raw(feed_forward::plain::<Self>(wrap(tokens), weights, middle))
    }

    /// Gradients of [`ModelBackend::feed_forward`] for the tokens and the weights.
    fn feed_forward_backward(
        tokens: FloatTensor<Self>,
        weights: [FloatTensor<Self>; 4],
        output_gradient: FloatTensor<Self>,
        middle: Middle,
    ) -> [FloatTensor<Self>; 5] {
        let [widen, widen_bias, narrow, narrow_bias] = weights;
        let weights = (wrap(widen), wrap(widen_bias), wrap(narrow), wrap(narrow_bias));
        let (tokens, (widen, widen_bias, narrow, narrow_bias)) =
            feed_forward::plain_backward::<Self>(wrap(tokens), weights, wrap(output_gradient), middle);
        [raw(tokens), raw(widen), raw(widen_bias), raw(narrow), raw(narrow_bias)]
    }

    /// The last two of three dimensions swapped; its gradient is itself.
    fn stack_transpose(stack: FloatTensor<Self>) -> FloatTensor<Self> {
        raw(wrap::<Self, 3>(stack).swap_dims(1, 2))
    }

    /// Layer normalisation over the last dimension.
    fn token_norm(
        tokens: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        Self::layer_norm(tokens, gamma, Some(beta), epsilon)
    }

    /// Gradients of [`ModelBackend::token_norm`] for tokens, gamma and beta.
    fn token_norm_backward(
        tokens: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        epsilon: f64,
    ) -> [FloatTensor<Self>; 3] {
        let (tokens, gamma, beta) =
            layer_norm::plain_backward::<Self>(wrap(tokens), wrap(gamma), wrap(output_gradient), epsilon);
        [raw(tokens), raw(gamma), raw(beta)]
    }

    /// Every output channel filtered from all input channels with square kernels, then the activation.
    ///
    /// # Shapes
    /// - `input`: `[batch, channel, row, col]`
    /// - `weight`: `[channel out, channel, kernel, kernel]`, `bias`: `[channel out]`
    /// - returns: `[batch, channel out, row, col]`, sizes as [`ConvolutionGeometry::output`]
    fn dense_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: &ConvolutionGeometry,
    ) -> FloatTensor<Self> {
        raw(convolution::plain_dense::<Self>(wrap(input), wrap(weight), wrap(bias), geometry))
    }

    /// Gradients of [`ModelBackend::dense_convolution`] for input, weight and bias; `tensors` are input, weight,
    /// output and output gradient.
    fn dense_convolution_backward(
        tensors: [FloatTensor<Self>; 4],
        geometry: &ConvolutionGeometry,
    ) -> [FloatTensor<Self>; 3] {
        let (input, weight, bias) = convolution::plain_dense_backward::<Self>(tensors.map(wrap), geometry);
        [raw(input), raw(weight), raw(bias)]
    }

    /// Each channel filtered with its own square kernel, then the activation.
    ///
    /// # Shapes
    /// - `input`: `[batch, channel, row, col]`
    /// - `weight`: `[channel, 1, kernel, kernel]`, `bias`: `[channel]`
    /// - returns: `[batch, channel, row, col]`, sizes as [`ConvolutionGeometry::output`]
    fn depthwise_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: &ConvolutionGeometry,
    ) -> FloatTensor<Self> {
        raw(convolution::plain_depthwise::<Self>(wrap(input), wrap(weight), wrap(bias), geometry))
    }

    /// Gradients of [`ModelBackend::depthwise_convolution`] for input, weight and bias; `tensors` are input, weight,
    /// output and output gradient.
    fn depthwise_convolution_backward(
        tensors: [FloatTensor<Self>; 4],
        geometry: &ConvolutionGeometry,
    ) -> [FloatTensor<Self>; 3] {
        let (input, weight, bias) = convolution::plain_depthwise_backward::<Self>(tensors.map(wrap), geometry);
        [raw(input), raw(weight), raw(bias)]
    }
}

/// A float tensor from its primitive.
fn wrap<B: Backend, const D: usize>(primitive: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

/// The primitive of a float tensor.
fn raw<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> FloatTensor<B> {
    tensor.into_primitive().tensor()
}
