//! The processor against an NVIDIA card: `cargo test --release -p model --features cuda --test devices -- --nocapture`.

#![cfg_attr(feature = "cuda", expect(clippy::unwrap_used, reason = "a test says what is wrong by failing"))]

use std::path::Path;

use model::{DeviceChoice, ModelError, SegmenterOptions, TileImage, TilePrediction, open_segmenter};

const SIDE_PX: usize = 320;

/// What the shipped model says about a drawn tile on a device, without gate and calibration, so that logits count.
fn answer(device: DeviceChoice) -> Result<Vec<TilePrediction>, ModelError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models/small");
    let options = SegmenterOptions { device, gate: false, calibrate: false, ..SegmenterOptions::default() };
    let mut segmenter = open_segmenter(&folder, &options)?;
    segmenter.ask(&["buildings".to_owned(), "the ships next to the pier".to_owned()])?;
    let value = |index: usize| {
        let (row, col) = (index / SIDE_PX % SIDE_PX, index % SIDE_PX);
        let roof = row % 80 < 40 && col % 90 < 50;
        if roof { 190.0 - (index / (SIDE_PX * SIDE_PX)) as f32 * 60.0 } else { 90.0 + (col % 7) as f32 }
    };
    let tile = TileImage { side_px: SIDE_PX, rgb: (0..3 * SIDE_PX * SIDE_PX).map(value).collect() };
    Ok(segmenter.predict(std::slice::from_ref(&tile))?.remove(0))
}

#[test]
fn a_card_gives_the_logits_and_masks_of_the_processor() {
    let card = match answer(DeviceChoice::Cuda(0)) {
        Ok(card) => card,
        Err(ModelError::DeviceAbsent { reason, .. }) => return println!("SKIPPED: {reason}"),
        Err(error) => panic!("{error}"),
    };
    let logit = |p: f32| (p / (1.0 - p)).ln().clamp(-12.0, 12.0);
    for (card, own) in card.iter().zip(answer(DeviceChoice::Cpu).unwrap()) {
        let pairs = || card.probability.iter().zip(&own.probability);
        let furthest = pairs().map(|(card, own)| (logit(*card) - logit(*own)).abs()).fold(0.0, f32::max);
        let both = pairs().filter(|(card, own)| **card > 0.5 && **own > 0.5).count();
        let either = pairs().filter(|(card, own)| **card > 0.5 || **own > 0.5).count();
        println!("logits differ by at most {furthest:.1e}; masks share {both} of {either} px");
        assert!(furthest <= 1e-3, "logits differ by {furthest}");
        assert!(both as f64 >= 0.995 * either as f64, "masks share {both} of {either} px");
    }
}
