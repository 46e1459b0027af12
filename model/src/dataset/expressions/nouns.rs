//! Which words fit what is in a picture.

use super::lexicon::{FAMILIES, Word, entries, entry_of, plural};
use super::meaning::Noun;
use super::scene::Scene;
use super::voice::Voice;

/// A word for a category of the picture, or for one that is surely not in it; `None` when no word fits.
pub(super) fn noun_for(category: &str, plain: Option<bool>, scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Noun> {
    let Some(entry) = entry_of(category) else {
        let one = category.to_lowercase().replace(['-', '_'], " ");
        let many = plural(&one);
        let word = Spoken { one: &one, many: &many, also: &[], unless: &[], plain: true };
        return (plain != Some(false)).then(|| resolve(&word, category, scene)).flatten();
    };
    let fitting: Vec<(f64, Noun)> = entry
        .words
        .iter()
        .enumerate()
        .filter(|(index, word)| plain.is_none_or(|plain| plain == (*index == 0)) && voice.allows(is_reserved(word)))
        .filter_map(|(index, word)| {
            let noun = resolve(&Spoken::of(word, index == 0), category, scene)?;
            Some((word.weight * voice.favour(is_reserved(word)), noun))
        })
        .collect();
    choose(fitting, voice)
}

/// A word that covers several categories of the picture.
pub(super) fn family(scene: &Scene<'_>, voice: &mut Voice<'_>) -> Option<Noun> {
    let fitting: Vec<(f64, Noun)> = FAMILIES
        .iter()
        .filter(|word| voice.allows(is_reserved(word)))
        .filter_map(|word| {
            let first = word.also.iter().find(|category| !scene.of(category).is_empty())?;
            let noun = resolve(&Spoken::of(word, false), first, scene)?;
            Some((word.weight * voice.favour(is_reserved(word)), noun))
        })
        .collect();
    choose(fitting, voice)
}

/// The categories that have words and are surely not in the picture, with how often each is missed.
pub(super) fn missing<'a>(scene: &Scene<'a>) -> Vec<(f64, &'a str)> {
    let weight = |category: &str| entry_of(category).map_or(1.0, |entry| entry.missed);
    let exhaustive = scene.tile.exhaustive.iter();
    exhaustive.filter(|c| scene.surely_absent(c)).map(|c| (weight(c), c.as_str())).collect()
}

/// True when colour tells the things of a category apart.
pub(super) fn coloured(category: &str) -> bool {
    entry_of(category).is_none_or(|entry| entry.coloured)
}

/// True when the noun names something, or might, that is not labelled here.
pub(super) fn surely_absent(noun: &Noun, scene: &Scene<'_>) -> bool {
    let known = entries()
        .flat_map(|entry| entry.words)
        .chain(FAMILIES)
        .find(|word| word.many.trim_start_matches('~') == noun.many && word.one.trim_start_matches('~') == noun.one);
    noun.categories.iter().all(|category| none_of(category, scene))
        && known.is_none_or(|word| word.unless.iter().all(|category| none_of(category, scene)))
}

/// True when there is surely nothing of a category: its own list says so, or those of wider or finer categories do.
fn none_of(category: &str, scene: &Scene<'_>) -> bool {
    let absent = |name: &&str| scene.surely_absent(name);
    let finer: &[&str] = match category {
        "large vehicle" => &["bus", "truck"],
        "small vehicle" => &["car", "minibus"],
        "sports court" => &["tennis court", "basketball court"],
        _ => &[],
    };
    let of_vehicles = matches!(category, "car" | "bus" | "minibus" | "truck" | "large vehicle" | "small vehicle");
    scene.of(category).is_empty()
        && (scene.surely_absent(category)
            || (!finer.is_empty() && finer.iter().all(absent))
            || (of_vehicles && absent(&"vehicle")))
}

fn is_reserved(word: &Word) -> bool {
    word.many.starts_with('~')
}

fn choose(mut fitting: Vec<(f64, Noun)>, voice: &mut Voice<'_>) -> Option<Noun> {
    let weights: Vec<f64> = fitting.iter().map(|f| f.0).collect();
    (!fitting.is_empty()).then(|| fitting.swap_remove(voice.dice.weighted(&weights)).1)
}

/// A word without the mark of reservation.
struct Spoken<'w> {
    one: &'w str,
    many: &'w str,
    also: &'w [&'static str],
    unless: &'w [&'static str],
    plain: bool,
}

impl<'w> Spoken<'w> {
    fn of(word: &Word, plain: bool) -> Spoken<'static> {
        Spoken { one: word.one, many: word.many, also: word.also, unless: word.unless, plain }
    }
}

fn resolve(word: &Spoken<'_>, category: &str, scene: &Scene<'_>) -> Option<Noun> {
    let mut categories = vec![category.to_owned()];
    categories.extend(word.also.iter().filter(|&&other| other != category).map(|&other| other.to_owned()));
    let unclear = |other: &&'static str| !categories.iter().any(|c| c == other) && !scene.of(other).is_empty();
    if word.unless.iter().any(unclear) {
        return None;
    }
    let mut members: Vec<usize> = categories.iter().flat_map(|c| scene.of(c)).copied().collect();
    members.sort_unstable();
    let main = scene.exhaustive(category);
    // The plain name of a category is what its list of exhaustive labels speaks of.
    let complete = main && (word.plain || categories.iter().all(|c| scene.exhaustive(c)));
    Some(Noun {
        one: word.one.trim_start_matches('~').to_owned(),
        many: word.many.trim_start_matches('~').to_owned(),
        reserved: word.many.starts_with('~'),
        plain: word.plain,
        region: members.iter().any(|&index| scene.is_region(index)),
        complete,
        marked: false,
        categories,
        members,
    })
}
