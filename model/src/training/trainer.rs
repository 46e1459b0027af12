//! The training loop: frozen towers, a trained decoder, resumable at any checkpoint.

use std::path::Path;
use std::time::Instant;

use burn::backend::Autodiff;
use burn::grad_clipping::GradientClippingConfig;
use burn::module::{AutodiffModule, Module};
use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use indicatif::{ProgressBar, ProgressStyle};

use super::average::follow;
use super::checkpoint::{self, CheckpointFolder, Progress};
use super::config::TrainingConfig;
use super::feed::{Batch, FeedConfig, training_batches, validation_batch};
use super::phrase_features::PhraseFeatures;
use super::run_log::RunLog;
use super::validation::{Scorer, ValidationScore};
use crate::config::ModelConfig;
use crate::crobim_u::{CrobimU, Decoded, ImageEncoding, ReferringDecoder};
use crate::device::{DeviceChoice, ResolvedDevice};
use crate::error::ModelError;
use crate::evaluation::calibration::{CalibrationFitter, CalibrationRecord, sigmoid};
use crate::ops::ModelBackend;
use crate::text::PromptTokenizer;
use crate::store;
use crate::vision::VisionTower;

/// Trains by the recipe in `file`, resuming where an earlier sitting stopped.
///
/// # Errors
/// An unusable recipe, missing weights, or a disk that cannot be written.
pub fn train(file: &Path, device: DeviceChoice) -> Result<(), ModelError> {
    let config = TrainingConfig::read(file)?;
    match device.resolve()? {
        #[cfg(feature = "cpu")]
        ResolvedDevice::Cpu(device) => Trainer::<crate::device::Cpu>::new(config, device)?.run(),
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(device) => Trainer::<crate::device::Cuda>::new(config, device)?.run(),
    }
}

/// Pixels of each validation tile that calibration is fitted on.
const CALIBRATION_PIXELS: usize = 2_000;

/// Model card of weights fresh from training, before anybody has described them.
const UNREVIEWED_CARD: &str = "# Model card\n\nWritten by `geophrase train`. Describe data, recipe and limits here.\n";

struct Trainer<B: ModelBackend> {
    config: TrainingConfig,
    model_config: ModelConfig,
    device: B::Device,
    side_px: usize,
    vision: VisionTower<B>,
    phrases: PhraseFeatures<B>,
    checkpoints: CheckpointFolder,
    log: RunLog,
}

impl<B: ModelBackend> Trainer<B> {
    fn new(config: TrainingConfig, device: B::Device) -> Result<Self, ModelError> {
        let model_config = config.model_config()?;
        B::seed(&device, config.seed);
        let vision = store::read_tower(model_config.vision.init(&device), &config.pretrained.vision)?;
        let text = store::read_tower(model_config.text.init(&device), &config.pretrained.text)?;
        let tokenizer = PromptTokenizer::from_file(&config.pretrained.tokenizer, model_config.max_tokens)?;
        std::fs::create_dir_all(&config.output).map_err(|source| ModelError::Io {
            action: "create",
            path: config.output.clone(),
            source,
        })?;
        Ok(Self {
            side_px: config.tile_px.unwrap_or(model_config.tile_px),
            vision,
            phrases: PhraseFeatures::new(text, tokenizer, device.clone()),
            checkpoints: CheckpointFolder::new(&config.output),
            log: RunLog::open(&config.output)?,
            model_config,
            config,
            device,
        })
    }

    fn run(mut self) -> Result<(), ModelError> {
        let steps = self.config.steps;
        let text_width = self.model_config.text.width;
        let mut decoder: ReferringDecoder<Autodiff<B>> =
            self.model_config.decoder.init(self.model_config.vision.channels(), text_width, &self.device);
        let mut average = decoder.valid();
        let mut optimizer = AdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(self.config.weight_decay)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(self.config.clip)))
            .init::<Autodiff<B>, ReferringDecoder<Autodiff<B>>>();
        let mut progress = Progress::default();
        if let Some((state, reached)) = self.checkpoints.newest() {
            decoder = checkpoint::load_module(decoder, &state, "decoder", &self.device)?;
            average = checkpoint::load_module(average, &state, "average", &self.device)?;
            optimizer = optimizer.load_record(checkpoint::load::<Autodiff<B>, _>(&state, "optimizer", &self.device)?);
            progress = reached;
        }

        let feed = FeedConfig { batch: self.config.batch, phrases: self.config.phrases, side_px: self.side_px };
        let batches = training_batches(&self.config.data, feed, progress.step, steps);
        let bar = progress_bar(steps, progress.step);
        let mut running = None;
        while let Ok(batch) = batches.recv() {
            let started = Instant::now();
            let rate = self.config.schedule.at(progress.step, steps);
            let with_uncertainty = progress.step >= self.config.uncertainty_warm_up;
            let truth = batch.mask_tensor(&self.device);
            let decoded = self.forward(&decoder, &batch)?;
            let losses = self.config.loss.total(decoded, truth, with_uncertainty);
            let loss = scalar(losses.total.clone().inner())?;
            if !loss.is_finite() {
                return Err(ModelError::Device(format!("the loss became {loss} at step {}", progress.step)));
            }
            let gradients = GradientsParams::from_grads(losses.total.backward(), &decoder);
            decoder = optimizer.step(rate, decoder, gradients);
            progress.step += 1;
            // Early averages would remember noise, so the decay grows with the number of steps.
            let decay = self.config.average.min((1.0 + progress.step as f64) / (10.0 + progress.step as f64));
            average = follow(average, &decoder.valid(), decay);

            let seconds = started.elapsed().as_secs_f64();
            progress.seconds += seconds;
            let smooth = running.map_or(loss, |before: f64| 0.98 * before + 0.02 * loss);
            running = Some(smooth);
            bar.set_position(progress.step as u64);
            bar.set_message(format!("loss {smooth:.4}  {:.1} phrases/s", batch.phrases.len() as f64 / seconds));
            if progress.step.is_multiple_of(20) {
                self.log.step(progress.step, smooth, scalar(losses.uncertainty.inner())?, rate, seconds)?;
            }
            let last = progress.step == steps;
            if last || progress.step.is_multiple_of(self.config.validate_every) {
                let (score, fitter) = self.validate(&average)?;
                self.log.validation(progress.step, &score)?;
                bar.println(format!("step {}: {score}", progress.step));
                if score.miou > progress.best || last {
                    progress.best = progress.best.max(score.miou);
                    self.keep(&average, &fitter)?;
                }
            }
            if last || progress.step.is_multiple_of(self.config.checkpoint_every) {
                let state = optimizer.to_record();
                self.checkpoints.replace(&progress, |folder| {
                    checkpoint::save::<Autodiff<B>, _>(folder, "decoder", decoder.clone().into_record())?;
                    checkpoint::save::<B, _>(folder, "average", average.clone().into_record())?;
                    checkpoint::save::<Autodiff<B>, _>(folder, "optimizer", state)
                })?;
            }
        }
        bar.finish();
        Ok(())
    }

    /// Runs the frozen towers, then the decoder on every pair of image and phrase.
    fn forward<C>(&mut self, decoder: &ReferringDecoder<C>, batch: &Batch) -> Result<Decoded<C>, ModelError>
    where
        C: ModelBackend + FromInner<B>,
    {
        let levels = self.vision.forward(batch.image_tensor(&self.device));
        let phrases: Vec<&str> = batch.phrases.iter().map(String::as_str).collect();
        let (features, ignored) = self.phrases.of(&phrases)?;
        let image = decoder.encode_image(levels.into_iter().map(C::float).collect());
        let image = repeat(image, batch.phrases.len() / batch.images);
        let text = decoder.encode_text(C::float(features));
        Ok(decoder.decode(image, text, C::boolean(ignored), (self.side_px, self.side_px)))
    }

    /// Scores tiles that the run never trains on; their logits also feed the calibration.
    fn validate(&mut self, decoder: &ReferringDecoder<B>) -> Result<(ValidationScore, CalibrationFitter), ModelError> {
        let mut scorer = Scorer::default();
        let mut fitter = CalibrationFitter::new(CALIBRATION_PIXELS);
        let size = self.config.batch;
        let per_tile = self.side_px * self.side_px;
        for index in 0..self.config.validation_tiles.div_ceil(size) {
            let batch = validation_batch(&self.config.data, index, size, self.side_px);
            let decoded = self.forward(decoder, &batch)?;
            let (masks, risks) = (values(decoded.refined)?, values(decoded.uncertainty)?);
            let presence = decoded.presence.map(values).transpose()?;
            let planes = masks.chunks_exact(per_tile).zip(risks.chunks_exact(per_tile));
            for (i, ((mask_logits, rus_logits), truth)) in planes.zip(batch.masks.chunks_exact(per_tile)).enumerate() {
                let presence = presence.as_ref().map(|logits| logits[i]);
                scorer.add(mask_logits, presence, truth);
                fitter.add(&CalibrationRecord {
                    mask_logits,
                    rus_logits,
                    truth,
                    has_target: truth.contains(&1),
                    presence: presence.map(sigmoid),
                })?;
            }
        }
        Ok((scorer.score(), fitter))
    }

    /// Writes the averaged weights, calibrated, as a model folder.
    fn keep(&mut self, decoder: &ReferringDecoder<B>, fitter: &CalibrationFitter) -> Result<(), ModelError> {
        let mut config = self.model_config.clone();
        let (calibration, summary) = fitter.fit()?;
        config.calibration = calibration;
        self.log.calibration(&summary)?;
        let model = CrobimU {
            vision: self.vision.clone(),
            text: self.phrases.tower().clone(),
            decoder: decoder.clone(),
        };
        let tokenizer = &self.config.pretrained.tokenizer;
        let tokenizer = std::fs::read(tokenizer)
            .map_err(|source| ModelError::Io { action: "read", path: tokenizer.clone(), source })?;
        store::write_model(&self.config.output.join("model"), &config, &model, &tokenizer, UNREVIEWED_CARD)
    }
}

/// Each image `times` times in a row, so that it meets each of its phrases.
pub(crate) fn repeat<B: Backend>(image: ImageEncoding<B>, times: usize) -> ImageEncoding<B> {
    if times == 1 {
        return image;
    }
    let ImageEncoding { tokens, lateral, levels } = image;
    let [images, count, width] = tokens.dims();
    let [_, channels, rows, cols] = lateral.dims();
    ImageEncoding {
        tokens: tokens.reshape([images, 1, count, width]).repeat_dim(1, times).reshape([images * times, count, width]),
        lateral: lateral
            .reshape([images, 1, channels, rows, cols])
            .repeat_dim(1, times)
            .reshape([images * times, channels, rows, cols]),
        levels,
    }
}

/// A backend that takes tensors of another, without gradients.
trait FromInner<B: Backend>: Backend {
    fn float<const D: usize>(tensor: Tensor<B, D>) -> Tensor<Self, D>;
    fn boolean<const D: usize>(tensor: Tensor<B, D, burn::tensor::Bool>) -> Tensor<Self, D, burn::tensor::Bool>;
}

impl<B: Backend> FromInner<B> for Autodiff<B> {
    fn float<const D: usize>(tensor: Tensor<B, D>) -> Tensor<Self, D> {
        Tensor::from_inner(tensor)
    }
    fn boolean<const D: usize>(tensor: Tensor<B, D, burn::tensor::Bool>) -> Tensor<Self, D, burn::tensor::Bool> {
        Tensor::from_inner(tensor)
    }
}

impl<B: Backend> FromInner<B> for B {
    fn float<const D: usize>(tensor: Tensor<B, D>) -> Tensor<Self, D> {
        tensor
    }
    fn boolean<const D: usize>(tensor: Tensor<B, D, burn::tensor::Bool>) -> Tensor<Self, D, burn::tensor::Bool> {
        tensor
    }
}

fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> Result<f64, ModelError> {
    values(tensor).map(|values| f64::from(values[0]))
}

fn values<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, ModelError> {
    let failed = |cause: String| ModelError::Device(cause);
    tensor
        .try_into_data()
        .map_err(|cause| failed(cause.to_string()))?
        .to_vec()
        .map_err(|cause| failed(format!("{cause:?}")))
}

fn progress_bar(steps: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {elapsed} passed, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps as u64).with_style(style);
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}
