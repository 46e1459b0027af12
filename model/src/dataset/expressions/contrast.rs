//! Phrases about one sort of thing that differ in a word of place, order or size, each with its own answer.
//!
//! A picture whose pools all lie on the left teaches nothing of "left": "the pools on the left" and "the pools" mean the
//! same. What teaches it is the other phrase beside it, "the pools on the right", and that nothing answers it.

use super::meaning::{Filter, Meaning, Noun, Number, Order, Pick, Place};
use super::nouns::noun_for;
use super::propose::{Found, tolerable};
use super::scene::Scene;
use super::select::{Selection, select, surely};
use super::voice::Voice;
use super::{DRAWS, ExpressionOptions, Kind, Writer};
use crate::dataset::labelled::{LabelledExpression, LabelledTile};
use crate::synthetic::Dice;

/// What can be told apart by one word.
enum Opposites {
    Places(&'static [Place]),
    Orders(&'static [Order]),
}

const OPPOSITES: [(f64, Opposites); 9] = [
    (2.0, Opposites::Places(&[Place::Left, Place::Right])),
    (2.0, Opposites::Places(&[Place::Top, Place::Bottom])),
    (1.0, Opposites::Places(&[Place::LeftHalf, Place::RightHalf])),
    (1.0, Opposites::Places(&[Place::TopHalf, Place::BottomHalf])),
    (2.0, Opposites::Places(&[Place::TopLeft, Place::TopRight, Place::BottomLeft, Place::BottomRight])),
    (1.0, Opposites::Places(&[Place::LeftEdge, Place::RightEdge, Place::TopEdge, Place::BottomEdge, Place::Middle])),
    (1.0, Opposites::Orders(&[Order::Leftmost, Order::Rightmost])),
    (1.0, Opposites::Orders(&[Order::Topmost, Order::Bottommost])),
    (1.0, Opposites::Orders(&[Order::Largest, Order::Smallest])),
];

/// Phrases that differ in a word of place, order or size, at most `wanted`, each true of its target and of nothing else.
///
/// Several are about one sort of thing, and what is meant by one is not meant by its opposite; those that nothing answers
/// have no target. Fewer come back, or none, when the picture gives nothing to tell apart.
#[must_use]
pub fn contrasts(
    tile: &LabelledTile,
    options: &ExpressionOptions,
    dice: &mut Dice,
    wanted: usize,
) -> Vec<LabelledExpression> {
    told_apart(tile, options, dice, wanted).into_iter().map(|(_, expression)| expression).collect()
}

/// The phrases of [`contrasts`] with what they mean.
pub(super) fn told_apart(
    tile: &LabelledTile,
    options: &ExpressionOptions,
    dice: &mut Dice,
    wanted: usize,
) -> Vec<(Meaning, LabelledExpression)> {
    let scene = Scene::new(tile);
    if tile.placeless {
        return Vec::new();
    }
    let mut writer = Writer::new(&scene, options);
    let mut voice = Voice::new(dice, options.phrasings, options.leave_out);
    // One thing is either here or there; several are told apart.
    let groups: Vec<(&str, f64)> = scene.groups().iter().map(|(name, all)| (*name, all.len().min(4) as f64)).collect();
    let weights: Vec<f64> = groups.iter().map(|(_, weight)| *weight).collect();
    for _ in 0..if groups.is_empty() { 0 } else { DRAWS } {
        let category = groups[voice.dice.weighted(&weights)].0;
        let opposites = opposites(category, &scene, &mut voice);
        if opposites.len() < 2 {
            continue;
        }
        for (meaning, selection) in opposites {
            if writer.found.len() >= wanted {
                return writer.found;
            }
            let kind = match (&meaning.pick, selection.chosen.is_empty()) {
                (_, true) => Kind::Absent,
                (Some(Pick { order: Order::Largest | Order::Smallest, .. }), _) => Kind::Superlative,
                _ => Kind::Position,
            };
            voice.reserved = false;
            writer.say(kind, meaning, selection, false, &mut voice);
        }
    }
    writer.found
}

/// Meanings about a category that exclude each other, in random order; fewer than two when the draw was unlucky.
///
/// At least one has a target, and each is beyond doubt: one without a target is about something that is labelled in full.
fn opposites(category: &str, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Vec<Found> {
    let plain = voice.dice.chance(0.5).then_some(true);
    let Some(noun) = noun_for(category, plain, scene, voice) else { return Vec::new() };
    if !noun.complete || noun.region || noun.members.is_empty() {
        return Vec::new();
    }
    let weights: Vec<f64> = OPPOSITES.iter().map(|(weight, _)| *weight).collect();
    let mut found: Vec<Found> = match &OPPOSITES[voice.dice.weighted(&weights)].1 {
        Opposites::Places(places) => places.iter().filter_map(|place| at(*place, &noun, scene, voice)).collect(),
        Opposites::Orders(orders) => orders.iter().filter_map(|order| ahead(order, &noun, scene)).collect(),
    };
    if found.iter().all(|(_, selection)| selection.chosen.is_empty()) {
        return Vec::new();
    }
    for last in (1..found.len()).rev() {
        found.swap(last, voice.dice.below(last + 1));
    }
    found
}

/// The things at a place, or that there are none.
fn at(place: Place, noun: &Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    let mut meaning = Meaning { filters: vec![Filter::Place(place)], ..Meaning::of(noun.clone()) };
    let selection = select(&meaning, scene)?;
    let selection = if selection.chosen.is_empty() {
        Some(selection).filter(|none| none.unsure.is_empty())
    } else {
        tolerable(&meaning, scene, voice)
    }?;
    let one = match selection.chosen.len() {
        0 => 0.4,
        1 if selection.unsure.is_empty() => 0.8,
        _ => 0.0,
    };
    if !meaning.noun.one.is_empty() && voice.dice.chance(one) {
        meaning.number = Number::One;
    }
    Some((meaning, selection))
}

/// The thing that is first in an order.
fn ahead(order: &Order, noun: &Noun, scene: &Scene<'_>) -> Option<Found> {
    // Crowns run into each other: who compares them never agrees.
    if noun.one.is_empty() || noun.members.len() < 2 || noun.category() == "tree" {
        return None;
    }
    let pick = Some(Pick { order: order.clone(), rank: 0, take: 1 });
    let meaning = Meaning { pick, number: Number::One, ..Meaning::of(noun.clone()) };
    let chosen = surely(&meaning, scene)?;
    (!chosen.is_empty()).then_some((meaning, Selection { chosen, unsure: Vec::new() }))
}
