//! Whole models of reduced width: from pixels and token ids to the total loss and its gradients.

use burn::module::{AutodiffModule, Module};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_flex::Flex;
use model::config::DecoderConfig;
use model::crobim_u::{CrobimU, Decoded, ImageEncoding};
use model::ops::ModelBackend;
use model::text::BertConfig;
use model::training::{LossConfig, Truth};
use model::vision::{ConvNextConfig, EfficientNetLite, VisionConfig, VisionTower};
use model::weights::convert::fold_efficientnet_lite;
use model::weights::key_map;

use crate::fixture::{DEVICE, Fixture, Graded};
use crate::gradients::{Compared, Slopes};
use crate::towers::small_stack;

const TEXT: BertConfig =
    BertConfig { vocabulary: 60, width: 32, layers: 2, heads: 4, intermediate: 64, max_positions: 16 };

fn decoder(fixture: &Fixture) -> DecoderConfig {
    serde_json::from_value(fixture.facts()["decoder"].clone()).unwrap()
}

/// Compares every stage of the decoder, from the towers' outputs on.
pub(crate) fn decode<B: ModelBackend>(
    fixture: &Fixture,
    model: &CrobimU<B>,
    levels: Vec<Tensor<B, 4>>,
    words: Tensor<B, 3>,
) -> Decoded<B> {
    let image = model.decoder.encode_image(levels);
    fixture.output("tokens", image.tokens.clone());
    fixture.output("lateral", image.lateral.clone());
    let text = model.decoder.encode_text(words);
    fixture.features("text", text.clone());
    let [.., rows, cols] = fixture.input::<B, 4>("truth").dims();
    let phrases = text.dims()[0];
    let image = ImageEncoding {
        tokens: each(image.tokens, phrases),
        lateral: each(image.lateral, phrases),
        levels: image.levels,
    };
    let decoded = model.decoder.decode(image, text, fixture.tokens().1, (rows, cols));
    fixture.output("logit", decoded.logit.clone());
    fixture.output("refined", decoded.refined.clone());
    fixture.output("uncertainty", decoded.uncertainty.clone());
    if let Some(presence) = decoded.presence.clone() {
        fixture.output("presence", presence);
    }
    decoded
}

/// One entry for each of `count` phrases.
fn each<B: Backend, const D: usize>(images: Tensor<B, D>, count: usize) -> Tensor<B, D> {
    let own = images.dims()[0];
    if own == count { images } else { images.repeat_dim(0, count) }
}

/// Compares the loss and the gradients that the fixture has.
pub(crate) fn differentiate<M: Module<Graded>>(fixture: &Fixture, decoded: Decoded<Graded>, module: &M) {
    let losses = LossConfig::default().total(decoded, &Truth::known(fixture.input("truth")), true);
    fixture.output("loss", losses.total.clone());
    Slopes::of(fixture, &losses.total).parameters(module, Compared::Chosen);
}

#[test]
fn a_reduced_base_gives_the_numbers_of_its_recipe_from_pixels_to_gradients() {
    let mut fixture = Fixture::committed("base_reduced");
    fixture.rename("vision.", key_map::convnext);
    fixture.rename("text.", key_map::bert);
    let vision = VisionConfig::Convnext(ConvNextConfig { depths: [1, 1, 2, 1], channels: [8, 12, 16, 24] });
    let model = fixture.load(CrobimU::<Graded> {
        vision: vision.init(&DEVICE),
        text: TEXT.init(&DEVICE),
        decoder: decoder(&fixture).init(vision.channels(), TEXT.width, &DEVICE),
    });
    let levels = model.vision.forward(fixture.input("image"));
    for (level, features) in levels.iter().enumerate() {
        fixture.output(&format!("level{level}"), features.clone());
    }
    let (ids, padding) = fixture.tokens();
    let words = model.text.forward(ids, padding);
    fixture.features("words", words.clone());
    let decoded = decode(&fixture, &model, levels, words);
    differentiate(&fixture, decoded, &model);
    // Without gradients, the processor's own path gives the same.
    let _ = decode_without_gradients(&fixture, &model);
}

/// The same model on the backend that answers phrases.
fn decode_without_gradients(fixture: &Fixture, model: &CrobimU<Graded>) -> Decoded<Flex> {
    let model = model.valid();
    let (ids, padding) = fixture.tokens();
    let words = model.text.forward(ids, padding);
    decode(fixture, &model, model.vision.forward(fixture.input("image")), words)
}

#[test]
fn a_reduced_small_gives_the_numbers_of_its_recipe_for_two_phrases_about_one_image() {
    let mut fixture = Fixture::committed("small_reduced");
    fixture.rename("text.", key_map::bert);
    let (blocks, ends) = small_stack();
    let vision = fold_efficientnet_lite(&fixture.file.under("weights.vision."), &blocks).unwrap();
    fixture.file.tensors.retain(|name, _| !name.starts_with("weights.vision."));
    fixture.file.insert_under("weights.vision.", vision);
    let model = fixture.load(CrobimU::<Graded> {
        vision: VisionTower::EfficientnetLite(EfficientNetLite::from_blocks(&blocks, ends, &DEVICE)),
        text: TEXT.init(&DEVICE),
        decoder: decoder(&fixture).init([16, 24, 32, 40], TEXT.width, &DEVICE),
    });
    let levels = model.vision.forward(fixture.input("image"));
    let (ids, padding) = fixture.tokens();
    let words = model.text.forward(ids, padding);
    let decoded = decode(&fixture, &model, levels, words);
    differentiate(&fixture, decoded, &model);
    let _ = decode_without_gradients(&fixture, &model);
}
