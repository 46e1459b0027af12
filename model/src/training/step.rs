//! One optimizer step's gradients, computed by several workers side by side.

use std::thread;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::backend::{AutodiffBackend, Backend, BackendTypes};
use burn::tensor::{Bool, Tensor};

use super::phrase_features::Language;
use super::{LossConfig, Truth};
use crate::crobim_u::{CrobimU, Decoded, ImageEncoding, ReferringDecoder};
use crate::error::ModelError;
use crate::ops::{ModelBackend, noise};
use crate::vision::VisionTower;

/// The differentiating side of a backend.
pub(crate) trait Differentiating<B: ModelBackend>:
    ModelBackend + AutodiffBackend<InnerBackend = B> + BackendTypes<Device = B::Device>
{
}

impl<B: ModelBackend, C: CheckpointStrategy> Differentiating<B> for Autodiff<B, C> {}

/// A batch on the device, towers' inputs and targets.
pub(crate) struct Prepared<B: Backend> {
    /// `[image, 3, row, col]`
    pub(crate) images: Tensor<B, 4>,
    /// The phrases, image by image.
    pub(crate) language: Language<B>,
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

/// What the model says about every pair of image and phrase, without gradients.
pub(crate) fn forward<B: ModelBackend>(model: &CrobimU<B>, batch: &Prepared<B>) -> Decoded<B> {
    let levels = model.vision.forward(batch.images.clone());
    let features = match &batch.language {
        Language::Features(features) => features.clone(),
        Language::Tokens(ids) => model.text.forward(ids.clone(), batch.ignored.clone()),
    };
    let [_, _, rows, cols] = batch.images.dims();
    decode(&model.decoder, levels, features, batch.ignored.clone(), (rows, cols))
}

/// As [`forward`], with gradients; `frozen` is the vision tower unless it is trained.
fn forward_trained<B, A>(model: &CrobimU<A>, frozen: Option<&VisionTower<B>>, batch: &Prepared<B>) -> Decoded<A>
where
    B: ModelBackend,
    A: Differentiating<B>,
{
    let images = batch.images.clone();
    let levels = match frozen {
        // Without gradients nothing of what the tower computes is kept.
        Some(tower) => tower.forward(images).into_iter().map(Tensor::from_inner).collect(),
        None => model.vision.forward(Tensor::from_inner(images)),
    };
    let ignored = Tensor::from_inner(batch.ignored.clone());
    let features = match &batch.language {
        Language::Features(features) => Tensor::from_inner(features.clone()),
        Language::Tokens(ids) => model.text.forward(Tensor::from_inner(ids.clone()), ignored.clone()),
    };
    let [_, _, rows, cols] = batch.images.dims();
    decode(&model.decoder, levels, features, ignored, (rows, cols))
}

/// Runs the decoder: what an image needs once, then each of its phrases.
fn decode<B: ModelBackend>(
    decoder: &ReferringDecoder<B>,
    levels: Vec<Tensor<B, 4>>,
    features: Tensor<B, 3>,
    ignored: Tensor<B, 2, Bool>,
    size: (usize, usize),
) -> Decoded<B> {
    let images = levels[0].dims()[0];
    let phrases = features.dims()[0];
    let image = repeat(decoder.encode_image(levels), phrases / images);
    let text = decoder.encode_text(features);
    decoder.decode(image, text, ignored, size)
}

/// What a step is made of besides the batch.
pub(crate) struct StepConfig<'a, B: Backend> {
    /// The vision tower, unless it is trained.
    pub(crate) frozen_vision: Option<&'a VisionTower<B>>,
    pub(crate) loss: &'a LossConfig,
    /// Whether the uncertainty loss has set in.
    pub(crate) with_uncertainty: bool,
    /// Seed of dropout and its like, over the whole run.
    pub(crate) seed: u64,
    /// Number of the step.
    pub(crate) step: usize,
    /// Each part's share of the step.
    pub(crate) share: f64,
}

/// Adds the gradients of `parts` to `sum`, one worker each, and returns what each part measured.
///
/// Many CPU operations are serial inside, so two workers on half a batch each are faster than one on all of it.
/// `first` is the number of the first part within the step. Results do not depend on which worker is done first.
pub(crate) fn gradients<B, A>(
    model: &CrobimU<A>,
    parts: &[Prepared<B>],
    first: usize,
    config: &StepConfig<'_, B>,
    sum: &mut GradientsAccumulator<CrobimU<A>>,
) -> Result<Vec<StepLoss>, ModelError>
where
    B: ModelBackend,
    A: Differentiating<B>,
{
    let work = |part: &Prepared<B>| -> Result<(GradientsParams, StepLoss), ModelError> {
        // A fork has a graph of its own, so that workers do not wait for each other.
        let model = model.clone().fork(&part.images.device());
        let decoded = forward_trained(&model, config.frozen_vision, part);
        let truth =
            Truth { mask: Tensor::from_inner(part.truth.clone()), scored: part.scored.clone().map(Tensor::from_inner) };
        let losses = config.loss.total(decoded, &truth, config.with_uncertainty);
        let measured =
            StepLoss { total: scalar(losses.total.clone().inner())?, uncertainty: scalar(losses.uncertainty.inner())? };
        let gradients = losses.total.mul_scalar(config.share).backward();
        Ok((GradientsParams::from_grads(gradients, &model), measured))
    };
    let noisy = |index: usize, part: &Prepared<B>| {
        let stream = ((config.step as u64) << 16) + (first + index) as u64;
        noise::seeded(config.seed, stream, || work(part))
    };
    let noisy = &noisy;
    let outcomes: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> =
            parts.iter().enumerate().map(|(index, part)| scope.spawn(move || noisy(index, part))).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut measured = Vec::with_capacity(parts.len());
    for outcome in outcomes {
        let (gradients, part) = outcome.map_err(|_| ModelError::Device("a training worker panicked".into()))??;
        sum.accumulate(model, gradients);
        measured.push(part);
    }
    Ok(measured)
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
