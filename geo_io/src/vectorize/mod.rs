//! From mask rows to polygons on integer pixel corners, while the rows stream by.

mod arcs;
mod components;
mod filling;
mod groups;
mod histogram;
mod rings;
mod simplify;
mod sweep;
mod tally;

use arcs::Arcs;
use components::{Components, Run, RunPixels};
use filling::Filling;
pub use rings::Outline;
pub(crate) use simplify::{HalfPixel, simplified};
use sweep::{Sides, sweep};

use crate::grid::PixelCorner;
use crate::strip::{SceneStrip, StripTile};
use crate::window::PixelWindow;

/// Which pixels belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share an edge.
    #[default]
    Four,
    /// Those that share an edge or a corner.
    Eight,
}

/// What becomes a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VectorizeOptions {
    /// Components with fewer pixels are dropped. 0 and 1 keep all.
    pub min_area_px: u64,
    /// Which pixels belong together.
    pub connectivity: Connectivity,
    /// Holes of at most so many pixels become part of the polygon around them, with all that lies in them.
    pub fill_holes_px: u64,
    /// Whether [`Component::saddles`] are noted.
    pub with_saddles: bool,
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
    /// Share of its pixels whose uncertainty is at most 0.05, to 1/510: what is target with a probability of 0.95 when
    /// the labels of a component are wrong together rather than one by one.
    pub sure_share: f64,
    /// Share of its pixels whose uncertainty is at most 0.95: what is target with a probability of 0.05 in that case.
    pub possible_share: f64,
    /// Highest presence of the tiles its pixels lie in, of models that tell.
    pub presence: Option<f64>,
    /// How many tiles its pixels lie in, where tiles are known.
    pub n_tiles: Option<u64>,
}

/// A connected piece of the mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its outline: one part, or where pixels that touch by a corner belong together, several that meet in corners.
    pub parts: Vec<Outline>,
    /// Corners where it touches another component, or itself, with nothing but a point; when asked for.
    pub saddles: Vec<PixelCorner>,
    /// Number of pixels; exactly the area of its parts when no hole was filled.
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
    filling: Filling,
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
            components: Components::new(options.connectivity, options.with_saddles),
            filling: Filling::new(options.fill_holes_px),
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
            self.push_row(runs_of(&strip.mask[cut]), planes, &strip.tiles, &mut ended);
        }
        ended.retain(|component: &Component| component.n_px >= self.options.min_area_px);
        ended
    }

    /// Returns the components that reach the last row.
    pub fn finish(mut self) -> Vec<Component> {
        let mut ended = Vec::new();
        self.push_row(Vec::new(), (&[], &[]), &[], &mut ended);
        debug_assert!(self.arcs.is_empty(), "below the last row everything is closed");
        ended.extend(self.filling.finish());
        ended.retain(|component: &Component| component.n_px >= self.options.min_area_px);
        ended
    }

    fn push_row(
        &mut self,
        mut runs: Vec<Run>,
        (probability, uncertainty): (&[f32], &[f32]),
        strip_tiles: &[StripTile],
        ended: &mut Vec<Component>,
    ) {
        let row = self.next_row;
        self.next_row += 1;
        if runs.is_empty() && self.runs.is_empty() {
            ended.extend(self.filling.pass(row, Vec::new()));
            return;
        }
        link(&mut self.components, &self.runs, &mut runs, row);
        if self.options.connectivity == Connectivity::Eight {
            link_corners(&mut self.components, &self.runs, &runs);
        }
        let tiles = tiles_of_row(strip_tiles, row);
        for run in &runs {
            let cut = run.start as usize..run.end as usize;
            let touches_edge = row == 0 || row + 1 == self.height || run.start == 0 || run.end == self.width;
            let (probability, uncertainty) = (&probability[cut.clone()], &uncertainty[cut]);
            let tiles = tiles_of_run(&tiles, run);
            self.components.add(*run, &RunPixels { row, probability, uncertainty, touches_edge, tiles });
        }
        let (arcs, components, filling) = (&mut self.arcs, &mut self.components, &mut self.filling);
        let sides = sweep(arcs, components, filling, row, (&self.runs, &self.sides), &runs);
        for run in &mut runs {
            run.component = self.components.find(run.component);
        }
        let retired = self.components.retire(&self.runs, row, &runs);
        ended.extend(self.filling.pass(row, retired));
        (self.runs, self.sides) = (runs, sides);
    }
}

/// The tiles that hold a row, from left to right.
fn tiles_of_row(strip_tiles: &[StripTile], row: u32) -> Vec<&StripTile> {
    let mut tiles: Vec<_> = strip_tiles.iter().filter(|tile| tile.rows.contains(&row)).collect();
    tiles.sort_by_key(|tile| tile.cols.start);
    tiles
}

/// The tiles of a row that a run lies in. Tiles have one width, so those further right also end further right.
fn tiles_of_run<'a, 'b>(tiles: &'a [&'b StripTile], run: &Run) -> &'a [&'b StripTile] {
    let first = tiles.partition_point(|tile| tile.cols.end <= run.start);
    let end = tiles.partition_point(|tile| tile.cols.start < run.end);
    &tiles[first..end.max(first)]
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

/// Ties together the pieces of runs that touch by a corner only.
fn link_corners(components: &mut Components, above: &[Run], runs: &[Run]) {
    let mut first = 0;
    for run in runs {
        while above.get(first).is_some_and(|above| above.end < run.start) {
            first += 1;
        }
        for touching in above[first..].iter().take_while(|above| above.start <= run.end) {
            if touching.end == run.start || touching.start == run.end {
                components.touch(touching.component, run.component);
            }
        }
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
