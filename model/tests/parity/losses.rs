//! Each term of the loss, and its gradient for the logits it may move.

use burn::tensor::Tensor;
use model::crobim_u::Decoded;
use model::training::{LossConfig, Truth};

use crate::fixture::{Fixture, Graded};
use crate::gradients::Slopes;

/// Nothing but what is switched on; the constants are those of the recipe.
fn nothing() -> LossConfig {
    LossConfig {
        cross_entropy: 0.0,
        dice: 0.0,
        uncertainty: 0.0,
        refinement: 0.0,
        presence: 0.0,
        ..LossConfig::default()
    }
}

/// The fixture's truth, where -1 stands for what is not known.
fn truth(fixture: &Fixture) -> Truth<Graded> {
    let stored = fixture.input::<Graded, 4>("truth");
    if fixture.stored("input.truth").values.iter().all(|value| *value >= 0.0) {
        return Truth::known(stored);
    }
    Truth { mask: stored.clone().clamp_min(0.0), scored: Some(stored.greater_elem(-0.5).float()) }
}

/// Compares one term, and its gradient for each named input.
fn compare(fixture: &Fixture, term: &str, config: LossConfig, moved: &[&str]) {
    let [logit, refined, uncertainty] = ["logit", "refined", "uncertainty"].map(|name| fixture.leaf::<4>(name));
    let presence = fixture.leaf::<2>("presence");
    let decoded = Decoded {
        logit: logit.clone(),
        refined: refined.clone(),
        uncertainty: uncertainty.clone(),
        presence: Some(presence.clone()),
    };
    let losses = config.total(decoded, &truth(fixture), true);
    fixture.output(term, losses.total.clone());
    let slopes = Slopes::of(fixture, &losses.total);
    let named = |name: &str, leaf: &Tensor<Graded, 4>| {
        if moved.contains(&name) {
            slopes.named(&format!("{term}.{name}"), leaf);
        }
    };
    named("logit", &logit);
    named("refined", &refined);
    named("uncertainty", &uncertainty);
    if moved.contains(&"presence") {
        slopes.named(&format!("{term}.presence"), &presence);
    }
}

#[test]
fn every_term_of_the_loss_and_its_gradient_are_those_of_pytorch() {
    for name in ["losses", "losses_without_target", "losses_with_unknown_pixels"] {
        let fixture = Fixture::committed(name);
        let default = LossConfig::default();
        compare(&fixture, "cross_entropy", LossConfig { cross_entropy: 1.0, ..nothing() }, &["logit"]);
        compare(&fixture, "dice", LossConfig { dice: 1.0, ..nothing() }, &["logit"]);
        let segmentation = LossConfig { cross_entropy: 0.9, dice: 0.1, ..nothing() };
        compare(&fixture, "segmentation", segmentation, &["logit"]);
        compare(&fixture, "refinement", LossConfig { refinement: 1.0, ..segmentation }, &["refined"]);
        compare(&fixture, "uncertainty", LossConfig { uncertainty: 1.0, ..nothing() }, &["uncertainty"]);
        compare(&fixture, "presence", LossConfig { presence: 1.0, ..nothing() }, &["presence"]);
        compare(&fixture, "total", default, &["logit", "refined", "uncertainty", "presence"]);
    }
}

#[test]
fn the_errors_that_the_scorer_learns_from_move_no_mask() {
    // StopGrad of eq. 4: L_unc alone has no gradient for P_fg.
    let fixture = Fixture::lent("losses");
    let logit = fixture.leaf::<4>("logit");
    let decoded = Decoded {
        logit: logit.clone(),
        refined: fixture.leaf("refined"),
        uncertainty: fixture.leaf("uncertainty"),
        presence: None,
    };
    let loss = LossConfig { uncertainty: 1.0, ..nothing() }.total(decoded, &truth(&fixture), true);
    let gradient = logit.grad(&loss.total.backward());
    assert!(gradient.is_none_or(|gradient| gradient.abs().max().into_scalar() == 0.0));
}
