use super::*;
use crate::evaluation::{EmptyUnion, PrecisionOperator, Protocol};

/// One row of ten pixels; `marked` of them from the left are predicted, `from..to` are true.
struct Case {
    truth: Option<Mask>,
    probability: Vec<f32>,
    uncertainty: Vec<f32>,
}

fn case(predicted: usize, truth: Option<std::ops::Range<usize>>) -> Case {
    Case {
        truth: truth.map(|range| Mask::new(1, 10, (0..10).map(|at| u8::from(range.contains(&at))).collect()).unwrap()),
        probability: (0..10).map(|at| if at < predicted { 0.75 } else { 0.25 }).collect(),
        uncertainty: vec![0.25; 10],
    }
}

impl Case {
    fn outcome<'a>(&'a self, id: &'a str, kind: Option<&'a str>, category: Option<&'a str>) -> RecordOutcome<'a> {
        RecordOutcome {
            id,
            kind,
            category,
            rows: 1,
            cols: 10,
            truth: self.truth.as_ref(),
            probability: &self.probability,
            uncertainty: &self.uncertainty,
            raw_uncertainty: None,
        }
    }
}

fn assert_near(got: Option<f64>, expected: f64) {
    let got = got.unwrap();
    assert!((got - expected).abs() < 1e-9, "{got} is not {expected}");
}

#[test]
fn mean_and_overall_iou_differ_as_they_should() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    // 4 of 8 pixels found: IoU 4/8. 1 found, 1 true, the same: 1/1. 2 marked beside 2 true: 0/4.
    for (id, predicted, truth) in [("a", 4, 0..8), ("b", 1, 0..1), ("c", 2, 5..7)] {
        evaluator.add(&case(predicted, Some(truth)).outcome(id, None, None)).unwrap();
    }
    let report = evaluator.report();
    assert_near(report.overall.miou, (0.5 + 1.0 + 0.0) / 3.0);
    assert_near(report.overall.oiou, 5.0 / 13.0);
    assert_near(report.overall.pr["0.5"], 2.0 / 3.0);
    assert_near(report.overall.pr["0.6"], 1.0 / 3.0);
    assert_near(report.overall.pr["0.9"], 1.0 / 3.0);
    assert_eq!(report.overall.silence, None);
    assert!(report.kind.is_empty() && report.category.is_empty());
}

#[test]
fn above_the_bar_may_mean_strictly_above() {
    let options = EvalOptions { precision_operator: PrecisionOperator::Gt, ..EvalOptions::default() };
    let mut evaluator = Evaluator::new(options);
    evaluator.add(&case(4, Some(0..8)).outcome("a", None, None)).unwrap();
    assert_near(evaluator.report().overall.pr["0.5"], 0.0);
}

#[test]
fn a_probability_of_one_half_marks_nothing() {
    let mut case = case(0, Some(0..10));
    case.probability = vec![0.5; 10];
    let score = Evaluator::new(EvalOptions::default()).add(&case.outcome("a", None, None)).unwrap();
    assert_eq!((score.iou, score.marked), (Some(0.0), 0.0));
}

#[test]
fn a_record_without_target_counts_for_silence_and_nowhere_else() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator.add(&case(4, Some(0..8)).outcome("a", None, None)).unwrap();
    let alone = evaluator.report().overall;
    assert_eq!(evaluator.add(&case(0, None).outcome("b", None, None)).unwrap().silent, Some(true));
    assert_eq!(evaluator.add(&case(3, None).outcome("c", None, None)).unwrap().silent, Some(false));
    let both = evaluator.report().overall;
    assert_eq!(both, Scores { n: 3, n_null: 2, silence: Some(0.5), ..alone });
}

#[test]
fn silence_means_fewer_than_one_pixel_in_a_thousand() {
    for (marked, silent) in [(1, true), (2, false)] {
        let probability: Vec<f32> = (0..2_000).map(|at| if at < marked { 0.9 } else { 0.1 }).collect();
        let uncertainty = vec![0.1; 2_000];
        let outcome = RecordOutcome {
            id: "a",
            kind: None,
            category: None,
            rows: 2,
            cols: 1_000,
            truth: None,
            probability: &probability,
            uncertainty: &uncertainty,
            raw_uncertainty: None,
        };
        let score = Evaluator::new(EvalOptions::default()).add(&outcome).unwrap();
        assert_eq!(score.silent, Some(silent), "{marked} of 2,000 pixels");
    }
}

#[test]
fn an_empty_union_is_zero_one_or_skipped() {
    for (rule, miou) in [(EmptyUnion::Zero, 0.25), (EmptyUnion::One, 0.75), (EmptyUnion::Skip, 0.5)] {
        let mut evaluator = Evaluator::new(EvalOptions { empty_union: rule, ..EvalOptions::default() });
        evaluator.add(&case(4, Some(0..8)).outcome("a", None, None)).unwrap();
        evaluator.add(&case(0, Some(0..0)).outcome("b", None, None)).unwrap();
        let overall = evaluator.report().overall;
        assert_near(overall.miou, miou);
        assert_eq!((overall.n_target, overall.n_empty_truth), (2, 1));
        assert_near(overall.oiou, 0.5);
    }
}

#[test]
fn kinds_and_categories_have_their_own_numbers() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator.add(&case(4, Some(0..8)).outcome("a", Some("position"), Some("ship"))).unwrap();
    evaluator.add(&case(1, Some(0..1)).outcome("b", Some("size"), Some("ship"))).unwrap();
    evaluator.add(&case(0, None).outcome("c", Some("size"), Some("tank"))).unwrap();
    let report = evaluator.report();
    assert_near(report.kind["position"].miou, 0.5);
    assert_near(report.kind["size"].miou, 1.0);
    assert_near(report.kind["size"].silence, 1.0);
    assert_near(report.category["ship"].miou, 0.75);
    assert_eq!(report.category["tank"].miou, None);
    assert_eq!(report.overall.n, 3);
}

#[test]
fn a_category_with_fewer_than_eight_records_is_not_in_the_mean_over_categories() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    // Eight ships at 1/2, eight tanks at 1, seven piers at 0: (1/2 + 1) / 2.
    for (count, predicted, truth, category) in [(8, 4, 0..8, "ship"), (8, 1, 0..1, "tank"), (7, 2, 5..7, "pier")] {
        for _ in 0..count {
            evaluator.add(&case(predicted, Some(truth.clone())).outcome("a", None, Some(category))).unwrap();
        }
    }
    assert_near(evaluator.report().overall.miou_category_mean, 0.75);
}

#[test]
fn calibration_errors_are_counted_by_hand() {
    // Marked 0 to 3 at 0.75, true 0 to 7. At 0.75: four pixels, four true. At 0.25: six pixels, four true.
    // ECE of p: (|4 * 0.75 - 4| + |6 * 0.25 - 4|) / 10 = (1 + 2.5) / 10.
    // ECE of u: all ten at 0.25, four wrong: |2.5 - 4| / 10.
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator.add(&case(4, Some(0..8)).outcome("a", None, None)).unwrap();
    let overall = evaluator.report().overall;
    assert_near(overall.ece_p, 0.35);
    assert_near(overall.ece_u, 0.15);
    // Every score is the same, so ranks say nothing.
    assert_near(overall.auroc_u, 0.5);
    assert_near(overall.auroc_entropy, 0.5);
    assert_eq!(overall.auroc_rus, None);
}

#[test]
fn an_uncertainty_that_knows_the_errors_has_an_auroc_of_one() {
    let mut case = case(4, Some(0..8));
    case.uncertainty = (0..10).map(|at| if (4..8).contains(&at) { 0.9 } else { 0.1 }).collect();
    let raw: Vec<f32> = case.uncertainty.iter().map(|u| 1.0 - u).collect();
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator.add(&RecordOutcome { raw_uncertainty: Some(&raw), ..case.outcome("a", None, None) }).unwrap();
    let overall = evaluator.report().overall;
    assert_near(overall.auroc_u, 1.0);
    assert_near(overall.auroc_rus, 0.0);
}

#[test]
fn planes_that_do_not_fit_are_refused_and_not_counted() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    let good = case(4, Some(0..8));
    let mut nan = case(4, Some(0..8));
    nan.probability[3] = f32::NAN;
    let message = evaluator.add(&nan.outcome("a", Some("k"), None)).unwrap_err().to_string();
    assert_eq!(message, "prediction for record a: the probability at row 0, column 3 is NaN, not in 0 to 1");
    assert!(evaluator.add(&RecordOutcome { cols: 9, ..good.outcome("a", None, None) }).is_err());
    assert!(evaluator.add(&RecordOutcome { uncertainty: &[0.5; 9], ..good.outcome("a", None, None) }).is_err());
    assert!(
        evaluator.add(&RecordOutcome { raw_uncertainty: Some(&[2.0; 10]), ..good.outcome("a", None, None) }).is_err()
    );
    assert_eq!(evaluator.report().overall.n, 0);
    assert!(evaluator.report().kind.is_empty());
}

#[test]
fn the_hash_of_the_ids_does_not_depend_on_their_order() {
    let hash = |ids: [&str; 2]| {
        let mut evaluator = Evaluator::new(EvalOptions::default());
        ids.iter().for_each(|id| assert!(evaluator.add(&case(0, None).outcome(id, None, None)).is_ok()));
        (evaluator.report().ids_blake3, evaluator.report().duplicate_ids)
    };
    assert_eq!(hash(["a", "b"]), hash(["b", "a"]));
    assert_ne!(hash(["a", "b"]).0, hash(["a", "c"]).0);
    assert_eq!(hash(["a", "a"]).1, 1);
}

#[test]
fn the_json_has_the_documented_names() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator.add(&case(4, Some(0..8)).outcome("a", Some("size"), Some("ship"))).unwrap();
    let report = evaluator.report();
    let json = serde_json::to_value(&report).unwrap();
    let numbers = ["n", "n_target", "miou", "oiou", "ece_p", "ece_u", "auroc_u", "auroc_entropy", "aurc_u", "aupr_u"];
    for name in numbers {
        assert!(json[name].is_number(), "{name}");
        assert!(json["kind"]["size"][name].is_number(), "kind.size.{name}");
        assert!(json["category"]["ship"][name].is_number(), "category.ship.{name}");
    }
    for name in ["silence", "auroc_rus", "miou_category_mean"] {
        assert!(json.as_object().unwrap()[name].is_null(), "{name}");
    }
    assert_eq!(json["pr"], serde_json::json!({"0.5": 1.0, "0.6": 0.0, "0.7": 0.0, "0.8": 0.0, "0.9": 0.0}));
    assert_eq!(json["protocol"]["compare"], "original");
    assert_eq!(json["miou_ci95"], serde_json::json!([0.5, 0.5]));
    assert_eq!(serde_json::from_value::<EvalReport>(json).unwrap(), report);
}

#[test]
fn the_table_fits_a_hundred_columns_and_shows_all_groups() {
    let mut evaluator = Evaluator::new(EvalOptions::new(Protocol::Lavt));
    let long = "a category whose name goes on and on";
    evaluator.add(&case(4, Some(0..8)).outcome("a", Some("size"), Some(long))).unwrap();
    evaluator.add(&case(4, None).outcome("b", Some("no_target"), None)).unwrap();
    let report = evaluator.report();
    let table = report.table();
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert!(table.is_ascii(), "{table}");
    let row = |start: &str| table.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert_eq!(row("  mIoU "), "  mIoU                         0.500   0.500 to 0.500");
    assert_eq!(
        row("all"),
        "all                              2      1  0.500  0.000  0.500  1.000  0.000  0.000   0.000   0.500"
    );
    assert!(row("  silence").contains("0.000"), "{table}");
    assert!(row("  AUROC").contains("0.5000        -   0.5000   +0.0000"), "{table}");
    assert!(row("  a category whose name goe~").contains("0.500"), "{table}");
    assert!(row("  10 % and more").contains("0.500"), "{table}");
    assert!(row("  below 16 x 16 px").contains("0.500"), "{table}");
}

#[test]
fn the_plot_is_a_drawing_with_four_panels() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator.add(&case(4, Some(0..8)).outcome("a", None, None)).unwrap();
    let mut report = evaluator.report();
    report.model = Some("a<b 0123456789abcdef".to_owned());
    let plot = report.plot();
    assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
    assert!(plot.contains("a&lt;b 0123456789ab: 1 records about 1 pictures"), "{plot}");
    assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
    let empty = Evaluator::new(EvalOptions::default()).report().plot();
    assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
}
