//! Which things of a frame a meaning picks out, or that it cannot be said of this frame.

use super::frame::{Frame, Visible};
use super::instance::Category;
use super::meaning::{Count, Link, Meaning, Noun, Place, Relation, Size, Superlative};

/// Up to here a thing is near another, in metres.
pub(crate) const NEAR_M: f64 = 12.0;
/// From here on it is not; between the two a phrase about nearness is not used.
pub(crate) const FAR_M: f64 = 25.0;
/// A thing with fewer pixels cannot be told for what it is.
const LEAST_PX: u32 = 12;

/// The ids of the things meant, by id; empty when there are none.
///
/// `None` when the phrase would be unclear in this frame: two things where one is meant, a thing that
/// is half in a place, neither near nor far, neither large nor small, or too little of it to be seen.
#[must_use]
pub fn select(meaning: &Meaning, frame: &Frame) -> Option<Vec<u32>> {
    let mut chosen: Vec<usize> =
        (0..frame.things().len()).filter(|&k| meaning.noun.names(&frame.things()[k].instance)).collect();
    if !is_clear(meaning.noun, frame) {
        return None;
    }
    if let Some(colour) = meaning.colour {
        // A sliver shows no colour.
        let faint = |k: usize| frame.things()[k].visible_px < LEAST_PX;
        if chosen.iter().any(|&k| faint(k)) {
            return None;
        }
        chosen.retain(|&k| frame.things()[k].instance.colour == Some(colour));
    }
    if let Some(size) = meaning.size {
        let (small, large) = meaning.noun.size_limits()?;
        for &k in &chosen {
            let thing = &frame.things()[k];
            let area = thing.instance.area_m2;
            if (small..large).contains(&area) || frame.share_seen(thing) < 0.7 {
                return None;
            }
        }
        chosen.retain(|&k| (frame.things()[k].instance.area_m2 < small) == (size == Size::Small));
    }
    if let Some(place) = meaning.place {
        let mut kept = Vec::new();
        for &k in &chosen {
            if lies_in(place, &frame.things()[k], frame)? {
                kept.push(k);
            }
        }
        chosen = kept;
    }
    if let Some(relation) = meaning.relation {
        chosen = related(&relation, &chosen, frame)?;
    }
    if let Some(superlative) = meaning.superlative {
        chosen = ahead(superlative, &chosen, frame)?.into_iter().collect();
    }
    if meaning.count == Count::One {
        let faint = chosen.iter().any(|&k| frame.things()[k].visible_px < LEAST_PX);
        if chosen.len() > 1 || faint {
            return None;
        }
    }
    Some(chosen.into_iter().map(|k| frame.things()[k].instance.id).collect())
}

/// False when the frame shows things that might or might not be called by this noun.
fn is_clear(noun: Noun, frame: &Frame) -> bool {
    let family = || frame.things().iter().filter(move |t| t.instance.category == noun.category());
    match noun {
        Noun::House => family().all(|t| noun.names(&t.instance)),
        Noun::Car | Noun::Truck | Noun::TennisCourt | Noun::BasketballCourt => {
            family().all(|t| frame.share_seen(t) > 0.55)
        }
        // Wide rivers, lakes and the sea look alike in a small frame.
        Noun::River | Noun::Sea | Noun::Lake => family().all(|t| noun.names(&t.instance)),
        Noun::Forest => frame.things().iter().all(|t| t.instance.category != Category::Forest || t.visible_px > 300),
        _ => true,
    }
}

fn lies_in(place: Place, thing: &Visible, frame: &Frame) -> Option<bool> {
    let (rows, cols) = (frame.size().0 as f64, frame.size().1 as f64);
    let top = f64::from(thing.row_min) / rows;
    let bottom = f64::from(thing.row_max + 1) / rows;
    let left = f64::from(thing.col_min) / cols;
    let right = f64::from(thing.col_max + 1) / cols;
    let half = |low: f64, high: f64, upper: bool| -> Option<bool> {
        let (first, second) = (high < 0.48, low > 0.52);
        (first || second).then_some(if upper { first } else { second })
    };
    // A corner needs both; a thing surely outside one of the two halves is surely not in it.
    let both = |a: Option<bool>, b: Option<bool>| match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    };
    let (is_left, is_right) = (half(left, right, true), half(left, right, false));
    let (is_top, is_bottom) = (half(top, bottom, true), half(top, bottom, false));
    match place {
        Place::Left => is_left,
        Place::Right => is_right,
        Place::Top => is_top,
        Place::Bottom => is_bottom,
        Place::TopLeft => both(is_top, is_left),
        Place::TopRight => both(is_top, is_right),
        Place::BottomLeft => both(is_bottom, is_left),
        Place::BottomRight => both(is_bottom, is_right),
        Place::Middle => {
            let inside = |low: f64, high: f64| low > 0.3 && high < 0.7;
            let outside = |low: f64, high: f64| high < 0.3 || low > 0.7;
            if inside(top, bottom) && inside(left, right) {
                Some(true)
            } else if outside(top, bottom) || outside(left, right) {
                Some(false)
            } else {
                None
            }
        }
    }
}

/// Those of `chosen` that stand so to what the relation names.
fn related(relation: &Relation, chosen: &[usize], frame: &Frame) -> Option<Vec<usize>> {
    let mut others: Vec<usize> = (0..frame.things().len())
        .filter(|&k| relation.to.names(&frame.things()[k].instance))
        .filter(|&k| relation.colour.is_none_or(|c| frame.things()[k].instance.colour == Some(c)))
        .collect();
    if !is_clear(relation.to, frame) {
        return None;
    }
    if relation.largest {
        others = ahead(Superlative::Largest, &others, frame)?.into_iter().collect();
    }
    if others.iter().any(|&k| frame.things()[k].visible_px < 2 * LEAST_PX) {
        return None;
    }
    if others.is_empty() {
        return Some(Vec::new());
    }
    let ids: Vec<u32> = others.iter().map(|&k| frame.things()[k].instance.id).collect();
    let distances = frame.distances(&ids);
    let (near, far) = match relation.link {
        Link::Near => (NEAR_M, FAR_M),
        Link::On => (1.6 * frame.pixel_size_m(), 2.0 + 1.6 * frame.pixel_size_m()),
    };
    let mut kept = Vec::new();
    for &k in chosen {
        if distances[k] <= near {
            kept.push(k);
        } else if distances[k] < far {
            return None;
        }
    }
    Some(kept)
}

/// The one of `chosen` that is clearly ahead; an empty answer when there is none to choose from.
fn ahead(superlative: Superlative, chosen: &[usize], frame: &Frame) -> Option<Option<usize>> {
    if chosen.len() < 2 {
        return Some(chosen.first().copied());
    }
    let things = frame.things();
    let by_size = matches!(superlative, Superlative::Largest | Superlative::Smallest);
    if chosen.iter().any(|&k| things[k].visible_px < LEAST_PX || by_size && frame.share_seen(&things[k]) < 0.6) {
        return None;
    }
    // The smaller the score, the further ahead.
    let score = |k: usize| match superlative {
        Superlative::Largest => -things[k].instance.area_m2,
        Superlative::Smallest => things[k].instance.area_m2,
        Superlative::Leftmost => things[k].centre.1,
        Superlative::Rightmost => -things[k].centre.1,
        Superlative::Topmost => things[k].centre.0,
        Superlative::Bottommost => -things[k].centre.0,
    };
    let mut order = chosen.to_vec();
    order.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
    let (first, second) = (order[0], order[1]);
    let clear = if by_size {
        let (a, b) = (things[first].instance.area_m2, things[second].instance.area_m2);
        let (p, q) = (f64::from(things[first].visible_px), f64::from(things[second].visible_px));
        let seen_order = chosen.iter().all(|&k| {
            let v = f64::from(things[k].visible_px);
            k == first || if superlative == Superlative::Largest { p > 1.15 * v } else { v > 1.15 * p }
        });
        seen_order && q > 0.0 && if superlative == Superlative::Largest { a > 1.3 * b } else { b > 1.3 * a }
    } else {
        let side = match superlative {
            Superlative::Leftmost | Superlative::Rightmost => frame.size().1,
            _ => frame.size().0,
        };
        score(second) - score(first) > 0.06 * side as f64
    };
    clear.then_some(Some(first))
}
