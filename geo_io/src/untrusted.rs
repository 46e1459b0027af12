//! Scenes from strangers: what is refused before GDAL opens them, and what GDAL is kept from doing.
//!
//! A list of allowed drivers is no wall by itself: one tag inside a GeoTIFF makes GDAL open any address or any other raster
//! as "overviews", and files beside a scene can do the same. So the name, the drivers, the files beside it, the network
//! and the overviews are each closed off.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Once;

use gdal::{Dataset, Metadata};

use crate::bands::Sample;
use crate::gdal_env::{files_of, init_gdal, keep_proj_off_the_network};

/// Pixels that a stranger's scene may have when nobody says otherwise.
pub const MAX_UNTRUSTED_PX: u64 = 1 << 32;
/// Bands that it may have.
const MAX_BANDS: usize = 64;
/// Bytes that one of its blocks may take when decoded.
const MAX_BLOCK_BYTES: u64 = 256 << 20;
/// Drivers that may open it, and the extensions that go with each.
const DRIVERS: [(&str, &[&str]); 4] =
    [("GTiff", &["tif", "tiff"]), ("JP2OpenJPEG", &["jp2", "j2k"]), ("PNG", &["png"]), ("JPEG", &["jpg", "jpeg"])];

/// Whom a scene comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// From somebody who may as well run programs here: whatever GDAL opens is opened.
    #[default]
    Trusted,
    /// From a stranger: one plain file of a common format, of at most so many pixels.
    Untrusted {
        /// The most pixels it may have.
        max_px: u64,
    },
}

/// Keeps GDAL, for the rest of the process, from looking at anything but the file it is told to open.
///
/// To be called before anything else of GDAL, so that it loads no plugins.
pub fn distrust_scenes() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let settings = [
            // No drivers from elsewhere.
            ("GDAL_DRIVER_PATH", "disable"),
            // No files beside the scene: statistics and CRS in .aux.xml, overviews, masks, world files.
            ("GDAL_PAM_ENABLED", "NO"),
            ("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR"),
            ("GDAL_GEOREF_SOURCES", "INTERNAL"),
            // No address has this ending.
            ("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".never"),
            ("GDAL_VRT_ENABLE_PYTHON", "NO"),
            ("GDAL_VRT_ENABLE_RAWRASTERBAND", "NO"),
        ];
        for (key, value) in settings {
            gdal::config::set_config_option(key, value).expect("constant text without NUL");
        }
        init_gdal();
        keep_proj_off_the_network();
    });
}

/// The driver that may open a stranger's file.
///
/// # Errors
/// Why it is not looked at any further.
pub(crate) fn driver_for(name: &OsStr) -> Result<&'static str, String> {
    let path = Path::new(name);
    if name.to_str().is_none() {
        return Err("its name is not UTF-8, which --untrusted does not take".to_owned());
    }
    // A link, a pipe, a folder or a name that GDAL makes up is not what it seems.
    let is_plain = path.symlink_metadata().map_err(|cause| cause.to_string())?.is_file();
    if !is_plain {
        return Err("it is no plain file, which is all that --untrusted takes".to_owned());
    }
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let driver = DRIVERS.iter().find(|(_, ends)| ends.contains(&extension.as_str())).map(|(driver, _)| *driver);
    driver.ok_or_else(|| {
        let known: Vec<&str> = DRIVERS.iter().flat_map(|(_, ends)| ends.iter().copied()).collect();
        format!("its name ends in none of {}, which is all that --untrusted takes", known.join(", "))
    })
}

/// Looks at an open dataset before any of its pixels are decoded.
///
/// # Errors
/// What a stranger's scene must not be.
pub(crate) fn inspect(dataset: &Dataset, name: &OsStr, max_px: u64) -> Result<(), String> {
    let files = files_of(dataset);
    if files.iter().any(|file| file != name) {
        return Err("it is made of more than one file, which --untrusted does not take".to_owned());
    }
    let (width, height) = dataset.raster_size();
    if width as u64 * height as u64 > max_px {
        return Err(format!("it claims {width} x {height} pixels, more than {max_px} (--max-pixels)"));
    }
    let count = dataset.raster_count();
    if count > MAX_BANDS {
        return Err(format!("it claims {count} bands, more than the {MAX_BANDS} that --untrusted takes"));
    }
    let leads_elsewhere = |items: Option<Vec<String>>| items.is_some_and(|items| !items.is_empty());
    if leads_elsewhere(dataset.metadata_domain("OVERVIEWS")) {
        return Err("it names overviews outside itself, which --untrusted does not take".to_owned());
    }
    for band in dataset.rasterbands() {
        let band = band.map_err(|error| error.to_string())?;
        let (block_width, block_height) = band.block_size();
        let block = block_width as u64 * block_height as u64 * Sample::bytes_of(&band);
        if block > MAX_BLOCK_BYTES {
            return Err(format!("its blocks of {block_width} x {block_height} pixels are too large for --untrusted"));
        }
        if leads_elsewhere(band.metadata_domain("OVERVIEWS")) {
            return Err("it names overviews outside itself, which --untrusted does not take".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gdal_env::open_untrusted;

    #[test]
    fn fault_44_a_file_of_huge_blocks_is_refused_before_one_is_decoded() {
        use gdal::DriverManager;
        use gdal::raster::RasterCreationOptions;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let create = |side: &str| {
            let sides = [format!("BLOCKXSIZE={side}"), format!("BLOCKYSIZE={side}")];
            let options = RasterCreationOptions::from_iter(
                ["TILED=YES", "SPARSE_OK=TRUE", "COMPRESS=DEFLATE"].into_iter().chain(sides.iter().map(String::as_str)),
            );
            let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
            driver.create_with_band_type_with_options::<u8, _>(&path, 20_000, 20_000, 1, &options).unwrap();
            let dataset = open_untrusted(path.as_os_str(), "GTiff").unwrap();
            inspect(&dataset, path.as_os_str(), MAX_UNTRUSTED_PX)
        };
        assert_eq!(create("512"), Ok(()));
        // 16,400 * 16,400 bytes are more than 256 MiB.
        assert!(create("16400").unwrap_err().contains("too large"));
    }

    #[test]
    fn only_plain_files_of_common_formats_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "x").unwrap();
            path
        };
        assert_eq!(driver_for(file("a.TIF").as_os_str()), Ok("GTiff"));
        assert_eq!(driver_for(file("a.jp2").as_os_str()), Ok("JP2OpenJPEG"));
        for name in ["a.vrt", "a", "a.tif.zip"] {
            assert!(driver_for(file(name).as_os_str()).unwrap_err().contains("ends in none of tif"), "{name}");
        }
        for name in ["/vsicurl/http://127.0.0.1/a.tif", "MEM:::DATAPOINTER=1", "GTIFF_DIR:1:a.tif", "/no/such.tif"] {
            assert!(driver_for(OsStr::new(name)).is_err(), "{name}");
        }
        assert!(driver_for(folder.path().as_os_str()).unwrap_err().contains("no plain file"));
        #[cfg(unix)]
        {
            let link = folder.path().join("link.tif");
            std::os::unix::fs::symlink(folder.path().join("a.TIF"), &link).unwrap();
            assert!(driver_for(link.as_os_str()).unwrap_err().contains("no plain file"));
        }
    }
}
