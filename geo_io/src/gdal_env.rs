//! The one place that sets GDAL up and listens to what it says.

/// Sets GDAL up once for the process: no side files, bounded block cache, messages caught instead of printed.
///
/// Returns GDAL's version, such as `3.6.2`. Every entry point of this crate calls it, so calling it first is not needed.
pub fn init_gdal() -> String {
    String::new()
}

/// Limits the memory GDAL keeps for decoded blocks, for the whole process.
pub fn set_block_cache_mb(megabytes: u32) {
    let _ = megabytes;
}
