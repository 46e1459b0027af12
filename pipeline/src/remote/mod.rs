//! Scenes on servers: fetched to local disk by our own client, so that GDAL sees nothing but whole files.

mod address;
mod checksum;
mod client;
mod error;
mod fetch;
mod patience;
mod scratch;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use geo_io::{GeoIoError, Scene, SceneOptions, Trust};
use url::Url;

pub use address::{by_gdal, has_secrets, is_remote, shown};
pub use error::{RemoteError, RemoteErrorKind};
pub use patience::Patience;

use crate::error::PipelineError;
use crate::fingerprint::Fingerprint;
use fetch::Fetch;
pub(crate) use scratch::Scratch;

/// Bytes that a scene on a server may have when nobody says otherwise.
pub const MAX_DOWNLOAD_BYTES: u64 = 64 << 30;

/// How scenes on servers are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteOptions {
    /// The folder that copies go to; that for temporary files when `None`.
    pub scratch: Option<PathBuf>,
    /// The most bytes that a scene may have.
    pub max_bytes: u64,
    /// What the scene must hash to, in hexadecimal.
    pub sha256: Option<String>,
    /// How long and how often a server is waited for.
    pub patience: Patience,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self { scratch: None, max_bytes: MAX_DOWNLOAD_BYTES, sha256: None, patience: Patience::default() }
    }
}

impl RemoteOptions {
    fn scratch(&self) -> Result<Scratch, PipelineError> {
        let parent = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        Scratch::new(&parent).map_err(|source| PipelineError::Create { path: parent, source })
    }
}

/// A scene as GDAL can open it.
#[derive(Clone, Debug)]
pub struct Source {
    /// What GDAL opens.
    name: OsString,
    /// What users call it.
    called: OsString,
    is_copy: bool,
}

impl Source {
    /// A scene that GDAL opens by its name.
    #[must_use]
    pub fn local(name: &OsStr) -> Self {
        Self { name: name.to_owned(), called: shown(name), is_copy: false }
    }

    /// What users call it, as text.
    #[must_use]
    pub fn called(&self) -> String {
        self.called.to_string_lossy().into_owned()
    }

    /// What GDAL opens.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Opens it.
    ///
    /// # Errors
    /// Those of [`Scene::open`].
    pub fn open(&self, options: &SceneOptions) -> Result<Scene, GeoIoError> {
        Scene::open_as(&self.name, &self.called, options)
    }

    /// By which a later look tells whether the scene is still the same; a copy has no time of its own.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let found = Fingerprint::of(&self.name)?;
        Some(if self.is_copy { Fingerprint { changed_ns: 0, ..found } } else { found })
    }
}

/// A scene that is at hand. A copy that was fetched is removed when this is dropped.
#[derive(Debug)]
pub struct Fetched {
    /// The scene.
    pub source: Source,
    _copy: Option<Scratch>,
}

impl Fetched {
    /// A scene that somebody else holds.
    #[must_use]
    pub fn at_hand(source: Source) -> Self {
        Self { source, _copy: None }
    }
}

/// The fetching of a scene, prepared: the folder is held by whoever waits for it, so that it is removed in any case.
pub(crate) struct Fetching {
    fetch: Fetch,
    called: OsString,
    scratch: Scratch,
}

impl Fetching {
    /// Prepares it.
    ///
    /// # Errors
    /// A name that is no address, a folder that cannot be written, [`RemoteErrorKind::Untrusted`].
    pub(crate) fn new(
        name: &OsStr,
        options: &RemoteOptions,
        trust: Trust,
        watched: bool,
    ) -> Result<Self, PipelineError> {
        let called = shown(name);
        let shown = called.to_string_lossy().into_owned();
        if trust != Trust::Trusted {
            return Err(RemoteErrorKind::Untrusted.of(&shown).into());
        }
        let url = name.to_str().map_or_else(
            || Err("it is not UTF-8".to_owned()),
            |name| Url::parse(name).map_err(|cause| cause.to_string()),
        );
        let url = url.map_err(|reason| RemoteErrorKind::NoAddress(reason).of(&shown))?;
        let scratch = options.scratch()?;
        let folder = scratch.path().to_owned();
        Ok(Self { fetch: Fetch { shown, url, folder, options: options.clone(), watched }, called, scratch })
    }

    /// The work itself, and what becomes of the file that comes of it.
    pub(crate) fn split(
        self,
    ) -> (impl FnOnce() -> Result<PathBuf, PipelineError> + Send, impl FnOnce(PathBuf) -> Fetched) {
        let Self { fetch, called, scratch } = self;
        let fetched = |path: PathBuf| Fetched {
            source: Source { name: path.into_os_string(), called, is_copy: true },
            _copy: Some(scratch),
        };
        (move || fetch.run(), fetched)
    }
}

/// Refuses an address that a plan must not hold.
///
/// # Errors
/// [`RemoteErrorKind::Secret`].
pub fn without_secrets(name: &OsStr) -> Result<(), RemoteError> {
    if has_secrets(name) { Err(RemoteErrorKind::Secret.of(&shown(name).to_string_lossy())) } else { Ok(()) }
}
