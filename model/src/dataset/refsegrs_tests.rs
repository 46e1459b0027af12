use super::super::miniature;
use super::*;

#[test]
fn ids_phrases_and_masks_come_as_the_published_loader_has_them() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    let dataset = Dataset::open(folder.path(), None).unwrap();
    let told: Vec<(&str, &str, &str)> = dataset
        .items
        .iter()
        .map(|item| (item.id.as_str(), item.split.as_deref().unwrap(), item.image.as_str()))
        .collect();
    let expected = [
        ("10", "train", "10.tif"),
        ("11", "train", "11.tif"),
        ("20", "val", "20.tif"),
        ("30", "test", "30.tif"),
        ("31", "test", "31.tif"),
    ];
    assert_eq!(told, expected);
    assert_eq!(dataset.items[0].phrase, "vehicle in the parking area");
    assert_eq!(dataset.items[4].phrase, miniature::forty_words());
    let marked: Vec<u64> =
        dataset.items.iter().map(|item| item.decode().unwrap().mask.unwrap().foreground_px()).collect();
    // 4 x 5; three pixels of 51 beside one of 50, which is background; none; 2 x 2; 3 x 3.
    assert_eq!(marked, [20, 3, 0, 4, 9]);
    let histogram = dataset.items[1].decode().unwrap().histogram.unwrap();
    assert_eq!(histogram.values().collect::<Vec<_>>(), [(0, 64 * 64 - 4), (50, 1), (51, 3)]);
}

#[test]
fn the_names_of_older_copies_are_known() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images2", "masks2", "3");
    let dataset = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(dataset.splits(), ["train", "val", "test"]);
    assert_eq!(dataset.images, folder.path().join("images2"));
    assert!(dataset.notes.iter().any(|note| note.starts_with("an older copy")));
}

#[test]
fn a_plain_list_wins_over_a_numbered_one() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    std::fs::write(folder.path().join("output_phrase_val3.txt"), "10 other\n").unwrap();
    let dataset = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(dataset.items.iter().filter(|item| item.split.as_deref() == Some("val")).count(), 1);
    assert_eq!(dataset.items[2].phrase, "bus");
}

#[test]
fn a_line_without_a_phrase_is_named() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    std::fs::write(folder.path().join("output_phrase_val.txt"), "20 bus\n21\n").unwrap();
    let error = Dataset::open(folder.path(), None).unwrap_err().to_string();
    assert!(error.ends_with("output_phrase_val.txt: line 2: \"21\" has no phrase behind its id"), "{error}");
}

#[test]
fn a_lost_mask_is_told_by_the_item() {
    let folder = tempfile::tempdir().unwrap();
    miniature::refsegrs(folder.path(), "images", "masks", "");
    std::fs::remove_file(folder.path().join("masks/10.tif")).unwrap();
    let dataset = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(dataset.items[0].decode().unwrap_err(), "there is no mask of that name");
    assert!(dataset.items[1].decode().is_ok());
}
