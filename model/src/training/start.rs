//! What a run starts from: pre-trained towers or a model folder, and the state of an earlier sitting.

use std::path::Path;

use burn::module::{AutodiffModule, Module};

use super::checkpoint::{self, CheckpointFolder, Progress};
use super::config::TrainingConfig;
use super::optimizer::{GroupedAdamW, OptimizerConfig};
use super::parameters::TrainingPlan;
use super::step::Differentiating;
use crate::config::ModelConfig;
use crate::crobim_u::CrobimU;
use crate::error::ModelError;
use crate::ops::ModelBackend;
use crate::store;

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
        let newest = checkpoints.newest()?;
        let mut stored = Towers { vision: config.towers.vision_rate > 0.0, text: config.towers.text_rate > 0.0 };
        if let Some((state, _)) = &newest {
            model.decoder = checkpoint::load_module::<A, _>(model.decoder, state, "decoder", device)?;
            if checkpoint::holds(state, "vision") {
                model.vision = checkpoint::load_module::<A, _>(model.vision, state, "vision", device)?;
                stored.vision = true;
            }
            if checkpoint::holds(state, "text") {
                model.text = checkpoint::load_module::<A, _>(model.text, state, "text", device)?;
                stored.text = true;
            }
        }
        let model = plan.freeze(model);
        let mut average = model.valid();
        let mut optimizer = GroupedAdamW::new(
            &plan.trained(&model),
            OptimizerConfig { weight_decay: config.weight_decay, clip: config.clip },
        );
        let mut progress = Progress::default();
        if let Some((state, reached)) = newest {
            average.decoder = checkpoint::load_module::<B, _>(average.decoder, &state, "average", device)?;
            if checkpoint::holds(&state, "average_vision") {
                average.vision = checkpoint::load_module::<B, _>(average.vision, &state, "average_vision", device)?;
            }
            if checkpoint::holds(&state, "average_text") {
                average.text = checkpoint::load_module::<B, _>(average.text, &state, "average_text", device)?;
            }
            optimizer = optimizer.load_record(&checkpoint::load::<A, _>(&state, "optimizer", device)?);
            progress = reached;
        }
        Ok(Self { model, average, optimizer, progress, stored })
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
