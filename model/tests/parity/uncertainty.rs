//! The paper's three modules: RUS, UGF and UDLR.

use model::uncertainty::{GatedFusionConfig, LocalRefinementConfig, UncertaintyScorerConfig};

use crate::fixture::{DEVICE, Fixture, Graded};
use crate::gradients::{Compared, Outputs};

#[test]
fn the_scorer_is_equation_3_with_padding_masked() {
    let fixture = Fixture::committed("scorer");
    let module = fixture.load(UncertaintyScorerConfig::new(16).init::<Graded>(&DEVICE));
    let (visual, text) = (fixture.leaf("visual"), fixture.leaf("text"));
    let mut outputs = Outputs::of(&fixture);
    outputs.add("logit", module.forward(visual.clone(), text.clone(), fixture.ignored(), (3, 5)));
    let slopes = outputs.backward();
    slopes.input("visual", &visual);
    slopes.input("text", &text);
    slopes.parameters(&module, Compared::All);
}

#[test]
fn the_gated_fusion_is_equations_9_11_and_12() {
    let fixture = Fixture::committed("gated_fusion");
    let module = fixture.load(GatedFusionConfig::new(16, 4).with_dropout(0.0).init::<Graded>(&DEVICE));
    let [visual, text, uncertainty] = ["visual", "text", "uncertainty"].map(|name| fixture.leaf::<3>(name));
    let mut outputs = Outputs::of(&fixture);
    let fused = module.forward(visual.clone(), text.clone(), fixture.ignored(), uncertainty.clone());
    outputs.add("tokens", fused);
    let slopes = outputs.backward();
    slopes.input("visual", &visual);
    slopes.input("text", &text);
    slopes.input("uncertainty", &uncertainty);
    slopes.parameters(&module, Compared::All);
}

#[test]
fn the_refinement_is_equations_13_to_16_at_stride_4_and_at_full_resolution() {
    for (name, full) in [("refinement_stride4", false), ("refinement_full", true)] {
        let fixture = Fixture::committed(name);
        let config = LocalRefinementConfig::new(8, 6).with_full_resolution(full);
        let module = fixture.load(config.init::<Graded>(&DEVICE));
        let [feature, coarse, logit, uncertainty] =
            ["feature", "coarse", "logit", "uncertainty"].map(|name| fixture.leaf::<4>(name));
        let mut outputs = Outputs::of(&fixture);
        let refined = module.forward(feature.clone(), coarse.clone(), logit.clone(), uncertainty.clone());
        outputs.add("logit", refined);
        let slopes = outputs.backward();
        slopes.input("feature", &feature);
        slopes.input("coarse", &coarse);
        slopes.input("logit", &logit);
        slopes.input("uncertainty", &uncertainty);
        slopes.parameters(&module, Compared::All);
    }
}
