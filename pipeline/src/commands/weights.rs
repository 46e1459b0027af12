//! `geophrase weights`: from other programs' files to ours, and a look inside.

use std::io::Write;
use std::path::{Path, PathBuf};

use model::vision::{ConvNextConfig, EfficientNetLiteConfig, VisionConfig};
use model::weights::{PretrainedSources, TensorFile, convert_pretrained};

use crate::error::PipelineError;

/// What `geophrase weights convert` was asked to do.
#[derive(Clone, Debug)]
pub struct ConvertRequest {
    /// The vision tower's file.
    pub vision: PathBuf,
    /// Which tower it is.
    pub vision_kind: String,
    /// The text tower's folder.
    pub text: PathBuf,
    /// Where the converted files go.
    pub out: PathBuf,
}

/// Converts pre-trained towers.
///
/// # Errors
/// An unknown tower, a file that is missing, damaged or of another architecture.
pub fn convert(request: ConvertRequest) -> Result<(), PipelineError> {
    let ConvertRequest { vision, vision_kind, text, out } = request;
    let sources = PretrainedSources { vision, vision_config: vision_config(&vision_kind)?, text };
    Ok(convert_pretrained(&sources, &out)?)
}

fn vision_config(kind: &str) -> Result<VisionConfig, PipelineError> {
    let variant = kind.strip_prefix("efficientnet_lite").and_then(|number| number.parse().ok());
    if let Some(variant @ 0..=4) = variant {
        return Ok(VisionConfig::EfficientnetLite(EfficientNetLiteConfig { variant }));
    }
    let config = match kind {
        "convnext_tiny" => ConvNextConfig::tiny(),
        "convnext_small" => ConvNextConfig::small(),
        "convnext_base" => ConvNextConfig::base(),
        "convnext_large" => ConvNextConfig::large(),
        "convnext_xlarge" => ConvNextConfig::xlarge(),
        _ => {
            return Err(PipelineError::Usage(format!(
                "unknown vision tower {kind:?}: use efficientnet_lite0 to 4 or convnext_tiny, _small, _base, _large, _xlarge"
            )));
        }
    };
    Ok(VisionConfig::Convnext(config))
}

/// Prints name, shape and number of values of every tensor.
///
/// # Errors
/// A file that is missing or is no safetensors file.
pub fn inspect(path: &Path) -> Result<(), PipelineError> {
    let file = if path.is_dir() { path.join("model.safetensors") } else { path.to_owned() };
    let weights = TensorFile::read(&file)?;
    let mut text = String::new();
    let mut total = 0;
    for (name, tensor) in &weights.tensors {
        let count: usize = tensor.shape.iter().product();
        total += count;
        text.push_str(&format!("{count:>12}  {:<20}  {name}\n", format!("{:?}", tensor.shape)));
    }
    text.push_str(&format!("{total:>12}  values in {} tensors\n", weights.tensors.len()));
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn towers_are_known_by_name() {
        assert!(matches!(vision_config("efficientnet_lite2"), Ok(VisionConfig::EfficientnetLite(_))));
        assert!(matches!(vision_config("convnext_base"), Ok(VisionConfig::Convnext(_))));
        assert!(vision_config("efficientnet_lite9").is_err());
    }
}
