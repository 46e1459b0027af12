//! Squared outlines: what has straight walls at right angles is drawn with just these.
//!
//! The direction of the walls is that of the longest ones together. Every side of the outline then belongs to one of two
//! directions; sides that follow each other in one direction are one wall, walls that are a step apart become one, and the
//! corners are where walls meet. All walls then move outwards by the same distance, so that the area is that of the pixels.
//! What was no such building is left as it was: the result must cover nearly the same ground and lie near the outline
//! everywhere.

use std::ops::Range;

use geo::{Area, BooleanOps, Coord, Distance, Euclidean, LineString, Point, Polygon, Validation, coord};

use crate::shaping::{along_pixels, with_fewer_corners};
use crate::vectorize::Component;

/// Corners that deviate by less are left out before walls are looked for, so that slopes along pixels are straight: a share
/// of the side of a square of as many pixels, within bounds. With more, a small disc would have four sides.
const SIMPLIFY: (f64, Range<f64>) = (0.08, 0.5..2.0);
/// Share of the length of the outline that must run along or across the direction.
const AGREEMENT: f64 = 0.65;
/// How far from it that may be: 15 degrees.
const ASIDE: f64 = std::f64::consts::PI / 12.0;
/// Walls that are less than this apart become one.
const STEP_PX: f64 = 2.0;
/// How far the outline may move.
const REACH_PX: f64 = 3.0;
/// Share of the ground of both outlines that both must cover.
const OVERLAP: f64 = 0.85;
/// Components of so many pixels; smaller ones have no walls to speak of, larger ones are no buildings.
const PIXELS: Range<u64> = 16..1 << 22;
/// Corners of what is tried at most.
const MOST_CORNERS: usize = 400;

/// A wall: its place across its direction, and how much of the outline says so.
#[derive(Clone, Copy, Debug)]
struct Wall {
    place: f64,
    weight: f64,
}

/// The squared outline in pixels, or `None` for what has no walls at right angles. Components that touch others in
/// corners, or reach the edge of the scene, are none: their outlines are not only theirs.
pub(crate) fn squared(component: &Component) -> Option<Polygon> {
    let alone = component.parts.len() == 1 && component.saddles.is_empty() && !component.touches_edge;
    if !alone || !PIXELS.contains(&component.n_px) {
        return None;
    }
    let (share, bounds) = SIMPLIFY;
    let tolerance_px = (share * (component.n_px as f64).sqrt()).clamp(bounds.start, bounds.end);
    let simple = with_fewer_corners(component, tolerance_px).pop()?;
    let corners: usize = rings(&simple).map(|ring| ring.0.len()).sum();
    if corners > MOST_CORNERS {
        return None;
    }
    let along = direction(simple.exterior())?;
    let pixels = along_pixels(component).pop()?;
    let shell = square_ring(simple.exterior(), along, doubled_area(pixels.exterior()))?;
    let holes = simple
        .interiors()
        .iter()
        .zip(pixels.interiors())
        .map(|(hole, exact)| square_ring(hole, along, doubled_area(exact)).unwrap_or_else(|| hole.clone()));
    let square = Polygon::new(shell, holes.collect());
    (square.is_valid() && is_near(&square, &pixels) && covers_the_same(&square, &pixels)).then_some(square)
}

fn rings(polygon: &Polygon) -> impl Iterator<Item = &LineString> {
    std::iter::once(polygon.exterior()).chain(polygon.interiors())
}

/// The unit vector of the walls, or `None` when they do not agree. Four times an angle is the same for all four sides of
/// a rectangle.
fn direction(ring: &LineString) -> Option<Coord> {
    let mut sum = coord! { x: 0.0, y: 0.0 };
    for side in ring.lines() {
        let (dx, dy) = (side.dx(), side.dy());
        let (weight, turned) = (dx * dx + dy * dy, 4.0 * dy.atan2(dx));
        sum = sum + coord! { x: turned.cos(), y: turned.sin() } * weight;
    }
    let angle = sum.y.atan2(sum.x) / 4.0;
    let quarter = std::f64::consts::FRAC_PI_2;
    let is_wall = |side: &geo::Line| {
        let off = (side.dy().atan2(side.dx()) - angle).rem_euclid(quarter);
        off.min(quarter - off) <= ASIDE
    };
    let length = |side: geo::Line| side.dx().hypot(side.dy());
    let walls: f64 = ring.lines().filter(is_wall).map(length).sum();
    let all: f64 = ring.lines().map(length).sum();
    (all > 0.0 && walls >= AGREEMENT * all).then(|| coord! { x: angle.cos(), y: angle.sin() })
}

/// Twice the area within a ring, positive when the ring has it on its right on screen.
fn doubled_area(ring: &LineString) -> f64 {
    ring.lines().map(|side| side.start.x * side.end.y - side.end.x * side.start.y).sum()
}

/// A ring made square, with the area of what it stands for.
fn square_ring(ring: &LineString, along: Coord, wanted: f64) -> Option<LineString> {
    let turned = |at: Coord| coord! { x: at.x * along.x + at.y * along.y, y: at.y * along.x - at.x * along.y };
    let back = |at: Coord| coord! { x: at.x * along.x - at.y * along.y, y: at.x * along.y + at.y * along.x };
    let sides: Vec<(Coord, Coord)> = ring.lines().map(|side| (turned(side.start), turned(side.end))).collect();
    let (walls, first_runs) = walls(&sides)?;
    let walls = without_steps(walls)?;
    let corners = |walls: &[Wall]| -> LineString {
        let n = walls.len();
        let corner = |number: usize| {
            let (one, next) = (walls[number].place, walls[(number + 1) % n].place);
            // A wall that runs along has a place across.
            if number.is_multiple_of(2) == first_runs {
                coord! { x: next, y: one }
            } else {
                coord! { x: one, y: next }
            }
        };
        (0..n).chain([0]).map(corner).collect()
    };
    let square = corners(&walls);
    let length: f64 = square.lines().map(|side| side.dx().abs() + side.dy().abs()).sum();
    let grow = (wanted - doubled_area(&square)) / 2.0 / length;
    let square = corners(&grown(&walls, first_runs, grow));
    Some(square.0.into_iter().map(back).collect())
}

/// The same walls, each so far away from what is on its right.
fn grown(walls: &[Wall], first_runs: bool, by: f64) -> Vec<Wall> {
    let n = walls.len();
    let moved = |number: usize| {
        let wall = walls[number];
        let ahead = (walls[(number + 1) % n].place - walls[(number + n - 1) % n].place).signum();
        // With rows downwards, on the right of a way along is more y, of a way across less x.
        let outwards = if number.is_multiple_of(2) == first_runs { -ahead } else { ahead };
        Wall { place: wall.place + outwards * by, ..wall }
    };
    (0..n).map(moved).collect()
}

/// The walls in their order, by turns along and across; and whether the first runs along.
fn walls(sides: &[(Coord, Coord)]) -> Option<(Vec<Wall>, bool)> {
    let runs = |(a, b): &(Coord, Coord)| (b.x - a.x).abs() >= (b.y - a.y).abs();
    let n = sides.len();
    let start = (0..n).find(|&number| runs(&sides[number]) != runs(&sides[(number + n - 1) % n]))?;
    let first_runs = runs(&sides[start]);
    let mut walls: Vec<(bool, f64, f64)> = Vec::new();
    for number in 0..n {
        let side = &sides[(start + number) % n];
        let ((a, b), is_along) = (side, runs(side));
        let (long, short) = ((b.x - a.x).abs(), (b.y - a.y).abs());
        let (long, short) = if is_along { (long, short) } else { (short, long) };
        let place = if is_along { (a.y + b.y) / 2.0 } else { (a.x + b.x) / 2.0 };
        // A slope of 45 degrees, as of a cut corner, says nothing about the place of a wall.
        let weight = long * (long * long - short * short) / (long * long + short * short) + 1e-9;
        match walls.last_mut().filter(|(before, ..)| *before == is_along) {
            Some((_, sum, all)) => (*sum, *all) = (*sum + weight * place, *all + weight),
            None => walls.push((is_along, weight * place, weight)),
        }
    }
    let walls: Vec<Wall> = walls.into_iter().map(|(_, sum, weight)| Wall { place: sum / weight, weight }).collect();
    (walls.len() >= 4 && walls.len().is_multiple_of(2)).then_some((walls, first_runs))
}

/// Takes the shortest walls away, and makes one of the two that they are between.
fn without_steps(mut walls: Vec<Wall>) -> Option<Vec<Wall>> {
    loop {
        let n = walls.len();
        let length = |number: usize| (walls[(number + 1) % n].place - walls[(number + n - 1) % n].place).abs();
        let shortest = (0..n).min_by(|one, other| length(*one).total_cmp(&length(*other)))?;
        if length(shortest) >= STEP_PX {
            return Some(walls);
        }
        if n <= 4 {
            return None;
        }
        let (before, after) = ((shortest + n - 1) % n, (shortest + 1) % n);
        let weight = walls[before].weight + walls[after].weight;
        let sum = walls[before].place * walls[before].weight + walls[after].place * walls[after].weight;
        walls[before] = Wall { place: sum / weight, weight };
        // Which of the two directions is first does not change: two neighbours go, or the first and the last, whose
        // place at the front the next two take.
        if after > shortest {
            walls.drain(shortest..=after);
        } else {
            walls.remove(shortest);
            walls.remove(after);
            walls.rotate_left(1);
        }
    }
}

/// Whether neither outline has a corner that is far from the other.
fn is_near(square: &Polygon, other: &Polygon) -> bool {
    let reaches = |from: &Polygon, to: &Polygon| {
        rings(from)
            .zip(rings(to))
            .all(|(from, to)| from.0.iter().all(|corner| Euclidean.distance(&Point::from(*corner), to) <= REACH_PX))
    };
    reaches(square, other) && reaches(other, square)
}

/// Whether most of the ground of both is common to both.
fn covers_the_same(one: &Polygon, other: &Polygon) -> bool {
    let shared = one.intersection(other).unsigned_area();
    shared >= OVERLAP * (one.unsigned_area() + other.unsigned_area() - shared)
}
