//! What people call the things that are labelled.
//!
//! A `~` before a word reserves it for measuring phrasings that training never saw.

mod land;
mod objects;

use land::LAND;
use objects::OBJECTS;

/// How a category may be called.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Name of the category in the labels.
    pub(super) category: &'static str,
    /// Other names of the category in published label sets.
    pub(super) aliases: &'static [&'static str],
    /// What people call it; the first word is the plain name.
    pub(super) words: &'static [Word],
    /// True when colour tells its things apart.
    pub(super) coloured: bool,
    /// How often its absence is spoken of.
    pub(super) missed: f64,
}

/// One name of a thing.
#[derive(Clone, Copy)]
pub(super) struct Word {
    /// "ship"; empty for what has no singular; with the `~` of a reserved word.
    pub(super) one: &'static str,
    /// "ships", or "water".
    pub(super) many: &'static str,
    /// How often it is used beside the others.
    pub(super) weight: f64,
    /// Other categories whose things it names too.
    pub(super) also: &'static [&'static str],
    /// Categories whose things it may or may not name: where they can be, the word is unclear.
    pub(super) unless: &'static [&'static str],
}

const fn w(one: &'static str, many: &'static str, weight: f64) -> Word {
    Word { one, many, weight, also: &[], unless: &[] }
}

const fn also(word: Word, also: &'static [&'static str]) -> Word {
    Word { also, ..word }
}

const fn unless(word: Word, unless: &'static [&'static str]) -> Word {
    Word { unless, ..word }
}

const fn entry(category: &'static str, words: &'static [Word]) -> Entry {
    Entry { category, aliases: &[], words, coloured: false, missed: 1.0 }
}

const fn coloured(category: &'static str, words: &'static [Word]) -> Entry {
    Entry { coloured: true, ..entry(category, words) }
}

const fn alias(entry: Entry, aliases: &'static [&'static str]) -> Entry {
    Entry { aliases, ..entry }
}

const fn rarely(entry: Entry, missed: f64) -> Entry {
    Entry { missed, ..entry }
}

/// Everything on wheels, for words that may mean any of it.
const ROAD_VEHICLES: &[&str] = &["vehicle", "car", "bus", "minibus", "truck", "large vehicle", "small vehicle"];
const SPORTS: &[&str] = &[
    "tennis court",
    "basketball court",
    "baseball diamond",
    "ground track field",
    "soccer field",
    "golf course",
    "stadium",
    "sports court",
];

/// The categories that have names of their own; others are called as they are labelled.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    OBJECTS.iter().chain(LAND)
}

/// Words for several categories at once: each names every thing of all of them.
pub(super) static FAMILIES: &[Word] = &[
    also(w("sports ground", "sports grounds", 1.0), SPORTS),
    also(w("sports facility", "sports facilities", 1.0), SPORTS),
    also(w("~sports area", "~sports areas", 0.3), SPORTS),
];

/// The entry of a category, whatever its label set calls it.
pub(super) fn entry_of(category: &str) -> Option<&'static Entry> {
    entries().find(|e| e.category == category).or_else(|| {
        let plain = category.to_lowercase().replace(['-', '_'], " ");
        entries().find(|e| e.category == plain || e.aliases.contains(&plain.as_str()))
    })
}

/// The plural of a category that has no entry.
pub(super) fn plural(singular: &str) -> String {
    let ends = |tails: &[&str]| tails.iter().any(|tail| singular.ends_with(tail));
    if ends(&["s", "x", "z", "ch", "sh"]) {
        format!("{singular}es")
    } else if singular.ends_with('y') && !ends(&["ay", "ey", "oy", "uy"]) {
        format!("{}ies", &singular[..singular.len() - 1])
    } else {
        format!("{singular}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_a_plain_word_and_a_tenth_of_the_words_is_reserved() {
        let words: Vec<&Word> = entries().flat_map(|e| e.words).collect();
        let reserved = words.iter().filter(|w| w.many.starts_with('~')).count();
        assert!(entries().all(|e| !e.words[0].many.starts_with('~')));
        let share = reserved as f64 / words.len() as f64;
        assert!((0.1..0.25).contains(&share), "{reserved} of {}", words.len());
    }

    #[test]
    fn names_of_other_label_sets_are_understood() {
        assert_eq!(entry_of("Storage-Tank").map(|e| e.category), Some("storage tank"));
        assert_eq!(entry_of("plane").map(|e| e.category), Some("airplane"));
        assert!(entry_of("roundabout").is_none());
    }

    #[test]
    fn unknown_names_get_a_regular_plural() {
        assert_eq!(plural("roundabout"), "roundabouts");
        assert_eq!(plural("railway"), "railways");
        assert_eq!(plural("chimney"), "chimneys");
        assert_eq!(plural("ferry"), "ferries");
        assert_eq!(plural("cross"), "crosses");
    }
}
