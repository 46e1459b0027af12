//! Walks the line between two rows and continues, begins and closes outlines at its corners.

use super::arcs::{Arcs, End};
use super::components::{Components, Run};
use super::filling::Filling;
use crate::grid::PixelCorner;

/// The loose ends that hang from a run: one at its left side (a tail), one at its right (a head).
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    left: End,
    right: End,
}

/// A cursor over the columns where a row changes between mask and background.
struct Changes<'a> {
    runs: &'a [Run],
    /// Changes passed so far: two for each run.
    passed: usize,
}

impl Changes<'_> {
    fn next(&self) -> Option<u32> {
        let run = self.runs.get(self.passed / 2)?;
        Some(if self.passed.is_multiple_of(2) { run.start } else { run.end })
    }

    fn is_inside(&self) -> bool {
        !self.passed.is_multiple_of(2)
    }

    /// The run the cursor is in, or ends at.
    fn run(&self) -> usize {
        self.passed / 2
    }
}

/// Walks the line above `row`. `above` and `sides` are the runs of the row before and what hangs from them.
///
/// Returns what hangs from the runs `below`.
pub(super) fn sweep(
    arcs: &mut Arcs,
    components: &mut Components,
    filling: &mut Filling,
    row: u32,
    (above, sides): (&[Run], &[Sides]),
    below: &[Run],
) -> Vec<Sides> {
    let mut hanging: Vec<End> = Vec::with_capacity(2 * below.len());
    let mut north = Changes { runs: above, passed: 0 };
    let mut south = Changes { runs: below, passed: 0 };
    // The end that runs along the line at present, when the rows differ here.
    let mut along: Option<End> = None;
    while let Some(col) = least(north.next(), south.next()) {
        let corner = PixelCorner { col: col as i32, row: row as i32 };
        let (north_west, south_west) = (north.is_inside(), south.is_inside());
        let meets_north = (north.next() == Some(col)).then(|| {
            let sides = &sides[north.run()];
            if north_west { sides.right } else { sides.left }
        });
        let leaves_south = south.next() == Some(col);
        let north_east = north_west != meets_north.is_some();
        let south_east = south_west != leaves_south;
        let leaves_east = north_east != south_east;
        let mut close = |arcs: &mut Arcs, components: &mut Components, a: End, b: End, at_saddle: bool| {
            if let Some(rings) = arcs.join(a, b, corner, at_saddle) {
                // The ring goes round the mask pixel at this corner: the upper left one, or else the lower right one.
                let run = if north_west { above[north.run()] } else { below[south.run()] };
                for ring in rings {
                    if !filling.fills(&ring) {
                        components.attach(run.component, ring);
                    }
                }
            }
        };
        match (meets_north, along.take(), leaves_south, leaves_east) {
            // Straight down.
            (Some(end), None, true, false) => hanging.push(end),
            // A turn.
            (Some(end), None, false, true) => {
                arcs.turn(end, corner, false);
                along = Some(end);
            }
            (None, Some(end), true, false) => {
                arcs.turn(end, corner, false);
                hanging.push(end);
            }
            // An outline ends, or two chains become one.
            (Some(a), Some(b), false, false) => close(arcs, components, a, b, false),
            // An outline begins.
            (None, None, true, true) => along = Some(begin(arcs, corner, south_east, false, &mut hanging)),
            // Two pixels touch by this corner only. Each keeps its own outline.
            (Some(a), Some(b), true, true) => {
                components.saddle(above[north.run()].component, below[south.run()].component, corner);
                if north_west {
                    close(arcs, components, a, b, true);
                    along = Some(begin(arcs, corner, south_east, true, &mut hanging));
                } else {
                    arcs.turn(a, corner, true);
                    arcs.turn(b, corner, true);
                    along = Some(a);
                    hanging.push(b);
                }
            }
            (_, end, ..) => along = end,
        }
        north.passed += usize::from(meets_north.is_some());
        south.passed += usize::from(leaves_south);
    }
    debug_assert!(along.is_none(), "both rows end in background");
    hanging.chunks_exact(2).map(|pair| Sides { left: pair[0], right: pair[1] }).collect()
}

/// Begins a chain that leaves to the south and to the east, and returns the end to the east.
fn begin(arcs: &mut Arcs, corner: PixelCorner, south_east: bool, at_saddle: bool, hanging: &mut Vec<End>) -> End {
    let (head, tail) = arcs.begin(corner, at_saddle);
    let (east, south) = if south_east { (head, tail) } else { (tail, head) };
    hanging.push(south);
    east
}

fn least(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
