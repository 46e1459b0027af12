use super::*;

fn counted(scores: &[(f32, bool)]) -> RankCounts {
    let mut counts = RankCounts::new(FINE_BINS);
    for &(score, event) in scores {
        counts.add(score, event);
    }
    counts
}

fn assert_near(got: Option<f64>, expected: f64) {
    let got = got.unwrap();
    assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
}

#[test]
fn auroc_counts_the_pairs_that_are_in_order() {
    // Events 0.8 and 0.3, others 0.1 and 0.5: 0.8 beats both, 0.3 beats one of two. 3 of 4.
    assert_eq!(counted(&[(0.8, true), (0.3, true), (0.1, false), (0.5, false)]).auroc(), Some(0.75));
}

#[test]
fn average_precision_sums_the_precision_at_each_event() {
    // From the top: 0.8 hit (1/1), 0.5 miss, 0.3 hit (2/3), 0.1 miss. (1 + 2/3) / 2.
    let counts = counted(&[(0.8, true), (0.3, true), (0.1, false), (0.5, false)]);
    assert_near(counts.average_precision(), (1.0 + 2.0 / 3.0) / 2.0);
}

#[test]
fn the_area_under_risk_and_coverage_is_the_mean_risk_of_what_is_kept() {
    // Lowest first: 0.1 right, 0.3 wrong, 0.5 right, 0.8 wrong. Risks 0, 1/2, 1/3, 2/4; at best 0, 0, 1/3, 2/4.
    let counts = counted(&[(0.8, true), (0.3, true), (0.1, false), (0.5, false)]);
    assert_near(counts.aurc(), (0.0 + 0.5 + 1.0 / 3.0 + 0.5) / 4.0);
    assert_near(counts.aurc_ideal(), (0.0 + 0.0 + 1.0 / 3.0 + 0.5) / 4.0);
    let risks = counts.risks(&[0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(risks, [0.0, 0.0, 0.5, 1.0 / 3.0, 0.5]);
}

#[test]
fn ties_are_worth_one_half_and_come_in_random_order() {
    let counts = counted(&[(0.2, true), (0.2, false)]);
    assert_eq!(counts.auroc(), Some(0.5));
    // Both are taken together: precision 1/2.
    assert_near(counts.average_precision(), 0.5);
    // The first kept is wrong half of the time: (1/2 + 1/2) / 2.
    assert_near(counts.aurc(), 0.5);
    assert_eq!(counts.risks(&[0.5, 1.0]), [0.5, 0.5]);
}

#[test]
fn scores_of_one_in_ten_thousand_are_still_told_apart() {
    assert_eq!(counted(&[(1.1e-4, true), (1.0e-4, false)]).auroc(), Some(1.0));
}

#[test]
fn zero_and_one_are_scores_too() {
    assert_eq!(counted(&[(1.0, true), (0.0, false)]).auroc(), Some(1.0));
}

#[test]
fn without_events_there_is_nothing_to_rank() {
    let quiet = counted(&[(0.2, false), (0.9, false)]);
    assert_eq!((quiet.auroc(), quiet.average_precision()), (None, None));
    assert_eq!((quiet.aurc(), quiet.aurc_ideal()), (Some(0.0), Some(0.0)));
    let nothing = counted(&[]);
    assert_eq!((nothing.auroc(), nothing.aurc(), nothing.average_precision()), (None, None, None));
}

#[test]
fn harmonic_numbers_meet_where_the_expansion_sets_in() {
    let exact: f64 = (1..=64).map(|k| 1.0 / f64::from(k)).sum();
    assert!((harmonic(64) - exact).abs() < 1e-12);
    assert!((harmonic(64) - harmonic(63) - 1.0 / 64.0).abs() < 1e-12);
}

#[test]
fn a_record_counted_twice_weighs_double_and_coarse_bins_hold_the_same_pixels() {
    let record = counted(&[(0.9, true), (0.4, false), (0.3, true), (0.2, false)]);
    let mut sum = RankCounts::new(FINE_BINS);
    sum.add_bins(&record.sparse(), 1);
    assert_eq!(sum, record);
    let mut coarse = RankCounts::new(COARSE_BINS);
    coarse.add_bins(&record.coarse().sparse(), 2);
    assert_eq!(coarse.totals(), [4, 4]);
    assert_eq!(coarse.auroc(), record.coarse().auroc());
}

/// Uniform numbers from a linear congruence, as `evaluation.py` draws them.
fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1_u32 << 24) as f32
}

/// 3,000 scores, and events that happen as often as foretold.
fn drawn(mut score_of: impl FnMut(f32) -> f32) -> Vec<(f32, bool)> {
    let mut state = 5;
    (0..3_000)
        .map(|_| {
            let square = uniform(&mut state).powi(2);
            let score = score_of(square * square);
            (score, uniform(&mut state) < score)
        })
        .collect()
}

// The expected values of the next two tests were computed by scikit-learn and numpy: `tests/parity/evaluation.py`.

#[test]
fn scores_with_ties_give_the_numbers_of_scikit_learn() {
    // Steps of 1/32 are told apart by the bins, so that nothing is lost to them.
    let counts = counted(&drawn(|score| ((score * 32.0).floor() + 0.5) / 33.0));
    assert_near(counts.auroc(), SKLEARN_TIES[0]);
    assert_near(counts.average_precision(), SKLEARN_TIES[1]);
    assert!((counts.aurc().unwrap() - SKLEARN_TIES[2]).abs() < 1e-11);
}

#[test]
fn binning_costs_less_than_a_thousandth_against_scikit_learn() {
    let counts = counted(&drawn(|score| score));
    for (got, expected) in [counts.auroc(), counts.average_precision(), counts.aurc()].into_iter().zip(SKLEARN) {
        assert!((got.unwrap() - expected).abs() < 1e-3, "{got:?} {expected}");
    }
}

const SKLEARN_TIES: [f64; 3] = [0.8839024502454009, 0.6882541893097294, 0.05350176220239693];
const SKLEARN: [f64; 3] = [0.9094037282272576, 0.7384137196840873, 0.0414072558423249];
