//! Words of place; `~` reserves one for measuring.
//!
//! `{s}` is the side (left, top), `{u}` the word for up and down beside a noun (upper, lower), `{c}` and `{n}` the
//! point of the compass (west, western), `{v}` the verb.

use super::meaning::Place;
use super::voice::Voice;

type Words = &'static [&'static str];

const SIDE: Words = &[
    "on the {s}",
    "on the {s}",
    "on the {s}",
    "on the {s} side",
    "on the {s} side",
    "at the {s}",
    "to the {s}",
    "on the {s}-hand side",
    "in the {s} part",
    "at {s}",
    ", {s}",
    ", on the {s}",
    "in the {c}",
    "in the {n} part",
    "~towards the {s}",
    "~over on the {s}",
];
const LEVEL: Words = &[
    "at the {s}",
    "at the {s}",
    "at the {s}",
    "in the {u} part",
    "in the {s} part",
    "near the {s}",
    "at the {s} end",
    ", {s}",
    ", at the {s}",
    "in the {c}",
    "in the {n} part",
    "~towards the {s}",
    "~in the {u} section",
];
const HALF: Words =
    &["in the {s} half", "in the {s} half", "in the {u} half", "in the {n} half", "~within the {s} half"];
const CORNER: Words = &[
    "in the {u} {s}",
    "in the {u} {s}",
    "in the {t} {s}",
    "in the {t} {s}",
    "in the {u} {s} corner",
    "in the {t} {s} corner",
    "at the {t} {s}",
    "in the {t}-{s} part",
    "near the {t} {s} corner",
    "{t} {s}",
    ", {u} {s}",
    ", {t} {s} corner",
    "in the {c} corner",
    "in the {c}",
    "~in the {u} {s} quarter",
    "~over in the {t} {s}",
];
const MIDDLE: Words = &[
    "in the middle",
    "in the middle",
    "in the centre",
    "in the center",
    "at the centre",
    "near the middle",
    "near the center",
    "around the centre",
    ", in the middle",
    "~around the midpoint",
];
const EDGE: Words = &[
    "at the {s} edge",
    "at the {s} edge",
    "along the {s} edge",
    "near the {s} edge",
    "by the {s} border",
    "on the {s} edge",
    "near the {s} border",
    "close to the {s} edge",
    "~at the {s} margin",
];
const CUT_OFF: Words = &[
    "cut off by the edge",
    "cut off at the edge",
    "cut by the border",
    "touching the edge",
    "running out of the frame",
    "only partly visible at the edge",
    "~sliced by the edge",
];

/// Side, word beside a noun, top or bottom for corners, and the point of the compass as noun and adjective.
fn directions(place: Place) -> [&'static str; 5] {
    match place {
        Place::Left | Place::LeftHalf | Place::LeftEdge => ["left", "left", "", "west", "western"],
        Place::Right | Place::RightHalf | Place::RightEdge => ["right", "right", "", "east", "eastern"],
        Place::Top | Place::TopHalf | Place::TopEdge => ["top", "upper", "", "north", "northern"],
        Place::Bottom | Place::BottomHalf | Place::BottomEdge => ["bottom", "lower", "", "south", "southern"],
        Place::TopLeft => ["left", "upper", "top", "north-west", "north-western"],
        Place::TopRight => ["right", "upper", "top", "north-east", "north-eastern"],
        Place::BottomLeft => ["left", "lower", "bottom", "south-west", "south-western"],
        Place::BottomRight => ["right", "lower", "bottom", "south-east", "south-eastern"],
        Place::Middle | Place::CutOff => ["", "", "", "", ""],
    }
}

fn fill(words: &str, place: Place) -> String {
    let [side, beside, level, compass, adjective] = directions(place);
    words
        .replace("{s}", side)
        .replace("{u}", beside)
        .replace("{t}", level)
        .replace("{c}", compass)
        .replace("{n}", adjective)
}

/// A word of place in front of the noun, if there is one.
pub(super) fn place_before(place: Place, voice: &mut Voice<'_>) -> Option<String> {
    let words: Words = match place {
        Place::Left | Place::Right => &["{s}", "{s}", "{s}-hand", "{n}"],
        Place::Top | Place::Bottom => &["{s}", "{u}", "{n}"],
        Place::TopLeft | Place::TopRight | Place::BottomLeft | Place::BottomRight => {
            &["{u} {s}", "{u} {s}", "{t} {s}", "{t}-{s}", "{n}"]
        }
        Place::Middle => &["central", "middle"],
        _ => return None,
    };
    Some(fill(voice.pick(words), place))
}

/// A phrase of place behind the noun; one that begins with a comma comes last.
pub(super) fn place_after(place: Place, single: bool, voice: &mut Voice<'_>) -> String {
    let words = voice.pick(match place {
        Place::Left | Place::Right => SIDE,
        Place::Top | Place::Bottom => LEVEL,
        Place::LeftHalf | Place::RightHalf | Place::TopHalf | Place::BottomHalf => HALF,
        Place::TopLeft | Place::TopRight | Place::BottomLeft | Place::BottomRight => CORNER,
        Place::Middle => MIDDLE,
        Place::LeftEdge | Place::RightEdge | Place::TopEdge | Place::BottomEdge => EDGE,
        Place::CutOff => CUT_OFF,
    });
    let at = fill(words, place);
    if at.starts_with(',') {
        return at;
    }
    let end = if words == "to the {s}" || words == "at {s}" || words.contains("frame") {
        ""
    } else {
        voice.pick(&[
            "",
            "",
            "",
            "",
            "",
            "",
            " of the image",
            " of the picture",
            " of the scene",
            " of the photo",
            "~ of the frame",
        ])
    };
    if place == Place::CutOff {
        let start = if !words.starts_with("cut") && !words.contains("visible") {
            ""
        } else if single {
            voice.pick(&["", "", "that is "])
        } else {
            voice.pick(&["", "", "that are "])
        };
        return format!("{start}{at}{end}");
    }
    let verb = if single { "is" } else { "are" };
    let start = voice.pick(&[
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "located ",
        "that {v} ",
        "which {v} ",
        "situated ",
        "that {v} located ",
        "lying ",
        "~placed ",
    ]);
    format!("{}{at}{end}", start.replace("{v}", verb))
}
