//! `config.json` of a model folder: every size of the model, and how its outputs are calibrated.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::evaluation::calibration::Calibration;
use crate::text::BertConfig;
use crate::vision::{ConvNextConfig, EfficientNetLiteConfig, VisionConfig};

/// Everything that decides the shape of a CroBIM-U and the reading of its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// A name for people.
    pub name: String,
    /// Side in pixels of the tiles it was trained on.
    pub tile_px: usize,
    /// Largest side in pixels at which a whole scene is shown to it in one view.
    #[serde(default = "default_frame_px")]
    pub frame_px: usize,
    /// Longer side in pixels up to which a scene is shown in one view whatever is asked; 0 leaves that to prompts whose
    /// words need it.
    #[serde(default)]
    pub one_view_px: usize,
    /// Smallest and largest pixel size in metres that it was trained on.
    pub pixel_size_m: [f64; 2],
    /// WordPiece tokens kept of a phrase, `[CLS]` and `[SEP]` included.
    pub max_tokens: usize,
    /// The vision tower.
    pub vision: VisionConfig,
    /// The text tower.
    pub text: BertConfig,
    /// The cross-modal decoder.
    pub decoder: DecoderConfig,
    /// How logits become probabilities, fitted on validation data.
    #[serde(default)]
    pub calibration: Calibration,
    /// What the weights have seen.
    #[serde(default, skip_serializing_if = "TrainedOn::is_empty")]
    pub trained_on: TrainedOn,
}

/// What the weights of a model have seen, for people to read; nothing is computed from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainedOn {
    /// What phrases referred to, and how many records did.
    pub categories: BTreeMap<String, u64>,
    /// Where the pictures came from.
    pub sources: Vec<TrainingSource>,
    /// What the terms of the pictures mean for the use of the weights.
    pub licence_note: String,
}

/// A set of pictures that a model was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSource {
    /// Its name.
    pub name: String,
    /// How many of its pictures were used; `None` where they were drawn while training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// The terms of its pictures.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub licence: String,
}

impl TrainedOn {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.categories.is_empty() && self.sources.is_empty() && self.licence_note.is_empty()
    }

    /// Adds what was seen later; of a source that is seen again the later count holds, and where all are, so do the later
    /// categories, so that several sittings on the same pictures do not count them several times.
    pub fn add(&mut self, later: Self) {
        let seen_again = |own: &TrainingSource| later.sources.iter().any(|other| other.name == own.name);
        if !self.sources.is_empty() && self.sources.iter().all(seen_again) {
            self.categories.clear();
        }
        for (category, count) in later.categories {
            *self.categories.entry(category).or_default() += count;
        }
        self.sources.retain(|own| !later.sources.iter().any(|other| other.name == own.name));
        self.sources.extend(later.sources);
        if !later.licence_note.is_empty() {
            self.licence_note = later.licence_note;
        }
    }
}

/// The side at which a whole scene is shown where `config.json` does not say.
fn default_frame_px() -> usize {
    512
}

/// Sizes of the cross-modal decoder and switches of the paper's modules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderConfig {
    /// Channels C of every token.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Sampling points of each head on each level.
    pub points: usize,
    /// Hidden channels of the feed-forward networks.
    pub hidden: usize,
    /// Deformable layers that mix the levels before the text comes in, once per image.
    pub image_layers: usize,
    /// Interaction layers (eq. 1), once per phrase.
    pub layers: usize,
    /// Channels at stride 4.
    pub fine_width: usize,
    /// Learned tokens that travel with the text; their mean asks for the background.
    pub visual_prompts: usize,
    /// Whether the scorer's map gates the fusion (UGF, eq. 9-12).
    pub gated_fusion: bool,
    /// Dropout of the fused update.
    pub fusion_dropout: f64,
    /// Channels of the refinement head (UDLR, eq. 13-16); 0 leaves refinement out.
    pub refinement_hidden: usize,
    /// Whether refinement runs at the tile's own resolution.
    pub refinement_full_resolution: bool,
    /// Whether a classifier says if there is a target at all.
    pub presence: bool,
    /// Whether words of place count for and against places directly.
    #[serde(default)]
    pub place_prior: bool,
}

impl ModelConfig {
    /// The paper's model: ConvNeXt-B, BERT-base, C = 256, six layers, 480 px, 20 tokens.
    #[must_use]
    pub fn base() -> Self {
        Self {
            name: "base".into(),
            tile_px: 480,
            frame_px: default_frame_px(),
            one_view_px: 0,
            pixel_size_m: [0.1, 30.0],
            max_tokens: 20,
            vision: VisionConfig::Convnext(ConvNextConfig::base()),
            text: BertConfig::base(),
            decoder: DecoderConfig {
                width: 256,
                heads: 8,
                points: 4,
                hidden: 1024,
                image_layers: 0,
                layers: 6,
                fine_width: 256,
                visual_prompts: 5,
                gated_fusion: true,
                fusion_dropout: 0.1,
                refinement_hidden: 64,
                refinement_full_resolution: false,
                presence: false,
                place_prior: false,
            },
            calibration: Calibration::default(),
            trained_on: TrainedOn::default(),
        }
    }

    /// The model that ships: EfficientNet-Lite0, a six-layer BERT, C = 128, two interaction layers.
    #[must_use]
    pub fn small() -> Self {
        Self {
            name: "small".into(),
            tile_px: 320,
            frame_px: 800,
            one_view_px: 800,
            pixel_size_m: [0.2, 0.6],
            max_tokens: 20,
            vision: VisionConfig::EfficientnetLite(EfficientNetLiteConfig { variant: 0 }),
            text: BertConfig::mini(),
            decoder: DecoderConfig {
                width: 128,
                heads: 8,
                points: 4,
                hidden: 256,
                image_layers: 1,
                layers: 2,
                fine_width: 64,
                visual_prompts: 5,
                gated_fusion: true,
                fusion_dropout: 0.0,
                refinement_hidden: 32,
                refinement_full_resolution: false,
                presence: true,
                place_prior: true,
            },
            calibration: Calibration::default(),
            trained_on: TrainedOn::default(),
        }
    }

    /// The configuration in `file`, checked.
    ///
    /// # Errors
    /// A file that cannot be read, is not such a configuration, or describes no possible model.
    pub fn read(file: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(file).map_err(|source| ModelError::Io {
            action: "read",
            path: file.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|reason| ModelError::Config { path: file.to_owned(), reason })
    }

    /// The configuration in `text`, checked; the error is the reason alone.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let config: Self = serde_json::from_str(text).map_err(|cause| cause.to_string())?;
        config.check()?;
        Ok(config)
    }

    /// What makes this configuration impossible, if anything.
    fn check(&self) -> Result<(), String> {
        let decoder = &self.decoder;
        if self.tile_px == 0 || !self.tile_px.is_multiple_of(32) {
            return Err(format!("tile_px {} is not a multiple of 32", self.tile_px));
        }
        if self.frame_px == 0 || !self.frame_px.is_multiple_of(32) {
            return Err(format!("frame_px {} is not a multiple of 32", self.frame_px));
        }
        if decoder.heads == 0 || !decoder.width.is_multiple_of(decoder.heads) {
            return Err(format!("width {} is not divisible by {} heads", decoder.width, decoder.heads));
        }
        if decoder.width == 0 || !decoder.width.is_multiple_of(4) || !decoder.fine_width.is_multiple_of(4) {
            return Err("decoder widths must be multiples of 4".into());
        }
        if self.max_tokens < 3 || decoder.points == 0 || decoder.visual_prompts == 0 {
            return Err("max_tokens, points and visual_prompts are too small".into());
        }
        let text = &self.text;
        if text.heads == 0 || !text.width.is_multiple_of(text.heads) || self.max_tokens > text.max_positions {
            return Err("the text tower's width, heads and max_positions do not go together".into());
        }
        self.vision.check()?;
        self.calibration.check()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_later_is_added_to_what_was_seen() {
        let seen = |ships: u64, source: &str, images: u64| TrainedOn {
            categories: BTreeMap::from([("ship".to_owned(), ships)]),
            sources: vec![TrainingSource { name: source.into(), images: Some(images), licence: String::new() }],
            licence_note: String::new(),
        };
        let mut all = TrainedOn { licence_note: "research only".into(), ..seen(3, "a", 10) };
        all.add(seen(4, "b", 5));
        all.add(seen(1, "b", 6));
        assert_eq!(all.categories["ship"], 8);
        let sources: Vec<_> = all.sources.iter().map(|source| (source.name.as_str(), source.images)).collect();
        assert_eq!(sources, [("a", Some(10)), ("b", Some(6))]);
        assert_eq!(all.licence_note, "research only");
        let both = all.clone();
        all.add(both.clone());
        assert_eq!(all, both);
    }

    #[test]
    fn without_sides_for_whole_scenes_those_that_need_it_are_shown_at_512_px() {
        let mut config = serde_json::to_value(ModelConfig::small()).unwrap();
        config.as_object_mut().unwrap().remove("frame_px");
        config.as_object_mut().unwrap().remove("one_view_px");
        let config = ModelConfig::parse(&config.to_string()).unwrap();
        assert_eq!((config.frame_px, config.one_view_px), (512, 0));
    }

    #[test]
    fn sides_that_the_encoder_cannot_halve_five_times_are_refused() {
        for (tile_px, frame_px) in [(330, 512), (320, 500), (320, 0)] {
            let config = ModelConfig { tile_px, frame_px, ..ModelConfig::small() };
            let refused = ModelConfig::parse(&serde_json::to_string(&config).unwrap()).unwrap_err();
            assert!(refused.contains("is not a multiple of 32"), "{refused}");
        }
    }

    #[test]
    fn what_a_model_was_trained_on_is_optional_and_comes_back() {
        let mut config = ModelConfig::small();
        let text = serde_json::to_string(&config).unwrap();
        assert!(!text.contains("trained_on"), "{text}");
        assert_eq!(ModelConfig::parse(&text), Ok(config.clone()));
        config.trained_on = TrainedOn {
            categories: BTreeMap::from([("ship".to_owned(), 12)]),
            sources: vec![TrainingSource { name: "drawn scenes".to_owned(), ..TrainingSource::default() }],
            licence_note: "free".to_owned(),
        };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(ModelConfig::parse(&text), Ok(config));
    }
}
