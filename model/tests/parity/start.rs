//! How untrained modules start, where the paper or Mask2Former says it.

use burn::module::Module;
use burn::tensor::Tensor;
use burn_flex::Flex;
use model::decoder::DeformableLayerConfig;
use model::uncertainty::{GatedFusionConfig, LocalRefinementConfig, UncertaintyScorerConfig};
use model::weights::{StoredTensor, tensors_of};

use crate::fixture::{DEVICE, Fixture, values};

fn parameter<M: Module<Flex>>(module: &M, name: &str) -> StoredTensor {
    tensors_of::<Flex, _>(module).unwrap().remove(name).unwrap()
}

#[test]
fn the_scorer_starts_with_identities_the_usual_scale_and_a_last_layer_of_zero() {
    let scorer = UncertaintyScorerConfig::new(16).init::<Flex>(&DEVICE);
    let identity = values(Tensor::<Flex, 2>::eye(16, &DEVICE));
    assert_eq!(parameter(&scorer, "visual.weight").values, identity);
    assert_eq!(parameter(&scorer, "textual.weight").values, identity);
    // 1 / sqrt(16)
    assert_eq!(parameter(&scorer, "gamma").values, [0.25]);
    assert_eq!(parameter(&scorer, "output.weight").values, [0.0; 16]);
    assert_eq!(parameter(&scorer, "output.bias").values, [0.0]);
}

#[test]
fn the_gate_rises_with_uncertainty_and_starts_half_open() {
    let fusion = GatedFusionConfig::new(16, 4).init::<Flex>(&DEVICE);
    assert_eq!(parameter(&fusion, "alpha").values, [1.0]);
    assert_eq!(parameter(&fusion, "beta").values, [0.0]);
}

#[test]
fn the_refinement_starts_with_a_residual_of_zero() {
    let refinement = LocalRefinementConfig::new(8, 6).init::<Flex>(&DEVICE);
    assert_eq!(parameter(&refinement, "output.weight").values, [0.0; 6]);
    assert_eq!(parameter(&refinement, "output.bias").values, [0.0]);
}

#[test]
fn heads_start_by_looking_where_those_of_mask2former_look() {
    let fixture = Fixture::committed("first_offsets");
    let layer = DeformableLayerConfig::new(32, 8, 3, 4, 8).init::<Flex>(&DEVICE);
    let StoredTensor { shape, values } = parameter(&layer, "offsets.bias");
    let bias = Tensor::<Flex, 1>::from_data(burn::tensor::TensorData::new(values, shape), &DEVICE);
    fixture.output("bias", bias);
    assert!(parameter(&layer, "offsets.weight").values.iter().all(|value| *value == 0.0));
    assert!(parameter(&layer, "weights.weight").values.iter().all(|value| *value == 0.0));
}
