//! Attention, the deformable layer, and the interaction layer made of them.

use model::decoder::{CrossAttentionConfig, DeformableLayerConfig, InteractionLayerConfig};

use crate::fixture::{DEVICE, Fixture, Graded};
use crate::gradients::{Compared, Outputs};

/// Two heads of eight channels, four points on each of three levels.
fn layer() -> DeformableLayerConfig {
    DeformableLayerConfig::new(16, 2, 3, 4, 32)
}

#[test]
fn attention_is_multihead_attention_with_and_without_a_padding_mask() {
    let fixture = Fixture::committed("attention");
    let module = fixture.load(CrossAttentionConfig::new(16, 4).init::<Graded>(&DEVICE));
    let [query, key, value] = ["query", "key", "value"].map(|name| fixture.leaf::<3>(name));
    let mut outputs = Outputs::of(&fixture);
    let run = |ignored| module.forward(query.clone(), key.clone(), value.clone(), ignored);
    outputs.add("masked", run(Some(fixture.ignored())));
    outputs.add("open", run(None));
    let slopes = outputs.backward();
    slopes.input("query", &query);
    slopes.input("key", &key);
    slopes.input("value", &value);
    slopes.parameters(&module, Compared::All);
}

#[test]
fn the_deformable_layer_is_the_encoder_layer_of_mask2former() {
    let fixture = Fixture::committed("deformable_layer");
    let module = fixture.load(layer().init::<Graded>(&DEVICE));
    let (tokens, positions) = (fixture.leaf("tokens"), fixture.leaf("positions"));
    let mut outputs = Outputs::of(&fixture);
    outputs.add("tokens", module.forward(tokens.clone(), positions.clone(), &fixture.levels()));
    let slopes = outputs.backward();
    slopes.input("tokens", &tokens);
    slopes.input("positions", &positions);
    slopes.parameters(&module, Compared::All);
}

#[test]
fn an_interaction_layer_has_the_order_of_caris() {
    let fixture = Fixture::committed("interaction");
    let module = fixture.load(InteractionLayerConfig::new(layer()).init::<Graded>(&DEVICE));
    let [image, text, positions] = ["image", "text", "positions"].map(|name| fixture.leaf::<3>(name));
    let (image_out, text_out) =
        module.forward(image.clone(), text.clone(), fixture.ignored(), positions.clone(), &fixture.levels());
    let mut outputs = Outputs::of(&fixture);
    outputs.add("image", image_out);
    outputs.add("text", text_out);
    let slopes = outputs.backward();
    slopes.input("image", &image);
    slopes.input("text", &text);
    slopes.input("positions", &positions);
    slopes.parameters(&module, Compared::All);
}
