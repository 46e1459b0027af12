//! Attention on the CPU: scores of one query at a time, which stay in the cache.

use burn_flex::FlexTensor;
use pulp::Arch;
use rayon::prelude::*;

use super::flat::{exp_in_place, slice, tensor};

/// Queries that one task of the forward pass works through.
const CHUNK: usize = 64;

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

    /// Keys or values of one image, `[key, channel]`, as `[channel, padded key]`.
    fn across(&self, tokens: &[f32]) -> Vec<f32> {
        let mut across = vec![0.0; self.channels * self.padded];
        for (j, token) in tokens.chunks_exact(self.channels).enumerate() {
            for (c, &value) in token.iter().enumerate() {
                across[c * self.padded + j] = value;
            }
        }
        across
    }

    /// The inverse of [`Self::across`].
    fn along(&self, across: &[f32], tokens: &mut [f32]) {
        for (j, token) in tokens.chunks_exact_mut(self.channels).enumerate() {
            for (c, value) in token.iter_mut().enumerate() {
                *value = across[c * self.padded + j];
            }
        }
    }

    fn padded_bias(&self, bias: &[f32]) -> Vec<f32> {
        let mut padded = bias.to_vec();
        padded.resize(self.padded, PADDED);
        padded
    }

    fn scale(&self) -> f32 {
        (self.depth() as f32).powf(-0.5)
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
        let across = sizes.across(&slice(&key)[image * m * channels..(image + 1) * m * channels]);
        let value = &slice(&value)[image * m * channels..(image + 1) * m * channels];
        let query = &slice(&query)[image * n * channels..(image + 1) * n * channels];
        let bias = sizes.padded_bias(&slice(&bias)[image * m..(image + 1) * m]);
        output.par_chunks_mut(CHUNK * channels).zip(query.par_chunks(CHUNK * channels)).for_each(|(output, query)| {
            Arch::new().dispatch(|| {
                let mut shares = vec![0.0_f32; sizes.padded];
                for (output, query) in output.chunks_exact_mut(channels).zip(query.chunks_exact(channels)) {
                    attend_one(sizes, query, &across, value, &bias, &mut shares, output);
                }
            });
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
            let of = |tensor: &FlexTensor, size: usize| slice(tensor)[image * size..(image + 1) * size].to_vec();
            let task = Task {
                sizes,
                key_across: sizes.across(&of(&key, m * channels)),
                value_across: sizes.across(&of(&value, m * channels)),
                key: of(&key, m * channels),
                query: of(&query, n * channels),
                slope: of(&output_gradient, n * channels),
                bias: sizes.padded_bias(&of(&bias, m)),
            };
            Arch::new().dispatch(|| task.run(for_query, for_key, for_value));
        });
    [
        tensor(for_query, [batch, n, channels]),
        tensor(for_key, [batch, m, channels]),
        tensor(for_value, [batch, m, channels]),
    ]
}

/// The backward pass of one image.
struct Task {
    sizes: Sizes,
    /// `[channel, key]`
    key_across: Vec<f32>,
    value_across: Vec<f32>,
    key: Vec<f32>,
    query: Vec<f32>,
    slope: Vec<f32>,
    bias: Vec<f32>,
}

impl Task {
    #[inline(always)]
    fn run(&self, for_query: &mut [f32], for_key: &mut [f32], for_value: &mut [f32]) {
        let Sizes { m, padded, channels, heads, .. } = self.sizes;
        let (depth, scale) = (self.sizes.depth(), self.sizes.scale());
        let (mut shares, mut slopes) = (vec![0.0_f32; padded], vec![0.0_f32; padded]);
        let mut key_gradient = vec![0.0_f32; padded * channels];
        let mut value_gradient = vec![0.0_f32; padded * channels];
        let rows = self.query.chunks_exact(channels).zip(self.slope.chunks_exact(channels));
        for ((query, slope), for_query) in rows.zip(for_query.chunks_exact_mut(channels)) {
            for head in 0..heads {
                let at = head * depth;
                let planes = at * padded..(at + depth) * padded;
                score(&query[at..at + depth], &self.key_across[planes.clone()], &self.bias, scale, &mut shares);
                normalise(&mut shares);
                // How the loss moves with each share, then with each score.
                slopes.fill(0.0);
                combine(&slope[at..at + depth], &self.value_across[planes.clone()], &mut slopes);
                let mean: f32 = sum_of_products(&shares, &slopes);
                for (slope, share) in slopes.iter_mut().zip(&shares) {
                    *slope = share * (*slope - mean) * scale;
                }
                let out = &mut for_query[at..at + depth];
                for (j, &slope) in slopes[..m].iter().enumerate() {
                    let key = &self.key[j * channels + at..j * channels + at + depth];
                    for (out, key) in out.iter_mut().zip(key) {
                        *out += slope * key;
                    }
                }
                spread(&query[at..at + depth], &slopes, &mut key_gradient[planes.clone()]);
                spread(&slope[at..at + depth], &shares, &mut value_gradient[planes]);
            }
        }
        self.sizes.along(&key_gradient, for_key);
        self.sizes.along(&value_gradient, for_value);
    }
}

/// All heads of one query.
#[inline(always)]
fn attend_one(
    sizes: Sizes,
    query: &[f32],
    key_across: &[f32],
    value: &[f32],
    bias: &[f32],
    shares: &mut [f32],
    output: &mut [f32],
) {
    let (m, padded, depth) = (sizes.m, sizes.padded, sizes.depth());
    for head in 0..sizes.heads {
        let at = head * depth;
        score(&query[at..at + depth], &key_across[at * padded..(at + depth) * padded], bias, sizes.scale(), shares);
        normalise(shares);
        let output = &mut output[at..at + depth];
        for (j, &share) in shares[..m].iter().enumerate() {
            let value = &value[j * sizes.channels + at..j * sizes.channels + at + depth];
            for (out, value) in output.iter_mut().zip(value) {
                *out += share * value;
            }
        }
    }
}

/// `scores[j] = scale * query . key[j] + bias[j]`, keys as `[channel, key]`.
#[inline(always)]
fn score(query: &[f32], key_across: &[f32], bias: &[f32], scale: f32, scores: &mut [f32]) {
    scores.fill(0.0);
    combine(query, key_across, scores);
    for (score, bias) in scores.iter_mut().zip(bias) {
        *score = *score * scale + bias;
    }
}

/// `sums[j] += sum over c of factors[c] * across[c, j]`
#[inline(always)]
fn combine(factors: &[f32], across: &[f32], sums: &mut [f32]) {
    for (&factor, row) in factors.iter().zip(across.chunks_exact(sums.len())) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += factor * value;
        }
    }
}

/// `across[c, j] += factors[c] * values[j]`
#[inline(always)]
fn spread(factors: &[f32], values: &[f32], across: &mut [f32]) {
    for (&factor, row) in factors.iter().zip(across.chunks_exact_mut(values.len())) {
        for (sum, value) in row.iter_mut().zip(values) {
            *sum += factor * value;
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
