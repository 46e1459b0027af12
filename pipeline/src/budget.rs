//! How much memory a run takes, and what it is given so that it stays within what the user allows.

use std::fmt;
use std::str::FromStr;

use geo_io::BlockMemory;

use crate::config::QUEUE;
use crate::error::PipelineError;
use crate::machine::memory;
use crate::setting::Setting;

/// Bytes in a MiB.
const MIB: u64 = 1 << 20;
/// Decoded blocks that GDAL keeps: the most, and the least with which reading still works well.
const CACHE_MIB: (u64, u64) = (128, 16);
/// Rows of blocks that the writer of a raster collects.
const WRITER_ROWS: u64 = 512;
/// What the program, its libraries and its threads take besides the model.
const PROGRAM_BYTES: u64 = 24 * MIB;
/// What the network needs per pixel of a tile while it answers: measured with the shipped model, rounded up.
const NETWORK_BYTES_PER_PX: u64 = 704;
/// The same for each prompt.
const DECODER_BYTES_PER_PX: u64 = 192;
/// Finished rows are handed on in pieces of about so many bytes.
const STRIP_BYTES: u64 = 8 * MIB;
/// Pieces of finished rows that exist at once: being cut, waiting, being written.
const STRIPS: u64 = 3;

/// The memory a run may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ram {
    /// Half of what is free when the run starts.
    #[default]
    HalfOfFree,
    /// So many bytes.
    Bytes(u64),
}

impl Ram {
    /// The limit in bytes; `None` where the system does not tell what is free.
    #[must_use]
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::HalfOfFree => memory().map(|memory| memory.available_bytes / 2),
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

impl FromStr for Ram {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no amount of memory: give MiB or GiB, such as 800M or 4G");
        let (number, unit) = match text.trim().to_ascii_uppercase().trim_end_matches(['B', 'I']) {
            text if text.ends_with('G') => (text.trim_end_matches('G').to_owned(), 1024.0 * MIB as f64),
            text if text.ends_with('M') => (text.trim_end_matches('M').to_owned(), MIB as f64),
            _ => return Err(wrong()),
        };
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let bytes = number * unit;
        (bytes >= MIB as f64 && bytes < 1e18).then_some(Self::Bytes(bytes as u64)).ok_or_else(wrong)
    }
}

impl fmt::Display for Ram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HalfOfFree => f.write_str("half of what is free"),
            Self::Bytes(bytes) => write!(f, "{}", mib(*bytes)),
        }
    }
}

/// An amount of memory for people.
#[must_use]
pub fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(MIB))
}

/// What a run is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Threads that read tiles.
    pub readers: usize,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Tiles that wait between two stages.
    pub queue: usize,
    /// What GDAL may keep of decoded blocks, in MiB.
    pub cache_mib: u32,
    /// Rows that are handed on at once.
    pub strip_rows: u32,
    /// The most memory that the process is expected to take.
    pub expected_bytes: u64,
}

impl Resources {
    /// What a run gets within a limit; `model_bytes` is what the process holds with the model loaded and nothing begun.
    ///
    /// # Errors
    /// [`PipelineError::TooLittleMemory`] when the least that it needs is more.
    pub fn within(setting: &Setting, limit: Option<u64>, model_bytes: Option<u64>) -> Result<Self, PipelineError> {
        let cost = Cost::of(setting, model_bytes.unwrap_or(PROGRAM_BYTES));
        let most = cost.in_flight();
        let wanted = Self {
            readers: setting.config.readers.clamp(1, most),
            batch: setting.config.batch.clamp(1, most),
            queue: QUEUE.clamp(1, most),
            cache_mib: setting.cache_bytes.map_or(CACHE_MIB.0, |bytes| bytes.div_ceil(MIB).max(CACHE_MIB.0)) as u32,
            strip_rows: cost.strip_rows,
            expected_bytes: 0,
        };
        let lean = |wanted: Self| Self { cache_mib: CACHE_MIB.1 as u32, ..wanted };
        let single = |wanted: Self| Self { batch: 1, queue: 1, ..lean(wanted) };
        let least = |wanted: Self| Self { readers: 1, ..single(wanted) };
        let mut tried = wanted;
        for attempt in [wanted, lean(wanted), single(wanted), least(wanted)] {
            tried = Self { expected_bytes: cost.total(&attempt), ..attempt };
            if limit.is_none_or(|limit| tried.expected_bytes <= limit) {
                return Ok(tried);
            }
        }
        Err(PipelineError::TooLittleMemory {
            needed: mib(tried.expected_bytes),
            allowed: mib(limit.unwrap_or_default()),
            width: setting.plan.size().width,
            prompts: setting.prompts.len(),
        })
    }
}

/// What the parts of a run take.
struct Cost {
    model: u64,
    /// Sums over one row of tiles, and what is carried to the next.
    canvas: u64,
    /// The rows that are being handed on.
    strips: u64,
    strip_rows: u32,
    /// The rows that writers collect into blocks.
    writers: u64,
    /// One tile as it is read.
    tile: u64,
    /// The answer to one tile.
    answer: u64,
    /// What the network needs to answer one tile.
    network: u64,
    /// Blocks of the file that are being decoded.
    blocks: BlockMemory,
    /// All that GDAL could keep, of the scene and of the rasters.
    cached: u64,
    /// Answers about the whole scene.
    scene_view: u64,
    tile_px: u64,
}

impl Cost {
    fn of(setting: &Setting, model: u64) -> Self {
        let plan = &setting.plan;
        let (width, height) = (plan.covered_cols().len() as u64, u64::from(plan.size().height));
        let tile_px = u64::from(plan.tile_px());
        let prompts = setting.prompts.len() as u64;
        let layers = if setting.config.raw_uncertainty { 3 } else { 2 };
        let sums = 4 * (1 + prompts * layers);
        let tile_rows = tile_px.min(height);
        let strip_px = 1 + prompts * (4 * layers + 4 * layers + 1);
        let strip_rows = (STRIP_BYTES / (width * strip_px)).clamp(1, u64::from(plan.stride_px()));
        let model_px: u64 = setting.views.tile.model_px.iter().map(|side| (side * side) as u64).max().unwrap_or(0);
        let scene_px = setting.views.scene.as_ref().map_or(0, |view| (view.side_px * view.side_px) as u64);
        let shown_px = setting.views.scene.iter().flat_map(|view| &view.model_px).map(|side| (side * side) as u64);
        let network_px = shown_px.max().unwrap_or(0).max(model_px);
        Self {
            model: model + PROGRAM_BYTES,
            canvas: width * sums * (tile_rows + u64::from(plan.overlap_px()).min(height)) + 4 * width * tile_rows,
            strips: STRIPS * width * strip_px * strip_rows,
            strip_rows: strip_rows as u32,
            writers: width * WRITER_ROWS.min(height) * prompts * (4 * layers + 1),
            tile: tile_px * tile_px * (3 * 4 + 1),
            answer: tile_px * tile_px * (4 * layers * prompts + 1),
            network: network_px * (NETWORK_BYTES_PER_PX + DECODER_BYTES_PER_PX * prompts),
            blocks: setting.block_memory,
            cached: width * height * (3 * 4 + prompts * (4 * layers + 1)),
            scene_view: scene_px * (16 + 4 * layers * setting.views.by_scene().len() as u64),
            tile_px,
        }
    }

    /// How many tiles may wait at one place: fewer when they are large.
    fn in_flight(&self) -> usize {
        (PIXELS_IN_FLIGHT / (self.tile_px * self.tile_px)).max(1) as usize
    }

    fn total(&self, resources: &Resources) -> u64 {
        let (readers, batch, queue) = (resources.readers as u64, resources.batch as u64, resources.queue as u64);
        let wait = queue.max(batch);
        self.model
            + self.canvas
            + self.strips
            + self.writers
            + self.scene_view
            + self.network
            + self.cached.min(u64::from(resources.cache_mib) * MIB)
            + readers.saturating_mul(self.blocks.per_reader)
            + self.blocks.shared
            + self.tile * (readers * (queue + 1) + wait + batch + 1)
            + self.answer * (wait + batch + 1)
    }
}

/// Pixels of tiles that may wait at one place between two stages.
const PIXELS_IN_FLIGHT: u64 = 1 << 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mib_and_gib() {
        assert_eq!("800M".parse(), Ok(Ram::Bytes(800 * MIB)));
        assert_eq!("4G".parse(), Ok(Ram::Bytes(4096 * MIB)));
        assert_eq!("1.5GiB".parse(), Ok(Ram::Bytes(1536 * MIB)));
        for wrong in ["", "4", "G", "-1G", "0M", "NaNG", "4T"] {
            assert!(wrong.parse::<Ram>().is_err(), "{wrong}");
        }
        assert_eq!(Ram::Bytes(800 * MIB).to_string(), "800 MiB");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn half_of_what_is_free_is_taken() {
        let memory = memory().unwrap();
        assert!((MIB..memory.total_bytes).contains(&Ram::HalfOfFree.bytes().unwrap()));
    }
}
