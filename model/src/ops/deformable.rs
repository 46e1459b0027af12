//! Multi-scale deformable sampling: a plain formulation for every backend and a kernel for the CPU.
//!
//! # Source
//! Zhu et al., Deformable DETR, eq. 3: bilinear samples with zero padding, `align_corners=False`,
//! around reference points at the pixel centres of each token's own level.

use burn::backend::Autodiff;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::backend::{ModelBackend, SamplingGeometry};

/// The samples of `value` summed by weight; differentiable wherever Burn is.
///
/// # Shapes
/// As [`ModelBackend::deformable_sampling`].
pub fn sample<B: ModelBackend>(
    value: Tensor<B, 3>,
    offsets: Tensor<B, 3>,
    weights: Tensor<B, 3>,
    geometry: &SamplingGeometry,
) -> Tensor<B, 3> {
    Tensor::from_primitive(burn::tensor::TensorPrimitive::Float(B::deformable_sampling(
        value.into_primitive().tensor(),
        offsets.into_primitive().tensor(),
        weights.into_primitive().tensor(),
        geometry,
    )))
}

/// Reference points of every token on the unit square, x then y, in token order.
pub(super) fn reference_points(geometry: &SamplingGeometry) -> Vec<[f32; 2]> {
    let mut points = Vec::with_capacity(geometry.tokens());
    for &(rows, cols) in &geometry.levels {
        for row in 0..rows {
            for col in 0..cols {
                points.push([(col as f32 + 0.5) / cols as f32, (row as f32 + 0.5) / rows as f32]);
            }
        }
    }
    points
}

/// The plain formulation, by gathers.
pub(super) fn plain<B: Backend>(
    value: Tensor<B, 3>,
    offsets: Tensor<B, 3>,
    weights: Tensor<B, 3>,
    geometry: &SamplingGeometry,
) -> Tensor<B, 3> {
    let [batch, tokens, channels] = value.dims();
    let (heads, points, levels) = (geometry.heads, geometry.points, geometry.levels.len());
    let (depth, device) = (channels / heads, value.device());
    // [batch * head, token, depth]
    let value = value.reshape([batch, tokens, heads, depth]).swap_dims(1, 2).reshape([batch * heads, tokens, depth]);
    // [batch * head, token, level, point * 2]
    let offsets = offsets.reshape([batch, tokens, heads, levels * points * 2]).swap_dims(1, 2).reshape([
        batch * heads,
        tokens,
        levels,
        points * 2,
    ]);
    let weights = weights.reshape([batch, tokens, heads, levels * points]).swap_dims(1, 2).reshape([
        batch * heads,
        tokens,
        levels,
        points,
    ]);
    let flat: Vec<f32> = reference_points(geometry).into_iter().flatten().collect();
    let reference = Tensor::<B, 2>::from_data(TensorData::new(flat, [tokens, 2]), &device);

    let mut output = Tensor::<B, 3>::zeros([batch * heads, tokens, depth], &device);
    let mut start = 0;
    for (level, &(rows, cols)) in geometry.levels.iter().enumerate() {
        let own = value.clone().narrow(1, start, rows * cols);
        start += rows * cols;
        let places = offsets.clone().narrow(2, level, 1).reshape([batch * heads, tokens, points, 2]);
        let along = |axis: usize, size: usize| {
            let centre = reference.clone().narrow(1, axis, 1).reshape([1, tokens, 1]);
            places.clone().narrow(3, axis, 1).reshape([batch * heads, tokens, points])
                + centre.mul_scalar(size as f32).sub_scalar(0.5)
        };
        let (x, y) = (along(0, cols), along(1, rows));
        let share = weights.clone().narrow(2, level, 1).reshape([batch * heads, tokens, points]);
        let (x0, y0) = (x.clone().detach().floor(), y.clone().detach().floor());
        let (fx, fy) = (x - x0.clone(), y - y0.clone());
        for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (col, row) = (x0.clone().add_scalar(dx), y0.clone().add_scalar(dy));
            let inside = col
                .clone()
                .greater_equal_elem(0)
                .bool_and(col.clone().lower_elem(cols as i64))
                .bool_and(row.clone().greater_equal_elem(0))
                .bool_and(row.clone().lower_elem(rows as i64))
                .float();
            let weight_x = if dx == 0 { fx.clone().neg().add_scalar(1) } else { fx.clone() };
            let weight_y = if dy == 0 { fy.clone().neg().add_scalar(1) } else { fy.clone() };
            let weight = weight_x * weight_y * share.clone() * inside;
            let index: Tensor<B, 3, Int> =
                (row.clamp(0, rows as i64 - 1) * cols as f32 + col.clamp(0, cols as i64 - 1)).int();
            let index = index.reshape([batch * heads, tokens * points, 1]).repeat_dim(2, depth);
            let samples = own.clone().gather(1, index).reshape([batch * heads, tokens, points, depth]);
            let weighted = samples * weight.unsqueeze_dim::<4>(3);
            output = output + weighted.sum_dim(2).reshape([batch * heads, tokens, depth]);
        }
    }
    output.reshape([batch, heads, tokens, depth]).swap_dims(1, 2).reshape([batch, tokens, channels])
}

/// Gradients of [`plain`], by differentiating it.
pub(super) fn plain_backward<B: Backend>(
    inputs: [Tensor<B, 3>; 3],
    output_gradient: Tensor<B, 3>,
    geometry: &SamplingGeometry,
) -> [Tensor<B, 3>; 3] {
    let inputs = inputs.map(|input| Tensor::<Autodiff<B>, 3>::from_inner(input).require_grad());
    let [value, offsets, weights] = inputs.clone();
    let output = plain(value, offsets, weights, geometry);
    let grads = (output * Tensor::from_inner(output_gradient)).sum().backward();
    inputs.map(|input| input.grad(&grads).unwrap_or_else(|| input.inner().zeros_like()))
}
