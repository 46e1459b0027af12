//! From mask rows to polygons on integer pixel corners, while the rows stream by.

mod arcs;
mod components;
mod histogram;
mod rings;
mod sweep;

use arcs::Arcs;
use components::{Components, Run, RunPixels};
use sweep::{Sides, sweep};

use crate::grid::PixelCorner;
use crate::strip::SceneStrip;
use crate::window::PixelWindow;

/// What becomes a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VectorizeOptions {
    /// Components with fewer pixels are dropped. 0 and 1 keep all.
    pub min_area_px: u64,
}

/// Statistics over the pixels of a component.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComponentStats {
    /// Mean probability.
    pub prob_mean: f64,
    /// 10th percentile of the probability, to 1/510.
    pub prob_p10: f64,
    /// Mean uncertainty.
    pub unc_mean: f64,
    /// 90th percentile of the uncertainty, to 1/510.
    pub unc_p90: f64,
    /// Largest uncertainty.
    pub unc_max: f64,
}

/// A 4-connected piece of the mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Outer ring, closed; on screen (rows downwards) clockwise.
    pub shell: Vec<PixelCorner>,
    /// Holes, closed, the other way round.
    pub holes: Vec<Vec<PixelCorner>>,
    /// Number of pixels; exactly the area of the shell less that of the holes.
    pub n_px: u64,
    /// Statistics over its pixels.
    pub stats: ComponentStats,
    /// True when a pixel lies in the first or last row or column of the scene.
    pub touches_edge: bool,
    /// Row and column of its first pixel in reading order.
    pub first_px: (u32, u32),
    /// The pixels it spans.
    pub bbox: PixelWindow,
}

/// Traces the mask of one prompt as strips come in.
///
/// Components leave in order of their last row, then first column, whatever the height of the strips.
/// Memory: one row of runs, plus the outlines and statistics of components that have not ended.
pub struct StripVectorizer {
    width: u32,
    height: u32,
    options: VectorizeOptions,
    next_row: u32,
    runs: Vec<Run>,
    sides: Vec<Sides>,
    arcs: Arcs,
    components: Components,
}

impl StripVectorizer {
    /// Starts at the first row of a scene of this size.
    pub fn new(width: u32, height: u32, options: VectorizeOptions) -> Self {
        Self {
            width,
            height,
            options,
            next_row: 0,
            runs: Vec::new(),
            sides: Vec::new(),
            arcs: Arcs::default(),
            components: Components::default(),
        }
    }

    /// Takes the next rows and returns the components that ended above the last of them.
    ///
    /// # Panics
    /// When a strip does not follow the one before or its planes have another size than it says.
    pub fn push(&mut self, strip: &SceneStrip) -> Vec<Component> {
        let width = self.width as usize;
        let cells = strip.rows as usize * width;
        assert_eq!((strip.row_off, strip.width), (self.next_row, self.width), "strips come in order and full width");
        assert!(strip.rows <= self.height - self.next_row, "strips end with the scene");
        let planes = (strip.mask.len(), strip.probability.len(), strip.uncertainty.len());
        assert_eq!(planes, (cells, cells, cells), "planes have the size of the strip");
        let mut ended = Vec::new();
        for row in 0..strip.rows as usize {
            let cut = row * width..(row + 1) * width;
            let planes = (&strip.probability[cut.clone()], &strip.uncertainty[cut.clone()]);
            self.push_row(runs_of(&strip.mask[cut]), planes, &mut ended);
        }
        ended
    }

    /// Returns the components that reach the last row.
    pub fn finish(mut self) -> Vec<Component> {
        let mut ended = Vec::new();
        self.push_row(Vec::new(), (&[], &[]), &mut ended);
        debug_assert!(self.arcs.is_empty(), "below the last row everything is closed");
        ended
    }

    fn push_row(
        &mut self,
        mut runs: Vec<Run>,
        (probability, uncertainty): (&[f32], &[f32]),
        ended: &mut Vec<Component>,
    ) {
        let row = self.next_row;
        self.next_row += 1;
        if runs.is_empty() && self.runs.is_empty() {
            return;
        }
        link(&mut self.components, &self.runs, &mut runs, row);
        for run in &runs {
            let cut = run.start as usize..run.end as usize;
            let touches_edge = row == 0 || row + 1 == self.height || run.start == 0 || run.end == self.width;
            let (probability, uncertainty) = (&probability[cut.clone()], &uncertainty[cut]);
            self.components.add(*run, &RunPixels { row, probability, uncertainty, touches_edge });
        }
        let sides = sweep(&mut self.arcs, &mut self.components, row, (&self.runs, &self.sides), &runs);
        for run in &mut runs {
            run.component = self.components.find(run.component);
        }
        ended.extend(self.components.retire(&self.runs, row, self.options.min_area_px));
        (self.runs, self.sides) = (runs, sides);
    }
}

/// Gives each run the component of the runs above that it touches along an edge, uniting these, or else a new one.
fn link(components: &mut Components, above: &[Run], runs: &mut [Run], row: u32) {
    let mut first = 0;
    for run in runs {
        while above.get(first).is_some_and(|above| above.end <= run.start) {
            first += 1;
        }
        let mut component = None;
        for touching in above[first..].iter().take_while(|above| above.start < run.end) {
            component = Some(match component {
                None => components.find(touching.component),
                Some(id) => components.unite(id, touching.component),
            });
        }
        run.component = component.unwrap_or_else(|| components.begin(*run, row));
    }
}

/// The stretches of 1 in a row of the mask.
fn runs_of(mask: &[u8]) -> Vec<Run> {
    /// Stretches of background are passed over in steps of so many pixels.
    const STEP: usize = 64;
    let mut runs = Vec::new();
    let mut col = 0;
    while col < mask.len() {
        if let Some(step) = mask[col..].first_chunk::<STEP>()
            && step.iter().fold(true, |none, value| none & (*value != 1))
        {
            col += STEP;
            continue;
        }
        let Some(gap) = mask[col..].iter().position(|value| *value == 1) else { break };
        let start = col + gap;
        let length = mask[start..].iter().position(|value| *value != 1).unwrap_or(mask.len() - start);
        runs.push(Run { start: start as u32, end: (start + length) as u32, component: 0 });
        col = start + length;
    }
    runs
}
