use model::dataset::Mask;
use model::evaluation::{RecordScore, ScenePrediction};

use super::*;

fn see(worst: &mut WorstRecords, order: usize, score: RecordScore) {
    let picture = model::dataset::RgbImage { rows: 100, cols: 200, rgb: vec![90; 3 * 20_000] };
    let inside = |at: usize| (40..60).contains(&(at / 200)) && (80..120).contains(&(at % 200));
    let truth = Mask::new(100, 200, (0..20_000).map(|at| u8::from(inside(at))).collect());
    let probability = vec![0.0; 20_000];
    let prediction = ScenePrediction { probability, uncertainty: vec![0.0; 20_000], raw_uncertainty: None };
    let score = RecordScore { phrase: format!("record {order}"), ..score };
    let truth = truth.as_ref().filter(|_| score.silent.is_none());
    worst.see(&SeenRecord { order: (order, 0), score: &score, picture: &picture, truth, prediction: &prediction });
}

fn score(iou: Option<f64>, silent: Option<bool>, marked: f64) -> RecordScore {
    RecordScore { iou, silent, marked, truth_share: iou.map(|_| 0.04), ..RecordScore::default() }
}

#[test]
fn the_worst_are_kept_whatever_the_order() {
    let scores = [
        score(Some(0.9), None, 0.1),
        score(Some(0.2), None, 0.1),
        score(None, Some(true), 0.0),
        score(None, Some(false), 0.3),
        score(Some(0.0), None, 0.5),
    ];
    let kept = |order: [usize; 5]| {
        let mut worst = WorstRecords::new(3, 0.5);
        order.into_iter().for_each(|at| see(&mut worst, at, scores[at].clone()));
        worst.cells.iter().map(|(badness, _)| badness.order.0).collect::<Vec<_>>()
    };
    // IoU 0 over half of the picture, then a false alarm over 0.3 of it, then IoU 0.2.
    assert_eq!(kept([0, 1, 2, 3, 4]), [4, 3, 1]);
    assert_eq!(kept([4, 2, 3, 0, 1]), [4, 3, 1]);
}

#[test]
fn a_cell_shows_the_truth_whole_and_closer() {
    let mut worst = WorstRecords::new(3, 0.5);
    see(&mut worst, 0, score(Some(0.0), None, 0.0));
    let sheet = worst.draw();
    let head = GAP_PX + 2 * line_height(2);
    let below = sheet.enumerate_pixels().filter(|(_, y, _)| *y >= head);
    let truth = below.filter(|(_, _, pixel)| **pixel == TRUTH).count();
    // Whole: 200 px become 256, so 40 x 20 become 52 x 26 or a little less, with a border of 2 * (52 + 26) - 4 = 152.
    // Closer: a square of 64 px becomes 256, so 160 x 80, with a border of 2 * (160 + 80) - 4 = 476.
    assert!((476 + 148..=476 + 152).contains(&truth), "{truth}");
    assert_eq!(sheet.width(), 2 * GAP_PX + cell_size().0);
}

#[test]
fn a_closer_look_stays_inside_the_picture() {
    let whole = Part { row: 0, col: 0, rows: 100, cols: 200 };
    let mut mask = vec![false; 20_000];
    assert_eq!(closer(&mask, &mask, whole), whole);
    mask[0] = true;
    assert_eq!(closer(&mask, &mask, whole), Part { row: 0, col: 0, rows: 64, cols: 64 });
    mask[19_999] = true;
    assert_eq!(closer(&mask, &mask, whole), whole);
}

#[test]
fn a_single_pixel_does_not_vanish_when_the_picture_shrinks() {
    let whole = Part { row: 0, col: 0, rows: 1_000, cols: 1_000 };
    let mut mask = vec![false; 1_000_000];
    mask[123_456] = true;
    assert_eq!(outline(&mask, 1_000, whole, (256, 256)).iter().filter(|&&edge| edge).count(), 1);
}

#[test]
fn long_phrases_are_wrapped_between_words() {
    let lines = wrapped("the second white car from the left in the parking lot beside the roundabout");
    assert_eq!(lines, ["the second white car from the left in the", "parking lot beside the roundabout"]);
}
