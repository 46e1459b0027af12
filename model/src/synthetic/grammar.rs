//! Says a meaning in words.

use super::instance::Colour;
use super::lexicon::{COLOURS, LINKS, NOUNS, PLACES, SIZES, SUPERLATIVES};
use super::meaning::{Count, Meaning, Noun, Relation};
use super::rng::Dice;

/// One of the ways to say it, drawn at random; `several` when what the relation points to is more than one.
#[must_use]
pub fn say(meaning: &Meaning, several: bool, dice: &mut Dice) -> String {
    let mut words: Vec<&str> = Vec::new();
    let region = meaning.noun.category().is_region();
    let mut single = meaning.count == Count::One;
    if meaning.superlative.is_some() {
        words.push(["the", "the", "the", "find the", "show me the", ""][dice.below(6)]);
    } else if single {
        words.push(["the", "the", "the", "", "find the", "segment the", "show me the"][dice.below(7)]);
    } else if region {
        words.push(["the", "the", "", "", "all the", "find the", "show me the", "segment the"][dice.below(8)]);
        single = dice.chance(0.5);
    } else {
        let openings = [
            "the",
            "the",
            "",
            "",
            "",
            "all",
            "all",
            "all the",
            "every",
            "find the",
            "find all",
            "show me the",
            "show me all",
            "segment all",
            "highlight the",
        ];
        let opening = *dice.pick(&openings);
        single = opening == "every";
        words.push(opening);
    }
    if let Some(superlative) = meaning.superlative {
        words.push(one_of(&SUPERLATIVES, superlative, dice));
    }
    if let Some(size) = meaning.size {
        words.push(one_of(&SIZES, size, dice));
    }
    let noun = noun_of(meaning.noun, single, false, dice);
    let each = single && meaning.count == Count::Many;
    let mut tail = String::new();
    let mut compound = String::new();
    if let Some(colour) = meaning.colour {
        let name = one_of(&COLOURS, colour, dice);
        if matches!(meaning.noun, Noun::Building | Noun::House) && !noun.starts_with("roof") {
            match dice.weighted(&[0.45, 0.15, 0.25, 0.15]) {
                0 => tail = format!("with a {name} roof"),
                1 => {
                    let article = if each {
                        "a"
                    } else if single {
                        "the"
                    } else {
                        ""
                    };
                    tail = format!("with {article} {name} {}", if single { "roof" } else { "roofs" });
                }
                2 => compound = format!("{name}-roofed"),
                _ => words.push(name),
            }
        } else {
            words.push(name);
        }
    }
    let mut phrase = words.join(" ");
    for part in [compound.as_str(), noun, tail.as_str()] {
        phrase.push(' ');
        phrase.push_str(part);
    }
    if let Some(place) = meaning.place {
        phrase.push(' ');
        phrase.push_str(one_of(&PLACES, place, dice));
    }
    if let Some(relation) = &meaning.relation {
        phrase.push(' ');
        phrase.push_str(&link(relation, several, dice));
    }
    phrase.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn link(relation: &Relation, several: bool, dice: &mut Dice) -> String {
    let word = one_of(&LINKS, relation.link, dice);
    let region = relation.to.category().is_region();
    let many = several && !region && !relation.largest && dice.chance(0.4);
    let opening = if many || region || relation.largest || !several || dice.chance(0.45) { "the" } else { "a" };
    let noun = noun_of(relation.to, !many, true, dice);
    let largest = if relation.largest { ["largest", "biggest"][dice.below(2)] } else { "" };
    let colour = relation.colour.map_or("", |c: Colour| one_of(&COLOURS, c, dice));
    let opening =
        if opening == "a" && colour.is_empty() && noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { opening };
    format!("{word} {opening} {largest} {colour} {noun}")
}

/// A word for this noun; `plain` leaves out the roof, which would say too little.
fn noun_of(noun: Noun, single: bool, plain: bool, dice: &mut Dice) -> &'static str {
    // A word without a plural of its own would leave open how many are meant.
    let countable = |w: &(Noun, &str, &str)| noun.category().is_region() || !single || w.1 != w.2;
    let words: Vec<_> = NOUNS.iter().filter(|w| w.0 == noun && countable(w) && !(plain && w.1 == "roof")).collect();
    let word = dice.pick(&words);
    if single { word.1 } else { word.2 }
}

fn one_of<T: Copy + PartialEq>(table: &[(T, &'static str)], what: T, dice: &mut Dice) -> &'static str {
    let words: Vec<&'static str> = table.iter().filter(|w| w.0 == what).map(|w| w.1).collect();
    words[dice.below(words.len())]
}
