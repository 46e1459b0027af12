//! The dataset behind a scene: one for each reader, or one for all where a block serves many windows.
//!
//! GDAL keeps decoded blocks dataset by dataset. Where blocks are small, readers with datasets of their own decode side
//! by side and hardly twice. A strip or a block of a thousand pixels serves several tiles, and those of the next tile row
//! too: readers that share one dataset, and a cache that holds all rows of blocks under a row of tiles, decode it once.

use std::sync::{Arc, Mutex, PoisonError};

use gdal::Dataset;

use crate::gdal_env::raise_block_cache;
use crate::grid::PixelSize;
use crate::window::PixelWindow;

/// Pixels of a block from which it is shared.
const LARGE_BLOCK_PX: u64 = 1 << 19;
/// Width of a block from which it is shared: a strip, or near to one.
const WIDE_BLOCK_PX: u32 = 2048;
/// Most memory that GDAL's cache is raised to by itself.
const MOST_CACHE_BYTES: u64 = 512 << 20;

/// A dataset for one reader or several.
pub(crate) struct Handle {
    dataset: Arc<Mutex<Dataset>>,
    layout: Layout,
}

/// How a scene is stored, as far as it matters for reading it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) size: PixelSize,
    /// Width and height of a block.
    pub(crate) block: (u32, u32),
    /// Bytes of a pixel in all bands that are decoded together.
    pub(crate) pixel_bytes: u64,
}

/// What the blocks of a scene take while they are decoded, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockMemory {
    /// Once, however many readers there are.
    pub shared: u64,
    /// For each reader.
    pub per_reader: u64,
}

impl Layout {
    /// Whether readers do better with one dataset.
    fn is_shared(&self) -> bool {
        let (width, height) = self.block;
        u64::from(width) * u64::from(height) >= LARGE_BLOCK_PX || width >= WIDE_BLOCK_PX
    }

    fn block_memory(&self) -> BlockMemory {
        let (width, height) = (self.block.0.min(self.size.width), self.block.1.min(self.size.height));
        let bytes = (u64::from(width) * u64::from(height)).saturating_mul(self.pixel_bytes);
        if self.is_shared() {
            BlockMemory { shared: bytes, per_reader: 0 }
        } else {
            BlockMemory { shared: 0, per_reader: bytes }
        }
    }

    /// What a row of windows as high as this one touches, decoded, with a row of blocks to spare.
    fn band_bytes(&self, window: PixelWindow) -> u64 {
        let block_height = u64::from(self.block.1).clamp(1, u64::from(self.size.height));
        let rows = (u64::from(window.height).div_ceil(block_height) + 1) * block_height;
        let across = u64::from(self.size.width).next_multiple_of(u64::from(self.block.0).max(1));
        rows.saturating_mul(across.min(2 * u64::from(self.size.width))).saturating_mul(self.pixel_bytes)
    }
}

impl Handle {
    pub(crate) fn new(dataset: Dataset, layout: Layout) -> Self {
        Self { dataset: Arc::new(Mutex::new(dataset)), layout }
    }

    /// Whether readers do better with this one dataset.
    pub(crate) fn is_shared(&self) -> bool {
        self.layout.is_shared()
    }

    /// A handle on the same dataset for another thread.
    pub(crate) fn share(&self) -> Self {
        Self { dataset: Arc::clone(&self.dataset), layout: self.layout }
    }

    /// A handle on another dataset of the same scene.
    pub(crate) fn over(&self, dataset: Dataset) -> Self {
        Self::new(dataset, self.layout)
    }

    /// What a row of windows of so many rows touches, where blocks are shared and it is not too much to be kept.
    pub(crate) fn wanted_cache_bytes(&self, rows: u32) -> Option<u64> {
        let window = PixelWindow { col_off: 0, row_off: 0, width: 1, height: rows };
        Some(self.layout.band_bytes(window)).filter(|bytes| self.is_shared() && *bytes <= MOST_CACHE_BYTES)
    }

    /// What blocks take while they are decoded.
    pub(crate) fn block_memory(&self) -> BlockMemory {
        self.layout.block_memory()
    }

    /// Reads a window while no other thread uses the dataset.
    pub(crate) fn read<T>(&self, window: PixelWindow, read: impl FnOnce(&Dataset) -> T) -> T {
        // A cache too small for a row of windows is no use: it forgets each block before the next row asks for it.
        if let Some(wanted) = self.wanted_cache_bytes(window.height) {
            raise_block_cache(wanted);
        }
        read(&self.dataset.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number of bands of the dataset.
    pub(crate) fn band_count(&self) -> usize {
        self.dataset.lock().unwrap_or_else(PoisonError::into_inner).raster_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: PixelWindow = PixelWindow { col_off: 0, row_off: 0, width: 480, height: 480 };

    fn layout(width: u32, block: (u32, u32)) -> Layout {
        Layout { size: PixelSize { width, height: 8192 }, block, pixel_bytes: 3 }
    }

    #[test]
    fn strips_and_large_blocks_are_shared_and_small_ones_are_not() {
        assert!(layout(8192, (8192, 1)).is_shared());
        assert!(layout(8192, (1024, 1024)).is_shared());
        assert!(!layout(8192, (512, 512)).is_shared());
        assert!(!layout(640, (640, 16)).is_shared());
    }

    #[test]
    fn a_large_block_is_decoded_once_and_small_ones_by_each_reader() {
        // A strip as high as the scene of 8,192 x 8,192 px and 3 bytes; a block of 512 x 512.
        assert_eq!(
            layout(8192, (8192, 100_000)).block_memory(),
            BlockMemory { shared: 8192 * 8192 * 3, per_reader: 0 }
        );
        assert_eq!(layout(8192, (512, 512)).block_memory(), BlockMemory { shared: 0, per_reader: 512 * 512 * 3 });
    }

    #[test]
    fn a_row_of_windows_touches_whole_blocks_and_one_row_of_them_more() {
        // 480 rows in strips of 16: 30 strips and one more, 496 rows of 8,192 pixels of 3 bytes.
        assert_eq!(layout(8192, (8192, 16)).band_bytes(WINDOW), 496 * 8192 * 3);
        // Two rows of blocks of 1,024 px, nine blocks across.
        assert_eq!(layout(9000, (1024, 1024)).band_bytes(WINDOW), 2048 * 9216 * 3);
        // A single block that is the scene; its height is that of the scene.
        assert_eq!(layout(8192, (8192, 100_000)).band_bytes(WINDOW), 2 * 8192 * 8192 * 3);
    }
}
