//! Which views a run takes: the size of its tiles in the scene, and which prompts see the whole scene at once.

use geo_io::PixelSize;
use serde::Serialize;

use crate::error::PipelineError;
use crate::report::ModelReport;
use crate::view::choice::{FrameChoice, Resolution, ViewConfig};
use crate::view::prompts::PromptSpec;
use crate::view::rescaled::View;

/// Sides that a view may have, in pixels of the scene, unless it shows the scene's own pixels.
const SIDES_PX: std::ops::RangeInclusive<usize> = 64..=4096;
/// What the sums over one row of tiles may take; they are as wide as the scene and as high as a tile.
const CANVAS_BYTES: usize = 2 << 30;
/// A scene is small up to this many tile sides: seen at once, it is not yet too blurred.
const SMALL_SCENE_TILES: f64 = 3.5;
/// A scene is too large to be one view beyond this many sides of the largest view.
const LARGEST_SCENE_VIEWS: f64 = 8.0;
/// How far beyond the range a pixel size may be for the roundness of sides, as a share.
const TOLERANCE: f64 = 0.01;

/// What a prompt's words of place and rank refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Frame {
    /// Each tile.
    Tile,
    /// The scene.
    Scene,
}

/// What decides about views.
#[derive(Clone, Copy, Debug)]
pub struct ViewRequest<'a> {
    /// The scene's size.
    pub size: PixelSize,
    /// The scene's pixel size in metres, where it is known.
    pub pixel_size_m: Option<f64>,
    /// The model.
    pub model: &'a ModelReport,
    /// What is looked for.
    pub prompts: &'a [PromptSpec],
    /// Whether the scorer's own map is wanted, which takes memory.
    pub raw_uncertainty: bool,
    /// What the user asked for.
    pub config: &'a ViewConfig,
}

/// The views of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Views {
    /// The view of each tile of the plan.
    pub tile: View,
    /// The view of the whole scene, where some prompts need it and others are answered by tiles.
    pub scene: Option<View>,
    /// Per prompt, what its words refer to.
    pub frames: Vec<Frame>,
    /// What a reader of the results should know.
    pub notes: Vec<String>,
}

impl Views {
    /// Chooses the views of a scene.
    ///
    /// # Errors
    /// [`PipelineError::Usage`] for a pixel size or a frame that this scene cannot be shown at.
    pub fn choose(request: &ViewRequest<'_>) -> Result<Self, PipelineError> {
        let tile = request.tile()?;
        let mut notes = request.pixel_notes(&tile);
        let longer = request.longer_px();
        if longer <= tile.side_px {
            let frames = vec![Frame::Scene; request.prompts.len()];
            return Ok(Self { tile, scene: None, frames, notes });
        }
        let whole = request.whole(&tile);
        // Whether the scene is one view whatever the prompts say, and whether it is for those that need it.
        let (always, at_need) = match (request.config.frame, &whole) {
            (FrameChoice::Scene, Err(reason)) => return Err(PipelineError::Usage(reason.clone())),
            (FrameChoice::Scene, Ok(_)) => (true, true),
            (FrameChoice::Auto, Ok(view)) => {
                let always = request.fits_one_view(&tile);
                notes.extend(request.shrunk_note(&tile, view).filter(|_| always));
                (always, longer as f64 <= SMALL_SCENE_TILES * tile.side_px as f64)
            }
            _ => (false, false),
        };
        let frame = |prompt: &PromptSpec| {
            if always || at_need && prompt.needs_frame() { Frame::Scene } else { Frame::Tile }
        };
        let frames: Vec<Frame> = request.prompts.iter().map(frame).collect();
        for (prompt, frame) in request.prompts.iter().zip(&frames).filter(|(prompt, _)| prompt.needs_frame()) {
            notes.push(frame_note(prompt, *frame, whole.as_ref().ok()));
        }
        let whole = whole.ok().filter(|_| always || frames.contains(&Frame::Scene));
        Ok(match whole {
            // Nobody asks about tiles: the scene is the only one.
            Some(whole) if always || !frames.contains(&Frame::Tile) => Self { tile: whole, scene: None, frames, notes },
            scene => Self { tile, scene, frames, notes },
        })
    }

    /// The numbers of the prompts that are answered by tiles.
    #[must_use]
    pub fn by_tile(&self) -> Vec<usize> {
        (0..self.frames.len()).filter(|&prompt| !self.is_by_scene(prompt)).collect()
    }

    /// The numbers of the prompts that are answered by a view of the whole scene beside the tiles.
    #[must_use]
    pub fn by_scene(&self) -> Vec<usize> {
        (0..self.frames.len()).filter(|&prompt| self.is_by_scene(prompt)).collect()
    }

    fn is_by_scene(&self, prompt: usize) -> bool {
        self.scene.is_some() && self.frames[prompt] == Frame::Scene
    }
}

impl ViewRequest<'_> {
    fn longer_px(&self) -> usize {
        self.size.width.max(self.size.height) as usize
    }

    /// Whether the model would rather see all of the scene in one view, and nobody asked for a pixel size.
    fn fits_one_view(&self, tile: &View) -> bool {
        let limit = self.model.one_view_px * tile.side_px;
        self.config.resolution == Resolution::Auto && self.longer_px() * self.model.tile_px <= limit
    }

    /// The largest side that a tile may have in this scene.
    fn largest_px(&self) -> usize {
        let planes = 1 + self.prompts.len() * if self.raw_uncertainty { 3 } else { 2 };
        let row = self.size.width as usize * planes * size_of::<f32>();
        (CANVAS_BYTES / row.max(1)).min(*SIDES_PX.end())
    }

    /// The view of one tile.
    fn tile(&self) -> Result<View, PipelineError> {
        let resolution = self.config.resolution;
        let tile_px = self.model.tile_px;
        // Pixels of the scene under one pixel of the model.
        let wanted = match (resolution, self.pixel_size_m) {
            (Resolution::Native, _) | (Resolution::Auto, None) => 1.0,
            (Resolution::Px(pixels), _) => pixels,
            (Resolution::Metres(metres), Some(pixel_m)) => metres / pixel_m,
            (Resolution::Auto, Some(pixel_m)) => {
                self.model.pixel_size_m.map_or(1.0, |(fine, coarse)| pixel_m.clamp(fine, coarse.max(fine)) / pixel_m)
            }
            (Resolution::Metres(metres), None) => {
                return Err(PipelineError::Usage(format!(
                    "--resolution {metres} is in metres, but the pixel size is not known: give it in pixels of the \
                     scene, such as 2px"
                )));
            }
        };
        let side = (tile_px as f64 * wanted).round();
        let (smallest, largest) = (*SIDES_PX.start(), self.largest_px());
        let side_px = if wanted == 1.0 {
            tile_px
        } else if resolution != Resolution::Auto {
            if side < smallest as f64 || side > largest as f64 {
                return Err(PipelineError::Usage(format!(
                    "--resolution {resolution} makes a tile of {tile_px} px for the model {side} px wide in this \
                     scene: {smallest} to {largest} px are possible"
                )));
            }
            side as usize
        } else if side < smallest as f64 {
            // Enlarging cannot bring back what such a scene does not show.
            tile_px
        } else {
            (side as usize).min(largest.max(tile_px))
        };
        Ok(View { side_px, model_px: self.config.sizes.sides(tile_px) })
    }

    /// The whole scene as one view, or why that cannot be.
    fn whole(&self, tile: &View) -> Result<View, String> {
        let (longer, frame_px) = (self.longer_px(), self.model.frame_px);
        let side_px = longer.next_multiple_of(32);
        // The side at which the model would see it at the tiles' pixel size.
        let unshrunk = side_px as f64 * self.model.tile_px as f64 / tile.side_px as f64;
        let PixelSize { width, height } = self.size;
        let too_large = |limit: usize| {
            format!(
                "a scene of {width} x {height} px is too large for --frame scene: at most {limit} px fit into one \
                 view; cut it, or use --frame tile"
            )
        };
        if longer > self.largest_px() {
            return Err(too_large(self.largest_px()));
        }
        if unshrunk > LARGEST_SCENE_VIEWS * frame_px as f64 {
            let limit = LARGEST_SCENE_VIEWS * frame_px as f64 * tile.side_px as f64 / self.model.tile_px as f64;
            return Err(too_large(limit as usize));
        }
        let model_px = (unshrunk.ceil() as usize).next_multiple_of(32).min(frame_px);
        Ok(View { side_px, model_px: self.config.sizes.sides(model_px) })
    }

    /// What is to be said about a scene that is less sharp in one view than in tiles.
    fn shrunk_note(&self, tile: &View, whole: &View) -> Option<String> {
        let side_px = whole.side_px;
        let sharpest = whole.model_px.iter().max().filter(|px| **px * tile.side_px < side_px * self.model.tile_px)?;
        Some(format!("the whole scene is one view, {side_px} px shown at {sharpest} px; --frame tile shows it sharper"))
    }

    /// What is to be said about the pixel size.
    fn pixel_notes(&self, tile: &View) -> Vec<String> {
        let Some((fine, coarse)) = self.model.pixel_size_m else { return Vec::new() };
        let Some(pixel_m) = self.pixel_size_m else {
            return vec![format!(
                "the pixel size is unknown: taken to be within the {fine} to {coarse} m that the model was trained at"
            )];
        };
        let shown_m = pixel_m * tile.side_px as f64 / self.model.tile_px as f64;
        let mut notes = Vec::new();
        if tile.side_px != self.model.tile_px {
            notes.push(format!("pixels of {pixel_m:.3} m are shown to the model at {shown_m:.3} m"));
        }
        if !(fine * (1.0 - TOLERANCE)..=coarse * (1.0 + TOLERANCE)).contains(&shown_m) {
            notes.push(format!("pixels of {shown_m:.3} m; the model was trained at {fine} to {coarse} m"));
        }
        notes
    }
}

/// What is to be said about a prompt that depends on the frame.
fn frame_note(prompt: &PromptSpec, frame: Frame, whole: Option<&View>) -> String {
    let start = format!("{:?} depends on the frame ({})", prompt.text, prompt.frame_words.join(", "));
    match (frame, whole) {
        (Frame::Scene, Some(View { side_px, model_px })) => {
            let shown: Vec<String> = model_px.iter().map(|side| format!("{side} px")).collect();
            format!("{start}: the whole scene is one view, {side_px} px shown at {}", shown.join(" and "))
        }
        (_, Some(_)) => {
            format!("{start}: it is answered tile by tile, not for the whole scene; --frame scene makes it one view")
        }
        (_, None) => format!("{start}: it is answered tile by tile, not for the whole scene"),
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
