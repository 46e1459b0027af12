//! One optimizer step's gradients, computed by several workers side by side.

use std::thread;

use burn::backend::Autodiff;
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor};

use super::{LossConfig, Truth};
use crate::crobim_u::{Decoded, ImageEncoding, ReferringDecoder};
use crate::error::ModelError;
use crate::ops::ModelBackend;
use crate::vision::VisionTower;

/// A batch on the device, towers' inputs and targets.
pub(crate) struct Prepared<B: Backend> {
    /// `[image, 3, row, col]`
    pub(crate) images: Tensor<B, 4>,
    /// `[phrase, word, channel]` from the frozen text tower, image by image.
    pub(crate) features: Tensor<B, 3>,
    /// `[phrase, word]`, true for padding.
    pub(crate) ignored: Tensor<B, 2, Bool>,
    /// `[phrase, 1, row, col]`, zeros and ones.
    pub(crate) truth: Tensor<B, 4>,
    /// `[phrase, 1, row, col]`, zero where nothing is known; `None` when all is known.
    pub(crate) scored: Option<Tensor<B, 4>>,
}

/// What a step measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepLoss {
    pub(crate) total: f64,
    pub(crate) uncertainty: f64,
}

/// Runs the frozen towers, then the decoder on every pair of image and phrase.
pub(crate) fn forward<B, C>(vision: &VisionTower<B>, decoder: &ReferringDecoder<C>, batch: &Prepared<B>) -> Decoded<C>
where
    B: ModelBackend,
    C: ModelBackend + FromInner<B>,
{
    let levels = vision.forward(batch.images.clone());
    let [images, _, rows, cols] = batch.images.dims();
    let [phrases, ..] = batch.features.dims();
    let image = decoder.encode_image(levels.into_iter().map(C::float).collect());
    let image = repeat(image, phrases / images);
    let text = decoder.encode_text(C::float(batch.features.clone()));
    decoder.decode(image, text, C::boolean(batch.ignored.clone()), (rows, cols))
}

/// The gradients of the mean loss over `parts`, one worker each.
///
/// Many CPU operations are serial inside, so two workers on half a batch each are faster than one on all of it.
pub(crate) fn gradients<B: ModelBackend>(
    vision: &VisionTower<B>,
    decoder: &ReferringDecoder<Autodiff<B>>,
    parts: &[Prepared<B>],
    loss: &LossConfig,
    with_uncertainty: bool,
) -> Result<(GradientsParams, StepLoss), ModelError> {
    let share = 1.0 / parts.len() as f64;
    let work = |part: &Prepared<B>| -> Result<(GradientsParams, StepLoss), ModelError> {
        // A fork has a graph of its own, so that workers do not wait for each other.
        let decoder = decoder.clone().fork(&part.images.device());
        let decoded = forward(vision, &decoder, part);
        let truth =
            Truth { mask: Tensor::from_inner(part.truth.clone()), scored: part.scored.clone().map(Tensor::from_inner) };
        let losses = loss.total(decoded, truth, with_uncertainty);
        let measured =
            StepLoss { total: scalar(losses.total.clone().inner())?, uncertainty: scalar(losses.uncertainty.inner())? };
        let gradients = losses.total.mul_scalar(share).backward();
        Ok((GradientsParams::from_grads(gradients, &decoder), measured))
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = parts.iter().map(|part| scope.spawn(|| work(part))).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut sum = GradientsAccumulator::new();
    let mut measured = StepLoss::default();
    for outcome in outcomes {
        let (gradients, part) = outcome.map_err(|_| ModelError::Device("a training worker panicked".into()))??;
        sum.accumulate(decoder, gradients);
        measured.total += part.total * share;
        measured.uncertainty += part.uncertainty * share;
    }
    Ok((sum.grads(), measured))
}

/// Each image `times` times in a row, so that it meets each of its phrases.
fn repeat<B: Backend>(image: ImageEncoding<B>, times: usize) -> ImageEncoding<B> {
    if times == 1 {
        return image;
    }
    let ImageEncoding { tokens, lateral, levels } = image;
    let [images, count, width] = tokens.dims();
    let [_, channels, rows, cols] = lateral.dims();
    ImageEncoding {
        tokens: tokens.reshape([images, 1, count, width]).repeat_dim(1, times).reshape([images * times, count, width]),
        lateral: lateral.reshape([images, 1, channels, rows, cols]).repeat_dim(1, times).reshape([
            images * times,
            channels,
            rows,
            cols,
        ]),
        levels,
    }
}

/// A backend that takes tensors of another, without gradients.
pub(crate) trait FromInner<B: Backend>: Backend {
    /// The tensor on this backend.
    fn float<const D: usize>(tensor: Tensor<B, D>) -> Tensor<Self, D>;
    /// The tensor on this backend.
    fn boolean<const D: usize>(tensor: Tensor<B, D, Bool>) -> Tensor<Self, D, Bool>;
}

impl<B: Backend> FromInner<B> for Autodiff<B> {
    fn float<const D: usize>(tensor: Tensor<B, D>) -> Tensor<Self, D> {
        Tensor::from_inner(tensor)
    }

    fn boolean<const D: usize>(tensor: Tensor<B, D, Bool>) -> Tensor<Self, D, Bool> {
        Tensor::from_inner(tensor)
    }
}

impl<B: Backend> FromInner<B> for B {
    fn float<const D: usize>(tensor: Tensor<B, D>) -> Tensor<Self, D> {
        tensor
    }

    fn boolean<const D: usize>(tensor: Tensor<B, D, Bool>) -> Tensor<Self, D, Bool> {
        tensor
    }
}

/// The value of a one-element tensor, read from the device.
fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> Result<f64, ModelError> {
    values(tensor).map(|values| f64::from(values[0]))
}

/// The values of a tensor, read from the device.
pub(crate) fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, ModelError> {
    tensor
        .try_into_data()
        .map_err(|cause| ModelError::Device(cause.to_string()))?
        .to_vec()
        .map_err(|cause| ModelError::Device(format!("{cause:?}")))
}
