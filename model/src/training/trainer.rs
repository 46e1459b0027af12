//! The training loop, resumable at any checkpoint.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::BalancedCheckpointing;
use burn::module::AutodiffModule;
use burn::optim::GradientsAccumulator;

use super::announce::{Announcer, Talk};
use super::checkpoint::CheckpointFolder;
use super::config::{Horizon, TrainingConfig};
use super::feed::{Batch, Feed, FeedConfig};
use super::phrase_features::PhraseReader;
use super::run_log::{RunLog, StepRecord};
use super::start::{RunState, tokenizer_file};
use super::step::{Differentiating, Prepared, StepConfig, StepLoss, gradients};
use super::{bad_batch, plot};
use crate::config::{ModelConfig, TrainedOn};
use crate::device::{DeviceChoice, ResolvedDevice};
use crate::error::ModelError;
use crate::ops::ModelBackend;
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
    /// How much is said.
    pub talk: Talk,
    /// Once this is true, the step in hand is finished, a checkpoint written, and the run left off.
    pub interrupt: Arc<AtomicBool>,
}

impl TrainRequest {
    /// Trains by the recipe in `recipe` to its end, on the best device.
    #[must_use]
    pub fn new(recipe: impl Into<PathBuf>) -> Self {
        Self {
            recipe: recipe.into(),
            device: DeviceChoice::Auto,
            stop_at: None,
            init: None,
            talk: Talk::default(),
            interrupt: Arc::default(),
        }
    }
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainOutcome {
    /// Steps done, over all sittings.
    pub step: usize,
    /// Steps of the recipe.
    pub steps: usize,
    /// Whether it was left off because of [`TrainRequest::interrupt`].
    pub interrupted: bool,
}

/// Trains by a recipe, resuming where an earlier sitting stopped.
///
/// # Errors
/// An unusable recipe, missing weights, a disk that cannot be written, or a loss that ceased to be a number.
pub fn train(request: &TrainRequest) -> Result<TrainOutcome, ModelError> {
    let mut config = TrainingConfig::read(&request.recipe)?;
    config.init = request.init.clone().or(config.init);
    train_by(config, request)
}

/// As [`train`], by a recipe that has been read; the request's file is only what errors name.
///
/// # Errors
/// As [`train`].
pub(crate) fn train_by(config: TrainingConfig, request: &TrainRequest) -> Result<TrainOutcome, ModelError> {
    match request.device.resolve()? {
        #[cfg(feature = "cpu")]
        ResolvedDevice::Cpu(device) => run::<crate::device::Cpu>(config, request, device),
        #[cfg(feature = "cuda")]
        ResolvedDevice::Cuda(device) => run::<crate::device::Cuda>(config, request, device),
    }
}

fn run<B: ModelBackend>(
    config: TrainingConfig,
    request: &TrainRequest,
    device: B::Device,
) -> Result<TrainOutcome, ModelError> {
    if config.checkpointing {
        let (trainer, state) = Trainer::<B>::new::<Autodiff<B, BalancedCheckpointing>>(config, request, device)?;
        return trainer.run(state);
    }
    let (trainer, state) = Trainer::<B>::new::<Autodiff<B>>(config, request, device)?;
    trainer.run(state)
}

pub(super) struct Trainer<B: ModelBackend> {
    pub(super) config: TrainingConfig,
    pub(super) model_config: ModelConfig,
    horizon: Horizon,
    stop: usize,
    pub(super) device: B::Device,
    pub(super) side_px: usize,
    pub(super) feed: Feed,
    phrases: PhraseReader<B>,
    /// The vision tower, unless it is trained.
    frozen_vision: Option<VisionTower<B>>,
    pub(super) tokenizer: PathBuf,
    checkpoints: CheckpointFolder,
    pub(super) log: RunLog,
    announcer: Announcer,
    interrupt: Arc<AtomicBool>,
}

impl<B: ModelBackend> Trainer<B> {
    fn new<A: Differentiating<B>>(
        config: TrainingConfig,
        request: &TrainRequest,
        device: B::Device,
    ) -> Result<(Self, RunState<B, A>), ModelError> {
        let refuse = |reason: String| ModelError::Config { path: request.recipe.clone(), reason };
        let mut model_config = config.model_config()?;
        // What has been seen goes with the weights, wherever the sizes are from.
        model_config.trained_on = match &config.init {
            Some(folder) => ModelConfig::read(&folder.join("config.json"))?.trained_on,
            None => TrainedOn::default(),
        };
        config.towers.check(&model_config.vision).map_err(refuse)?;
        let side_px = config.tile_px.unwrap_or(model_config.tile_px);
        let shape = FeedConfig { batch: config.batch, phrases: config.phrases, side_px };
        let feed = Feed::open(&config.data, shape)?;
        let horizon = config.horizon(feed.steps_per_epoch()).map_err(refuse)?;
        let tokenizer_file = tokenizer_file(&config, &request.recipe)?;
        let tokenizer = PromptTokenizer::from_file(&tokenizer_file, model_config.max_tokens)?;

        B::seed(&device, config.seed);
        let checkpoints = CheckpointFolder::new(&config.output);
        let state = RunState::open(&config, &model_config, &checkpoints, &device)?;
        std::fs::create_dir_all(&config.output).map_err(|source| ModelError::Io {
            action: "create",
            path: config.output.clone(),
            source,
        })?;
        let towers = config.towers;
        let frozen_text = (towers.text_rate == 0.0).then(|| state.model.text.valid());
        let trainer = Self {
            side_px,
            feed,
            phrases: PhraseReader::new(frozen_text, tokenizer, device.clone()),
            frozen_vision: (towers.vision_rate == 0.0).then(|| state.model.vision.valid()),
            tokenizer: tokenizer_file,
            checkpoints,
            log: RunLog::open(&config.output, state.progress.step)?,
            announcer: Announcer::new(request.talk, state.progress.step, horizon.steps),
            stop: request.stop_at.unwrap_or(usize::MAX).min(horizon.steps),
            interrupt: request.interrupt.clone(),
            horizon,
            model_config,
            config,
            device,
        };
        Ok((trainer, state))
    }

    fn run<A: Differentiating<B>>(mut self, mut state: RunState<B, A>) -> Result<TrainOutcome, ModelError> {
        let steps = self.horizon.steps;
        let batches = self.feed.training(state.progress.step, self.stop);
        let mut changed = false;
        loop {
            let step = state.progress.step;
            if self.is_due(step, self.horizon.validate_every) && state.progress.validated != step {
                changed |= self.validate_and_keep(&mut state)?;
            }
            let interrupted = self.interrupted();
            let ends = step >= self.stop || interrupted;
            if changed && (ends || step.is_multiple_of(self.horizon.checkpoint_every)) {
                state.write(&self.checkpoints)?;
            }
            if ends {
                self.announcer.finish();
                return Ok(TrainOutcome { step, steps, interrupted: interrupted && step < self.stop });
            }
            let Ok(batch) = batches.recv() else {
                let reason = format!("the thread that draws batches ended at step {step} of {}", self.stop);
                return Err(ModelError::Device(reason));
            };
            state = self.step(state, batch?)?;
            changed = true;
        }
    }

    fn is_due(&self, step: usize, every: usize) -> bool {
        step > 0 && (step == self.horizon.steps || step.is_multiple_of(every))
    }

    pub(super) fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// One step of the optimizer.
    fn step<A: Differentiating<B>>(
        &mut self,
        state: RunState<B, A>,
        batch: Batch,
    ) -> Result<RunState<B, A>, ModelError> {
        let started = Instant::now();
        let step = state.progress.step;
        let asked = batch.phrases.len() as f64;
        let workers = self.config.workers;
        let parts = batch.split(workers * self.config.accumulate);
        let share = 1.0 / parts.len() as f64;
        let mut sum = GradientsAccumulator::new();
        let mut losses: Vec<StepLoss> = Vec::with_capacity(parts.len());
        for side_by_side in parts.chunks(workers) {
            let prepared: Vec<_> = side_by_side.iter().map(|part| self.prepare(part)).collect::<Result<_, _>>()?;
            let step_config = StepConfig {
                frozen_vision: self.frozen_vision.as_ref(),
                loss: &self.config.loss,
                with_uncertainty: step >= self.horizon.uncertainty_warm_up,
                seed: self.config.seed,
                step,
                share,
            };
            let measured = gradients(&state.model, &prepared, losses.len(), &step_config, &mut sum)?;
            losses.extend(measured);
        }
        let gradients = sum.grads();
        let norm = state.optimizer.norm(&state.model, &gradients)?;
        let loss = losses.iter().map(|part| part.total * share).sum::<f64>();
        if !loss.is_finite() || !norm.is_finite() {
            return Err(self.broken(step, &parts, &losses, norm));
        }
        let rate = self.config.schedule.at(step, self.horizon.steps);
        let mut state = state.advance(rate, gradients, norm, self.config.average);

        let seconds = started.elapsed().as_secs_f64();
        let progress = &mut state.progress;
        progress.seconds += seconds;
        let smooth = progress.loss.map_or(loss, |before| 0.98 * before + 0.02 * loss);
        progress.loss = Some(smooth);
        self.announcer.step(progress.step, smooth, asked / seconds);
        if progress.step.is_multiple_of(20) {
            let uncertainty = losses.iter().map(|part| part.uncertainty * share).sum();
            let record = StepRecord { step: progress.step, loss: smooth, uncertainty, gradient: norm, rate, seconds };
            self.log.step(&record)?;
        }
        Ok(state)
    }

    /// Saves the batch that broke the loss, and says so.
    fn broken(&self, step: usize, parts: &[Batch], losses: &[StepLoss], norm: f64) -> ModelError {
        let losses: Vec<f64> = losses.iter().map(|part| part.total).collect();
        let what = match losses.iter().find(|loss| !loss.is_finite()) {
            Some(loss) => format!("the loss became {loss}"),
            None => format!("the norm of the gradient became {norm}"),
        };
        match bad_batch::save(&self.config.output, step, parts, &losses) {
            Ok(folder) => ModelError::Diverged { step, what, folder },
            Err(error) => error,
        }
    }

    /// Puts a batch on the device and reads its phrases.
    pub(super) fn prepare(&mut self, batch: &Batch) -> Result<Prepared<B>, ModelError> {
        let phrases: Vec<&str> = batch.phrases.iter().map(String::as_str).collect();
        let (language, ignored) = self.phrases.read(&phrases)?;
        let (images, truth) = (batch.image_tensor(&self.device), batch.mask_tensor(&self.device));
        let scored = batch.scored_tensor(&self.device);
        Ok(Prepared { images, language, ignored, truth, scored })
    }

    /// Scores the average, keeps what it is worth, and draws the plot; false when it was interrupted.
    fn validate_and_keep<A: Differentiating<B>>(&mut self, state: &mut RunState<B, A>) -> Result<bool, ModelError> {
        let Some((score, fitter)) = self.validate(&state.average)? else {
            return Ok(false);
        };
        let progress = &mut state.progress;
        progress.validated = progress.step;
        self.log.validation(progress.step, &score)?;
        self.announcer.note(&format!("step {}: {score}", progress.step));
        // A first validation is kept even at 0, so that a run never ends without weights.
        let best = score.miou > progress.best || !self.config.output.join("model").is_dir();
        if best {
            progress.best = score.miou;
        }
        let step = progress.step;
        self.keep(step, &state.average, &fitter, best)?;
        plot::replace(&self.config.output, &self.log.lines()?)?;
        Ok(true)
    }
}
