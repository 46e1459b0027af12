//! Small holes that are filled, with the small components in them.
//!
//! A hole closes later than what lies in it ends, at most as many rows later as it has pixels. So components wait that
//! long before they leave, and those that lie in a filled hole never do: they are part of what is around them.

use std::collections::VecDeque;

use super::Component;
use super::rings::{Ring, doubled_area};
use crate::grid::PixelCorner;

/// Components that wait until no hole around them can close any more.
#[derive(Debug, Default)]
pub(super) struct Filling {
    /// Largest hole that is filled, in pixels; 0 fills none.
    max_px: u64,
    waiting: VecDeque<(u32, Component)>,
    /// Holes that were filled in this row.
    filled: Vec<Ring>,
}

impl Filling {
    pub(super) fn new(max_px: u64) -> Self {
        Self { max_px, ..Self::default() }
    }

    /// Whether a ring is a hole to be filled, and so belongs to no outline.
    pub(super) fn fills(&mut self, ring: &Ring) -> bool {
        let doubled = doubled_area(ring);
        let fills = self.max_px > 0 && doubled < 0 && doubled.unsigned_abs() / 2 <= self.max_px;
        if fills {
            self.filled.push(ring.clone());
        }
        fills
    }

    /// Takes the components that ended above `row` and returns those that may leave.
    pub(super) fn pass(&mut self, row: u32, ended: Vec<Component>) -> Vec<Component> {
        if self.max_px == 0 {
            return ended;
        }
        self.waiting.extend(ended.into_iter().map(|component| (row, component)));
        for hole in std::mem::take(&mut self.filled) {
            let (cols, rows) = (span(&hole, |corner| corner.col), span(&hole, |corner| corner.row));
            self.waiting.retain(|(_, component)| {
                let first = (f64::from(component.first_px.0) + 0.5, f64::from(component.first_px.1) + 0.5);
                let outside_box = first.0 < rows.0 || first.0 > rows.1 || first.1 < cols.0 || first.1 > cols.1;
                outside_box || !contains(&hole, first)
            });
        }
        let mut leaving = Vec::new();
        while let Some((since, _)) = self.waiting.front()
            && u64::from(row - since) > self.max_px
        {
            leaving.extend(self.waiting.pop_front().map(|(_, component)| component));
        }
        leaving
    }

    /// Returns all that still wait.
    pub(super) fn finish(self) -> impl Iterator<Item = Component> {
        self.waiting.into_iter().map(|(_, component)| component)
    }
}

fn span(ring: &Ring, of: fn(&PixelCorner) -> i32) -> (f64, f64) {
    let range = ring.iter().map(of).fold((i32::MAX, i32::MIN), |(low, high), at| (low.min(at), high.max(at)));
    (f64::from(range.0), f64::from(range.1))
}

/// Whether the middle of a pixel lies in a ring: an odd number of its upright edges is to the left.
fn contains(ring: &Ring, (row, col): (f64, f64)) -> bool {
    let before = ring.last().into_iter().chain(ring);
    let crossed = before.zip(ring).filter(|(a, b)| {
        let (top, bottom) = (f64::from(a.row.min(b.row)), f64::from(a.row.max(b.row)));
        a.col == b.col && f64::from(a.col) < col && top < row && row < bottom
    });
    crossed.count() % 2 == 1
}
