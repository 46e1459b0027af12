//! The CPU backend's own kernels.

use burn_flex::{Flex, FlexTensor};

use super::backend::{ModelBackend, SamplingGeometry};
use super::convolution::ConvolutionGeometry;
use super::deformable_cpu::Sampler;
use super::feed_forward::Middle;
use super::{attention_cpu, convolution_cpu, depthwise_cpu, feed_forward_cpu, layer_norm_cpu, transpose_cpu};

impl ModelBackend for Flex {
    fn deformable_sampling(
        value: FlexTensor,
        offsets: FlexTensor,
        weights: FlexTensor,
        geometry: &SamplingGeometry,
    ) -> FlexTensor {
        Sampler::new(geometry, &value).forward(&value, &offsets, &weights)
    }

    fn deformable_sampling_backward(
        value: FlexTensor,
        offsets: FlexTensor,
        weights: FlexTensor,
        output_gradient: FlexTensor,
        geometry: &SamplingGeometry,
    ) -> [FlexTensor; 3] {
        Sampler::new(geometry, &value).backward([&value, &offsets, &weights, &output_gradient])
    }

    fn token_attention(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        bias: FlexTensor,
        heads: usize,
    ) -> FlexTensor {
        attention_cpu::forward([&query, &key, &value], &bias, heads)
    }

    fn token_attention_backward(
        inputs: [FlexTensor; 3],
        bias: FlexTensor,
        output_gradient: FlexTensor,
        heads: usize,
    ) -> [FlexTensor; 3] {
        attention_cpu::backward(inputs.each_ref(), &bias, &output_gradient, heads)
    }

    fn feed_forward(tokens: FlexTensor, weights: [FlexTensor; 4], middle: Middle) -> FlexTensor {
        feed_forward_cpu::forward(&tokens, weights, middle)
    }

    fn feed_forward_backward(
        tokens: FlexTensor,
        weights: [FlexTensor; 4],
        output_gradient: FlexTensor,
        middle: Middle,
    ) -> [FlexTensor; 5] {
        feed_forward_cpu::backward(&tokens, weights, &output_gradient, middle)
    }

    fn stack_transpose(stack: FlexTensor) -> FlexTensor {
        transpose_cpu::transpose(&stack)
    }

    fn token_norm_backward(
        tokens: FlexTensor,
        gamma: FlexTensor,
        output_gradient: FlexTensor,
        epsilon: f64,
    ) -> [FlexTensor; 3] {
        layer_norm_cpu::backward(&tokens, &gamma, &output_gradient, epsilon)
    }

    fn dense_convolution(
        input: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: &ConvolutionGeometry,
    ) -> FlexTensor {
        convolution_cpu::forward([&input, &weight, &bias], geometry)
    }

    fn dense_convolution_backward(tensors: [FlexTensor; 4], geometry: &ConvolutionGeometry) -> [FlexTensor; 3] {
        convolution_cpu::backward(tensors.each_ref(), geometry)
    }

    fn depthwise_convolution(
        input: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: &ConvolutionGeometry,
    ) -> FlexTensor {
        depthwise_cpu::forward([&input, &weight, &bias], geometry)
    }

    fn depthwise_convolution_backward(tensors: [FlexTensor; 4], geometry: &ConvolutionGeometry) -> [FlexTensor; 3] {
        depthwise_cpu::backward(tensors.each_ref(), geometry)
    }
}
