use super::*;

fn set(json: &str, options: &CocoOptions) -> Result<CocoSet, ModelError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instances.json");
    std::fs::write(&path, json).unwrap();
    CocoSet::open(&path, options)
}

fn one(annotation: &str) -> Result<Vec<LabelledObject>, ModelError> {
    let json = format!(
        r#"{{"images": [{{"id": 7, "file_name": "a.png", "width": 6, "height": 4}}],
        "categories": [{{"id": 3, "name": "ship"}}],
        "annotations": [{{"id": 5, "image_id": 7, "category_id": 3, {annotation}}}]}}"#
    );
    set(&json, &CocoOptions::default())?.objects(0)
}

/// Two rows from row 1 and three columns from column 2.
fn rectangle() -> crate::dataset::LocalMask {
    crate::dataset::LocalMask { row_off: 1, col_off: 2, rows: 2, cols: 3, bits: vec![1; 6] }
}

#[test]
fn polygons_runs_and_compressed_runs_give_the_same_mask() {
    // Down the columns of 4 rows: columns 0 and 1 are empty (8), then row 0, two marked, row 3, ...
    let plain = r#""segmentation": {"size": [4, 6], "counts": [9, 2, 2, 2, 2, 2, 5]}"#;
    let polygon = r#""segmentation": [[2, 1, 5, 1, 5, 3, 2, 3]]"#;
    let mut picture = vec![0; 24];
    rectangle().mark(6, &mut picture);
    let rle = crate::dataset::Rle::encode(&crate::dataset::Mask::new(4, 6, picture).unwrap()).unwrap();
    let compressed = format!(r#""segmentation": {{"size": [4, 6], "counts": {:?}}}"#, rle.counts);
    for annotation in [plain, polygon, &compressed] {
        let objects = one(annotation).unwrap();
        assert_eq!(objects[0].mask, rectangle(), "{annotation}");
        assert_eq!((objects[0].id, objects[0].category.as_str(), objects[0].whole), (5, "ship", true));
        assert_eq!((objects[0].form, objects[0].trust), (LabelForm::Instance, OutlineTrust::Outline));
    }
}

#[test]
fn a_run_over_two_columns_reaches_both_ends() {
    // Rows 2 and 3 of column 1 and rows 0 and 1 of column 2.
    let objects = one(r#""segmentation": {"size": [4, 6], "counts": [6, 4, 14]}"#).unwrap();
    let mask = &objects[0].mask;
    assert_eq!((mask.row_off, mask.col_off, mask.rows, mask.cols), (0, 1, 4, 2));
    assert_eq!(mask.bits, [0, 1, 0, 1, 1, 0, 1, 0]);
    assert!(!objects[0].whole);
}

#[test]
fn a_label_with_a_box_only_is_an_upright_box() {
    let objects = one(r#""bbox": [2, 1, 3, 2], "segmentation": []"#).unwrap();
    assert_eq!((objects[0].trust, &objects[0].mask), (OutlineTrust::UprightBox, &rectangle()));
}

#[test]
fn quality_and_coarseness_set_the_trust() {
    let trust = |members: &str| one(members).unwrap()[0].trust;
    let rectangle = r#""segmentation": [[2, 1, 5, 1, 5, 3, 2, 3]]"#;
    let triangle = r#""segmentation": [[0, 0, 6, 0, 0, 4]]"#;
    assert_eq!(trust(&format!(r#""quality": "box", {rectangle}"#)), OutlineTrust::UprightBox);
    assert_eq!(trust(&format!(r#""quality": "box", {triangle}"#)), OutlineTrust::Rough);
    assert_eq!(trust(&format!(r#""coarse": true, {triangle}"#)), OutlineTrust::Rough);
    assert_eq!(trust(&format!(r#""quality": "polygon", {triangle}"#)), OutlineTrust::Outline);
}

#[test]
fn regions_and_cut_objects_are_told() {
    let region = one(r#""kind": "region", "segmentation": [[2, 1, 5, 1, 5, 3, 2, 3]]"#).unwrap();
    assert_eq!(region[0].form, LabelForm::Region);
    let clipped = one(r#""clipped": true, "segmentation": [[2, 1, 5, 1, 5, 3, 2, 3]]"#).unwrap();
    assert!(!clipped[0].whole);
}

#[test]
fn nothing_is_fully_labelled_unless_it_is_said() {
    let json = |member: &str| {
        format!(
            r#"{{"images": [{{"id": 1, "file_name": "a.png", "width": 6, "height": 4{member}}}],
            "categories": [{{"id": 1, "name": "ship"}}, {{"id": 2, "name": "car"}}]}}"#
        )
    };
    let all = CocoOptions { exhaustive: true, ..CocoOptions::default() };
    assert!(set(&json(""), &CocoOptions::default()).unwrap().images()[0].exhaustive.is_empty());
    assert_eq!(set(&json(""), &all).unwrap().images()[0].exhaustive.len(), 2);
    let listed = r#", "exhaustive": ["car"]"#;
    assert_eq!(set(&json(listed), &all).unwrap().images()[0].exhaustive.len(), 1);
    let distrusted = CocoOptions { exhaustive: true, distrusted: vec![("x".into(), "car".into())] };
    let of_x = r#", "exhaustive": ["car"], "source": "x""#;
    assert!(set(&json(of_x), &distrusted).unwrap().images()[0].exhaustive.is_empty());
}

#[test]
fn what_makes_no_sense_is_named() {
    let message = |annotation: &str| one(annotation).unwrap_err().to_string();
    assert!(message(r#""segmentation": {"size": [5, 6], "counts": [30]}"#).contains("annotation 5: mask of 6 x 5 px"));
    assert!(message(r#""segmentation": [[0, 0, 1, 1]]"#).contains("a polygon of 4 numbers"));
    assert!(message(r#""iscrowd": 0"#).contains("neither"));
    let orphan = r#"{"images": [], "categories": [{"id": 1, "name": "a"}],
        "annotations": [{"id": 9, "image_id": 4, "category_id": 1}]}"#;
    let message = set(orphan, &CocoOptions::default()).unwrap_err().to_string();
    assert!(message.ends_with("annotation 9: picture 4 is not listed"), "{message}");
}
