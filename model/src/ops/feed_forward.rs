//! Two linear layers with an activation between them; on the CPU one pass, so that the wide middle stays in the cache.

use burn::backend::Autodiff;
use burn::nn::Linear;
use burn::tensor::activation::{gelu, relu};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorPrimitive};

use super::backend::ModelBackend;

/// What stands between the two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Middle {
    /// `max(x, 0)`.
    Relu,
    /// `x * Phi(x)`, with the distribution function of the normal distribution.
    Gelu,
}

/// `narrow(middle(widen(tokens)))`.
///
/// # Shapes
/// `[token, in]` to `[token, out]`
pub fn feed_forward<B: ModelBackend>(
    [widen, narrow]: [&Linear<B>; 2],
    middle: Middle,
    tokens: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let (Some(widen_bias), Some(narrow_bias)) = (&widen.bias, &narrow.bias) else {
        return narrow.forward(activate(widen.forward(tokens), middle));
    };
    let raw = |tensor: Tensor<B, 2>| tensor.into_primitive().tensor();
    let bias = |tensor: Tensor<B, 1>| tensor.into_primitive().tensor();
    let weights = [raw(widen.weight.val()), bias(widen_bias.val()), raw(narrow.weight.val()), bias(narrow_bias.val())];
    Tensor::from_primitive(TensorPrimitive::Float(B::feed_forward(raw(tokens), weights, middle)))
}

/// [`feed_forward`] of token sequences.
///
/// # Shapes
/// `[batch, token, in]` to `[batch, token, out]`
pub fn feed_forward_tokens<B: ModelBackend>(
    layers: [&Linear<B>; 2],
    middle: Middle,
    tokens: Tensor<B, 3>,
) -> Tensor<B, 3> {
    let [batch, count, channels] = tokens.dims();
    let flat = feed_forward(layers, middle, tokens.reshape([batch * count, channels]));
    let [_, out] = flat.dims();
    flat.reshape([batch, count, out])
}

fn activate<B: Backend, const D: usize>(values: Tensor<B, D>, middle: Middle) -> Tensor<B, D> {
    match middle {
        Middle::Relu => relu(values),
        Middle::Gelu => gelu(values),
    }
}

/// Weights of both layers: `[in, wide]`, `[wide]`, `[wide, out]`, `[out]`.
pub(super) type Weights<B> = (Tensor<B, 2>, Tensor<B, 1>, Tensor<B, 2>, Tensor<B, 1>);

/// The plain formulation.
pub(super) fn plain<B: Backend>(tokens: Tensor<B, 2>, weights: Weights<B>, middle: Middle) -> Tensor<B, 2> {
    let (widen, widen_bias, narrow, narrow_bias) = weights;
    let wide = tokens.matmul(widen) + widen_bias.unsqueeze::<2>();
    activate(wide, middle).matmul(narrow) + narrow_bias.unsqueeze::<2>()
}

/// Gradients of [`plain`] for the tokens and the weights.
pub(super) fn plain_backward<B: Backend>(
    tokens: Tensor<B, 2>,
    weights: Weights<B>,
    output_gradient: Tensor<B, 2>,
    middle: Middle,
) -> (Tensor<B, 2>, Weights<B>) {
    fn tracked<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Tensor<Autodiff<B>, D> {
        Tensor::from_inner(tensor).require_grad()
    }
    let tokens = tracked(tokens);
    let (widen, widen_bias, narrow, narrow_bias) = weights;
    let (widen, widen_bias, narrow, narrow_bias) =
        (tracked(widen), tracked(widen_bias), tracked(narrow), tracked(narrow_bias));
    let all = (widen.clone(), widen_bias.clone(), narrow.clone(), narrow_bias.clone());
    let output = plain(tokens.clone(), all, middle);
    let grads = (output * Tensor::from_inner(output_gradient)).sum().backward();
    let two = |tensor: Tensor<Autodiff<B>, 2>| tensor.grad(&grads).unwrap_or_else(|| tensor.inner().zeros_like());
    let one = |tensor: Tensor<Autodiff<B>, 1>| tensor.grad(&grads).unwrap_or_else(|| tensor.inner().zeros_like());
    (two(tokens), (two(widen), one(widen_bias), two(narrow), one(narrow_bias)))
}
