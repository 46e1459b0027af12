//! From a closed chain of corners to simple rings.

use std::collections::HashMap;

use crate::grid::PixelCorner;

/// A closed chain of corners, the first not repeated at the end.
pub(super) type Ring = Vec<PixelCorner>;

/// A polygon on pixel corners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Outer ring, closed; on screen (rows downwards) clockwise.
    pub shell: Vec<PixelCorner>,
    /// Holes, closed, the other way round.
    pub holes: Vec<Vec<PixelCorner>>,
}

/// Cuts a chain at every corner it passes twice, which happens only where pixels touch by a corner.
pub(super) fn split(chain: Vec<PixelCorner>, may_repeat: bool) -> Vec<Ring> {
    if !may_repeat {
        return vec![chain];
    }
    let mut rings = Vec::new();
    let mut path: Vec<PixelCorner> = Vec::with_capacity(chain.len());
    let mut place: HashMap<PixelCorner, usize> = HashMap::with_capacity(chain.len());
    for corner in chain {
        if let Some(&index) = place.get(&corner) {
            let ring = path.split_off(index);
            for passed in &ring {
                place.remove(passed);
            }
            rings.push(ring);
        }
        place.insert(corner, path.len());
        path.push(corner);
    }
    rings.push(path);
    rings
}

/// Twice the area a ring encloses; positive when it runs clockwise on a screen, as the outside of a component does.
pub(super) fn doubled_area(ring: &[PixelCorner]) -> i64 {
    let mut sum = 0;
    let mut before = ring[ring.len() - 1];
    for corner in ring {
        sum += i64::from(before.col) * i64::from(corner.row) - i64::from(corner.col) * i64::from(before.row);
        before = *corner;
    }
    sum
}

/// Sorts the rings of a finished component, begins each at its first corner in reading order and closes it.
pub(super) fn shell_and_holes(rings: Vec<Ring>) -> (Ring, Vec<Ring>) {
    let mut shell = Ring::new();
    let mut holes = Vec::new();
    for mut ring in rings {
        let is_shell = doubled_area(&ring) > 0;
        let first = (0..ring.len()).min_by_key(|index| (ring[*index].row, ring[*index].col)).unwrap_or(0);
        ring.rotate_left(first);
        ring.push(ring[0]);
        if is_shell {
            debug_assert!(shell.is_empty(), "a connected component has one outside");
            shell = ring;
        } else {
            holes.push(ring);
        }
    }
    (shell, holes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corners(pairs: &[(i32, i32)]) -> Ring {
        pairs.iter().map(|(col, row)| PixelCorner { col: *col, row: *row }).collect()
    }

    #[test]
    fn a_pixel_has_area_one_clockwise_on_screen() {
        assert_eq!(doubled_area(&corners(&[(0, 0), (1, 0), (1, 1), (0, 1)])), 2);
        assert_eq!(doubled_area(&corners(&[(0, 0), (0, 1), (1, 1), (1, 0)])), -2);
    }

    #[test]
    fn a_chain_through_a_corner_twice_becomes_two_rings() {
        // A figure of eight through (1, 1).
        let chain = corners(&[(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (1, 2), (1, 1), (0, 1)]);
        let rings = split(chain, true);
        assert_eq!(rings, [corners(&[(1, 1), (2, 1), (2, 2), (1, 2)]), corners(&[(0, 0), (1, 0), (1, 1), (0, 1)])]);
    }
}
