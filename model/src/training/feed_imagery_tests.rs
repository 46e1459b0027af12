use std::collections::BTreeSet;

use super::*;
use crate::dataset::{LabelForm, LabelledObject};

const SIDE: usize = 64;

/// A tile of 40 rows and 64 columns with one ship of 8 x 8 pixels at row 10, column 20.
fn tile(trust: OutlineTrust) -> LabelledTile {
    let mask = LocalMask { row_off: 10, col_off: 20, rows: 8, cols: 8, bits: vec![1; 64] };
    LabelledTile {
        rows: 40,
        cols: SIDE,
        rgb: vec![90; 40 * SIDE * 3],
        objects: vec![LabelledObject {
            id: 1,
            category: "ship".into(),
            form: LabelForm::Instance,
            trust,
            whole: true,
            mask,
        }],
        exhaustive: BTreeSet::from(["ship".to_owned()]),
        false_colour: false,
        pixel_size_m: None,
        placeless: false,
    }
}

fn said(complete: bool) -> LabelledExpression {
    LabelledExpression {
        phrase: "ship".into(),
        kind: "category",
        category: "ship".into(),
        target: vec![0],
        unsure: Vec::new(),
        complete,
    }
}

fn count(plane: &[u8]) -> usize {
    plane.iter().map(|&value| usize::from(value)).sum()
}

#[test]
fn what_was_mirrored_to_fill_the_tile_is_not_scored() {
    let (mask, scored) = planes(&tile(OutlineTrust::Outline), &[], &said(true), SIDE);
    assert_eq!(count(&mask), 64);
    assert_eq!(count(&scored), 40 * 64);
    assert!(scored[40 * SIDE..].iter().all(|&known| known == 0));
}

#[test]
fn where_labels_may_be_missing_only_the_surroundings_of_the_target_are_scored() {
    let (_, scored) = planes(&tile(OutlineTrust::Outline), &[], &said(false), SIDE);
    // A margin of max(8 / 5, 3) = 3 pixels on all sides: (8 + 6) squared.
    assert_eq!(count(&scored), 14 * 14);
}

#[test]
fn a_labelled_thing_that_is_not_meant_is_known_unless_it_is_in_doubt() {
    let mut tile = tile(OutlineTrust::Outline);
    let mask = LocalMask { row_off: 30, col_off: 50, rows: 4, cols: 4, bits: vec![1; 16] };
    tile.objects.push(LabelledObject { id: 2, mask, ..tile.objects[0].clone() });
    // The surroundings of the target, 14 x 14, and the other ship, 4 x 4.
    let (mask, scored) = planes(&tile, &[], &said(false), SIDE);
    assert_eq!((count(&mask), count(&scored)), (64, 14 * 14 + 16));
    let doubtful = LabelledExpression { unsure: vec![1], ..said(true) };
    let (_, scored) = planes(&tile, &[], &doubtful, SIDE);
    assert_eq!(count(&scored), 40 * 64 - 16);
}

#[test]
fn of_an_upright_box_only_the_middle_is_scored() {
    let (mask, scored) = planes(&tile(OutlineTrust::UprightBox), &[], &said(true), SIDE);
    assert_eq!(count(&mask), 64);
    // The corner of the box is unknown, its middle is known.
    assert_eq!((scored[10 * SIDE + 20], scored[14 * SIDE + 24]), (0, 1));
    // Pixel centres within the ellipse of half axes 2: 12.
    assert_eq!(count(&scored), 40 * 64 - 64 + 12);
}

#[test]
fn remains_of_cut_objects_are_not_scored() {
    let remain = LocalMask { row_off: 0, col_off: 0, rows: 1, cols: 5, bits: vec![1; 5] };
    let (_, scored) = planes(&tile(OutlineTrust::Outline), &[remain], &said(true), SIDE);
    assert_eq!(count(&scored), 40 * 64 - 5);
}

#[test]
fn views_stay_inside_the_picture_and_fit_the_tile() {
    let picture = LabelledTile { rows: 300, cols: 700, rgb: vec![0; 300 * 700 * 3], ..tile(OutlineTrust::Outline) };
    let mut filled = 0;
    for seed in 0..200 {
        let view = closer_view(&picture, SIDE, &mut Dice::new(&[seed]));
        assert!(view.row_off + view.rows <= 300 && view.col_off + view.cols <= 700, "{view:?}");
        let shown = random_view(&picture, SIDE, &mut Dice::new(&[seed])).tile;
        assert!(shown.rows <= SIDE && shown.cols <= SIDE, "shows {} x {}", shown.rows, shown.cols);
        assert_eq!(mirrored(&shown, SIDE).len(), SIDE * SIDE * 3);
        // Where the picture ends within the tile, no phrase may speak of a half of it.
        let fills = shown.rows.max(shown.cols) + 1 >= SIDE;
        assert!(fills || shown.placeless);
        filled += usize::from(fills && !shown.placeless);
    }
    assert!(filled > 100, "{filled}");
}

#[test]
fn a_joined_sample_shows_four_pictures_and_asks_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = ImageryConfig { joined_share: 1.0, ..write_set(folder.path()) };
    let imagery = Imagery::open(&config.train, &config).unwrap();
    let mut several = false;
    for seed in 0..20 {
        let joined = imagery.joined(SIDE, &mut Dice::new(&[seed])).unwrap().tile;
        assert_eq!((joined.rows, joined.cols), (SIDE, SIDE));
        assert!(joined.exhaustive.contains("ship"));
        several |= joined.objects.len() > 2;
        let (mut batch, shape) = empty_batch();
        imagery.push(&mut batch, shape, Purpose::Training, &mut Dice::new(&[seed])).unwrap();
        assert_eq!((batch.phrases.len(), batch.masks.len()), (2, 2 * SIDE * SIDE));
        // What people wrote is true of one picture only.
        assert!(!batch.phrases.iter().any(|phrase| phrase == "that pale vessel"));
    }
    assert!(several);
}

#[test]
fn a_sample_of_opposites_has_one_phrase_with_a_target_and_one_without() {
    let folder = tempfile::tempdir().unwrap();
    let config = ImageryConfig { contrast_share: 1.0, written: None, ..write_set(folder.path()) };
    let imagery = Imagery::open(&config.train, &config).unwrap();
    let mut opposed = 0;
    for seed in 0..60 {
        let (mut batch, shape) = empty_batch();
        imagery.push(&mut batch, shape, Purpose::Training, &mut Dice::new(&[seed])).unwrap();
        let marked = batch.masks.chunks_exact(SIDE * SIDE).filter(|mask| mask.contains(&1)).count();
        opposed += usize::from(marked == 1 && batch.phrases[0] != batch.phrases[1]);
    }
    // The one ship of a picture is on one side or the other.
    assert!(opposed > 20, "{opposed}");
}

/// A set of two pictures, each with a bright square, and a written phrase about the first.
fn write_set(folder: &Path) -> ImageryConfig {
    let mut images = Vec::new();
    let mut annotations = Vec::new();
    for id in 1..=2_u32 {
        let picture = image::RgbImage::from_fn(96, 96, |col, row| {
            let inside = (20..60).contains(&col) && (30..70).contains(&row);
            image::Rgb(if inside { [230, 230, 230] } else { [20, 60, 120] })
        });
        picture.save(folder.join(format!("{id}.png"))).unwrap();
        images.push(serde_json::json!({
            "id": id, "file_name": format!("{id}.png"), "width": 96, "height": 96, "source": "drawn",
            "exhaustive": ["ship"], "publishable": id == 1,
        }));
        annotations.push(serde_json::json!({
            "id": 10 + id, "image_id": id, "category_id": 1, "bbox": [20, 30, 40, 40], "area": 1600, "iscrowd": 0,
            "segmentation": [[20, 30, 60, 30, 60, 70, 20, 70]],
        }));
    }
    let set = serde_json::json!({
        "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "ship"}],
    });
    let file = folder.join("instances.json");
    std::fs::write(&file, set.to_string()).unwrap();
    let written = folder.join("written.jsonl");
    std::fs::write(
        &written,
        r#"{"image": "1.png", "phrase": "that pale vessel", "annotations": [11], "kind": "synonym"}"#,
    )
    .unwrap();
    ImageryConfig {
        train: file.clone(),
        validation: file,
        images: folder.to_owned(),
        written: Some(written),
        publishable_only: false,
        joined_share: 0.0,
        contrast_share: 0.0,
        source_weights: BTreeMap::new(),
    }
}

fn empty_batch() -> (Batch, FeedConfig) {
    let shape = FeedConfig { batch: 1, phrases: 2, side_px: SIDE };
    (Batch::empty(shape), shape)
}

#[test]
fn a_sample_of_imagery_is_the_same_for_the_same_dice() {
    let folder = tempfile::tempdir().unwrap();
    let imagery = |config: &ImageryConfig| Imagery::open(&config.train, config).unwrap();
    let config = write_set(folder.path());
    let draw = || {
        let (mut batch, shape) = empty_batch();
        imagery(&config).push(&mut batch, shape, Purpose::Training, &mut Dice::new(&[4])).unwrap();
        batch
    };
    let (one, other) = (draw(), draw());
    assert_eq!(one.pixels, other.pixels);
    assert_eq!((&one.phrases, &one.masks, &one.scored), (&other.phrases, &other.masks, &other.scored));
    assert_eq!(one.masks.len(), 2 * SIDE * SIDE);
    assert_eq!(one.scored.len(), one.masks.len());
}

#[test]
fn what_people_wrote_is_asked_with_its_mask() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_set(folder.path());
    let imagery = Imagery::open(&config.train, &config).unwrap();
    let mut heard = false;
    for seed in 0..40 {
        let (mut batch, shape) = empty_batch();
        imagery.push(&mut batch, shape, Purpose::Training, &mut Dice::new(&[seed])).unwrap();
        if batch.phrases[0] == "that pale vessel" {
            heard = true;
            let share = count(&batch.masks[..SIDE * SIDE]) as f64 / (SIDE * SIDE) as f64;
            // 40 x 40 of 96 x 96 pixels.
            let full = 1600.0 / 9216.0;
            assert!((0.95 * full..1.05 * full).contains(&share), "{share}");
        }
    }
    assert!(heard);
}

#[test]
fn only_publishable_pictures_are_shown_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let config = ImageryConfig { publishable_only: true, ..write_set(folder.path()) };
    assert_eq!(Imagery::open(&config.train, &config).unwrap().sources, [vec![0]]);
}

#[test]
fn a_picture_that_is_gone_is_an_error_and_no_black_tile() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_set(folder.path());
    let imagery = Imagery::open(&config.train, &config).unwrap();
    std::fs::remove_file(folder.path().join("1.png")).unwrap();
    std::fs::remove_file(folder.path().join("2.png")).unwrap();
    let (mut batch, shape) = empty_batch();
    assert!(imagery.push(&mut batch, shape, Purpose::Training, &mut Dice::new(&[1])).is_err());
}
