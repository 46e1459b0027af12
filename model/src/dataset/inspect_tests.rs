use super::super::miniature;
use super::*;

fn words(phrase: &str) -> usize {
    // Two special tokens, as BERT has them.
    phrase.split_whitespace().count() + 2
}

fn report(root: &std::path::Path, pixels: bool) -> DatasetReport {
    let dataset = Dataset::open(root, None).unwrap();
    let options = InspectOptions { pixels, tokens: Some(&words), max_tokens: 20 };
    inspect(&dataset, &options, &|_, _| {})
}

#[test]
fn every_trap_of_rrsis_d_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 2);
    let report = report(folder.path(), true);
    let [train, val, test] = ["train", "val", "test"].map(|split| &report.splits[split]);
    assert_eq!([train.records, val.records, test.records], [2, 2, 2]);
    assert_eq!(val.empty_masks, ["3"]);
    assert_eq!(val.missing_images, ["6"]);
    assert_eq!(test.size_mismatches, [SizeMismatch { id: "4".into(), image: [801, 800], mask: [800, 800] }]);
    assert_eq!(test.stated_size_wrong, ["4"]);
    assert_eq!(test.long_phrases, ["5"]);
    assert_eq!((test.longest_words, test.longest_tokens), (40, Some(42)));
    assert!(train.is_usable() && !val.is_usable());
    let shared = report.shared_pictures.unwrap();
    assert_eq!(shared.len(), 1);
    assert_eq!(shared[0].images["train"], ["00001.jpg"]);
    assert_eq!(shared[0].images["test"], ["00005.jpg"]);
}

#[test]
fn mask_values_are_counted_and_pictures_compared_by_pixels() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    let report = report(folder.path(), true);
    // Five masks of 64 x 64; 20 + 4 + 9 pixels of 255, three of 51, one of 50.
    let expected = BTreeMap::from([(0, 5 * 64 * 64 - 37), (50, 1), (51, 3), (255, 33)]);
    assert_eq!(report.mask_values, expected);
    let shared = report.shared_pictures.unwrap();
    assert_eq!(shared.len(), 1);
    assert_eq!(shared[0].images["train"], ["11.tif"]);
    assert_eq!(report.splits["train"].different_pictures, Some(2));
}

#[test]
fn repeated_records_are_found() {
    let folder = tempfile::tempdir().unwrap();
    miniature::risbench(folder.path());
    let report = report(folder.path(), true);
    let train = &report.splits["train"];
    assert_eq!(train.repeated, ["train_1_0#2"]);
    assert_eq!((train.records, train.images), (2, 1));
}

#[test]
fn without_pixels_everything_else_is_still_reported() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 2);
    let report = report(folder.path(), false);
    assert_eq!(report.shared_pictures, None);
    assert_eq!(report.splits["test"].size_mismatches.len(), 1);
    assert_eq!(report.splits["test"].different_pictures, None);
    assert_eq!(report.splits["val"].missing_images, ["6"]);
}

#[test]
fn a_damaged_picture_and_a_lost_mask_are_named_with_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    std::fs::write(folder.path().join("images/10.tif"), "no picture").unwrap();
    std::fs::remove_file(folder.path().join("masks/11.tif")).unwrap();
    let report = report(folder.path(), true);
    let unusable = &report.splits["train"].unusable;
    assert_eq!(unusable.len(), 2);
    assert_eq!(unusable[0].id, "10");
    assert!(unusable[0].reason.contains("neither PNG nor JPEG nor TIFF"), "{}", unusable[0].reason);
    assert_eq!(unusable[1].reason, "there is no mask of that name");
}

#[test]
fn progress_ends_at_the_total() {
    let folder = tempfile::tempdir().unwrap();
    miniature::risbench(folder.path());
    let dataset = Dataset::open(folder.path(), None).unwrap();
    let most = AtomicUsize::new(0);
    let options = InspectOptions { pixels: false, tokens: None, max_tokens: 20 };
    let report = inspect(&dataset, &options, &|done, total| {
        assert!(done <= total);
        most.fetch_max(done, Ordering::Relaxed);
    });
    // Three pictures and four items.
    assert_eq!(most.into_inner(), 7);
    assert_eq!(report.max_tokens, None);
}

#[test]
fn the_table_names_every_finding() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 2);
    let table = report(folder.path(), true).table();
    for line in [
        "val: the mask marks nothing: 3",
        "val: the picture is missing: 6",
        "test: picture and mask differ in size: 4 (800 x 801 px under 800 x 800 px)",
        "test: the phrase has more than 20 tokens: 5",
        "1 pictures are in more than one split: 00005.jpg in test is 00001.jpg in train",
    ] {
        assert!(table.lines().any(|found| found == line), "{line:?} is not in\n{table}");
    }
}
