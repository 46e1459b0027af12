//! Reads the meaning of a phrase that the grammar can say.

use super::instance::Colour;
use super::lexicon::{COLOURS, DETERMINERS, LEADS, LINKS, NOUNS, PLACES, SIZES, SUPERLATIVES};
use super::meaning::{Count, Meaning, Noun, Relation};

/// The meaning of a phrase, or `None` when the grammar does not know it.
#[must_use]
pub fn parse(phrase: &str) -> Option<Meaning> {
    let lower = phrase.to_lowercase();
    let cleaned = lower.trim().trim_end_matches(['.', '!', '?']);
    let tokens: Vec<&str> = cleaned.split_whitespace().collect();
    let mut reader = Reader { tokens: &tokens };
    reader.first_of(LEADS.iter().map(|&w| ((), w)));
    let each = reader.determiner();
    let superlative = reader.first_of(SUPERLATIVES);
    let size = reader.first_of(SIZES);
    let mut colour = reader.colour_before();
    let (noun, single) = reader.noun()?;
    if colour.is_none() {
        colour = reader.roof();
    }
    let place = reader.first_of(PLACES);
    let relation = if place.is_none() { reader.relation()? } else { None };
    if !reader.tokens.is_empty() {
        return None;
    }
    let one = superlative.is_some() || (single && !each && !noun.category().is_region());
    Some(Meaning {
        noun,
        count: if one { Count::One } else { Count::Many },
        colour,
        size,
        place,
        relation,
        superlative,
    })
}

struct Reader<'a> {
    tokens: &'a [&'a str],
}

impl Reader<'_> {
    /// Takes these words when they come next.
    fn take(&mut self, words: &str) -> bool {
        let count = words.split(' ').count();
        let found = self.tokens.len() >= count && words.split(' ').zip(self.tokens).all(|(a, b)| a == *b);
        if found {
            self.tokens = &self.tokens[count..];
        }
        found
    }

    /// The longest entry that comes next.
    fn first_of<T: Copy>(&mut self, table: impl IntoIterator<Item = (T, &'static str)>) -> Option<T> {
        let mut best: Option<(T, &'static str)> = None;
        for (what, words) in table {
            let mut trial = Reader { tokens: self.tokens };
            if trial.take(words) && best.is_none_or(|b| words.len() > b.1.len()) {
                best = Some((what, words));
            }
        }
        let (what, words) = best?;
        self.take(words).then_some(what)
    }

    /// Takes a determiner; true for those that mean each of several.
    fn determiner(&mut self) -> bool {
        self.first_of(DETERMINERS.iter().map(|&w| (w, w)))
            .is_some_and(|w| w.starts_with("all") || matches!(w, "every" | "each" | "any"))
    }

    /// A colour before the noun, plain or as in "red-roofed".
    fn colour_before(&mut self) -> Option<Colour> {
        if let Some(colour) = self.first_of(COLOURS) {
            return Some(colour);
        }
        let name = self.tokens.first()?.strip_suffix("-roofed")?;
        let colour = COLOURS.iter().find(|c| c.1 == name)?.0;
        self.tokens = &self.tokens[1..];
        Some(colour)
    }

    /// The noun, and true for its singular.
    fn noun(&mut self) -> Option<(Noun, bool)> {
        let singular = NOUNS.iter().map(|w| ((w.0, w.1 != w.2), w.1));
        let plural = NOUNS.iter().map(|w| ((w.0, false), w.2));
        self.first_of(singular.chain(plural))
    }

    /// "with a red roof".
    fn roof(&mut self) -> Option<Colour> {
        let before = self.tokens;
        if self.take("with") {
            self.first_of([((), "a"), ((), "the")]);
            if let Some(colour) = self.first_of(COLOURS)
                && (self.take("roof") || self.take("roofs"))
            {
                return Some(colour);
            }
        }
        self.tokens = before;
        None
    }

    /// A relation: nothing left is fine, words that are none are not.
    fn relation(&mut self) -> Option<Option<Relation>> {
        if self.tokens.is_empty() {
            return Some(None);
        }
        let link = self.first_of(LINKS)?;
        self.determiner();
        let largest = self.take("largest") || self.take("biggest");
        let colour = self.colour_before();
        let (to, _) = self.noun()?;
        let colour = if colour.is_none() { self.roof() } else { colour };
        Some(Some(Relation { link, to, largest, colour }))
    }
}
