//! What the shipped weights reach on drawn tiles that no run has seen.

use std::path::Path;

use model::dataset::Mask;
use model::evaluation::{EvalOptions, Evaluator, Protocol, RecordOutcome};
use model::synthetic::sample;
use model::{SegmenterOptions, TileImage, open_segmenter};

/// Worlds of no recipe: training draws from seed 1000, validation and calibration from seed 2000.
const UNSEEN_SEED: u64 = 3000;
/// Tiles, one phrase each.
const TILES: u64 = 200;

/// Planes one after the other from interleaved bytes.
fn planes(rgb: &[u8]) -> Vec<f32> {
    (0..3).flat_map(|band| rgb.iter().skip(band).step_by(3).map(|&value| f32::from(value))).collect()
}

#[test]
fn shipped_weights_find_what_phrases_refer_to_on_unseen_tiles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models/small");
    let options = SegmenterOptions { raw_uncertainty: true, ..SegmenterOptions::default() };
    let mut segmenter = open_segmenter(&folder, &options).unwrap();
    let side = segmenter.tile_px();
    let mut evaluator = Evaluator::new(EvalOptions::new(Protocol::Segment));
    for index in 0..TILES {
        let drawn = sample(UNSEEN_SEED, index, side as u32, 1);
        let (expression, truth) = &drawn.phrases[0];
        segmenter.ask(std::slice::from_ref(&expression.phrase)).unwrap();
        let tile = TileImage { side_px: side, rgb: planes(&drawn.rgb) };
        let answer = segmenter.predict(&[tile]).unwrap().remove(0).remove(0);
        let truth = (!expression.targets.is_empty()).then(|| Mask::new(side, side, truth.clone()).unwrap());
        evaluator
            .add(&RecordOutcome {
                id: &index.to_string(),
                kind: Some(expression.kind.name()),
                category: Some(expression.category.name()),
                rows: side,
                cols: side,
                truth: truth.as_ref(),
                probability: &answer.probability,
                uncertainty: &answer.uncertainty,
                raw_uncertainty: answer.raw_uncertainty.as_deref(),
            })
            .unwrap();
    }
    let report = evaluator.report();
    println!("{}", report.table());
    let (miou, found) = (report.overall.miou.unwrap(), report.overall.pr["0.5"].unwrap());
    assert!(miou >= 0.50, "mIoU {miou:.3} on {TILES} unseen tiles");
    assert!(found >= 0.55, "Pr@0.5 {found:.3} on {TILES} unseen tiles");
    // An uncertainty that knows nothing of errors would score 0.5.
    let auroc = report.overall.auroc_u.unwrap();
    assert!(auroc > 0.7, "the uncertainty map tells right from wrong pixels with AUROC {auroc:.3}");
}

#[test]
fn tiles_of_any_side_that_can_be_halved_five_times_are_answered_and_others_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models/small");
    let mut segmenter = open_segmenter(&folder, &SegmenterOptions::default()).unwrap();
    segmenter.ask(&["ships".into()]).unwrap();
    let tile = |side_px: usize| TileImage { side_px, rgb: vec![90.0; 3 * side_px * side_px] };
    for side_px in [96, 416] {
        let answers = segmenter.predict(&[tile(side_px), tile(side_px)]).unwrap();
        assert!(answers.iter().flatten().all(|answer| answer.probability.len() == side_px * side_px));
    }
    for wrong in [vec![tile(100)], vec![tile(96), tile(128)], vec![TileImage { side_px: 96, rgb: vec![0.0; 9] }]] {
        let refused = segmenter.predict(&wrong).unwrap_err();
        assert!(refused.to_string().contains("a multiple of 32 px"), "{refused}");
    }
}
