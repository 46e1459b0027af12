//! Layer normalisation of tokens; on the CPU its gradient is one pass instead of a dozen tensors.

use burn::backend::Autodiff;
use burn::nn::LayerNorm;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorPrimitive};

use super::backend::ModelBackend;

/// `norm` applied to every token.
///
/// # Shapes
/// `[batch, token, channel]`
pub fn layer_norm<B: ModelBackend>(norm: &LayerNorm<B>, tokens: Tensor<B, 3>) -> Tensor<B, 3> {
    let Some(beta) = &norm.beta else {
        return norm.forward(tokens);
    };
    Tensor::from_primitive(TensorPrimitive::Float(B::token_norm(
        tokens.into_primitive().tensor(),
        norm.gamma.val().into_primitive().tensor(),
        beta.val().into_primitive().tensor(),
        EPSILON,
    )))
}

/// Burn's default, which every layer norm of the decoder keeps.
const EPSILON: f64 = 1e-5;

/// Gradients for tokens, gamma and beta, by differentiating the plain formulation.
pub(super) fn plain_backward<B: Backend>(
    tokens: Tensor<B, 3>,
    gamma: Tensor<B, 1>,
    output_gradient: Tensor<B, 3>,
    epsilon: f64,
) -> (Tensor<B, 3>, Tensor<B, 1>, Tensor<B, 1>) {
    let tokens = Tensor::<Autodiff<B>, 3>::from_inner(tokens).require_grad();
    let gamma = Tensor::<Autodiff<B>, 1>::from_inner(gamma).require_grad();
    let slope = Tensor::<Autodiff<B>, 3>::from_inner(output_gradient.clone());
    let centred = tokens.clone() - tokens.clone().mean_dim(2);
    let variance = centred.clone().powi_scalar(2).mean_dim(2);
    let output = centred / variance.add_scalar(epsilon).sqrt() * gamma.clone().unsqueeze::<3>();
    let grads = (output * slope).sum().backward();
    let channels = gamma.dims()[0];
    (
        tokens.grad(&grads).unwrap_or_else(|| tokens.inner().zeros_like()),
        gamma.grad(&grads).unwrap_or_else(|| gamma.inner().zeros_like()),
        output_gradient.sum_dim(0).sum_dim(1).reshape([channels]),
    )
}
