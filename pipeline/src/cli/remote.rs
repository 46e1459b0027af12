//! Flags about where scenes come from: servers, STAC items, files of statistics.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::Args;
use geo_io::{GeoIoError, Trust};

use crate::budget::Ram;
use crate::error::PipelineError;
use crate::remote::{MAX_DOWNLOAD_BYTES, RemoteOptions, by_gdal, is_remote};
use crate::stac::{AssetChoice, is_document, only_scene};

/// How scenes are fetched from servers.
#[derive(Clone, Debug, Args)]
pub(crate) struct FetchArgs {
    /// The folder for copies of scenes that are addresses [default: that for temporary files].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// The most that a scene may have which is fetched, such as 800M or 20G [default: 64G].
    #[arg(long, value_name = "SIZE")]
    max_download: Option<Ram>,
}

impl FetchArgs {
    pub(crate) fn options(&self) -> RemoteOptions {
        RemoteOptions {
            scratch: self.scratch.clone(),
            max_bytes: self.max_download.and_then(Ram::bytes).unwrap_or(MAX_DOWNLOAD_BYTES),
            ..RemoteOptions::default()
        }
    }
}

/// Where scenes come from.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    /// Let GDAL read addresses piece by piece (/vsicurl/) instead of fetching the whole scene first.
    #[arg(long)]
    pub(crate) direct: bool,
    /// The asset of a STAC item that is the scene [default: the one to look at, or the only raster].
    #[arg(long, value_name = "NAME")]
    pub(crate) asset: Option<String>,
    /// Take the statistics that 16-bit and float scenes are scaled by from this file, or make it if it is not there.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) stats: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) fetch: FetchArgs,
}

impl SourceArgs {
    /// The scene that is meant by a name: that of a STAC item, an address as it is to be read.
    pub(crate) fn scene(&self, name: OsString, trust: Trust) -> Result<OsString, PipelineError> {
        let name = if is_document(&name) {
            let choice = AssetChoice { name: self.asset.as_deref(), is_untrusted: trust != Trust::Trusted };
            let refused = |reason| GeoIoError::UnusableScene { name: name.clone(), reason };
            if Path::new(&name).symlink_metadata().is_err() {
                return Err(GeoIoError::MissingScene { name }.into());
            }
            only_scene(Path::new(&name), choice).map_err(refused)?
        } else {
            name
        };
        Ok(self.read_by(&name))
    }

    /// An address as it is to be read.
    pub(crate) fn read_by(&self, name: &OsStr) -> OsString {
        if self.direct && is_remote(name) { by_gdal(name) } else { name.to_owned() }
    }
}

/// A SHA-256 in hexadecimal.
pub(crate) fn sha256(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_owned()) } else { Err(format!("{text:?} is no SHA-256: give 64 hexadecimal digits")) }
}
