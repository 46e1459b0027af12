//! Models of full size against the fixtures that `make parity` writes; skipped, and saying so, without them.

use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn_flex::Flex;
use model::config::ModelConfig;
use model::crobim_u::CrobimU;
use model::text::BertConfig;
use model::vision::{ConvNextConfig, EfficientNetLiteConfig};
use model::weights::convert::fold_efficientnet_lite;
use model::weights::key_map;

use crate::fixture::{DEVICE, Fixture, Graded, loaded};
use crate::towers::compare_levels;
use crate::whole::{decode, differentiate};

#[test]
fn convnext_b_gives_the_numbers_of_timm_and_torchvision() {
    for name in ["convnext_b_timm", "convnext_b_torchvision"] {
        let Some(mut fixture) = Fixture::full(name) else { return };
        fixture.rename("", key_map::convnext);
        let tower = fixture.load(ConvNextConfig::base().init::<Flex>(&DEVICE));
        compare_levels(&fixture, tower.forward(fixture.input("image")));
    }
}

#[test]
fn efficientnet_lite_0_and_2_give_the_numbers_of_their_reference_with_imagenet_weights() {
    for variant in [0, 2] {
        let Some(fixture) = Fixture::full(&format!("efficientnet_lite{variant}")) else { return };
        let config = EfficientNetLiteConfig { variant };
        let weights = fold_efficientnet_lite(&fixture.file.under("weights."), &config.blocks()).unwrap();
        let tower = loaded(config.init::<Flex>(&DEVICE), &weights);
        compare_levels(&fixture, tower.forward(fixture.input("image")));
    }
}

#[test]
fn bert_base_and_the_six_layer_bert_give_the_numbers_of_transformers_with_padding() {
    for (name, config) in [("bert_base", BertConfig::base()), ("bert_minilm", BertConfig::mini())] {
        let Some(mut fixture) = Fixture::full(name) else { return };
        fixture.rename("", key_map::bert);
        let bert = fixture.load(config.init::<Flex>(&DEVICE));
        let (ids, padding) = fixture.tokens();
        fixture.features("features", bert.forward(ids, padding));
    }
}

#[test]
fn the_whole_base_gives_the_numbers_of_its_recipe_at_480_px() {
    let Some(mut fixture) = Fixture::full("base") else { return };
    fixture.rename("vision.", key_map::convnext);
    fixture.rename("text.", key_map::bert);
    let mut config = ModelConfig::base();
    // Dropout is chance; the recipe has none.
    config.decoder.fusion_dropout = 0.0;
    let decoder = serde_json::to_value(&config.decoder).unwrap();
    assert_eq!(decoder, fixture.facts()["decoder"], "the recipe is not of the preset");
    let model: CrobimU<Graded> = fixture.load(config.init(&DEVICE));
    // The towers stay without gradients, as in training.
    let towers = model.valid();
    let levels = towers.vision.forward(fixture.input("image"));
    for (level, features) in levels.iter().enumerate() {
        fixture.output(&format!("level{level}"), features.clone());
    }
    let (ids, padding) = fixture.tokens();
    let words = towers.text.forward(ids, padding);
    fixture.features("words", words.clone());
    let levels = levels.into_iter().map(Tensor::from_inner).collect();
    let decoded = decode(&fixture, &model, levels, Tensor::from_inner(words));
    differentiate(&fixture, decoded, &model);
}
