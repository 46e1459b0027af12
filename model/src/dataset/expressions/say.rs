//! Words for a meaning.

use super::meaning::{Filter, Meaning, Noun, Number, Order, Pick};
use super::places::{place_after, place_before};
use super::voice::Voice;
use super::wording::{self, colour_after, link_words, number_word, ordinal};

/// What is said before and after the noun.
#[derive(Default)]
struct Parts {
    before: Vec<String>,
    after: Vec<String>,
    /// True when "the" belongs to it: "the largest".
    definite: bool,
}

/// A phrase for a meaning with so many targets; for what is absent, 0.
pub(super) fn say(meaning: &Meaning, targets: usize, voice: &mut Voice<'_>) -> String {
    let noun = &meaning.noun;
    if noun.reserved {
        voice.reserved = true;
    }
    let countable = !noun.one.is_empty();
    let single = match meaning.number {
        Number::One | Number::Exactly(1) => countable,
        _ => false,
    };
    // "every ship" is singular in form and plural in meaning.
    let every = !single
        && countable
        && !noun.region
        && meaning.pick.is_none()
        && meaning.number == Number::All
        && targets != 1
        && voice.dice.chance(0.12);
    let mut parts = Parts::default();
    if let Some(pick) = &meaning.pick {
        order_words(pick, noun, single, &mut parts, voice);
    }
    for filter in sorted(&meaning.filters) {
        filter_words(filter, noun, single || every, &mut parts, voice);
    }
    let name = if single || every { &noun.one } else { &noun.many };
    let head = parts.before.iter().map(String::as_str).chain([name.as_str()]).collect::<Vec<_>>().join(" ");
    let bare = parts.before.is_empty() && parts.after.is_empty();
    let determiner = if every {
        voice.pick(&["every", "every", "each", "each and every", "~every single"]).to_owned()
    } else {
        determiner(meaning, single, parts.definite, bare, &head, targets, voice)
    };
    let mut phrase = join([determiner.as_str(), &head]);
    if parts.after.len() > 1 && voice.dice.chance(0.5) {
        parts.after.reverse();
    }
    // A remark behind a comma comes last.
    parts.after.sort_by_key(|after| after.starts_with(','));
    for after in &parts.after {
        phrase = if after.starts_with(',') { format!("{phrase}{after}") } else { join([&phrase, after]) };
    }
    dress(phrase, &determiner, single || every, noun, voice)
}

/// Adjectives in the order of English: size, shape, colour; then place and relation.
fn sorted(filters: &[Filter]) -> Vec<&Filter> {
    let mut sorted: Vec<&Filter> = filters.iter().collect();
    sorted.sort_by_key(|filter| match filter {
        Filter::Size(_) => 0,
        Filter::Elongated | Filter::Round => 1,
        Filter::Colour(_) => 2,
        Filter::Place(_) => 3,
        Filter::Relation(..) => 4,
    });
    sorted
}

fn determiner(
    meaning: &Meaning,
    single: bool,
    definite: bool,
    bare: bool,
    head: &str,
    targets: usize,
    voice: &mut Voice<'_>,
) -> String {
    match meaning.number {
        Number::Exactly(1) => {
            let word = voice.pick(&[
                "a single",
                "one",
                "the only",
                "the single",
                "the one",
                "just one",
                "~the lone",
                "~the sole",
            ]);
            return word.to_owned();
        }
        Number::Exactly(n) if definite => return format!("the {}", number_word(n)).replace("the one", "the"),
        Number::Exactly(2) => {
            return voice
                .pick(&["two", "the two", "the two", "both", "both", "both of the", "a pair of", "~a couple of"])
                .to_owned();
        }
        Number::Exactly(n) => {
            let before =
                voice.pick(&["", "", "the", "the", "all", "all the", "a group of", "these", "~a set of", "~exactly"]);
            return join([before, number_word(n)]);
        }
        _ => {}
    }
    if definite {
        return voice.pick(&["the", "the", "the", ""]).to_owned();
    }
    if single {
        let article = if head.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        return match voice.dice.below(10) {
            0..6 => "the".to_owned(),
            6..9 => String::new(),
            _ => article.to_owned(),
        };
    }
    // One thing that is called by the plural: "ships", "all ships", but not "the ships".
    if targets == 1 && !meaning.noun.region {
        return voice.pick(&["", "", "", "all", "all", "any", "~whatever"]).to_owned();
    }
    if meaning.noun.region {
        return voice
            .pick(&["", "", "", "the", "the", "the", "all", "all the", "all of the", "~the entire"])
            .to_owned()
            .replace(
                "the entire",
                if meaning.noun.one.is_empty() && !meaning.noun.many.ends_with('s') { "the entire" } else { "all" },
            );
    }
    if bare {
        return voice
            .pick(&["", "", "", "", "the", "the", "all", "all", "all the", "all of the", "any", "~each of the"])
            .to_owned();
    }
    voice.pick(&["", "", "", "the", "the", "the", "all", "all the", "those", "any", "~all of those"]).to_owned()
}

fn filter_words(filter: &Filter, noun: &Noun, single: bool, parts: &mut Parts, voice: &mut Voice<'_>) {
    match filter {
        Filter::Colour(colour) => {
            let word = voice.pick(colour.words());
            if voice.dice.chance(0.65) {
                parts.before.push(word.to_owned());
            } else {
                parts.after.push(colour_after(word, noun, single, voice));
            }
        }
        Filter::Size(size) => {
            let word = voice.pick(wording::size_words(*size));
            adjective(word, single, parts, voice);
        }
        Filter::Elongated => {
            let word = voice.pick(&["elongated", "long narrow", "long and narrow", "stretched", "~oblong"]);
            adjective(word, single, parts, voice);
        }
        Filter::Round => {
            let word = voice.pick(&["round", "circular", "round-shaped", "~disc-shaped"]);
            adjective(word, single, parts, voice);
        }
        Filter::Place(place) => {
            let before = (parts.after.is_empty() && !parts.definite && voice.dice.chance(0.14))
                .then(|| place_before(*place, voice));
            if let Some(before) = before.flatten() {
                parts.before.insert(0, before);
            } else {
                parts.after.push(place_after(*place, single, voice));
            }
        }
        Filter::Relation(link, to) => {
            let words = link_words(*link, to, noun, voice);
            let anchor = anchor(to, voice);
            let words = words.replace("{a}", &anchor);
            let verb = if single { "is" } else { "are" };
            let start = voice.pick(&[
                "",
                "",
                "",
                "",
                "that {v} ",
                "that {v} ",
                "which {v} ",
                "located ",
                "lying ",
                "~situated ",
                "~to be found ",
            ]);
            let start = if words.starts_with("with ") || words.starts_with("that ") { "" } else { start };
            parts.after.push(format!("{}{words}", start.replace("{v}", verb)).replace("{v}", verb));
        }
    }
}

fn adjective(word: &str, single: bool, parts: &mut Parts, voice: &mut Voice<'_>) {
    if voice.dice.chance(0.85) {
        parts.before.push(word.to_owned());
    } else {
        let verb = if single { "is" } else { "are" };
        let start = voice.pick(&["that", "which"]);
        parts.after.push(format!("{start} {verb} {word}"));
    }
}

/// The other thing of a relation.
fn anchor(to: &Noun, voice: &mut Voice<'_>) -> String {
    if to.reserved {
        voice.reserved = true;
    }
    if to.marked {
        return format!("the {}", to.one);
    }
    let many = to.members.len() > 1 && !to.region;
    if to.one.is_empty() || (to.region && voice.dice.chance(0.5)) {
        return join([voice.pick(&["the", "the", "the", ""]), &to.many]);
    }
    if many {
        return match voice.dice.below(6) {
            0..3 => article(&to.one),
            3 => to.many.clone(),
            _ => format!("the {}", to.many),
        };
    }
    if voice.dice.chance(0.85) { format!("the {}", to.one) } else { article(&to.one) }
}

fn article(noun: &str) -> String {
    format!("{} {noun}", if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

/// Words for being ahead of the others.
fn order_words(pick: &Pick, noun: &Noun, single: bool, parts: &mut Parts, voice: &mut Voice<'_>) {
    parts.definite = true;
    let verb = if single { "is" } else { "are" };
    match &pick.order {
        Order::ClosestTo(to) | Order::FarthestFrom(to) => {
            let words = if matches!(pick.order, Order::ClosestTo(_)) {
                voice.pick(&[
                    "closest to {a}",
                    "nearest to {a}",
                    "nearest {a}",
                    "that {v} closest to {a}",
                    "that {v} nearest to {a}",
                    "at the shortest distance from {a}",
                    "~least far from {a}",
                ])
            } else {
                voice.pick(&[
                    "farthest from {a}",
                    "furthest from {a}",
                    "furthest away from {a}",
                    "that {v} farthest from {a}",
                    "~most distant from {a}",
                ])
            };
            let anchor = if to.members.len() > 1 || to.one.is_empty() {
                format!("the {}", to.many)
            } else {
                format!("the {}", to.one)
            };
            if to.reserved {
                voice.reserved = true;
            }
            parts.after.push(words.replace("{a}", &anchor).replace("{v}", verb));
        }
        order => {
            let (before, after) = wording::order_words(order, noun.members.len(), pick.rank, pick.take);
            let in_front = after.is_empty() || (!before.is_empty() && voice.dice.chance(0.7));
            let words = voice.pick(if in_front { before } else { after });
            let words = words.replace("{o}", ordinal(pick.rank)).replace("{v}", verb);
            if in_front {
                parts.before.push(words);
            } else {
                parts.after.push(words);
            }
        }
    }
}

/// A whole request around the thing that is asked for.
fn dress(phrase: String, determiner: &str, single: bool, noun: &Noun, voice: &mut Voice<'_>) -> String {
    let framed = phrase.contains(" of the ") || phrase.contains(',') || phrase.contains(" in the ");
    let phrase = if !framed && voice.dice.chance(0.08) { join([&phrase, wording::scene_tail(voice)]) } else { phrase };
    let plural_mass = noun.many.ends_with('s');
    match voice.dice.below(10) {
        0..6 => phrase,
        6 if matches!(determiner, "the" | "all the" | "both" | "the two") => {
            let verb = if single || (noun.one.is_empty() && !plural_mass) { "is" } else { "are" };
            let start = voice.pick(&["where {v}", "where {v}", "show me where {v}", "~where exactly {v}"]);
            if start.starts_with("show") {
                return format!("show me where {phrase} {verb}");
            }
            let mark = if voice.dice.chance(0.4) { "?" } else { "" };
            format!("{} {phrase}{mark}", start.replace("{v}", verb))
        }
        _ => join([wording::lead(voice), &phrase]),
    }
}

/// Words with blanks between, without empty ones.
pub(super) fn join<const N: usize>(parts: [&str; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
