use super::*;

/// Uniform numbers in 0 to 1 with a fixed seed.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

fn assert_near(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() < tolerance, "{got} is not {expected} within {tolerance}");
}

#[test]
fn the_default_changes_nothing() {
    let identity = Calibration::default();
    // sigmoid(ln 3) = 3 / (3 + 1).
    assert_near(f64::from(identity.apply_probability(3.0_f32.ln())), 0.75, 1e-6);
    assert_near(f64::from(identity.apply_uncertainty(3.0_f32.ln(), -40.0)), 0.75, 1e-6);
    assert!(identity.gate_is_open(0.0));
}

#[test]
fn the_temperature_divides_the_logit() {
    let calibration = Calibration { temperature: 2.0, ..Calibration::default() };
    assert_near(f64::from(calibration.apply_probability(2.0 * 3.0_f32.ln())), 0.75, 1e-6);
}

#[test]
fn the_uncertainty_sees_the_margin_and_not_the_side() {
    let uncertainty = UncertaintyCoefficients { rus: 0.5, margin: -1.0, marked: 0.0, bias: 0.25 };
    let calibration = Calibration { uncertainty, ..Calibration::default() };
    // 0.5 * 1.5 - 1.0 * 1.0 + 0.25 = 0.
    assert_eq!(calibration.apply_uncertainty(1.5, 1.0), 0.5);
    assert_eq!(calibration.apply_uncertainty(1.5, -1.0), 0.5);
}

#[test]
fn the_uncertainty_of_marked_pixels_may_be_higher() {
    let uncertainty = UncertaintyCoefficients { rus: 0.0, margin: -1.0, marked: 3.0_f64.ln(), bias: 1.0 };
    let calibration = Calibration { uncertainty, ..Calibration::default() };
    // sigmoid(-1 + ln 3 + 1) = 3/4 where it is marked, sigmoid(-1 + 1) = 1/2 where it is not.
    assert_near(f64::from(calibration.apply_uncertainty(9.0, 1.0)), 0.75, 1e-6);
    assert_eq!(calibration.apply_uncertainty(9.0, -1.0), 0.5);
}

fn closed_gate(closed: Option<ClosedCoefficients>) -> (Vec<f32>, Vec<f32>) {
    let calibration = Calibration { presence_threshold: 0.8, closed, ..Calibration::default() };
    calibration.apply(&TileLogits { mask: vec![-1.0, 30.0], rus: vec![2.0, 2.0], presence: Some(0.75) })
}

#[test]
fn behind_a_closed_gate_nothing_is_left_unless_it_was_fitted() {
    assert_eq!(closed_gate(None), (vec![0.0, 0.0], vec![0.0, 0.0]));
    // Presence 3/4 is a logit of ln 3: sigmoid(-1 - ln 3 + 1) = 1/4.
    let closed = ClosedCoefficients { mask: 1.0, presence: -1.0, bias: 1.0 };
    let (probability, uncertainty) = closed_gate(Some(closed));
    assert_near(f64::from(probability[0]), 0.25, 1e-6);
    // Whatever the mask says, it is not marked, and the doubt about that is the probability.
    assert_eq!(probability[1], 0.5);
    assert_eq!(probability, uncertainty);
}

#[test]
fn what_is_left_behind_closed_gates_is_recovered_from_simulated_pixels() {
    let mut uniform = Uniform(7);
    let pixels: Vec<fit::ClosedPixel> = (0..200_000)
        .map(|_| {
            let (mask, presence) = (8.0 * uniform.next() - 6.0, 4.0 * uniform.next() - 3.0);
            let truth = uniform.next() < probability(0.6 * mask + 0.4 * presence - 1.5);
            fit::ClosedPixel { mask, presence, truth }
        })
        .collect();
    let fitted = fit::closed_model(&pixels).unwrap();
    assert_near(fitted.mask, 0.6, 0.02);
    assert_near(fitted.presence, 0.4, 0.03);
    assert_near(fitted.bias, -1.5, 0.05);
    assert_eq!(fit::closed_model(&pixels[..0]), None);
}

#[test]
fn extreme_logits_stay_inside_zero_and_one() {
    assert_eq!(sigmoid(1e30), 1.0);
    assert_eq!(sigmoid(-1e30), 0.0);
}

#[test]
fn the_gate_closes_below_its_threshold() {
    let calibration = Calibration { presence_threshold: 0.25, ..Calibration::default() };
    assert!(calibration.gate_is_open(0.25));
    assert!(!calibration.gate_is_open(0.249));
}

#[test]
fn numbers_that_no_fit_gives_are_refused() {
    assert!(Calibration::default().check().is_ok());
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Calibration { temperature, ..Calibration::default() }.check().is_err());
    }
    assert!(Calibration { presence_threshold: 1.5, ..Calibration::default() }.check().is_err());
    let uncertainty = UncertaintyCoefficients { bias: f64::NAN, ..UncertaintyCoefficients::default() };
    assert!(Calibration { uncertainty, ..Calibration::default() }.check().is_err());
}

#[test]
fn a_calibration_survives_its_json_and_a_missing_part_is_the_default() {
    let calibration = Calibration { temperature: 1.5, ..Calibration::default() };
    let text = serde_json::to_string(&calibration).unwrap();
    assert_eq!(
        text,
        r#"{"temperature":1.5,"uncertainty":{"rus":1.0,"margin":0.0,"marked":0.0,"bias":0.0},"presence_threshold":0.0}"#
    );
    assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration);
    assert_eq!(serde_json::from_str::<Calibration>("{}").unwrap(), Calibration::default());
    // As it was written before there was anything to say about marked pixels and closed gates.
    let earlier = r#"{"temperature":1.5,"uncertainty":{"rus":1.0,"margin":0.0,"bias":0.0},"presence_threshold":0.0}"#;
    assert_eq!(serde_json::from_str::<Calibration>(earlier).unwrap(), calibration);
    assert!(serde_json::from_str::<Calibration>(r#"{"temprature":2}"#).is_err());
}

#[test]
fn a_temperature_is_solved_by_hand() {
    // All logits are 2, three of four pixels are true: sigmoid(2 / T) = 3/4, so T = 2 / ln 3 = 1.8205.
    let pixels: Vec<MaskPixel> = [true, true, true, false].map(|truth| MaskPixel { logit: 2.0, truth }).to_vec();
    assert_near(fit::temperature(&pixels), 2.0 / 3.0_f64.ln(), 1e-8);
}

#[test]
fn a_temperature_is_recovered_from_simulated_pixels() {
    let mut uniform = Uniform(1);
    let pixels: Vec<MaskPixel> = (0..200_000)
        .map(|_| {
            let logit = 12.0 * uniform.next() - 6.0;
            MaskPixel { logit, truth: uniform.next() < probability(logit / 2.5) }
        })
        .collect();
    assert_near(fit::temperature(&pixels), 2.5, 0.03);
    assert!(fit::mask_nll(&pixels, 2.5) < fit::mask_nll(&pixels, 1.0));
}

#[test]
fn pixels_without_a_single_error_end_at_the_lowest_temperature() {
    let pixels = [MaskPixel { logit: 3.0, truth: true }, MaskPixel { logit: -3.0, truth: false }];
    assert_eq!(fit::temperature(&pixels), 0.02);
}

fn simulated_errors(n: usize, c: UncertaintyCoefficients) -> Vec<ErrorPixel> {
    let mut uniform = Uniform(2);
    (0..n)
        .map(|_| {
            let rus_logit = 8.0 * uniform.next() - 4.0;
            let margin = 6.0 * uniform.next();
            let marked = uniform.next() < 0.3;
            let z = c.rus * rus_logit + c.margin * margin + if marked { c.marked } else { 0.0 } + c.bias;
            ErrorPixel { rus_logit, margin, marked, wrong: uniform.next() < probability(z) }
        })
        .collect()
}

#[test]
fn uncertainty_coefficients_are_recovered_from_simulated_errors() {
    let truth = UncertaintyCoefficients { rus: 0.6, margin: -0.8, marked: 0.7, bias: -0.4 };
    let fitted = fit::error_model(&simulated_errors(200_000, truth)).unwrap();
    assert_near(fitted.rus, 0.6, 0.02);
    assert_near(fitted.margin, -0.8, 0.02);
    assert_near(fitted.marked, 0.7, 0.04);
    assert_near(fitted.bias, -0.4, 0.04);
}

#[test]
fn a_fit_that_rests_on_the_base_rate_alone_is_solved_by_hand() {
    // Neither feature changes, 1 of 4 is wrong: bias = ln(1/3).
    let pixel = |wrong| ErrorPixel { rus_logit: 0.7, margin: 2.0, marked: false, wrong };
    let fitted = fit::error_model(&[pixel(true), pixel(false), pixel(false), pixel(false)]).unwrap();
    assert_eq!((fitted.rus, fitted.margin), (0.0, 0.0));
    assert_near(fitted.bias, (1.0_f64 / 3.0).ln(), 1e-5);
}

#[test]
fn errors_that_one_feature_separates_still_give_finite_numbers() {
    let pixel = |margin, wrong| ErrorPixel { rus_logit: margin, margin, marked: false, wrong };
    let fitted = fit::error_model(&[pixel(0.1, true), pixel(0.2, true), pixel(3.0, false), pixel(4.0, false)]).unwrap();
    assert!(fitted.rus.is_finite() && fitted.margin < 0.0 && fitted.bias > 0.0);
}

/// A tile of 1,000 px of this presence with 100 marked pixels, of which some belong to the target.
fn tile(presence: f64, both_px: u64) -> fit::GateTile {
    fit::GateTile { presence, marked_px: 100, both_px }
}

/// A record of some tiles and a target of 100 px, or none.
fn gated(tiles: &[fit::GateTile], has_target: bool) -> fit::GateRecord {
    let truth_px = if has_target { 100 } else { 0 };
    fit::GateRecord { has_target, truth_px, area_px: 1_000 * tiles.len() as u64, tiles: tiles.to_vec() }
}

/// A record of one tile whose mask is exactly right.
fn found(presence: f64) -> fit::GateRecord {
    gated(&[tile(presence, 100)], true)
}

/// A record without a target whose mask marks something all the same.
fn loud(presence: f64) -> fit::GateRecord {
    gated(&[tile(presence, 0)], false)
}

#[test]
fn the_gate_is_the_lowest_that_keeps_records_without_a_target_silent() {
    let gate = fit::presence_threshold(&[found(0.9), found(0.4), loud(0.2), loud(0.1)]).unwrap();
    // Both false alarms are silent above 0.2; the next presence is 0.4.
    assert_near(gate.threshold, 0.3, 1e-12);
    assert_eq!((gate.silence, gate.iou), ([0.0, 1.0], [1.0, 1.0]));
}

#[test]
fn a_gate_that_is_not_needed_stays_open() {
    let silent = gated(&[fit::GateTile { marked_px: 0, ..tile(0.1, 0) }], false);
    let gate = fit::presence_threshold(&[found(0.05), silent]).unwrap();
    assert_eq!((gate.threshold, gate.silence), (0.0, [1.0, 1.0]));
}

#[test]
fn a_gate_never_buys_silence_with_more_than_a_quarter_of_the_iou() {
    // Five found: closing the one at 0.1 costs a fifth and silences half; closing that at 0.3 too would cost two fifths.
    let records = [found(0.1), loud(0.2), found(0.3), loud(0.4), found(0.7), found(0.8), found(0.9)];
    let gate = fit::presence_threshold(&records).unwrap();
    assert_near(gate.threshold, 0.25, 1e-12);
    assert_near(gate.iou[1], 0.8, 1e-12);
    assert_eq!(gate.silence, [0.0, 0.5]);
}

#[test]
fn a_record_is_silent_when_all_of_its_tiles_are_closed() {
    let records = [found(0.9), gated(&[tile(0.2, 0), tile(0.6, 0), tile(0.1, 0)], false)];
    assert_near(fit::presence_threshold(&records).unwrap().threshold, 0.75, 1e-12);
}

#[test]
fn closing_a_tile_without_a_target_raises_the_iou_of_its_record() {
    // Open: 100 of 200 + 100 - 100; with the second tile closed all is right.
    let records = [gated(&[tile(0.9, 100), tile(0.2, 0)], true), loud(0.3)];
    let gate = fit::presence_threshold(&records).unwrap();
    assert_near(gate.threshold, 0.6, 1e-12);
    assert_eq!(gate.iou, [0.5, 1.0]);
}

#[test]
fn records_of_equal_presence_fall_on_one_side() {
    // Between two records of presence 0.5 there is no threshold.
    assert_eq!(fit::presence_threshold(&[found(0.5), loud(0.5)]).unwrap().threshold, 0.0);
}

#[test]
fn without_both_kinds_of_records_there_is_no_gate() {
    assert_eq!(fit::presence_threshold(&[found(0.5)]), None);
    assert_eq!(fit::presence_threshold(&[loud(0.5)]), None);
    assert_eq!(fit::presence_threshold(&[]), None);
}

#[test]
fn a_fitter_recovers_what_its_records_were_drawn_from() {
    // The truth follows the mask logit at temperature 2, and the scorer says nothing: the chance of an error
    // is sigmoid(-|logit| / 2), so margin -> -0.5, rus -> 0, bias -> 0.
    let mut uniform = Uniform(3);
    let mut fitter = CalibrationFitter::new(2_000);
    for record in 0..60 {
        let mask_logits: Vec<f32> = (0..4_000).map(|_| (10.0 * uniform.next() - 5.0) as f32).collect();
        let rus_logits: Vec<f32> = (0..4_000).map(|_| (2.0 * uniform.next() - 1.0) as f32).collect();
        let target: Vec<u8> =
            mask_logits.iter().map(|&z| u8::from(uniform.next() < probability(f64::from(z) / 2.0))).collect();
        let has_target = record % 3 != 0;
        let truth = if has_target { target } else { vec![0; 4_000] };
        let presence = Some(if has_target { 0.75 } else { 0.25 });
        let record = CalibrationRecord {
            mask_logits: &mask_logits,
            rus_logits: &rus_logits,
            truth: &truth,
            has_target,
            presence,
        };
        fitter.add(&record).unwrap();
    }
    let (calibration, summary) = fitter.fit().unwrap();
    assert_near(calibration.temperature, 2.0, 0.05);
    assert_near(calibration.uncertainty.margin, -0.5, 0.02);
    assert_near(calibration.uncertainty.rus, 0.0, 0.03);
    assert_near(calibration.uncertainty.bias, 0.0, 0.03);
    assert_near(calibration.presence_threshold, 0.5, 1e-9);
    assert_eq!(summary.pixels, 40 * 2_000);
    assert_eq!(summary.presence_records, [40, 20]);
    assert!(summary.mask_nll[1] < summary.mask_nll[0]);
    assert!(summary.uncertainty_nll[1] < summary.uncertainty_nll[0]);
}

#[test]
fn a_model_without_an_error_cannot_be_fitted_and_says_so() {
    let mut fitter = CalibrationFitter::new(10);
    let record = CalibrationRecord {
        mask_logits: &[1.0, -1.0],
        rus_logits: &[0.0, 0.0],
        truth: &[1, 0],
        has_target: true,
        presence: None,
    };
    fitter.add(&record).unwrap();
    let message = fitter.fit().unwrap_err().to_string();
    assert!(message.contains("0 of 2 sampled labels are wrong"), "{message}");
}

#[test]
fn logits_that_are_not_finite_are_refused() {
    let record = CalibrationRecord {
        mask_logits: &[f32::NAN],
        rus_logits: &[0.0],
        truth: &[1],
        has_target: true,
        presence: None,
    };
    assert!(CalibrationFitter::new(1).add(&record).is_err());
}
