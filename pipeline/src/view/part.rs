//! Which part of a scene is worked on.

use geo_io::{PixelSize, PixelWindow, SceneInfo};
use serde::{Deserialize, Serialize};

use crate::error::PipelineError;

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
            Self::Box(bounds) => info
                .window_of(bounds)
                .ok_or_else(|| PipelineError::Usage("--bbox: the box does not meet the scene".into())),
        }
    }
}
