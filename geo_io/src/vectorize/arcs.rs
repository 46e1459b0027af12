//! Open outlines: chains of corners with two loose ends that the next rows continue.
//!
//! Every edge between mask and background is walked with the mask on the right hand: along its top to the right, down
//! its right side, back along its bottom, up its left side. So a chain's head is continued forwards and its tail backwards.

use std::collections::VecDeque;

use super::rings::{self, Ring};
use crate::grid::PixelCorner;

/// A loose end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End(u32);

/// A chain of corners with its two loose ends.
#[derive(Debug)]
struct Arc {
    corners: VecDeque<PixelCorner>,
    head: End,
    tail: End,
    /// True when it passes a corner where pixels touch diagonally, and so may pass it again.
    may_repeat: bool,
}

/// All open chains.
#[derive(Debug, Default)]
pub(super) struct Arcs {
    arcs: Vec<Arc>,
    free_arcs: Vec<u32>,
    /// The chain each end belongs to.
    ends: Vec<u32>,
    free_ends: Vec<u32>,
}

impl Arcs {
    /// Begins a chain at a corner and returns its head and tail.
    pub(super) fn begin(&mut self, corner: PixelCorner, may_repeat: bool) -> (End, End) {
        let arc = self.free_arcs.pop().unwrap_or(self.arcs.len() as u32);
        let (head, tail) = (self.new_end(arc), self.new_end(arc));
        let fresh = Arc { corners: VecDeque::from([corner]), head, tail, may_repeat };
        match self.arcs.get_mut(arc as usize) {
            Some(slot) => *slot = fresh,
            None => self.arcs.push(fresh),
        }
        (head, tail)
    }

    /// Turns at a corner: the chain of this end goes on from there.
    pub(super) fn turn(&mut self, end: End, corner: PixelCorner, may_repeat: bool) {
        let arc = &mut self.arcs[self.ends[end.0 as usize] as usize];
        arc.may_repeat |= may_repeat;
        if arc.head == end {
            arc.corners.push_back(corner);
        } else {
            arc.corners.push_front(corner);
        }
    }

    /// Ties two ends together at a corner. Returns rings when both were ends of one chain, which is now closed.
    pub(super) fn join(&mut self, a: End, b: End, corner: PixelCorner, may_repeat: bool) -> Option<Vec<Ring>> {
        self.turn(a, corner, may_repeat);
        let (arc_a, arc_b) = (self.ends[a.0 as usize], self.ends[b.0 as usize]);
        self.free_ends.extend([a.0, b.0]);
        if arc_a == arc_b {
            self.free_arcs.push(arc_a);
            let arc = &mut self.arcs[arc_a as usize];
            return Some(rings::split(std::mem::take(&mut arc.corners).into(), arc.may_repeat));
        }
        let a_leads = self.arcs[arc_a as usize].head == a;
        let (front, back) = if a_leads { (arc_a, arc_b) } else { (arc_b, arc_a) };
        let (tail, head) = (self.arcs[front as usize].tail, self.arcs[back as usize].head);
        let (front_len, back_len) = (self.arcs[front as usize].corners.len(), self.arcs[back as usize].corners.len());
        // The shorter chain is copied, so that each corner is copied rarely.
        let (keep, gone) = if front_len >= back_len { (front, back) } else { (back, front) };
        let moved = std::mem::take(&mut self.arcs[gone as usize].corners);
        let repeats = self.arcs[gone as usize].may_repeat;
        let kept = &mut self.arcs[keep as usize];
        if keep == front {
            kept.corners.extend(moved);
        } else {
            moved.into_iter().rev().for_each(|corner| kept.corners.push_front(corner));
        }
        kept.may_repeat |= repeats;
        (kept.head, kept.tail) = (head, tail);
        self.ends[head.0 as usize] = keep;
        self.ends[tail.0 as usize] = keep;
        self.free_arcs.push(gone);
        None
    }

    /// True when nothing is open.
    pub(super) fn is_empty(&self) -> bool {
        self.free_arcs.len() == self.arcs.len()
    }

    fn new_end(&mut self, arc: u32) -> End {
        match self.free_ends.pop() {
            Some(end) => {
                self.ends[end as usize] = arc;
                End(end)
            }
            None => {
                self.ends.push(arc);
                End(self.ends.len() as u32 - 1)
            }
        }
    }
}
