//! The one place that sets GDAL up and listens to what it says; the only one with `unsafe`.
//!
//! GDAL 3.6.2 returns success for a write that met a full disk and tells the truth only through its error handler.
//! So what GDAL says is collected here, per thread and per piece of work, and never printed.

use std::cell::RefCell;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use gdal::errors::{CplErrType, GdalError};
use gdal::spatial_ref::CoordTransform;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use crate::error::GdalFailure;

/// Blocks that GDAL keeps decoded when nobody says otherwise.
const DEFAULT_CACHE_MB: u32 = 128;

thread_local! {
    /// Failures GDAL reported on this thread, one list for each piece of work under way.
    static HEARD: RefCell<Vec<Vec<String>>> = const { RefCell::new(Vec::new()) };
}

/// Sets GDAL up once for the process: no Python in VRTs, bounded block cache, messages caught instead of printed.
///
/// Returns GDAL's version, such as `3.6.2`. Every entry point of this crate calls it, so calling it first is not needed.
pub fn init_gdal() -> String {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gdal::config::set_config_option("GDAL_VRT_ENABLE_PYTHON", "NO").expect("constant text without NUL");
        // For ever is too long to wait for a server, and once too few to ask it.
        for (key, value) in [
            ("GDAL_HTTP_CONNECTTIMEOUT", "10"),
            ("GDAL_HTTP_LOW_SPEED_TIME", "30"),
            ("GDAL_HTTP_LOW_SPEED_LIMIT", "1000"),
            ("GDAL_HTTP_MAX_RETRY", "4"),
            ("GDAL_HTTP_RETRY_DELAY", "1"),
        ] {
            if std::env::var_os(key).is_none() {
                gdal::config::set_config_option(key, value).expect("constant text without NUL");
            }
        }
        if std::env::var_os("GDAL_CACHEMAX").is_none() {
            set_cache(DEFAULT_CACHE_MB);
        }
        gdal::config::set_error_handler(|class, _number, message| {
            if matches!(class, CplErrType::Failure | CplErrType::Fatal) {
                hear(message);
            }
        });
    });
    gdal::version::version_info("RELEASE_NAME")
}

/// Limits the memory GDAL keeps for decoded blocks, for the whole process.
///
/// A limit that the user has set by `GDAL_CACHEMAX` is left as it is.
pub fn set_block_cache_mb(megabytes: u32) {
    init_gdal();
    if std::env::var_os("GDAL_CACHEMAX").is_none() {
        CACHE_IS_SET.store(true, Ordering::Relaxed);
        set_cache(megabytes);
    }
}

/// What GDAL may keep of decoded blocks, in MiB.
static CACHE_MB: AtomicU32 = AtomicU32::new(DEFAULT_CACHE_MB);
/// Whether [`set_block_cache_mb`] has decided it.
static CACHE_IS_SET: AtomicBool = AtomicBool::new(false);

/// Sees to it that GDAL may keep this much of decoded blocks, unless somebody has decided how much; never shrinks.
pub(crate) fn raise_block_cache(bytes: u64) {
    init_gdal();
    let wanted = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
    let is_decided = CACHE_IS_SET.load(Ordering::Relaxed) || std::env::var_os("GDAL_CACHEMAX").is_some();
    if !is_decided && wanted > CACHE_MB.fetch_max(wanted, Ordering::Relaxed) {
        set_cache(wanted);
    }
}

#[expect(unsafe_code, reason = "the safe layer has no way to set the size of the block cache")]
fn set_cache(megabytes: u32) {
    // SAFETY: a plain setter of an integer, callable at any time from any thread.
    unsafe { gdal_sys::GDALSetCacheMax64(i64::from(megabytes) << 20) }
}

fn hear(message: &str) {
    // GDAL may speak while the thread ends and its locals are gone; there is nobody to tell then.
    let _ = HEARD.try_with(|heard| {
        if let Some(list) = heard.borrow_mut().last_mut()
            && list.len() < 16
        {
            list.push(message.to_owned());
        }
    });
}

/// Does a piece of work and returns with it the failures GDAL reported meanwhile on this thread.
fn listen<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    /// Takes the list off again even when the work panics.
    struct Listener;
    impl Drop for Listener {
        fn drop(&mut self) {
            let _ = HEARD.try_with(|heard| heard.borrow_mut().pop());
        }
    }
    init_gdal();
    HEARD.with(|heard| heard.borrow_mut().push(Vec::new()));
    let listener = Listener;
    let result = work();
    let failures = HEARD.with(|heard| heard.borrow_mut().last_mut().map(std::mem::take)).unwrap_or_default();
    drop(listener);
    (result, failures)
}

/// Work that fails when GDAL returns an error *or* reports a failure and returns success.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, GdalError>) -> Result<T, GdalFailure> {
    match listen(work) {
        (Ok(value), failures) if failures.is_empty() => Ok(value),
        (Ok(_), failures) => Err(GdalFailure::new(&failures[0])),
        (Err(error), failures) => Err(failure_of(&error, &failures)),
    }
}

/// Work that fails only when GDAL returns an error: opening, where a complaint about a side matter is normal.
pub(crate) fn tolerant<T>(work: impl FnOnce() -> Result<T, GdalError>) -> Result<T, GdalFailure> {
    let (result, failures) = listen(work);
    result.map_err(|error| failure_of(&error, &failures))
}

/// The first thing GDAL said, which is nearest to the cause, or else the error itself.
fn failure_of(error: &GdalError, failures: &[String]) -> GdalFailure {
    if let Some(first) = failures.iter().find(|message| !message.trim().is_empty()) {
        return GdalFailure::new(first);
    }
    match error {
        GdalError::CplError { msg, .. } | GdalError::NullPointer { msg, .. } => GdalFailure::new(msg),
        other => GdalFailure::new(&other.to_string()),
    }
}

/// Opens a stranger's file with one driver and without its overviews, which may lie anywhere.
pub(crate) fn open_untrusted(name: &OsStr, driver: &str) -> Result<Dataset, GdalFailure> {
    let open_flags =
        GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
    tolerant(|| {
        let options = DatasetOptions {
            open_flags,
            allowed_drivers: Some(&[driver]),
            open_options: Some(&["OVERVIEW_LEVEL=NONE"]),
            sibling_files: None,
        };
        Dataset::open_ex(name, options)
    })
}

/// No grids for datum shifts from the network.
#[expect(unsafe_code, reason = "the safe layer has no switch for the network of PROJ")]
pub(crate) fn keep_proj_off_the_network() {
    // SAFETY: a plain setter, callable at any time from any thread.
    unsafe { gdal_sys::OSRSetPROJEnableNetwork(0) }
}

/// Makes GDAL forget what it has read from an address: it keeps bad bytes as well, and a scene opened anew would get them
/// again.
#[expect(unsafe_code, reason = "the safe layer has no way to empty the cache of addresses")]
pub(crate) fn forget_remote(name: &OsStr) {
    if name.as_encoded_bytes().starts_with(b"/vsi")
        && let Ok(name) = CString::new(name.as_encoded_bytes())
    {
        // SAFETY: the name outlives the call and ends in NUL; any prefix of a path is allowed.
        unsafe { gdal_sys::VSICurlPartialClearCache(name.as_ptr()) }
    }
}

/// Opens a raster by any name GDAL knows, including names that are not UTF-8.
pub(crate) fn open_raster(name: &OsStr) -> Result<Dataset, GdalFailure> {
    let flags = GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
    tolerant(|| match name.to_str() {
        Some(name) => Dataset::open_ex(name, DatasetOptions { open_flags: flags, ..Default::default() }),
        None => open_bytes(name, flags.bits()),
    })
}

/// The files a dataset is made of, as GDAL counts them: the file itself, side files, sources of a VRT.
#[expect(unsafe_code, reason = "the safe layer has no list of files")]
pub(crate) fn files_of(dataset: &Dataset) -> Vec<OsString> {
    let mut files = Vec::new();
    // SAFETY: the handle lives as long as the borrow. The list is ours to free, ends in a null pointer, and each of its
    // texts ends in NUL; they are copied before it is freed.
    unsafe {
        let list = gdal_sys::GDALGetFileList(dataset.c_dataset());
        if list.is_null() {
            return files;
        }
        let mut next = list;
        while !(*next).is_null() {
            files.push(os_string(CStr::from_ptr(*next).to_bytes()));
            next = next.add(1);
        }
        gdal_sys::CSLDestroy(list);
    }
    files
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[expect(unsafe_code, reason = "the safe layer replaces bytes that are not UTF-8, and so opens another name")]
fn open_bytes(name: &OsStr, flags: u32) -> Result<Dataset, GdalError> {
    let name = CString::new(name.as_encoded_bytes())?;
    let null = std::ptr::null();
    // SAFETY: the name outlives the call and ends in NUL; null lists mean "all drivers", "no options", "no siblings".
    let handle = unsafe { gdal_sys::GDALOpenEx(name.as_ptr(), flags, null, null, null) };
    if handle.is_null() {
        return Err(GdalError::NullPointer { method_name: "GDALOpenEx", msg: String::new() });
    }
    // SAFETY: the handle is a dataset that nobody else owns.
    Ok(unsafe { Dataset::from_c_dataset(handle) })
}

/// A coordinate transformation that may move between threads.
pub(crate) struct MovableTransform(pub(crate) CoordTransform);

// SAFETY: the object has no ties to the thread that made it: PROJ contexts are assigned at each use. It must not be used
// from two threads at once, and being neither `Sync` nor `Clone` it cannot be.
#[expect(unsafe_code, reason = "the safe layer holds a raw pointer and so is not Send")]
unsafe impl Send for MovableTransform {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_behind_a_success_is_a_failure() {
        let say = |message: &'static str| {
            move || -> Result<i32, GdalError> {
                hear(message);
                Ok(7)
            }
        };
        assert_eq!(guarded(say("disk\n full")).unwrap_err().message(), "disk full");
        assert_eq!(tolerant(say("disk full")), Ok(7));
    }

    #[test]
    fn inner_work_keeps_its_failures_to_itself() {
        let outer = guarded(|| {
            let inner = tolerant(|| {
                hear("side matter");
                Ok(1)
            });
            Ok(inner.unwrap_or(0))
        });
        assert_eq!(outer, Ok(1));
        assert!(HEARD.with(|heard| heard.borrow().is_empty()));
    }

    #[test]
    fn a_name_that_is_not_a_raster_says_why() {
        let failure = open_raster(OsStr::new("/nowhere/at all.tif")).expect_err("nothing is there");
        assert!(failure.message().contains("/nowhere/at all.tif"), "{failure}");
    }
}
