//! What is to be done, written down once: scenes, model, prompts, options and units. Whoever holds a plan gets its results.

mod options;
mod scene;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use geo_io::{Scene, SceneOptions, Trust, pending_file};
use serde::{Deserialize, Serialize};

use crate::config::OutputConfig;
use crate::error::PipelineError;
use crate::outputs::OutputNames;
pub use crate::plan::options::PlanOptions;
pub use crate::plan::scene::{PlannedScene, RejectedScene, planned_name};
use crate::remote::Source;
use crate::report::ModelReport;
use crate::setting::Setting;
use crate::unit::Unit;
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
    pub fn lay_out(
        &mut self,
        mut scene: PlannedScene,
        source: &Source,
        tiles: usize,
    ) -> Result<Setting, PipelineError> {
        let (_, setting) = self.opened(&scene, source)?;
        scene.scaling = Some(setting.info.scaling.clone());
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
    pub fn open(&self, scene: usize, source: &Source) -> Result<(Scene, Setting), PipelineError> {
        let planned = &self.scenes[scene];
        let (opened, setting) = self.opened(planned, source)?;
        if [setting.plan.grid_rows(), setting.plan.grid_cols()] != planned.grid {
            return Err(PipelineError::SceneChanged { scene: planned.name.clone() });
        }
        Ok((opened, setting))
    }

    fn opened(&self, planned: &PlannedScene, source: &Source) -> Result<(Scene, Setting), PipelineError> {
        planned.unchanged(source)?;
        self.options.cutline_unchanged()?;
        let options = self.options.scene().map_err(PipelineError::Usage)?;
        let options = SceneOptions { known_scaling: planned.scaling.clone(), ..options };
        let run = self.options.run().map_err(PipelineError::Usage)?;
        let opened = source.open(&options)?;
        run.fits(opened.info())?;
        let prompts = self.prompts.iter().cloned().map(PromptSpec::new).collect();
        let notes = self.vocabulary_notes.clone();
        let model = ModelReport { folder: self.model_folder.clone(), ..self.model.clone() };
        let setting = Setting::new(&opened, model, prompts, run, notes)?;
        Ok((opened, setting))
    }

    /// Whom the scenes come from.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.options.untrusted_max_px.map_or(Trust::Trusted, |max_px| Trust::Untrusted { max_px })
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
        let PlannedScene { vectors, raster, class_raster, qgis_project, report, .. } = &self.scenes[scene];
        let at = |path: &Option<PathBuf>| path.as_ref().map(|path| folder.join(path));
        let config = OutputConfig {
            vectors: vectors.iter().map(|path| folder.join(path)).collect(),
            raster: at(raster),
            class_raster: at(class_raster),
            qgis_project: at(qgis_project),
            report: at(report),
            overwrite,
            ..self.options.outputs()
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
