//! A scene as a plan knows it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use geo_io::ScalingInfo;
use serde::{Deserialize, Serialize};

use crate::error::PipelineError;
use crate::fingerprint::Fingerprint;
use crate::remote::Source;

/// A scene of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedScene {
    /// The name by which GDAL opens it.
    pub name: String,
    /// The file it was, by its content alone where it is fetched; none for a scene that is no file.
    pub fingerprint: Option<Fingerprint>,
    /// How its values become 0 to 255, so that it is found out once; none until it was laid out.
    pub scaling: Option<ScalingInfo>,
    /// Rows and columns of its tiles.
    pub grid: [usize; 2],
    /// Where its polygons go, seen from the folder of the plan.
    pub vectors: Vec<PathBuf>,
    /// Where its rasters go.
    pub raster: Option<PathBuf>,
    /// Where the raster of all prompts goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_raster: Option<PathBuf>,
    /// Where its QGIS project goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qgis_project: Option<PathBuf>,
    /// Where its report goes.
    pub report: Option<PathBuf>,
}

/// A scene that cannot be worked on, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectedScene {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl PlannedScene {
    /// Whether a user means this scene: by its name, its file name, or that without extension.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let path = Path::new(&self.name);
        [Some(path.as_os_str()), path.file_name(), path.file_stem()].contains(&Some(OsStr::new(name)))
    }

    /// Ends the work when the file is no longer what it was.
    ///
    /// # Errors
    /// [`PipelineError::SceneChanged`].
    pub fn unchanged(&self, source: &Source) -> Result<(), PipelineError> {
        match &self.fingerprint {
            Some(then) if source.fingerprint().as_ref() != Some(then) => {
                Err(PipelineError::SceneChanged { scene: self.name.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// A scene's name in a plan: absolute where it is a file, so that a plan can be run from any folder.
///
/// # Errors
/// A name that is not UTF-8, which a plan cannot hold.
pub fn planned_name(scene: &OsStr) -> Result<String, PipelineError> {
    let name: OsString = match Path::new(scene).metadata() {
        Ok(_) => std::path::absolute(scene).map_or_else(|_| scene.to_owned(), PathBuf::into_os_string),
        Err(_) => scene.to_owned(),
    };
    name.into_string().map_err(|name| {
        PipelineError::Usage(format!(
            "the name of scene {} is not UTF-8, which a plan cannot hold: rename it",
            name.display()
        ))
    })
}
