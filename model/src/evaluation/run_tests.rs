use std::fs;

use super::*;
use crate::dataset::{RecordWriter, Rle};
use crate::evaluation::{EvalOptions, Protocol};

/// A set of two pictures of 4 x 6 pixels, whose left half is bright, and three phrases.
struct Set {
    folder: tempfile::TempDir,
}

impl Set {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let set = Self { folder };
        fs::create_dir(set.images()).unwrap();
        let picture = image::RgbImage::from_fn(6, 4, |x, _| image::Rgb([if x < 3 { 250 } else { 5 }; 3]));
        for name in ["1.png", "2.png"] {
            picture.save(set.images().join(name)).unwrap();
        }
        set
    }

    fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    fn records(&self) -> PathBuf {
        self.folder.path().join("records.jsonl")
    }

    fn write(&self, records: &[ReferringRecord]) {
        let mut writer = RecordWriter::create(&self.records()).unwrap();
        records.iter().for_each(|record| writer.write(record).unwrap());
        writer.finish().unwrap();
    }

    fn request(&self, options: EvalOptions) -> EvalRequest {
        EvalRequest::new(&self.records(), &self.images(), options)
    }
}

fn left_half(rows: usize, cols: usize) -> Rle {
    Rle::encode(&Mask::new(rows, cols, (0..rows * cols).map(|at| u8::from(at % cols < cols / 2)).collect()).unwrap())
        .unwrap()
}

fn record(id: &str, image: &str, phrase: &str, rle: Option<Rle>) -> ReferringRecord {
    ReferringRecord {
        id: id.to_owned(),
        image: image.to_owned(),
        phrase: phrase.to_owned(),
        rle,
        known: None,
        kind: None,
        category: None,
        split: Some(if id == "c" { "test" } else { "val" }.to_owned()),
    }
}

fn three() -> Vec<ReferringRecord> {
    vec![
        record("a", "1.png", "the bright half", Some(left_half(4, 6))),
        record("b", "2.png", "the airport", None),
        record("c", "1.png", "the bright half again", Some(left_half(4, 6))),
    ]
}

/// Marks bright pixels for phrases that speak of them.
fn bright(picture: &RgbImage, phrases: &[String]) -> Result<Vec<ScenePrediction>, ModelError> {
    Ok(phrases
        .iter()
        .map(|phrase| {
            let probability: Vec<f32> = picture
                .rgb
                .chunks_exact(3)
                .map(|px| if px[0] > 127 && phrase.contains("bright") { 0.9 } else { 0.1 })
                .collect();
            ScenePrediction { uncertainty: vec![0.1; probability.len()], probability, raw_uncertainty: None }
        })
        .collect())
}

#[test]
fn a_predictor_that_is_right_scores_one_and_is_silent() {
    let set = Set::new();
    set.write(&three());
    let mut heard = Vec::new();
    let mut request = set.request(EvalOptions::default());
    request.keep_records = true;
    let report = evaluate(&request, &mut bright, &mut |done, total| heard.push((done, total))).unwrap();
    assert_eq!((report.overall.n, report.overall.miou, report.overall.silence), (3, Some(1.0), Some(1.0)));
    assert_eq!(heard, [(0, 3), (2, 3), (3, 3)]);
    let ids: Vec<&str> = report.records.iter().map(|score| score.id.as_str()).collect();
    assert_eq!(ids, ["a", "c", "b"]);
}

#[test]
fn each_picture_is_asked_about_once_with_all_its_phrases() {
    let set = Set::new();
    set.write(&three());
    let mut calls = Vec::new();
    let mut predict = |picture: &RgbImage, phrases: &[String]| {
        calls.push(phrases.len());
        bright(picture, phrases)
    };
    evaluate(&set.request(EvalOptions::default()), &mut predict, &mut |_, _| ()).unwrap();
    assert_eq!(calls, [2, 1]);
}

#[test]
fn the_phrases_of_a_call_are_bounded() {
    let set = Set::new();
    set.write(&three());
    let mut calls = Vec::new();
    let mut predict = |picture: &RgbImage, phrases: &[String]| {
        calls.push(phrases.len());
        bright(picture, phrases)
    };
    let mut request = set.request(EvalOptions::default());
    request.phrases_per_call = 1;
    evaluate(&request, &mut predict, &mut |_, _| ()).unwrap();
    assert_eq!(calls, [1, 1, 1]);
}

#[test]
fn one_split_can_be_chosen_and_must_exist() {
    let set = Set::new();
    set.write(&three());
    let mut request = set.request(EvalOptions::default());
    request.split = Some("test".to_owned());
    assert_eq!(evaluate(&request, &mut bright, &mut |_, _| ()).unwrap().overall.n, 1);
    request.split = Some("train".to_owned());
    let message = evaluate(&request, &mut bright, &mut |_, _| ()).unwrap_err().to_string();
    assert!(message.ends_with("holds no record of the split \"train\""), "{message}");
}

#[test]
fn the_published_protocol_resizes_picture_and_mask_to_a_square() {
    let set = Set::new();
    // The mask has one row more than the picture, as some of RRSIS-D have.
    set.write(&[record("a", "1.png", "the bright half", Some(left_half(5, 6)))]);
    let mut sides = Vec::new();
    let mut predict = |picture: &RgbImage, phrases: &[String]| {
        sides.push((picture.rows, picture.cols));
        bright(picture, phrases)
    };
    let report = evaluate(&set.request(EvalOptions::new(Protocol::Lavt)), &mut predict, &mut |_, _| ()).unwrap();
    assert_eq!(sides, [(480, 480)]);
    // Three columns of six are bright, and the borders of columns fall on borders of pixels of the square: 480 / 6.
    // Only the blend of the two middle columns may mark another half column more or less.
    assert!(report.overall.miou.unwrap() > 0.98, "{:?}", report.overall.miou);
    // At 5 x 6 px the mask as stored is met exactly.
    assert_eq!(report.grids["original"].miou, Some(1.0));
    assert_eq!(report.grids["network"].miou, report.overall.miou);

    let message = evaluate(&set.request(EvalOptions::default()), &mut bright, &mut |_, _| ()).unwrap_err().to_string();
    assert!(
        message.contains("record a: the mask has 5 rows and 6 columns, its picture 1.png has 4 and 6"),
        "{message}"
    );
}

#[test]
fn a_missing_picture_is_named() {
    let set = Set::new();
    set.write(&[record("a", "9.png", "the bright half", None)]);
    let message = evaluate(&set.request(EvalOptions::default()), &mut bright, &mut |_, _| ()).unwrap_err().to_string();
    assert!(message.ends_with("images/9.png"), "{message}");
}

#[test]
fn a_predictor_that_forgets_a_phrase_is_caught() {
    let set = Set::new();
    set.write(&three());
    let mut forgetful = |picture: &RgbImage, phrases: &[String]| bright(picture, &phrases[1..]);
    let message =
        evaluate(&set.request(EvalOptions::default()), &mut forgetful, &mut |_, _| ()).unwrap_err().to_string();
    assert_eq!(message, "prediction for record a: 1 predictions for 2 phrases");
}

#[test]
fn an_error_of_the_predictor_is_passed_on() {
    #[derive(Debug)]
    enum Mine {
        Stopped,
        Model,
    }
    impl From<ModelError> for Mine {
        fn from(_: ModelError) -> Self {
            Self::Model
        }
    }
    let set = Set::new();
    set.write(&three());
    let result = evaluate(&set.request(EvalOptions::default()), &mut |_, _| Err(Mine::Stopped), &mut |_, _| ());
    assert!(matches!(result, Err(Mine::Stopped)));
}

/// Every rule, on records of two pictures with four phrases each, whatever the number of threads.
fn many(set: &Set) -> Vec<ReferringRecord> {
    let phrases = ["the bright half", "the bright part", "bright", "the dark half"];
    let records = (0..8).map(|at| {
        // Pictures take turns, so that no two records of one are neighbours.
        let image = ["1.png", "2.png"][at % 2];
        let truth = (at != 5).then(|| left_half(4, 6));
        record(&format!("r{at}"), image, phrases[at / 2], truth)
    });
    let records: Vec<_> = records.collect();
    set.write(&records);
    records
}

#[test]
fn threads_do_not_change_a_bit_of_the_report() {
    let set = Set::new();
    many(&set);
    let request = EvalRequest { keep_records: true, ..set.request(EvalOptions::default()) };
    let alone = evaluate(&request, &mut bright, &mut |_, _| ()).unwrap();
    let (mut one, mut two, mut three) = (bright, bright, bright);
    let mut order = Vec::new();
    let watcher = Watcher {
        progress: &mut |_, _| (),
        scored: &mut |score: &RecordScore| {
            order.push(score.id.clone());
            Ok::<(), ModelError>(())
        },
        seen: &|_| (),
    };
    let together = evaluate_with(&request, vec![&mut one, &mut two, &mut three], watcher).unwrap();
    assert_eq!(serde_json::to_string(&together).unwrap(), serde_json::to_string(&alone).unwrap());
    assert_eq!(order, ["r0", "r2", "r4", "r6", "r1", "r3", "r5", "r7"]);
    assert_eq!(alone.n_images, 2);
}

#[test]
fn each_record_is_seen_once_with_its_planes() {
    let set = Set::new();
    many(&set);
    let seen = std::sync::Mutex::new(Vec::new());
    let mut predict = bright;
    let watcher = Watcher {
        progress: &mut |_, _| (),
        scored: &mut |_: &RecordScore| Ok::<(), ModelError>(()),
        seen: &|record: &SeenRecord<'_>| {
            assert_eq!((record.picture.rows, record.prediction.probability.len()), (4, 24));
            seen.lock().unwrap().push((record.order, record.score.id.clone(), record.truth.is_some()));
        },
    };
    evaluate_with(&set.request(EvalOptions::default()), vec![&mut predict], watcher).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    assert_eq!(seen.len(), 8);
    assert_eq!(seen[6], ((1, 2), "r5".to_owned(), false));
}

#[test]
fn a_watcher_that_fails_ends_the_walk() {
    let set = Set::new();
    many(&set);
    let (mut one, mut two) = (bright, bright);
    let failed = || ModelError::Device("full".to_owned());
    let watcher = Watcher { progress: &mut |_, _| (), scored: &mut |_: &RecordScore| Err(failed()), seen: &|_| () };
    let error = evaluate_with(&set.request(EvalOptions::default()), vec![&mut one, &mut two], watcher).unwrap_err();
    assert_eq!(error.to_string(), "the device failed: full");
}

#[test]
fn the_grid_of_the_comparison_is_a_choice_and_the_other_is_reported_beside_it() {
    let set = Set::new();
    set.write(&[record("a", "1.png", "the bright half", Some(left_half(4, 6))), record("b", "2.png", "nothing", None)]);
    let mut request = set.request(EvalOptions { size: Some(64), ..EvalOptions::new(Protocol::Lavt) });
    request.keep_records = true;
    let network = evaluate(&request, &mut bright, &mut |_, _| ()).unwrap();
    request.options.compare = CompareGrid::Original;
    let original = evaluate(&request, &mut bright, &mut |_, _| ()).unwrap();
    assert_eq!(network.grids, original.grids);
    assert_eq!(network.records[0].union_px.unwrap() / 1_000, 2, "of 64 x 32 pixels");
    assert_eq!(original.records[0].union_px, Some(12));
    assert_eq!(network.records[0].iou, original.records[0].iou_other_grid);
    assert_eq!(original.records[0].iou, network.records[0].iou_other_grid);
    // The target's size is that of the mask as stored, whatever is compared.
    for report in [&network, &original] {
        assert_eq!((report.records[0].truth_px, report.records[0].truth_share), (Some(12), Some(0.5)));
        assert_eq!(report.size_px[0].scores.n, 1);
        assert_eq!(report.size_share[3].scores.n, 1);
    }
}

#[test]
fn large_pictures_are_asked_fewer_phrases_at_a_time() {
    let set = Set::new();
    image::RgbImage::new(6_000, 3_000).save(set.images().join("1.png")).unwrap();
    let records: Vec<_> = ["a", "b"].map(|id| record(id, "1.png", "ships", None)).to_vec();
    set.write(&records);
    let mut calls = Vec::new();
    let mut predict = |picture: &RgbImage, phrases: &[String]| {
        calls.push(phrases.len());
        bright(picture, phrases)
    };
    evaluate(&set.request(EvalOptions::default()), &mut predict, &mut |_, _| ()).unwrap();
    // 18 million pixels: two planes of them would be more than the 25 million of a call.
    assert_eq!(calls, [1, 1]);
}
