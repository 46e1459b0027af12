//! Deformable sampling on the CPU: one pass over the tokens, no intermediate tensors.

use burn_flex::FlexTensor;
use pulp::Arch;
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
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| {
            let (col, row) = (x0 as i32 + dx, y0 as i32 + dy);
            let inside = col >= 0 && row >= 0 && col < cols as i32 && row < rows as i32;
            if !inside {
                return Corner { token: start, weight: 0.0, slope_x: 0.0, slope_y: 0.0 };
            }
            let (wx, sx) = if dx == 0 { (1.0 - fx, -1.0) } else { (fx, 1.0) };
            let (wy, sy) = if dy == 0 { (1.0 - fy, -1.0) } else { (fy, 1.0) };
            Corner {
                token: start + row as usize * cols + col as usize,
                weight: wx * wy,
                slope_x: sx * wy,
                slope_y: sy * wx,
            }
        })
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
                    Arch::new().dispatch(|| self.gather(value, [offsets, weights], image, first, output));
                });
            },
        );
        tensor(output, [self.batch, self.tokens, self.channels])
    }

    /// The tokens from `first` on, as many as `output` holds.
    #[inline(always)]
    fn gather(&self, value: &[f32], [offsets, weights]: [&[f32]; 2], image: usize, first: usize, output: &mut [f32]) {
        let (channels, samples) = (self.channels, self.samples());
        let depth = channels / self.geometry.heads;
        let per_head = samples / self.geometry.heads;
        for (i, out) in output.chunks_exact_mut(channels).enumerate() {
            let token = first + i;
            let at = (image * self.tokens + token) * samples;
            for (sample, &weight) in weights[at..at + samples].iter().enumerate() {
                let (head, level) = (sample / per_head, sample % per_head / self.geometry.points);
                let offset = [offsets[(at + sample) * 2], offsets[(at + sample) * 2 + 1]];
                let out = &mut out[head * depth..(head + 1) * depth];
                for corner in self.corners(level, token, offset) {
                    let from = corner.token * channels + head * depth;
                    let factor = corner.weight * weight;
                    for (o, v) in out.iter_mut().zip(&value[from..from + depth]) {
                        *o += factor * v;
                    }
                }
            }
        }
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
                Arch::new().dispatch(|| self.scatter(inputs, [for_value, for_offsets, for_weights]));
            });
        [
            tensor(for_value, [self.batch, self.tokens, self.channels]),
            tensor(for_offsets, [self.batch, self.tokens, self.samples() * 2]),
            tensor(for_weights, [self.batch, self.tokens, self.samples()]),
        ]
    }

    /// The gradients of one image.
    #[inline(always)]
    fn scatter(&self, inputs: [&[f32]; 4], [for_value, for_offsets, for_weights]: [&mut [f32]; 3]) {
        let [value, offsets, weights, output] = inputs;
        let (channels, samples) = (self.channels, self.samples());
        let depth = channels / self.geometry.heads;
        let per_head = samples / self.geometry.heads;
        for at in 0..self.tokens * samples {
            let (token, sample) = (at / samples, at % samples);
            let (head, level) = (sample / per_head, sample % per_head / self.geometry.points);
            let from = token * channels + head * depth;
            let out = &output[from..from + depth];
            let (mut sum, mut along_x, mut along_y) = (0.0, 0.0, 0.0);
            for corner in self.corners(level, token, [offsets[at * 2], offsets[at * 2 + 1]]) {
                let from = corner.token * channels + head * depth;
                let factor = corner.weight * weights[at];
                let mut products = [0.0_f32; 16];
                for (i, ((v, o), g)) in
                    value[from..from + depth].iter().zip(out).zip(&mut for_value[from..from + depth]).enumerate()
                {
                    products[i % 16] += v * o;
                    *g += factor * o;
                }
                let dot: f32 = products.iter().sum();
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
