//! The training loop: frozen towers, a trained decoder, resumable at any checkpoint.

use std::path::Path;
use std::time::Instant;

use burn::backend::Autodiff;
use burn::grad_clipping::GradientClippingConfig;
use burn::module::{AutodiffModule, Module};
use burn::optim::{AdamWConfig, Optimizer};
use indicatif::{ProgressBar, ProgressStyle};

use super::average::follow;
use super::checkpoint::{self, CheckpointFolder, Progress};
use super::config::TrainingConfig;
use super::feed::{Batch, Feed, FeedConfig};
use super::phrase_features::PhraseFeatures;
use super::run_log::RunLog;
use super::step::{Prepared, forward, gradients, values};
use super::validation::{Scorer, ValidationScore};
use crate::config::ModelConfig;
use crate::crobim_u::{CrobimU, ReferringDecoder};
use crate::device::{DeviceChoice, ResolvedDevice};
use crate::error::ModelError;
use crate::evaluation::calibration::{CalibrationFitter, CalibrationRecord, sigmoid};
use crate::ops::ModelBackend;
use crate::store;
use crate::text::PromptTokenizer;
use crate::vision::VisionTower;

/// Trains by the recipe in `file`, resuming where an earlier sitting stopped.
///
/// # Errors
/// An unusable recipe, missing weights, or a disk that cannot be written.
pub fn train(file: &Path, device: DeviceChoice) -> Result<(), ModelError> {
    train_until(file, device, usize::MAX)
}

/// As [`train`], but leaves off after step `stop` with a checkpoint, for a machine that is lent for an hour.
///
/// # Errors
/// As [`train`].
pub fn train_until(file: &Path, device: DeviceChoice, stop: usize) -> Result<(), ModelError> {
    let config = TrainingConfig::read(file)?;
    match device.resolve()? {
        #[cfg(feature = "cpu")]
        ResolvedDevice::Cpu(device) => Trainer::<crate::device::Cpu>::new(config, device)?.run(stop),
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(device) => Trainer::<crate::device::Cuda>::new(config, device)?.run(stop),
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
    feed: Feed,
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
        let side_px = config.tile_px.unwrap_or(model_config.tile_px);
        let shape = FeedConfig { batch: config.batch, phrases: config.phrases, side_px };
        Ok(Self {
            side_px,
            feed: Feed::open(&config.data, shape)?,
            vision,
            phrases: PhraseFeatures::new(text, tokenizer, device.clone()),
            checkpoints: CheckpointFolder::new(&config.output),
            log: RunLog::open(&config.output)?,
            model_config,
            config,
            device,
        })
    }

    fn run(mut self, stop: usize) -> Result<(), ModelError> {
        let steps = self.config.steps;
        let stop = stop.min(steps);
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
        if let Some((state, reached)) = self.checkpoints.newest()? {
            decoder = checkpoint::load_module(decoder, &state, "decoder", &self.device)?;
            average = checkpoint::load_module(average, &state, "average", &self.device)?;
            optimizer = optimizer.load_record(checkpoint::load::<Autodiff<B>, _>(&state, "optimizer", &self.device)?);
            progress = reached;
        }

        let batches = self.feed.training(progress.step, stop);
        let bar = progress_bar(steps, progress.step);
        let mut running = None;
        while let Ok(batch) = batches.recv() {
            let batch = batch?;
            let started = Instant::now();
            let rate = self.config.schedule.at(progress.step, steps);
            let with_uncertainty = progress.step >= self.config.uncertainty_warm_up;
            let asked = batch.phrases.len() as f64;
            let parts = batch.split(self.config.workers);
            let parts: Vec<_> = parts.iter().map(|part| self.prepare(part)).collect::<Result<_, _>>()?;
            let (gradients, losses) = gradients(&self.vision, &decoder, &parts, &self.config.loss, with_uncertainty)?;
            let loss = losses.total;
            if !loss.is_finite() {
                return Err(ModelError::Device(format!("the loss became {loss} at step {}", progress.step)));
            }
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
            bar.set_message(format!("loss {smooth:.4}  {:.1} phrases/s", asked / seconds));
            if progress.step.is_multiple_of(20) {
                self.log.step(progress.step, smooth, losses.uncertainty, rate, seconds)?;
            }
            let last = progress.step == steps;
            if last || progress.step.is_multiple_of(self.config.validate_every) {
                let (score, fitter) = self.validate(&average)?;
                self.log.validation(progress.step, &score)?;
                bar.println(format!("step {}: {score}", progress.step));
                // A first validation is kept even at 0, so that a run never ends without weights.
                if score.miou > progress.best || !self.config.output.join("model").is_dir() {
                    progress.best = score.miou;
                    self.keep(&average, &fitter)?;
                }
            }
            if progress.step == stop || progress.step.is_multiple_of(self.config.checkpoint_every) {
                let state = optimizer.to_record();
                self.checkpoints.replace(&progress, |folder| {
                    checkpoint::save::<Autodiff<B>, _>(folder, "decoder", decoder.clone().into_record())?;
                    checkpoint::save::<B, _>(folder, "average", average.clone().into_record())?;
                    checkpoint::save::<Autodiff<B>, _>(folder, "optimizer", state)
                })?;
            }
        }
        bar.finish();
        if progress.step < stop {
            let reason = format!("the thread that draws batches ended at step {} of {stop}", progress.step);
            return Err(ModelError::Device(reason));
        }
        Ok(())
    }

    /// Puts a batch on the device and reads its phrases.
    fn prepare(&mut self, batch: &Batch) -> Result<Prepared<B>, ModelError> {
        let phrases: Vec<&str> = batch.phrases.iter().map(String::as_str).collect();
        let (features, ignored) = self.phrases.of(&phrases)?;
        let (images, truth) = (batch.image_tensor(&self.device), batch.mask_tensor(&self.device));
        let scored = batch.scored_tensor(&self.device);
        Ok(Prepared { images, features, ignored, truth, scored })
    }

    /// Scores tiles that the run never trains on; their logits also feed the calibration.
    fn validate(&mut self, decoder: &ReferringDecoder<B>) -> Result<(ValidationScore, CalibrationFitter), ModelError> {
        let mut scorer = Scorer::default();
        let mut fitter = CalibrationFitter::new(CALIBRATION_PIXELS);
        let size = self.config.batch;
        let per_tile = self.side_px * self.side_px;
        for index in 0..self.config.validation_tiles.div_ceil(size) {
            let batch = self.feed.validation(index)?;
            let prepared = self.prepare(&batch)?;
            let decoded = forward(&self.vision, decoder, &prepared);
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
        // With nothing to learn about errors, plain sigmoids stay; that is no reason to lose the weights.
        match fitter.fit() {
            Ok((calibration, summary)) => {
                config.calibration = calibration;
                self.log.calibration(&summary)?;
            }
            Err(reason) => self.log.uncalibrated(&reason)?,
        }
        let model =
            CrobimU { vision: self.vision.clone(), text: self.phrases.tower().clone(), decoder: decoder.clone() };
        let tokenizer = &self.config.pretrained.tokenizer;
        let tokenizer = std::fs::read(tokenizer).map_err(|source| ModelError::Io {
            action: "read",
            path: tokenizer.clone(),
            source,
        })?;
        store::write_model(&self.config.output.join("model"), &config, &model, &tokenizer, UNREVIEWED_CARD)
    }
}

fn progress_bar(steps: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {elapsed} passed, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps as u64).with_style(style);
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}
