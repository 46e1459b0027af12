//! Two linear layers with an activation between them, on the CPU.
//!
//! Work is cut by sizes alone, never by the number of threads, and what tasks sum up is added in order.

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::feed_forward::Middle;
use super::flat::{slice, tensor};
use super::gemm_cpu::{Matrix, MatrixMut, add_product};
use super::middle_cpu::{activate, multiply_by_slope};

/// Tokens of one task where there are many.
const ROWS: usize = 512;
/// Tasks below which tokens alone do not keep a processor busy.
const FEW: usize = 4;
/// Wide channels that are computed, activated and used at once: with [`ROWS`] tokens, half a MiB.
const WIDE: usize = 256;
/// Output channels of one task where there are few tokens.
const OUT: usize = 128;
/// Most tasks of a backward pass, since each has gradients of all weights to itself.
const SUMS: usize = 8;

/// Both layers: channels in, wide and out, and the weights as `[in, wide]`, `[wide]`, `[wide, out]`, `[out]`.
struct Layers<'a> {
    sizes: [usize; 3],
    weights: [&'a [f32]; 4],
    middle: Middle,
}

impl Layers<'_> {
    /// `columns` of the weights of the first layer.
    fn widen(&self, first: usize) -> Matrix<'_> {
        Matrix { values: &self.weights[0][first..], rows_apart: self.sizes[1], cols_apart: 1 }
    }

    /// The weights of the second layer, from wide channel `row` and output channel `col` on.
    fn narrow(&self, row: usize, col: usize) -> Matrix<'_> {
        Matrix { values: &self.weights[2][row * self.sizes[2] + col..], rows_apart: self.sizes[2], cols_apart: 1 }
    }

    /// Wide channels `first..first + count` of all `tokens`, activated, as `[token, count]`.
    fn wide(&self, tokens: &[f32], first: usize, count: usize, wide: &mut [f32]) {
        let [channels, ..] = self.sizes;
        let rows = tokens.len() / channels;
        wide.chunks_exact_mut(count).for_each(|row| row.copy_from_slice(&self.weights[1][first..first + count]));
        let to = MatrixMut { values: wide, rows_apart: count, cols_apart: 1 };
        add_product(to, rows_of(tokens, channels), self.widen(first), [rows, count, channels], 1.0);
        activate(self.middle, wide);
    }

    /// Everything for some tokens, block of wide channels by block.
    fn forward_rows(&self, tokens: &[f32], output: &mut [f32]) {
        let [channels, width, out] = self.sizes;
        let rows = tokens.len() / channels;
        output.chunks_exact_mut(out).for_each(|row| row.copy_from_slice(self.weights[3]));
        let mut wide = vec![0.0; rows * WIDE.min(width)];
        for first in (0..width).step_by(WIDE) {
            let count = WIDE.min(width - first);
            let wide = &mut wide[..rows * count];
            self.wide(tokens, first, count, wide);
            let to = MatrixMut { values: output, rows_apart: out, cols_apart: 1 };
            add_product(to, rows_of(wide, count), self.narrow(first, 0), [rows, out, count], 1.0);
        }
    }

    /// Everything for few tokens: tasks are blocks of wide channels, then blocks of output channels.
    fn forward_columns(&self, tokens: &[f32], output: &mut [f32]) {
        let [channels, width, out] = self.sizes;
        let rows = tokens.len() / channels;
        let mut wide = vec![0.0; rows * width];
        wide.par_chunks_mut(rows * WIDE)
            .enumerate()
            .for_each(|(block, wide)| self.wide(tokens, block * WIDE, wide.len() / rows, wide));
        let mut columns = vec![0.0; rows * out];
        columns.par_chunks_mut(rows * OUT).enumerate().for_each(|(block, columns)| {
            let (from, count) = (block * OUT, columns.len() / rows);
            columns.chunks_exact_mut(count).for_each(|row| row.copy_from_slice(&self.weights[3][from..from + count]));
            for (index, wide) in wide.chunks(rows * WIDE).enumerate() {
                let inner = wide.len() / rows;
                let to = MatrixMut { values: columns, rows_apart: count, cols_apart: 1 };
                add_product(to, rows_of(wide, inner), self.narrow(index * WIDE, from), [rows, count, inner], 1.0);
            }
        });
        for (block, columns) in columns.chunks(rows * OUT).enumerate() {
            let (from, count) = (block * OUT, columns.len() / rows);
            for (to, row) in output.chunks_exact_mut(out).zip(columns.chunks_exact(count)) {
                to[from..from + count].copy_from_slice(row);
            }
        }
    }

    /// Gradients of the weights from some tokens, and for these tokens.
    fn backward_rows(&self, tokens: &[f32], slope: &[f32], for_tokens: &mut [f32]) -> [Vec<f32>; 4] {
        let [channels, width, out] = self.sizes;
        let mut sums = self.weights.map(|weights| vec![0.0_f32; weights.len()]);
        let mut buffers = [(); 3].map(|()| vec![0.0_f32; ROWS.min(tokens.len() / channels) * width]);
        let pieces = tokens.chunks(ROWS * channels).zip(slope.chunks(ROWS * out));
        for ((tokens, slope), for_tokens) in pieces.zip(for_tokens.chunks_mut(ROWS * channels)) {
            let rows = tokens.len() / channels;
            let [before, after, gradient] = &mut buffers;
            let [before, after, gradient] = [before, after, gradient].map(|buffer| &mut buffer[..rows * width]);
            before.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(self.weights[1]));
            let to = MatrixMut { values: before, rows_apart: width, cols_apart: 1 };
            add_product(to, rows_of(tokens, channels), self.widen(0), [rows, width, channels], 1.0);
            after.copy_from_slice(before);
            activate(self.middle, after);

            gradient.fill(0.0);
            let to = MatrixMut { values: gradient, rows_apart: width, cols_apart: 1 };
            add_product(to, rows_of(slope, out), self.narrow(0, 0).transposed(), [rows, width, out], 1.0);
            multiply_by_slope(self.middle, before, gradient);

            let to = MatrixMut { values: for_tokens, rows_apart: channels, cols_apart: 1 };
            add_product(to, rows_of(gradient, width), self.widen(0).transposed(), [rows, channels, width], 1.0);
            let [for_widen, for_widen_bias, for_narrow, for_narrow_bias] = &mut sums;
            let to = MatrixMut { values: for_widen, rows_apart: width, cols_apart: 1 };
            let turned = rows_of(tokens, channels).transposed();
            add_product(to, turned, rows_of(gradient, width), [channels, width, rows], 1.0);
            let to = MatrixMut { values: for_narrow, rows_apart: out, cols_apart: 1 };
            add_product(to, rows_of(after, width).transposed(), rows_of(slope, out), [width, out, rows], 1.0);
            gradient.chunks_exact(width).for_each(|row| add(for_widen_bias, row));
            slope.chunks_exact(out).for_each(|row| add(for_narrow_bias, row));
        }
        sums
    }
}

fn rows_of(values: &[f32], apart: usize) -> Matrix<'_> {
    Matrix { values, rows_apart: apart, cols_apart: 1 }
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn sizes(tokens: &FlexTensor, weights: &[FlexTensor; 4]) -> [usize; 3] {
    [tokens.layout().shape()[1], weights[1].layout().shape()[0], weights[3].layout().shape()[0]]
}

/// See [`super::ModelBackend::feed_forward`].
pub(super) fn forward(tokens: &FlexTensor, weights: [FlexTensor; 4], middle: Middle) -> FlexTensor {
    let sizes = sizes(tokens, &weights);
    let (tokens, weights) = (tokens.to_contiguous(), weights.map(|weights| weights.to_contiguous()));
    let layers = Layers { sizes, weights: weights.each_ref().map(slice), middle };
    let [channels, _, out] = sizes;
    let tokens = slice(&tokens);
    let rows = tokens.len() / channels;
    let mut output = vec![0.0_f32; rows * out];
    if rows < FEW * ROWS {
        if rows > 0 {
            layers.forward_columns(tokens, &mut output);
        }
    } else {
        let tasks = output.par_chunks_mut(ROWS * out).zip(tokens.par_chunks(ROWS * channels));
        tasks.for_each(|(output, tokens)| layers.forward_rows(tokens, output));
    }
    tensor(output, [rows, out])
}

/// Gradients for the tokens and the four weights.
pub(super) fn backward(
    tokens: &FlexTensor,
    weights: [FlexTensor; 4],
    output_gradient: &FlexTensor,
    middle: Middle,
) -> [FlexTensor; 5] {
    let sizes = sizes(tokens, &weights);
    let (tokens, slope) = (tokens.to_contiguous(), output_gradient.to_contiguous());
    let weights = weights.map(|weights| weights.to_contiguous());
    let layers = Layers { sizes, weights: weights.each_ref().map(slice), middle };
    let [channels, width, out] = sizes;
    let (tokens, slope) = (slice(&tokens), slice(&slope));
    let rows = tokens.len() / channels;
    let share = rows.div_ceil(SUMS).max(ROWS / 2);
    let mut for_tokens = vec![0.0_f32; tokens.len()];
    let parts: Vec<[Vec<f32>; 4]> = for_tokens
        .par_chunks_mut(share * channels)
        .zip(tokens.par_chunks(share * channels).zip(slope.par_chunks(share * out)))
        .map(|(for_tokens, (tokens, slope))| layers.backward_rows(tokens, slope, for_tokens))
        .collect();
    let mut sums = layers.weights.map(|weights| vec![0.0_f32; weights.len()]);
    for part in &parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| add(sum, part));
    }
    let [widen, widen_bias, narrow, narrow_bias] = sums;
    [
        tensor(for_tokens, [rows, channels]),
        tensor(widen, [channels, width]),
        tensor(widen_bias, [width]),
        tensor(narrow, [width, out]),
        tensor(narrow_bias, [out]),
    ]
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Tensor, TensorData, TensorPrimitive};
    use burn_flex::Flex;

    use super::super::ModelBackend;
    use super::super::feed_forward::{Weights, plain, plain_backward};
    use super::*;

    /// Few tokens and many, wide layers below and above a block, odd everywhere.
    const CASES: [[usize; 4]; 4] = [[7, 19, 33, 5], [301, 17, 519, 131], [2_051, 9, 37, 11], [2_700, 5, 261, 3]];

    /// Values about 0.1 with a deviation of about 0.7, the same for a seed each time.
    fn values<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<Flex, D> {
        let mut state = seed;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let count = shape.iter().product();
        let values: Vec<f32> =
            (0..count).map(|_| 0.1 + 1.2 * (uniform() + uniform() + uniform() + uniform())).collect();
        Tensor::from_data(TensorData::new(values, shape), &Default::default())
    }

    fn case([rows, channels, width, out]: [usize; 4]) -> (Tensor<Flex, 2>, Weights<Flex>) {
        let weights = (values([channels, width], 2), values([width], 3), values([width, out], 4), values([out], 5));
        (values([rows, channels], 1), weights)
    }

    fn raw<const D: usize>(tensor: Tensor<Flex, D>) -> FlexTensor {
        tensor.into_primitive().tensor()
    }

    fn raw_weights((widen, widen_bias, narrow, narrow_bias): Weights<Flex>) -> [FlexTensor; 4] {
        [raw(widen), raw(widen_bias), raw(narrow), raw(narrow_bias)]
    }

    /// Gradients of weights are sums over thousands of tokens, of both signs, that the two sides add in another order.
    fn close<const D: usize>(own: FlexTensor, reference: Tensor<Flex, D>, case: &str) {
        let own = Tensor::<Flex, D>::from_primitive(TensorPrimitive::Float(own));
        let scale: f32 = reference.clone().abs().max().into_scalar();
        let difference: f32 = (own - reference).abs().max().into_scalar();
        assert!(difference < 1e-5 * scale.max(1.0), "{difference} of {scale}: {case}");
    }

    #[test]
    fn the_kernel_agrees_with_two_layers_of_burn() {
        for sizes in CASES {
            for middle in [Middle::Relu, Middle::Gelu] {
                let (tokens, weights) = case(sizes);
                let reference = plain(tokens.clone(), weights.clone(), middle);
                let own = Flex::feed_forward(raw(tokens), raw_weights(weights), middle);
                close(own, reference, &format!("{middle:?} on {sizes:?}"));
            }
        }
    }

    #[test]
    fn the_kernels_gradients_agree_with_those_of_burn() {
        for sizes in CASES {
            for middle in [Middle::Relu, Middle::Gelu] {
                let (tokens, weights) = case(sizes);
                let slope = plain(tokens.clone(), weights.clone(), middle).sin();
                let (for_tokens, (widen, widen_bias, narrow, narrow_bias)) =
                    plain_backward(tokens.clone(), weights.clone(), slope.clone(), middle);
                let own = Flex::feed_forward_backward(raw(tokens), raw_weights(weights), raw(slope), middle);
                let name = format!("{middle:?} on {sizes:?}");
                let [own_tokens, own_widen, own_widen_bias, own_narrow, own_narrow_bias] = own;
                close(own_tokens, for_tokens, &name);
                close(own_widen, widen, &name);
                close(own_widen_bias, widen_bias, &name);
                close(own_narrow, narrow, &name);
                close(own_narrow_bias, narrow_bias, &name);
            }
        }
    }

    #[test]
    fn a_token_comes_out_the_same_however_many_go_with_it() {
        let (tokens, weights) = case([2_700, 24, 300, 40]);
        let run = |tokens: Tensor<Flex, 2>| {
            let out = Flex::feed_forward(raw(tokens), raw_weights(weights.clone()), Middle::Gelu);
            slice(&out).to_vec()
        };
        let all = run(tokens.clone());
        for (first, count) in [(0, 300), (300, 900), (1_200, 1_500)] {
            assert_eq!(run(tokens.clone().narrow(0, first, count)), all[first * 40..(first + count) * 40]);
        }
    }
}
