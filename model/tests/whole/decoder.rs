//! The decoder as a whole: shapes, switches, and what must not matter.

use burn::tensor::{Bool, Distribution, Tensor};
use burn_flex::Flex;
use model::crobim_u::{Decoded, ReferringDecoder};

use crate::tiny;

type Map = Tensor<Flex, 4>;

/// Pyramid of a 64 px tile for the channels of the tiny tower.
fn pyramid(batch: usize) -> Vec<Map> {
    [(8, 16), (8, 8), (16, 4), (16, 2)]
        .map(|(channels, side)| {
            Tensor::random([batch, channels, side, side], Distribution::Normal(0.0, 1.0), &Default::default())
        })
        .into()
}

fn words(batch: usize, count: usize) -> Tensor<Flex, 3> {
    Tensor::random([batch, count, 16], Distribution::Normal(0.0, 1.0), &Default::default())
}

fn ignored(batch: usize, real: usize, count: usize) -> Tensor<Flex, 2, Bool> {
    let row: Vec<bool> = (0..count).map(|word| word >= real).collect();
    let rows = row.repeat(batch);
    Tensor::<Flex, 1, Bool>::from_data(rows.as_slice(), &Default::default()).reshape([batch, count])
}

fn decode(decoder: &ReferringDecoder<Flex>, levels: Vec<Map>, text: Tensor<Flex, 3>, real: usize) -> Decoded<Flex> {
    let [batch, count, _] = text.dims();
    let image = decoder.encode_image(levels);
    let text = decoder.encode_text(text);
    decoder.decode(image, text, ignored(batch, real, count), (64, 64))
}

fn largest_difference(a: Map, b: Map) -> f32 {
    (a - b).abs().max().into_scalar()
}

#[test]
fn every_map_comes_out_at_the_tiles_own_size() {
    let decoder = tiny::tiny_config().decoder.init::<Flex>([8, 8, 16, 16], 16, &Default::default());
    let decoded = decode(&decoder, pyramid(2), words(2, 5), 3);
    for map in [decoded.logit, decoded.refined, decoded.uncertainty] {
        assert_eq!(map.dims(), [2, 1, 64, 64]);
    }
    assert_eq!(decoded.presence.unwrap().dims(), [2, 1]);
}

#[test]
fn an_untrained_scorer_says_nothing_and_refines_nothing() {
    // Zero last layers: U = 0 everywhere, and P_ref = P_fg.
    let decoder = tiny::tiny_config().decoder.init::<Flex>([8, 8, 16, 16], 16, &Default::default());
    let decoded = decode(&decoder, pyramid(1), words(1, 5), 5);
    assert!(decoded.uncertainty.abs().max().into_scalar() < 1e-6);
    assert!(largest_difference(decoded.refined, decoded.logit) < 1e-6);
}

#[test]
fn padded_words_do_not_matter() {
    let decoder = tiny::tiny_config().decoder.init::<Flex>([8, 8, 16, 16], 16, &Default::default());
    let (levels, text) = (pyramid(1), words(1, 6));
    let noise = Tensor::cat(vec![text.clone().narrow(1, 0, 3), words(1, 3).mul_scalar(10.0)], 1);
    let one = decode(&decoder, levels.clone(), text, 3);
    let other = decode(&decoder, levels, noise, 3);
    assert!(largest_difference(one.logit, other.logit) < 1e-5);
}

#[test]
fn real_words_do_matter() {
    let decoder = tiny::tiny_config().decoder.init::<Flex>([8, 8, 16, 16], 16, &Default::default());
    let levels = pyramid(1);
    let one = decode(&decoder, levels.clone(), words(1, 4), 4);
    let other = decode(&decoder, levels, words(1, 4), 4);
    assert!(largest_difference(one.logit, other.logit) > 1e-4);
}

#[test]
fn each_module_can_be_switched_off() {
    let mut config = tiny::tiny_config().decoder;
    config.gated_fusion = false;
    config.refinement_hidden = 0;
    config.presence = false;
    let decoder = config.init::<Flex>([8, 8, 16, 16], 16, &Default::default());
    let decoded = decode(&decoder, pyramid(1), words(1, 4), 4);
    assert!(decoded.presence.is_none());
    assert!(largest_difference(decoded.refined, decoded.logit) < 1e-9);
}

#[test]
fn refinement_at_full_resolution_starts_as_the_identity_too() {
    let mut config = tiny::tiny_config().decoder;
    config.refinement_full_resolution = true;
    let decoder = config.init::<Flex>([8, 8, 16, 16], 16, &Default::default());
    let decoded = decode(&decoder, pyramid(1), words(1, 4), 4);
    assert!(largest_difference(decoded.refined, decoded.logit) < 1e-6);
}
