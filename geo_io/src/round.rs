//! Round corners, which never bring neighbours together.
//!
//! A corner becomes a piece of a parabola that begins and ends on its two sides. All of it lies in the triangle between
//! the corner and these two points. Outward corners are cut, which only takes away. Inward corners are filled, so these
//! two points are less than half a pixel from the corner, which lies on the outline of the mask: nothing is added half a
//! pixel or more outside the mask, and other components are a whole one away.

use geo::{Coord, LineString, Polygon, Validation, coord};

/// How far from an outward corner its rounding begins, in pixels, at most; and at most in the middle of a side.
const CUT_PX: f64 = 3.0;
/// The same for inward corners.
const FILL_PX: f64 = 0.49;
/// Straight pieces that stand for a round corner.
const PIECES: u32 = 4;

/// The polygon with round corners, in pixels; rings run with the mask on the right on screen. Corners at `pinned` places
/// stay, and so does everything where roundings would meet each other.
pub(crate) fn rounded(polygon: Polygon, pinned: &[Coord]) -> Polygon {
    let with = |cut_px: f64| {
        let ring = |ring: &LineString| round_ring(ring, pinned, cut_px);
        Polygon::new(ring(polygon.exterior()), polygon.interiors().iter().map(ring).collect())
    };
    let round = [CUT_PX, FILL_PX].into_iter().map(with).find(Validation::is_valid);
    round.unwrap_or(polygon)
}

fn round_ring(ring: &LineString, pinned: &[Coord], cut_px: f64) -> LineString {
    let corners = &ring.0[..ring.0.len().saturating_sub(1)];
    let n = corners.len();
    let mut round = Vec::with_capacity(n * PIECES as usize + 1);
    for (number, &corner) in corners.iter().enumerate() {
        let (before, after) = (corners[(number + n - 1) % n], corners[(number + 1) % n]);
        let (to, on) = (corner - before, after - corner);
        let turn = to.x * on.y - to.y * on.x;
        if turn == 0.0 || pinned.contains(&corner) {
            round.push(corner);
            continue;
        }
        let most = if turn > 0.0 { cut_px } else { FILL_PX };
        let towards = |other: Coord| {
            let side = other - corner;
            let length = side.x.hypot(side.y);
            corner + side * (most.min(length / 2.0) / length)
        };
        let (start, end) = (towards(before), towards(after));
        for piece in 0..=PIECES {
            let t = f64::from(piece) / f64::from(PIECES);
            let [a, b, c] = [(1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t];
            round.push(coord! {
                x: a * start.x + b * corner.x + c * end.x,
                y: a * start.y + b * corner.y + c * end.y,
            });
        }
    }
    // Where two roundings share the middle of a side, their ends are one point.
    round.dedup();
    if round.len() > 1 && round.first() == round.last() {
        round.pop();
    }
    round.extend(round.first().copied());
    LineString::new(round)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Area, polygon};

    #[test]
    fn a_square_loses_its_corners_and_keeps_its_middles() {
        // Clockwise on screen, rows downwards: the mask is to the right.
        let square = polygon![(x: 0.0, y: 0.0), (x: 20.0, y: 0.0), (x: 20.0, y: 20.0), (x: 0.0, y: 20.0)];
        let round = rounded(square, &[]);
        // A parabola over a triangle with legs of 3 cuts off a third of its area: 4.5 / 3, less what five chords miss.
        let lost = 400.0 - round.unsigned_area();
        assert!((4.0 * 1.5..4.0 * 1.8).contains(&lost), "{lost}");
        assert!(round.exterior().0.contains(&coord! { x: 3.0, y: 0.0 }));
    }

    #[test]
    fn inward_corners_are_filled_by_less_than_half_a_pixel_and_pinned_ones_stay() {
        let l = polygon![(x: 0.0, y: 0.0), (x: 20.0, y: 0.0), (x: 20.0, y: 10.0), (x: 10.0, y: 10.0),
            (x: 10.0, y: 20.0), (x: 0.0, y: 20.0)];
        let inner = coord! { x: 10.0, y: 10.0 };
        let added = |polygon: &Polygon| {
            let beyond = |at: &&Coord| at.x > 10.0 && at.y > 10.0;
            polygon.exterior().0.iter().filter(beyond).map(|at| (at.x - 10.0).min(at.y - 10.0)).fold(0.0, f64::max)
        };
        let round = rounded(l.clone(), &[]);
        assert!(!round.exterior().0.contains(&inner));
        assert!(added(&round) > 0.0 && added(&round) < 0.25, "{}", added(&round));
        assert!(rounded(l, &[inner]).exterior().0.contains(&inner));
    }
}
