//! Whether a condition holds for an object, with room for doubt.

use super::colour::Truth;
use super::meaning::{Filter, Link, Noun, Place, Size};
use super::scene::Scene;
use crate::dataset::labelled::OutlineTrust;

/// Whether a condition holds for one of the objects spoken of.
pub(super) fn holds(filter: &Filter, index: usize, among: &[usize], scene: &Scene<'_>) -> Truth {
    match filter {
        Filter::Colour(colour) => scene.coloured(index, *colour),
        Filter::Size(size) => sized(*size, index, among, scene),
        Filter::Elongated => {
            let facts = scene.facts(index);
            let ratio = facts.length / facts.breadth;
            if scene.shaped(index) { Truth::between(ratio >= 3.0, ratio <= 1.8) } else { Truth::Unsure }
        }
        Filter::Round => {
            let facts = scene.facts(index);
            let seen = scene.object(index).trust == OutlineTrust::Outline && scene.object(index).whole;
            let fill = facts.area / ((facts.rows.1 - facts.rows.0) * (facts.cols.1 - facts.cols.0));
            let round = facts.length / facts.breadth <= 1.15 && (0.74..=0.83).contains(&fill) && facts.area >= 150.0;
            let other = facts.length / facts.breadth >= 1.35 || fill >= 0.92 || fill <= 0.65;
            if seen { Truth::between(round, other) } else { Truth::Unsure }
        }
        Filter::Place(place) => placed(*place, index, scene),
        Filter::Relation(link, to) => related(*link, index, to, among, scene),
    }
}

/// Large is above the widest gap in the sizes, small below it.
fn sized(size: Size, index: usize, among: &[usize], scene: &Scene<'_>) -> Truth {
    let measure = |i: usize| match size {
        Size::Long => scene.facts(i).length,
        _ => scene.facts(i).area,
    };
    let comparable = |i: usize| scene.object(i).whole && (size != Size::Long || scene.shaped(i));
    if among.len() < 2 || !among.iter().all(|&i| comparable(i)) {
        return Truth::Unsure;
    }
    let mut sizes: Vec<f64> = among.iter().map(|&i| measure(i)).collect();
    sizes.sort_by(f64::total_cmp);
    let boxed = among.iter().any(|&i| scene.object(i).trust == OutlineTrust::UprightBox);
    let clear = match size {
        Size::Long => 1.6,
        _ if boxed => 2.2,
        _ => 1.7,
    };
    let Some((below, above)) =
        sizes.windows(2).map(|w| (w[0], w[1])).max_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)))
    else {
        return Truth::Unsure;
    };
    // A single outlier says nothing of the others' being small, nor a single dwarf of their being large.
    let larger = sizes.iter().filter(|&&s| s >= above).count();
    let told = match size {
        Size::Small => sizes.len() - larger,
        _ => larger,
    };
    // Among the others none may be called so either.
    let others = match size {
        Size::Small => sizes[sizes.len() - 1] / above,
        _ => below / sizes[0],
    };
    if above / below < clear || told * 3 > sizes.len() * 2 || others > 2.0 {
        return Truth::Unsure;
    }
    let is_larger = measure(index) >= above;
    let wanted = is_larger == (size != Size::Small);
    Truth::between(wanted, !wanted)
}

fn placed(place: Place, index: usize, scene: &Scene<'_>) -> Truth {
    let facts = scene.facts(index);
    let (x, y) = (facts.middle.1 / scene.width(), facts.middle.0 / scene.height());
    let (x0, x1) = (facts.cols.0 / scene.width(), facts.cols.1 / scene.width());
    let (y0, y1) = (facts.rows.0 / scene.height(), facts.rows.1 / scene.height());
    if scene.is_region(index) {
        let (left, top) = (facts.left_share, facts.top_share);
        let mostly = |share: f64| Truth::between(share >= 0.92, share <= 0.08);
        return match place {
            Place::Left | Place::LeftHalf => mostly(left),
            Place::Right | Place::RightHalf => mostly(1.0 - left),
            Place::Top | Place::TopHalf => mostly(top),
            Place::Bottom | Place::BottomHalf => mostly(1.0 - top),
            _ => Truth::Unsure,
        };
    }
    let (wide, tall) = (x1 - x0 > 0.5, y1 - y0 > 0.5);
    // On the low side of an axis: `at` is the middle and `end` the far end of the object.
    let low = |at: f64, end: f64, large: bool| Truth::between(at <= 0.42 && end <= 0.6 && !large, at >= 0.56);
    let (left, right) = (low(x, x1, wide), low(1.0 - x, 1.0 - x0, wide));
    let (top, bottom) = (low(y, y1, tall), low(1.0 - y, 1.0 - y0, tall));
    // A half has a sharp border, so only what lies across it is unclear.
    let half = |at: f64, from: f64, to: f64| Truth::between(at <= 0.48 && to <= 0.54, at >= 0.52 && from >= 0.46);
    let corner = |across: f64, down: f64| {
        Truth::between(across <= 0.36 && down <= 0.36 && !wide && !tall, across >= 0.52 || down >= 0.52)
    };
    let edge = |from: f64, at: f64| Truth::between(from <= 0.06 && at <= 0.3, from >= 0.2);
    match place {
        Place::Left => left,
        Place::Right => right,
        Place::Top => top,
        Place::Bottom => bottom,
        Place::LeftHalf => half(x, x0, x1),
        Place::RightHalf => half(1.0 - x, 1.0 - x1, 1.0 - x0),
        Place::TopHalf => half(y, y0, y1),
        Place::BottomHalf => half(1.0 - y, 1.0 - y1, 1.0 - y0),
        Place::TopLeft => corner(x, y),
        Place::TopRight => corner(1.0 - x, y),
        Place::BottomLeft => corner(x, 1.0 - y),
        Place::BottomRight => corner(1.0 - x, 1.0 - y),
        Place::Middle => {
            let off = (x - 0.5).abs().max((y - 0.5).abs());
            Truth::between(off <= 0.13, off >= 0.27)
        }
        Place::LeftEdge => edge(x0, x),
        Place::RightEdge => edge(1.0 - x1, 1.0 - x),
        Place::TopEdge => edge(y0, y),
        Place::BottomEdge => edge(1.0 - y1, 1.0 - y),
        Place::CutOff => {
            let gap = edge_gap(index, scene);
            Truth::between(gap <= 0.0, gap >= 3.0)
        }
    }
}

/// The gap between an object and the nearest thing a noun names, and the share of the object that lies on it.
pub(super) fn gap(index: usize, to: &Noun, scene: &Scene<'_>) -> Option<(f64, f64)> {
    Some(scene.distance_to(&to.members)?.of(&scene.object(index).mask))
}

/// What counts as near for an object: its own size, within bounds.
pub(super) fn reach(index: usize, scene: &Scene<'_>) -> f64 {
    scene.facts(index).area.sqrt().clamp(0.03 * scene.side(), 0.12 * scene.side())
}

fn related(link: Link, index: usize, to: &Noun, among: &[usize], scene: &Scene<'_>) -> Truth {
    let of_its_kind = matches!(link, Link::Paired | Link::Alone);
    if !of_its_kind && to.members.contains(&index) {
        return Truth::No;
    }
    match link {
        Link::Near | Link::Far => {
            let Some((gap, within)) = gap(index, to, scene) else { return Truth::No };
            let reach = reach(index, scene);
            if link == Link::Near {
                Truth::between(gap <= 0.7 * reach && within < 0.3, gap >= 2.2 * reach + 4.0)
            } else {
                Truth::between(gap >= 3.5 * reach && gap >= 0.25 * scene.side(), gap <= 1.2 * reach)
            }
        }
        Link::On => {
            let Some((_, within)) = gap(index, to, scene) else { return Truth::No };
            Truth::between(within >= 0.8, within <= 0.05)
        }
        Link::Surrounded => surrounded(index, to, scene),
        Link::LeftOf | Link::RightOf | Link::Above | Link::Below => beside(link, index, to, scene),
        Link::Between => between(index, to, scene),
        Link::Paired | Link::Alone => {
            let reach = reach(index, scene);
            let nearest = among
                .iter()
                .filter(|&&other| other != index)
                .map(|&other| box_gap(index, other, scene))
                .fold(f64::INFINITY, f64::min);
            if link == Link::Paired {
                Truth::between(nearest <= 0.6 * reach, nearest >= 2.2 * reach)
            } else {
                let near_edge = edge_gap(index, scene) < 2.0 * reach;
                Truth::between(nearest >= 0.22 * scene.side() && !near_edge, nearest <= 0.08 * scene.side())
            }
        }
    }
}

/// The distance between the boxes of two objects.
fn box_gap(a: usize, b: usize, scene: &Scene<'_>) -> f64 {
    let (a, b) = (scene.facts(a), scene.facts(b));
    let across = (a.cols.0 - b.cols.1).max(b.cols.0 - a.cols.1).max(0.0);
    let down = (a.rows.0 - b.rows.1).max(b.rows.0 - a.rows.1).max(0.0);
    across.hypot(down)
}

/// The distance of an object from the edge of the picture.
fn edge_gap(index: usize, scene: &Scene<'_>) -> f64 {
    let facts = scene.facts(index);
    facts.cols.0.min(facts.rows.0).min(scene.width() - facts.cols.1).min(scene.height() - facts.rows.1)
}

/// How much of a band around the object is what surrounds it.
fn surrounded(index: usize, by: &Noun, scene: &Scene<'_>) -> Truth {
    let Some(map) = scene.distance_to(&by.members) else { return Truth::No };
    let facts = scene.facts(index);
    let (middle_r, middle_c) = facts.middle;
    let margin = 0.5 * reach(index, scene) + 3.0;
    let (half_r, half_c) = ((facts.rows.1 - facts.rows.0) / 2.0 + margin, (facts.cols.1 - facts.cols.0) / 2.0 + margin);
    let mut covered = 0;
    for step in 0..24 {
        let (sin, cos) = (f64::from(step) / 24.0 * std::f64::consts::TAU).sin_cos();
        // A rectangle around the box: the longer of the two components reaches its side.
        let stretch = 1.0 / sin.abs().max(cos.abs());
        let (row, col) = (middle_r + half_r * sin * stretch, middle_c + half_c * cos * stretch);
        if row < 0.0 || col < 0.0 || row >= scene.height() || col >= scene.width() {
            return Truth::Unsure;
        }
        covered += usize::from(map.at(row as usize, col as usize) <= 3.0);
    }
    let share = covered as f64 / 24.0;
    Truth::between(share >= 0.85, share <= 0.4)
}

/// To one side of the only thing that is named.
fn beside(link: Link, index: usize, to: &Noun, scene: &Scene<'_>) -> Truth {
    let &[other] = to.members.as_slice() else { return Truth::Unsure };
    let (a, b) = (scene.facts(index), scene.facts(other));
    // Along the axis of the word, growing in its direction, and across it.
    let (ahead, back, a_across, b_across) = match link {
        Link::LeftOf => (b.cols.0 - a.cols.1, b.middle.1 - a.middle.1, a.rows, b.rows),
        Link::RightOf => (a.cols.0 - b.cols.1, a.middle.1 - b.middle.1, a.rows, b.rows),
        Link::Above => (b.rows.0 - a.rows.1, b.middle.0 - a.middle.0, a.cols, b.cols),
        _ => (a.rows.0 - b.rows.1, a.middle.0 - b.middle.0, a.cols, b.cols),
    };
    let side = (a_across.0 - b_across.1).max(b_across.0 - a_across.1).max(0.0);
    Truth::between(ahead >= -2.0 && side <= 0.7 * back, back <= 0.0)
}

fn between(index: usize, to: &Noun, scene: &Scene<'_>) -> Truth {
    let &[one, two] = to.members.as_slice() else { return Truth::Unsure };
    let (p, a, b) = (scene.facts(index).middle, scene.facts(one).middle, scene.facts(two).middle);
    let (dr, dc) = (b.0 - a.0, b.1 - a.1);
    let length = dr.hypot(dc);
    if length < 0.08 * scene.side() {
        return Truth::Unsure;
    }
    let along = ((p.0 - a.0) * dr + (p.1 - a.1) * dc) / (length * length);
    let off = ((p.0 - a.0) * dc - (p.1 - a.1) * dr).abs() / (length * length);
    Truth::between((0.25..=0.75).contains(&along) && off <= 0.2, !(0.0..=1.0).contains(&along) || off >= 0.6)
}
