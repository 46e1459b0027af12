//! Statistics of scenes in a file: what values become 0 and 255, found out once and used again.

use std::path::{Path, PathBuf};

use geo_io::{ScalingInfo, Scene, SceneOptions, pending_file};
use serde::{Deserialize, Serialize};

use crate::error::PipelineError;
use crate::fingerprint::Fingerprint;
use crate::remote::Source;

/// Which files this program reads.
const SCHEMA: u32 = 1;
/// Largest file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// A file of statistics: one that is there is used, one that is not is made.
#[derive(Debug)]
pub struct Statistics {
    path: PathBuf,
    is_there: bool,
    scenes: Vec<SceneStatistics>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u32,
    scenes: Vec<SceneStatistics>,
}

/// What is known of one scene, read in one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SceneStatistics {
    /// Its name when it was looked at; it may have been moved since.
    scene: String,
    /// What it is known by, whatever its name and time; none for a scene that is no file.
    fingerprint: Option<Fingerprint>,
    /// Width and height.
    size: [u32; 2],
    data_type: String,
    /// The bands in use.
    bands: Vec<usize>,
    /// What was asked for.
    bands_asked: Option<Vec<usize>>,
    scale: String,
    src_nodata: Option<f64>,
    /// What came of it.
    scaling: ScalingInfo,
}

impl Statistics {
    /// The file of this name, if there is one.
    ///
    /// # Errors
    /// A file that cannot be read or is no such file.
    pub fn open(path: &Path) -> Result<Self, PipelineError> {
        let cannot = |source| PipelineError::ReadInput { path: path.to_owned(), source };
        let refuse = |reason: String| PipelineError::Statistics { path: path.to_owned(), reason };
        let mut found = Self { path: path.to_owned(), is_there: false, scenes: Vec::new() };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(cannot(error)),
            Ok(there) if !there.is_file() || there.len() > MAX_BYTES => {
                return Err(refuse(format!("it is no file of at most {MAX_BYTES} bytes")));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(path).map_err(cannot)?;
        let stored: Stored = serde_json::from_str(&text).map_err(|cause| refuse(cause.to_string()))?;
        if stored.schema != SCHEMA {
            return Err(refuse(format!("it is of another version ({})", stored.schema)));
        }
        (found.is_there, found.scenes) = (true, stored.scenes);
        Ok(found)
    }

    /// How a scene is read with what the file says of it.
    ///
    /// # Errors
    /// [`PipelineError::Statistics`] when the file is there and says nothing of this scene read in this way.
    pub fn options(&self, source: &Source, options: &SceneOptions) -> Result<SceneOptions, PipelineError> {
        if !self.is_there {
            return Ok(options.clone());
        }
        let print = timeless(source);
        let of_scene = |known: &&SceneStatistics| match &print {
            Some(print) => known.fingerprint.as_ref() == Some(print),
            None => known.fingerprint.is_none() && known.scene == source.called(),
        };
        let as_asked = |known: &&SceneStatistics| {
            (&known.bands_asked, known.src_nodata, &known.scale)
                == (&options.bands, options.nodata, &options.scale.to_string())
        };
        let scenes: Vec<&SceneStatistics> = self.scenes.iter().filter(of_scene).collect();
        let Some(known) = scenes.iter().copied().find(as_asked) else {
            let what = if scenes.is_empty() { "has nothing about" } else { "has other bands, scale or nodata for" };
            return Err(self.refused(format!("it {what} scene {}", source.called())));
        };
        Ok(SceneOptions { known_scaling: Some(known.scaling.clone()), ..options.clone() })
    }

    /// Checks a scene that was opened with [`options`](Self::options), or takes down what was found out about it.
    ///
    /// # Errors
    /// [`PipelineError::Statistics`] when the scene is not the one that the file means.
    pub fn note(&mut self, source: &Source, options: &SceneOptions, scene: &Scene) -> Result<(), PipelineError> {
        let info = scene.info();
        let seen = SceneStatistics {
            scene: source.called(),
            fingerprint: timeless(source),
            size: [info.size.width, info.size.height],
            data_type: info.data_type.clone(),
            bands: info.bands.clone(),
            bands_asked: options.bands.clone(),
            scale: options.scale.to_string(),
            src_nodata: options.nodata,
            scaling: info.scaling.clone(),
        };
        let is_same =
            |known: &SceneStatistics| *known == SceneStatistics { scene: known.scene.clone(), ..seen.clone() };
        if self.scenes.iter().any(is_same) {
            return Ok(());
        }
        if self.is_there {
            return Err(self.refused(format!("size, type or bands of scene {} are others", source.called())));
        }
        self.scenes.push(seen);
        Ok(())
    }

    /// Writes the file if it was not there.
    ///
    /// # Errors
    /// A folder that cannot be written, a full disk.
    pub fn write(&self) -> Result<(), PipelineError> {
        if self.is_there {
            return Ok(());
        }
        let stored = Stored { schema: SCHEMA, scenes: self.scenes.clone() };
        let mut text = serde_json::to_string_pretty(&stored).map_err(|cause| self.refused(cause.to_string()))?;
        text.push('\n');
        pending_file(&self.path, false, text.as_bytes())?.commit()?;
        Ok(())
    }

    fn refused(&self, reason: String) -> PipelineError {
        PipelineError::Statistics { path: self.path.clone(), reason }
    }
}

/// Whether a file of statistics that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// It is made.
    IsMade,
    /// It is only read.
    IsRead,
}

/// Opens a scene with the statistics of a file, or makes that file.
///
/// # Errors
/// A scene that cannot be opened, [`PipelineError::Statistics`], a file that cannot be written.
pub fn opened(
    source: &Source,
    options: &SceneOptions,
    file: Option<&Path>,
    book: Book,
) -> Result<Scene, PipelineError> {
    let Some(file) = file else { return Ok(source.open(options)?) };
    let mut statistics = Statistics::open(file)?;
    let scene = source.open(&statistics.options(source, options)?)?;
    statistics.note(source, options, &scene)?;
    if book == Book::IsMade {
        statistics.write()?;
    }
    Ok(scene)
}

/// How values of a scene become 0 to 255 by a file of statistics, which is made if it is not there.
///
/// # Errors
/// Those of [`opened`].
pub fn known_scaling(
    source: &Source,
    options: &SceneOptions,
    file: Option<&Path>,
) -> Result<Option<ScalingInfo>, PipelineError> {
    let Some(file) = file else { return Ok(None) };
    Ok(Some(opened(source, options, Some(file), Book::IsMade)?.info().scaling.clone()))
}

/// What a scene is known by wherever it is copied to.
fn timeless(source: &Source) -> Option<Fingerprint> {
    source.fingerprint().map(|print| Fingerprint { changed_ns: 0, ..print })
}
