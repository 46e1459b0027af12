//! The file that says what a job is: which scenes, what to find, how, and where results go.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use geo_io::{MAX_UNTRUSTED_PX, SceneOptions, Trust};
use model::DeviceChoice;
use serde::{Deserialize, Serialize};

use super::error::BatchError;
use super::job_options::{JobOptions, Spelled, spelled};
use crate::budget::Ram;
use crate::commands::segment::checked_prompts;
use crate::config::{OutputConfig, RunConfig};
use crate::error::PipelineError;
use crate::plan::PlanOptions;
use crate::remote::{MAX_DOWNLOAD_BYTES, RemoteOptions};

/// Largest job file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// A job as its file says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// Names, patterns, `@lists` and folders.
    pub scenes: Vec<String>,
    /// What to find.
    pub prompts: Vec<String>,
    /// The folder that results go to.
    pub output: PathBuf,
    /// How results are named after their scene.
    #[serde(default = "default_name")]
    pub name: String,
    /// Whether polygons are written, and in which format.
    #[serde(default)]
    pub polygons: PolygonFormats,
    /// Whether probability, uncertainty and mask are written.
    #[serde(default)]
    pub raster: bool,
    /// Whether all prompts are written in one raster.
    #[serde(default)]
    pub class_raster: bool,
    /// Whether rasters are cloud-optimized GeoTIFFs.
    #[serde(default)]
    pub cog: bool,
    /// Whether QGIS styles are written.
    #[serde(default)]
    pub styles: bool,
    /// The extension of QGIS projects, where some are wanted.
    pub qgis_project: Option<String>,
    /// Whether STAC Items are written.
    #[serde(default)]
    pub stac: bool,
    /// The name of a GeoPackage in the output folder with the detections of all scenes.
    pub collect: Option<String>,
    /// Extensions of the files that are scenes in a folder.
    #[serde(default = "default_extensions")]
    pub extensions: Vec<String>,
    /// The model folder.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    #[serde(default, deserialize_with = "spelled")]
    pub device: DeviceChoice,
    /// Whether scenes come from strangers.
    #[serde(default)]
    pub untrusted: bool,
    /// The most pixels that such a scene may have.
    #[serde(default = "default_max_pixels")]
    pub max_pixels: u64,
    /// The asset of STAC items that is the scene.
    pub asset: Option<String>,
    /// Whether GDAL reads addresses itself instead of having them fetched.
    #[serde(default)]
    pub direct: bool,
    /// The folder for copies of scenes that are fetched.
    pub scratch: Option<PathBuf>,
    /// The most that such a scene may have.
    max_download: Option<Spelled>,
    /// The flags of `segment`.
    #[serde(default)]
    pub options: JobOptions,
    /// The folder that names in the file are relative to: that of the file.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The formats of polygons, by their extensions: `"gpkg"`, `["geojson", "fgb"]` or `"none"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum PolygonFormats {
    /// One, or none at all.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for PolygonFormats {
    fn default() -> Self {
        Self::One("geojson".to_owned())
    }
}

impl PolygonFormats {
    /// The extensions, checked.
    fn extensions(&self) -> Result<Vec<&str>, String> {
        // Not .shp, which would be several files of which only one is known by name.
        const KNOWN: [&str; 6] = ["geojson", "geojsonl", "geojsons", "gpkg", "fgb", "parquet"];
        let extensions: Vec<&str> = match self {
            Self::One(none) if none == "none" => Vec::new(),
            Self::One(one) => vec![one],
            Self::Several(several) => several.iter().map(String::as_str).collect(),
        };
        match extensions.iter().find(|extension| !KNOWN.contains(extension)) {
            Some(unknown) => Err(format!("polygons: {unknown:?} is none of {}, none", KNOWN.join(", "))),
            None => Ok(extensions),
        }
    }
}

fn default_name() -> String {
    "{stem}".to_owned()
}

fn default_max_pixels() -> u64 {
    MAX_UNTRUSTED_PX
}

fn default_extensions() -> Vec<String> {
    crate::scenes::EXTENSIONS.map(str::to_owned).to_vec()
}

/// What shapes the results of a job besides the scenes; equal settings and an equal scene give equal results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Version of what outputs hold; raised when a later program would write something else.
    pub schema: u32,
    /// Hash of the model folder.
    pub model: String,
    /// What is looked for.
    pub prompts: Vec<String>,
    /// Extensions of the polygons.
    pub polygons: Vec<String>,
    /// Whether there are rasters.
    pub raster: bool,
    /// Whether there is a raster of all prompts.
    #[serde(default)]
    pub class_raster: bool,
    /// The extension of the QGIS project.
    #[serde(default)]
    pub qgis_project: Option<String>,
    /// Every option that shapes results.
    pub options: PlanOptions,
}

impl JobFile {
    /// The job in a file; names in it are relative to the folder of the file.
    ///
    /// # Errors
    /// A file that cannot be read, is not such a job, or asks for the impossible.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let cannot = |source| PipelineError::ReadInput { path: path.to_owned(), source };
        let refuse = |reason: String| BatchError::JobFile { path: path.to_owned(), reason };
        if std::fs::metadata(path).map_err(cannot)?.len() > MAX_BYTES {
            return Err(refuse(format!("it is larger than {MAX_BYTES} bytes")).into());
        }
        let text = std::fs::read_to_string(path).map_err(cannot)?;
        let mut job = Self::parse(&text).map_err(refuse)?;
        job.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        job.prompts = checked_prompts(&job.prompts)?;
        Ok(job)
    }

    /// The job in a text.
    fn parse(text: &str) -> Result<Self, String> {
        let job: Self = toml::from_str(text).map_err(|cause| {
            let line = cause.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            format!("{place}{}", cause.message())
        })?;
        if job.scenes.is_empty() {
            return Err("scenes is empty".to_owned());
        }
        if job.prompts.is_empty() {
            return Err("prompts is empty".to_owned());
        }
        if job.polygons.extensions()?.is_empty() && !job.raster && !job.class_raster {
            return Err("nothing to write: polygons is none, raster and class_raster are false".to_owned());
        }
        if let Some(unknown) = job.qgis_project.as_ref().filter(|end| !["qgs", "qgz"].contains(&end.as_str())) {
            return Err(format!("qgis_project: {unknown:?} is neither qgs nor qgz"));
        }
        if let Some(file) = &job.collect {
            if !file.ends_with(".gpkg") || file.len() == 5 || file.contains(['/', '\\']) {
                return Err(format!("collect: {file:?} is no name of a .gpkg in the output folder"));
            }
            if job.polygons.extensions()?.is_empty() {
                return Err("collect: there are no polygons to collect, polygons is none".to_owned());
            }
        }
        job.remote()?;
        job.run_config(OutputConfig::default())?;
        Ok(job)
    }

    /// A name in the file as seen from the working folder.
    #[must_use]
    pub fn at(&self, name: &Path) -> PathBuf {
        self.folder.join(name)
    }

    /// The extensions of the polygons.
    #[must_use]
    pub fn polygon_extensions(&self) -> Vec<&str> {
        // They were checked when the file was read.
        self.polygons.extensions().unwrap_or_default()
    }

    /// How scenes are read.
    #[must_use]
    pub fn scene_options(&self) -> SceneOptions {
        self.options.scene_options(self.trust())
    }

    /// How scenes on servers are fetched.
    ///
    /// # Errors
    /// An amount that is none.
    pub fn remote(&self) -> Result<RemoteOptions, String> {
        let most = self.max_download.as_ref().map(|text| Ram::from_str(&text.to_string()));
        let most = most.transpose().map_err(|reason| format!("max_download: {reason}"))?;
        Ok(RemoteOptions {
            scratch: self.scratch.as_ref().map(|folder| self.at(folder)),
            max_bytes: most.and_then(Ram::bytes).unwrap_or(MAX_DOWNLOAD_BYTES),
            ..RemoteOptions::default()
        })
    }

    /// Whom scenes come from.
    #[must_use]
    pub fn trust(&self) -> Trust {
        if self.untrusted { Trust::Untrusted { max_px: self.max_pixels } } else { Trust::Trusted }
    }

    /// Takes scenes to come from whom the command line says, where that is less trusted than what the file says.
    pub fn distrust(&mut self, trust: Trust) {
        if let Trust::Untrusted { max_px } = trust {
            self.max_pixels = if self.untrusted { self.max_pixels.min(max_px) } else { max_px };
            self.untrusted = true;
        }
    }

    /// How each scene is worked on.
    ///
    /// # Errors
    /// The option that makes no sense, and why.
    pub fn run_config(&self, outputs: OutputConfig) -> Result<RunConfig, String> {
        self.options.run_config(outputs, &self.folder)
    }

    /// What shapes the results, with a model of this hash.
    ///
    /// # Errors
    /// Those of [`run_config`](Self::run_config).
    pub fn settings(&self, model_hash: &str) -> Result<Settings, String> {
        /// Raised when a later program would write something else for the same scene and settings.
        const SCHEMA: u32 = 1;
        let mut options = PlanOptions::new(&self.scene_options(), &self.run_config(self.outputs())?);
        if let (Some(planned), Some(file)) = (&mut options.cutline, &self.options.cutline) {
            // As the job says it, so that a job that is moved as a whole has nothing to do anew.
            planned.file.clone_from(file);
        }
        Ok(Settings {
            schema: SCHEMA,
            model: model_hash.to_owned(),
            prompts: self.prompts.clone(),
            polygons: self.polygon_extensions().into_iter().map(str::to_owned).collect(),
            raster: self.raster,
            class_raster: self.class_raster,
            qgis_project: self.qgis_project.clone(),
            options,
        })
    }

    /// What is written besides polygons and rasters, and how; no names.
    #[must_use]
    pub fn outputs(&self) -> OutputConfig {
        let Self { cog, styles, stac, .. } = *self;
        OutputConfig { cog, styles, stac, rfc7946: self.options.rfc7946, ..OutputConfig::default() }
    }
}

#[cfg(test)]
#[path = "job_file_tests.rs"]
mod tests;
