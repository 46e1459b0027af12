//! Projections, the step to stride 4, and the two heads.

use model::decoder::{LevelProjectionConfig, MaskHeadConfig, PixelDecoderConfig, PlacePriorConfig, PresenceHeadConfig};

use crate::fixture::{DEVICE, Fixture, Graded};
use crate::gradients::{Compared, Outputs};

#[test]
fn a_level_is_projected_by_a_convolution_and_a_group_norm() {
    for (name, bias) in [("projection", true), ("projection_lateral", false)] {
        let fixture = Fixture::committed(name);
        let module = fixture.load(LevelProjectionConfig::new(12, 64).with_bias(bias).init::<Graded>(&DEVICE));
        let level = fixture.leaf("level");
        let mut outputs = Outputs::of(&fixture);
        outputs.add("level", module.forward(level.clone()));
        let slopes = outputs.backward();
        slopes.input("level", &level);
        slopes.parameters(&module, Compared::All);
    }
}

#[test]
fn the_step_to_stride_4_frees_its_corners_and_narrows_where_it_must() {
    for (name, width) in [("pixel_decoder", 32), ("pixel_decoder_reduced", 48)] {
        let fixture = Fixture::committed(name);
        let module = fixture.load(PixelDecoderConfig::new(width, 32).init::<Graded>(&DEVICE));
        let (coarse, lateral) = (fixture.leaf("coarse"), fixture.leaf("lateral"));
        let mut outputs = Outputs::of(&fixture);
        outputs.add("feature", module.forward(coarse.clone(), lateral.clone()));
        let slopes = outputs.backward();
        slopes.input("coarse", &coarse);
        slopes.input("lateral", &lateral);
        slopes.parameters(&module, Compared::All);
    }
}

#[test]
fn the_mask_logit_is_the_foreground_query_minus_the_background_query() {
    let fixture = Fixture::committed("mask_head");
    let module = fixture.load(MaskHeadConfig::new(16, 8).init::<Graded>(&DEVICE));
    let (feature, [foreground, background]) =
        (fixture.leaf("feature"), ["foreground", "background"].map(|name| fixture.leaf::<3>(name)));
    let mut outputs = Outputs::of(&fixture);
    outputs.add("logit", module.forward(feature.clone(), foreground.clone(), background.clone()));
    let slopes = outputs.backward();
    slopes.input("feature", &feature);
    slopes.input("foreground", &foreground);
    slopes.input("background", &background);
    slopes.parameters(&module, Compared::All);
}

#[test]
fn presence_is_read_from_the_sentence_and_the_strongest_responses() {
    let fixture = Fixture::committed("presence_head");
    let module = fixture.load(PresenceHeadConfig::new(16).init::<Graded>(&DEVICE));
    let (sentence, coarse) = (fixture.leaf("sentence"), fixture.leaf("coarse"));
    let mut outputs = Outputs::of(&fixture);
    outputs.add("logit", module.forward(sentence.clone(), coarse.clone()));
    let slopes = outputs.backward();
    slopes.input("sentence", &sentence);
    slopes.input("coarse", &coarse);
    slopes.parameters(&module, Compared::All);
}

#[test]
fn the_place_prior_is_read_from_the_words_and_told_to_tokens_and_presence() {
    let fixture = Fixture::committed("place_prior");
    let module = fixture.load(PlacePriorConfig::new(16).init::<Graded>(&DEVICE));
    let (words, coarse) = (fixture.leaf::<3>("words"), fixture.leaf::<3>("coarse"));
    let prior = module.at(module.read(words.clone(), fixture.ignored()), (3, 5));
    let mut outputs = Outputs::of(&fixture);
    outputs.add("prior", prior.clone());
    outputs.add("told", module.tell(coarse.clone(), prior.clone()));
    outputs.add("discounted", module.discount(coarse.clone(), prior));
    let slopes = outputs.backward();
    slopes.input("words", &words);
    slopes.input("coarse", &coarse);
    slopes.parameters(&module, Compared::All);
}
