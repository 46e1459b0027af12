//! The gradient of layer normalisation on the CPU.

use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::flat::{slice, tensor};

/// Rows of one task; each task sums its own share of the parameters' gradients.
const CHUNK: usize = 512;

/// Gradients for tokens, gamma and beta.
pub(super) fn backward(
    tokens: &FlexTensor,
    gamma: &FlexTensor,
    output_gradient: &FlexTensor,
    epsilon: f64,
) -> [FlexTensor; 3] {
    let shape = tokens.layout().shape();
    let (shape, channels) = ([shape[0], shape[1], shape[2]], shape[2]);
    let [tokens, gamma, slope] = [tokens, gamma, output_gradient].map(FlexTensor::to_contiguous);
    let gamma = slice(&gamma);
    let mut for_tokens = vec![0.0_f32; slice(&tokens).len()];
    let parts: Vec<(Vec<f32>, Vec<f32>)> = for_tokens
        .par_chunks_mut(CHUNK * channels)
        .zip(slice(&tokens).par_chunks(CHUNK * channels))
        .zip(slice(&slope).par_chunks(CHUNK * channels))
        .map(|((out, tokens), slope)| {
            let (mut for_gamma, mut for_beta) = (vec![0.0; channels], vec![0.0; channels]);
            let sums = [&mut for_gamma[..], &mut for_beta[..]];
            Arch::new().dispatch(Rows { tokens, slope, gamma, epsilon: epsilon as f32, out, sums });
            (for_gamma, for_beta)
        })
        .collect();
    // Added in order, so that the sum does not depend on which task finished first.
    let (mut for_gamma, mut for_beta) = (vec![0.0; channels], vec![0.0; channels]);
    for (gamma, beta) in &parts {
        add(&mut for_gamma, gamma);
        add(&mut for_beta, beta);
    }
    [tensor(for_tokens, shape), tensor(for_gamma, [channels]), tensor(for_beta, [channels])]
}

/// Some rows of the backward pass.
struct Rows<'a> {
    tokens: &'a [f32],
    slope: &'a [f32],
    gamma: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
    /// For gamma and beta.
    sums: [&'a mut [f32]; 2],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { tokens, slope, gamma, epsilon, out, sums: [for_gamma, for_beta] } = self;
        let channels = gamma.len();
        let rows = tokens.chunks_exact(channels).zip(slope.chunks_exact(channels));
        for ((row, slope), out) in rows.zip(out.chunks_exact_mut(channels)) {
            one_row(row, slope, gamma, epsilon, out, for_gamma, for_beta);
        }
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

/// With `x^ = (x - mean) * inverse` and `g = slope * gamma`: `dx = inverse * (g - mean(g) - x^ * mean(g x^))`.
#[inline(always)]
fn one_row(
    row: &[f32],
    slope: &[f32],
    gamma: &[f32],
    epsilon: f32,
    out: &mut [f32],
    for_gamma: &mut [f32],
    for_beta: &mut [f32],
) {
    let count = row.len() as f32;
    let mean = lanes_sum(row.len(), |i| row[i]) / count;
    let variance = lanes_sum(row.len(), |i| (row[i] - mean) * (row[i] - mean)) / count;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    let mean_slope = lanes_sum(row.len(), |i| slope[i] * gamma[i]) / count;
    let mean_along = lanes_sum(row.len(), |i| slope[i] * gamma[i] * (row[i] - mean)) * inverse / count;
    for i in 0..row.len() {
        let scaled = (row[i] - mean) * inverse;
        out[i] = inverse * (slope[i] * gamma[i] - mean_slope - scaled * mean_along);
        for_gamma[i] += slope[i] * scaled;
        for_beta[i] += slope[i];
    }
}

/// A sum in sixteen lanes, so that it vectorises in a fixed order.
#[inline(always)]
fn lanes_sum(count: usize, value: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let whole = count - count % 16;
    let mut at = 0;
    while at < whole {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += value(at + lane);
        }
        at += 16;
    }
    let mut total: f32 = lanes.iter().sum();
    for i in whole..count {
        total += value(i);
    }
    total
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tensor};
    use burn_flex::Flex;

    use super::super::layer_norm::plain_backward;
    use super::*;

    #[test]
    fn the_kernel_agrees_with_the_differentiated_formula() {
        let device = Default::default();
        let random = |shape: [usize; 3]| Tensor::<Flex, 3>::random(shape, Distribution::Normal(0.5, 2.0), &device);
        let (tokens, slope) = (random([2, 700, 19]), random([2, 700, 19]));
        let gamma = Tensor::<Flex, 1>::random([19], Distribution::Normal(1.0, 0.2), &device);
        let raw = |t: Tensor<Flex, 3>| t.into_primitive().tensor();
        let own = backward(&raw(tokens.clone()), &gamma.clone().into_primitive().tensor(), &raw(slope.clone()), 1e-5);
        let reference = plain_backward(tokens, gamma, slope, 1e-5);
        let flat = [reference.0.reshape([-1]), reference.1, reference.2];
        for (own, reference) in own.into_iter().zip(flat) {
            let own: Tensor<Flex, 1> = Tensor::<Flex, 1>::from_data(
                burn::tensor::TensorData::new(slice(&own).to_vec(), [slice(&own).len()]),
                &device,
            );
            let scale: f32 = reference.clone().abs().max().into_scalar();
            let difference: f32 = (own - reference).abs().max().into_scalar();
            assert!(difference < 1e-5 * scale.max(1.0), "{difference} of {scale}");
        }
    }
}
