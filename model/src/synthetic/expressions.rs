//! Referring expressions that are true of exactly their targets in a frame.

use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::grammar::say;
use super::instance::Category;
use super::meaning::{Count, Link, Meaning, Noun, Place, Relation, Size, Superlative};
use super::parse::parse;
use super::rng::Dice;
use super::select::select;

/// What an expression tells its targets apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpressionKind {
    /// What it is, and there is only one.
    Category,
    /// What they are.
    Plural,
    /// Colour.
    Colour,
    /// Size.
    Size,
    /// Place in the frame.
    Position,
    /// Something else nearby or below.
    Relation,
    /// Being ahead of all others.
    Superlative,
    /// Nothing in the frame fits.
    NoTarget,
}

impl ExpressionKind {
    /// The name used in records: `no_target`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Plural => "plural",
            Self::Colour => "colour",
            Self::Size => "size",
            Self::Position => "position",
            Self::Relation => "relation",
            Self::Superlative => "superlative",
            Self::NoTarget => "no_target",
        }
    }
}

/// A phrase and what it refers to in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// The words.
    pub phrase: String,
    /// What the words mean.
    pub meaning: Meaning,
    /// How the targets are told apart.
    pub kind: ExpressionKind,
    /// Ids of the targets; empty when there are none.
    pub targets: Vec<u32>,
    /// The category that is named.
    pub category: Category,
}

/// How often each kind is drawn; where a frame has nothing to say of a kind, another is drawn.
const DRAWN: [(ExpressionKind, f64); 8] = [
    (ExpressionKind::Category, 0.10),
    (ExpressionKind::Plural, 0.29),
    (ExpressionKind::Colour, 0.18),
    (ExpressionKind::Size, 0.08),
    (ExpressionKind::Position, 0.08),
    (ExpressionKind::Relation, 0.24),
    (ExpressionKind::Superlative, 0.05),
    (ExpressionKind::NoTarget, 0.08),
];

/// Proposals made of a kind before another is drawn.
const PROPOSALS: usize = 10;

/// Fewest pixels of all targets together.
const LEAST_TARGET_PX: u32 = 40;
/// Fewest pixels of a target on average.
const LEAST_MEAN_PX: u32 = 30;

/// Expressions true in this frame and of nothing else in it, all different, `count` at most.
#[must_use]
pub fn expressions(frame: &Frame, dice: &mut Dice, count: usize) -> Vec<Expression> {
    let nouns = present(frame);
    let weights = DRAWN.map(|t| t.1);
    let mut found: Vec<Expression> = Vec::new();
    for attempt in 0..count * 6 {
        if found.len() >= count {
            break;
        }
        let kind = if attempt < count * 4 {
            DRAWN[dice.weighted(&weights)].0
        } else {
            *dice.pick(&[ExpressionKind::Plural, ExpressionKind::NoTarget])
        };
        for _ in 0..PROPOSALS {
            let Some(meaning) = propose(kind, &nouns, frame, dice) else { continue };
            // The same meaning once more would teach nothing.
            if found.iter().any(|e| e.meaning == meaning) {
                continue;
            }
            if let Some(expression) = express(meaning, kind, frame, dice) {
                found.push(expression);
                break;
            }
        }
    }
    found
}

/// The targets of a phrase that the grammar can say; `None` when it cannot, or when it is unclear in this frame.
#[must_use]
pub fn resolve(phrase: &str, frame: &Frame) -> Option<Vec<u32>> {
    select(&parse(phrase)?, frame)
}

/// The nouns that name something in the frame, with how often each is drawn.
fn present(frame: &Frame) -> Vec<(Noun, f64)> {
    Noun::ALL.iter().filter(|n| frame.things().iter().any(|t| n.names(&t.instance))).map(|&n| (n, rarity(n))).collect()
}

/// Rare things are drawn more often, so that the model sees enough of each.
fn rarity(noun: Noun) -> f64 {
    match noun {
        Noun::Building => 1.2,
        Noun::Vehicle => 0.55,
        Noun::Water | Noun::Field => 0.9,
        Noun::House | Noun::Car | Noun::Truck | Noun::River | Noun::Tree => 0.35,
        Noun::Ship | Noun::StorageTank | Noun::Airplane => 2.2,
        Noun::Pier | Noun::SwimmingPool | Noun::SportsCourt => 1.6,
        Noun::Bridge => 2.4,
        Noun::TennisCourt | Noun::BasketballCourt | Noun::Road | Noun::Apron | Noun::Forest => 0.7,
        Noun::Sea | Noun::Lake => 0.6,
    }
}

fn draw(nouns: &[(Noun, f64)], dice: &mut Dice) -> Option<Noun> {
    let weights: Vec<f64> = nouns.iter().map(|n| n.1).collect();
    (!nouns.is_empty()).then(|| nouns[dice.weighted(&weights)].0)
}

fn propose(kind: ExpressionKind, nouns: &[(Noun, f64)], frame: &Frame, dice: &mut Dice) -> Option<Meaning> {
    let things: Vec<(Noun, f64)> = nouns.iter().copied().filter(|n| !n.0.category().is_region()).collect();
    match kind {
        ExpressionKind::Category => Some(Meaning { count: Count::One, ..Meaning::of(draw(&things, dice)?) }),
        ExpressionKind::Plural => Some(Meaning::of(draw(nouns, dice)?)),
        ExpressionKind::Colour => {
            let coloured: Vec<(Noun, f64)> = things
                .into_iter()
                .filter(|n| !n.0.colours().is_empty())
                .map(|n| match n.0.category() {
                    Category::Building => (n.0, 2.2),
                    Category::Vehicle => (n.0, 0.5),
                    _ => (n.0, 1.2),
                })
                .collect();
            let noun = draw(&coloured, dice)?;
            let colour = *dice.pick(noun.colours());
            Some(Meaning { colour: Some(colour), count: some_count(dice), ..Meaning::of(noun) })
        }
        ExpressionKind::Size => {
            let sized: Vec<(Noun, f64)> = things.into_iter().filter(|n| n.0.size_limits().is_some()).collect();
            let size = if dice.chance(0.5) { Size::Large } else { Size::Small };
            Some(Meaning { size: Some(size), count: some_count(dice), ..Meaning::of(draw(&sized, dice)?) })
        }
        ExpressionKind::Position => {
            let places = [
                Place::Left,
                Place::Right,
                Place::Top,
                Place::Bottom,
                Place::TopLeft,
                Place::TopRight,
                Place::BottomLeft,
                Place::BottomRight,
                Place::Middle,
            ];
            let noun = draw(&things, dice)?;
            Some(Meaning { place: Some(*dice.pick(&places)), count: some_count(dice), ..Meaning::of(noun) })
        }
        ExpressionKind::Superlative => {
            let all = [
                Superlative::Largest,
                Superlative::Largest,
                Superlative::Smallest,
                Superlative::Leftmost,
                Superlative::Rightmost,
                Superlative::Topmost,
                Superlative::Bottommost,
            ];
            let noun = draw(&things, dice)?;
            Some(Meaning { superlative: Some(*dice.pick(&all)), count: Count::One, ..Meaning::of(noun) })
        }
        ExpressionKind::Relation => relation(&things, nouns, frame, dice),
        ExpressionKind::NoTarget => absent(nouns, &things, frame, dice),
    }
}

fn some_count(dice: &mut Dice) -> Count {
    if dice.chance(0.3) { Count::One } else { Count::Many }
}

/// What is near what, or on it, with how often each is tried.
const PAIRS: [(Noun, Link, Noun, f64); 32] = [
    (Noun::Ship, Link::Near, Noun::Pier, 6.0),
    (Noun::Ship, Link::Near, Noun::Bridge, 1.0),
    (Noun::Vehicle, Link::On, Noun::Road, 0.3),
    (Noun::Car, Link::On, Noun::Road, 0.12),
    (Noun::Vehicle, Link::On, Noun::Apron, 0.3),
    (Noun::Vehicle, Link::Near, Noun::Building, 1.2),
    (Noun::Car, Link::Near, Noun::House, 0.7),
    (Noun::Vehicle, Link::Near, Noun::StorageTank, 0.8),
    (Noun::Vehicle, Link::Near, Noun::Airplane, 0.8),
    (Noun::Truck, Link::Near, Noun::Building, 0.8),
    (Noun::SwimmingPool, Link::Near, Noun::Building, 1.0),
    (Noun::SwimmingPool, Link::Near, Noun::House, 0.7),
    (Noun::SwimmingPool, Link::Near, Noun::Road, 0.7),
    (Noun::StorageTank, Link::Near, Noun::Road, 1.4),
    (Noun::StorageTank, Link::Near, Noun::Building, 1.4),
    (Noun::StorageTank, Link::Near, Noun::Water, 1.4),
    (Noun::SportsCourt, Link::Near, Noun::Road, 0.7),
    (Noun::SportsCourt, Link::Near, Noun::Lake, 0.8),
    (Noun::SportsCourt, Link::Near, Noun::Building, 0.7),
    (Noun::Building, Link::Near, Noun::Water, 1.6),
    (Noun::Building, Link::Near, Noun::River, 1.6),
    (Noun::Building, Link::Near, Noun::Road, 1.0),
    (Noun::House, Link::Near, Noun::Road, 0.6),
    (Noun::House, Link::Near, Noun::SwimmingPool, 1.2),
    (Noun::Building, Link::Near, Noun::SwimmingPool, 1.0),
    (Noun::Building, Link::Near, Noun::Forest, 0.8),
    (Noun::Building, Link::Near, Noun::StorageTank, 1.2),
    (Noun::Building, Link::Near, Noun::SportsCourt, 1.0),
    (Noun::Building, Link::Near, Noun::Apron, 0.6),
    (Noun::Airplane, Link::Near, Noun::Building, 1.2),
    (Noun::Airplane, Link::Near, Noun::Vehicle, 0.6),
    (Noun::Pier, Link::Near, Noun::Building, 0.8),
];

fn relation(things: &[(Noun, f64)], nouns: &[(Noun, f64)], frame: &Frame, dice: &mut Dice) -> Option<Meaning> {
    let has = |list: &[(Noun, f64)], noun: Noun| list.iter().any(|n| n.0 == noun);
    let fitting: Vec<_> = PAIRS.iter().filter(|p| has(things, p.0) && has(nouns, p.2)).collect();
    let weights: Vec<f64> = fitting.iter().map(|p| p.3).collect();
    let (noun, link, to, _) = **fitting.get(dice.weighted(&weights))?;
    let marked = !to.category().is_region() && to.category() != Category::Pier;
    let largest = marked && dice.chance(0.3);
    let colour = (marked && !largest && !to.colours().is_empty() && dice.chance(0.2)).then(|| *dice.pick(to.colours()));
    let meaning = Meaning {
        relation: Some(Relation { link, to, largest, colour }),
        count: some_count(dice),
        ..Meaning::of(noun)
    };
    let all = frame.things().iter().filter(|t| noun.names(&t.instance)).count();
    let some = select(&meaning, frame)?.len();
    // A relation that holds for all of them is true, but teaches less than one that divides them.
    (some < all || dice.chance(0.35)).then_some(meaning)
}

/// A meaning that nothing in the frame fits: no such thing, or none of the colour, size, place or relation.
fn absent(nouns: &[(Noun, f64)], things: &[(Noun, f64)], frame: &Frame, dice: &mut Dice) -> Option<Meaning> {
    let missing: Vec<Noun> = Noun::ALL
        .into_iter()
        .filter(|n| {
            let broad = frame.things().iter().any(|t| t.instance.category == n.category());
            !broad && !nouns.iter().any(|p| p.0 == *n)
        })
        .collect();
    if missing.is_empty() || dice.chance(0.45) {
        let kind = match dice.weighted(&[0.4, 0.15, 0.2, 0.25]) {
            0 => ExpressionKind::Colour,
            3 => return alone(things, nouns, dice),
            1 => ExpressionKind::Position,
            _ => ExpressionKind::Relation,
        };
        return propose(kind, nouns, frame, dice);
    }
    let noun = *dice.pick(&missing);
    let mut meaning = Meaning { count: some_count(dice), ..Meaning::of(noun) };
    if noun.category().is_region() {
        meaning.count = Count::Many;
    }
    match dice.below(6) {
        0 if !noun.colours().is_empty() => meaning.colour = Some(*dice.pick(noun.colours())),
        1 => {
            let fitting: Vec<_> = PAIRS.iter().filter(|p| p.0 == noun).collect();
            if let Some(pair) = fitting.get(dice.below(fitting.len())) {
                meaning.relation = Some(Relation { link: pair.1, to: pair.2, largest: false, colour: None });
            }
        }
        _ => {}
    }
    let _ = things;
    Some(meaning)
}

/// Things that are there, next to something that is not.
fn alone(things: &[(Noun, f64)], nouns: &[(Noun, f64)], dice: &mut Dice) -> Option<Meaning> {
    let has = |list: &[(Noun, f64)], noun: Noun| list.iter().any(|n| n.0 == noun);
    let fitting: Vec<_> = PAIRS.iter().filter(|p| has(things, p.0) && !has(nouns, p.2)).collect();
    let weights: Vec<f64> = fitting.iter().map(|p| p.3).collect();
    let (noun, link, to, _) = **fitting.get(dice.weighted(&weights))?;
    let relation = Some(Relation { link, to, largest: false, colour: None });
    Some(Meaning { relation, count: some_count(dice), ..Meaning::of(noun) })
}

fn express(meaning: Meaning, kind: ExpressionKind, frame: &Frame, dice: &mut Dice) -> Option<Expression> {
    let targets = select(&meaning, frame)?;
    if targets.is_empty() != (kind == ExpressionKind::NoTarget) {
        return None;
    }
    let named = |noun: Noun| frame.things().iter().filter(|t| noun.names(&t.instance)).count();
    if matches!(kind, ExpressionKind::Superlative) && named(meaning.noun) < 2 {
        return None;
    }
    let total: u32 =
        frame.things().iter().filter(|t| targets.binary_search(&t.instance.id).is_ok()).map(|t| t.visible_px).sum();
    let count = targets.len() as u32;
    if count > 0 && (total < LEAST_TARGET_PX || total / count < LEAST_MEAN_PX) {
        return None;
    }
    let several = meaning.relation.is_some_and(|r| named(r.to) > 1);
    Some(Expression { phrase: say(&meaning, several, dice), meaning, kind, targets, category: meaning.noun.category() })
}
