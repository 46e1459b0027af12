//! `geophrase weights`: from other programs' files to ours, and a look inside.

use std::io::Write;
use std::path::{Path, PathBuf};

use model::ModelError;
use model::config::ModelConfig;
use model::vision::{ConvNextConfig, EfficientNetLiteConfig, VisionConfig};
use model::weights::{self, FitTarget, PretrainedSources, convert_pretrained};

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

/// What `geophrase weights inspect` was asked to do.
#[derive(Clone, Debug)]
pub struct InspectRequest {
    /// A file of weights or a model folder.
    pub path: PathBuf,
    /// The model to compare with: `small`, `base`, a `config.json`, a model folder; a folder's own when none is named.
    pub model: Option<PathBuf>,
    /// Whether JSON is printed instead of the table.
    pub json: bool,
}

/// Prints every tensor of a file, whether the file is sound, and what a model would take from it.
///
/// # Errors
/// A file that is missing, cut short, hostile or no file of weights; and, after it was described, one that a loader
/// would refuse.
pub fn inspect(request: &InspectRequest) -> Result<(), PipelineError> {
    let own = request.path.join("config.json");
    let config = match &request.model {
        Some(model) => Some(model_config(model)?),
        None if own.is_file() => Some(ModelConfig::read(&own)?),
        None => None,
    };
    let target = config.as_ref().map(FitTarget::of).transpose()?;
    let report = weights::inspect(&request.path, target.as_ref())?;
    let text = if request.json {
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|error| PipelineError::Write { path: "standard output".into(), source: error.into() })? + "\n"
    } else {
        report.table()
    };
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    match report.problems.into_iter().next() {
        Some(reason) => Err(ModelError::Config { path: report.path, reason }.into()),
        None => Ok(()),
    }
}

/// A preset by name, or the configuration in a file or folder.
fn model_config(model: &Path) -> Result<ModelConfig, PipelineError> {
    match model.to_str() {
        Some("small") => Ok(ModelConfig::small()),
        Some("base") => Ok(ModelConfig::base()),
        _ if model.is_dir() => Ok(ModelConfig::read(&model.join("config.json"))?),
        _ => Ok(ModelConfig::read(model)?),
    }
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

    #[test]
    fn models_are_known_by_name_and_by_file() {
        assert_eq!(model_config(Path::new("base")).unwrap().name, "base");
        assert_eq!(model_config(Path::new("small")).unwrap().name, "small");
        assert!(model_config(Path::new("no/such/config.json")).is_err());
    }
}
