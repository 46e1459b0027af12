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
    assert_eq!(report.overall.miou, Some(1.0));

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
