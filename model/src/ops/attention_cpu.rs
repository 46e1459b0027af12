//! Attention on the CPU: one head at a time, so that its scores stay in the cache.

use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::flat::{exp_in_place, slice, tensor};
use super::gemm_cpu::{Matrix, MatrixMut, add_product};

/// Scores that a task of the forward pass works through, by and large: 256 KiB.
const SCORES: usize = 1 << 16;

/// Keys are padded to a multiple of this, so that loops over them run in whole vectors.
const LANES: usize = 16;

/// Score of a padded key.
const PADDED: f32 = -1e9;

/// Sizes of one attention.
#[derive(Clone, Copy)]
struct Sizes {
    /// Queries.
    n: usize,
    /// Keys.
    m: usize,
    /// Keys with padding.
    padded: usize,
    channels: usize,
    heads: usize,
}

impl Sizes {
    fn of(query: &FlexTensor, key: &FlexTensor, heads: usize) -> Self {
        let (query, key) = (query.layout().shape(), key.layout().shape());
        Self { n: query[1], m: key[1], padded: key[1].next_multiple_of(LANES), channels: query[2], heads }
    }

    fn depth(&self) -> usize {
        self.channels / self.heads
    }

    /// One head's channels of tokens, as tokens by channels.
    fn head<'a>(&self, tokens: &'a [f32], head: usize) -> Matrix<'a> {
        Matrix { values: &tokens[head * self.depth()..], rows_apart: self.channels, cols_apart: 1 }
    }

    fn head_mut<'a>(&self, tokens: &'a mut [f32], head: usize) -> MatrixMut<'a> {
        MatrixMut { values: &mut tokens[head * self.depth()..], rows_apart: self.channels, cols_apart: 1 }
    }

    /// Scores or shares as queries by keys.
    fn scores<'a>(&self, values: &'a [f32]) -> Matrix<'a> {
        Matrix { values, rows_apart: self.padded, cols_apart: 1 }
    }

    fn scores_mut<'a>(&self, values: &'a mut [f32]) -> MatrixMut<'a> {
        MatrixMut { values, rows_apart: self.padded, cols_apart: 1 }
    }

    fn padded_bias(&self, bias: &[f32]) -> Vec<f32> {
        let mut padded = bias.to_vec();
        padded.resize(self.padded, PADDED);
        padded
    }

    fn scale(&self) -> f32 {
        (self.depth() as f32).powf(-0.5)
    }

    /// Queries of one task of the forward pass.
    fn chunk(&self) -> usize {
        (SCORES / self.padded).clamp(1, self.n)
    }

    /// Writes what share of each query's attention goes to each key.
    fn shares(&self, head: usize, query: &[f32], key: &[f32], bias: &[f32], shares: &mut [f32]) {
        for row in shares.chunks_exact_mut(self.padded) {
            row.copy_from_slice(bias);
        }
        let queries = shares.len() / self.padded;
        let key = self.head(key, head).transposed();
        let sizes = [queries, self.m, self.depth()];
        add_product(self.scores_mut(shares), self.head(query, head), key, sizes, self.scale());
        Arch::new().dispatch(Softmax { rows: shares, padded: self.padded });
    }
}

/// See [`super::ModelBackend::token_attention`].
pub(super) fn forward([query, key, value]: [&FlexTensor; 3], bias: &FlexTensor, heads: usize) -> FlexTensor {
    let sizes = Sizes::of(query, key, heads);
    let [query, key, value, bias] = [query, key, value, bias].map(FlexTensor::to_contiguous);
    let (n, m, channels) = (sizes.n, sizes.m, sizes.channels);
    let batch = slice(&query).len() / (n * channels);
    let mut output = vec![0.0_f32; batch * n * channels];
    output.par_chunks_mut(n * channels).enumerate().for_each(|(image, output)| {
        let key = &slice(&key)[image * m * channels..(image + 1) * m * channels];
        let value = &slice(&value)[image * m * channels..(image + 1) * m * channels];
        let query = &slice(&query)[image * n * channels..(image + 1) * n * channels];
        let bias = sizes.padded_bias(&slice(&bias)[image * m..(image + 1) * m]);
        let chunk = sizes.chunk() * channels;
        output.par_chunks_mut(chunk).zip(query.par_chunks(chunk)).for_each(|(output, query)| {
            let queries = query.len() / channels;
            let mut shares = vec![0.0_f32; queries * sizes.padded];
            for head in 0..heads {
                sizes.shares(head, query, key, &bias, &mut shares);
                let (shares, value) = (sizes.scores(&shares), sizes.head(value, head));
                add_product(sizes.head_mut(output, head), shares, value, [queries, sizes.depth(), m], 1.0);
            }
        });
    });
    tensor(output, [batch, n, channels])
}

/// Gradients for query, key and value; images are independent, so each is one task.
pub(super) fn backward(
    inputs: [&FlexTensor; 3],
    bias: &FlexTensor,
    output_gradient: &FlexTensor,
    heads: usize,
) -> [FlexTensor; 3] {
    let sizes = Sizes::of(inputs[0], inputs[1], heads);
    let [query, key, value] = inputs.map(FlexTensor::to_contiguous);
    let (bias, output_gradient) = (bias.to_contiguous(), output_gradient.to_contiguous());
    let (n, m, channels) = (sizes.n, sizes.m, sizes.channels);
    let batch = slice(&query).len() / (n * channels);
    let mut for_query = vec![0.0_f32; batch * n * channels];
    let mut for_key = vec![0.0_f32; batch * m * channels];
    let mut for_value = vec![0.0_f32; batch * m * channels];
    for_query
        .par_chunks_mut(n * channels)
        .zip(for_key.par_chunks_mut(m * channels))
        .zip(for_value.par_chunks_mut(m * channels))
        .enumerate()
        .for_each(|(image, ((for_query, for_key), for_value))| {
            let task = Task {
                sizes,
                key: &slice(&key)[image * m * channels..][..m * channels],
                value: &slice(&value)[image * m * channels..][..m * channels],
                query: &slice(&query)[image * n * channels..][..n * channels],
                slope: &slice(&output_gradient)[image * n * channels..][..n * channels],
                bias: sizes.padded_bias(&slice(&bias)[image * m..(image + 1) * m]),
            };
            task.run(for_query, for_key, for_value);
        });
    [
        tensor(for_query, [batch, n, channels]),
        tensor(for_key, [batch, m, channels]),
        tensor(for_value, [batch, m, channels]),
    ]
}

/// The backward pass of one image.
struct Task<'a> {
    sizes: Sizes,
    key: &'a [f32],
    value: &'a [f32],
    query: &'a [f32],
    slope: &'a [f32],
    bias: Vec<f32>,
}

impl Task<'_> {
    fn run(&self, for_query: &mut [f32], for_key: &mut [f32], for_value: &mut [f32]) {
        let sizes = self.sizes;
        let Sizes { n, m, padded, channels, heads } = sizes;
        let depth = sizes.depth();
        // In pieces as in the forward pass, which are added in order.
        let piece = sizes.chunk();
        let mut shares = vec![0.0_f32; piece * padded];
        let mut slopes = vec![0.0_f32; piece * padded];
        for first in (0..n).step_by(piece) {
            let queries = piece.min(n - first);
            let tokens = first * channels..(first + queries) * channels;
            let (query, slope) = (&self.query[tokens.clone()], &self.slope[tokens.clone()]);
            let (shares, slopes) = (&mut shares[..queries * padded], &mut slopes[..queries * padded]);
            let for_query = &mut for_query[tokens];
            for head in 0..heads {
                sizes.shares(head, query, self.key, &self.bias, shares);
                // How the loss moves with each share, then with each score.
                slopes.fill(0.0);
                let value = sizes.head(self.value, head).transposed();
                add_product(sizes.scores_mut(slopes), sizes.head(slope, head), value, [queries, m, depth], 1.0);
                Arch::new().dispatch(SoftmaxSlope { shares, slopes, padded });
                let (scores, shares) = (sizes.scores(slopes), sizes.scores(shares));
                let (key, scale) = (sizes.head(self.key, head), sizes.scale());
                add_product(sizes.head_mut(for_query, head), scores, key, [queries, depth, m], scale);
                let (query, slope) = (sizes.head(query, head), sizes.head(slope, head));
                add_product(sizes.head_mut(for_key, head), scores.transposed(), query, [m, depth, queries], scale);
                add_product(sizes.head_mut(for_value, head), shares.transposed(), slope, [m, depth, queries], 1.0);
            }
        }
    }
}

/// Softmax of each row, in place.
struct Softmax<'a> {
    rows: &'a mut [f32],
    padded: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact_mut(self.padded) {
            normalise(row);
        }
    }
}

/// From the slopes of the shares, those of the scores, in place.
struct SoftmaxSlope<'a> {
    shares: &'a [f32],
    slopes: &'a mut [f32],
    padded: usize,
}

impl WithSimd for SoftmaxSlope<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (shares, slopes) in self.shares.chunks_exact(self.padded).zip(self.slopes.chunks_exact_mut(self.padded)) {
            let mean = sum_of_products(shares, slopes);
            for (slope, share) in slopes.iter_mut().zip(shares) {
                *slope = share * (*slope - mean);
            }
        }
    }
}

/// Softmax in place.
#[inline(always)]
fn normalise(scores: &mut [f32]) {
    let mut lanes = [f32::MIN; LANES];
    for scores in scores.chunks_exact(LANES) {
        for (lane, &score) in lanes.iter_mut().zip(scores) {
            *lane = if score > *lane { score } else { *lane };
        }
    }
    let largest = lanes.iter().copied().fold(f32::MIN, f32::max);
    for score in scores.iter_mut() {
        *score -= largest;
    }
    exp_in_place(scores);
    let mut lanes = [0.0_f32; LANES];
    for scores in scores.chunks_exact(LANES) {
        for (lane, &score) in lanes.iter_mut().zip(scores) {
            *lane += score;
        }
    }
    let total: f32 = lanes.iter().sum();
    let factor = 1.0 / total;
    for score in scores.iter_mut() {
        *score *= factor;
    }
}

#[inline(always)]
fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tensor};
    use burn_flex::Flex;

    use super::super::ModelBackend;
    use super::super::attention::{IGNORED_SCORE, attend, plain, plain_backward};

    fn inputs() -> ([Tensor<Flex, 3>; 3], Tensor<Flex, 2>) {
        let device = Default::default();
        let random = |count| Tensor::random([2, count, 12], Distribution::Normal(0.0, 1.0), &device);
        let bias = Tensor::from_floats(
            [[0.0, 0.0, 0.0, 0.0, IGNORED_SCORE], [0.0, 0.0, IGNORED_SCORE, IGNORED_SCORE, IGNORED_SCORE]],
            &device,
        );
        ([random(7), random(5), random(5)], bias)
    }

    #[test]
    fn the_kernel_agrees_with_matrix_products() {
        let ([query, key, value], bias) = inputs();
        let own = attend(query.clone(), key.clone(), value.clone(), bias.clone(), 3);
        let difference: f32 = (own - plain(query, key, value, bias, 3)).abs().max().into_scalar();
        assert!(difference < 1e-5, "{difference}");
    }

    #[test]
    fn the_kernels_gradients_agree_with_those_of_matrix_products() {
        let (inputs, bias) = inputs();
        let slope = inputs[0].clone().sin();
        let [query, key, value] = inputs.clone().map(|input| input.into_primitive().tensor());
        let raw_bias = bias.clone().into_primitive().tensor();
        let own =
            Flex::token_attention_backward([query, key, value], raw_bias, slope.clone().into_primitive().tensor(), 3);
        for (own, reference) in own.into_iter().zip(plain_backward(inputs, bias, slope, 3)) {
            let own = Tensor::from_primitive(burn::tensor::TensorPrimitive::Float(own));
            let difference: f32 = (own - reference).abs().max().into_scalar();
            assert!(difference < 1e-5, "{difference}");
        }
    }
}
