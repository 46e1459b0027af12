use super::*;
use crate::dataset::{Mask, RecordWriter, Rle};

/// A folder of pictures of 4 x 4 pixels and their records: `records[i]` of picture `i`, in one file with two splits.
fn folder(records: &[usize]) -> (tempfile::TempDir, RecordsConfig) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.jsonl");
    let mut writer = RecordWriter::create(&file).unwrap();
    // The top half of the mask is set.
    let mask = Mask::new(4, 4, (0..16).map(|at| u8::from(at < 8)).collect()).unwrap();
    for (picture, &count) in records.iter().enumerate() {
        let name = format!("{picture}.png");
        let grey = image::Luma([10 * picture as u8]);
        image::GrayImage::from_pixel(4, 4, grey).save(folder.path().join(&name)).unwrap();
        for phrase in 0..count {
            for split in ["train", "val"] {
                let record = ReferringRecord {
                    id: format!("{picture}-{phrase}-{split}"),
                    image: name.clone(),
                    phrase: format!("{picture} {phrase} {split}"),
                    rle: (phrase == 0).then(|| Rle::encode(&mask).unwrap()),
                    known: None,
                    kind: None,
                    category: None,
                    split: Some(split.to_owned()),
                };
                writer.write(&record).unwrap();
            }
        }
    }
    writer.finish().unwrap();
    let config = RecordsConfig {
        train: file.clone(),
        validation: file,
        images: folder.path().to_owned(),
        train_split: Some("train".into()),
        validation_split: Some("val".into()),
        seed: 7,
        turn: false,
    };
    (folder, config)
}

const SHAPE: FeedConfig = FeedConfig { batch: 2, phrases: 2, side_px: 8 };

#[test]
fn an_epoch_asks_each_record_once_and_the_next_in_another_order() {
    // Pictures with 4, 2, 1 and 6 records make 2 + 1 + 1 + 3 = 7 items of two phrases, three batches of two.
    let (_folder, config) = folder(&[4, 2, 1, 6]);
    let feed = RecordFeed::open(&config).unwrap();
    assert_eq!(feed.steps_per_epoch(SHAPE), 3);
    let mut asked: Vec<usize> = feed.epoch(0, 2).concat();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 13);
    assert_eq!(feed.epoch(0, 2).concat().len(), 14);
    assert_ne!(feed.epoch(0, 2), feed.epoch(1, 2));
    assert_eq!(feed.epoch(1, 2), feed.epoch(1, 2));
}

#[test]
fn pictures_and_masks_belong_to_their_phrases() {
    let (_folder, config) = folder(&[4, 2, 1, 6]);
    let feed = RecordFeed::open(&config).unwrap();
    // The fifth step is in the second epoch.
    let batch = feed.training(4, SHAPE).unwrap();
    assert_eq!((batch.images, batch.phrases.len(), batch.masks.len()), (2, 4, 4 * 64));
    for (i, phrase) in batch.phrases.iter().enumerate() {
        let words: Vec<&str> = phrase.split(' ').collect();
        assert_eq!(batch.pixels[i / 2 * 64 * 3], 10 * words[0].parse::<u8>().unwrap(), "{phrase}");
        assert_eq!(words[2], "train");
        // Half of 64 pixels for the phrase that has a target, nothing for the others.
        let marked: usize = batch.masks[i * 64..][..64].iter().map(|&bit| usize::from(bit)).sum();
        assert_eq!(marked, if words[1] == "0" { 32 } else { 0 }, "{phrase}");
    }
}

#[test]
fn a_validation_asks_no_more_than_there_is() {
    let (_folder, config) = folder(&[3, 2]);
    let feed = RecordFeed::open(&config).unwrap();
    assert_eq!(feed.validation_tiles(100), 5);
    let sizes: Vec<usize> =
        (0..3).map(|index| feed.validation(index, FeedConfig { phrases: 1, ..SHAPE }).unwrap().phrases.len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
}

#[test]
fn a_missing_picture_is_found_before_training_begins() {
    let (folder, config) = folder(&[1, 1]);
    std::fs::remove_file(folder.path().join("1.png")).unwrap();
    let error = RecordFeed::open(&config).err().unwrap().to_string();
    assert!(error.contains("record 1-0-train: there is no picture"), "{error}");
}

#[test]
fn training_records_are_no_validation() {
    let (_folder, config) = folder(&[1]);
    assert_eq!(config.problem(), None);
    assert!(RecordsConfig { validation_split: Some("train".into()), ..config }.problem().is_some());
}

#[test]
fn what_is_not_known_of_a_record_is_left_out_of_its_loss() {
    let (folder, config) = folder(&[1, 1]);
    let left = Mask::new(4, 4, (0..16).map(|at| u8::from(at % 4 < 2)).collect()).unwrap();
    let mut writer = RecordWriter::create(&config.train.with_extension("partly")).unwrap();
    for (at, record) in RecordReader::open(&config.train).unwrap().enumerate() {
        let known = (at == 0).then(|| Rle::encode(&left).unwrap());
        writer.write(&ReferringRecord { known, ..record.unwrap() }).unwrap();
    }
    writer.finish().unwrap();
    std::fs::rename(folder.path().join("records.partly"), &config.train).unwrap();
    let batch = RecordFeed::open(&config).unwrap().training(0, FeedConfig { phrases: 1, side_px: 4, ..SHAPE }).unwrap();
    for (phrase, known) in batch.phrases.iter().zip(batch.scored.chunks_exact(16)) {
        assert_eq!(known, if phrase == "0 0 train" { left.bits() } else { &[1; 16] }, "{phrase}");
    }
}

#[test]
fn a_turned_picture_takes_its_mask_along() {
    let (folder, config) = folder(&[1, 1]);
    // The mask's half is white in the first picture.
    image::GrayImage::from_fn(4, 4, |_, row| image::Luma([if row < 2 { 255 } else { 0 }]))
        .save(folder.path().join("0.png"))
        .unwrap();
    let feed = RecordFeed::open(&RecordsConfig { turn: true, ..config }).unwrap();
    let shape = FeedConfig { phrases: 1, side_px: 4, ..SHAPE };
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..30 {
        let batch = feed.training(step, shape).unwrap();
        let first = batch.phrases.iter().position(|phrase| phrase == "0 0 train").unwrap();
        let pixels: Vec<u8> = batch.pixels[first * 48..][..48].iter().step_by(3).map(|&grey| grey / 255).collect();
        assert_eq!(pixels, batch.masks[first * 16..][..16]);
        seen.insert(pixels);
    }
    assert_eq!(seen.len(), 4);
}
