use super::super::miniature;
use super::*;

#[test]
fn ids_lose_their_extension_and_any_value_but_zero_is_foreground() {
    let folder = tempfile::tempdir().unwrap();
    miniature::risbench(folder.path());
    let dataset = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(dataset.kind, DatasetKind::Risbench);
    assert_eq!(dataset.images, folder.path().join("RISBench_dataset/img_rgb"));
    let item = &dataset.items[2];
    assert_eq!((item.id.as_str(), item.image.as_str(), item.split.as_deref()), ("val_7_2", "val_7_2.png", Some("val")));
    // 1 x 4 pixels of the value 1.
    assert_eq!(item.decode().unwrap().mask.unwrap().foreground_px(), 4);
    assert_eq!(dataset.items[3].phrase, "A bridge");
}

#[test]
fn lists_may_lie_inside_and_the_inner_folder_may_be_named() {
    let folder = tempfile::tempdir().unwrap();
    miniature::risbench(folder.path());
    let inner = folder.path().join("RISBench_dataset");
    assert_eq!(Dataset::open(&inner, None).unwrap().items.len(), 4);
    for split in ["train", "val", "test"] {
        let name = format!("output_phrase_{split}.txt");
        std::fs::rename(folder.path().join(&name), inner.join(&name)).unwrap();
    }
    for root in [folder.path(), &inner] {
        assert_eq!(Dataset::open(root, None).unwrap().items.len(), 4, "{}", root.display());
    }
}
