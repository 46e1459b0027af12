use std::fs;
use std::future::pending;

use model::config::ModelConfig;
use model::dataset::RecordReader;

use super::*;
use crate::view::choice::ViewConfig;

/// A scene of 900 x 900 pixels of half a metre, grey with a white square of 40 px at column 100, row 60 and another at
/// 700, 700, and labels with the two squares.
fn scene(folder: &Path, properties: [&str; 2]) -> FromVectorRequest {
    let picture = image::RgbImage::from_fn(900, 900, |col, row| {
        let square = |at: (u32, u32)| (at.0..at.0 + 40).contains(&col) && (at.1..at.1 + 40).contains(&row);
        image::Rgb(if square((100, 60)) || square((700, 700)) { [250; 3] } else { [(col % 7 * 20) as u8, 90, 60] })
    });
    picture.save(folder.join("scene.png")).unwrap();
    fs::write(folder.join("scene.pgw"), "0.5\n0\n0\n-0.5\n500000.25\n4999999.75\n").unwrap();
    let feature = |properties: &str, col: f64, row: f64| {
        let corner = |c: f64, r: f64| format!("[{}, {}]", 500000.0 + c / 2.0, 5000000.0 - r / 2.0);
        let ring = [(0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0), (0.0, 0.0)];
        let ring = ring.map(|(c, r)| corner(col + c, row + r)).join(", ");
        format!(
            r#"{{"type": "Feature", "properties": {properties}, "geometry": {{"type": "Polygon", "coordinates": [[{ring}]]}}}}"#
        )
    };
    let features = [feature(properties[0], 100.0, 60.0), feature(properties[1], 700.0, 700.0)].join(", ");
    let crs = r#""crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}"#;
    let labels = folder.join("labels.geojson");
    fs::write(&labels, format!(r#"{{"type": "FeatureCollection", {crs}, "features": [{features}]}}"#)).unwrap();
    let model = folder.join("model");
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join("config.json"), serde_json::to_string(&ModelConfig::small()).unwrap()).unwrap();
    FromVectorRequest {
        scene: folder.join("scene.png").into(),
        scene_options: SceneOptions { assume_crs: Some("EPSG:32633".into()), ..SceneOptions::default() },
        labels,
        phrase: None,
        phrase_field: None,
        complete: false,
        model: Some(model),
        views: ViewConfig::default(),
        out: folder.join("out"),
        overwrite: false,
    }
}

fn records(request: &FromVectorRequest) -> Vec<ReferringRecord> {
    from_vector(request.clone(), pending()).unwrap();
    RecordReader::open(&request.out.join("records.jsonl")).unwrap().collect::<Result<_, _>>().unwrap()
}

fn marked(rle: &Option<model::dataset::Rle>) -> u64 {
    rle.as_ref().unwrap().foreground_px().unwrap()
}

#[test]
fn a_polygon_becomes_a_mask_with_known_surroundings_on_the_tile_that_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let request = scene(folder.path(), [r#"{"phrase": "white squares"}"#; 2]);
    let records = records(&request);
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record.phrase, "white squares");
        assert_eq!(marked(&record.rle), 40 * 40);
        // A margin of a fifth, 8 px, on all sides.
        assert_eq!(marked(&record.known), 56 * 56);
        let picture = image::open(request.out.join(&record.image)).unwrap().to_rgb8();
        let mask = record.truth().unwrap().unwrap();
        let white = picture.pixels().map(|pixel| u8::from(pixel.0 == [250; 3])).collect::<Vec<_>>();
        assert_eq!(white, mask.bits());
    }
    assert_eq!(records.iter().map(|record| record.split.as_deref().unwrap()).collect::<Vec<_>>(), ["train", "val"]);
    let recipe = model::training::TrainingConfig::read(&request.out.join("train.toml")).unwrap();
    assert_eq!(recipe.init, request.model);
    // One tile is for training, so a step has no more.
    assert_eq!((recipe.batch, recipe.workers), (1, 1));
    // A handful of tiles says nothing about gates, and nobody said what is not there.
    assert!(!recipe.calibrate && recipe.loss.presence == 0.0);
}

#[test]
fn complete_labels_make_the_whole_tile_known_and_say_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let two = scene(folder.path(), [r#"{"what": "white squares"}"#, r#"{"what": "roads"}"#]);
    let records = records(&FromVectorRequest { complete: true, phrase_field: Some("what".into()), ..two });
    let told: Vec<(&str, bool, bool)> =
        records.iter().map(|r| (r.phrase.as_str(), r.rle.is_some(), r.known.is_none())).collect();
    let expected =
        [("white squares", true, true), ("roads", false, true), ("white squares", false, true), ("roads", true, true)];
    assert_eq!(told, expected);
}

#[test]
fn a_polygon_without_a_phrase_is_ground_that_is_not_meant() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = scene(folder.path(), [r#"{"phrase": "white squares"}"#, r#"{"phrase": null}"#]);
    // One tile shows both.
    request.views.resolution = "4px".parse().unwrap();
    let records = records(&request);
    assert_eq!(records.len(), 1);
    assert_eq!(marked(&records[0].rle), 10 * 10);
    // The square with its margin of 3 px, and the other square.
    assert_eq!(marked(&records[0].known), 16 * 16 + 10 * 10);
}

#[test]
fn labels_that_say_nothing_are_refused_with_the_fields_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let request = scene(folder.path(), [r#"{"name": "a"}"#; 2]);
    let error = from_vector(request.clone(), pending()).unwrap_err().to_string();
    assert!(error.contains("it has: name") && error.contains("--phrase"), "{error}");
    let named = FromVectorRequest { phrase_field: Some("nmae".into()), ..request.clone() };
    assert!(from_vector(named, pending()).unwrap_err().to_string().contains("no field nmae"));
    let one = FromVectorRequest { phrase: Some("white squares".into()), ..request };
    assert_eq!(records(&one).len(), 2);
    // A second time nothing is replaced unasked.
    assert!(from_vector(one, pending()).unwrap_err().to_string().contains("exists"));
}

#[test]
fn what_is_no_vector_file_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let request = scene(folder.path(), [r#"{"phrase": "white squares"}"#; 2]);
    let labels = folder.path().join("scene.png");
    let phrase = Some("white squares".to_owned());
    let error = from_vector(FromVectorRequest { labels, phrase, ..request }, pending()).unwrap_err();
    assert!(matches!(error, PipelineError::GeoIo(GeoIoError::ReadVector { .. })), "{error}");
    assert!(!folder.path().join("out").exists());
}
