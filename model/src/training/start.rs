//! What a run starts from: pre-trained towers or a model folder, and the state of an earlier sitting.

use std::path::Path;

use burn::module::{AutodiffModule, Module};
use burn::optim::GradientsParams;
use burn::tensor::backend::Backend;

use super::average::follow;
use super::checkpoint::{self, CheckpointFolder, Progress, TowerHash, TowerHashes};
use super::config::TrainingConfig;
use super::optimizer::{GroupedAdamW, OptimizerConfig};
use super::parameters::TrainingPlan;
use super::step::Differentiating;
use crate::config::ModelConfig;
use crate::crobim_u::CrobimU;
use crate::error::ModelError;
use crate::ops::ModelBackend;
use crate::store;
use crate::weights::tensors_of;

/// Everything that a step changes.
pub(crate) struct RunState<B: ModelBackend, A: Differentiating<B>> {
    pub(crate) model: CrobimU<A>,
    /// The running average of the weights; what is not trained is the model's.
    pub(crate) average: CrobimU<B>,
    pub(crate) optimizer: GroupedAdamW<CrobimU<A>, A>,
    pub(crate) progress: Progress,
    /// Towers that are not as their file has them, so that a checkpoint must hold them.
    stored: Towers,
}

/// A yes or no for each tower.
#[derive(Clone, Copy, Debug)]
struct Towers {
    vision: bool,
    text: bool,
}

impl<B: ModelBackend, A: Differentiating<B>> RunState<B, A> {
    /// The state in `checkpoints`, or a fresh one where there is none.
    pub(crate) fn open(
        config: &TrainingConfig,
        model_config: &ModelConfig,
        checkpoints: &CheckpointFolder,
        device: &A::Device,
    ) -> Result<Self, ModelError> {
        let plan = TrainingPlan { towers: config.towers, vision: model_config.vision };
        let mut model = sources::<A>(config, model_config, device)?;
        let towers = TowerHashes { vision: hash(&model.vision)?, text: hash(&model.text)? };
        let newest = checkpoints.newest()?;
        let mut stored = Towers { vision: config.towers.vision_rate > 0.0, text: config.towers.text_rate > 0.0 };
        if let Some((state, reached)) = &newest {
            model.decoder = checkpoint::load_module::<A, _>(model.decoder, state, "decoder", device)?;
            if checkpoint::holds(state, "vision") {
                model.vision = checkpoint::load_module::<A, _>(model.vision, state, "vision", device)?;
                stored.vision = true;
            }
            if checkpoint::holds(state, "text") {
                model.text = checkpoint::load_module::<A, _>(model.text, state, "text", device)?;
                stored.text = true;
            }
            let known = reached.towers.unwrap_or(towers);
            for (name, same) in [("vision", known.vision == towers.vision), ("text", known.text == towers.text)] {
                if !same && !checkpoint::holds(state, name) {
                    return Err(ModelError::Data {
                        path: state.clone(),
                        reason: format!(
                            "the run began with another {name} tower than the recipe names now: give it that one, or \
                             begin anew in another output folder"
                        ),
                    });
                }
            }
        }
        if config.towers.vision_rate > 0.0 {
            model.vision = model.vision.with_drop_path(config.towers.drop_path);
        }
        let model = plan.freeze(model);
        let mut average = model.valid();
        let mut optimizer = GroupedAdamW::new(
            &plan.trained(&model),
            OptimizerConfig { weight_decay: config.weight_decay, clip: config.clip, clip_over: config.clip_over },
        );
        let mut progress = Progress { towers: Some(towers), ..Progress::default() };
        if let Some((state, reached)) = newest {
            average.decoder = checkpoint::load_module::<B, _>(average.decoder, &state, "average", device)?;
            if checkpoint::holds(&state, "average_vision") {
                average.vision = checkpoint::load_module::<B, _>(average.vision, &state, "average_vision", device)?;
            }
            if checkpoint::holds(&state, "average_text") {
                average.text = checkpoint::load_module::<B, _>(average.text, &state, "average_text", device)?;
            }
            optimizer = optimizer.load_record(&checkpoint::load::<A, _>(&state, "optimizer", device)?);
            progress = Progress { towers: reached.towers.or(Some(towers)), ..reached };
        }
        Ok(Self { model, average, optimizer, progress, stored })
    }

    /// A step along the gradients, with the average behind it.
    pub(crate) fn advance(mut self, rate: f64, gradients: GradientsParams, norm: f64, average: f64) -> Self {
        self.model = self.optimizer.step(rate, self.model, gradients, norm);
        self.progress.step += 1;
        // Early averages would remember noise, so the decay grows with the number of steps.
        let done = self.progress.step as f64;
        let decay = average.min((1.0 + done) / (10.0 + done));
        self.average = follow::<B, A, _>(self.average, &self.model, decay);
        self
    }

    /// Writes a checkpoint; a tower that is as its file has it is left out.
    pub(crate) fn write(&self, checkpoints: &CheckpointFolder) -> Result<(), ModelError> {
        let Self { model, average, optimizer, progress, stored } = self;
        checkpoints.replace(progress, |folder| {
            checkpoint::save::<A, _>(folder, "decoder", model.decoder.clone().into_record())?;
            checkpoint::save::<B, _>(folder, "average", average.decoder.clone().into_record())?;
            if stored.vision {
                checkpoint::save::<A, _>(folder, "vision", model.vision.clone().into_record())?;
                checkpoint::save::<B, _>(folder, "average_vision", average.vision.clone().into_record())?;
            }
            if stored.text {
                checkpoint::save::<A, _>(folder, "text", model.text.clone().into_record())?;
                checkpoint::save::<B, _>(folder, "average_text", average.text.clone().into_record())?;
            }
            checkpoint::save::<A, _>(folder, "optimizer", optimizer.to_record())
        })
    }
}

/// The model of the recipe with the weights that it names.
fn sources<A: ModelBackend>(
    config: &TrainingConfig,
    model_config: &ModelConfig,
    device: &A::Device,
) -> Result<CrobimU<A>, ModelError> {
    let mut model = model_config.init::<A>(device);
    if let Some(folder) = &config.init {
        return store::read_weights(model, folder);
    }
    if let Some(towers) = &config.pretrained {
        model.vision = store::read_tower::<A, _>(model.vision, &towers.vision)?;
        model.text = store::read_tower::<A, _>(model.text, &towers.text)?;
    }
    Ok(model)
}

/// A hash of the values of a module's parameters.
fn hash<B: Backend, M: Module<B>>(module: &M) -> Result<TowerHash, ModelError> {
    let mut hasher = blake3::Hasher::new();
    for (name, tensor) in tensors_of::<B, M>(module)? {
        hasher.update(name.as_bytes());
        for value in &tensor.values {
            hasher.update(&value.to_le_bytes());
        }
    }
    let bytes = hasher.finalize();
    Ok(TowerHash::from_le_bytes(bytes.as_bytes()[..8].try_into().expect("a hash has 32 bytes")))
}

/// Where the tokenizer lies.
pub(crate) fn tokenizer_file(config: &TrainingConfig, recipe: &Path) -> Result<std::path::PathBuf, ModelError> {
    match (&config.init, &config.pretrained) {
        (Some(folder), _) => Ok(folder.join("tokenizer.json")),
        (None, Some(pretrained)) => Ok(pretrained.tokenizer.clone()),
        (None, None) => Err(ModelError::Config {
            path: recipe.to_owned(),
            reason: "names neither [pretrained] towers nor a model folder to start from (init)".into(),
        }),
    }
}
