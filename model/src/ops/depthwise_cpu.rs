//! Depthwise convolution on the CPU, over planes laid out as lines ([`super::lines_cpu`]).

use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::convolution::ConvolutionGeometry;
use super::flat::{slice, tensor};
use super::lines_cpu::Plan;

/// Values that a task works through at least, so that small planes share one.
const TASK_VALUES: usize = 1 << 15;

/// See [`super::ModelBackend::depthwise_convolution`].
pub(super) fn forward([input, weight, bias]: [&FlexTensor; 3], geometry: &ConvolutionGeometry) -> FlexTensor {
    let shape = input.layout().shape();
    let (batch, channels, size) = (shape[0], shape[1], [shape[2], shape[3]]);
    let plan = Plan::new(geometry, size);
    let [input, weight, bias] = [input, weight, bias].map(FlexTensor::to_contiguous);
    let (input, weight, bias) = (slice(&input), slice(&weight), slice(&bias));
    let (area_in, area) = (size[0] * size[1], plan.output[0] * plan.output[1]);
    let mut output = vec![0.0_f32; batch * channels * area];
    output
        .par_chunks_mut(area)
        .zip(input.par_chunks(area_in))
        .enumerate()
        .with_min_len((TASK_VALUES / plan.line).max(1))
        .for_each_init(
            || (plan.empty_phases(), vec![0.0; plan.outputs()]),
            |(phases, line), (plane, (output, input))| {
                let channel = plane % channels;
                let weight = &weight[channel * plan.taps.len()..][..plan.taps.len()];
                Arch::new().dispatch(Forward { plan: &plan, input, weight, bias: bias[channel], phases, line, output });
            },
        );
    tensor(output, [batch, channels, plan.output[0], plan.output[1]])
}

/// One plane of the forward pass.
struct Forward<'a> {
    plan: &'a Plan,
    input: &'a [f32],
    weight: &'a [f32],
    bias: f32,
    phases: &'a mut [f32],
    line: &'a mut [f32],
    output: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, input, weight, bias, phases, line, output } = self;
        plan.split(input, phases);
        let taps = plan.taps.iter().zip(weight);
        let taps: Taps = taps.map(|(tap, &weight)| (tap.phase * plan.room() + tap.distance, weight)).collect();
        correlate(simd, phases, &taps, bias, line);
        let cols = plan.output[1];
        for (to, from) in output.chunks_exact_mut(cols).zip(line.chunks(plan.pitch)) {
            to.copy_from_slice(&from[..cols]);
            plan.geometry.activation.apply(to);
        }
    }
}

/// Gradients for input, weight and bias; each channel is one task, so that its sums have one order.
pub(super) fn backward(tensors: [&FlexTensor; 4], geometry: &ConvolutionGeometry) -> [FlexTensor; 3] {
    let shape = tensors[0].layout().shape();
    let (batch, channels, size) = (shape[0], shape[1], [shape[2], shape[3]]);
    let plan = Plan::new(geometry, size);
    let tensors = tensors.map(FlexTensor::to_contiguous);
    let [input, weight, output, slope] = tensors.each_ref().map(slice);
    let (area_in, area, taps) = (size[0] * size[1], plan.output[0] * plan.output[1], plan.taps.len());
    let mut for_input = vec![0.0_f32; input.len()];
    let mut for_weight = vec![0.0_f32; weight.len()];
    let mut for_bias = vec![0.0_f32; channels];
    let mut by_channel: Vec<Vec<&mut [f32]>> = (0..channels).map(|_| Vec::with_capacity(batch)).collect();
    for (plane, values) in for_input.chunks_exact_mut(area_in).enumerate() {
        by_channel[plane % channels].push(values);
    }
    by_channel
        .into_par_iter()
        .zip(for_weight.par_chunks_mut(taps))
        .zip(&mut for_bias)
        .enumerate()
        .with_min_len((TASK_VALUES / (batch * plan.line)).max(1))
        .for_each_init(
            || Room::new(&plan),
            |room, (channel, ((for_input, for_weight), for_bias))| {
                for (image, for_input) in for_input.into_iter().enumerate() {
                    let plane = image * channels + channel;
                    let outputs = plane * area..(plane + 1) * area;
                    Arch::new().dispatch(Backward {
                        plan: &plan,
                        input: &input[plane * area_in..(plane + 1) * area_in],
                        weight: &weight[channel * taps..(channel + 1) * taps],
                        output: &output[outputs.clone()],
                        slope: &slope[outputs],
                        room,
                        for_input,
                        for_weight,
                        for_bias,
                    });
                }
            },
        );
    [
        tensor(for_input, [batch, channels, size[0], size[1]]),
        tensor(for_weight, [channels, 1, geometry.kernel, geometry.kernel]),
        tensor(for_bias, [channels]),
    ]
}

/// What one task of the backward pass writes to before it copies.
struct Room {
    phases: Vec<f32>,
    for_phases: Vec<f32>,
    /// The output gradient with zeros between its rows and a margin before and behind it.
    slope: Vec<f32>,
}

impl Room {
    fn new(plan: &Plan) -> Self {
        Self {
            phases: plan.empty_phases(),
            for_phases: plan.empty_phases(),
            slope: vec![0.0; plan.margin + plan.room()],
        }
    }
}

/// One plane of the backward pass.
struct Backward<'a> {
    plan: &'a Plan,
    input: &'a [f32],
    weight: &'a [f32],
    output: &'a [f32],
    slope: &'a [f32],
    room: &'a mut Room,
    for_input: &'a mut [f32],
    for_weight: &'a mut [f32],
    for_bias: &'a mut f32,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { plan, input, weight, output, slope, room, for_input, for_weight, for_bias } = self;
        let Room { phases, for_phases, slope: line } = room;
        plan.split(input, phases);
        let cols = plan.output[1];
        let rows = output.chunks_exact(cols).zip(slope.chunks_exact(cols));
        for ((output, slope), to) in rows.zip(line[plan.margin..].chunks_mut(plan.pitch)) {
            plan.geometry.activation.undo(output, slope, &mut to[..cols]);
        }

        let outputs = &line[plan.margin..plan.margin + plan.outputs()];
        *for_bias += sum(simd, outputs);
        let places = plan.taps.iter().map(|tap| tap.phase * plan.room() + tap.distance);
        let places: Places = places.collect();
        products(simd, outputs, phases, &places, for_weight);

        for (phase, to) in for_phases.chunks_exact_mut(plan.room()).enumerate() {
            let taps = plan.taps.iter().zip(weight).filter(|(tap, _)| tap.phase == phase);
            let taps: Taps = taps.map(|(tap, &weight)| (plan.margin - tap.distance, weight)).collect();
            correlate(simd, line, &taps, 0.0, &mut to[..plan.line]);
        }
        plan.join(for_phases, for_input);
    }
}

/// Distances and weights of the taps.
type Taps = Vec<(usize, f32)>;

/// Distances of the taps.
type Places = Vec<usize>;

/// `to[i] = start + sum over taps of weight * from[i + distance]`; `to` holds a whole number of vectors.
#[inline(always)]
fn correlate<S: Simd>(simd: S, from: &[f32], taps: &[(usize, f32)], start: f32, to: &mut [f32]) {
    let (vectors, _) = S::as_mut_simd_f32s(to);
    let mut at = 0;
    while at + 8 <= vectors.len() {
        correlate_some::<S, 8>(simd, from, at, taps, start, vectors);
        at += 8;
    }
    while at + 4 <= vectors.len() {
        correlate_some::<S, 4>(simd, from, at, taps, start, vectors);
        at += 4;
    }
    while at < vectors.len() {
        correlate_some::<S, 1>(simd, from, at, taps, start, vectors);
        at += 1;
    }
}

/// `N` vectors of [`correlate`], from vector `at` on.
#[inline(always)]
fn correlate_some<S: Simd, const N: usize>(
    simd: S,
    from: &[f32],
    at: usize,
    taps: &[(usize, f32)],
    start: f32,
    to: &mut [S::f32s],
) {
    let mut sums = [simd.splat_f32s(start); N];
    for &(distance, weight) in taps {
        let weight = simd.splat_f32s(weight);
        let first = at * S::F32_LANES + distance;
        let (values, _) = S::as_simd_f32s(&from[first..first + N * S::F32_LANES]);
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum = simd.mul_add_e_f32s(weight, value, *sum);
        }
    }
    to[at..at + N].copy_from_slice(&sums);
}

/// `sums[t] += sum over i of slope[i] * from[i + places[t]]`
#[inline(always)]
fn products<S: Simd>(simd: S, slope: &[f32], from: &[f32], places: &[usize], sums: &mut [f32]) {
    let mut done = 0;
    while done + 8 <= places.len() {
        products_some::<S, 8>(simd, slope, from, &places[done..done + 8], &mut sums[done..done + 8]);
        done += 8;
    }
    while done < places.len() {
        products_some::<S, 1>(simd, slope, from, &places[done..=done], &mut sums[done..=done]);
        done += 1;
    }
}

/// `N` taps of [`products`].
#[inline(always)]
fn products_some<S: Simd, const N: usize>(simd: S, slope: &[f32], from: &[f32], places: &[usize], sums: &mut [f32]) {
    let (slope, _) = S::as_simd_f32s(slope);
    let rows: [&[S::f32s]; N] =
        std::array::from_fn(|tap| S::as_simd_f32s(&from[places[tap]..places[tap] + slope.len() * S::F32_LANES]).0);
    let mut lanes = [simd.splat_f32s(0.0); N];
    for (i, &slope) in slope.iter().enumerate() {
        for (lanes, row) in lanes.iter_mut().zip(rows) {
            *lanes = simd.mul_add_e_f32s(slope, row[i], *lanes);
        }
    }
    for (sum, lanes) in sums.iter_mut().zip(lanes) {
        *sum += simd.reduce_sum_f32s(lanes);
    }
}

/// The sum of a whole number of vectors.
#[inline(always)]
fn sum<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let (vectors, _) = S::as_simd_f32s(values);
    let mut lanes = simd.splat_f32s(0.0);
    for &vector in vectors {
        lanes = simd.add_f32s(lanes, vector);
    }
    simd.reduce_sum_f32s(lanes)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tensor, TensorPrimitive};
    use burn_flex::Flex;

    use super::super::ModelBackend;
    use super::super::convolution::{Activation, plain_depthwise, plain_depthwise_backward};
    use super::*;

    /// Kernels 3, 5 and 7, strides 1 and 2, SAME padding of even and odd sizes, padding that is uneven.
    fn cases() -> Vec<(ConvolutionGeometry, [usize; 2])> {
        let mut cases = Vec::new();
        for kernel in [3, 5, 7] {
            for stride in [1, 2] {
                for (end, activation) in [(0, Activation::None), (1, Activation::Relu6)] {
                    let geometry = ConvolutionGeometry {
                        kernel,
                        stride,
                        padding_start: [kernel / 2, kernel / 2 - 1],
                        padding_end: [kernel / 2 - end, kernel / 2 + end],
                        activation,
                    };
                    cases.extend([(geometry, [7, 9]), (geometry, [16, 33]), (geometry, [41, 12])]);
                }
            }
        }
        cases
    }

    fn inputs(kernel: usize, [rows, cols]: [usize; 2]) -> (Tensor<Flex, 4>, Tensor<Flex, 4>, Tensor<Flex, 1>) {
        let device = Default::default();
        let spread = Distribution::Normal(0.5, 2.0);
        (
            Tensor::random([3, 5, rows, cols], spread, &device),
            Tensor::random([5, 1, kernel, kernel], spread, &device),
            Tensor::random([5], spread, &device),
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
    fn the_kernel_agrees_with_burns_convolution_on_odd_sizes() {
        for (geometry, size) in cases() {
            let (input, weight, bias) = inputs(geometry.kernel, size);
            let reference = plain_depthwise(input.clone(), weight.clone(), bias.clone(), &geometry);
            let own = Flex::depthwise_convolution(raw(input), raw(weight), raw(bias), &geometry);
            close(own, reference, &format!("{geometry:?} on {size:?}"));
        }
    }

    #[test]
    fn the_kernels_gradients_agree_with_the_plain_ones_on_odd_sizes() {
        for (geometry, size) in cases() {
            let (input, weight, bias) = inputs(geometry.kernel, size);
            let output = plain_depthwise(input.clone(), weight.clone(), bias, &geometry);
            let tensors = [input, weight, output.clone(), output.sin()];
            let own = Flex::depthwise_convolution_backward(tensors.clone().map(raw), &geometry);
            let reference = plain_depthwise_backward(tensors, &geometry);
            let [for_input, for_weight, for_bias] = own;
            let case = format!("{geometry:?} on {size:?}");
            close(for_input, reference.0, &case);
            close(for_weight, reference.1, &case);
            close(for_bias, reference.2, &case);
        }
    }
}
