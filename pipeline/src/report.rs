//! What a run did, as JSON beside its outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use geo_io::{PixelWindow, SceneInfo};
use model::config::ModelConfig;
use serde::{Deserialize, Serialize};

use crate::areas::Areas;
use crate::error::PipelineError;
use crate::stage::Answer;
use crate::view::choose::Frame;

/// Everything a run did and with what.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Versions of what took part.
    pub versions: Versions,
    /// The scene as it was read, its scaling included.
    pub scene: SceneInfo,
    /// The part of the scene that was worked on.
    pub window: PixelWindow,
    /// The model.
    pub model: ModelReport,
    /// How the scene was shown to the model.
    pub views: ViewsReport,
    /// What was looked for and how much was found, per prompt.
    pub prompts: Vec<PromptReport>,
    /// The options that were in force.
    pub options: OptionsReport,
    /// Tiles by how they were answered.
    pub tiles: TileCounts,
    /// Tiles without an answer, at most 10,000 of them; none unless a bad tile is to be a hole.
    pub holes: Vec<Hole>,
    /// Pixels with a result.
    pub valid_px: u64,
    /// Pixels without one, because the scene has no data there.
    pub nodata_px: u64,
    /// Pixels without one, because no tile that covers them has an answer.
    pub hole_px: u64,
    /// Detections of all prompts.
    pub detections: u64,
    /// What a reader of the results should know.
    pub notes: Vec<String>,
    /// The files written, without this one.
    pub outputs: Vec<PathBuf>,
    /// Seconds each stage worked (`read` sums over its threads) and `total` by the clock on the wall.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Most memory the process ever held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// Versions of what took part.
#[derive(Clone, Debug, Serialize)]
pub struct Versions {
    /// This program.
    pub geophrase: &'static str,
    /// GDAL.
    pub gdal: String,
}

/// The model as a report names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Hash of its folder.
    pub hash: String,
    /// Side of its tiles.
    pub tile_px: usize,
    /// Largest side at which a whole scene is shown to it.
    pub frame_px: usize,
    /// Longer side up to which a scene is shown to it in one view whatever is asked.
    #[serde(default)]
    pub one_view_px: usize,
    /// The device it ran on.
    pub device: String,
    /// Smallest and largest pixel it was trained at, in metres.
    pub pixel_size_m: Option<(f64, f64)>,
    /// Its folder; empty where it has none. No part of what it is known by.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl ModelReport {
    /// A model that was not opened: its hash and device are empty.
    ///
    /// # Errors
    /// A folder without a configuration that can be read.
    pub fn unopened(folder: &Path) -> Result<Self, PipelineError> {
        let config = ModelConfig::read(&folder.join("config.json"))?;
        Ok(Self {
            name: config.name,
            hash: String::new(),
            tile_px: config.tile_px,
            frame_px: config.frame_px,
            one_view_px: config.one_view_px,
            device: String::new(),
            pixel_size_m: Some(config.pixel_size_m.into()),
            folder: folder.to_owned(),
        })
    }
}

/// How the scene was shown to the model.
#[derive(Clone, Debug, Serialize)]
pub struct ViewsReport {
    /// Each tile of the plan.
    pub tile: ViewReport,
    /// The whole scene, where some prompts were answered so and others by tiles.
    pub scene: Option<ViewReport>,
}

/// A square of the scene and how the model saw it.
#[derive(Clone, Debug, Serialize)]
pub struct ViewReport {
    /// Its side in pixels of the scene.
    pub side_px: usize,
    /// The sides at which the model saw it; answers from several are averaged.
    pub model_px: Vec<usize>,
    /// The pixel sizes in metres that the model saw, where the scene's is known.
    pub pixel_size_m: Vec<Option<f64>>,
}

/// What was found of one prompt.
#[derive(Clone, Debug, Serialize)]
pub struct PromptReport {
    /// The prompt.
    pub prompt: String,
    /// Detections written.
    pub detections: u64,
    /// Detections left out because they are smaller than asked for.
    pub below_min_area: u64,
    /// Detections left out because they are less sure than asked for.
    pub too_uncertain: u64,
    /// Pixels of the mask.
    pub mask_px: u64,
    /// The ground that the detections written cover, and how much of it is expected to be target.
    #[serde(flatten)]
    pub areas: Areas,
    /// Words of the prompt whose meaning depends on the frame.
    pub frame_words: Vec<String>,
    /// What they refer to.
    pub frame: Frame,
    /// The highest probability of any tile that the thing is in it at all; null where the model does not tell, or where
    /// the prompt was answered about the whole scene at once.
    pub presence: Option<f32>,
}

/// The options of a run that shape its results.
#[derive(Clone, Debug, Serialize)]
pub struct OptionsReport {
    /// The pixel size as asked for.
    pub resolution: String,
    /// The frame as asked for.
    pub frame: String,
    /// The sizes of views as asked for.
    pub views: String,
    /// Presence below which a tile is silent, as asked for; null for the model's own.
    pub min_presence: Option<f64>,
    /// The overlap as asked for.
    pub tile_overlap: String,
    /// The overlap of the regular grid in pixels.
    pub overlap_px: u32,
    /// The stride of the regular grid in pixels.
    pub stride_px: u32,
    /// Probability above which a pixel belongs to the mask.
    pub threshold: f32,
    /// The smallest detection written.
    pub min_area: String,
    /// The highest mean uncertainty of a detection written; null where all are.
    pub max_uncertainty: Option<f64>,
    /// The largest hole that was filled.
    pub fill_holes: String,
    /// How far inside the mask simplified outlines may be, in pixels; null for outlines along pixels.
    pub simplify_px: Option<f64>,
    /// Whether what has straight walls at right angles was drawn with just these.
    pub regularize: bool,
    /// Whether corners were rounded.
    pub smooth: bool,
    /// 8 where pixels that touch by a corner are one detection, else 4.
    pub connectivity: u8,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Whether the scorer's own map was written.
    pub raw_uncertainty: bool,
    /// Whether GeoJSON was written in longitude and latitude.
    pub rfc7946: bool,
}

/// Tiles by how they were answered; `computed`, `reused`, `empty` and `failed` add up to `planned`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TileCounts {
    /// All tiles of the plan.
    pub planned: u64,
    /// Tiles the model looked at.
    pub computed: u64,
    /// Blank tiles that got the answer of an earlier one of the same colour.
    pub reused: u64,
    /// Tiles without a valid pixel.
    pub empty: u64,
    /// Tiles that could not be read or answered.
    pub failed: u64,
    /// Of all these, tiles that an interrupted run before this one had finished.
    pub resumed: u64,
}

impl TileCounts {
    /// Counts one more tile.
    pub fn note(&mut self, answer: &Answer) {
        let count = match answer {
            Answer::Empty => &mut self.empty,
            Answer::Computed => &mut self.computed,
            Answer::Reused => &mut self.reused,
            Answer::Failed(_) => &mut self.failed,
        };
        *count += 1;
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            planned: self.planned + other.planned,
            computed: self.computed + other.computed,
            reused: self.reused + other.reused,
            empty: self.empty + other.empty,
            failed: self.failed + other.failed,
            resumed: self.resumed + other.resumed,
        }
    }
}

/// A tile without an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Hole {
    /// Its pixels.
    pub window: PixelWindow,
    /// Smallest x, smallest y, largest x, largest y in the scene's CRS.
    pub bbox: [f64; 4],
    /// Those of its pixels that have no result; the others are covered by its neighbours.
    pub px: u64,
    /// Why.
    pub reason: String,
}

impl Report {
    /// The report as text, ending in a line break.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a report has string keys only");
        text.push('\n');
        text
    }

    /// The report in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let TileCounts { planned, computed, reused, empty, failed, resumed } = self.tiles;
        let resumed = if resumed > 0 { format!(", {resumed} of them earlier") } else { String::new() };
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        let found: Vec<String> =
            self.prompts.iter().map(|prompt| format!("{} of {:?}", prompt.detections, prompt.prompt)).collect();
        let seconds = self.seconds.get("total").copied().unwrap_or_default();
        let mut line = format!(
            "{}: {} in {planned} tiles ({computed} computed, {reused} reused, {empty} empty{failed}{resumed}), {seconds:.1} s",
            self.scene.name,
            found.join(", "),
        );
        for note in &self.notes {
            line.push_str("; ");
            line.push_str(note);
        }
        line
    }
}

/// Seconds with microseconds, which is all that a report needs.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

/// Most memory this process ever held, where the system tells (Linux).
#[must_use]
pub fn peak_memory_bytes() -> Option<u64> {
    memory_of_process("VmHWM:")
}

/// What this process holds now, where the system tells (Linux).
#[must_use]
pub fn resident_memory_bytes() -> Option<u64> {
    memory_of_process("VmRSS:")
}

fn memory_of_process(entry: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(entry))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_the_peak_memory() {
        assert!(peak_memory_bytes().unwrap() > 1024 * 1024);
    }

    #[test]
    fn seconds_are_rounded_to_microseconds() {
        assert_eq!(seconds(Duration::from_nanos(1_234_567_890)), 1.234568);
    }
}
