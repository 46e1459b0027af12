//! From mask rows to polygons on integer pixel corners, while the rows stream by.

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
    /// 10th percentile of the probability, to 1/256.
    pub prob_p10: f64,
    /// Mean uncertainty.
    pub unc_mean: f64,
    /// 90th percentile of the uncertainty, to 1/256.
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
pub struct StripVectorizer {}

impl StripVectorizer {
    /// Starts at the first row of a scene of this size.
    pub fn new(width: u32, height: u32, options: VectorizeOptions) -> Self {
        let _ = (width, height, options);
        Self {}
    }

    /// Takes the next rows and returns the components that ended above the last of them.
    ///
    /// # Panics
    /// When a strip does not follow the one before or its planes have another size than it says.
    pub fn push(&mut self, strip: &SceneStrip) -> Vec<Component> {
        let _ = strip;
        Vec::new()
    }

    /// Returns the components that reach the last row.
    pub fn finish(self) -> Vec<Component> {
        Vec::new()
    }
}
