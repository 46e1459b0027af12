//! Which part of a scene is worked on.

use geo_io::{PixelSize, PixelWindow, SceneInfo};
use serde::{Deserialize, Serialize};

use crate::error::PipelineError;

/// How far a box may reach beyond a pixel's edge without the next pixel counting, for the roundness of coordinates.
const SNAP_PX: f64 = 1e-6;

/// The part of a scene that is worked on. Results in it are those of a run over the whole scene.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// First column, first row, number of columns, number of rows.
    Pixels([u32; 4]),
    /// Smallest x, smallest y, largest x, largest y in the CRS of the scene.
    Box([f64; 4]),
}

impl Part {
    /// The pixels of the part: those that it touches.
    ///
    /// # Errors
    /// [`PipelineError::Usage`] for a part that does not meet the scene, or a window that leaves it.
    pub fn window(self, info: &SceneInfo) -> Result<PixelWindow, PipelineError> {
        let PixelSize { width, height } = info.size;
        match self {
            Self::Whole => Ok(PixelWindow::whole(info.size)),
            Self::Pixels([col_off, row_off, width_px, height_px]) => {
                let window = PixelWindow { col_off, row_off, width: width_px, height: height_px };
                let leaves = || {
                    PipelineError::Usage(format!("--srcwin: {window} does not lie in a scene of {width} x {height} px"))
                };
                window.fits(info.size).then_some(window).ok_or_else(leaves)
            }
            Self::Box(bounds) => {
                let misses = || PipelineError::Usage("--bbox: the box does not meet the scene".into());
                let [left, top, right, bottom] = info.affine.pixel_bounds(bounds).ok_or_else(misses)?;
                let first = |edge: f64| (edge + SNAP_PX).floor().max(0.0);
                let last = |edge: f64, len: u32| (edge - SNAP_PX).ceil().min(f64::from(len));
                let (col, row) = (first(left), first(top));
                let (end_col, end_row) = (last(right, width), last(bottom, height));
                if !(end_col > col && end_row > row) {
                    return Err(misses());
                }
                Ok(PixelWindow {
                    col_off: col as u32,
                    row_off: row as u32,
                    width: (end_col - col) as u32,
                    height: (end_row - row) as u32,
                })
            }
        }
    }
}
