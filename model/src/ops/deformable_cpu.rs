//! Deformable sampling on the CPU: one pass over the tokens, no intermediate tensors.

use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::backend::SamplingGeometry;
use super::deformable::reference_points;
use super::flat::{slice, tensor};

/// One bilinear corner: the token it reads and its weight, with the weight's slopes along x and y.
#[derive(Clone, Copy)]
struct Corner {
    token: usize,
    weight: f32,
    slope_x: f32,
    slope_y: f32,
}

/// The kernel for one geometry and one shape of values.
pub(super) struct Sampler<'a> {
    geometry: &'a SamplingGeometry,
    /// First token of each level.
    starts: Vec<usize>,
    reference: Vec<[f32; 2]>,
    batch: usize,
    tokens: usize,
    channels: usize,
}

/// Tokens that one task of the forward pass works through.
const CHUNK: usize = 128;

impl<'a> Sampler<'a> {
    pub(super) fn new(geometry: &'a SamplingGeometry, value: &FlexTensor) -> Self {
        let shape = value.layout().shape();
        let mut next = 0;
        let starts = geometry
            .levels
            .iter()
            .map(|(rows, cols)| {
                next += rows * cols;
                next - rows * cols
            })
            .collect();
        Self {
            geometry,
            starts,
            reference: reference_points(geometry),
            batch: shape[0],
            tokens: shape[1],
            channels: shape[2],
        }
    }

    /// Samples of one token: heads x levels x points.
    fn samples(&self) -> usize {
        self.geometry.heads * self.geometry.levels.len() * self.geometry.points
    }

    /// The up to four corners of sample `(level, x, y)`; those outside the level weigh nothing.
    #[inline(always)]
    fn corners(&self, level: usize, token: usize, offset: [f32; 2]) -> [Corner; 4] {
        let (rows, cols) = self.geometry.levels[level];
        let x = self.reference[token][0] * cols as f32 - 0.5 + offset[0];
        let y = self.reference[token][1] * rows as f32 - 0.5 + offset[1];
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let start = self.starts[level];
        let mut corners = [Corner { token: start, weight: 0.0, slope_x: 0.0, slope_y: 0.0 }; 4];
        // A loop, since `array::map` is not inlined and would leave the instruction set behind.
        for (index, corner) in corners.iter_mut().enumerate() {
            let (right, below) = (index & 1 == 1, index & 2 == 2);
            let (col, row) = (x0 as i32 + i32::from(right), y0 as i32 + i32::from(below));
            if col < 0 || row < 0 || col >= cols as i32 || row >= rows as i32 {
                continue;
            }
            let (wx, sx) = if right { (fx, 1.0) } else { (1.0 - fx, -1.0) };
            let (wy, sy) = if below { (fy, 1.0) } else { (1.0 - fy, -1.0) };
            *corner = Corner {
                token: start + row as usize * cols + col as usize,
                weight: wx * wy,
                slope_x: sx * wy,
                slope_y: sy * wx,
            };
        }
        corners
    }

    /// See [`super::ModelBackend::deformable_sampling`].
    pub(super) fn forward(&self, value: &FlexTensor, offsets: &FlexTensor, weights: &FlexTensor) -> FlexTensor {
        let [value, offsets, weights] = [value, offsets, weights].map(FlexTensor::to_contiguous);
        let (offsets, weights) = (slice(&offsets), slice(&weights));
        let plane = self.tokens * self.channels;
        let mut output = vec![0.0_f32; slice(&value).len()];
        output.par_chunks_mut(plane).zip(slice(&value).par_chunks(plane)).enumerate().for_each(
            |(image, (output, value))| {
                output.par_chunks_mut(CHUNK * self.channels).enumerate().for_each(|(chunk, output)| {
                    let first = chunk * CHUNK;
                    Arch::new().dispatch(Gather { sampler: self, value, offsets, weights, image, first, output });
                });
            },
        );
        tensor(output, [self.batch, self.tokens, self.channels])
    }

    /// Gradients for value, offsets and weights; images are independent, so each is one task.
    pub(super) fn backward(&self, inputs: [&FlexTensor; 4]) -> [FlexTensor; 3] {
        let inputs = inputs.map(FlexTensor::to_contiguous);
        let [value, offsets, weights, output] = inputs.each_ref().map(slice);
        let (plane, rows) = (self.tokens * self.channels, self.tokens * self.samples());
        let mut for_value = vec![0.0_f32; value.len()];
        let mut for_offsets = vec![0.0_f32; offsets.len()];
        let mut for_weights = vec![0.0_f32; weights.len()];
        for_value
            .par_chunks_mut(plane)
            .zip(for_offsets.par_chunks_mut(rows * 2))
            .zip(for_weights.par_chunks_mut(rows))
            .enumerate()
            .for_each(|(image, ((for_value, for_offsets), for_weights))| {
                let (value, output) = (&value[image * plane..][..plane], &output[image * plane..][..plane]);
                let (offsets, weights) = (&offsets[image * rows * 2..][..rows * 2], &weights[image * rows..][..rows]);
                let inputs = [value, offsets, weights, output];
                let gradients = [for_value, for_offsets, for_weights];
                Arch::new().dispatch(Scatter { sampler: self, inputs, gradients });
            });
        [
            tensor(for_value, [self.batch, self.tokens, self.channels]),
            tensor(for_offsets, [self.batch, self.tokens, self.samples() * 2]),
            tensor(for_weights, [self.batch, self.tokens, self.samples()]),
        ]
    }
}

/// Channels that are summed in registers before they are written.
const LANES: usize = 16;

/// The forward pass of the tokens from `first` on, as many as `output` holds.
struct Gather<'a> {
    sampler: &'a Sampler<'a>,
    value: &'a [f32],
    offsets: &'a [f32],
    weights: &'a [f32],
    image: usize,
    first: usize,
    output: &'a mut [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { sampler, value, offsets, weights, image, first, output } = self;
        let (channels, samples) = (sampler.channels, sampler.samples());
        let depth = channels / sampler.geometry.heads;
        let per_head = samples / sampler.geometry.heads;
        // What one head reads: first channel and weight.
        let mut reads: Vec<(usize, f32)> = Vec::with_capacity(4 * per_head);
        for (i, out) in output.chunks_exact_mut(channels).enumerate() {
            let token = first + i;
            for (head, out) in out.chunks_exact_mut(depth).enumerate() {
                let at = (image * sampler.tokens + token) * samples + head * per_head;
                let weights = &weights[at..at + per_head];
                let offsets = &offsets[at * 2..(at + per_head) * 2];
                reads.clear();
                for (sample, (&weight, offset)) in weights.iter().zip(offsets.chunks_exact(2)).enumerate() {
                    let level = sample / sampler.geometry.points;
                    for corner in sampler.corners(level, token, [offset[0], offset[1]]) {
                        reads.push((corner.token * channels + head * depth, corner.weight * weight));
                    }
                }
                for (block, out) in out.chunks_mut(LANES).enumerate() {
                    let mut sums = [0.0_f32; LANES];
                    for &(from, factor) in &reads {
                        let from = from + block * LANES;
                        add_scaled(&mut sums, factor, &value[from..from + out.len()]);
                    }
                    out.copy_from_slice(&sums[..out.len()]);
                }
            }
        }
    }
}

/// `sums += factor * values`, in one vector where there are as many values as lanes.
#[inline(always)]
fn add_scaled(sums: &mut [f32; LANES], factor: f32, values: &[f32]) {
    if let Ok(values) = <&[f32; LANES]>::try_from(values) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += factor * value;
        }
    } else {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += factor * value;
        }
    }
}

/// The gradients of one image.
struct Scatter<'a> {
    sampler: &'a Sampler<'a>,
    /// Value, offsets, weights and output gradient.
    inputs: [&'a [f32]; 4],
    /// For value, offsets and weights.
    gradients: [&'a mut [f32]; 3],
}

impl WithSimd for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { sampler, inputs: [value, offsets, weights, output], gradients } = self;
        let [for_value, for_offsets, for_weights] = gradients;
        let (channels, samples) = (sampler.channels, sampler.samples());
        let depth = channels / sampler.geometry.heads;
        let per_head = samples / sampler.geometry.heads;
        for at in 0..sampler.tokens * samples {
            let (token, sample) = (at / samples, at % samples);
            let (head, level) = (sample / per_head, sample % per_head / sampler.geometry.points);
            let from = token * channels + head * depth;
            let out = &output[from..from + depth];
            let (mut sum, mut along_x, mut along_y) = (0.0, 0.0, 0.0);
            for corner in sampler.corners(level, token, [offsets[at * 2], offsets[at * 2 + 1]]) {
                let from = corner.token * channels + head * depth;
                let factor = corner.weight * weights[at];
                let dot = scatter_corner(&value[from..from + depth], out, factor, &mut for_value[from..from + depth]);
                sum += corner.weight * dot;
                along_x += corner.slope_x * dot;
                along_y += corner.slope_y * dot;
            }
            for_weights[at] = sum;
            for_offsets[at * 2] = along_x * weights[at];
            for_offsets[at * 2 + 1] = along_y * weights[at];
        }
    }
}

/// The product of `value` and `out`; adds `factor * out` to `for_value`.
#[inline(always)]
fn scatter_corner(value: &[f32], out: &[f32], factor: f32, for_value: &mut [f32]) -> f32 {
    let mut products = [0.0_f32; LANES];
    let whole = value.chunks_exact(LANES).zip(out.chunks_exact(LANES)).zip(for_value.chunks_exact_mut(LANES));
    for ((value, out), for_value) in whole {
        for (((product, v), o), g) in products.iter_mut().zip(value).zip(out).zip(for_value) {
            *product += v * o;
            *g += factor * o;
        }
    }
    let mut dot: f32 = products.iter().sum();
    let rest = value.len() - value.len() % LANES;
    for ((v, o), g) in value[rest..].iter().zip(&out[rest..]).zip(&mut for_value[rest..]) {
        dot += v * o;
        *g += factor * o;
    }
    dot
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tensor};
    use burn_flex::Flex;

    use super::super::ModelBackend;
    use super::super::deformable::{plain, plain_backward, sample};
    use super::*;

    fn geometry() -> SamplingGeometry {
        SamplingGeometry { levels: vec![(2, 3), (5, 4)], heads: 2, points: 3 }
    }

    fn inputs() -> [Tensor<Flex, 3>; 3] {
        let device = Default::default();
        let random = |width, scale: f64| Tensor::random([2, 26, width], Distribution::Uniform(-scale, scale), &device);
        [random(8, 1.0), random(24, 3.0), random(12, 1.0)]
    }

    fn largest_difference(a: Tensor<Flex, 3>, b: Tensor<Flex, 3>) -> f32 {
        (a - b).abs().max().into_scalar()
    }

    #[test]
    fn the_kernel_agrees_with_gathers_on_odd_grids() {
        let [value, offsets, weights] = inputs();
        let own = sample(value.clone(), offsets.clone(), weights.clone(), &geometry());
        let reference = plain(value, offsets, weights, &geometry());
        assert!(largest_difference(own, reference) < 1e-5);
    }

    #[test]
    fn the_kernels_gradients_agree_with_those_of_gathers() {
        let [value, offsets, weights] = inputs();
        let slope = value.clone().sin();
        let raw = |t: Tensor<Flex, 3>| t.into_primitive().tensor();
        let own = Flex::deformable_sampling_backward(
            raw(value.clone()),
            raw(offsets.clone()),
            raw(weights.clone()),
            raw(slope.clone()),
            &geometry(),
        );
        let reference = plain_backward([value, offsets, weights], slope, &geometry());
        for (own, reference) in own.into_iter().zip(reference) {
            let own = Tensor::from_primitive(burn::tensor::TensorPrimitive::Float(own));
            assert!(largest_difference(own, reference) < 1e-4);
        }
    }
}
