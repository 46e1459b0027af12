//! Operations without weights: deformable sampling, resizing, sine positions.

use burn::tensor::Tensor;
use burn_flex::Flex;
use model::decoder::sine_positions;
use model::ops::SamplingGeometry;
use model::ops::deformable::sample;
use model::ops::resize::{Corners, bilinear};

use crate::fixture::{DEVICE, Fixture, Graded};
use crate::gradients::Outputs;

#[test]
fn deformable_sampling_is_grid_sample_off_the_map_too() {
    let fixture = Fixture::committed("deformable_sampling");
    let count = |key: &str| fixture.facts()[key].as_u64().unwrap() as usize;
    let geometry = SamplingGeometry { levels: fixture.levels(), heads: count("heads"), points: count("points") };
    let [value, offsets, weights] = ["value", "offsets", "weights"].map(|name| fixture.leaf::<3>(name));
    let mut outputs = Outputs::of(&fixture);
    outputs.add("tokens", sample(value.clone(), offsets.clone(), weights.clone(), &geometry));
    let slopes = outputs.backward();
    slopes.input("value", &value);
    slopes.input("offsets", &offsets);
    slopes.input("weights", &weights);
}

#[test]
fn resizing_is_interpolate_with_either_meaning_of_corners() {
    let fixture = Fixture::committed("resizing");
    let facts = fixture.facts();
    let sizes = facts.as_object().unwrap().iter().filter(|(_, size)| size.is_array());
    let leaves: Vec<(&String, Tensor<Graded, 4>)> = sizes.map(|(name, _)| (name, fixture.leaf(name))).collect();
    assert_eq!(leaves.len(), 12);
    let mut outputs = Outputs::of(&fixture);
    for (name, leaf) in &leaves {
        let [rows, cols]: [usize; 2] = serde_json::from_value(facts[name.as_str()].clone()).unwrap();
        let corners = if name.ends_with("aligned") { Corners::Aligned } else { Corners::Free };
        outputs.add(name, bilinear(leaf.clone(), rows, cols, corners));
    }
    let slopes = outputs.backward();
    for (name, leaf) in &leaves {
        slopes.input(name, leaf);
    }
}

#[test]
fn sine_positions_are_those_of_mask2former() {
    let fixture = Fixture::committed("positions");
    for (name, (rows, cols, width)) in [("7x5", (7, 5, 16)), ("15x15", (15, 15, 64)), ("1x3", (1, 3, 8))] {
        fixture.output(name, sine_positions::<Flex>(rows, cols, width, &DEVICE));
    }
}
