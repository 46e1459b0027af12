//! Tests of `rescaled.rs`.

use super::*;

/// Says for each pixel how red it is, whatever the side.
struct Redness;

impl TilePredictor for Redness {
    fn tile_px(&self) -> usize {
        64
    }

    fn prompt_count(&self) -> usize {
        1
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let answer = |tile: &TileImage| {
            let red = &tile.rgb[..tile.side_px * tile.side_px];
            let probability: Vec<f32> = red.iter().map(|red| red / 255.0).collect();
            let uncertainty: Vec<f32> = probability.iter().map(|p| p.min(1.0 - p)).collect();
            vec![TilePrediction {
                raw_uncertainty: Some(uncertainty.clone()),
                probability,
                uncertainty,
                presence: None,
            }]
        };
        Ok(tiles.iter().map(answer).collect())
    }
}

/// Says what it is told, whatever it sees.
struct Told(Vec<f32>, Vec<f32>);

impl TilePredictor for Told {
    fn tile_px(&self) -> usize {
        2
    }

    fn prompt_count(&self) -> usize {
        1
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let Self(probability, uncertainty) = self;
        let answer = TilePrediction {
            probability: probability.clone(),
            uncertainty: uncertainty.clone(),
            raw_uncertainty: None,
            presence: None,
        };
        Ok(tiles.iter().map(|_| vec![answer.clone()]).collect())
    }
}

/// Says its own side, as a share of 128, and is sure.
struct OwnSide;

impl TilePredictor for OwnSide {
    fn tile_px(&self) -> usize {
        64
    }

    fn prompt_count(&self) -> usize {
        1
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let answer = |tile: &TileImage| {
            let area = tile.side_px * tile.side_px;
            let probability = vec![tile.side_px as f32 / 128.0; area];
            vec![TilePrediction { probability, uncertainty: vec![0.0; area], raw_uncertainty: None, presence: None }]
        };
        Ok(tiles.iter().map(answer).collect())
    }
}

fn view(side_px: usize, model_px: &[usize]) -> View {
    View { side_px, model_px: model_px.to_vec() }
}

fn tile(side_px: usize, red: impl Fn(usize, usize) -> f32) -> TileImage {
    let plane: Vec<f32> = (0..side_px * side_px).map(|i| red(i / side_px, i % side_px)).collect();
    TileImage { side_px, rgb: [plane.clone(), plane.clone(), plane].concat() }
}

#[test]
fn a_constant_stays_constant_to_the_last_bit() {
    for view in [view(100, &[64]), view(40, &[64]), view(64, &[64, 32])] {
        let tile = tile(view.side_px, |_, _| 0.7 * 255.0);
        let answer = &Rescaled::new(&mut Redness, &view).predict(&[tile]).unwrap()[0][0];
        let (p, u) = (answer.probability[0], answer.uncertainty[0]);
        assert!((p - 0.7).abs() < 1e-6 && (u - 0.3).abs() < 1e-6);
        assert!(answer.probability.iter().all(|value| value.to_bits() == p.to_bits()), "{view:?}");
        assert!(answer.uncertainty.iter().all(|value| value.to_bits() == u.to_bits()), "{view:?}");
    }
}

#[test]
fn an_even_slope_comes_back_as_it_was() {
    // A straight line passes unchanged, away from the edges; where pixels do not fall on each other in a whole ratio,
    // the triangle leans by up to 0.031 px to either side, which is 0.034 of 255 here.
    for (side_px, model_px, tolerance) in [(128, 64, 1e-5), (192, 64, 1e-5), (48, 96, 1e-5), (100, 64, 2e-4)] {
        let view = view(side_px, &[model_px]);
        let slope = tile(side_px, |row, col| 20.0 + row as f32 * 0.3 + col as f32 * 0.8);
        let answer = &Rescaled::new(&mut Redness, &view).predict(&[slope]).unwrap()[0][0];
        assert_eq!(answer.probability.len(), side_px * side_px);
        let edge = 2 * side_px.div_ceil(model_px);
        for row in edge..side_px - edge {
            for col in edge..side_px - edge {
                let expected = (20.0 + row as f32 * 0.3 + col as f32 * 0.8) / 255.0;
                let got = answer.probability[row * side_px + col];
                assert!((got - expected).abs() < tolerance, "{got} at {row}, {col} of {side_px} px by {model_px} px");
                let doubt = answer.uncertainty[row * side_px + col];
                assert!((doubt - expected.min(1.0 - expected)).abs() < tolerance);
                assert_eq!(answer.raw_uncertainty.as_ref().unwrap()[row * side_px + col], doubt);
            }
        }
    }
}

#[test]
fn neighbours_that_contradict_each_other_are_unsure_between_them() {
    // The left column says target, the right ground, each 90 % sure: q is 0.9 and 0.1. A quarter of the way from the
    // first to the second, p = 0.8 - 0.15 = 0.65 and q = 0.9 - 0.2 = 0.7, so the label "target" is wrong with 0.3.
    let mut told = Told([0.8, 0.2, 0.8, 0.2].into(), vec![0.1; 4]);
    let answer = &Rescaled::new(&mut told, &view(4, &[2])).predict(&[tile(4, |_, _| 0.0)]).unwrap()[0][0];
    for (got, expected) in answer.probability.iter().zip([0.8, 0.65, 0.35, 0.2]) {
        assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
    }
    for (got, expected) in answer.uncertainty.iter().zip([0.1, 0.3, 0.3, 0.1]) {
        assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
    }
}

#[test]
fn answers_from_several_sides_are_averaged_with_their_doubt() {
    // Sides 32, 64, 128 say p = 0.25, 0.5, 1 and are sure: labels ground, ground, target, so q = 0, 0, 1.
    let answer =
        &Rescaled::new(&mut OwnSide, &view(64, &[32, 64, 128])).predict(&[tile(64, |_, _| 0.0)]).unwrap()[0][0];
    assert!(answer.probability.iter().all(|p| (p - 1.75 / 3.0).abs() < 1e-6));
    // p = 0.583 says target, of which q = 1/3 is sure.
    assert!(answer.uncertainty.iter().all(|u| (u - 2.0 / 3.0).abs() < 1e-6));
}

#[test]
fn neighbours_in_a_batch_do_not_matter() {
    let view = view(100, &[64]);
    let tiles = [tile(100, |row, col| (row * col % 251) as f32), tile(100, |row, _| row as f32)];
    let together = Rescaled::new(&mut Redness, &view).predict(&tiles).unwrap();
    for (tile, expected) in tiles.iter().zip(&together) {
        let alone = Rescaled::new(&mut Redness, &view).predict(std::slice::from_ref(tile)).unwrap();
        assert_eq!(alone[0][0].probability, expected[0].probability);
        assert_eq!(alone[0][0].uncertainty, expected[0].uncertainty);
    }
}

#[test]
fn tiles_and_answers_of_another_shape_are_refused() {
    let view = view(100, &[64]);
    for wrong in [tile(64, |_, _| 0.0), TileImage { side_px: 100, rgb: vec![0.0; 12] }] {
        let refused = Rescaled::new(&mut Redness, &view).predict(&[wrong]).unwrap_err();
        assert!(refused.to_string().contains("three planes of 100 px square"), "{refused}");
    }
    let mut short = Told(vec![0.5; 9], vec![0.5; 9]);
    let refused = Rescaled::new(&mut short, &view).predict(&[tile(100, |_, _| 0.0)]).unwrap_err();
    assert!(refused.to_string().contains("9 values for 4096 pixels"), "{refused}");
}
