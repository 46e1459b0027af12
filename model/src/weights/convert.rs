//! Weights of other programs, rewritten once in the names and layout of ours.
//!
//! PyTorch files are read without running the program that a pickle is: a file can bring data in and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::dialect::{Dialect, Part, detect};
use super::key_map;
use super::raw::RawFile;
use super::tensor_file::{Precision, StoredTensor, TensorFile, write_file};
use super::towers::{bert_shapes, convnext_name, convnext_shapes, convnext_size, differs};
use crate::error::ModelError;
use crate::text::{BertConfig, PromptTokenizer};
use crate::vision::block::InvertedResidualConfig;
use crate::vision::{ConvNextConfig, VisionConfig};

/// Metadata key of a tower's configuration.
pub const CONFIG_KEY: &str = "config";
/// Epsilon of EfficientNet-Lite's batch norm.
const BATCH_NORM_EPSILON: f32 = 1e-3;

/// Files of pre-trained towers as they were fetched.
#[derive(Clone, Debug)]
pub struct PretrainedSources {
    /// Weights of the vision tower, `.pth` or `.safetensors`.
    pub vision: PathBuf,
    /// What the vision tower is.
    pub vision_config: VisionConfig,
    /// Folder of the text encoder as Hugging Face writes it: `config.json`, `tokenizer.json`, and `model.safetensors`
    /// or `pytorch_model.bin`.
    pub text: PathBuf,
}

/// Writes `vision.safetensors`, `text.safetensors` and `tokenizer.json` into `out`.
///
/// # Errors
/// A source that is missing, damaged or of another architecture; a file that cannot be written.
pub fn convert_pretrained(sources: &PretrainedSources, out: &Path) -> Result<(), ModelError> {
    let vision = convert_vision(&sources.vision, &sources.vision_config)?;
    let text = convert_text(&sources.text)?;
    let tokenizer_source = sources.text.join("tokenizer.json");
    let tokenizer = PromptTokenizer::from_file(&tokenizer_source, usize::MAX)?;
    let [vocabulary, _] = text.tensors["word.weight"].shape[..] else {
        return Err(refuse(&sources.text, "its word embeddings are not a matrix".to_owned()));
    };
    if tokenizer.vocabulary() != vocabulary {
        return Err(refuse(
            &tokenizer_source,
            format!("has {} words, the model {vocabulary}: they do not belong together", tokenizer.vocabulary()),
        ));
    }
    std::fs::create_dir_all(out).map_err(|source| io("create", out, source))?;
    vision.write(&out.join("vision.safetensors"), Precision::Exact)?;
    text.write(&out.join("text.safetensors"), Precision::Exact)?;
    let bytes = std::fs::read(&tokenizer_source).map_err(|source| io("read", &tokenizer_source, source))?;
    write_file(&out.join("tokenizer.json"), &bytes)
}

/// A vision tower under our names; EfficientNet-Lite with its batch norms folded in.
///
/// # Errors
/// A file that cannot be read, or one that is not of the configured tower.
pub fn convert_vision(path: &Path, config: &VisionConfig) -> Result<TensorFile, ModelError> {
    let (dialect, foreign) = read_foreign(path, Part::Vision)?;
    let tensors = match (config, dialect) {
        (VisionConfig::EfficientnetLite(config), Dialect::EfficientnetLite) => {
            fold_efficientnet_lite(&foreign, &config.blocks())
        }
        (
            VisionConfig::Convnext(config),
            Dialect::ConvnextFacebook | Dialect::ConvnextTimm | Dialect::ConvnextTorchvision,
        ) => key_map::rename(foreign, key_map::convnext)
            .and_then(|(tensors, left_out)| complete_convnext(tensors, &left_out, config)),
        (_, found) => Err(format!("is another tower: {found}")),
    }
    .map_err(|reason| refuse(path, reason))?;
    let config = serde_json::to_string(config).map_err(|cause| refuse(path, cause.to_string()))?;
    Ok(TensorFile { tensors, metadata: BTreeMap::from([(CONFIG_KEY.to_owned(), config)]) })
}

/// A BERT encoder under our names; its [`BertConfig`] as JSON in the metadata under [`CONFIG_KEY`].
///
/// # Errors
/// A folder without the files of a BERT, or of another architecture.
pub fn convert_text(folder: &Path) -> Result<TensorFile, ModelError> {
    let config_path = folder.join("config.json");
    let config = std::fs::read_to_string(&config_path).map_err(|source| io("read", &config_path, source))?;
    let config: ForeignBertConfig =
        serde_json::from_str(&config).map_err(|cause| refuse(&config_path, cause.to_string()))?;
    if config.hidden_act != "gelu" {
        return Err(refuse(&config_path, format!("uses {}; only gelu is built in", config.hidden_act)));
    }
    let safetensors = folder.join("model.safetensors");
    let path = if safetensors.exists() { safetensors } else { folder.join("pytorch_model.bin") };
    let (dialect, foreign) = read_foreign(&path, Part::Text)?;
    if dialect != Dialect::Bert {
        return Err(refuse(&path, format!("is another tower: {dialect}")));
    }
    let (tensors, _) = key_map::rename(foreign, key_map::bert).map_err(|reason| refuse(&path, reason))?;
    let config = config.into_ours();
    if let Some(difference) = differs(&tensors, &bert_shapes(&config)) {
        return Err(refuse(&path, format!("does not fit the config.json beside it: it {difference}")));
    }
    let config = serde_json::to_string(&config).map_err(|cause| refuse(&path, cause.to_string()))?;
    Ok(TensorFile { tensors, metadata: BTreeMap::from([(CONFIG_KEY.to_owned(), config)]) })
}

/// The part of Hugging Face's `config.json` that says how large a BERT is.
#[derive(Deserialize)]
struct ForeignBertConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    hidden_act: String,
}

impl ForeignBertConfig {
    fn into_ours(self) -> BertConfig {
        BertConfig {
            vocabulary: self.vocab_size,
            width: self.hidden_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            intermediate: self.intermediate_size,
            max_positions: self.max_position_embeddings,
        }
    }
}

/// Float tensors of a `.safetensors` file, or else of a PyTorch file, out of their wrapper, and whose names they have.
fn read_foreign(path: &Path, part: Part) -> Result<(Dialect, BTreeMap<String, StoredTensor>), ModelError> {
    let file = RawFile::read(path)?;
    let names = || file.tensors.keys().map(String::as_str);
    let Some(found) = detect(names(), Some(part)) else {
        let what = match (part, detect(names(), None)) {
            (_, Some(other)) => format!("is another tower: {}", other.dialect),
            (Part::Text, None) => "has no word embeddings: it is not a BERT".to_owned(),
            (_, None) => "is neither a ConvNeXt nor an EfficientNet-Lite, in any dialect that is known".to_owned(),
        };
        return Err(refuse(path, what));
    };
    let tensors = file.into_finite(&found.wrapper).map_err(|reason| refuse(path, reason))?;
    Ok((found.dialect, tensors))
}

/// A ConvNeXt of the configured size, with the output norms that a classifier's file lacks: they start as no change of
/// scale and no shift.
fn complete_convnext(
    mut tensors: BTreeMap<String, StoredTensor>,
    left_out: &[String],
    config: &ConvNextConfig,
) -> Result<BTreeMap<String, StoredTensor>, String> {
    let inner = |name: &&String| {
        ["stages.", "downsample_layers.", "stem.", "features."].iter().any(|part| name.starts_with(part))
    };
    if let Some(name) = left_out.iter().find(inner) {
        return Err(format!("has the tensor {name}, which no ConvNeXt has: it may be a ConvNeXt V2"));
    }
    let shapes = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice()));
    let size = convnext_size(shapes).ok_or("is a ConvNeXt that lacks a stage")?;
    if size != *config {
        return Err(format!("is a {}, not the {} that was asked for", convnext_name(&size), convnext_name(config)));
    }
    for (stage, channels) in config.channels.into_iter().enumerate() {
        for (field, value) in [("gamma", 1.0), ("beta", 0.0)] {
            tensors
                .entry(format!("norms.{stage}.{field}"))
                .or_insert_with(|| StoredTensor::new(vec![channels], vec![value; channels]));
        }
    }
    match differs(&tensors, &convnext_shapes(config)) {
        Some(difference) => Err(difference),
        None => Ok(tensors),
    }
}

/// Convolutions of an EfficientNet-Lite, each with the batch norm after it folded in, under our names.
///
/// # Errors
/// A tensor that is missing or has another number of channels, or one that belongs to no block; the reason alone.
pub fn fold_efficientnet_lite(
    foreign: &BTreeMap<String, StoredTensor>,
    blocks: &[InvertedResidualConfig],
) -> Result<BTreeMap<String, StoredTensor>, String> {
    let mut pairs = vec![("_conv_stem".to_owned(), "_bn0".to_owned(), "stem".to_owned())];
    for (index, block) in blocks.iter().enumerate() {
        let parts: &[_] = &[
            ("_expand_conv", "_bn0", "expand"),
            ("_depthwise_conv", "_bn1", "depthwise"),
            ("_project_conv", "_bn2", "project"),
        ];
        for (conv, norm, ours) in &parts[usize::from(block.expansion == 1)..] {
            pairs.push((
                format!("_blocks.{index}.{conv}"),
                format!("_blocks.{index}.{norm}"),
                format!("blocks.{index}.{ours}"),
            ));
        }
    }
    let mut used = BTreeSet::new();
    let mut folded = BTreeMap::new();
    for (conv, norm, ours) in pairs {
        let mut take = |name: String| {
            let tensor = foreign
                .get(&name)
                .ok_or_else(|| format!("has no tensor {name}: it is another architecture or variant"));
            used.insert(name);
            tensor
        };
        let weight = take(format!("{conv}.weight"))?;
        let [gamma, beta, mean, variance] = [
            take(format!("{norm}.weight"))?,
            take(format!("{norm}.bias"))?,
            take(format!("{norm}.running_mean"))?,
            take(format!("{norm}.running_var"))?,
        ];
        let (weight, bias) = fold(weight, [gamma, beta, mean, variance])
            .ok_or_else(|| format!("{conv} and {norm} have different numbers of channels"))?;
        folded.insert(format!("{ours}.weight"), weight);
        folded.insert(format!("{ours}.bias"), bias);
    }
    let classifier = |name: &str| ["_conv_head.", "_bn1.", "_fc."].iter().any(|part| name.starts_with(part));
    match foreign.keys().find(|name| !used.contains(*name) && !classifier(name)) {
        Some(name) => {
            Err(format!("has the tensor {name}, which this EfficientNet-Lite has not: it is another variant"))
        }
        None => Ok(folded),
    }
}

/// The weight and bias of a convolution that does what the convolution and its frozen batch norm did. In f64, so that
/// each value is rounded once.
fn fold(weight: &StoredTensor, norm: [&StoredTensor; 4]) -> Option<(StoredTensor, StoredTensor)> {
    let channels = *weight.shape.first()?;
    if norm.iter().any(|tensor| tensor.values.len() != channels) {
        return None;
    }
    let [gamma, beta, mean, variance] = norm.map(|tensor| &tensor.values);
    let scales: Vec<f64> = (0..channels)
        .map(|at| f64::from(gamma[at]) / (f64::from(variance[at]) + f64::from(BATCH_NORM_EPSILON)).sqrt())
        .collect();
    let per_channel = weight.values.len() / channels.max(1);
    let values = weight
        .values
        .iter()
        .enumerate()
        .map(|(at, value)| (f64::from(*value) * scales[at / per_channel]) as f32)
        .collect();
    let bias = (0..channels).map(|at| (f64::from(beta[at]) - f64::from(mean[at]) * scales[at]) as f32).collect();
    Some((StoredTensor::new(weight.shape.clone(), values), StoredTensor::new(vec![channels], bias)))
}

fn refuse(path: &Path, reason: String) -> ModelError {
    ModelError::Config { path: path.to_path_buf(), reason }
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Io { action, path: path.to_path_buf(), source }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
