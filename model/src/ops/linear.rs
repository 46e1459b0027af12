//! Linear layers over token sequences, flattened to two dimensions first.
//!
//! On `[batch, token, channel]` Burn back-propagates through a batched matrix product that is about
//! ten times slower than the one on `[batch * token, channel]`.

use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::backend::ModelBackend;
use super::transpose::transpose;

/// `linear` applied to every token.
///
/// # Shapes
/// `[batch, token, in]` to `[batch, token, out]`
pub fn linear_tokens<B: Backend>(linear: &Linear<B>, tokens: Tensor<B, 3>) -> Tensor<B, 3> {
    let [batch, count, channels] = tokens.dims();
    let flat = linear.forward(tokens.reshape([batch * count, channels]));
    let [_, out] = flat.dims();
    flat.reshape([batch, count, out])
}

/// Tokens with their positions added.
///
/// # Shapes
/// `[batch, token, channel]` and `[1, token, channel]` to `[batch, token, channel]`
pub fn placed<B: Backend>(tokens: Tensor<B, 3>, positions: Tensor<B, 3>) -> Tensor<B, 3> {
    let [batch, count, channels] = tokens.dims();
    // Over two dimensions Burn's CPU backend adds whole rows; over three it goes element by element.
    let row = positions.reshape([1, count * channels]);
    (tokens.reshape([batch, count * channels]) + row).reshape([batch, count, channels])
}

/// Tokens of a feature map, row by row.
///
/// # Shapes
/// `[batch, channel, row, col]` to `[batch, row * col, channel]`
pub fn map_to_tokens<B: ModelBackend>(map: Tensor<B, 4>) -> Tensor<B, 3> {
    let [batch, channels, rows, cols] = map.dims();
    transpose(map.reshape([batch, channels, rows * cols]))
}

/// The inverse of [`map_to_tokens`].
///
/// # Shapes
/// `[batch, rows * cols, channel]` to `[batch, channel, rows, cols]`
pub fn tokens_to_map<B: ModelBackend>(tokens: Tensor<B, 3>, rows: usize, cols: usize) -> Tensor<B, 4> {
    let [batch, _, channels] = tokens.dims();
    transpose(tokens).reshape([batch, channels, rows, cols])
}
