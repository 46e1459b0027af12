//! Fewer corners without gaps or overlaps: steps become slopes, and what deviates little is left out.
//!
//! Nothing is ever added half a pixel or more outside the mask, and corners where components touch stay. Components are
//! a pixel apart everywhere else, so that no two of them can overlap afterwards, whatever is cut off inside.

use super::rings::Outline;
use crate::grid::PixelCorner;

/// A point in halves of pixels, so that the middle of an edge is a point too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HalfPixel {
    pub(crate) col: i64,
    pub(crate) row: i64,
}

impl HalfPixel {
    fn of(corner: PixelCorner) -> Self {
        Self { col: 2 * i64::from(corner.col), row: 2 * i64::from(corner.row) }
    }
}

/// How far inside a point that may stay a line may pass, in halves of pixels.
#[derive(Clone, Copy, Debug)]
struct Reach(f64);

/// How far outside the mask a line must not reach, in halves of pixels: two components that come closer to each other
/// than a pixel would meet.
const ADDED: f64 = 1.0;
/// Lines through all points that may stay are less than half a pixel from the mask, and so never cross.
const SAFE: Reach = Reach(0.0);

/// A ring before it is simplified.
struct Chain {
    /// The corners of the mask.
    corners: Vec<HalfPixel>,
    /// Points that may stay: a corner, or the middle of a step, with the number of the first corner after it.
    points: Vec<(HalfPixel, usize)>,
    pinned: Vec<bool>,
}

/// The rings of each part, the shell first, each closed. Points lie at most `tolerance_px` inside the mask and less than
/// half a pixel outside. Rings keep their direction; none is lost.
pub(crate) fn simplified(parts: &[Outline], saddles: &[PixelCorner], tolerance_px: f64) -> Vec<Vec<Vec<HalfPixel>>> {
    let mut saddles: Vec<HalfPixel> = saddles.iter().map(|corner| HalfPixel::of(*corner)).collect();
    saddles.sort_unstable();
    let chains: Vec<Chain> = rings_of(parts).map(|ring| Chain::new(ring, &saddles)).collect();
    // Points that may stay are up to half a pixel inside already.
    let reach = Reach((2.0 * tolerance_px - ADDED).max(0.0));
    let mut kept: Vec<Vec<usize>> = chains.iter().map(|chain| chain.reduced(reach)).collect();
    // A line that crosses another is replaced by one so close to the mask that it cannot. That ends after two rounds at
    // the latest for each line, since every line is replaced at most once.
    loop {
        let mut crossing = crossing_lines(&chains, &kept, &saddles);
        crossing.extend(swallowing_lines(parts, &chains, &kept));
        if crossing.is_empty() {
            break;
        }
        let before: usize = kept.iter().map(Vec::len).sum();
        for (ring, mut lines) in by_ring(crossing) {
            lines.sort_unstable();
            for line in lines.into_iter().rev() {
                chains[ring].refine(&mut kept[ring], line);
            }
        }
        if kept.iter().map(Vec::len).sum::<usize>() == before {
            // Nothing is left to refine: take everything as close as it gets.
            kept = chains.iter().map(|chain| chain.reduced(SAFE)).collect();
            break;
        }
    }
    let mut rings = chains.iter().zip(kept).map(|(chain, kept)| {
        let mut ring: Vec<HalfPixel> = kept.iter().map(|index| chain.points[*index].0).collect();
        ring.extend(ring.first().copied());
        ring
    });
    parts.iter().map(|part| rings.by_ref().take(1 + part.holes.len()).collect()).collect()
}

fn rings_of(parts: &[Outline]) -> impl Iterator<Item = &Vec<PixelCorner>> {
    parts.iter().flat_map(|part| std::iter::once(&part.shell).chain(&part.holes))
}

impl Chain {
    fn new(ring: &[PixelCorner], saddles: &[HalfPixel]) -> Self {
        let corners: Vec<HalfPixel> = ring[..ring.len() - 1].iter().map(|corner| HalfPixel::of(*corner)).collect();
        let n = corners.len();
        let pinned_corner: Vec<bool> = corners.iter().map(|corner| saddles.binary_search(corner).is_ok()).collect();
        let at = |index: usize| corners[index % n];
        let turns_right = |index: usize| cross(at(index + n - 1), at(index), at(index + 1)) > 0;
        let is_step = |index: usize| {
            let (a, b) = (at(index), at(index + 1));
            (a.col - b.col).abs() + (a.row - b.row).abs() == 2
                && turns_right(index) != turns_right(index + 1)
                && !pinned_corner[index % n]
                && !pinned_corner[(index + 1) % n]
        };
        let (mut points, mut pinned) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for index in 0..n {
            let steps = (is_step(index + n - 1), is_step(index));
            if steps == (false, false) {
                points.push((corners[index], index));
                pinned.push(pinned_corner[index]);
            }
            if steps.1 {
                let (a, b) = (at(index), at(index + 1));
                points.push((HalfPixel { col: (a.col + b.col) / 2, row: (a.row + b.row) / 2 }, index + 1));
                pinned.push(false);
            }
        }
        Self { corners, points, pinned }
    }

    /// The numbers of the points that stay, ascending.
    fn reduced(&self, reach: Reach) -> Vec<usize> {
        let n = self.points.len();
        let mut anchors: Vec<usize> = (0..n).filter(|index| self.pinned[*index]).collect();
        if anchors.len() < 2 {
            let first = anchors.first().copied().unwrap_or_else(|| self.farthest_from(0));
            let second = self.farthest_from(first);
            anchors = vec![first.min(second), first.max(second)];
        }
        let mut kept = Vec::new();
        for (number, &from) in anchors.iter().enumerate() {
            let to = anchors.get(number + 1).copied().unwrap_or(anchors[0] + n);
            self.split(from, to, reach, &mut kept);
        }
        let mut kept: Vec<usize> = kept.into_iter().map(|index| index % n).collect();
        kept.sort_unstable();
        if self.is_flat(&kept) && reach.0 > SAFE.0 { self.reduced(SAFE) } else { kept }
    }

    /// Puts points between two that stay: the last of `kept` is followed by one of them.
    fn refine(&self, kept: &mut Vec<usize>, line: usize) {
        let n = self.points.len();
        let from = kept[line];
        let to = kept.get(line + 1).copied().unwrap_or(kept[0] + n);
        let mut finer = Vec::new();
        self.split(from, to, SAFE, &mut finer);
        kept.extend(finer.into_iter().skip(1).map(|index| index % n));
        kept.sort_unstable();
    }

    /// Douglas and Peucker between two points that stay; `to` may lie beyond the end of the ring. Leaves out `to`.
    fn split(&self, from: usize, to: usize, reach: Reach, kept: &mut Vec<usize>) {
        let mut open = vec![(from, to)];
        while let Some((from, to)) = open.pop() {
            match self.worst(from, to, reach) {
                Some(middle) => open.extend([(middle, to), (from, middle)]),
                None => kept.push(from),
            }
        }
    }

    /// The point between two others that a line between these leaves too far aside, or `None` when the line will do.
    fn worst(&self, from: usize, to: usize, reach: Reach) -> Option<usize> {
        if to - from < 2 {
            return None;
        }
        let (points, corners) = (self.points.len(), self.corners.len());
        let (a, b) = (self.points[from % points].0, self.points[to % points].0);
        let end = self.points[to % points].1 + if to >= points { corners } else { 0 };
        let start = self.points[from % points].1 + if from >= points { corners } else { 0 };
        let cuts_off = |index: usize| is_left(a, b, self.points[index % points].0, reach.0);
        let adds = |index: usize| adds_too_much(a, b, self.corners[index % corners]);
        if !(from + 1..to).any(cuts_off) && !(start..end).any(adds) {
            return None;
        }
        let middle = from + (to - from) / 2;
        let aside = |index: &usize| distance(a, b, self.points[index % points].0);
        // Of equals the one nearest to the middle, so that symmetric things stay so.
        (from + 1..to).max_by(|one, other| {
            aside(one).total_cmp(&aside(other)).then(other.abs_diff(middle).cmp(&one.abs_diff(middle)))
        })
    }

    /// What lies between a line and the corners it replaces.
    fn cut_by(&self, kept: &[usize], line: usize) -> Vec<HalfPixel> {
        let (n, points) = (self.corners.len(), self.points.len());
        let (a, b) = (kept[line], kept.get(line + 1).copied().unwrap_or(kept[0] + points));
        let start = self.points[a].1;
        let end = self.points[b % points].1 + if b >= points { n } else { 0 };
        let between = (start..end).map(|index| self.corners[index % n]);
        [self.points[a].0].into_iter().chain(between).chain([self.points[b % points].0]).collect()
    }

    fn farthest_from(&self, index: usize) -> usize {
        let from = self.points[index].0;
        let far = |other: &usize| {
            let to = self.points[*other].0;
            (i128::from(to.col - from.col).pow(2) + i128::from(to.row - from.row).pow(2), std::cmp::Reverse(*other))
        };
        (0..self.points.len()).max_by_key(far).unwrap_or(0)
    }

    /// Whether less than half of the ring's area would be left.
    fn is_flat(&self, kept: &[usize]) -> bool {
        let now: Vec<HalfPixel> = kept.iter().map(|index| self.points[*index].0).collect();
        2 * area(&now).abs() < area(&self.corners).abs()
    }
}

/// Whether a point lies more than so far to the left of a line, where it is cut off: the mask is to the right.
fn is_left(a: HalfPixel, b: HalfPixel, point: HalfPixel, reach: f64) -> bool {
    cross(a, b, point) < 0 && distance(a, b, point) > reach
}

/// Whether a line leaves a corner of the mask so far to its right, or beyond its ends, that too much is added.
fn adds_too_much(a: HalfPixel, b: HalfPixel, corner: HalfPixel) -> bool {
    let is_cut = cross(a, b, corner) < 0 && projects_inside(a, b, corner);
    !is_cut && distance(a, b, corner) >= ADDED
}

fn projects_inside(a: HalfPixel, b: HalfPixel, p: HalfPixel) -> bool {
    let along = dot(a, b, p);
    along >= 0 && along <= dot(a, b, b)
}

/// From a point to a line between two others.
fn distance(a: HalfPixel, b: HalfPixel, p: HalfPixel) -> f64 {
    let length = |from: HalfPixel| ((p.col - from.col) as f64).hypot((p.row - from.row) as f64);
    let (along, whole) = (dot(a, b, p), dot(a, b, b));
    if along <= 0 || whole == 0 {
        length(a)
    } else if along >= whole {
        length(b)
    } else {
        cross(a, b, p).unsigned_abs() as f64 / (whole as f64).sqrt()
    }
}

fn dot(a: HalfPixel, b: HalfPixel, p: HalfPixel) -> i128 {
    i128::from(b.col - a.col) * i128::from(p.col - a.col) + i128::from(b.row - a.row) * i128::from(p.row - a.row)
}

/// Positive when `p` lies to the right of the way from `a` to `b`, on screen.
fn cross(a: HalfPixel, b: HalfPixel, p: HalfPixel) -> i128 {
    i128::from(b.col - a.col) * i128::from(p.row - a.row) - i128::from(b.row - a.row) * i128::from(p.col - a.col)
}

fn area(ring: &[HalfPixel]) -> i128 {
    let Some(&last) = ring.last() else { return 0 };
    let before = std::iter::once(&last).chain(ring);
    before.zip(ring).map(|(a, b)| i128::from(a.col) * i128::from(b.row) - i128::from(b.col) * i128::from(a.row)).sum()
}

/// A line of the result: its ring, its number there, and its ends.
struct Line {
    ring: usize,
    number: usize,
    a: HalfPixel,
    b: HalfPixel,
}

/// The lines that meet others anywhere but in a corner they share.
fn crossing_lines(chains: &[Chain], kept: &[Vec<usize>], saddles: &[HalfPixel]) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    for (ring, (chain, kept)) in chains.iter().zip(kept).enumerate() {
        for number in 0..kept.len() {
            let (a, b) = (chain.points[kept[number]].0, chain.points[kept[(number + 1) % kept.len()]].0);
            lines.push(Line { ring, number, a, b });
        }
    }
    let west = |line: &Line| line.a.col.min(line.b.col);
    lines.sort_by_key(|line| (west(line), line.ring, line.number));
    let mut crossing = Vec::new();
    let mut active: Vec<&Line> = Vec::new();
    for line in &lines {
        active.retain(|other| other.a.col.max(other.b.col) >= west(line));
        for other in &active {
            if meet(line, other, saddles) {
                crossing.extend([(line.ring, line.number), (other.ring, other.number)]);
            }
        }
        active.push(line);
    }
    crossing.sort_unstable();
    crossing.dedup();
    crossing
}

/// The lines that cut off so much that a hole of the same part would lie outside.
fn swallowing_lines(parts: &[Outline], chains: &[Chain], kept: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut swallowing = Vec::new();
    let mut ring = 0;
    for part in parts {
        let rings = ring..ring + 1 + part.holes.len();
        ring = rings.end;
        let mut holes: Vec<(HalfPixel, usize)> =
            rings.clone().skip(1).map(|hole| (chains[hole].corners[0], hole)).collect();
        holes.sort_unstable();
        for ring in rings.filter(|_| !holes.is_empty()) {
            for number in 0..kept[ring].len() {
                let cut = chains[ring].cut_by(&kept[ring], number);
                let cols = cut.iter().map(|corner| corner.col);
                let (west, east) = (cols.clone().min().unwrap_or(0), cols.max().unwrap_or(0));
                let from = holes.partition_point(|(corner, _)| corner.col < west);
                let near = holes[from..].iter().take_while(|(corner, _)| corner.col <= east);
                if near.into_iter().any(|(corner, hole)| *hole != ring && encloses(&cut, *corner)) {
                    swallowing.push((ring, number));
                }
            }
        }
    }
    swallowing
}

/// Whether a point lies in a polygon, which is not closed: an odd number of its sides is to the left.
fn encloses(polygon: &[HalfPixel], point: HalfPixel) -> bool {
    let before = polygon.last().into_iter().chain(polygon);
    let crossed = before.zip(polygon).filter(|(a, b)| {
        let (low, high) = if a.row <= b.row { (a, b) } else { (b, a) };
        low.row <= point.row && point.row < high.row && cross(**low, **high, point) < 0
    });
    crossed.count() % 2 == 1
}

/// Whether two lines have a point in common that is not an end of both, neighbours in a ring or meeting in a saddle.
fn meet(one: &Line, other: &Line, saddles: &[HalfPixel]) -> bool {
    let rows = |line: &Line| (line.a.row.min(line.b.row), line.a.row.max(line.b.row));
    let ((top, bottom), (other_top, other_bottom)) = (rows(one), rows(other));
    if bottom < other_top || other_bottom < top {
        return false;
    }
    let shared = [one.a, one.b].into_iter().find(|end| *end == other.a || *end == other.b);
    if let Some(shared) = shared {
        let far = |line: &Line| if line.a == shared { line.b } else { line.a };
        let (p, q) = (far(one), far(other));
        let one_way = cross(shared, p, q) == 0 && dot(shared, p, q) > 0;
        let may_share = one.ring == other.ring || saddles.binary_search(&shared).is_ok();
        return one_way || !may_share;
    }
    let side = |a: HalfPixel, b: HalfPixel, p: HalfPixel| cross(a, b, p).signum();
    let (c, d) = (side(one.a, one.b, other.a), side(one.a, one.b, other.b));
    let (e, f) = (side(other.a, other.b, one.a), side(other.a, other.b, one.b));
    if c == 0 && d == 0 {
        // On one line: they meet when their boxes do, and those of the rows and columns do.
        return one.a.col.max(one.b.col) >= other.a.col.min(other.b.col)
            && other.a.col.max(other.b.col) >= one.a.col.min(one.b.col);
    }
    c * d <= 0 && e * f <= 0
}

fn by_ring(lines: Vec<(usize, usize)>) -> std::collections::BTreeMap<usize, Vec<usize>> {
    let mut rings = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for (ring, line) in lines {
        rings.entry(ring).or_default().push(line);
    }
    rings
}

#[cfg(test)]
#[path = "simplify_tests.rs"]
mod tests;
