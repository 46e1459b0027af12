//! The whole evaluator against numpy, scikit-learn and pycocotools: `tests/parity/evaluation.py` printed the constants.

use super::evaluator::{Evaluator, RecordOutcome};
use super::protocol::EvalOptions;
use super::report::EvalReport;
use crate::dataset::Mask;

const ROWS: usize = 24;
const COLS: usize = 31;

struct Drawn {
    probability: Vec<f32>,
    uncertainty: Vec<f32>,
    raw: Vec<f32>,
    truth: Mask,
}

/// The script's linear congruence.
fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1_u32 << 24) as f32
}

/// The script's twelve records: labels are flipped more often from record to record, and the last mask is empty.
fn records() -> Vec<Drawn> {
    let mut state = 11;
    (0..12)
        .map(|record| {
            let noise = record as f32 / 24.0;
            let (mut probability, mut uncertainty, mut raw, mut truth) = (vec![], vec![], vec![], vec![]);
            for _ in 0..ROWS * COLS {
                let [a, b, c, d] = [(); 4].map(|()| uniform(&mut state));
                let p = ((a * 64.0).floor() + 0.5) / 64.0;
                let flipped = b < noise * (1.5 - (a - 0.5).abs() * 2.0);
                truth.push(u8::from((a > 0.5) != flipped && record < 11));
                let doubt = p.min(1.0 - p);
                probability.push(p);
                uncertainty.push((((doubt + c) * 0.5 * 32.0).floor() + 0.5) / 32.0);
                raw.push(((d * 32.0).floor() + 0.5) / 32.0);
            }
            Drawn { probability, uncertainty, raw, truth: Mask::new(ROWS, COLS, truth).unwrap() }
        })
        .collect()
}

fn report() -> (EvalReport, Vec<f64>) {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    let mut ious = Vec::new();
    for (at, drawn) in records().iter().enumerate() {
        let score = evaluator.add(&RecordOutcome {
            id: &at.to_string(),
            kind: None,
            category: None,
            rows: ROWS,
            cols: COLS,
            truth: Some(&drawn.truth),
            probability: &drawn.probability,
            uncertainty: &drawn.uncertainty,
            raw_uncertainty: Some(&drawn.raw),
        });
        ious.push(score.unwrap().iou.unwrap());
    }
    (evaluator.report(), ious)
}

fn assert_near(name: &str, got: Option<f64>, expected: f64, tolerance: f64) {
    let got = got.unwrap();
    assert!((got - expected).abs() < tolerance, "{name}: {got} is not {expected}");
}

#[test]
fn masks_score_as_numpy_and_pycocotools_have_it() {
    let (report, ious) = report();
    for (got, expected) in ious.iter().zip(IOUS) {
        assert!((got - expected).abs() < 1e-14, "{got} {expected}");
    }
    let scores = &report.overall;
    assert_near("mIoU", scores.miou, 0.6243807449400812, 1e-14);
    assert_near("oIoU", scores.oiou, 0.6134899583175445, 1e-14);
    let pr = [0.75, 0.5833333333333334, 0.4166666666666667, 0.3333333333333333, 0.16666666666666666];
    for (bar, expected) in ["0.5", "0.6", "0.7", "0.8", "0.9"].into_iter().zip(pr) {
        assert_near(bar, scores.pr[bar], expected, 1e-14);
    }
    assert_eq!((scores.n_target, scores.n_empty_truth), (12, 1));
}

#[test]
fn doubt_scores_as_scikit_learn_has_it() {
    let scores = report().0.overall;
    // Ranks are counted in bins that tell all these values apart; probabilities are summed as 32-bit floats.
    assert_near("error rate", scores.error_rate, 0.22849462365591397, 1e-14);
    for (name, got, expected) in [
        ("AUROC u", scores.auroc_u, 0.5249610718271048),
        ("AUROC RUS", scores.auroc_rus, 0.49673359181070803),
        ("AUROC entropy", scores.auroc_entropy, 0.5787003114253833),
        ("AUPR u", scores.aupr_u, 0.24580192010637136),
        ("AUPR RUS", scores.aupr_rus, 0.22436919872990624),
        ("AUPR entropy", scores.aupr_entropy, 0.2744957288057768),
        ("AURC u", scores.aurc_u, 0.21151557171526528),
        ("AURC RUS", scores.aurc_rus, 0.2306286480226444),
        ("AURC entropy", scores.aurc_entropy, 0.18618483846276523),
        ("ECE u", scores.ece_u, 0.16870029681899643),
        ("ECE RUS", scores.ece_rus, 0.31591621863799285),
        ("ECE entropy", scores.ece_entropy, 0.08365885416666667),
        ("ECE p", scores.ece_p, 0.08270679323476703),
    ] {
        assert_near(name, got, expected, 1e-12);
    }
}

#[test]
fn intervals_hold_their_numbers_and_come_again() {
    let (report, _) = report();
    let inside = |ends: Option<[f64; 2]>, value: Option<f64>| {
        let ([low, high], value) = (ends.unwrap(), value.unwrap());
        assert!(low < value && value < high, "{value} is not in {low} to {high}");
    };
    let (scores, ci95) = (&report.overall, &report.ci95);
    inside(ci95.miou, scores.miou);
    inside(ci95.oiou, scores.oiou);
    inside(ci95.pr["0.5"], scores.pr["0.5"]);
    inside(ci95.auroc_u, scores.auroc_u);
    inside(ci95.aurc_entropy, scores.aurc_entropy);
    inside(ci95.ece_p, scores.ece_p);
    assert_eq!(ci95.miou, scores.miou_ci95);
    // Entropy is the better map here, in every resample; a map drawn by lot is worse still.
    let [low, high] = report.u_minus_entropy.auroc.ci95.unwrap();
    assert!(low < high && high < 0.0, "{low} {high}");
    inside(report.u_minus_entropy.auroc.ci95, report.u_minus_entropy.auroc.value);
    assert_near(
        "AUROC u - entropy",
        report.u_minus_entropy.auroc.value,
        0.5249610718271048 - 0.5787003114253833,
        1e-12,
    );
    assert!(report.rus_minus_entropy.aurc.value.unwrap() > report.u_minus_entropy.aurc.value.unwrap());
    assert_eq!(report, self::report().0);
}

const IOUS: [f64; 12] = [
    1.0,
    0.944444444444444,
    0.845965770171149,
    0.810526315789474,
    0.736596736596737,
    0.628888888888889,
    0.619148936170213,
    0.54468085106383,
    0.505133470225873,
    0.460921843687375,
    0.396261682242991,
    0.0,
];
