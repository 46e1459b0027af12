//! Pieces that touch by corners, where these make a component (8-connected).
//!
//! Each piece keeps its own valid outline, so that such a component is a multipolygon whose parts meet in points.

use super::Component;
use super::rings::Outline;
use super::tally::Tally;
use crate::grid::PixelCorner;

/// A 4-connected piece that has ended.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) outline: Outline,
    pub(super) tally: Tally,
    pub(super) saddles: Vec<PixelCorner>,
}

/// Pieces that touch, some of them still open.
#[derive(Debug)]
struct Group {
    parent: u32,
    open_pieces: u32,
    ended: Vec<Piece>,
}

/// A union-find of groups whose entries are used again.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    free: Vec<u32>,
    absorbed: Vec<u32>,
}

impl Groups {
    /// A group of one open piece.
    pub(super) fn begin(&mut self) -> u32 {
        let id = self.free.pop().unwrap_or(self.groups.len() as u32);
        let group = Group { parent: id, open_pieces: 1, ended: Vec::new() };
        match self.groups.get_mut(id as usize) {
            Some(slot) => *slot = group,
            None => self.groups.push(group),
        }
        id
    }

    pub(super) fn find(&mut self, id: u32) -> u32 {
        let mut root = id;
        while self.groups[root as usize].parent != root {
            root = self.groups[root as usize].parent;
        }
        let mut id = id;
        while id != root {
            id = std::mem::replace(&mut self.groups[id as usize].parent, root);
        }
        root
    }

    pub(super) fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        let longer = self.groups[a as usize].ended.len() >= self.groups[b as usize].ended.len();
        let (keep, drop) = if longer { (a, b) } else { (b, a) };
        let gone = &mut self.groups[drop as usize];
        gone.parent = keep;
        let (open_pieces, ended) = (gone.open_pieces, std::mem::take(&mut gone.ended));
        let kept = &mut self.groups[keep as usize];
        kept.open_pieces += open_pieces;
        kept.ended.extend(ended);
        self.absorbed.push(drop);
    }

    /// Two pieces of a group have become one.
    pub(super) fn one_piece_less(&mut self, id: u32) {
        let id = self.find(id);
        self.groups[id as usize].open_pieces -= 1;
    }

    /// Ends a piece; gives the component when it was the last open one of its group.
    pub(super) fn end_piece(&mut self, id: u32, piece: Piece) -> Option<Component> {
        let id = self.find(id);
        let group = &mut self.groups[id as usize];
        group.ended.push(piece);
        group.open_pieces -= 1;
        (group.open_pieces == 0).then(|| {
            self.absorbed.push(id);
            Piece::component(std::mem::take(&mut group.ended))
        })
    }

    /// Entries that nothing refers to any more may be used again.
    pub(super) fn forget_absorbed(&mut self) {
        self.free.append(&mut self.absorbed);
    }
}

impl Piece {
    /// The component that some pieces make.
    pub(super) fn component(mut pieces: Vec<Self>) -> Component {
        // The order in which pieces ended does not show.
        pieces.sort_by_key(|piece| piece.tally.first_px());
        let mut parts = Vec::with_capacity(pieces.len());
        let mut saddles = Vec::new();
        let mut whole: Option<Tally> = None;
        for piece in pieces {
            parts.push(piece.outline);
            saddles.extend(piece.saddles);
            match &mut whole {
                None => whole = Some(piece.tally),
                Some(tally) => tally.merge(piece.tally),
            }
        }
        let tally = whole.expect("a component has at least one piece");
        Component {
            parts,
            saddles,
            n_px: tally.n_px(),
            stats: tally.stats(),
            touches_edge: tally.touches_edge(),
            first_px: tally.first_px(),
            bbox: tally.bbox(),
        }
    }
}
