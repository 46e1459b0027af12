//! Meanings that may be true of a picture, drawn at random.

use super::Kind;
use super::colour::{Colour, Truth};
use super::judge::holds;
use super::meaning::{Filter, Meaning, Noun, Number, Order, Pick, Place, Size};
use super::nouns::{coloured, family, noun_for};
use super::relations::related;
use super::scene::Scene;
use super::select::{Selection, select, surely};
use super::voice::Voice;

/// A meaning with its targets.
pub(super) type Found = (Meaning, Selection);

/// A true meaning of a kind about a category, or `None` when the draw was unlucky.
pub(super) fn propose(kind: Kind, category: &str, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    let plain = match kind {
        Kind::Category => Some(true),
        Kind::Synonym => Some(false),
        _ if voice.dice.chance(0.5) => Some(true),
        _ => None,
    };
    let noun = match kind {
        Kind::Synonym if voice.dice.chance(0.08) => family(scene, voice)?,
        _ => noun_for(category, plain, scene, voice)?,
    };
    if noun.members.is_empty() {
        return None;
    }
    match kind {
        Kind::Category | Kind::Synonym => Some(named(noun, scene, voice)),
        Kind::Count => counted(noun, scene),
        Kind::Attribute => filtered(kind, attribute(&noun, scene, voice)?, noun, scene, voice),
        Kind::Position if noun.complete && noun.members.len() > 1 && voice.dice.chance(0.4) => {
            let order =
                voice.dice.pick(&[Order::Leftmost, Order::Rightmost, Order::Topmost, Order::Bottommost]).clone();
            ranked(order, noun, scene, voice)
        }
        Kind::Position => filtered(kind, position(&noun, scene, voice)?, noun, scene, voice),
        Kind::Superlative => {
            let order = match voice.dice.weighted(&[0.45, 0.3, 0.15, 0.1]) {
                0 => Order::Largest,
                1 => Order::Smallest,
                2 => Order::Longest,
                _ => Order::MostCentral,
            };
            ranked(order, noun, scene, voice)
        }
        Kind::Relation => related(noun, scene, voice),
        Kind::Absent => None,
    }
}

/// Everything that a noun names.
fn named(noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Found {
    let chosen = noun.members.clone();
    let mut meaning = Meaning::of(noun);
    let alone = chosen.len() == 1;
    let single = if meaning.noun.region {
        alone && one_piece(chosen[0], scene) && voice.dice.chance(0.3)
    } else {
        alone && voice.dice.chance(0.6)
    };
    if single && !meaning.noun.one.is_empty() {
        meaning.number = Number::One;
    }
    (meaning, Selection { chosen, unsure: Vec::new() })
}

/// True when a region is one piece to the eye: it fills most of its box.
fn one_piece(index: usize, scene: &Scene<'_>) -> bool {
    let facts = scene.facts(index);
    facts.area >= 0.6 * (facts.rows.1 - facts.rows.0) * (facts.cols.1 - facts.cols.0)
}

fn counted(noun: Noun, scene: &Scene<'_>) -> Option<Found> {
    let n = noun.members.len();
    let tiny = noun.members.iter().any(|&index| scene.facts(index).area < 20.0);
    if !noun.complete || noun.category() == "tree" || noun.region || noun.one.is_empty() || n > 10 || tiny {
        return None;
    }
    let chosen = noun.members.clone();
    Some((Meaning { number: Number::Exactly(n), ..Meaning::of(noun) }, Selection { chosen, unsure: Vec::new() }))
}

/// A meaning with one condition, or two, that tells some of its things from the others.
pub(super) fn filtered(
    kind: Kind,
    filter: Filter,
    noun: Noun,
    scene: &Scene<'_>,
    voice: &mut Voice<'_>,
) -> Option<Found> {
    let mut meaning = Meaning { filters: vec![filter], ..Meaning::of(noun) };
    let mut selection = tolerable(&meaning, scene, voice)?;
    if selection.chosen.len() > 1 && voice.dice.chance(0.3) {
        let extra = if kind == Kind::Attribute && voice.dice.chance(0.6) {
            position(&meaning.noun, scene, voice)
        } else {
            attribute(&meaning.noun, scene, voice)
        };
        if let Some(extra) = extra.filter(|extra| !clash(extra, &meaning.filters)) {
            let mut two = meaning.clone();
            two.filters.push(extra);
            let both = tolerable(&two, scene, voice).filter(|both| both.chosen.len() < selection.chosen.len());
            if let Some(both) = both {
                (meaning, selection) = (two, both);
            }
        }
    }
    let (chosen, all) = (selection.chosen.len(), meaning.noun.members.len());
    // A condition that all of them meet is true, but teaches less.
    if chosen == all && !voice.dice.chance(if all == 1 { 0.6 } else { 0.35 }) {
        return None;
    }
    let sure = selection.unsure.is_empty();
    meaning.number = if meaning.noun.one.is_empty() || meaning.noun.region || !sure {
        Number::All
    } else {
        match chosen {
            1 if voice.dice.chance(0.8) => Number::One,
            2..=5 if meaning.noun.complete && voice.dice.chance(0.15) => Number::Exactly(chosen),
            _ => Number::All,
        }
    };
    Some((meaning, selection))
}

/// A selection with no doubt, or with little where doubtful things may be left out.
pub(super) fn tolerable(meaning: &Meaning, scene: &Scene<'_>, voice: &Voice<'_>) -> Option<Selection> {
    let selection = select(meaning, scene)?;
    let (chosen, unsure) = (selection.chosen.len(), selection.unsure.len());
    let told = meaning.noun.members.len() - unsure;
    let few = unsure == 0 || (voice.leave_out && chosen > 1 && unsure <= chosen && unsure * 2 <= told);
    (chosen > 0 && few).then_some(selection)
}

/// True when two conditions are of one sort, or cannot be said together.
fn clash(extra: &Filter, others: &[Filter]) -> bool {
    others.iter().any(|other| std::mem::discriminant(other) == std::mem::discriminant(extra))
}

/// A colour, size or shape of one of the things.
pub(super) fn attribute(noun: &Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Filter> {
    if noun.region {
        return None;
    }
    let index = *voice.dice.pick(&noun.members);
    let holds = |filter: &Filter| holds(filter, index, &noun.members, scene) == Truth::Yes;
    let colours = !scene.tile.false_colour && coloured(noun.category());
    match voice.dice.weighted(&[if colours { 0.55 } else { 0.0 }, 0.37, 0.08]) {
        0 => Colour::ALL.into_iter().map(Filter::Colour).find(holds),
        1 => {
            let size = *voice.dice.pick(&[Size::Large, Size::Large, Size::Small, Size::Small, Size::Long]);
            let named_so = |word: &str| noun.many.contains(word);
            let twice = named_so("large") || named_so("small");
            (!twice && noun.complete).then_some(Filter::Size(size)).filter(holds)
        }
        _ => {
            let round_by_name = noun.many.contains("round") || noun.category() == "storage tank";
            [Filter::Elongated, Filter::Round]
                .into_iter()
                .filter(|filter| !(round_by_name && *filter == Filter::Round))
                .find(holds)
        }
    }
}

/// A place of one of the things.
pub(super) fn position(noun: &Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Filter> {
    if scene.tile.placeless {
        return None;
    }
    let index = *voice.dice.pick(&noun.members);
    let fitting: Vec<Place> = Place::ALL
        .into_iter()
        .filter(|&place| holds(&Filter::Place(place), index, &noun.members, scene) == Truth::Yes)
        .collect();
    let place = fitting.get(voice.dice.below(fitting.len()))?;
    Some(Filter::Place(*place))
}

/// The things that are ahead in an order.
pub(super) fn ranked(order: Order, noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    let framed =
        matches!(order, Order::Leftmost | Order::Rightmost | Order::Topmost | Order::Bottommost | Order::MostCentral);
    let n = noun.members.len();
    // Crowns run into each other: who counts and compares them never agrees.
    let vague = noun.category() == "tree";
    if !noun.complete || vague || noun.region || noun.one.is_empty() || n < 2 || (framed && scene.tile.placeless) {
        return None;
    }
    let countable = !matches!(order, Order::MostCentral | Order::ClosestTo(_) | Order::FarthestFrom(_));
    let rank = match voice.dice.below(10) {
        7 | 8 if countable && (3..=8).contains(&n) => 1,
        9 if countable && (4..=8).contains(&n) => 2,
        _ => 0,
    };
    let several = rank == 0 && n > 3 && countable && voice.dice.chance(0.2);
    let take = if several { 2 + voice.dice.below(2) } else { 1 };
    let mut meaning = Meaning { pick: Some(Pick { order, rank, take }), ..Meaning::of(noun) };
    meaning.number = if take > 1 { Number::Exactly(take) } else { Number::One };
    if n > 3 && voice.dice.chance(0.2) {
        let extra = if framed || voice.dice.chance(0.4) {
            attribute(&meaning.noun, scene, voice)
        } else {
            position(&meaning.noun, scene, voice)
        };
        meaning.filters.extend(extra.filter(|extra| !matches!(extra, Filter::Size(_))));
    }
    let chosen = surely(&meaning, scene)?;
    (!chosen.is_empty()).then_some((meaning, Selection { chosen, unsure: Vec::new() }))
}
