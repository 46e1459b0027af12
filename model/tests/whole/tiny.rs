//! A model small enough to run in a test, and the folders it needs.

use std::path::{Path, PathBuf};

use burn::tensor::backend::Backend;
use burn_flex::Flex;
use model::config::{DecoderConfig, ModelConfig, TrainedOn};
use model::evaluation::calibration::Calibration;
use model::text::BertConfig;
use model::vision::{ConvNextConfig, VisionConfig};
use model::weights::{Precision, TensorFile, tensors_of};

/// Words of [`tokenizer_json`].
const WORDS: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "red", "ship", "tank", "road", "building", "with", "roof"];

/// Every part of CroBIM-U at a width of sixteen.
pub(crate) fn tiny_config() -> ModelConfig {
    ModelConfig {
        name: "tiny".into(),
        tile_px: 64,
        frame_px: 128,
        one_view_px: 0,
        pixel_size_m: [0.2, 0.6],
        max_tokens: 8,
        vision: VisionConfig::Convnext(ConvNextConfig { depths: [1, 1, 1, 1], channels: [8, 8, 16, 16] }),
        text: BertConfig {
            vocabulary: WORDS.len(),
            width: 16,
            layers: 1,
            heads: 2,
            intermediate: 32,
            max_positions: 16,
        },
        decoder: DecoderConfig {
            width: 16,
            heads: 2,
            points: 2,
            hidden: 32,
            image_layers: 1,
            layers: 2,
            fine_width: 8,
            visual_prompts: 2,
            gated_fusion: true,
            fusion_dropout: 0.1,
            refinement_hidden: 8,
            refinement_full_resolution: false,
            presence: true,
            place_prior: true,
        },
        calibration: Calibration::default(),
        trained_on: TrainedOn::default(),
    }
}

/// A WordPiece tokenizer of a dozen words.
pub(crate) fn tokenizer_json() -> String {
    let vocabulary: Vec<String> = WORDS.iter().enumerate().map(|(id, word)| format!("\"{word}\": {id}")).collect();
    format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true}},
        "pre_tokenizer": {{"type": "BertPreTokenizer"}},
        "post_processor": {{"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}},
        "decoder": null,
        "model": {{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "\u0023\u0023",
            "max_input_chars_per_word": 100, "vocab": {{{}}}}}}}"#,
        vocabulary.join(", ")
    )
}

/// Random towers as `make pretrained` would leave them; returns the folder.
pub(crate) fn write_towers(folder: &Path, config: &ModelConfig) -> PathBuf {
    let device = Default::default();
    Flex::seed(&device, 5);
    let write = |name: &str, tensors| {
        let file = TensorFile { tensors, ..TensorFile::default() };
        file.write(&folder.join(name), Precision::Exact).unwrap();
    };
    write("vision.safetensors", tensors_of::<Flex, _>(&config.vision.init::<Flex>(&device)).unwrap());
    write("text.safetensors", tensors_of::<Flex, _>(&config.text.init::<Flex>(&device)).unwrap());
    std::fs::write(folder.join("tokenizer.json"), tokenizer_json()).unwrap();
    folder.to_owned()
}
