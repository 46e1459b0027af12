use std::collections::BTreeSet;
use std::path::Path;

use super::checker::fault;
use super::contrast::told_apart;
use super::*;
use crate::dataset::coco::{CocoOptions, CocoSet};
use crate::dataset::labelled::{LabelForm, LabelledObject, LocalMask, OutlineTrust};

const PALETTE: [[u8; 3]; 8] = [
    [245, 245, 245],
    [20, 20, 20],
    [128, 128, 128],
    [200, 40, 40],
    [240, 140, 20],
    [230, 220, 40],
    [50, 90, 200],
    [110, 80, 55],
];

fn object(id: u64, category: &str, mask: LocalMask) -> LabelledObject {
    LabelledObject {
        id,
        category: category.to_owned(),
        form: LabelForm::Instance,
        trust: OutlineTrust::Outline,
        whole: true,
        mask,
    }
}

fn empty(rows: usize, cols: usize, exhaustive: &[&str]) -> LabelledTile {
    LabelledTile {
        rows,
        cols,
        rgb: [90, 120, 70].repeat(rows * cols),
        objects: Vec::new(),
        exhaustive: exhaustive.iter().map(|&name| name.to_owned()).collect::<BTreeSet<String>>(),
        false_colour: false,
        pixel_size_m: None,
        placeless: false,
    }
}

/// Rectangles and ellipses of plain colours, none upon another.
fn random_tile(seed: u64) -> LabelledTile {
    let dice = &mut Dice::new(&[seed, 31]);
    let (rows, cols) = (200 + dice.below(120), 200 + dice.below(120));
    let mut tile = empty(rows, cols, &[]);
    let mut taken = vec![0_u8; rows * cols];
    for category in ["ship", "building", "storage tank", "tennis court", "vehicle", "tree"] {
        if dice.chance(0.5) {
            tile.exhaustive.insert(category.to_owned());
        }
        if dice.chance(0.4) {
            continue;
        }
        for _ in 0..dice.below(7) {
            let (height, width) = (6 + dice.below(45), 6 + dice.below(45));
            let (row_off, col_off) = (dice.below(rows - height + 1), dice.below(cols - width + 1));
            let round = dice.chance(0.4);
            let inside = |row: usize, col: usize| {
                let along = |at: usize, of: usize| (at as f64 + 0.5) / of as f64 * 2.0 - 1.0;
                !round || along(row, height).powi(2) + along(col, width).powi(2) <= 1.0
            };
            let bits = (0..height * width).map(|at| u8::from(inside(at / width, at % width))).collect();
            let mut own = vec![0; rows * cols];
            LocalMask { row_off, col_off, rows: height, cols: width, bits }.mark(cols, &mut own);
            if own.iter().zip(&taken).any(|(a, b)| a & b == 1) {
                continue;
            }
            let colour = PALETTE[dice.below(PALETTE.len())];
            for at in (0..own.len()).filter(|&at| own[at] == 1) {
                taken[at] = 1;
                tile.rgb[at * 3..at * 3 + 3].copy_from_slice(&colour);
            }
            let Some(mask) = LocalMask::from_picture(rows, cols, &own) else { continue };
            let cut = row_off == 0 || col_off == 0 || row_off + height == rows || col_off + width == cols;
            let whole = !cut && dice.chance(0.9);
            tile.objects.push(LabelledObject { whole, ..object(tile.objects.len() as u64, category, mask) });
        }
    }
    tile.placeless = dice.chance(0.15);
    tile.false_colour = dice.chance(0.15);
    tile
}

fn faults(tile: &LabelledTile, options: &ExpressionOptions, seed: u64, wanted: usize) -> (usize, Vec<String>) {
    let said = written(tile, options, &mut Dice::new(&[seed, 8]), wanted);
    (said.len(), said.iter().filter_map(|(meaning, said)| fault(tile, meaning, said)).collect())
}

#[test]
fn phrases_about_drawn_tiles_are_true_of_their_target_and_of_nothing_else() {
    let mut total = 0;
    for seed in 0..400 {
        let tile = random_tile(seed);
        let options = ExpressionOptions {
            phrasings: [Phrasings::Training, Phrasings::All, Phrasings::HeldOut][seed as usize % 3],
            leave_out: seed % 2 == 0,
            ..ExpressionOptions::default()
        };
        let (count, faults) = faults(&tile, &options, seed, 12);
        total += count;
        assert!(faults.is_empty(), "tile {seed}: {faults:#?}");
    }
    assert!(total > 3000, "only {total} phrases");
}

#[test]
fn phrases_about_real_pictures_are_true_of_their_target_and_of_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/real");
    let root = [root, Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/real")]
        .into_iter()
        .find(|root| root.join("instances_val.json").exists());
    let Some(root) = root else {
        eprintln!("skipped: no labelled imagery in ../shared/data/real");
        return;
    };
    let set = CocoSet::open(&root.join("instances_val.json"), &CocoOptions::default()).unwrap();
    let (mut total, mut wrong) = (0, Vec::new());
    for index in 0..set.images().len() {
        let tile = set.tile(index, &root.join("images")).unwrap();
        let (count, faults) = faults(&tile, &ExpressionOptions::default(), index as u64, 8);
        total += count;
        wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}", set.images()[index].file_name)));
    }
    assert!(total > 2000, "only {total} phrases");
    assert!(wrong.is_empty(), "{} of {total}: {wrong:#?}", wrong.len());
}

#[test]
fn the_same_seed_gives_the_same_phrases() {
    let tile = random_tile(3);
    let say = |seed: u64| expressions(&tile, &ExpressionOptions::default(), &mut Dice::new(&[seed]), 10);
    assert_eq!(say(1), say(1));
    assert_ne!(say(1), say(2));
}

#[test]
fn a_category_that_is_never_exhaustive_still_gets_phrases() {
    let mut tile = empty(100, 100, &[]);
    let mask = LocalMask { row_off: 40, col_off: 40, rows: 20, cols: 20, bits: vec![1; 400] };
    tile.objects.push(object(1, "baseball diamond", mask));
    let said = expressions(&tile, &ExpressionOptions::default(), &mut Dice::new(&[5]), 6);
    assert_eq!(said.len(), 6);
    assert!(said.iter().all(|e| e.target == [0] && !e.complete), "{said:?}");
}

#[test]
fn an_empty_picture_gets_phrases_about_what_is_surely_absent_only() {
    let tile = empty(64, 64, &["ship", "bridge"]);
    let said = expressions(&tile, &ExpressionOptions::default(), &mut Dice::new(&[5]), 8);
    assert!(said.len() >= 6);
    assert!(said.iter().all(|e| e.kind == "absent" && ["ship", "bridge"].contains(&e.category.as_str())));
    assert!(expressions(&empty(64, 64, &[]), &ExpressionOptions::default(), &mut Dice::new(&[5]), 8).is_empty());
}

#[test]
fn vehicles_are_absent_only_where_no_kind_of_them_can_be() {
    let speak = |exhaustive: &[&str]| {
        let options = ExpressionOptions { phrasings: Phrasings::All, ..ExpressionOptions::default() };
        (0..40).any(|seed| {
            let said = expressions(&empty(64, 64, exhaustive), &options, &mut Dice::new(&[seed]), 4);
            said.iter().any(|e| e.phrase.contains("vehicle"))
        })
    };
    assert!(!speak(&["car", "bus"]));
    assert!(!speak(&["car", "bus", "minibus", "truck"]));
    assert!(speak(&["vehicle", "car", "bus", "minibus", "truck"]));
}

#[test]
fn held_out_phrases_have_a_reserved_turn_and_training_ones_have_none() {
    let tile = random_tile(11);
    let say = |phrasings, seed| {
        let options = ExpressionOptions { phrasings, ..ExpressionOptions::default() };
        written(&tile, &options, &mut Dice::new(&[seed]), 8)
    };
    for seed in 0..30 {
        assert!(say(Phrasings::Training, seed).iter().all(|(meaning, _)| !meaning.noun.reserved));
    }
    let held_out: Vec<String> = (0..30).flat_map(|seed| say(Phrasings::HeldOut, seed)).map(|(_, e)| e.phrase).collect();
    let training: BTreeSet<String> =
        (0..200).flat_map(|seed| say(Phrasings::Training, seed)).map(|(_, e)| e.phrase).collect();
    assert!(held_out.len() > 100);
    let shared: Vec<&String> = held_out.iter().filter(|phrase| training.contains(*phrase)).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

#[test]
fn words_agree_with_what_is_meant() {
    for seed in 0..300 {
        let tile = random_tile(seed);
        let options = ExpressionOptions { phrasings: Phrasings::All, ..ExpressionOptions::default() };
        for (meaning, said) in written(&tile, &options, &mut Dice::new(&[seed, 4]), 10) {
            let text = format!("{meaning:?}").to_lowercase();
            let phrase = &said.phrase;
            let words: BTreeSet<&str> = phrase.split([' ', '-', ',', '?']).collect();
            for (word, point) in [("left", "west"), ("right", "east"), ("top", "north"), ("bottom", "south")] {
                // Said in words of the picture or of the compass, and only where it is meant.
                let by_side = words.iter().any(|w| w.starts_with(word)) && !phrase.contains("right next");
                let by_point = words.iter().any(|w| w.starts_with(point));
                assert!(text.contains(word) || !(by_side || by_point), "{phrase}: {text}");
            }
            for word in ["large", "small", "long", "round", "red", "white", "blue", "near", "between"] {
                assert!(!words.contains(word) || text.contains(word) || word == "near", "{phrase}: {text}");
            }
            if let meaning::Number::Exactly(n @ 3..) = meaning.number {
                assert!(words.contains(wording::number_word(n)), "{phrase}: {text}");
            }
            assert!(!phrase.contains(['{', '}', '~']) && !phrase.contains("  ") && !phrase.contains(" ,"), "{phrase}");
        }
    }
}

#[test]
fn opposites_are_true_and_exclude_each_other() {
    let (mut total, mut pairs, mut absent) = (0, 0, 0);
    for seed in 0..400 {
        let tile = random_tile(seed);
        let options = ExpressionOptions { leave_out: seed % 2 == 0, ..ExpressionOptions::default() };
        let said = told_apart(&tile, &options, &mut Dice::new(&[seed, 9]), 4);
        let faults: Vec<String> = said.iter().filter_map(|(meaning, said)| fault(&tile, meaning, said)).collect();
        assert!(faults.is_empty(), "tile {seed}: {faults:#?}");
        total += said.len();
        absent += said.iter().filter(|(_, said)| said.target.is_empty()).count();
        let places = |meaning: &Meaning| match meaning.filters.as_slice() {
            [Filter::Place(place)] => Some(*place),
            _ => None,
        };
        for [(one, first), (other, second)] in said.iter().flat_map(|a| said.iter().map(move |b| [a, b])) {
            let opposite = (places(one), places(other)) == (Some(meaning::Place::Left), Some(meaning::Place::Right));
            if opposite && one.noun == other.noun {
                pairs += 1;
                assert!(first.target.iter().all(|index| !second.target.contains(index)), "{first:?} {second:?}");
                assert_ne!(first.phrase, second.phrase);
            }
        }
    }
    assert!(total > 500 && pairs > 30 && absent > 50, "{total} phrases, {pairs} pairs, {absent} without a target");
}

#[test]
fn a_picture_without_sides_or_with_incomplete_labels_has_no_opposites() {
    let mask = || LocalMask { row_off: 40, col_off: 10, rows: 20, cols: 20, bits: vec![1; 400] };
    let mut tile = empty(100, 100, &["ship"]);
    tile.objects.push(object(1, "ship", mask()));
    let say = |tile: &LabelledTile| {
        let options = ExpressionOptions::default();
        (0..20).flat_map(|seed| contrasts(tile, &options, &mut Dice::new(&[seed]), 4)).collect::<Vec<_>>()
    };
    let said = say(&tile);
    assert!(said.iter().any(|e| e.target == [0]) && said.iter().any(|e| e.kind == "absent" && e.complete), "{said:?}");
    tile.placeless = true;
    assert!(say(&tile).is_empty());
    tile.placeless = false;
    tile.exhaustive.clear();
    assert!(say(&tile).is_empty());
}
