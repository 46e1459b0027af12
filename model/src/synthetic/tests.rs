//! What holds for drawn scenes and for what is said of them.

use std::collections::BTreeMap;

use super::meaning::{Count, Link, Meaning, Noun, Place, Relation, Size, Superlative};
use super::sample::scenelet;
use super::*;

fn demo() -> World {
    World::new(demo_world()).expect("a sound world")
}

#[test]
fn any_window_shows_the_same_pixels_and_ids() {
    let turned = WorldConfig { angle_deg: 33.0, pixel_size_m: 0.43, ..demo_world() };
    for config in [demo_world(), turned] {
        let world = World::new(config).expect("a sound world");
        let whole = world.render(400, 480, 300, 340);
        // 97 and 111 share no factor with the drawing bands.
        for (row, rows) in [(0, 97), (97, 1), (98, 202)] {
            for (col, cols) in [(0, 111), (111, 229)] {
                let part = world.render(400 + row, 480 + col, rows, cols);
                for r in 0..rows as usize {
                    for c in 0..cols as usize {
                        let at = (r + row as usize) * 340 + c + col as usize;
                        let here = r * cols as usize + c;
                        assert_eq!(part.instance[here], whole.instance[at]);
                        assert_eq!(part.rgb[3 * here..3 * here + 3], whole.rgb[3 * at..3 * at + 3]);
                    }
                }
            }
        }
    }
}

#[test]
fn a_large_window_drawn_in_parallel_bands_is_the_small_ones_put_together() {
    let world = demo();
    let large = world.render(0, 0, 700, 640);
    for row in [0_u32, 90, 96, 333, 650] {
        let strip = world.render(row, 0, 50, 640);
        let start = row as usize * 640;
        assert_eq!(strip.instance[..], large.instance[start..start + 50 * 640]);
        assert_eq!(strip.rgb[..], large.rgb[3 * start..3 * (start + 50 * 640)]);
    }
}

#[test]
fn a_window_at_the_far_corner_of_a_huge_scene_is_drawn_like_any_other() {
    let world =
        World::new(WorldConfig { width_px: 100_000, height_px: 100_000, ..demo_world() }).expect("a sound world");
    let corner = world.render(99_936, 99_936, 64, 64);
    assert_eq!(corner.rgb.len(), 64 * 64 * 3);
    // The window in the scene's own corner is the demo's: the extent does not change what stands where.
    assert_eq!(world.render(0, 0, 64, 64).rgb, demo().render(0, 0, 64, 64).rgb);
}

#[test]
fn a_scene_with_more_ground_than_numbers_is_refused() {
    let config = WorldConfig { width_px: u32::MAX, height_px: u32::MAX, ..demo_world() };
    assert!(matches!(World::new(config), Err(WorldError::TooLarge { .. })));
    assert_eq!(
        World::new(WorldConfig { width_px: 0, ..demo_world() }).expect_err("no such world"),
        WorldError::NoPixels
    );
    let tiny = World::new(WorldConfig { pixel_size_m: 0.01, ..demo_world() });
    assert_eq!(tiny.expect_err("no such world"), WorldError::PixelSize(0.01));
}

#[test]
fn instances_have_numbers_of_their_own_and_cover_about_their_area() {
    let drawn = demo().render(0, 0, 1280, 1280);
    let mut ids: Vec<u32> = drawn.instances.iter().map(|i| i.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let frame = Frame::new(1280, 1280, 0.3, drawn.instance, &drawn.instances);
    for thing in frame.things() {
        // Airplanes and ships have no simple area; all others are boxes, discs, or boxes with a wing.
        let simple = !matches!(thing.instance.category, Category::Airplane | Category::Ship);
        if simple && !thing.instance.category.is_region() {
            assert!(frame.share_seen(thing) < 1.4, "{:?}", thing.instance);
        }
    }
}

#[test]
fn the_same_number_gives_the_same_sample() {
    let (a, b, c) = (sample(3, 14, 160, 4), sample(3, 14, 160, 4), sample(3, 15, 160, 4));
    assert_eq!(a.rgb, b.rgb);
    assert_eq!(a.phrases, b.phrases);
    assert_ne!(a.rgb, c.rgb);
}

/// The model was trained on these very pixels and phrases: whoever changes them, retrains.
#[test]
fn samples_are_those_that_the_shipped_weights_were_trained_on() {
    let mut sum = 0xCBF2_9CE4_8422_2325_u64;
    let mut eat = |byte: u8| {
        sum ^= u64::from(byte);
        sum = sum.wrapping_mul(0x0100_0000_01B3);
    };
    for index in 0..20 {
        let s = sample(7, index, 320, 4);
        s.rgb.iter().copied().for_each(&mut eat);
        for (expression, mask) in &s.phrases {
            expression.phrase.bytes().for_each(&mut eat);
            mask.iter().copied().for_each(&mut eat);
        }
    }
    assert_eq!(sum, TRAINED_ON, "now {sum:#x}");
}

const TRAINED_ON: u64 = 0x06F2_BA6D_E5F4_DE6D;

#[test]
fn each_demo_prompt_has_targets_and_things_that_only_look_like_them() {
    let drawn = demo().render(0, 0, 1280, 1280);
    let frame = Frame::new(1280, 1280, 0.3, drawn.instance, &drawn.instances);
    let counts = DEMO_PROMPTS.map(|p| resolve(p, &frame).map(|ids| ids.len()));
    assert_eq!(counts, [Some(14), Some(13), Some(7)]);
    let count = |category| frame.things().iter().filter(|t| t.instance.category == category).count();
    assert_eq!((count(Category::Building), count(Category::Ship)), (49, 13));
}

#[test]
fn every_phrase_is_true_of_its_targets_and_of_nothing_else() {
    let (mut checked, mut relations) = (0, 0);
    for index in 0..120 {
        let place = scenelet(11, index, 256, 8);
        for expression in &place.said {
            let truth = by_hand(&expression.meaning, &place.frame, place.pixel_size_m);
            assert_eq!(expression.targets, truth, "{:?} in sample {index}", expression.phrase);
            checked += 1;
            relations += usize::from(expression.meaning.relation.is_some());
            let mask = place.frame.mask(&truth);
            let inside =
                place.frame.raster().iter().zip(&mask).filter(|(id, m)| (**m == 1) != truth.contains(id)).count();
            assert_eq!(inside, 0);
        }
    }
    assert!(checked > 800 && relations > 40, "{checked} phrases, {relations} relations");
}

/// The targets found again from the pixels alone, one condition after the other.
fn by_hand(meaning: &Meaning, frame: &Frame, pixel_m: f64) -> Vec<u32> {
    let (rows, cols) = frame.size();
    let pixels = |id: u32| -> Vec<(f64, f64)> {
        let at = frame.raster().iter().enumerate().filter(|(_, v)| **v == id);
        at.map(|(k, _)| ((k / cols) as f64, (k % cols) as f64)).collect()
    };
    let mean = |id: u32| {
        let p = pixels(id);
        let sum = p.iter().fold((0.0, 0.0), |s, q| (s.0 + q.0, s.1 + q.1));
        (sum.0 / p.len() as f64, sum.1 / p.len() as f64)
    };
    let gap = |a: u32, others: &[u32]| {
        let from = pixels(a);
        let mut best = f64::MAX;
        for p in others.iter().flat_map(|&o| pixels(o)) {
            for q in &from {
                best = best.min((p.0 - q.0).powi(2) + (p.1 - q.1).powi(2));
            }
        }
        best.sqrt() * pixel_m
    };
    let area =
        |id: u32| frame.things().iter().find(|t| t.instance.id == id).expect("an id of the frame").instance.area_m2;
    let mut left: Vec<u32> = frame
        .things()
        .iter()
        .filter(|t| meaning.noun.names(&t.instance))
        .filter(|t| meaning.colour.is_none_or(|c| t.instance.colour == Some(c)))
        .map(|t| t.instance.id)
        .collect();
    if let Some(size) = meaning.size {
        let sizes: Vec<f64> = left.iter().map(|&id| area(id)).collect();
        left.retain(|&id| {
            (area(id) > 300.0 || meaning.noun != Noun::Building && area(id) > 130.0) == (size == Size::Large)
        });
        // Between the small and the large there is a clear gap.
        for (a, b) in sizes.iter().flat_map(|a| sizes.iter().map(move |b| (a, b))) {
            let apart = |x: &f64| left.iter().any(|&id| area(id) == *x);
            assert!(apart(a) == apart(b) || a / b > 1.4 || b / a > 1.4);
        }
    }
    if let Some(place) = meaning.place {
        let (r, c) = (rows as f64, cols as f64);
        left.retain(|&id| {
            let (y, x) = mean(id);
            let (left, top) = (x < c / 2.0, y < r / 2.0);
            match place {
                Place::Left => left,
                Place::Right => !left,
                Place::Top => top,
                Place::Bottom => !top,
                Place::TopLeft => top && left,
                Place::TopRight => top && !left,
                Place::BottomLeft => !top && left,
                Place::BottomRight => !top && !left,
                Place::Middle => (y / r - 0.5).abs() < 0.2 && (x / c - 0.5).abs() < 0.2,
            }
        });
    }
    if let Some(relation) = meaning.relation {
        let mut others: Vec<u32> = frame
            .things()
            .iter()
            .filter(|t| relation.to.names(&t.instance))
            .filter(|t| relation.colour.is_none_or(|c| t.instance.colour == Some(c)))
            .map(|t| t.instance.id)
            .collect();
        if relation.largest {
            others.sort_by(|&a, &b| area(b).total_cmp(&area(a)));
            others.truncate(1);
        }
        let near = |id: u32| {
            let d = gap(id, &others);
            match relation.link {
                Link::Near => {
                    // A chamfer distance is within 4 % of the straight one.
                    assert!(!(12.5..24.0).contains(&d), "{d} m is neither near nor far");
                    d < 12.5
                }
                Link::On => d < 1.7 * pixel_m,
            }
        };
        left.retain(|&id| !others.is_empty() && near(id));
    }
    if let Some(superlative) = meaning.superlative {
        let score = |id: u32| match superlative {
            Superlative::Largest => -area(id),
            Superlative::Smallest => area(id),
            Superlative::Leftmost => mean(id).1,
            Superlative::Rightmost => -mean(id).1,
            Superlative::Topmost => mean(id).0,
            Superlative::Bottommost => -mean(id).0,
        };
        left.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
        left.truncate(1);
    }
    left
}

#[test]
fn what_is_said_is_read_back_with_the_same_meaning() {
    let mut dice = Dice::new(&[5]);
    let mut meanings: Vec<Meaning> = Vec::new();
    for noun in Noun::ALL {
        let plain = Meaning::of(noun);
        meanings.push(plain);
        if noun.category().is_region() {
            continue;
        }
        let one = Meaning { count: Count::One, ..plain };
        for base in [plain, one] {
            meanings.push(base);
            meanings.extend(noun.colours().iter().map(|&c| Meaning { colour: Some(c), ..base }));
            meanings.extend([Size::Large, Size::Small].map(|s| Meaning { size: Some(s), ..base }));
            let places = [
                Place::Left,
                Place::Right,
                Place::Top,
                Place::Bottom,
                Place::TopLeft,
                Place::BottomRight,
                Place::Middle,
            ];
            meanings.extend(places.map(|p| Meaning { place: Some(p), ..base }));
            for to in Noun::ALL {
                let largest = !to.category().is_region() && dice.chance(0.5);
                for link in [Link::Near, Link::On] {
                    let relation = Relation { link, to, largest, colour: None };
                    meanings.push(Meaning { relation: Some(relation), ..base });
                    let colour = to.colours().first().copied();
                    let coloured = Relation { colour, ..relation };
                    meanings.push(Meaning { relation: Some(coloured), colour: noun.colours().last().copied(), ..base });
                }
            }
        }
        let all = [
            Superlative::Largest,
            Superlative::Smallest,
            Superlative::Leftmost,
            Superlative::Rightmost,
            Superlative::Topmost,
            Superlative::Bottommost,
        ];
        meanings.extend(all.map(|s| Meaning { superlative: Some(s), ..one }));
    }
    for meaning in meanings {
        for several in [false, true, false, true, false, true] {
            let phrase = say(&meaning, several, &mut dice);
            assert_eq!(parse(&phrase), Some(meaning), "{phrase:?}");
            assert!(phrase.split(' ').count() <= 16 && !phrase.contains("  "), "{phrase:?}");
        }
    }
}

#[test]
fn words_outside_the_grammar_have_no_meaning() {
    for phrase in ["", "the", "red", "the zeppelin", "ships next to", "ships quickly", "the ship the ship"] {
        assert_eq!(parse(phrase), None, "{phrase:?}");
    }
    assert_eq!(parse("Buildings with a red roof."), parse("all red-roofed buildings"));
}

#[test]
fn every_category_is_a_target_and_a_seventh_of_the_phrases_or_less_has_none() {
    let mut named: BTreeMap<Category, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<ExpressionKind, usize> = BTreeMap::new();
    let mut total = 0;
    for index in 0..250 {
        for expression in scenelet(1, index, 320, 5).said {
            total += 1;
            *kinds.entry(expression.kind).or_default() += 1;
            if !expression.targets.is_empty() {
                *named.entry(expression.category).or_default() += 1;
            }
        }
    }
    assert_eq!(total, 1250);
    assert_eq!(named.len(), Category::ALL.len(), "{named:?}");
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    let silent = kinds[&ExpressionKind::NoTarget] as f64 / f64::from(total);
    assert!((0.06..0.16).contains(&silent), "{silent}");
}
