use std::collections::BTreeSet;

use super::*;
use crate::dataset::labelled::OutlineTrust;

/// A picture of 4 rows and 6 columns whose red channel numbers the pixels, with one object.
fn picture(object: &[(usize, usize)]) -> LabelledTile {
    let mut bits = vec![0; 24];
    for &(row, col) in object {
        bits[row * 6 + col] = 1;
    }
    LabelledTile {
        rows: 4,
        cols: 6,
        rgb: (0..24_u8).flat_map(|at| [at * 10, 0, 0]).collect(),
        objects: vec![LabelledObject {
            id: 7,
            category: "ship".into(),
            form: LabelForm::Instance,
            trust: OutlineTrust::Outline,
            whole: true,
            mask: LocalMask::from_picture(4, 6, &bits).unwrap(),
        }],
        exhaustive: BTreeSet::new(),
        false_colour: false,
        pixel_size_m: Some(0.5),
        placeless: false,
    }
}

fn whole() -> View {
    View::whole(4, 6, 6)
}

/// Where the red value of pixel `(row, col)` of the picture went, and where the object's pixel went.
fn found(tile: &LabelledTile, value: u8) -> (usize, usize) {
    let at = tile.rgb.iter().step_by(3).position(|&red| red == value).unwrap();
    (at / tile.cols, at % tile.cols)
}

#[test]
fn an_unchanged_view_is_the_picture() {
    let source = picture(&[(1, 2), (1, 3)]);
    assert_eq!(cut(&source, &whole()).tile, source);
}

#[test]
fn pixels_and_labels_turn_together() {
    for quarter_turns in 0..4 {
        for mirrored in [false, true] {
            let source = picture(&[(1, 4)]);
            let tile = cut(&source, &View { quarter_turns, mirrored, ..whole() }).tile;
            let mask = &tile.objects[0].mask;
            // Pixel (1, 4) has the value 10 * (6 + 4).
            assert_eq!((mask.row_off, mask.col_off), found(&tile, 100), "{quarter_turns} {mirrored}");
        }
    }
}

#[test]
fn a_quarter_turn_is_counter_clockwise() {
    let tile = cut(&picture(&[(0, 5)]), &View { quarter_turns: 1, ..whole() }).tile;
    // The upper right corner becomes the upper left one.
    assert_eq!((tile.rows, tile.cols), (6, 4));
    assert_eq!((tile.objects[0].mask.row_off, tile.objects[0].mask.col_off), (0, 0));
}

#[test]
fn a_cut_object_is_no_longer_whole() {
    let source = picture(&[(1, 1), (1, 2)]);
    let view = View { col_off: 2, cols: 4, ..whole() };
    let tile = cut(&source, &View { scale: 1.0, ..view }).tile;
    assert!(!tile.objects[0].whole);
    assert_eq!((tile.objects[0].mask.row_off, tile.objects[0].mask.col_off), (1, 0));
}

#[test]
fn a_sliver_of_an_object_remains_without_its_name() {
    let source = picture(&[(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]);
    let piece = cut(&source, &View { col_off: 4, cols: 2, scale: 1.0, ..whole() });
    assert!(piece.tile.objects.is_empty());
    assert_eq!(piece.remains.len(), 1);
}

#[test]
fn twice_the_scale_makes_four_times_the_area_and_half_the_pixel() {
    let tile = cut(&picture(&[(1, 2), (2, 2)]), &View { scale: 2.0, ..whole() }).tile;
    assert_eq!((tile.rows, tile.cols), (8, 12));
    assert_eq!(tile.objects[0].mask.area_px(), 8);
    assert_eq!(tile.pixel_size_m, Some(0.25));
}
