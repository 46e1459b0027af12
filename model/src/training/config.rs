//! The TOML file behind `geophrase train --config FILE`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ClipOver, LossConfig, RecordsConfig, ScheduleConfig, Span, TowersConfig};
use crate::config::ModelConfig;
use crate::error::ModelError;
use crate::synthetic::Meaning;

/// A training recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Folder of the run: `state/` to resume from, `model/` with the best weights, `log.jsonl`.
    pub output: PathBuf,
    /// `small`, `base`, or the path of a `config.json`.
    pub model: String,
    /// Where the towers start; the decoder starts at random.
    #[serde(default)]
    pub pretrained: Option<PretrainedConfig>,
    /// A model folder whose weights, towers and decoder, the run starts from instead.
    #[serde(default)]
    pub init: Option<PathBuf>,
    /// How the towers are trained.
    #[serde(default)]
    pub towers: TowersConfig,
    /// What the samples are.
    pub data: DataConfig,
    /// Optimizer steps; either this or `epochs`.
    #[serde(default)]
    pub steps: Option<Span>,
    /// Passes over the training records.
    #[serde(default)]
    pub epochs: Option<usize>,
    /// Images of one step.
    pub batch: usize,
    /// Phrases asked of each image; the image is encoded once for all of them.
    pub phrases: usize,
    /// Parts of a batch that are worked on side by side.
    #[serde(default = "one")]
    pub workers: usize,
    /// Rounds that the workers take for a batch, for a memory that does not hold it at once; `workers * accumulate`
    /// must divide `batch`.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Computes cheap intermediate results again in the backward pass instead of keeping them.
    #[serde(default)]
    pub checkpointing: bool,
    /// Side of the training tiles; the model's own when absent.
    #[serde(default)]
    pub tile_px: Option<usize>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Learning rate.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// AdamW's decoupled weight decay.
    #[serde(default = "default_weight_decay")]
    pub weight_decay: f32,
    /// Upper bound of the gradient's norm; 0 for none.
    #[serde(default = "default_clip")]
    pub clip: f32,
    /// What that norm is taken over.
    #[serde(default)]
    pub clip_over: ClipOver,
    /// Decay of the running average of the weights, which is what is validated and kept.
    #[serde(default = "default_average")]
    pub average: f64,
    /// Loss weights.
    #[serde(default)]
    pub loss: LossConfig,
    /// Steps before the uncertainty loss sets in (the paper's "short warm-up").
    pub uncertainty_warm_up: Span,
    /// Steps between checkpoints.
    pub checkpoint_every: Span,
    /// Steps between validations.
    pub validate_every: Span,
    /// Tiles of a validation, one phrase each.
    pub validation_tiles: usize,
    /// Fits the calibration on the validation tiles; otherwise that of the model's configuration stays, which is right
    /// where there are too few of them.
    #[serde(default = "yes")]
    pub calibrate: bool,
}

/// The stretches of a recipe in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Horizon {
    pub(crate) steps: usize,
    pub(crate) uncertainty_warm_up: usize,
    pub(crate) checkpoint_every: usize,
    pub(crate) validate_every: usize,
}

/// Converted weights of the two towers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedConfig {
    /// Vision tower.
    pub vision: PathBuf,
    /// Text tower.
    pub text: PathBuf,
    /// Its `tokenizer.json`.
    pub tokenizer: PathBuf,
}

/// What the samples are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataConfig {
    /// Scenes drawn on the fly by the scene generator.
    Synthetic {
        /// Seed of the training worlds.
        seed: u64,
        /// Seed of the validation worlds; must differ.
        validation_seed: u64,
        /// Phrases to be asked more often than the grammar says them; validation is not touched.
        #[serde(default)]
        emphasis: Vec<Emphasis>,
    },
    /// Labelled imagery with phrases made on the fly, among generated scenes.
    Mixed {
        /// Seed of the training samples.
        seed: u64,
        /// Seed of the validation phrases.
        validation_seed: u64,
        /// Share of training samples that are generated; validation is on imagery alone.
        generated_share: f64,
        /// As for generated scenes alone, for those among the samples.
        #[serde(default)]
        emphasis: Vec<Emphasis>,
        /// The imagery.
        imagery: ImageryConfig,
    },
    /// Referring records on disk.
    Records(RecordsConfig),
}

impl DataConfig {
    /// What makes the data unfit for training, if anything does.
    fn problem(&self) -> Option<String> {
        match self {
            Self::Synthetic { seed, validation_seed, .. } | Self::Mixed { seed, validation_seed, .. }
                if seed == validation_seed =>
            {
                Some("the validation seed is the training seed".into())
            }
            Self::Mixed { generated_share, .. } if !(0.0..=1.0).contains(generated_share) => {
                Some(format!("generated_share {generated_share} is no share: 0 to 1"))
            }
            Self::Mixed { imagery, .. } if !(0.0..=1.0).contains(&imagery.joined_share) => {
                Some(format!("joined_share {} is no share: 0 to 1", imagery.joined_share))
            }
            Self::Mixed { imagery, .. } if !(0.0..=1.0).contains(&imagery.contrast_share) => {
                Some(format!("contrast_share {} is no share: 0 to 1", imagery.contrast_share))
            }
            Self::Synthetic { .. } | Self::Mixed { .. } => None,
            Self::Records(records) => records.problem(),
        }
    }
}

/// Labelled pictures to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageryConfig {
    /// COCO instances of the training pictures.
    pub train: PathBuf,
    /// COCO instances of the validation pictures: other places.
    pub validation: PathBuf,
    /// The folder that their file names are relative to.
    pub images: PathBuf,
    /// Phrases that people wrote about pictures of the training set.
    #[serde(default)]
    pub written: Option<PathBuf>,
    /// Leaves out pictures that are not marked as publishable.
    #[serde(default)]
    pub publishable_only: bool,
    /// Share of the samples that show pieces of four pictures side by side.
    #[serde(default)]
    pub joined_share: f64,
    /// Share of the samples without written phrases that are asked for opposites: "on the left" beside "on the right".
    #[serde(default)]
    pub contrast_share: f64,
    /// How much more often than by the square root of its size a source is shown; 1 where it is not named.
    #[serde(default)]
    pub source_weights: BTreeMap<String, f64>,
}

/// Phrases that a run may ask more often, with a target or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emphasis {
    /// Those that name a colour.
    Colour,
    /// Those that name a relation to something else.
    Relation,
    /// Those that name a place in the frame.
    Place,
    /// Those that name a size or pick the one ahead.
    Size,
}

impl Emphasis {
    /// Whether a phrase of this meaning is one of them.
    pub(super) fn holds(self, meaning: &Meaning) -> bool {
        match self {
            Self::Colour => meaning.colour.is_some(),
            Self::Relation => meaning.relation.is_some(),
            Self::Place => meaning.place.is_some(),
            Self::Size => meaning.size.is_some() || meaning.superlative.is_some(),
        }
    }
}

fn default_weight_decay() -> f32 {
    0.01
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn default_clip() -> f32 {
    1.0
}

fn default_average() -> f64 {
    0.998
}

impl TrainingConfig {
    /// The recipe in `file`, checked; paths in it are relative to the working folder.
    ///
    /// # Errors
    /// A file that cannot be read, is not such a recipe, or asks for the impossible.
    pub fn read(file: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(file).map_err(|source| ModelError::Io {
            action: "read",
            path: file.to_owned(),
            source,
        })?;
        let refuse = |reason: String| ModelError::Config { path: file.to_owned(), reason };
        let config: Self = toml::from_str(&text).map_err(|cause| refuse(cause.message().to_owned()))?;
        if let Some(reason) = config.data.problem() {
            return Err(refuse(reason));
        }
        let intervals = [config.checkpoint_every, config.validate_every];
        if config.batch == 0 || config.phrases == 0 || intervals.iter().any(|interval| interval.is_zero()) {
            return Err(refuse("batch, phrases and intervals must be at least 1".into()));
        }
        if config.validation_tiles == 0 {
            return Err(refuse("validation_tiles must be at least 1: without a validation no weights are kept".into()));
        }
        if config.tile_px.is_some_and(|side| side == 0 || !side.is_multiple_of(32)) {
            return Err(refuse("tile_px must be a multiple of 32".into()));
        }
        let parts = config.workers * config.accumulate;
        if parts == 0 || !config.batch.is_multiple_of(parts) {
            let (workers, rounds) = (config.workers, config.accumulate);
            return Err(refuse(format!(
                "a batch of {} cannot be shared by {workers} workers in {rounds} rounds",
                config.batch
            )));
        }
        Ok(config)
    }

    /// The recipe's stretches in steps; `per_epoch` is `None` where the data never end.
    pub(crate) fn horizon(&self, per_epoch: Option<usize>) -> Result<Horizon, String> {
        let length = match (self.steps, self.epochs) {
            (Some(steps), None) => steps,
            (None, Some(epochs)) => Span::Epochs(epochs),
            _ => return Err("give either steps or epochs".into()),
        };
        let horizon = Horizon {
            steps: length.steps(per_epoch)?,
            uncertainty_warm_up: self.uncertainty_warm_up.steps(per_epoch)?,
            checkpoint_every: self.checkpoint_every.steps(per_epoch)?,
            validate_every: self.validate_every.steps(per_epoch)?,
        };
        if [horizon.steps, horizon.checkpoint_every, horizon.validate_every].contains(&0) {
            return Err("the training has no steps: too few records for one batch, or a length of 0".into());
        }
        Ok(horizon)
    }

    /// The model that the recipe trains.
    ///
    /// # Errors
    /// A model configuration that cannot be read.
    pub fn model_config(&self) -> Result<ModelConfig, ModelError> {
        match self.model.as_str() {
            "small" => Ok(ModelConfig::small()),
            "base" => Ok(ModelConfig::base()),
            path => ModelConfig::read(Path::new(path)),
        }
    }
}
