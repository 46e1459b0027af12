use std::fs;

use model::dataset::RecordReader;

use super::*;

/// Two pictures of 64 x 48 px: one with two labelled ships, the other empty, both fully labelled for ships.
fn request(folder: &Path) -> BuildRequest {
    for name in ["a.png", "b.png"] {
        image::RgbImage::from_pixel(64, 48, image::Rgb([40, 60, 90])).save(folder.join(name)).unwrap();
    }
    let picture = |id: u64, name: &str| {
        format!(
            r#"{{"id": {id}, "file_name": "{name}", "width": 64, "height": 48, "exhaustive": ["ship"],
            "source": "test", "publishable": {}}}"#,
            id == 1
        )
    };
    let ship = |id: u64, left: u32, quality: &str| {
        let right = left + 10;
        format!(
            r#"{{"id": {id}, "image_id": 1, "category_id": 1, "quality": "{quality}",
            "segmentation": [[{left}, 10, {right}, 10, {right}, 20, {left}, 20]]}}"#
        )
    };
    let json = format!(
        r#"{{"images": [{}, {}], "categories": [{{"id": 1, "name": "ship"}}], "annotations": [{}, {}]}}"#,
        picture(1, "a.png"),
        picture(2, "b.png"),
        ship(1, 4, "polygon"),
        ship(2, 44, "box")
    );
    fs::write(folder.join("coco.json"), json).unwrap();
    BuildRequest {
        coco: folder.join("coco.json"),
        images: folder.to_path_buf(),
        reading: CocoOptions::default(),
        written: None,
        out: folder.join("records.jsonl"),
        per_image: 6,
        seed: 1,
        phrases: ExpressionOptions::default(),
        split: Some("val".to_owned()),
        split_by_place: false,
        only: BuildFilter::default(),
        contact_sheet: Some(folder.join("sheet.png")),
        report: Some(folder.join("report.json")),
        overwrite: false,
        watched: false,
    }
}

fn records(request: &BuildRequest) -> Vec<ReferringRecord> {
    RecordReader::open(&request.out).unwrap().map(Result::unwrap).collect()
}

#[test]
fn records_hold_the_mask_of_all_targets_and_null_for_what_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path());
    build(request.clone(), std::future::pending()).unwrap();
    let records = records(&request);
    assert!(records.len() >= 8, "{records:?}");
    for record in &records {
        let marked = record.truth().unwrap().map(|mask| mask.foreground_px());
        match (record.image.as_str(), record.kind.as_deref()) {
            ("b.png", kind) => assert_eq!((kind, marked), (Some("absent"), None)),
            (_, Some("absent")) => assert_eq!(marked, None),
            // Each ship has 10 x 10 px.
            _ => assert!(matches!(marked, Some(100 | 200)), "{record:?}"),
        }
        assert_eq!(record.split.as_deref(), Some("val"));
    }
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["records"], records.len());
    assert_eq!(report["sources"]["test"], records.len());
    let sheet = image::open(folder.path().join("sheet.png")).unwrap();
    assert!(sheet.width() > 1000);
}

#[test]
fn boxes_and_unpublishable_pictures_are_sorted_out() {
    let folder = tempfile::tempdir().unwrap();
    let only = BuildFilter { publishable: true, outlines: true, ..BuildFilter::default() };
    let request = BuildRequest { only, ..request(folder.path()) };
    build(request.clone(), std::future::pending()).unwrap();
    for record in records(&request) {
        assert_eq!(record.image, "a.png");
        // Phrases that mean the ship on the right, known by its box, or both of them are gone.
        let marked = record.truth().unwrap().map(|mask| mask.foreground_px());
        assert!(matches!(marked, None | Some(100)), "{record:?}");
    }
}

#[test]
fn the_same_seed_writes_the_same_file_and_nothing_is_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path());
    build(request.clone(), std::future::pending()).unwrap();
    let first = fs::read(&request.out).unwrap();
    let error = build(request.clone(), std::future::pending()).unwrap_err();
    assert!(error.to_string().contains("records.jsonl"), "{error}");
    build(BuildRequest { overwrite: true, ..request.clone() }, std::future::pending()).unwrap();
    assert_eq!(fs::read(&request.out).unwrap(), first);
}

#[test]
fn phrases_that_people_wrote_become_records_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written.jsonl");
    let lines = [
        r#"{"image": "a.png", "phrase": "both ships", "annotations": [1, 2], "kind": "count"}"#,
        r#"{"image": "b.png", "phrase": "any ship", "annotations": [], "kind": "absent"}"#,
        r#"{"image": "b.png", "phrase": "a lighthouse", "annotations": [], "kind": "absent"}"#,
    ];
    fs::write(&written, lines.join("\n")).unwrap();
    let request = BuildRequest { written: Some(written.clone()), ..request(folder.path()) };
    build(request.clone(), std::future::pending()).unwrap();
    let built: Vec<_> = records(&request)
        .into_iter()
        .map(|record| (record.phrase.clone(), record.truth().unwrap().map(|mask| mask.foreground_px())))
        .collect();
    let expected = [("both ships", Some(200)), ("any ship", None), ("a lighthouse", None)];
    assert_eq!(built, expected.map(|(phrase, marked)| (phrase.to_owned(), marked)));

    // An annotation of another picture, and a picture that the labels do not know.
    for (bad, told) in [
        (r#"{"image": "b.png", "phrase": "the ship", "annotations": [1], "kind": "category"}"#, "b.png"),
        (r#"{"image": "c.png", "phrase": "the ship", "annotations": [1], "kind": "category"}"#, "c.png"),
    ] {
        fs::write(&written, bad).unwrap();
        let error = build(BuildRequest { overwrite: true, ..request.clone() }, std::future::pending()).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_split_by_place_keeps_the_pictures_of_a_place_together() {
    let picture = |name: &str, place: &str| CocoImage {
        id: 1,
        file_name: name.to_owned(),
        rows: 1,
        cols: 1,
        source: "source".to_owned(),
        place: place.to_owned(),
        publishable: false,
        licence: String::new(),
        false_colour: false,
        pixel_size_m: None,
        exhaustive: BTreeSet::new(),
        labels: 0,
    };
    assert_eq!(half(&picture("a.png", "harbour")), half(&picture("b.png", "harbour")));
    // 1,000 places: neither half is far from 500.
    let first = (0..1_000).filter(|n| half(&picture("a.png", &format!("place {n}"))) == "first").count();
    assert!((440..=560).contains(&first), "{first}");

    let folder = tempfile::tempdir().unwrap();
    let request = BuildRequest { split: None, split_by_place: true, ..request(folder.path()) };
    build(request.clone(), std::future::pending()).unwrap();
    let splits: Vec<Option<String>> = records(&request).into_iter().map(|record| record.split).collect();
    assert!(splits.iter().flatten().all(|split| split == "first" || split == "second"), "{splits:?}");
    assert!(splits.iter().all(Option::is_some));
}
