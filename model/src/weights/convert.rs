//! Weights of other programs, rewritten once in the names and layout of ours.
//!
//! PyTorch files are read without running the program that a pickle is: a file can bring data in and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::key_map;
use super::tensor_file::{Precision, StoredTensor, TensorFile, write_file};
use super::torch_file;
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
    let foreign = read_foreign(path)?;
    let tensors = match config {
        VisionConfig::EfficientnetLite(config) => fold_efficientnet_lite(&foreign, &config.blocks()),
        VisionConfig::Convnext(config) => {
            key_map::rename(foreign, key_map::convnext).and_then(|(tensors, _)| complete_convnext(tensors, config))
        }
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
    let foreign = read_foreign(&path)?;
    let (tensors, _) = key_map::rename(foreign, key_map::bert).map_err(|reason| refuse(&path, reason))?;
    if !tensors.contains_key("word.weight") {
        return Err(refuse(&path, "has no word embeddings: it is not a BERT".to_owned()));
    }
    let config = serde_json::to_string(&config.into_ours()).map_err(|cause| refuse(&path, cause.to_string()))?;
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

/// Float tensors of a `.safetensors` file, or else of a PyTorch file.
fn read_foreign(path: &Path) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        return Ok(TensorFile::read(path)?.tensors);
    }
    // The reason of the reader does not name the file, and a missing one deserves its own message.
    std::fs::metadata(path).map_err(|source| io("read", path, source))?;
    torch_file::read(path).map_err(|reason| refuse(path, reason))
}

/// A ConvNeXt of the configured size, with the output norms that a classifier's file lacks: they start as no change of
/// scale and no shift.
fn complete_convnext(
    mut tensors: BTreeMap<String, StoredTensor>,
    config: &ConvNextConfig,
) -> Result<BTreeMap<String, StoredTensor>, String> {
    let stem = tensors.get("downsample.0.conv.bias").ok_or("is not a ConvNeXt: it has no stem")?;
    let [first, ..] = config.channels;
    if stem.values.len() != first {
        return Err(format!("starts with {} channels, the configured ConvNeXt with {first}", stem.values.len()));
    }
    for (stage, (depth, channels)) in config.depths.into_iter().zip(config.channels).enumerate() {
        let prefix = format!("stages.{stage}.");
        let blocks: BTreeSet<&str> =
            tensors.keys().filter_map(|name| name.strip_prefix(&prefix)?.split('.').next()).collect();
        if blocks.len() != depth {
            return Err(format!("has {} blocks in stage {stage}, the configured ConvNeXt {depth}", blocks.len()));
        }
        for (field, value) in [("gamma", 1.0), ("beta", 0.0)] {
            tensors
                .entry(format!("norms.{stage}.{field}"))
                .or_insert_with(|| StoredTensor::new(vec![channels], vec![value; channels]));
        }
    }
    Ok(tensors)
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
mod tests {
    use super::*;

    #[test]
    fn a_folded_convolution_is_the_convolution_and_its_norm() {
        let vector = |values: &[f32]| StoredTensor::new(vec![values.len()], values.to_vec());
        // Channel 0: gamma 2, beta 1, mean 3, variance 0.999 -> scale 2 / sqrt(1) = 2, bias 1 - 3 * 2 = -5.
        // Channel 1: gamma 1, beta 0, mean 0, variance 3.999 -> scale 1 / 2, bias 0.
        let weight = StoredTensor::new(vec![2, 1, 1, 1], vec![10.0, 10.0]);
        let norm = [vector(&[2.0, 1.0]), vector(&[1.0, 0.0]), vector(&[3.0, 0.0]), vector(&[0.999, 3.999])];
        let (weight, bias) = fold(&weight, norm.each_ref()).unwrap();
        let close = |found: &[f32], expected: &[f32]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(&weight.values, &[20.0, 5.0]), "{:?}", weight.values);
        assert!(close(&bias.values, &[-5.0, 0.0]), "{:?}", bias.values);
    }

    #[test]
    fn a_convnext_of_another_size_is_refused_and_a_classifier_gets_its_output_norms() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/convnext_small_timm.safetensors");
        let foreign = TensorFile::read(&fixture).unwrap().under("weights.");
        let (mut tensors, _) = key_map::rename(foreign, key_map::convnext).unwrap();
        let config = ConvNextConfig { depths: [1, 1, 2, 1], channels: [8, 16, 32, 64] };
        tensors.remove("norms.2.gamma").unwrap();
        let complete = complete_convnext(tensors.clone(), &config).unwrap();
        assert_eq!(complete["norms.2.gamma"].values, [1.0; 32]);
        // A norm that the file has is kept.
        assert_eq!(complete["norms.2.beta"], tensors["norms.2.beta"]);
        let deeper = ConvNextConfig { depths: [1, 1, 3, 1], ..config };
        assert!(complete_convnext(tensors.clone(), &deeper).unwrap_err().contains("2 blocks in stage 2"));
        let wider = ConvNextConfig { channels: [16, 32, 64, 128], ..config };
        assert!(complete_convnext(tensors, &wider).unwrap_err().contains("8 channels"));
    }
}
