use super::super::miniature;
use super::*;

fn rle(size: [u32; 2], counts: &str) -> Rle {
    Rle { size, counts: counts.to_owned() }
}

#[test]
fn the_kind_of_a_data_set_is_told_by_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    miniature::refsegrs(&at("a"), "images", "masks", "");
    miniature::risbench(&at("b"));
    miniature::rrsisd(&at("c"), 4);
    std::fs::create_dir(at("d")).unwrap();
    std::fs::write(at("d/records.jsonl"), r#"{"id":"1","image":"a.png","phrase":"x","rle":null}"#).unwrap();
    let kinds = ["a", "b", "c", "d", "d/records.jsonl"].map(|name| Dataset::open(&at(name), None).unwrap().kind);
    let expected = [DatasetKind::Refsegrs, DatasetKind::Risbench, DatasetKind::Rrsisd, DatasetKind::Records];
    assert_eq!(kinds[..4], expected);
    assert_eq!(kinds[4], DatasetKind::Records);

    let unknown = Dataset::open(folder.path(), None).unwrap_err().to_string();
    assert!(unknown.contains("looks like no data set that is known"), "{unknown}");
    let other = Dataset::open(&at("a"), Some(DatasetKind::Rrsisd)).unwrap_err().to_string();
    assert!(other.contains("is no RRSIS-D"), "{other}");
    assert!(matches!(Dataset::open(&at("nothing"), None), Err(ModelError::Io { .. })));
}

#[test]
fn what_two_masks_mark_is_background_and_what_one_marks_is_not() {
    // Two rows, two columns: (1 1; 0 0) and (1 0; 1 0): runs 0 1 1 1 1, the last two written as differences, and 0 2 2.
    let runs = [rle([2, 2], "01100"), rle([2, 2], "022")];
    let bits = [[1, 1, 0, 0], [1, 0, 1, 0]];
    for (run, bits) in runs.iter().zip(bits) {
        assert_eq!(run.decode().unwrap().bits(), bits);
    }
    assert_eq!(marked_once(&runs).unwrap().bits(), [0, 1, 1, 0]);
}

#[test]
fn masks_that_do_not_fit_are_told_by_the_reason() {
    assert_eq!(marked_once(&[]).unwrap_err(), "has no mask");
    let sizes = marked_once(&[rle([2, 2], "4"), rle([1, 4], "4")]).unwrap_err();
    assert_eq!(sizes, "has masks of different sizes");
    assert!(marked_once(&[rle([2, 2], "3")]).is_err());
}

#[test]
fn only_named_splits_are_kept_and_an_unknown_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    let mut dataset = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(dataset.splits(), ["train", "val", "test"]);
    let unknown = dataset.keep_splits(&["dev".to_owned()]).unwrap_err().to_string();
    assert!(unknown.ends_with("has no split \"dev\", only train, val, test"), "{unknown}");
    dataset.keep_splits(&["val".to_owned(), "test".to_owned()]).unwrap();
    assert_eq!(dataset.items.len(), 3);
}

#[test]
fn items_of_one_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    miniature::risbench(folder.path());
    let dataset = Dataset::open(folder.path(), None).unwrap();
    let ids: Vec<&str> = dataset.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["train_1_0", "train_1_0#2", "val_7_2", "test_5_1"]);
    assert!(dataset.notes[0].starts_with("1 items have the name of an earlier one"), "{:?}", dataset.notes);
}

#[test]
fn a_file_is_found_with_without_and_with_another_extension() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.b.tif", "10.png", "10.tif"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let names = FileNames::of(folder.path()).unwrap();
    assert_eq!(names.find("10"), Some("10.png"));
    assert_eq!(names.find("10.tif"), Some("10.tif"));
    assert_eq!(names.find("10.jpg"), Some("10.png"));
    assert_eq!(names.find("a.b"), Some("a.b.tif"));
    assert_eq!(names.find("11"), None);
}
