//! What is to be done, written down once: scenes, model, prompts, options and units. Whoever holds a plan gets its results.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use geo_io::{Scene, SceneOptions, Trust, pending_file};
use serde::{Deserialize, Serialize};

use crate::config::{OnBadTile, OutputConfig, PolygonConfig, RunConfig};
use crate::error::PipelineError;
use crate::fingerprint::Fingerprint;
use crate::outputs::OutputNames;
use crate::report::ModelReport;
use crate::setting::Setting;
use crate::unit::Unit;
use crate::view::choice::ViewConfig;
use crate::view::part::Part;
use crate::view::prompts::PromptSpec;

/// The name of a plan in its folder.
pub const PLAN: &str = "plan.json";
/// The folder of its units, beside it.
pub const UNITS: &str = "units";
/// Which plans this program reads.
const SCHEMA: u32 = 1;

/// Scenes, model, prompts, options and units. Never changed once it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Which form of plan this is.
    pub schema: u32,
    /// Version of the program that made it; another one may give other bytes.
    pub program: String,
    /// The model folder, as it was named.
    pub model_folder: PathBuf,
    /// The model in it.
    pub model: ModelReport,
    /// What is looked for.
    pub prompts: Vec<String>,
    /// What is to be said about prompts that the model is not made for.
    pub vocabulary_notes: Vec<String>,
    /// Everything else that shapes the results.
    pub options: PlanOptions,
    /// The scenes.
    pub scenes: Vec<PlannedScene>,
    /// Scenes that were asked for and cannot be worked on.
    pub rejected: Vec<RejectedScene>,
    /// The pieces, in the order in which shards take them.
    pub units: Vec<Unit>,
}

/// The options of a plan, as flags would give them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the flag of `segment` with the same name")]
pub struct PlanOptions {
    pub bands: Option<Vec<usize>>,
    pub scale: String,
    pub src_nodata: Option<f64>,
    pub assume_crs: Option<String>,
    pub allow_no_crs: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrusted_max_px: Option<u64>,
    pub part: Part,
    pub resolution: String,
    pub frame: String,
    pub views: String,
    pub tile_overlap: String,
    pub threshold: f32,
    pub min_presence: Option<f64>,
    pub min_area: String,
    pub max_uncertainty: Option<f64>,
    pub fill_holes: String,
    pub simplify: Option<f64>,
    pub connectivity: u8,
    pub on_bad_tile: OnBadTile,
    pub raw_uncertainty: bool,
    pub rfc7946: bool,
}

/// A scene of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedScene {
    /// The name by which GDAL opens it.
    pub name: String,
    /// The file it was; none for a scene that is no file.
    pub fingerprint: Option<Fingerprint>,
    /// Rows and columns of its tiles.
    pub grid: [usize; 2],
    /// Where its polygons go, seen from the folder of the plan.
    pub vectors: Vec<PathBuf>,
    /// Where its rasters go.
    pub raster: Option<PathBuf>,
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
    pub fn unchanged(&self) -> Result<(), PipelineError> {
        match &self.fingerprint {
            Some(then) if Fingerprint::of(OsStr::new(&self.name)).as_ref() != Some(then) => {
                Err(PipelineError::SceneChanged { scene: self.name.clone() })
            }
            _ => Ok(()),
        }
    }
}

impl PlanOptions {
    /// The options of a run.
    #[must_use]
    pub fn new(scene: &SceneOptions, run: &RunConfig) -> Self {
        Self {
            bands: scene.bands.clone(),
            scale: scene.scale.to_string(),
            src_nodata: scene.nodata,
            assume_crs: scene.assume_crs.clone(),
            allow_no_crs: scene.allow_no_crs,
            untrusted_max_px: match scene.trust {
                Trust::Trusted => None,
                Trust::Untrusted { max_px } => Some(max_px),
            },
            part: run.part,
            resolution: run.views.resolution.to_string(),
            frame: run.views.frame.to_string(),
            views: run.views.sizes.to_string(),
            tile_overlap: run.overlap.to_string(),
            threshold: run.threshold,
            min_presence: run.min_presence,
            min_area: run.polygons.min_area.to_string(),
            max_uncertainty: run.polygons.max_uncertainty,
            fill_holes: run.polygons.fill_holes.to_string(),
            simplify: run.polygons.simplify_px,
            connectivity: run.polygons.connectivity(),
            on_bad_tile: run.on_bad_tile,
            raw_uncertainty: run.raw_uncertainty,
            rfc7946: run.outputs.rfc7946,
        }
    }

    /// How scenes are read.
    fn scene(&self) -> Result<SceneOptions, String> {
        Ok(SceneOptions {
            bands: self.bands.clone(),
            scale: parsed(&self.scale)?,
            nodata: self.src_nodata,
            assume_crs: self.assume_crs.clone(),
            allow_no_crs: self.allow_no_crs,
            trust: self.untrusted_max_px.map_or(Trust::Trusted, |max_px| Trust::Untrusted { max_px }),
        })
    }

    /// How runs go.
    fn run(&self) -> Result<RunConfig, String> {
        Ok(RunConfig {
            views: ViewConfig {
                resolution: parsed(&self.resolution)?,
                frame: parsed(&self.frame)?,
                sizes: parsed(&self.views)?,
            },
            part: self.part,
            overlap: parsed(&self.tile_overlap)?,
            threshold: self.threshold,
            min_presence: self.min_presence,
            polygons: PolygonConfig {
                min_area: parsed(&self.min_area)?,
                max_uncertainty: self.max_uncertainty,
                fill_holes: parsed(&self.fill_holes)?,
                simplify_px: self.simplify,
                corners_connect: self.connectivity == 8,
            },
            on_bad_tile: self.on_bad_tile,
            raw_uncertainty: self.raw_uncertainty,
            ..RunConfig::new(OutputConfig { rfc7946: self.rfc7946, ..OutputConfig::default() })
        })
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

impl Plan {
    /// A plan without units yet; [`lay_out`](Self::lay_out) adds them.
    #[must_use]
    pub fn new(model_folder: PathBuf, model: ModelReport, prompts: Vec<String>, options: PlanOptions) -> Self {
        Self {
            schema: SCHEMA,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            model_folder,
            model,
            prompts,
            vocabulary_notes: Vec::new(),
            options,
            scenes: Vec::new(),
            rejected: Vec::new(),
            units: Vec::new(),
        }
    }

    /// Adds a scene and cuts it into units of about so many tiles.
    ///
    /// # Errors
    /// A scene that cannot be opened or shown to the model.
    pub fn lay_out(&mut self, mut scene: PlannedScene, tiles: usize) -> Result<Setting, PipelineError> {
        let (_, setting) = self.opened(&scene)?;
        let [rows, cols] = [setting.plan.grid_rows(), setting.plan.grid_cols()];
        scene.grid = [rows, cols];
        self.units.extend(Unit::split(self.scenes.len(), rows, cols, tiles));
        self.scenes.push(scene);
        Ok(setting)
    }

    /// A scene, opened, and all that is decided about it.
    ///
    /// # Errors
    /// A scene that cannot be opened or has changed, options that do not fit it.
    pub fn open(&self, scene: usize) -> Result<(Scene, Setting), PipelineError> {
        let planned = &self.scenes[scene];
        let (opened, setting) = self.opened(planned)?;
        if [setting.plan.grid_rows(), setting.plan.grid_cols()] != planned.grid {
            return Err(PipelineError::SceneChanged { scene: planned.name.clone() });
        }
        Ok((opened, setting))
    }

    fn opened(&self, planned: &PlannedScene) -> Result<(Scene, Setting), PipelineError> {
        planned.unchanged()?;
        let options = self.options.scene().map_err(PipelineError::Usage)?;
        let run = self.options.run().map_err(PipelineError::Usage)?;
        let opened = Scene::open(OsStr::new(&planned.name), &options)?;
        run.fits(opened.info())?;
        let prompts = self.prompts.iter().cloned().map(PromptSpec::new).collect();
        let notes = self.vocabulary_notes.clone();
        let setting = Setting::new(&opened, self.model.clone(), prompts, run, notes)?;
        Ok((opened, setting))
    }

    /// The files of a scene, for a plan in a folder.
    ///
    /// # Errors
    /// Names that two files would share.
    pub fn outputs(
        &self,
        folder: &Path,
        scene: usize,
        overwrite: bool,
    ) -> Result<(OutputNames, OutputConfig), PipelineError> {
        let PlannedScene { vectors, raster, report, .. } = &self.scenes[scene];
        let config = OutputConfig {
            vectors: vectors.iter().map(|path| folder.join(path)).collect(),
            raster: raster.as_ref().map(|path| folder.join(path)),
            report: report.as_ref().map(|path| folder.join(path)),
            overwrite,
            rfc7946: self.options.rfc7946,
            ..OutputConfig::default()
        };
        Ok((self.names(scene, &config)?, config))
    }

    /// The files of a scene when its results go elsewhere.
    ///
    /// # Errors
    /// Names that two files would share.
    pub fn names(&self, scene: usize, config: &OutputConfig) -> Result<OutputNames, PipelineError> {
        OutputNames::new(config, &self.prompts, OsStr::new(&self.scenes[scene].name))
    }

    /// Says so when some scenes could not be planned.
    ///
    /// # Errors
    /// [`PipelineError::ScenesFailed`].
    pub fn all_accepted(&self) -> Result<(), PipelineError> {
        let Some(RejectedScene { name, reason }) = self.rejected.first() else { return Ok(()) };
        Err(PipelineError::ScenesFailed {
            failed: self.rejected.len(),
            all: self.rejected.len() + self.scenes.len(),
            scene: name.clone(),
            reason: reason.clone(),
        })
    }

    /// Refuses a model other than the plan's.
    ///
    /// # Errors
    /// [`PipelineError::PlanMismatch`].
    pub fn is_for(&self, model: &ModelReport) -> Result<(), PipelineError> {
        if model.hash != self.model.hash {
            let reason = format!(
                "it was made for model {} ({:.16}), this is {:.16}",
                self.model.name, self.model.hash, model.hash
            );
            return Err(PipelineError::PlanMismatch { reason });
        }
        Ok(())
    }

    /// What the plan is known by: a hash of all it says.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub fn id(&self) -> String {
        let text = serde_json::to_vec(self).expect("a plan has string keys only");
        blake3::hash(&text).to_hex().to_string()
    }

    /// Writes the plan into a folder, which is made if it is not there. Writing the same plan again changes nothing.
    ///
    /// # Errors
    /// [`PipelineError::OtherPlan`] where another plan lies there, and a folder that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, PipelineError> {
        let path = folder.join(PLAN);
        std::fs::create_dir_all(folder.join(UNITS))
            .map_err(|source| PipelineError::Create { path: folder.to_owned(), source })?;
        let stored = StoredPlan { id: self.id(), plan: self.clone() };
        let mut text = serde_json::to_string_pretty(&stored).expect("a plan has string keys only");
        text.push('\n');
        match std::fs::read_to_string(&path) {
            Ok(there) if there == text => return Ok(path),
            Ok(_) => return Err(PipelineError::OtherPlan { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(PipelineError::ReadInput { path, source }),
        }
        pending_file(&path, false, text.as_bytes())?.commit()?;
        Ok(path)
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// A file that is missing, is no plan, was changed by hand, or was made by another version of the program.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PipelineError::ReadInput { path: path.to_owned(), source })?;
        let wrong = |reason: String| PipelineError::PlanMismatch { reason: format!("{}: {reason}", path.display()) };
        let StoredPlan { id, plan } = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if plan.schema != SCHEMA || plan.program != env!("CARGO_PKG_VERSION") {
            return Err(wrong(format!(
                "it was made by geophrase {}, this is {}",
                plan.program,
                env!("CARGO_PKG_VERSION")
            )));
        }
        if plan.id() != id {
            return Err(wrong("it was changed after it was made: make a new one".into()));
        }
        let rows_ok = |unit: &Unit| unit.scene < plan.scenes.len() && unit.first_row < unit.end_row;
        if !plan.units.iter().all(rows_ok) {
            return Err(wrong("its units do not fit its scenes".into()));
        }
        Ok(plan)
    }

    /// Removes a plan and its units from a folder, and the folder if nothing else is in it.
    pub fn remove(&self, folder: &Path) {
        // What cannot be removed is in nobody's way: the outputs are there.
        for unit in 0..self.units.len() {
            let _ = std::fs::remove_file(Self::log_of(folder, unit));
            let _ = std::fs::remove_file(Self::finished_log(folder, unit));
        }
        let _ = std::fs::remove_dir(folder.join(UNITS));
        // The plan goes last: while it is there, the same command knows the outputs for its own.
        let plan = folder.join(PLAN);
        geo_io::remove_leftovers(&plan);
        let _ = std::fs::remove_file(plan);
        let _ = std::fs::remove_dir(folder);
    }

    /// The file in which the answers to a unit are kept while it is not finished.
    #[must_use]
    pub fn log_of(folder: &Path, unit: usize) -> PathBuf {
        folder.join(UNITS).join(format!("unit-{unit:06}.log"))
    }

    /// The same file once the unit is finished.
    #[must_use]
    pub fn finished_log(folder: &Path, unit: usize) -> PathBuf {
        folder.join(UNITS).join(format!("unit-{unit:06}.done"))
    }

    /// The tiles of a unit, as positions in its scene.
    #[must_use]
    pub fn tiles_of(&self, unit: usize) -> std::ops::Range<usize> {
        let unit = &self.units[unit];
        unit.tiles(self.scenes[unit.scene].grid[1])
    }

    /// The numbers of a scene's units, ascending.
    pub fn units_of(&self, scene: usize) -> impl Iterator<Item = usize> {
        let units = self.units.iter().enumerate();
        units.filter(move |(_, unit)| unit.scene == scene).map(|(number, _)| number)
    }
}

/// A plan as it lies in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPlan {
    id: String,
    plan: Plan,
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
