//! Which runs belong together, and what is known about the pixels seen so far.

use super::histogram::Histogram;
use super::rings::{self, Ring};
use super::{Component, ComponentStats};
use crate::window::PixelWindow;

/// A stretch of mask pixels in one row, and the component it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) start: u32,
    /// The column after the last.
    pub(super) end: u32,
    pub(super) component: u32,
}

/// What is known about the pixels of a component so far.
#[derive(Debug)]
struct Open {
    parent: u32,
    n_px: u64,
    prob_sum: f64,
    unc_sum: f64,
    unc_max: f32,
    prob: Histogram,
    unc: Histogram,
    touches_edge: bool,
    first_px: (u32, u32),
    first_col: u32,
    end_col: u32,
    last_row: u32,
    rings: Vec<Ring>,
}

/// The components that may still grow: a union-find whose entries are used again when a component has ended.
#[derive(Debug, Default)]
pub(super) struct Components {
    open: Vec<Open>,
    free: Vec<u32>,
    /// Entries united into others in this row; nothing refers to them once the row is done.
    absorbed: Vec<u32>,
}

/// The pixels of a run.
pub(super) struct RunPixels<'a> {
    pub(super) row: u32,
    pub(super) probability: &'a [f32],
    pub(super) uncertainty: &'a [f32],
    pub(super) touches_edge: bool,
}

impl Components {
    /// A new component that begins with a run.
    pub(super) fn begin(&mut self, run: Run, row: u32) -> u32 {
        let id = self.free.pop().unwrap_or(self.open.len() as u32);
        let open = Open {
            parent: id,
            n_px: 0,
            prob_sum: 0.0,
            unc_sum: 0.0,
            unc_max: 0.0,
            prob: Histogram::new(),
            unc: Histogram::new(),
            touches_edge: false,
            first_px: (row, run.start),
            first_col: run.start,
            end_col: run.end,
            last_row: row,
            rings: Vec::new(),
        };
        match self.open.get_mut(id as usize) {
            Some(slot) => *slot = open,
            None => self.open.push(open),
        }
        id
    }

    /// Adds the pixels of a run to its component.
    pub(super) fn add(&mut self, run: Run, pixels: &RunPixels) {
        let id = self.find(run.component);
        let open = &mut self.open[id as usize];
        open.n_px += u64::from(run.end - run.start);
        open.prob_sum += pixels.probability.iter().map(|value| f64::from(*value)).sum::<f64>();
        open.unc_sum += pixels.uncertainty.iter().map(|value| f64::from(*value)).sum::<f64>();
        open.unc_max = pixels.uncertainty.iter().fold(open.unc_max, |max, value| max.max(*value));
        open.prob.add(pixels.probability);
        open.unc.add(pixels.uncertainty);
        open.touches_edge |= pixels.touches_edge;
        open.first_col = open.first_col.min(run.start);
        open.end_col = open.end_col.max(run.end);
        open.last_row = pixels.row;
    }

    /// The component an id stands for now.
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

    /// Makes one of two components, which may be one already.
    pub(super) fn unite(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return a;
        }
        let (keep, drop) = if self.open[a as usize].n_px >= self.open[b as usize].n_px { (a, b) } else { (b, a) };
        let gone = &mut self.open[drop as usize];
        gone.parent = keep;
        let rings = std::mem::take(&mut gone.rings);
        let prob = std::mem::replace(&mut gone.prob, Histogram::new());
        let unc = std::mem::replace(&mut gone.unc, Histogram::new());
        let (n_px, prob_sum, unc_sum, unc_max) = (gone.n_px, gone.prob_sum, gone.unc_sum, gone.unc_max);
        let (touches_edge, first_px) = (gone.touches_edge, gone.first_px);
        let (first_col, end_col, last_row) = (gone.first_col, gone.end_col, gone.last_row);
        let kept = &mut self.open[keep as usize];
        kept.rings.extend(rings);
        kept.prob.merge(prob);
        kept.unc.merge(unc);
        kept.n_px += n_px;
        kept.prob_sum += prob_sum;
        kept.unc_sum += unc_sum;
        kept.unc_max = kept.unc_max.max(unc_max);
        kept.touches_edge |= touches_edge;
        kept.first_px = kept.first_px.min(first_px);
        kept.first_col = kept.first_col.min(first_col);
        kept.end_col = kept.end_col.max(end_col);
        kept.last_row = kept.last_row.max(last_row);
        self.absorbed.push(drop);
        keep
    }

    /// Gives a closed ring to its component.
    pub(super) fn attach(&mut self, component: u32, ring: Ring) {
        let id = self.find(component);
        self.open[id as usize].rings.push(ring);
    }

    /// Ends the components of the row above that have no run in `row`, and forgets ids nobody refers to any more.
    ///
    /// Runs of `row` must hold ids of roots.
    pub(super) fn retire(&mut self, above: &[Run], row: u32, min_area_px: u64) -> Vec<Component> {
        let mut ended = Vec::new();
        for run in above {
            let id = self.find(run.component);
            let open = &mut self.open[id as usize];
            // A component of several runs is met several times; with no pixels left it has been dealt with.
            if open.last_row >= row || open.n_px == 0 {
                continue;
            }
            let rings = std::mem::take(&mut open.rings);
            if open.n_px >= min_area_px {
                ended.push(open.finished(rings));
            }
            open.n_px = 0;
            open.prob = Histogram::new();
            open.unc = Histogram::new();
            self.absorbed.push(id);
        }
        self.free.append(&mut self.absorbed);
        ended.sort_by_key(|component| (component.bbox.col_off, component.first_px));
        ended
    }
}

impl Open {
    fn finished(&self, rings: Vec<Ring>) -> Component {
        let (shell, mut holes) = rings::shell_and_holes(rings);
        holes.sort_by_key(|hole| (hole[0].row, hole[0].col));
        let n = self.n_px as f64;
        let stats = ComponentStats {
            prob_mean: self.prob_sum / n,
            prob_p10: self.prob.quantile(0.1),
            unc_mean: self.unc_sum / n,
            unc_p90: self.unc.quantile(0.9),
            unc_max: f64::from(self.unc_max),
        };
        let bbox = PixelWindow {
            col_off: self.first_col,
            row_off: self.first_px.0,
            width: self.end_col - self.first_col,
            height: self.last_row - self.first_px.0 + 1,
        };
        Component {
            shell,
            holes,
            n_px: self.n_px,
            stats,
            touches_edge: self.touches_edge,
            first_px: self.first_px,
            bbox,
        }
    }
}
