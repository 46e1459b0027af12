//! Phrases about a labelled picture, each true of its target and of nothing else.
//!
//! A meaning is drawn first (`propose`, `absent`), its target found by geometry and pixels (`select`, `judge`), and
//! only then is it put into words (`say`). Whatever one could argue about is not said.

mod absent;
mod colour;
mod distance;
mod judge;
mod lexicon;
mod meaning;
mod nouns;
mod propose;
mod say;
mod scene;
mod select;
mod voice;
mod wording;

use super::labelled::{LabelledExpression, LabelledTile};
use crate::synthetic::Dice;
use meaning::{Filter, Meaning};
use propose::Found;
use scene::Scene;
use voice::Voice;

/// Which wordings are used: a part is reserved for measuring how a model takes wordings that it never saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phrasings {
    /// Those that are not reserved.
    #[default]
    Training,
    /// At least one reserved word or turn in each phrase.
    HeldOut,
    /// Both.
    All,
}

/// What kind of phrase it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The plain name of a category.
    Category,
    /// Another name of a category.
    Synonym,
    /// Colour, size or shape.
    Attribute,
    /// Place in the frame, and order from one side.
    Position,
    /// Largest, smallest, longest.
    Superlative,
    /// Something else nearby.
    Relation,
    /// How many.
    Count,
    /// Nothing fits.
    Absent,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Category,
        Self::Synonym,
        Self::Attribute,
        Self::Position,
        Self::Superlative,
        Self::Relation,
        Self::Count,
        Self::Absent,
    ];

    /// The name used in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Synonym => "synonym",
            Self::Attribute => "attribute",
            Self::Position => "position",
            Self::Superlative => "superlative",
            Self::Relation => "relation",
            Self::Count => "count",
            Self::Absent => "absent",
        }
    }
}

/// Which phrases are made.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpressionOptions {
    /// How often each kind is drawn, in the order of [`Kind::ALL`].
    pub weights: [f64; 8],
    /// Share of the absent that speaks of things that are there, but not as described.
    pub absent_attributes: f64,
    /// Which wordings are used.
    pub phrasings: Phrasings,
}

impl Default for ExpressionOptions {
    fn default() -> Self {
        Self {
            weights: [0.19, 0.16, 0.12, 0.14, 0.08, 0.10, 0.06, 0.15],
            absent_attributes: 0.5,
            phrasings: Phrasings::Training,
        }
    }
}

/// Draws of one kind before another is tried.
const DRAWS: usize = 10;

/// Phrases about a picture, at most `wanted`, all different, each true of its target and of nothing else.
///
/// Meanings differ and categories change as far as the picture allows. Fewer come back when it has little to say.
#[must_use]
pub fn expressions(
    tile: &LabelledTile,
    options: &ExpressionOptions,
    dice: &mut Dice,
    wanted: usize,
) -> Vec<LabelledExpression> {
    let scene = Scene::new(tile);
    let mut found: Vec<(Meaning, LabelledExpression)> = Vec::new();
    let mut voice = Voice::new(dice, options.phrasings);
    for attempt in 0..wanted * 5 {
        if found.len() >= wanted {
            break;
        }
        // At first as asked for; in the end whatever can be said, also the same in other words.
        let kind = Kind::ALL[voice.dice.weighted(&options.weights)];
        let repeat = attempt >= wanted * 3;
        for _ in 0..DRAWS {
            voice.reserved = false;
            let Some((meaning, targets)) = draw(kind, options, &found, &scene, &mut voice) else { continue };
            if !repeat && found.iter().any(|(other, _)| meaning.same(other)) {
                continue;
            }
            let phrase = say::say(&meaning, targets.len(), &mut voice);
            if !voice.fits() || found.iter().any(|(_, other)| other.phrase == phrase) {
                continue;
            }
            let expression = LabelledExpression {
                phrase,
                kind: kind.name(),
                category: meaning.noun.category().to_owned(),
                complete: complete(&meaning),
                target: targets,
            };
            found.push((meaning, expression));
            break;
        }
    }
    found.into_iter().map(|(_, expression)| expression).collect()
}

/// A meaning of a kind about a category that was not yet spoken of, if it can be.
fn draw(
    kind: Kind,
    options: &ExpressionOptions,
    found: &[(Meaning, LabelledExpression)],
    scene: &Scene<'_>,
    voice: &mut Voice<'_>,
) -> Option<Found> {
    let names: Vec<&str> = scene.groups().keys().copied().collect();
    let told = |name: &str| found.iter().filter(|(_, e)| e.category == name && !e.target.is_empty()).count();
    let weights: Vec<f64> = names.iter().map(|name| 1.0 / (1.0 + 3.0 * told(name) as f64)).collect();
    let category = (!names.is_empty()).then(|| names[voice.dice.weighted(&weights)]);
    if kind == Kind::Absent {
        let attribute = voice.dice.chance(options.absent_attributes) && category.is_some();
        return Some((absent::absent(attribute, category, scene, voice)?, Vec::new()));
    }
    propose::propose(kind, category?, scene, voice)
}

/// True when everything that the phrase means is labelled.
fn complete(meaning: &Meaning) -> bool {
    let other = |filter: &Filter| match filter {
        Filter::Relation(_, to) => to.complete,
        _ => true,
    };
    // What is absent beyond doubt has nothing unlabelled either.
    meaning.noun.complete && meaning.filters.iter().all(other)
}
