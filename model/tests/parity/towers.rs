//! The two towers: small ones with random weights in the repository, and the pre-trained ones where they are.
//!
//! Pre-trained towers are compared where `make pretrained` has put them, and reported as skipped elsewhere.

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use burn_flex::Flex;
use model::text::{BertConfig, PromptTokenizer};
use model::vision::block::InvertedResidualConfig;
use model::vision::{ConvNextConfig, EfficientNetLite, EfficientNetLiteConfig, VisionConfig, VisionTower};
use model::weights::convert::fold_efficientnet_lite;
use model::weights::{Precision, TensorFile, key_map};

use crate::fixture::{DEVICE, Fixture, loaded, relative_error, values};

/// A file of the converted towers, or none with a notice.
fn pretrained(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/pretrained").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there; `make pretrained` fetches it", path.display());
    None
}

pub(crate) fn compare_levels(fixture: &Fixture, found: Vec<Tensor<Flex, 4>>) {
    assert_eq!(found.len(), 4);
    for (level, found) in found.into_iter().enumerate() {
        fixture.output(&level.to_string(), found);
    }
}

/// The blocks of `small_stack` in `export_efficientnet_lite.py`, and those that end a level.
pub(crate) fn small_stack() -> (Vec<InvertedResidualConfig>, [usize; 4]) {
    let rows: [[usize; 5]; 8] = [
        [32, 8, 1, 3, 1],
        [8, 16, 6, 3, 2],
        [16, 16, 6, 3, 1],
        [16, 24, 6, 5, 2],
        [24, 24, 6, 5, 1],
        [24, 32, 6, 3, 2],
        [32, 32, 6, 3, 1],
        [32, 40, 6, 5, 2],
    ];
    let block = |[channels_in, channels_out, expansion, kernel, stride]: [usize; 5]| InvertedResidualConfig {
        channels_in,
        channels_out,
        expansion,
        kernel,
        stride,
    };
    (rows.map(block).to_vec(), [2, 4, 6, 7])
}

#[test]
fn a_small_efficientnet_lite_gives_the_numbers_of_its_reference_on_even_and_odd_sides() {
    for name in ["efficientnet_lite_small_even", "efficientnet_lite_small_odd"] {
        let fixture = Fixture::committed(name);
        let (blocks, ends) = small_stack();
        let weights = fold_efficientnet_lite(&fixture.file.under("weights."), &blocks).unwrap();
        let tower = loaded(EfficientNetLite::<Flex>::from_blocks(&blocks, ends, &DEVICE), &weights);
        compare_levels(&fixture, tower.forward(fixture.input("image")));
    }
}

#[test]
fn all_five_efficientnet_lites_have_the_blocks_of_their_reference() {
    let fixture = Fixture::committed("efficientnet_lite_blocks");
    for variant in 0..5 {
        let blocks = EfficientNetLiteConfig { variant }.blocks();
        let row = |block: &InvertedResidualConfig| {
            [block.channels_in, block.channels_out, block.expansion, block.kernel, block.stride].map(|size| size as f32)
        };
        let rows: Vec<f32> = blocks.iter().flat_map(row).collect();
        let table = Tensor::<Flex, 1>::from_floats(rows.as_slice(), &DEVICE).reshape([blocks.len(), 5]);
        fixture.output(&variant.to_string(), table);
    }
}

#[test]
fn a_small_convnext_gives_the_numbers_of_timm_and_torchvision() {
    for name in ["convnext_small_timm", "convnext_small_torchvision"] {
        let mut fixture = Fixture::committed(name);
        fixture.rename("", key_map::convnext);
        let config = VisionConfig::Convnext(ConvNextConfig { depths: [1, 1, 2, 1], channels: [8, 16, 32, 64] });
        let tower: VisionTower<Flex> = fixture.load(config.init(&DEVICE));
        compare_levels(&fixture, tower.forward(fixture.input("image")));
    }
}

#[test]
fn a_small_bert_gives_the_numbers_of_transformers_with_padding() {
    let mut fixture = Fixture::committed("bert_small");
    fixture.rename("", key_map::bert);
    let config = BertConfig { vocabulary: 60, width: 32, layers: 2, heads: 4, intermediate: 64, max_positions: 16 };
    let bert = fixture.load(config.init::<Flex>(&DEVICE));
    let (ids, padding) = fixture.tokens();
    fixture.features("features", bert.forward(ids, padding));
}

#[test]
fn efficientnet_lite0_gives_the_numbers_of_its_reference_with_its_imagenet_weights() {
    let Some(path) = pretrained("vision.safetensors") else { return };
    let config = EfficientNetLiteConfig { variant: 0 };
    let tower = loaded(config.init::<Flex>(&DEVICE), &TensorFile::read(&path).unwrap().tensors);
    for name in ["efficientnet_lite0_64x64", "efficientnet_lite0_96x80"] {
        let fixture = Fixture::committed(name);
        compare_levels(&fixture, tower.forward(fixture.input("image")));
    }
}

#[test]
fn the_six_layer_bert_gives_the_numbers_of_transformers_with_its_own_weights() {
    let Some(path) = pretrained("text.safetensors") else { return };
    let fixture = Fixture::committed("bert_mini");
    let bert = loaded(BertConfig::mini().init::<Flex>(&DEVICE), &TensorFile::read(&path).unwrap().tensors);
    let (ids, padding) = fixture.tokens();
    fixture.features("features", bert.forward(ids, padding));
}

#[test]
fn the_tokenizer_gives_the_ids_of_transformers_cut_as_the_published_protocol_cuts() {
    let Some(path) = pretrained("tokenizer.json") else { return };
    let tokenizer = PromptTokenizer::from_file(&path, 20).unwrap();
    let fixture = Fixture::lent("bert_mini");
    let facts = fixture.facts();
    let phrases: Vec<&str> = facts["phrases"].as_array().unwrap().iter().filter_map(|phrase| phrase.as_str()).collect();
    let batch = tokenizer.encode_batch(&phrases).unwrap();
    let expected: Vec<u32> = fixture.stored("input.ids").values.iter().map(|id| *id as u32).collect();
    assert_eq!(batch.ids, expected);
    for (phrase, length) in phrases.iter().zip(facts["lengths"].as_array().unwrap()) {
        assert_eq!(tokenizer.token_ids(phrase).unwrap().len() as u64, length.as_u64().unwrap(), "{phrase}");
    }
}

#[test]
fn storing_the_six_layer_bert_compactly_changes_its_features_little() {
    let Some(path) = pretrained("text.safetensors") else { return };
    let bytes = TensorFile::read(&path).unwrap().to_bytes(Precision::Compact).unwrap();
    // 11.7 M word embeddings at 1 byte and 11.0 M other values at 2 bytes.
    assert!(bytes.len() < 35 << 20, "{} bytes", bytes.len());
    let compact = TensorFile::from_bytes(&bytes).unwrap();
    let bert = loaded(BertConfig::mini().init::<Flex>(&DEVICE), &compact.tensors);
    let fixture = Fixture::lent("bert_mini");
    let (ids, padding) = fixture.tokens();
    let found = fixture.real_tokens(&values(bert.forward(ids, padding)));
    let expected = fixture.real_tokens(&fixture.stored("output.features").values);
    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    assert!(relative_error(&found, &expected, largest) < 1e-2);
}
