//! The training loop, resumable at any checkpoint.

use std::path::PathBuf;
use std::time::Instant;

use burn::backend::Autodiff;
use burn::module::AutodiffModule;
use indicatif::{ProgressBar, ProgressStyle};

use super::average::follow;
use super::checkpoint::CheckpointFolder;
use super::config::TrainingConfig;
use super::feed::{Batch, Feed, FeedConfig};
use super::phrase_features::PhraseReader;
use super::run_log::RunLog;
use super::start::{RunState, tokenizer_file};
use super::step::{Differentiating, Prepared, StepConfig, forward, gradients, values};
use super::validation::{Scorer, ValidationScore};
use crate::config::ModelConfig;
use crate::crobim_u::CrobimU;
use crate::device::{DeviceChoice, ResolvedDevice};
use crate::error::ModelError;
use crate::evaluation::calibration::{CalibrationFitter, CalibrationRecord, sigmoid};
use crate::ops::ModelBackend;
use crate::store;
use crate::text::PromptTokenizer;
use crate::vision::VisionTower;

/// What is to be trained, and how far.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// The recipe.
    pub recipe: PathBuf,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// Leaves off after this step with a checkpoint, for a machine that is lent for an hour.
    pub stop_at: Option<usize>,
    /// A model folder to start from, instead of what the recipe says; a run that has a state goes on from that.
    pub init: Option<PathBuf>,
}

impl TrainRequest {
    /// Trains by the recipe in `recipe` to its end, on the best device.
    #[must_use]
    pub fn new(recipe: impl Into<PathBuf>) -> Self {
        Self { recipe: recipe.into(), device: DeviceChoice::Auto, stop_at: None, init: None }
    }
}

/// Trains by a recipe, resuming where an earlier sitting stopped.
///
/// # Errors
/// An unusable recipe, missing weights, or a disk that cannot be written.
pub fn train(request: &TrainRequest) -> Result<(), ModelError> {
    let mut config = TrainingConfig::read(&request.recipe)?;
    config.init = request.init.clone().or(config.init);
    let tokenizer = tokenizer_file(&config, &request.recipe)?;
    let stop = request.stop_at.unwrap_or(usize::MAX);
    match request.device.resolve()? {
        #[cfg(feature = "cpu")]
        ResolvedDevice::Cpu(device) => run::<crate::device::Cpu>(config, tokenizer, device, stop),
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(device) => run::<crate::device::Cuda>(config, tokenizer, device, stop),
    }
}

fn run<B: ModelBackend>(
    config: TrainingConfig,
    tokenizer: PathBuf,
    device: B::Device,
    stop: usize,
) -> Result<(), ModelError> {
    let (trainer, state) = Trainer::<B>::new::<Autodiff<B>>(config, tokenizer, device)?;
    trainer.run(state, stop)
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
    phrases: PhraseReader<B>,
    /// The vision tower, unless it is trained.
    frozen_vision: Option<VisionTower<B>>,
    tokenizer: PathBuf,
    checkpoints: CheckpointFolder,
    log: RunLog,
}

impl<B: ModelBackend> Trainer<B> {
    fn new<A: Differentiating<B>>(
        config: TrainingConfig,
        tokenizer_file: PathBuf,
        device: B::Device,
    ) -> Result<(Self, RunState<B, A>), ModelError> {
        let model_config = config.model_config()?;
        B::seed(&device, config.seed);
        let tokenizer = PromptTokenizer::from_file(&tokenizer_file, model_config.max_tokens)?;
        let checkpoints = CheckpointFolder::new(&config.output);
        let state = RunState::open(&config, &model_config, &checkpoints, &device)?;
        std::fs::create_dir_all(&config.output).map_err(|source| ModelError::Io {
            action: "create",
            path: config.output.clone(),
            source,
        })?;
        let side_px = config.tile_px.unwrap_or(model_config.tile_px);
        let shape = FeedConfig { batch: config.batch, phrases: config.phrases, side_px };
        let towers = config.towers;
        let frozen_text = (towers.text_rate == 0.0).then(|| state.model.text.valid());
        let trainer = Self {
            side_px,
            feed: Feed::open(&config.data, shape)?,
            phrases: PhraseReader::new(frozen_text, tokenizer, device.clone()),
            frozen_vision: (towers.vision_rate == 0.0).then(|| state.model.vision.valid()),
            tokenizer: tokenizer_file,
            checkpoints,
            log: RunLog::open(&config.output)?,
            model_config,
            config,
            device,
        };
        Ok((trainer, state))
    }

    fn run<A>(mut self, mut state: RunState<B, A>, stop: usize) -> Result<(), ModelError>
    where
        A: Differentiating<B>,
    {
        let steps = self.config.steps;
        let stop = stop.min(steps);
        let batches = self.feed.training(state.progress.step, stop);
        let bar = progress_bar(steps, state.progress.step);
        let mut running = None;
        while let Ok(batch) = batches.recv() {
            let batch = batch?;
            let started = Instant::now();
            let step = state.progress.step;
            let rate = self.config.schedule.at(step, steps);
            let asked = batch.phrases.len() as f64;
            let parts = batch.split(self.config.workers);
            let parts: Vec<_> = parts.iter().map(|part| self.prepare(part)).collect::<Result<_, _>>()?;
            let step_config = StepConfig {
                frozen_vision: self.frozen_vision.as_ref(),
                loss: &self.config.loss,
                with_uncertainty: step >= self.config.uncertainty_warm_up,
            };
            let (gradients, losses) = gradients(&state.model, &parts, &step_config)?;
            let loss = losses.total;
            if !loss.is_finite() {
                return Err(ModelError::Device(format!("the loss became {loss} at step {step}")));
            }
            state.model = state.optimizer.step(rate, state.model, gradients);
            state.progress.step += 1;
            let progress = &mut state.progress;
            // Early averages would remember noise, so the decay grows with the number of steps.
            let decay = self.config.average.min((1.0 + progress.step as f64) / (10.0 + progress.step as f64));
            state.average = follow::<B, A, _>(state.average, &state.model, decay);

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
                let (score, fitter) = self.validate(&state.average)?;
                self.log.validation(progress.step, &score)?;
                bar.println(format!("step {}: {score}", progress.step));
                // A first validation is kept even at 0, so that a run never ends without weights.
                if score.miou > progress.best || !self.config.output.join("model").is_dir() {
                    progress.best = score.miou;
                    self.keep(&state.average, &fitter)?;
                }
            }
            if progress.step == stop || progress.step.is_multiple_of(self.config.checkpoint_every) {
                state.write(&self.checkpoints)?;
            }
        }
        bar.finish();
        if state.progress.step < stop {
            let reason = format!("the thread that draws batches ended at step {} of {stop}", state.progress.step);
            return Err(ModelError::Device(reason));
        }
        Ok(())
    }

    /// Puts a batch on the device and reads its phrases.
    fn prepare(&mut self, batch: &Batch) -> Result<Prepared<B>, ModelError> {
        let phrases: Vec<&str> = batch.phrases.iter().map(String::as_str).collect();
        let (language, ignored) = self.phrases.read(&phrases)?;
        let (images, truth) = (batch.image_tensor(&self.device), batch.mask_tensor(&self.device));
        let scored = batch.scored_tensor(&self.device);
        Ok(Prepared { images, language, ignored, truth, scored })
    }

    /// Scores tiles that the run never trains on; their logits also feed the calibration.
    fn validate(&mut self, model: &CrobimU<B>) -> Result<(ValidationScore, CalibrationFitter), ModelError> {
        let mut scorer = Scorer::default();
        let mut fitter = CalibrationFitter::new(CALIBRATION_PIXELS);
        let size = self.config.batch;
        let per_tile = self.side_px * self.side_px;
        for index in 0..self.feed.validation_tiles(self.config.validation_tiles).div_ceil(size) {
            let batch = self.feed.validation(index)?;
            let prepared = self.prepare(&batch)?;
            let decoded = forward(model, &prepared);
            let (masks, risks) = (values(decoded.refined)?, values(decoded.uncertainty)?);
            let presence = decoded.presence.map(values).transpose()?;
            let planes = masks.chunks_exact(per_tile).zip(risks.chunks_exact(per_tile));
            for (i, ((masks, risks), truth)) in planes.zip(batch.masks.chunks_exact(per_tile)).enumerate() {
                let presence = presence.as_ref().map(|logits| logits[i]);
                let scored = batch.scored.chunks_exact(per_tile).nth(i);
                let (mask_logits, rus_logits) = (known(masks, scored), known(risks, scored));
                let truth = &known(truth, scored);
                scorer.add(&mask_logits, presence, truth);
                fitter.add(&CalibrationRecord {
                    mask_logits: &mask_logits,
                    rus_logits: &rus_logits,
                    truth,
                    has_target: truth.contains(&1),
                    presence: presence.map(sigmoid),
                })?;
            }
        }
        Ok((scorer.score(), fitter))
    }

    /// Writes the averaged weights, calibrated, as a model folder.
    fn keep(&mut self, model: &CrobimU<B>, fitter: &CalibrationFitter) -> Result<(), ModelError> {
        let mut config = self.model_config.clone();
        // With nothing to learn about errors, plain sigmoids stay; that is no reason to lose the weights.
        match fitter.fit() {
            Ok((calibration, summary)) => {
                config.calibration = calibration;
                self.log.calibration(&summary)?;
            }
            Err(reason) => self.log.uncalibrated(&reason)?,
        }
        let tokenizer = std::fs::read(&self.tokenizer).map_err(|source| ModelError::Io {
            action: "read",
            path: self.tokenizer.clone(),
            source,
        })?;
        store::write_model(&self.config.output.join("model"), &config, model, &tokenizer, UNREVIEWED_CARD)
    }
}

/// The values of the pixels of which something is known.
fn known<T: Copy>(plane: &[T], scored: Option<&[u8]>) -> Vec<T> {
    match scored {
        None => plane.to_vec(),
        Some(scored) => plane.iter().zip(scored).filter(|(_, scored)| **scored == 1).map(|(value, _)| *value).collect(),
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
