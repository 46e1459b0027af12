//! Runs units of a plan into their logs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use geo_io::Scene;
use model::Segmenter;

use crate::budget::Ram;
use crate::checkpoint::log::{LogHeader, LogWriter, SCENE};
use crate::closing::StageOutput;
use crate::error::{PipelineError, Signal};
use crate::exit::{Exit, one_line};
use crate::plan::Plan;
use crate::processor::processor;
use crate::remote::{Fetched, RemoteOptions, Source};
use crate::report::TileCounts;
use crate::run::start::{Stages, Work};
use crate::run::{blocked_on, fetched, loaded, watch};
use crate::setting::Setting;
use crate::stage::Cancel;
use crate::stage::record::RecordStage;

/// Opens the model, asked for the plan's prompts.
pub type OpenModel = Box<dyn FnMut() -> Result<Box<dyn Segmenter>, PipelineError> + Send>;

/// Told the number of a unit and what came of it.
pub type UnitListener = Box<dyn FnMut(usize, &Result<TileCounts, PipelineError>) + Send>;

/// Units to be run.
pub struct UnitsJob {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its folder.
    pub folder: PathBuf,
    /// The numbers of the units, in the order in which they are run; asked for the next when one is done.
    pub units: Box<dyn Iterator<Item = usize> + Send>,
    /// Told of every unit that is done or failed.
    pub each: UnitListener,
    /// Opens the model: once, and again after a unit that failed.
    pub open_model: OpenModel,
    /// The plan's only scene, where it is at hand already.
    pub source: Option<Source>,
    /// How scenes on servers are fetched.
    pub remote: RemoteOptions,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Threads that read tiles.
    pub readers: usize,
    /// The memory that the run may take.
    pub ram: Ram,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// What came of some units.
#[derive(Debug, Default)]
pub struct UnitsOutcome {
    /// Units that are finished now.
    pub finished: usize,
    /// Tiles of finished units; `resumed` are those that an earlier run had finished.
    pub tiles: TileCounts,
    /// Units of scenes that cannot be worked on, and why.
    pub failed: Vec<(usize, PipelineError)>,
    /// Units that another process has in hand.
    pub locked: Vec<usize>,
    /// What each stage took, in seconds.
    pub seconds: BTreeMap<&'static str, f64>,
}

impl UnitsOutcome {
    /// What failed and locked units mean for a run.
    ///
    /// # Errors
    /// The only scene's own error, [`PipelineError::ScenesFailed`] for some of several, [`PipelineError::UnitsLocked`].
    pub fn concluded(self, plan: &Plan) -> Result<(), PipelineError> {
        let mut failed: Vec<(usize, PipelineError)> = Vec::new();
        for (unit, error) in self.failed {
            let scene = plan.units[unit].scene;
            if !failed.iter().any(|(known, _)| *known == scene) {
                failed.push((scene, error));
            }
        }
        if plan.scenes.len() == 1
            && let Some((_, error)) = failed.pop()
        {
            return Err(error);
        }
        // Servers that cannot be reached now may be later; what else failed will fail again.
        if failed.iter().all(|(_, error)| error.exit() == Exit::TryAgain)
            && let Some((_, error)) = failed.pop()
        {
            return Err(error);
        }
        if let Some((scene, first)) = failed.first() {
            let (scene, all) = (plan.scenes[*scene].name.clone(), plan.scenes.len());
            return Err(PipelineError::ScenesFailed { failed: failed.len(), all, scene, reason: one_line(first) });
        }
        if !self.locked.is_empty() {
            return Err(PipelineError::UnitsLocked { units: self.locked.len() });
        }
        Ok(())
    }
}

/// Runs units until all are done or `interrupt` comes; what was answered until then is kept.
///
/// # Errors
/// What concerns more than one scene: the model, the disk, a bug, or [`PipelineError::Paused`].
pub fn run_units<I>(job: UnitsJob, interrupt: I) -> Result<UnitsOutcome, PipelineError>
where
    I: Future<Output = Signal>,
{
    blocked_on(async {
        let mut interrupt = Box::pin(interrupt);
        units(job, &mut interrupt).await
    })
}

/// A scene of a plan, open.
struct Open {
    number: usize,
    scene: Scene,
    source: Source,
    /// Its copy, if it was fetched.
    _fetched: Option<Fetched>,
    setting: Arc<Setting>,
}

pub(super) async fn units<I>(job: UnitsJob, interrupt: &mut Pin<Box<I>>) -> Result<UnitsOutcome, PipelineError>
where
    I: Future<Output = Signal>,
{
    let UnitsJob { plan, folder, mut units, mut each, open_model, source: given, remote, batch, readers, ram, watched } =
        job;
    let mut outcome = UnitsOutcome::default();
    let mut model = Model { open: Some(open_model), ready: None };
    let mut open: Option<Open> = None;
    loop {
        // Whoever names the units may take its time, and an interrupt has to get through meanwhile.
        let next = loaded(move || Ok((units.next(), units)), interrupt).await.map_err(PipelineError::paused)?;
        units = next.1;
        let Some(number) = next.0 else { break };
        let scene = plan.units[number].scene;
        let done = async {
            if Plan::finished_log(&folder, number).exists() {
                let tiles = plan.tiles_of(number).len() as u64;
                return Ok(TileCounts { planned: tiles, resumed: tiles, ..TileCounts::default() });
            }
            if open.as_ref().is_none_or(|open| open.number != scene) {
                open = None;
                let name = OsStr::new(&plan.scenes[scene].name);
                let fetched = match &given {
                    Some(_) => None,
                    None => Some(fetched(name, &remote, plan.trust(), watched, interrupt).await?),
                };
                let at_hand = given.as_ref().or(fetched.as_ref().map(|fetched| &fetched.source));
                let source = at_hand.ok_or(PipelineError::Stopped("fetch"))?.clone();
                let (plan, own) = (plan.clone(), source.clone());
                let (opened, mut setting) = loaded(move || plan.open(scene, &own), interrupt).await?;
                (setting.config.batch, setting.config.readers, setting.config.ram) = (batch, readers, ram);
                open =
                    Some(Open { number: scene, scene: opened, source, _fetched: fetched, setting: Arc::new(setting) });
            }
            let open = open.as_ref().ok_or(PipelineError::Stopped("load"))?;
            let unit = UnitRun { plan: &plan, folder: &folder, number, open, watched };
            unit.run(&mut model, &mut outcome.seconds, interrupt).await
        };
        let done = done.await;
        each(number, &done);
        match done {
            Ok(tiles) => {
                outcome.finished += 1;
                outcome.tiles = outcome.tiles.plus(tiles);
            }
            Err(PipelineError::Locked { .. }) => outcome.locked.push(number),
            Err(error) if error.is_about_a_scene() => {
                tracing::info!("unit {number} failed: {}", one_line(&error));
                outcome.failed.push((number, error));
            }
            Err(error) => return Err(error.paused()),
        }
    }
    Ok(outcome)
}

/// The model between units: lost with a unit that failed, and opened again then.
struct Model {
    open: Option<OpenModel>,
    ready: Option<Box<dyn Segmenter>>,
}

impl Model {
    async fn take<I>(&mut self, interrupt: &mut Pin<Box<I>>) -> Result<Box<dyn Segmenter>, PipelineError>
    where
        I: Future<Output = Signal>,
    {
        if let Some(ready) = self.ready.take() {
            return Ok(ready);
        }
        let mut open = self.open.take().ok_or(PipelineError::Stopped("load"))?;
        let (open, segmenter) = loaded(move || open().map(|segmenter| (open, segmenter)), interrupt).await?;
        self.open = Some(open);
        Ok(segmenter)
    }
}

/// One unit on its way into its log.
struct UnitRun<'a> {
    plan: &'a Plan,
    folder: &'a Path,
    number: usize,
    open: &'a Open,
    watched: bool,
}

impl UnitRun<'_> {
    async fn run<I>(
        self,
        model: &mut Model,
        seconds: &mut BTreeMap<&'static str, f64>,
        interrupt: &mut Pin<Box<I>>,
    ) -> Result<TileCounts, PipelineError>
    where
        I: Future<Output = Signal>,
    {
        let Self { plan, folder, number, open, watched } = self;
        let Open { scene, source, setting, .. } = open;
        let device = &plan.model.device;
        let header = LogHeader { plan: plan.id(), unit: number, processor: format!("{device} on {}", processor()) };
        let tiles = plan.tiles_of(number);
        let asks_scene = setting.views.scene.is_some() && tiles.start == 0;
        let expected = asks_scene.then_some(SCENE).into_iter().chain(tiles.clone().map(|tile| tile as u64));
        let path = Plan::log_of(folder, number);
        let (log, kept) = LogWriter::resume(&path, &header, expected)?;
        let with_scene_view = asks_scene && kept == 0;
        let resumed = kept - usize::from(asks_scene && kept > 0);
        let missing: Arc<[usize]> = tiles.clone().skip(resumed).collect();
        let mut counts = TileCounts { planned: tiles.len() as u64, resumed: resumed as u64, ..TileCounts::default() };
        if missing.is_empty() {
            // Killed between the last answer and the end of the unit.
            drop(log);
        } else {
            let predictor = model.take(interrupt).await?;
            let cancel = Cancel::default();
            let mut stages = Stages::new(setting, &cancel)?;
            let tiles = missing.len();
            let work = Work { scene: scene.reopen()?, predictor, tiles: missing, with_scene_view, watched };
            let (input, scene_answers) = stages.answer(work)?;
            let record = RecordStage { log, scene_answers, tiles, input };
            let recorded = |(counts, took)| StageOutput::Recorded(counts, took);
            stages.spawn(RecordStage::NAME, move || record.run().map(recorded));
            let done = watch(stages.started(), &cancel, interrupt).await?;
            done.seconds().iter().for_each(|(stage, took)| *seconds.entry(stage).or_default() += took);
            model.ready = done.predictor;
            counts = counts.plus(done.recorded);
        }
        plan.scenes[plan.units[number].scene].unchanged(source)?;
        let finished = Plan::finished_log(folder, number);
        std::fs::rename(&path, &finished).map_err(|source| PipelineError::Write { path: finished, source })?;
        Ok(counts)
    }
}
