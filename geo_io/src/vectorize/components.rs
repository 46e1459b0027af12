//! Which runs belong together, and which pieces make a component.

use super::groups::{Groups, Piece};
use super::rings::{self, Outline, Ring};
use super::tally::Tally;
use super::{Component, Connectivity};
use crate::grid::PixelCorner;
use crate::strip::StripTile;

/// A stretch of mask pixels in one row, and the piece it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) start: u32,
    /// The column after the last.
    pub(super) end: u32,
    pub(super) component: u32,
}

/// A 4-connected piece that may still grow.
#[derive(Debug)]
struct Open {
    parent: u32,
    /// What is known about its pixels; none once it has been dealt with.
    tally: Option<Tally>,
    group: u32,
    rings: Vec<Ring>,
    /// Corners where it touches another piece, or itself.
    saddles: Vec<PixelCorner>,
}

/// The pieces that may still grow: a union-find whose entries are used again when a piece has ended.
#[derive(Debug)]
pub(super) struct Components {
    open: Vec<Open>,
    free: Vec<u32>,
    /// Entries united into others in this row; nothing refers to them once the row is done.
    absorbed: Vec<u32>,
    groups: Groups,
    connectivity: Connectivity,
    /// Whether saddles are noted.
    with_saddles: bool,
}

/// The pixels of a run.
pub(super) struct RunPixels<'a> {
    pub(super) row: u32,
    pub(super) probability: &'a [f32],
    pub(super) uncertainty: &'a [f32],
    pub(super) touches_edge: bool,
    /// The tiles they lie in.
    pub(super) tiles: &'a [&'a StripTile],
}

impl Components {
    pub(super) fn new(connectivity: Connectivity, with_saddles: bool) -> Self {
        let (open, free, absorbed, groups) = Default::default();
        Self { open, free, absorbed, groups, connectivity, with_saddles }
    }

    /// A new piece that begins with a run.
    pub(super) fn begin(&mut self, run: Run, row: u32) -> u32 {
        let id = self.free.pop().unwrap_or(self.open.len() as u32);
        let group = if self.connectivity == Connectivity::Eight { self.groups.begin() } else { 0 };
        let tally = Some(Tally::begin((row, run.start)));
        let open = Open { parent: id, tally, group, rings: Vec::new(), saddles: Vec::new() };
        match self.open.get_mut(id as usize) {
            Some(slot) => *slot = open,
            None => self.open.push(open),
        }
        id
    }

    /// Adds the pixels of a run to its piece.
    pub(super) fn add(&mut self, run: Run, pixels: &RunPixels) {
        let id = self.find(run.component);
        if let Some(tally) = &mut self.open[id as usize].tally {
            tally.add(run, pixels);
        }
    }

    /// The piece an id stands for now.
    pub(super) fn find(&mut self, id: u32) -> u32 {
        let mut id = id;
        loop {
            let parent = self.open[id as usize].parent;
            if parent == id {
                return id;
            }
            let above = self.open[parent as usize].parent;
            self.open[id as usize].parent = above;
            id = above;
        }
    }

    /// Makes one of two pieces, which may be one already.
    pub(super) fn unite(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return a;
        }
        let (keep, drop) = if self.n_px(a) >= self.n_px(b) { (a, b) } else { (b, a) };
        if self.connectivity == Connectivity::Eight {
            let (one, other) = (self.open[keep as usize].group, self.open[drop as usize].group);
            self.groups.unite(one, other);
            self.groups.one_piece_less(one);
        }
        let gone = &mut self.open[drop as usize];
        gone.parent = keep;
        let (rings, saddles, tally) =
            (std::mem::take(&mut gone.rings), std::mem::take(&mut gone.saddles), gone.tally.take());
        let kept = &mut self.open[keep as usize];
        kept.rings.extend(rings);
        kept.saddles.extend(saddles);
        if let (Some(kept), Some(gone)) = (&mut kept.tally, tally) {
            kept.merge(gone);
        }
        self.absorbed.push(drop);
        keep
    }

    /// Notes that two pieces touch by a corner.
    pub(super) fn touch(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.groups.unite(self.open[a as usize].group, self.open[b as usize].group);
    }

    /// Notes a corner in which two pixels of these pieces touch and the other two are background.
    pub(super) fn saddle(&mut self, a: u32, b: u32, corner: PixelCorner) {
        if !self.with_saddles {
            return;
        }
        let (a, b) = (self.find(a), self.find(b));
        self.open[a as usize].saddles.push(corner);
        if a != b {
            self.open[b as usize].saddles.push(corner);
        }
    }

    /// Gives a closed ring to its piece.
    pub(super) fn attach(&mut self, component: u32, ring: Ring) {
        let id = self.find(component);
        self.open[id as usize].rings.push(ring);
    }

    /// Ends the pieces of the row above that have no run in `row`, and forgets ids nobody refers to any more.
    ///
    /// Runs of `row` must hold ids of roots.
    pub(super) fn retire(&mut self, above: &[Run], row: u32, below: &[Run]) -> Vec<Component> {
        let mut ended = Vec::new();
        for run in above {
            let id = self.find(run.component);
            let open = &mut self.open[id as usize];
            // A piece of several runs is met several times; without a tally it has been dealt with.
            let Some(tally) = open.tally.take_if(|tally| tally.last_row() < row) else { continue };
            let (shell, mut holes) = rings::shell_and_holes(std::mem::take(&mut open.rings));
            holes.sort_by_key(|hole| (hole[0].row, hole[0].col));
            let outline = Outline { shell, holes };
            let piece = Piece { outline, tally, saddles: std::mem::take(&mut open.saddles) };
            match self.connectivity {
                Connectivity::Four => ended.push(Piece::component(vec![piece])),
                Connectivity::Eight => ended.extend(self.groups.end_piece(open.group, piece)),
            }
            self.absorbed.push(id);
        }
        self.free.append(&mut self.absorbed);
        if self.connectivity == Connectivity::Eight {
            for run in below {
                let open = &mut self.open[run.component as usize];
                open.group = self.groups.find(open.group);
            }
            self.groups.forget_absorbed();
        }
        ended.sort_by_key(|component| (component.bbox.col_off, component.first_px));
        ended
    }

    fn n_px(&self, id: u32) -> u64 {
        self.open[id as usize].tally.as_ref().map_or(0, Tally::n_px)
    }
}
