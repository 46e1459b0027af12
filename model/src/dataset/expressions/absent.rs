//! Meanings that nothing in a picture fits, beyond doubt.

use super::colour::Colour;
use super::meaning::{Filter, Link, Meaning, Noun, Number, Place, Size};
use super::nouns::{coloured, missing, noun_for, surely_absent};
use super::scene::Scene;
use super::select::surely;
use super::voice::Voice;

/// A meaning without a target; `attribute` for things that are there but none as described.
pub(super) fn absent(
    attribute: bool,
    category: Option<&str>,
    scene: &Scene<'_>,
    voice: &mut Voice<'_>,
) -> Option<Meaning> {
    let meaning = if attribute { undescribed(category?, scene, voice) } else { missed(scene, voice) }?;
    surely(&meaning, scene)?.is_empty().then_some(meaning)
}

/// Nothing of a category.
fn missed(scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Meaning> {
    let noun = absent_noun(scene, voice)?;
    let mut meaning = Meaning::of(noun);
    if !meaning.noun.one.is_empty() && voice.dice.chance(0.4) {
        meaning.number = Number::One;
    }
    // A description changes nothing: what is not there is not there in white.
    match voice.dice.below(12) {
        0 | 1 if coloured(meaning.noun.category()) && !scene.tile.false_colour => {
            meaning.filters.push(Filter::Colour(plausible(meaning.noun.category(), voice)));
        }
        2 | 3 if !scene.tile.placeless => meaning.filters.push(Filter::Place(*voice.dice.pick(&Place::ALL))),
        4 => meaning.filters.push(Filter::Size(*voice.dice.pick(&[Size::Large, Size::Small]))),
        5 => {
            let present: Vec<&str> = scene.groups().keys().copied().collect();
            let other = present.get(voice.dice.below(present.len()));
            if let Some(to) = other.and_then(|other| noun_for(other, None, scene, voice)) {
                meaning.filters.push(Filter::Relation(Link::Near, Box::new(to)));
            }
        }
        _ => {}
    }
    Some(meaning)
}

fn absent_noun(scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Noun> {
    let missing = missing(scene);
    let weights: Vec<f64> = missing.iter().map(|m| m.0).collect();
    let (_, category) = missing.get(voice.dice.weighted(&weights))?;
    noun_for(category, None, scene, voice).filter(|noun| surely_absent(noun, scene))
}

/// Things that are all labelled, of which none is as described.
fn undescribed(category: &str, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Meaning> {
    let noun = noun_for(category, None, scene, voice).filter(|noun| noun.complete && !noun.members.is_empty())?;
    let colours = !scene.tile.false_colour && coloured(category) && !noun.region;
    let places = !scene.tile.placeless && !noun.region;
    let weights = [if colours { 0.4 } else { 0.0 }, if places { 0.35 } else { 0.0 }, 0.15, 0.1];
    let filter = match voice.dice.weighted(&weights) {
        0 => Filter::Colour(plausible(category, voice)),
        1 => Filter::Place(*voice.dice.pick(&Place::ALL)),
        2 if !noun.region => Filter::Relation(Link::Near, Box::new(absent_noun(scene, voice)?)),
        3 if !noun.region => {
            let others: Vec<&str> =
                scene.groups().keys().copied().filter(|name| !noun.categories.iter().any(|c| c == name)).collect();
            let other = others.get(voice.dice.below(others.len()))?;
            let to = noun_for(other, None, scene, voice).filter(|to| to.complete)?;
            if to.categories.iter().any(|c| noun.categories.contains(c)) {
                return None;
            }
            Filter::Relation(*voice.dice.pick(&[Link::Near, Link::On]), Box::new(to))
        }
        _ => return None,
    };
    let number = if !noun.one.is_empty() && voice.dice.chance(0.4) { Number::One } else { Number::All };
    Some(Meaning { filters: vec![filter], number, ..Meaning::of(noun) })
}

/// A colour that such a thing may well have somewhere else.
fn plausible(category: &str, voice: &mut Voice<'_>) -> Colour {
    let colours: &[Colour] = match category {
        "building" => &[
            Colour::Red,
            Colour::Blue,
            Colour::White,
            Colour::Green,
            Colour::Orange,
            Colour::Black,
            Colour::Brown,
            Colour::Grey,
        ],
        "tennis court" | "basketball court" => {
            &[Colour::Red, Colour::Blue, Colour::Green, Colour::Orange, Colour::Grey]
        }
        "airplane" => &[Colour::White, Colour::Grey, Colour::Black, Colour::Blue, Colour::Red, Colour::Green],
        "solar panel" => &[Colour::White, Colour::Red, Colour::Green, Colour::Yellow],
        _ => &[
            Colour::White,
            Colour::Black,
            Colour::Red,
            Colour::Blue,
            Colour::Green,
            Colour::Yellow,
            Colour::Orange,
            Colour::Brown,
            Colour::Grey,
        ],
    };
    *voice.dice.pick(colours)
}
