//! Our towers give the numbers of reference packages that nobody here wrote.
//!
//! The fixtures come from the scripts in `tests/parity/`, which run PyTorch; nothing here does. Small towers with
//! random weights carry their weights and are always compared. The pre-trained towers are compared where
//! `make pretrained` has put them, and say that they were skipped where it has not.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test that needs it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use burn_flex::{Flex, FlexDevice};
use model::text::{BertConfig, PromptTokenizer, TokenBatch};
use model::vision::block::InvertedResidualConfig;
use model::vision::{ConvNextConfig, EfficientNetLite, EfficientNetLiteConfig, VisionConfig, VisionTower};
use model::weights::convert::fold_efficientnet_lite;
use model::weights::{Precision, StoredTensor, TensorFile, key_map, load_into};

/// Largest difference allowed, relative to the largest activation of the reference.
const TOLERANCE: f32 = 1e-4;

fn fixture(name: &str) -> TensorFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    TensorFile::read(&folder.join(format!("{name}.safetensors"))).unwrap()
}

/// A file of the converted towers, or none with a notice.
fn pretrained(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/pretrained").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there; `make pretrained` fetches it", path.display());
    None
}

/// The module with exactly these weights: nothing missing, nothing left over.
fn loaded<M: Module<Flex>>(module: M, weights: &BTreeMap<String, StoredTensor>) -> M {
    let (module, report) = load_into(module, weights);
    assert!(report.is_complete(), "{report}");
    module
}

fn renamed(fixture: &TensorFile, key_map: fn(&str) -> Option<key_map::Target>) -> BTreeMap<String, StoredTensor> {
    key_map::rename(fixture.under("weights."), key_map).unwrap().0
}

fn tensor<const D: usize>(stored: &StoredTensor) -> Tensor<Flex, D> {
    Tensor::from_data(TensorData::new(stored.values.clone(), stored.shape.clone()), &FlexDevice)
}

fn image(fixture: &TensorFile) -> Tensor<Flex, 4> {
    tensor(&fixture.tensors["input.image"])
}

/// Ids and padding as the encoder takes them; the fixture's mask has BERT's own polarity, 1 = real.
fn tokens(fixture: &TensorFile) -> (Tensor<Flex, 2, Int>, Tensor<Flex, 2, Bool>) {
    let ids = &fixture.tensors["input.ids"];
    let rows: Vec<Vec<u32>> = ids
        .values
        .chunks(ids.shape[1])
        .zip(fixture.tensors["input.mask"].values.chunks(ids.shape[1]))
        .map(|(ids, mask)| ids.iter().zip(mask).filter(|(_, real)| **real == 1.0).map(|(id, _)| *id as u32).collect())
        .collect();
    TokenBatch::from_rows(&rows, ids.shape[1]).to_tensors(&FlexDevice)
}

/// Fails where the values differ by more than `tolerance` of the largest, and prints by how much they do.
fn compare(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let error = found.iter().zip(expected).fold(0.0_f32, |error, (a, b)| error.max((a - b).abs()));
    println!("{what}: max error {:.1e} of the largest activation {largest:.3}", error / largest);
    assert!(error <= tolerance * largest, "{what}: {error} where the largest activation is {largest}");
}

fn compare_levels(what: &str, found: Vec<Tensor<Flex, 4>>, fixture: &TensorFile) {
    assert_eq!(found.len(), 4);
    for (level, found) in found.into_iter().enumerate() {
        let expected = &fixture.tensors[&format!("output.{level}")];
        assert_eq!(found.dims().to_vec(), expected.shape, "{what}, level {level}");
        compare(
            &format!("{what}, level {level}"),
            &found.into_data().into_vec::<f32>().unwrap(),
            &expected.values,
            TOLERANCE,
        );
    }
}

/// Real tokens only: what stands in the place of padding has no meaning and no reader.
fn compare_features(what: &str, found: Tensor<Flex, 3>, fixture: &TensorFile, tolerance: f32) {
    let expected = &fixture.tensors["output.features"];
    assert_eq!(found.dims().to_vec(), expected.shape);
    let width = expected.shape[2];
    let found = found.into_data().into_vec::<f32>().unwrap();
    let mask = &fixture.tensors["input.mask"].values;
    let real = |values: &[f32]| -> Vec<f32> {
        values.chunks(width).zip(mask).filter(|(_, real)| **real == 1.0).flat_map(|(row, _)| row.to_vec()).collect()
    };
    compare(what, &real(&found), &real(&expected.values), tolerance);
}

/// The blocks of `small()` in `export_efficientnet_lite.py`.
fn small_blocks() -> Vec<InvertedResidualConfig> {
    let block = |channels_in, channels_out, expansion, kernel, stride| InvertedResidualConfig {
        channels_in,
        channels_out,
        expansion,
        kernel,
        stride,
    };
    vec![
        block(32, 8, 1, 3, 1),
        block(8, 16, 6, 3, 2),
        block(16, 16, 6, 3, 1),
        block(16, 24, 6, 5, 2),
        block(24, 24, 6, 5, 1),
        block(24, 32, 6, 3, 2),
        block(32, 32, 6, 3, 1),
        block(32, 40, 6, 5, 2),
    ]
}

#[test]
fn a_small_efficientnet_lite_gives_the_numbers_of_its_reference_on_even_and_odd_sides() {
    for name in ["efficientnet_lite_small_even", "efficientnet_lite_small_odd"] {
        let fixture = fixture(name);
        let weights = fold_efficientnet_lite(&fixture.under("weights."), &small_blocks()).unwrap();
        let tower = EfficientNetLite::<Flex>::from_blocks(&small_blocks(), [2, 4, 6, 7], &FlexDevice);
        compare_levels(name, loaded(tower, &weights).forward(image(&fixture)), &fixture);
    }
}

#[test]
fn a_small_convnext_gives_the_numbers_of_timm_and_torchvision() {
    for name in ["convnext_small_timm", "convnext_small_torchvision"] {
        let fixture = fixture(name);
        let config = VisionConfig::Convnext(ConvNextConfig { depths: [1, 1, 2, 1], channels: [8, 16, 32, 64] });
        let tower: VisionTower<Flex> = config.init(&FlexDevice);
        let tower = loaded(tower, &renamed(&fixture, key_map::convnext));
        compare_levels(name, tower.forward(image(&fixture)), &fixture);
    }
}

#[test]
fn a_small_bert_gives_the_numbers_of_transformers_with_padding() {
    let fixture = fixture("bert_small");
    let config = BertConfig { vocabulary: 60, width: 32, layers: 2, heads: 4, intermediate: 64, max_positions: 16 };
    let bert = loaded(config.init::<Flex>(&FlexDevice), &renamed(&fixture, key_map::bert));
    let (ids, padding) = tokens(&fixture);
    compare_features("bert_small", bert.forward(ids, padding), &fixture, TOLERANCE);
}

#[test]
fn efficientnet_lite0_gives_the_numbers_of_its_reference_with_its_imagenet_weights() {
    let Some(path) = pretrained("vision.safetensors") else { return };
    let config = EfficientNetLiteConfig { variant: 0 };
    let tower = loaded(config.init::<Flex>(&FlexDevice), &TensorFile::read(&path).unwrap().tensors);
    for name in ["efficientnet_lite0_64x64", "efficientnet_lite0_96x80"] {
        let fixture = fixture(name);
        compare_levels(name, tower.forward(image(&fixture)), &fixture);
    }
}

#[test]
fn the_six_layer_bert_gives_the_numbers_of_transformers_with_its_own_weights() {
    let Some(path) = pretrained("text.safetensors") else { return };
    let fixture = fixture("bert_mini");
    let bert = loaded(BertConfig::mini().init::<Flex>(&FlexDevice), &TensorFile::read(&path).unwrap().tensors);
    let (ids, padding) = tokens(&fixture);
    compare_features("bert_mini", bert.forward(ids, padding), &fixture, TOLERANCE);
}

#[test]
fn the_tokenizer_gives_the_ids_of_transformers_cut_as_the_published_protocol_cuts() {
    let Some(path) = pretrained("tokenizer.json") else { return };
    let tokenizer = PromptTokenizer::from_file(&path, 20).unwrap();
    let fixture = fixture("bert_mini");
    let facts: serde_json::Value = serde_json::from_str(&fixture.metadata["facts"]).unwrap();
    let phrases: Vec<&str> = facts["phrases"].as_array().unwrap().iter().filter_map(|phrase| phrase.as_str()).collect();
    let batch = tokenizer.encode_batch(&phrases).unwrap();
    let expected: Vec<u32> = fixture.tensors["input.ids"].values.iter().map(|id| *id as u32).collect();
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
    let bert = loaded(BertConfig::mini().init::<Flex>(&FlexDevice), &compact.tensors);
    let fixture = fixture("bert_mini");
    let (ids, padding) = tokens(&fixture);
    compare_features("bert_mini, compact", bert.forward(ids, padding), &fixture, 1e-2);
}
