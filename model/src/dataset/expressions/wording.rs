//! Tables of wordings; `~` reserves one for measuring, `{v}` is the verb, `{a}` the other thing, `{o}` an ordinal.

use super::meaning::{Link, Noun, Order, Size};
use super::voice::Voice;

type Words = &'static [&'static str];

/// A request in front of what is asked for.
pub(super) fn lead(voice: &mut Voice<'_>) -> &'static str {
    voice.pick(&[
        "find",
        "find",
        "show me",
        "show me",
        "show",
        "segment",
        "segment",
        "highlight",
        "highlight",
        "outline",
        "mark",
        "locate",
        "locate",
        "select",
        "detect",
        "identify",
        "map",
        "I want",
        "I want to see",
        "I need",
        "I am looking for",
        "looking for",
        "give me",
        "pick out",
        "point out",
        "extract",
        "please find",
        "can you find",
        "could you mark",
        "draw around",
        "look for",
        "~delineate",
        "~single out",
        "~trace",
        "~help me find",
        "~let me see",
    ])
}

/// Where all this is, said after the rest.
pub(super) fn scene_tail(voice: &mut Voice<'_>) -> &'static str {
    voice.pick(&[
        "in the image",
        "in the picture",
        "in this image",
        "in this scene",
        "in the scene",
        "in the photo",
        "here",
        "visible in the image",
        "in this satellite image",
        "in the aerial photo",
        "~in view",
        "~seen from above",
    ])
}

/// Two, three, ...
pub(super) fn number_word(n: usize) -> &'static str {
    ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"].get(n).copied().unwrap_or("")
}

/// Second, third, ...
pub(super) fn ordinal(rank: usize) -> &'static str {
    ["first", "second", "third", "fourth", "fifth"].get(rank).copied().unwrap_or("")
}

pub(super) fn size_words(size: Size) -> Words {
    match size {
        Size::Large => &["large", "large", "big", "big", "larger", "bigger", "~sizeable"],
        Size::Small => &["small", "small", "little", "smaller", "~minor"],
        Size::Long => &["long", "longer", "~lengthy"],
    }
}

/// A colour said behind the noun.
pub(super) fn colour_after(word: &str, noun: &Noun, single: bool, voice: &mut Voice<'_>) -> String {
    let verb = if single { "is" } else { "are" };
    let roofed = noun.category() == "building" && !noun.many.contains("roof") && !noun.many.contains("top");
    if roofed && voice.dice.chance(0.7) {
        let words = if single {
            voice.pick(&[
                "with a {c} roof",
                "with a {c} roof",
                "that has a {c} roof",
                "whose roof is {c}",
                "~under a {c} roof",
            ])
        } else {
            voice.pick(&[
                "with {c} roofs",
                "with a {c} roof",
                "that have {c} roofs",
                "whose roofs are {c}",
                "~under {c} roofs",
            ])
        };
        return words.replace("{c}", word);
    }
    let words = voice.pick(&[
        "that {v} {c}",
        "that {v} {c}",
        "which {v} {c}",
        "of {c} colour",
        "with a {c} colour",
        "coloured {c}",
        "~{c} in colour",
    ]);
    // "of brownish colour", but not "of red-coloured colour".
    let word = word.strip_suffix("-coloured").unwrap_or(word);
    words.replace("{c}", word).replace("{v}", verb)
}

/// How one thing lies to another.
pub(super) fn link_words(link: Link, to: &Noun, noun: &Noun, voice: &mut Voice<'_>) -> String {
    let special: Words = match (link, to.category()) {
        (Link::Near, "water") => &[
            "by {a}",
            "along {a}",
            "at the water's edge",
            "on the shore of {a}",
            "by the waterside",
            "~on the waterfront",
        ],
        (Link::Near, "road") => &["along {a}", "by {a}", "beside {a}", "at the side of {a}", "~at the roadside"],
        (Link::Near, "harbor") => &["at {a}", "moored at {a}", "docked at {a}", "by {a}", "alongside {a}"],
        (Link::Near, "swimming pool") => &["with {a} next to it", "with a pool close by"],
        (Link::On, "water") => &["on {a}", "in {a}", "floating on {a}"],
        (Link::On, "bridge") => &["on {a}", "crossing {a}", "driving over {a}"],
        (Link::On, "road") => &["on {a}", "driving on {a}", "on {a}"],
        _ => &[],
    };
    let moored = link == Link::Near && to.category() == "harbor" && noun.category() != "ship";
    let driving = link == Link::On && !matches!(noun.category(), "vehicle" | "car" | "bus" | "truck" | "minibus");
    let several = noun.members.len() > 1;
    let fitting: Vec<&'static str> = special
        .iter()
        .copied()
        .filter(|w| !(moored && (w.contains("moored") || w.contains("docked"))))
        .filter(|w| !(driving && (w.contains("driving") || w.contains("crossing"))))
        .filter(|w| !(several && w.ends_with("to it")))
        .collect();
    if !fitting.is_empty() && voice.dice.chance(0.45) {
        return voice.pick(&fitting).to_owned();
    }
    voice
        .pick(match link {
            Link::Near => &[
                "next to {a}",
                "next to {a}",
                "near {a}",
                "near {a}",
                "close to {a}",
                "beside {a}",
                "by {a}",
                "right next to {a}",
                "adjacent to {a}",
                "not far from {a}",
                "alongside {a}",
                "~in the vicinity of {a}",
                "~neighbouring {a}",
            ],
            Link::Far => {
                &["away from {a}", "far from {a}", "far away from {a}", "at a distance from {a}", "~nowhere near {a}"]
            }
            Link::On => &["on {a}", "on {a}", "in {a}", "inside {a}", "~within {a}"],
            Link::Surrounded => &[
                "surrounded by {a}",
                "enclosed by {a}",
                "in the middle of {a}",
                "with {a} all around",
                "~encircled by {a}",
            ],
            Link::LeftOf => &[
                "left of {a}",
                "to the left of {a}",
                "to the left of {a}",
                "on the left side of {a}",
                "on the left of {a}",
                "~leftward of {a}",
            ],
            Link::RightOf => &[
                "right of {a}",
                "to the right of {a}",
                "to the right of {a}",
                "on the right side of {a}",
                "on the right of {a}",
                "~rightward of {a}",
            ],
            Link::Above => {
                &["above {a}", "above {a}", "higher up than {a}", "over {a} in the picture", "~further up than {a}"]
            }
            Link::Below => &[
                "below {a}",
                "below {a}",
                "beneath {a} in the picture",
                "under {a} in the picture",
                "lower down than {a}",
                "~further down than {a}",
            ],
            Link::Between => {
                &["between the two {m}", "between the {m}", "in between the {m}", "~in the gap between the {m}"]
            }
            Link::Paired => {
                &["next to another {s}", "close to another {s}", "that {v} close together", "~side by side"]
            }
            Link::Alone => {
                &["standing alone", "on its own", "far from the other {p}", "away from the others", "~all by itself"]
            }
        })
        .replace("{m}", &to.many)
        .replace("{s}", &noun.one)
        .replace("{p}", &noun.many)
}

/// Words for the first of an order: before the noun, and behind it.
pub(super) fn order_words(order: &Order, among: usize, rank: usize, take: usize) -> (Words, Words) {
    let two = among == 2;
    let later = rank > 0;
    let several = take > 1;
    match order {
        Order::Largest if later => (&["{o} largest", "{o} biggest"], &[]),
        Order::Smallest if later => (&["{o} smallest", "~{o} tiniest"], &[]),
        Order::Longest if later => (&["{o} longest"], &[]),
        Order::Largest if two => (&["larger", "bigger", "largest", "biggest"], &["that {v} larger than the other"]),
        Order::Smallest if two => (&["smaller", "smallest"], &["that {v} smaller than the other"]),
        Order::Largest if several => (&["largest", "biggest"], &[]),
        Order::Smallest if several => (&["smallest", "~tiniest"], &[]),
        Order::Largest => (
            &["largest", "largest", "biggest", "biggest", "~very largest", "~most extensive"],
            &["that {v} larger than all others", "with the largest area", "with the greatest size"],
        ),
        Order::Smallest => (
            &["smallest", "smallest", "tiniest", "~very smallest"],
            &["that {v} smaller than all others", "with the smallest area"],
        ),
        Order::Longest => (
            &["longest", "longest", "~most elongated"],
            &["with the greatest length", "that {v} longer than all others"],
        ),
        Order::Leftmost if later => {
            (&[], &["that {v} {o} from the left", "{o} from the left", "in {o} place from the left"])
        }
        Order::Rightmost if later => {
            (&[], &["that {v} {o} from the right", "{o} from the right", "in {o} place from the right"])
        }
        Order::Topmost if later => (&[], &["that {v} {o} from the top", "{o} from the top"]),
        Order::Bottommost if later => (&[], &["that {v} {o} from the bottom", "{o} from the bottom"]),
        Order::Leftmost if two => (
            &["left", "left", "leftmost", "left-hand"],
            &["further to the left", "on the left of the two", "that {v} further left"],
        ),
        Order::Rightmost if two => (
            &["right", "right", "rightmost", "right-hand"],
            &["further to the right", "on the right of the two", "that {v} further right"],
        ),
        Order::Topmost if two => (&["upper", "top", "topmost"], &["further up", "above the other one"]),
        Order::Bottommost if two => (&["lower", "bottom", "lowest"], &["further down", "below the other one"]),
        Order::Leftmost => (
            &["leftmost", "leftmost", "westernmost", "left-most", "furthest left"],
            &["furthest to the left", "farthest left", "on the far left", "first from the left", "~most to the left"],
        ),
        Order::Rightmost => (
            &["rightmost", "rightmost", "easternmost", "right-most", "furthest right"],
            &[
                "furthest to the right",
                "farthest right",
                "on the far right",
                "first from the right",
                "~most to the right",
            ],
        ),
        Order::Topmost => (
            &["topmost", "topmost", "northernmost", "uppermost", "highest"],
            &["furthest to the top", "nearest to the top edge", "at the very top", "~furthest up the picture"],
        ),
        Order::Bottommost => (
            &["bottommost", "bottommost", "southernmost", "lowest", "bottom-most"],
            &[
                "furthest to the bottom",
                "nearest to the bottom edge",
                "at the very bottom",
                "~furthest down the picture",
            ],
        ),
        Order::MostCentral => (
            &["most central", "centremost"],
            &["closest to the centre", "nearest to the middle", "closest to the middle of the image"],
        ),
        Order::ClosestTo(_) | Order::FarthestFrom(_) => (&[], &[]),
    }
}
