//! Multi-head scaled dot-product attention over tokens, heads side by side in the channels.

use burn::backend::Autodiff;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorPrimitive};

use super::backend::ModelBackend;

/// Score of a key that must not be looked at: far below any real score, and finite.
pub const IGNORED_SCORE: f32 = -1e9;

/// What each query gathers from the values.
///
/// # Shapes
/// - `query`: `[batch, n, channel]`; `key`, `value`: `[batch, m, channel]`
/// - `bias`: `[batch, m]`, added to every score of a key; no gradient flows into it
/// - returns: `[batch, n, channel]`
pub fn attend<B: ModelBackend>(
    query: Tensor<B, 3>,
    key: Tensor<B, 3>,
    value: Tensor<B, 3>,
    bias: Tensor<B, 2>,
    heads: usize,
) -> Tensor<B, 3> {
    Tensor::from_primitive(TensorPrimitive::Float(B::token_attention(
        query.into_primitive().tensor(),
        key.into_primitive().tensor(),
        value.into_primitive().tensor(),
        bias.into_primitive().tensor(),
        heads,
    )))
}

/// The plain formulation, by batched matrix products.
pub(super) fn plain<B: Backend>(
    query: Tensor<B, 3>,
    key: Tensor<B, 3>,
    value: Tensor<B, 3>,
    bias: Tensor<B, 2>,
    heads: usize,
) -> Tensor<B, 3> {
    let [batch, n, width] = query.dims();
    let m = key.dims()[1];
    let depth = width / heads;
    let split = |tokens: Tensor<B, 3>, count: usize| tokens.reshape([batch, count, heads, depth]).swap_dims(1, 2);
    let scores = split(query, n).matmul(split(key, m).swap_dims(2, 3)).mul_scalar((depth as f64).powf(-0.5));
    let shares = softmax(scores + bias.reshape([batch, 1, 1, m]), 3);
    shares.matmul(split(value, m)).swap_dims(1, 2).reshape([batch, n, width])
}

/// Gradients of [`plain`] for query, key and value, by differentiating it.
pub(super) fn plain_backward<B: Backend>(
    inputs: [Tensor<B, 3>; 3],
    bias: Tensor<B, 2>,
    output_gradient: Tensor<B, 3>,
    heads: usize,
) -> [Tensor<B, 3>; 3] {
    let inputs = inputs.map(|input| Tensor::<Autodiff<B>, 3>::from_inner(input).require_grad());
    let [query, key, value] = inputs.clone();
    let output = plain(query, key, value, Tensor::from_inner(bias), heads);
    let grads = (output * Tensor::from_inner(output_gradient)).sum().backward();
    inputs.map(|input| input.grad(&grads).unwrap_or_else(|| input.inner().zeros_like()))
}
