//! Meanings that tell things apart by what lies beside them.

use super::Kind;
use super::meaning::{Filter, Link, Meaning, Noun, Number, Order, Pick};
use super::nouns::noun_for;
use super::propose::{Found, attribute, filtered, ranked};
use super::scene::Scene;
use super::select::{Selection, surely};
use super::voice::Voice;

/// A relation to something else that is labelled, or to its own kind.
pub(super) fn related(noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    if noun.region {
        return None;
    }
    let others: Vec<&str> =
        scene.groups().keys().copied().filter(|name| !noun.categories.iter().any(|c| c == name)).collect();
    if others.is_empty() || voice.dice.chance(0.25) {
        return if voice.dice.chance(0.35) { companions(noun, scene, voice) } else { beside_one(noun, scene, voice) };
    }
    let other = others[voice.dice.below(others.len())];
    let to = noun_for(other, None, scene, voice)?;
    if !to.complete || to.categories.iter().any(|c| noun.categories.contains(c)) {
        return None;
    }
    let to = if to.members.len() > 1 && voice.dice.chance(0.25) { marked(&to, false, scene, voice)? } else { to };
    let link = link(&noun, &to, scene, voice);
    express(link, noun, to, scene, voice)
}

/// Near others of its kind, or far from them.
fn companions(noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    if !noun.complete {
        return None;
    }
    let link = *voice.dice.pick(&[Link::Paired, Link::Alone]);
    let itself = Box::new(noun.clone());
    let mut meaning = Meaning { filters: vec![Filter::Relation(link, itself)], ..Meaning::of(noun) };
    let chosen = surely(&meaning, scene)?;
    let sayable = if link == Link::Alone { chosen.len() == 1 } else { chosen.len() > 1 };
    if !sayable || chosen.len() == meaning.noun.members.len() {
        return None;
    }
    meaning.number = if chosen.len() == 1 { Number::One } else { Number::All };
    Some((meaning, Selection { chosen, unsure: Vec::new() }))
}

/// Beside one of its kind that stands out.
fn beside_one(noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    let to = marked(&noun, true, scene, voice)?;
    let link = match link(&noun, &to, scene, voice) {
        Some(Link::On | Link::Surrounded | Link::Far) => Some(Link::Near),
        other => other,
    };
    express(link, noun, to, scene, voice)
}

/// One of several things, called by what sets it apart.
fn marked(noun: &Noun, of_its_kind: bool, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Noun> {
    if noun.members.len() < 2 || !noun.complete || noun.region || noun.one.is_empty() {
        return None;
    }
    let mut meaning = Meaning::of(noun.clone());
    let places = !scene.tile.placeless;
    let before = match voice.dice.weighted(&[0.5, 0.15, if places { 0.2 } else { 0.0 }, 0.15]) {
        0 => {
            meaning.pick = Some(Pick { order: Order::Largest, rank: 0, take: 1 });
            voice.pick(&["largest", "biggest"])
        }
        1 => {
            meaning.pick = Some(Pick { order: Order::Smallest, rank: 0, take: 1 });
            "smallest"
        }
        2 => {
            let (order, word) = voice.dice.pick(&[
                (Order::Leftmost, "leftmost"),
                (Order::Rightmost, "rightmost"),
                (Order::Topmost, "topmost"),
                (Order::Bottommost, "lowest"),
            ]);
            meaning.pick = Some(Pick { order: order.clone(), rank: 0, take: 1 });
            word
        }
        _ => {
            let Some(Filter::Colour(colour)) = attribute(noun, scene, voice) else { return None };
            meaning.filters.push(Filter::Colour(colour));
            voice.pick(colour.words())
        }
    };
    let chosen = surely(&meaning, scene)?;
    if chosen.len() != 1 {
        return None;
    }
    let name = if of_its_kind && voice.dice.chance(0.6) { "one" } else { &noun.one };
    let one = format!("{before} {name}");
    Some(Noun { many: one.clone(), one, members: chosen, marked: true, ..noun.clone() })
}

/// A way to lie to something; `None` for an order by distance.
fn link(noun: &Noun, to: &Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Link> {
    let sided = to.members.len() == 1 && !to.region && !scene.tile.placeless;
    let ground = to.region || matches!(to.category(), "airport" | "golf course" | "farmland" | "harbor" | "bridge");
    let weights = [
        0.45,
        0.06,
        if ground { 0.25 } else { 0.02 },
        if to.region { 0.12 } else { 0.02 },
        if sided { 0.4 } else { 0.0 },
        if to.members.len() == 2 && !to.region { 0.2 } else { 0.0 },
        if noun.complete && noun.members.len() > 1 { 0.25 } else { 0.0 },
    ];
    Some(match voice.dice.weighted(&weights) {
        0 => Link::Near,
        1 => Link::Far,
        2 => Link::On,
        3 => Link::Surrounded,
        4 => *voice.dice.pick(&[Link::LeftOf, Link::RightOf, Link::Above, Link::Below]),
        5 => Link::Between,
        _ => return None,
    })
}

fn express(link: Option<Link>, noun: Noun, to: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    match link {
        Some(link) => filtered(Kind::Relation, Filter::Relation(link, Box::new(to)), noun, scene, voice),
        None => {
            // What is nearest to one of its kind is sought among the others.
            let members = noun.members.iter().copied().filter(|index| !to.members.contains(index)).collect();
            let to = Box::new(to);
            let order = if voice.dice.chance(0.7) { Order::ClosestTo(to) } else { Order::FarthestFrom(to) };
            ranked(order, Noun { members, ..noun }, scene, voice)
        }
    }
}
