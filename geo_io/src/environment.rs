//! What the GDAL of this machine can do.

use std::ffi::OsStr;
use std::path::PathBuf;

use gdal::DriverManager;

use crate::crs::SceneCrs;
use crate::gdal_env::{files_of, init_gdal, open_raster};

/// Whether GDAL has a driver of this short name, such as `GTiff`.
pub fn has_driver(name: &str) -> bool {
    init_gdal();
    DriverManager::get_driver_by_name(name).is_ok()
}

/// How many drivers GDAL has.
pub fn driver_count() -> usize {
    init_gdal();
    DriverManager::count()
}

/// Looks up a CRS by its code, as every georeferenced output needs it.
///
/// # Errors
/// What GDAL says, which is mostly that the database of PROJ is not where it looks for it.
pub fn check_crs_database() -> Result<(), String> {
    SceneCrs::from_definition("EPSG:32633").map(drop).map_err(|failure| failure.to_string())
}

/// What can be told of a scene without deciding how it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SceneExtent {
    /// The files on disk that it is made of: itself, side files, sources of a VRT.
    pub files: Vec<PathBuf>,
    /// How many pixels it has.
    pub pixels: u64,
}

/// What can be told of a scene without deciding how it is read; nothing when it cannot be opened.
pub fn scene_extent(name: &OsStr) -> SceneExtent {
    let Ok(dataset) = open_raster(name) else { return SceneExtent::default() };
    let (width, height) = dataset.raster_size();
    SceneExtent {
        files: files_of(&dataset).into_iter().map(PathBuf::from).filter(|path| path.is_file()).collect(),
        pixels: width as u64 * height as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_that_outputs_need_are_there_and_invented_ones_are_not() {
        assert!(has_driver("GTiff") && has_driver("GPKG"));
        assert!(!has_driver("no such driver"));
        assert!(driver_count() > 2);
    }

    #[test]
    fn codes_of_crs_are_known() {
        assert_eq!(check_crs_database(), Ok(()));
    }
}
