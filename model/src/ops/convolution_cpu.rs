//! Dense convolution on the CPU: a matrix product per tap of the kernel, over planes laid out as lines
//! ([`super::lines_cpu`]). A pointwise convolution is the case of one tap, on the planes as they lie.

use std::borrow::Cow;

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::convolution::ConvolutionGeometry;
use super::flat::{slice, tensor};
use super::gemm_cpu::{Matrix, MatrixMut, add_product};
use super::lines_cpu::Plan;

/// Output channels of one task of the forward pass.
const BLOCK: usize = 48;

/// Values of a line that all taps go over before the next ones, so that they stay in the cache.
const STRETCH: usize = 1024;

/// One size of convolution, and how its planes lie.
struct Layer {
    plan: Plan,
    from: usize,
    to: usize,
    /// One tap and no padding: the planes are lines as they are.
    direct: bool,
}

impl Layer {
    fn new(geometry: &ConvolutionGeometry, input: &FlexTensor, weight: &FlexTensor) -> Self {
        let (input, weight) = (input.layout().shape(), weight.layout().shape());
        let padded = geometry.padding_start != [0, 0] || geometry.padding_end != [0, 0];
        Self {
            plan: Plan::new(geometry, [input[2], input[3]]),
            from: input[1],
            to: weight[0],
            direct: geometry.kernel == 1 && geometry.stride == 1 && !padded,
        }
    }

    /// Values of one output plane.
    fn area(&self) -> usize {
        self.plan.output[0] * self.plan.output[1]
    }

    /// Values of a line from the first output to the last.
    fn outputs(&self) -> usize {
        (self.plan.output[0] - 1) * self.plan.pitch + self.plan.output[1]
    }

    /// Values from one input channel to the next.
    fn apart(&self, area_in: usize) -> usize {
        if self.direct { area_in } else { self.plan.phases() * self.plan.room() }
    }

    /// The planes of one image as lines.
    fn lines<'a>(&self, planes: &'a [f32]) -> Cow<'a, [f32]> {
        if self.direct {
            return Cow::Borrowed(planes);
        }
        let apart = self.apart(0);
        let mut lines = vec![0.0; self.from * apart];
        for (plane, line) in planes.chunks_exact(planes.len() / self.from).zip(lines.chunks_exact_mut(apart)) {
            self.plan.split(plane, line);
        }
        Cow::Owned(lines)
    }

    /// The weights of a tap, as output by input channels, from output channel `first` on.
    fn weights<'a>(&self, weight: &'a [f32], tap: usize, first: usize) -> Matrix<'a> {
        let taps = self.plan.taps.len();
        Matrix { values: &weight[first * self.from * taps + tap..], rows_apart: self.from * taps, cols_apart: taps }
    }

    /// Where a tap's values begin in the line of an input channel.
    fn place(&self, tap: usize) -> usize {
        self.plan.taps[tap].phase * self.plan.room() + self.plan.taps[tap].distance
    }
}

/// Pieces of at most [`STRETCH`] that make up `length`: start and length.
fn stretches(length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..length).step_by(STRETCH).map(move |start| (start, STRETCH.min(length - start)))
}

/// See [`super::ModelBackend::dense_convolution`].
pub(super) fn forward([input, weight, bias]: [&FlexTensor; 3], geometry: &ConvolutionGeometry) -> FlexTensor {
    let layer = Layer::new(geometry, input, weight);
    let [input, weight, bias] = [input, weight, bias].map(FlexTensor::to_contiguous);
    let [input, weight, bias] = [&input, &weight, &bias].map(slice);
    let (area, area_in) = (layer.area(), layer.plan.area_in());
    let batch = input.len() / (layer.from * area_in);
    let mut output = vec![0.0_f32; batch * layer.to * area];
    output.par_chunks_mut(layer.to * area).zip(input.par_chunks(layer.from * area_in)).for_each(|(output, input)| {
        let lines = layer.lines(input);
        let apart = layer.apart(area_in);
        output.par_chunks_mut(BLOCK * area).zip(bias.par_chunks(BLOCK)).enumerate().for_each(
            |(block, (output, bias))| {
                let weights = |tap| layer.weights(weight, tap, block * BLOCK);
                forward_block(&layer, (&lines, apart), weights, bias, output);
            },
        );
    });
    tensor(output, [batch, layer.to, layer.plan.output[0], layer.plan.output[1]])
}

/// Some output channels of one image.
fn forward_block<'a>(
    layer: &Layer,
    (lines, apart): (&[f32], usize),
    weights: impl Fn(usize) -> Matrix<'a>,
    bias: &[f32],
    output: &mut [f32],
) {
    let outputs = layer.outputs();
    let activation = layer.plan.geometry.activation;
    let mut padded = if layer.direct { Vec::new() } else { vec![0.0; bias.len() * outputs] };
    let sums: &mut [f32] = if layer.direct { output } else { &mut padded };
    for (start, length) in stretches(outputs) {
        for (row, &bias) in sums.chunks_exact_mut(outputs).zip(bias) {
            row[start..start + length].fill(bias);
        }
        for tap in 0..layer.plan.taps.len() {
            let right = Matrix { values: &lines[layer.place(tap) + start..], rows_apart: apart, cols_apart: 1 };
            let to = MatrixMut { values: &mut sums[start..], rows_apart: outputs, cols_apart: 1 };
            add_product(to, weights(tap), right, [bias.len(), length, layer.from], 1.0);
        }
        for row in sums.chunks_exact_mut(outputs) {
            activation.apply(&mut row[start..start + length]);
        }
    }
    if !layer.direct {
        let cols = layer.plan.output[1];
        for (plane, line) in output.chunks_exact_mut(layer.area()).zip(padded.chunks_exact(outputs)) {
            for (to, from) in plane.chunks_exact_mut(cols).zip(line.chunks(layer.plan.pitch)) {
                to.copy_from_slice(&from[..cols]);
            }
        }
    }
}

/// Gradients for input, weight and bias; images are independent, and their sums are added in order.
pub(super) fn backward(tensors: [&FlexTensor; 4], geometry: &ConvolutionGeometry) -> [FlexTensor; 3] {
    let layer = Layer::new(geometry, tensors[0], tensors[1]);
    let tensors = tensors.map(FlexTensor::to_contiguous);
    let [input, weight, output, slope] = tensors.each_ref().map(slice);
    let (area, area_in) = (layer.area(), layer.plan.area_in());
    let batch = input.len() / (layer.from * area_in);
    let mut for_input = vec![0.0_f32; input.len()];
    let sums: Vec<Sums> = for_input
        .par_chunks_mut(layer.from * area_in)
        .zip(input.par_chunks(layer.from * area_in))
        .zip(output.par_chunks(layer.to * area).zip(slope.par_chunks(layer.to * area)))
        .map(|((for_input, input), (output, slope))| backward_image(&layer, input, weight, [output, slope], for_input))
        .collect();
    let taps = layer.plan.taps.len();
    let mut for_weight = vec![0.0_f32; weight.len()];
    let mut for_bias = vec![0.0_f32; layer.to];
    for sums in &sums {
        for (tap, matrix) in sums.weight.chunks_exact(layer.to * layer.from).enumerate() {
            for (to, from) in for_weight[tap..].iter_mut().step_by(taps).zip(matrix) {
                *to += from;
            }
        }
        for (to, from) in for_bias.iter_mut().zip(&sums.bias) {
            *to += from;
        }
    }
    let [rows, cols] = layer.plan.size();
    [
        tensor(for_input, [batch, layer.from, rows, cols]),
        tensor(for_weight, [layer.to, layer.from, geometry.kernel, geometry.kernel]),
        tensor(for_bias, [layer.to]),
    ]
}

/// What one image adds to the gradients of the parameters.
struct Sums {
    /// `[tap, output channel, input channel]`
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// The backward pass of one image.
fn backward_image(
    layer: &Layer,
    input: &[f32],
    weight: &[f32],
    [output, slope]: [&[f32]; 2],
    for_input: &mut [f32],
) -> Sums {
    let plan = &layer.plan;
    let (area, outputs, taps) = (layer.area(), layer.outputs(), plan.taps.len());
    let lines = layer.lines(input);
    let apart = layer.apart(plan.area_in());
    // Output gradients before the activation, with zeros between rows and a margin before and behind.
    let (margin, slopes_apart) = if layer.direct { (0, area) } else { (plan.margin, plan.margin + plan.room()) };
    let mut slopes = vec![0.0_f32; layer.to * slopes_apart];
    let mut bias = Vec::with_capacity(layer.to);
    let (cols, pitch) = if layer.direct { (area, area) } else { (plan.output[1], plan.pitch) };
    let planes = output.chunks_exact(area).zip(slope.chunks_exact(area));
    for ((output, slope), line) in planes.zip(slopes.chunks_exact_mut(slopes_apart)) {
        let rows = output.chunks_exact(cols).zip(slope.chunks_exact(cols));
        for ((output, slope), to) in rows.zip(line[margin..].chunks_mut(pitch)) {
            plan.geometry.activation.undo(output, slope, &mut to[..cols]);
        }
        bias.push(sum(&line[margin..margin + outputs]));
    }

    let mut sums = vec![0.0_f32; taps * layer.to * layer.from];
    for (start, length) in stretches(outputs) {
        let left = Matrix { values: &slopes[margin + start..], rows_apart: slopes_apart, cols_apart: 1 };
        for (tap, sums) in sums.chunks_exact_mut(layer.to * layer.from).enumerate() {
            let right = Matrix { values: &lines[layer.place(tap) + start..], rows_apart: 1, cols_apart: apart };
            let to = MatrixMut { values: sums, rows_apart: layer.from, cols_apart: 1 };
            add_product(to, left, right, [layer.to, layer.from, length], 1.0);
        }
    }

    let mut padded = if layer.direct { Vec::new() } else { vec![0.0_f32; layer.from * apart] };
    let for_lines: &mut [f32] = if layer.direct { for_input } else { &mut padded };
    let line = if layer.direct { area } else { plan.line };
    for (start, length) in stretches(line) {
        for (index, tap) in plan.taps.iter().enumerate() {
            let left = layer.weights(weight, index, 0).transposed();
            let first = margin - tap.distance + start;
            let right = Matrix { values: &slopes[first..], rows_apart: slopes_apart, cols_apart: 1 };
            let to = MatrixMut {
                values: &mut for_lines[tap.phase * plan.room() + start..],
                rows_apart: apart,
                cols_apart: 1,
            };
            add_product(to, left, right, [layer.from, length, layer.to], 1.0);
        }
    }
    if !layer.direct {
        for (plane, line) in for_input.chunks_exact_mut(plan.area_in()).zip(padded.chunks_exact(apart)) {
            plan.join(line, plane);
        }
    }
    Sums { weight: sums, bias }
}

/// A sum in lanes, which vectorises.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for values in values.chunks(16) {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += value;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tensor, TensorPrimitive};
    use burn_flex::Flex;

    use super::super::ModelBackend;
    use super::super::convolution::{Activation, plain_dense, plain_dense_backward};
    use super::*;

    /// Kernels 1 to 4, strides 1 and 2, padding even and uneven; planes shorter and longer than a stretch.
    fn cases() -> Vec<(ConvolutionGeometry, [usize; 2])> {
        let mut cases = Vec::new();
        for (kernel, stride, padding_start, padding_end) in [
            (1, 1, [0, 0], [0, 0]),
            (1, 2, [0, 0], [0, 0]),
            (3, 1, [1, 1], [1, 1]),
            (3, 2, [0, 0], [1, 1]),
            (3, 2, [1, 0], [1, 1]),
            (2, 2, [0, 0], [0, 0]),
            (4, 2, [1, 1], [1, 1]),
        ] {
            for activation in [Activation::None, Activation::Relu, Activation::Relu6] {
                let geometry = ConvolutionGeometry { kernel, stride, padding_start, padding_end, activation };
                cases.extend([(geometry, [8, 10]), (geometry, [36, 34])]);
                if stride == 1 {
                    cases.push((geometry, [7, 9]));
                }
            }
        }
        cases
    }

    fn inputs(kernel: usize, [rows, cols]: [usize; 2]) -> (Tensor<Flex, 4>, Tensor<Flex, 4>, Tensor<Flex, 1>) {
        let device = Default::default();
        let spread = Distribution::Normal(0.1, 1.0);
        (
            Tensor::random([2, 5, rows, cols], spread, &device),
            Tensor::random([51, 5, kernel, kernel], spread, &device),
            Tensor::random([51], spread, &device),
        )
    }

    fn raw<const D: usize>(tensor: Tensor<Flex, D>) -> FlexTensor {
        tensor.into_primitive().tensor()
    }

    fn close<const D: usize>(own: FlexTensor, reference: Tensor<Flex, D>, case: &str) {
        let own = Tensor::<Flex, D>::from_primitive(TensorPrimitive::Float(own));
        let scale: f32 = reference.clone().abs().max().into_scalar();
        let difference: f32 = (own - reference).abs().max().into_scalar();
        assert!(difference < 1e-5 * scale.max(1.0), "{difference} of {scale}: {case}");
    }

    #[test]
    fn the_kernel_agrees_with_burns_convolution() {
        for (geometry, size) in cases() {
            let (input, weight, bias) = inputs(geometry.kernel, size);
            let reference = plain_dense(input.clone(), weight.clone(), bias.clone(), &geometry);
            let own = Flex::dense_convolution(raw(input), raw(weight), raw(bias), &geometry);
            close(own, reference, &format!("{geometry:?} on {size:?}"));
        }
    }

    #[test]
    fn the_kernels_gradients_agree_with_burns() {
        for (geometry, size) in cases() {
            let (input, weight, bias) = inputs(geometry.kernel, size);
            let output = plain_dense(input.clone(), weight.clone(), bias, &geometry);
            let tensors = [input, weight, output.clone(), output.sin()];
            let own = Flex::dense_convolution_backward(tensors.clone().map(raw), &geometry);
            let reference = plain_dense_backward(tensors, &geometry);
            let [for_input, for_weight, for_bias] = own;
            let case = format!("{geometry:?} on {size:?}");
            close(for_input, reference.0, &case);
            close(for_weight, reference.1, &case);
            close(for_bias, reference.2, &case);
        }
    }
}
