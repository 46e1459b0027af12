use super::super::miniature;
use super::*;

#[test]
fn every_pickle_protocol_gives_the_same_phrases_and_masks() {
    for protocol in 0..=5 {
        let folder = tempfile::tempdir().unwrap();
        miniature::rrsisd(folder.path(), protocol);
        let dataset = Dataset::open(folder.path(), None).unwrap();
        let told: Vec<(&str, &str, &str)> = dataset
            .items
            .iter()
            .map(|item| (item.id.as_str(), item.split.as_deref().unwrap(), item.image.as_str()))
            .collect();
        let expected = [
            ("1", "train", "00001.jpg"),
            // Named without its extension.
            ("2", "train", "00002.jpg"),
            ("3", "val", "00003.jpg"),
            ("6", "val", "00006.jpg"),
            ("4", "test", "00004.jpg"),
            ("5", "test", "00005.jpg"),
        ];
        assert_eq!(told, expected, "protocol {protocol}");
        assert_eq!(dataset.items[0].phrase, "The Ship on the left");
        assert_eq!(dataset.items[0].category.as_deref(), Some("dam"));
        assert_eq!(dataset.items[5].phrase.split(' ').count(), 40);
        let marked: Vec<u64> =
            dataset.items.iter().map(|item| item.decode().unwrap().mask.unwrap().foreground_px()).collect();
        // As numpy and pycocotools count them: tests/parity/make_rrsisd.py. Of the two boxes of item 2, 40 x 50 and
        // 50 x 50 px, the 20 x 20 that both cover are background: 2000 + 2500 - 2 * 400.
        assert_eq!(marked, [4293, 3700, 0, 1, 49331, 800], "protocol {protocol}");
    }
}

#[test]
fn a_folder_above_and_the_inner_folder_are_both_found() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 4);
    for root in [folder.path().to_owned(), folder.path().join("rrsisd")] {
        let dataset = Dataset::open(&root, None).unwrap();
        assert_eq!(dataset.kind, DatasetKind::Rrsisd);
        assert!(dataset.images.ends_with("images/rrsisd/JPEGImages"));
    }
}

#[test]
fn a_hostile_pickle_is_refused_and_nothing_of_it_is_run() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 4);
    let sentinel = folder.path().join("sentinel");
    let command = format!("touch {}", sentinel.display());
    let mut pickle = b"\x80\x02cos\nsystem\n(X".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"tR.");
    let file = folder.path().join("rrsisd/refs(unc).p");
    std::fs::write(&file, pickle).unwrap();
    let error = Dataset::open(folder.path(), None).unwrap_err();
    assert!(matches!(error, ModelError::Data { .. }));
    assert!(error.to_string().contains("asks to run os.system"), "{error}");
    assert!(!sentinel.exists());
    // A call of anything else makes no list of phrases.
    std::fs::write(&file, b"\x80\x02cshelf\nfetch\n)R.").unwrap();
    assert!(Dataset::open(folder.path(), None).unwrap_err().to_string().ends_with("is no list of phrases"));
}

#[test]
fn a_pickle_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 2);
    let file = folder.path().join("rrsisd/refs(unc).p");
    let whole = std::fs::read(&file).unwrap();
    for length in (0..whole.len()).step_by(13).chain([whole.len() - 1]) {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert!(refs::read(&file).is_err(), "{length} of {} bytes were taken for all", whole.len());
    }
}

#[test]
fn plain_run_lengths_one_mask_without_a_list_and_the_category_name_of_coco_are_read() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 4);
    let file = folder.path().join("rrsisd/instances.json");
    let mut json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let one = &mut json["annotations"][0];
    // Column by column 5 background, 3 foreground, and the rest of 800 x 800.
    one["segmentation"] = serde_json::json!({"size": [800, 800], "counts": [5, 3, 639_992]});
    one["category_id"] = serde_json::json!(2);
    one.as_object_mut().unwrap().remove("categories_id");
    json["annotations"][1]["segmentation"] = serde_json::json!([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]);
    std::fs::write(&file, json.to_string()).unwrap();
    let dataset = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(dataset.items[0].decode().unwrap().mask.unwrap().foreground_px(), 3);
    assert_eq!(dataset.items[0].category.as_deref(), Some("airport"));
    assert!(dataset.items[1].decode().unwrap_err().contains("a polygon perhaps"));
}

#[test]
fn a_phrase_about_an_unknown_mask_is_named() {
    let folder = tempfile::tempdir().unwrap();
    miniature::rrsisd(folder.path(), 4);
    let file = folder.path().join("rrsisd/instances.json");
    let mut json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    json["annotations"].as_array_mut().unwrap().remove(2);
    std::fs::write(&file, json.to_string()).unwrap();
    let error = Dataset::open(folder.path(), None).unwrap_err().to_string();
    assert!(error.ends_with("lists no annotation 3, which phrase 3 of refs(unc).p is about"), "{error}");
}
