//! Meanings that may be true of a picture, drawn at random.

use super::Kind;
use super::colour::{Colour, Truth};
use super::judge::holds;
use super::meaning::{Filter, Link, Meaning, Noun, Number, Order, Pick, Place, Size};
use super::nouns::{coloured, family, noun_for};
use super::scene::Scene;
use super::select::select;
use super::voice::Voice;

/// A meaning with its targets.
pub(super) type Found = (Meaning, Vec<usize>);

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
        Kind::Category | Kind::Synonym => {
            let mut meaning = Meaning::of(noun);
            let targets = select(&meaning, scene)?;
            if targets.len() == 1 && !meaning.noun.region && voice.dice.chance(0.6) {
                meaning.number = Number::One;
            } else if meaning.noun.region && !meaning.noun.one.is_empty() && one_piece(&meaning.noun, scene) {
                meaning.number = if voice.dice.chance(0.3) { Number::One } else { Number::All };
            }
            Some((meaning, targets))
        }
        Kind::Count => counted(noun, scene),
        Kind::Attribute => filtered(kind, attribute(&noun, scene, voice)?, noun, scene, voice),
        Kind::Position if noun.complete && noun.members.len() > 1 && voice.dice.chance(0.4) => {
            let order =
                voice.dice.pick(&[Order::Leftmost, Order::Rightmost, Order::Topmost, Order::Bottommost]).clone();
            ranked(order, noun, scene, voice)
        }
        Kind::Position => filtered(kind, position(&noun, scene, voice)?, noun, scene, voice),
        Kind::Superlative => {
            let orders = [
                Order::Largest,
                Order::Largest,
                Order::Largest,
                Order::Smallest,
                Order::Smallest,
                Order::Longest,
                Order::MostCentral,
            ];
            let order = voice.dice.pick(&orders).clone();
            ranked(order, noun, scene, voice)
        }
        Kind::Relation => related(noun, scene, voice),
        Kind::Absent => None,
    }
}

fn one_piece(noun: &Noun, scene: &Scene<'_>) -> bool {
    // A region that fills most of its box is one piece to the eye.
    let &[only] = noun.members.as_slice() else { return false };
    let facts = scene.facts(only);
    facts.area >= 0.6 * (facts.rows.1 - facts.rows.0) * (facts.cols.1 - facts.cols.0)
}

fn counted(noun: Noun, scene: &Scene<'_>) -> Option<Found> {
    let n = noun.members.len();
    let tiny = noun.members.iter().any(|&index| scene.facts(index).area < 20.0);
    if !noun.complete || noun.region || noun.one.is_empty() || n > 10 || tiny {
        return None;
    }
    let targets = noun.members.clone();
    Some((Meaning { number: Number::Exactly(n), ..Meaning::of(noun) }, targets))
}

/// A meaning with one condition, or two, that tells some of its things from the others.
fn filtered(kind: Kind, filter: Filter, noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    let mut meaning = Meaning { filters: vec![filter], ..Meaning::of(noun) };
    let mut targets = select(&meaning, scene)?;
    if targets.is_empty() {
        return None;
    }
    if targets.len() > 1 && voice.dice.chance(0.3) {
        let extra = if kind == Kind::Attribute && voice.dice.chance(0.6) {
            position(&meaning.noun, scene, voice)
        } else {
            attribute(&meaning.noun, scene, voice)
        };
        if let Some(extra) = extra.filter(|extra| !clash(extra, &meaning.filters)) {
            let mut two = meaning.clone();
            two.filters.push(extra);
            if let Some(both) = select(&two, scene).filter(|both| !both.is_empty() && both.len() < targets.len()) {
                (meaning, targets) = (two, both);
            }
        }
    }
    // A condition that all of them meet is true, but teaches less.
    if targets.len() == meaning.noun.members.len() && !voice.dice.chance(0.35) {
        return None;
    }
    meaning.number = number(&meaning, targets.len(), voice);
    Some((meaning, targets))
}

/// True when two conditions are of one sort, or cannot be said together.
fn clash(extra: &Filter, others: &[Filter]) -> bool {
    others.iter().any(|other| std::mem::discriminant(other) == std::mem::discriminant(extra))
}

fn number(meaning: &Meaning, targets: usize, voice: &mut Voice<'_>) -> Number {
    if meaning.noun.one.is_empty() || meaning.noun.region {
        return Number::All;
    }
    match targets {
        1 if voice.dice.chance(0.8) => Number::One,
        2..=5 if meaning.noun.complete && voice.dice.chance(0.15) => Number::Exactly(targets),
        _ => Number::All,
    }
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
fn ranked(order: Order, noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    let framed =
        matches!(order, Order::Leftmost | Order::Rightmost | Order::Topmost | Order::Bottommost | Order::MostCentral);
    if !noun.complete || noun.region || noun.members.len() < 2 || (framed && scene.tile.placeless) {
        return None;
    }
    let n = noun.members.len();
    let by_size = matches!(order, Order::Largest | Order::Smallest);
    let rank = match voice.dice.below(10) {
        0..7 => 0,
        7 | 8 => 1,
        _ => 2,
    };
    let rank = if n < 3 || matches!(order, Order::MostCentral | Order::ClosestTo(_) | Order::FarthestFrom(_)) {
        0
    } else {
        rank
    };
    let ends = n > 8 || (rank + 1 == n);
    let rank = if ends { 0 } else { rank };
    let take = if rank == 0 && by_size && n > 3 && voice.dice.chance(0.2) { 2 + voice.dice.below(2) } else { 1 };
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
    let targets = select(&meaning, scene)?;
    (!targets.is_empty()).then_some((meaning, targets))
}

/// A relation to something else that is labelled, or to its own kind.
fn related(noun: Noun, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Found> {
    if noun.region {
        return None;
    }
    let others: Vec<&str> =
        scene.groups().keys().copied().filter(|name| !noun.categories.iter().any(|c| c == name)).collect();
    if others.is_empty() || voice.dice.chance(0.1) {
        let link = *voice.dice.pick(&[Link::Paired, Link::Alone]);
        let itself = Box::new(noun.clone());
        let meaning = Meaning { filters: vec![Filter::Relation(link, itself)], ..Meaning::of(noun) };
        let targets = select(&meaning, scene)?;
        let told = !targets.is_empty() && targets.len() < meaning.noun.members.len() && meaning.noun.complete;
        let number = if targets.len() == 1 { Number::One } else { Number::All };
        let sayable = if link == Link::Alone { targets.len() == 1 } else { targets.len() > 1 };
        return (told && sayable).then_some((Meaning { number, ..meaning }, targets));
    }
    let other = others[voice.dice.below(others.len())];
    let to = noun_for(other, None, scene, voice)?;
    if !to.complete || to.categories.iter().any(|c| noun.categories.contains(c)) {
        return None;
    }
    let sided = to.members.len() == 1 && !to.region && !scene.tile.placeless;
    let weights = [
        0.45,
        0.08,
        0.2,
        0.1,
        if sided { 0.3 } else { 0.0 },
        if to.members.len() == 2 && !to.region { 0.2 } else { 0.0 },
        if noun.complete && noun.members.len() > 1 { 0.25 } else { 0.0 },
    ];
    let link = match voice.dice.weighted(&weights) {
        0 => Link::Near,
        1 => Link::Far,
        2 => Link::On,
        3 => Link::Surrounded,
        4 => *voice.dice.pick(&[Link::LeftOf, Link::RightOf, Link::Above, Link::Below]),
        5 => Link::Between,
        _ => {
            let order =
                if voice.dice.chance(0.7) { Order::ClosestTo(Box::new(to)) } else { Order::FarthestFrom(Box::new(to)) };
            return ranked(order, noun, scene, voice);
        }
    };
    filtered(Kind::Relation, Filter::Relation(link, Box::new(to)), noun, scene, voice)
}
