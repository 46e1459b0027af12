//! Gradient checkpointing computes again what it did not keep; nothing else may change.

use std::collections::BTreeMap;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::BalancedCheckpointing;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use burn_flex::Flex;
use model::ops::ModelBackend;
use model::training::{LossConfig, Truth};
use model::weights::{StoredTensor, load_into, tensors_of};

use crate::tiny::tiny_config;

const SIDE: usize = 64;

/// The gradient of each parameter, in the order of the module.
fn gradients<A: AutodiffBackend + ModelBackend>(weights: &BTreeMap<String, StoredTensor>) -> Vec<Vec<f32>> {
    let device = Default::default();
    let (model, report) = load_into(tiny_config().init::<A>(&device), weights);
    assert!(report.is_complete(), "{report}");
    let wave =
        |count: usize, scale: f32| (0..count).map(|at| scale * (1.0 + (at as f32 * 0.37).sin())).collect::<Vec<_>>();
    let images = Tensor::<A, 4>::from_data(TensorData::new(wave(3 * SIDE * SIDE, 120.0), [1, 3, SIDE, SIDE]), &device);
    let truth: Vec<f32> = (0..SIDE * SIDE).map(|at| f32::from(u8::from(at % SIDE < 20))).collect();
    let truth = Tensor::<A, 4>::from_data(TensorData::new(truth, [1, 1, SIDE, SIDE]), &device);
    let ids = Tensor::<A, 2, Int>::from_data(TensorData::new(vec![2_i64, 4, 5, 6, 3], [1, 5]), &device);
    let padding = Tensor::<A, 2, Bool>::full([1, 5], false, &device);

    let image = model.decoder.encode_image(model.vision.forward(images));
    let text = model.decoder.encode_text(model.text.forward(ids, padding.clone()));
    let decoded = model.decoder.decode(image, text, padding, (SIDE, SIDE));
    let losses = LossConfig::default().total(decoded, &Truth { mask: truth, scored: None }, true);
    let mut collector = Collector::<A> { gradients: losses.total.backward(), found: Vec::new() };
    model.visit(&mut collector);
    collector.found
}

struct Collector<A: AutodiffBackend> {
    gradients: A::Gradients,
    found: Vec<Vec<f32>>,
}

impl<A: AutodiffBackend> ModuleVisitor<A> for Collector<A> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<A, D>>) {
        let gradient = param.val().grad(&self.gradients);
        self.found.push(gradient.map(|gradient| gradient.into_data().to_vec().unwrap()).unwrap_or_default());
    }
}

#[test]
fn gradients_are_those_of_a_pass_that_keeps_everything() {
    let weights = tensors_of(&tiny_config().init::<Flex>(&Default::default())).unwrap();
    let plain = gradients::<Autodiff<Flex>>(&weights);
    let again = gradients::<Autodiff<Flex, BalancedCheckpointing>>(&weights);
    assert_eq!(plain.len(), weights.len());
    // Nearly all parameters matter for the loss, so an empty comparison cannot pass.
    let moved = plain.iter().filter(|gradient| gradient.iter().any(|&value| value != 0.0)).count();
    assert!(moved > weights.len() * 8 / 10, "{moved} of {}", weights.len());
    assert_eq!(plain, again);
}
