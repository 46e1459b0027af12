//! Phrases about a labelled picture, each true of its target and of nothing else.
//!
//! A meaning is drawn first (`propose`, `absent`), its target found by geometry and pixels (`select`, `judge`), and
//! only then is it put into words (`say`). Whatever one could argue about is not said.

mod absent;
mod colour;
mod contrast;
mod distance;
mod judge;
mod lexicon;
mod meaning;
mod nouns;
mod places;
mod propose;
mod relations;
mod say;
mod scene;
mod select;
mod voice;
mod wording;

pub use contrast::contrasts;

use super::labelled::{LabelledExpression, LabelledTile};
use crate::synthetic::Dice;
use meaning::{Filter, Meaning};
use propose::Found;
use scene::Scene;
use select::Selection;
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
    ///
    /// What a picture has nothing to say of is replaced by something else, so kinds that ask for several things are
    /// drawn more often than they come out.
    pub weights: [f64; 8],
    /// Share of the absent that speaks of things that are there, but not as described.
    pub absent_attributes: f64,
    /// Which wordings are used.
    pub phrasings: Phrasings,
    /// Whether phrases may leave a few things in doubt, listed in [`LabelledExpression::unsure`].
    ///
    /// Right for training, where their pixels can be left out of the loss; wrong for scoring.
    pub leave_out: bool,
}

impl ExpressionOptions {
    /// Changes how often a kind is drawn; the weights need not sum to one.
    pub fn set_weight(&mut self, kind: Kind, weight: f64) {
        if let Some(index) = Kind::ALL.iter().position(|other| *other == kind) {
            self.weights[index] = weight;
        }
    }
}

impl Default for ExpressionOptions {
    fn default() -> Self {
        Self {
            weights: [0.06, 0.05, 0.26, 0.02, 0.20, 0.28, 0.05, 0.12],
            absent_attributes: 0.5,
            phrasings: Phrasings::Training,
            leave_out: false,
        }
    }
}

/// Draws of one kind before another is tried.
const DRAWS: usize = 12;

/// What people call the things of a category: its own name and the synonyms that phrases are made of, one and many.
pub(crate) fn names_of(category: &str) -> Vec<String> {
    let plain = category.to_lowercase().replace(['-', '_'], " ");
    let mut names = vec![lexicon::plural(&plain), plain];
    if let Some(entry) = lexicon::entry_of(category) {
        names.extend(entry.aliases.iter().map(|&alias| alias.to_owned()));
        let words = entry.words.iter().flat_map(|word| [word.one, word.many]);
        names.extend(words.map(|word| word.trim_start_matches('~').to_owned()).filter(|word| !word.is_empty()));
    }
    names
}

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
    written(tile, options, dice, wanted).into_iter().map(|(_, expression)| expression).collect()
}

/// The phrases with what they mean.
fn written(
    tile: &LabelledTile,
    options: &ExpressionOptions,
    dice: &mut Dice,
    wanted: usize,
) -> Vec<(Meaning, LabelledExpression)> {
    let scene = Scene::new(tile);
    let mut writer = Writer::new(&scene, options);
    let mut voice = Voice::new(dice, options.phrasings, options.leave_out);
    // Kinds that this picture gives nothing for.
    let mut barren = [false; Kind::ALL.len()];
    for _ in 0..wanted * 4 {
        if writer.found.len() >= wanted {
            break;
        }
        let mut kind = voice.dice.weighted(&options.weights);
        // What cannot be said is replaced by what can, and by something absent only when nothing else is left.
        while !writer.add(Kind::ALL[kind], false, &mut voice) {
            barren[kind] = true;
            let left: [f64; Kind::ALL.len()] = std::array::from_fn(|other| {
                let usable = !barren[other] && Kind::ALL[other] != Kind::Absent;
                if usable { options.weights[other] } else { 0.0 }
            });
            if left.iter().sum::<f64>() > 0.0 {
                kind = voice.dice.weighted(&left);
                continue;
            }
            // Nothing new: the same again in other words.
            let again = if voice.dice.chance(0.5) { Kind::Category } else { Kind::Synonym };
            if !writer.add(again, true, &mut voice) {
                writer.add(Kind::Absent, false, &mut voice);
            }
            break;
        }
    }
    writer.found
}

/// Collects phrases about one picture.
struct Writer<'a> {
    scene: &'a Scene<'a>,
    options: &'a ExpressionOptions,
    found: Vec<(Meaning, LabelledExpression)>,
}

impl<'a> Writer<'a> {
    fn new(scene: &'a Scene<'a>, options: &'a ExpressionOptions) -> Self {
        Self { scene, options, found: Vec::new() }
    }

    /// Adds a phrase of a kind, also one that says the same as another if it must; false when none was found.
    fn add(&mut self, kind: Kind, repeat: bool, voice: &mut Voice<'_>) -> bool {
        for _ in 0..DRAWS {
            voice.reserved = false;
            let Some((meaning, selection)) = self.draw(kind, voice) else { continue };
            if self.say(kind, meaning, selection, repeat, voice) {
                return true;
            }
        }
        false
    }

    /// Adds a phrase for a meaning; false when it was said before or its words do not fit.
    fn say(&mut self, kind: Kind, meaning: Meaning, selection: Selection, repeat: bool, voice: &mut Voice<'_>) -> bool {
        if !repeat && self.found.iter().any(|(other, _)| meaning.same(other)) {
            return false;
        }
        let phrase = say::say(&meaning, selection.chosen.len(), voice);
        if !voice.fits() || self.found.iter().any(|(_, other)| other.phrase == phrase) {
            return false;
        }
        let expression = LabelledExpression {
            phrase,
            kind: kind.name(),
            category: meaning.noun.category().to_owned(),
            complete: selection.chosen.is_empty() || complete(&meaning),
            target: selection.chosen,
            unsure: selection.unsure,
        };
        self.found.push((meaning, expression));
        true
    }

    /// A meaning of a kind, about a category that was not yet spoken of if it can be.
    fn draw(&self, kind: Kind, voice: &mut Voice<'_>) -> Option<Found> {
        let names: Vec<&str> = self.scene.groups().keys().copied().collect();
        let told = |name: &str| self.found.iter().filter(|(_, e)| e.category == name && !e.target.is_empty()).count();
        let weights: Vec<f64> = names.iter().map(|name| 1.0 / (1.0 + 3.0 * told(name) as f64)).collect();
        let category = (!names.is_empty()).then(|| names[voice.dice.weighted(&weights)]);
        if kind == Kind::Absent {
            let attribute = category.is_some() && voice.dice.chance(self.options.absent_attributes);
            let meaning = absent::absent(attribute, category, self.scene, voice)?;
            return Some((meaning, Selection { chosen: Vec::new(), unsure: Vec::new() }));
        }
        propose::propose(kind, category?, self.scene, voice)
    }
}

/// True when everything that the phrase means is labelled.
fn complete(meaning: &Meaning) -> bool {
    let other = |filter: &Filter| match filter {
        Filter::Relation(_, to) => to.complete,
        _ => true,
    };
    meaning.noun.complete && meaning.filters.iter().all(other)
}

#[cfg(test)]
mod checker;
#[cfg(test)]
mod tests;
