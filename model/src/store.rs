//! Whole models on disk: a model folder to a CroBIM-U and back.

use std::path::Path;

use burn::module::Module;
use burn::tensor::backend::Backend;

use crate::config::ModelConfig;
use crate::crobim_u::CrobimU;
use crate::device::{DeviceChoice, ResolvedDevice};
use crate::error::ModelError;
use crate::text::PromptTokenizer;
use crate::weights::{
    FitTarget, LoadReport, ModelFolder, ModelParts, Precision, TensorFile, is_of_place_prior, load_into, shapes_of,
    tensors_of,
};

/// A model as it lies in a folder, ready to run.
pub(crate) struct StoredModel<B: Backend> {
    pub(crate) config: ModelConfig,
    pub(crate) model: CrobimU<B>,
    pub(crate) tokenizer: PromptTokenizer,
    /// Hash over the folder's files.
    pub(crate) hash: String,
}

/// The model in `folder`, strict about every tensor.
pub(crate) fn read_model<B: Backend>(folder: &Path, device: &B::Device) -> Result<StoredModel<B>, ModelError> {
    let stored = ModelFolder::open(folder)?;
    let refuse = |reason: String| ModelError::ModelFolder { folder: folder.to_owned(), reason };
    let config =
        ModelConfig::parse(&stored.config_json()?).map_err(|reason| refuse(format!("config.json: {reason}")))?;
    let (model, report) = load_into(config.init::<B>(device), &stored.tensors()?.tensors);
    complete(&report).map_err(|reason| refuse(format!("model.safetensors does not fit config.json: {reason}")))?;
    let tokenizer = stored.tokenizer(config.max_tokens)?;
    if tokenizer.vocabulary() != config.text.vocabulary {
        let (found, expected) = (tokenizer.vocabulary(), config.text.vocabulary);
        return Err(refuse(format!("tokenizer.json has {found} words, the text tower {expected}")));
    }
    Ok(StoredModel { config, model, tokenizer, hash: stored.hash()? })
}

/// `model` with the weights of `folder`, whose own sizes must be the same.
///
/// A place prior that the folder's model does not have starts fresh, which changes no answer.
pub(crate) fn read_weights<B: Backend>(model: CrobimU<B>, folder: &Path) -> Result<CrobimU<B>, ModelError> {
    let stored = ModelFolder::open(folder)?;
    let (model, mut report) = load_into(model, &stored.tensors()?.tensors);
    if ModelConfig::parse(&stored.config_json()?).is_ok_and(|config| !config.decoder.place_prior) {
        report.missing.retain(|name| !is_of_place_prior(name));
    }
    complete(&report).map_err(|reason| ModelError::ModelFolder {
        folder: folder.to_owned(),
        reason: format!("model.safetensors does not fit the model of the recipe: {reason}"),
    })?;
    Ok(model)
}

/// Writes a model folder; `tokenizer` and `card` are the contents of its two texts.
pub(crate) fn write_model<B: Backend>(
    folder: &Path,
    config: &ModelConfig,
    model: &CrobimU<B>,
    tokenizer: &[u8],
    card: &str,
) -> Result<(), ModelError> {
    let tensors = TensorFile { tensors: tensors_of::<B, _>(model)?, ..TensorFile::default() };
    let config_json = serde_json::to_string_pretty(config).expect("a configuration is always JSON");
    let parts = ModelParts {
        config_json: &config_json,
        tensors: &tensors,
        precision: Precision::Compact,
        tokenizer_json: tokenizer,
        card,
    };
    ModelFolder::write(folder, &parts).map(drop)
}

/// `module` with the weights of a file that holds just this module.
pub(crate) fn read_tower<B: Backend, M: Module<B>>(module: M, file: &Path) -> Result<M, ModelError> {
    let (module, report) = load_into(module, &TensorFile::read(file)?.tensors);
    complete(&report).map_err(|reason| ModelError::Config { path: file.to_owned(), reason })?;
    Ok(module)
}

fn complete(report: &LoadReport) -> Result<(), String> {
    if report.is_complete() { Ok(()) } else { Err(report.to_string()) }
}

impl FitTarget {
    /// The parameters that a model of this configuration has; none of them is made.
    ///
    /// # Errors
    /// [`ModelError::DeviceAbsent`] in a build that can use no device of this machine.
    pub fn of(config: &ModelConfig) -> Result<Self, ModelError> {
        // The processor where the build has it: shapes are the same everywhere.
        let shapes = match DeviceChoice::Cpu.resolve().or_else(|_| DeviceChoice::Auto.resolve())? {
            #[cfg(feature = "cpu")]
            ResolvedDevice::Cpu(device) => shapes_of(&config.init::<crate::device::Cpu>(&device)),
            #[cfg(feature = "cuda")]
            ResolvedDevice::Cuda(device) => shapes_of(&config.init::<crate::device::Cuda>(&device)),
        };
        Ok(Self { name: config.name.clone(), shapes })
    }
}
