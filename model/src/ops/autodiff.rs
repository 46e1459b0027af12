//! How gradients flow through the operations of [`ModelBackend`].

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::tensor::ops::FloatTensor;

use super::backend::{ModelBackend, SamplingGeometry};
use super::convolution::ConvolutionGeometry;
use super::feed_forward::Middle;

#[derive(Debug)]
struct DeformableSampling;

impl<B: ModelBackend> Backward<B, 3> for DeformableSampling {
    type State = ([FloatTensor<B>; 3], SamplingGeometry);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = grads.consume::<B>(&ops.node);
        let ([value, offsets, weights], geometry) = ops.state;
        let gradients = B::deformable_sampling_backward(value, offsets, weights, slope, &geometry);
        register::<B, _>(ops.parents.map(|parent| parent.map(|node| node.id)), gradients, grads);
    }
}

#[derive(Debug)]
struct Attention;

impl<B: ModelBackend> Backward<B, 3> for Attention {
    type State = ([FloatTensor<B>; 3], FloatTensor<B>, usize);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = grads.consume::<B>(&ops.node);
        let (inputs, bias, heads) = ops.state;
        let gradients = B::token_attention_backward(inputs, bias, slope, heads);
        register::<B, _>(ops.parents.map(|parent| parent.map(|node| node.id)), gradients, grads);
    }
}

#[derive(Debug)]
struct FeedForward;

impl<B: ModelBackend> Backward<B, 5> for FeedForward {
    /// Tokens and weights; the wide middle is computed again rather than kept.
    type State = (FloatTensor<B>, [FloatTensor<B>; 4], Middle);

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = grads.consume::<B>(&ops.node);
        let (tokens, weights, middle) = ops.state;
        let gradients = B::feed_forward_backward(tokens, weights, slope, middle);
        register::<B, _>(ops.parents.map(|parent| parent.map(|node| node.id)), gradients, grads);
    }
}

#[derive(Debug)]
struct TokenNorm;

impl<B: ModelBackend> Backward<B, 3> for TokenNorm {
    type State = (FloatTensor<B>, FloatTensor<B>, f64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = grads.consume::<B>(&ops.node);
        let (tokens, gamma, epsilon) = ops.state;
        let gradients = B::token_norm_backward(tokens, gamma, slope, epsilon);
        register::<B, _>(ops.parents.map(|parent| parent.map(|node| node.id)), gradients, grads);
    }
}

#[derive(Debug)]
struct DepthwiseConvolution;

impl<B: ModelBackend> Backward<B, 3> for DepthwiseConvolution {
    /// Input, weight and output.
    type State = ([FloatTensor<B>; 3], ConvolutionGeometry);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = grads.consume::<B>(&ops.node);
        let ([input, weight, output], geometry) = ops.state;
        let gradients = B::depthwise_convolution_backward([input, weight, output, slope], &geometry);
        register::<B, _>(ops.parents.map(|parent| parent.map(|node| node.id)), gradients, grads);
    }
}

#[derive(Debug)]
struct DenseConvolution;

impl<B: ModelBackend> Backward<B, 3> for DenseConvolution {
    /// Input, weight and output.
    type State = ([FloatTensor<B>; 3], ConvolutionGeometry);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let slope = grads.consume::<B>(&ops.node);
        let ([input, weight, output], geometry) = ops.state;
        let gradients = B::dense_convolution_backward([input, weight, output, slope], &geometry);
        register::<B, _>(ops.parents.map(|parent| parent.map(|node| node.id)), gradients, grads);
    }
}

#[derive(Debug)]
struct StackTranspose;

impl<B: ModelBackend> Backward<B, 1> for StackTranspose {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, B::stack_transpose);
    }
}

/// Hands each parent that wants one its gradient.
fn register<B: ModelBackend, const N: usize>(
    parents: [Option<NodeId>; N],
    gradients: [FloatTensor<B>; N],
    grads: &mut Gradients,
) {
    for (parent, gradient) in parents.into_iter().zip(gradients) {
        if let Some(id) = parent {
            grads.register::<B>(id, gradient);
        }
    }
}

impl<B: ModelBackend, C: CheckpointStrategy> ModelBackend for Autodiff<B, C> {
    fn deformable_sampling(
        value: FloatTensor<Self>,
        offsets: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        geometry: &SamplingGeometry,
    ) -> FloatTensor<Self> {
        let nodes = [value.node.clone(), offsets.node.clone(), weights.node.clone()];
        let inputs = [value.primitive, offsets.primitive, weights.primitive];
        let [value, offsets, weights] = inputs.clone();
        let output = B::deformable_sampling(value, offsets, weights, geometry);
        match DeformableSampling.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((inputs, geometry.clone()), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn token_attention(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self> {
        let nodes = [query.node.clone(), key.node.clone(), value.node.clone()];
        let inputs = [query.primitive, key.primitive, value.primitive];
        let [query, key, value] = inputs.clone();
        let output = B::token_attention(query, key, value, bias.primitive.clone(), heads);
        match Attention.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((inputs, bias.primitive, heads), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn feed_forward(tokens: FloatTensor<Self>, weights: [FloatTensor<Self>; 4], middle: Middle) -> FloatTensor<Self> {
        let [widen, widen_bias, narrow, narrow_bias] = weights.each_ref().map(|weights| weights.node.clone());
        let nodes = [tokens.node, widen, widen_bias, narrow, narrow_bias];
        let (tokens, weights) = (tokens.primitive, weights.map(|weights| weights.primitive));
        let output = B::feed_forward(tokens.clone(), weights.clone(), middle);
        match FeedForward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((tokens, weights, middle), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn stack_transpose(stack: FloatTensor<Self>) -> FloatTensor<Self> {
        let output = B::stack_transpose(stack.primitive);
        StackTranspose.prepare::<C>([stack.node]).compute_bound().stateless(output)
    }

    fn token_norm(
        tokens: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let nodes = [tokens.node.clone(), gamma.node.clone(), beta.node.clone()];
        let output = B::token_norm(tokens.primitive.clone(), gamma.primitive.clone(), beta.primitive, epsilon);
        match TokenNorm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((tokens.primitive, gamma.primitive, epsilon), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn dense_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: &ConvolutionGeometry,
    ) -> FloatTensor<Self> {
        let nodes = [input.node.clone(), weight.node.clone(), bias.node.clone()];
        let (input, weight) = (input.primitive, weight.primitive);
        let output = B::dense_convolution(input.clone(), weight.clone(), bias.primitive, geometry);
        match DenseConvolution.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(([input, weight, output.clone()], *geometry), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn depthwise_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: &ConvolutionGeometry,
    ) -> FloatTensor<Self> {
        let nodes = [input.node.clone(), weight.node.clone(), bias.node.clone()];
        let (input, weight) = (input.primitive, weight.primitive);
        let output = B::depthwise_convolution(input.clone(), weight.clone(), bias.primitive, geometry);
        match DepthwiseConvolution.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(([input, weight, output.clone()], *geometry), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
