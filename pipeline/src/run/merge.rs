//! Merges the logs of a scene's units into its files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::budget::Ram;
use crate::closing::{Closing, StageOutput};
use crate::config::{OutputConfig, QUEUE};
use crate::error::{PipelineError, Signal};
use crate::plan::{PLAN, Plan};
use crate::remote::{RemoteOptions, Source};
use crate::run::start::Stages;
use crate::run::units::{UnitsJob, units};
use crate::run::{Outcome, blocked_on, fetched, loaded, watch};
use crate::stage::Cancel;
use crate::stage::recall::{FinishedUnit, RecallStage};
use crate::stage::scene_view::SceneAnswers;

/// Holds a file against other processes while the returned handle lives; the kernel lets go of it when this one dies.
fn locked(path: &Path) -> Result<File, PipelineError> {
    let file = File::open(path).map_err(|source| PipelineError::ReadInput { path: path.to_owned(), source })?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(PipelineError::Locked { path: path.to_owned() }),
        // A file system without locks: two merges write the same bytes.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// A scene whose units are all finished.
pub struct MergeJob {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its folder.
    pub folder: PathBuf,
    /// The scene's number.
    pub scene: usize,
    /// The scene, where it is at hand already.
    pub source: Option<Source>,
    /// How a scene on a server is fetched.
    pub remote: RemoteOptions,
    /// How many detections to hand back besides writing them.
    pub keep_detections: usize,
    /// Tiles that an interrupted run before this one had finished.
    pub resumed: u64,
    /// Where results go, when not where the plan says.
    pub outputs: Option<OutputConfig>,
    /// Whether outputs that exist where the plan says are replaced.
    pub overwrite: bool,
    /// The memory that the merge may take.
    pub ram: Ram,
}

/// Makes the files of a scene from the logs of its units: the same bytes however they came about.
///
/// # Errors
/// Units that are not finished or damaged, a scene that has changed, an output that cannot be written.
pub fn merge<I>(job: MergeJob, interrupt: I) -> Result<Outcome, PipelineError>
where
    I: Future<Output = Signal>,
{
    blocked_on(async {
        let mut interrupt = Box::pin(interrupt);
        let before = Before { started: Instant::now(), seconds: BTreeMap::new() };
        merged(job, before, &mut interrupt).await
    })
}

/// Runs the units of a plan of one scene and merges them.
///
/// # Errors
/// Those of [`run_units`](crate::run::units::run_units) and of [`merge`].
pub fn run_and_merge<I>(job: UnitsJob, merge: MergeJob, interrupt: I) -> Result<Outcome, PipelineError>
where
    I: Future<Output = Signal>,
{
    blocked_on(async {
        let mut interrupt = Box::pin(interrupt);
        let (plan, started) = (job.plan.clone(), Instant::now());
        let mut outcome = units(job, &mut interrupt).await?;
        let (resumed, seconds) = (outcome.tiles.resumed, std::mem::take(&mut outcome.seconds));
        outcome.concluded(&plan)?;
        merged(MergeJob { resumed, ..merge }, Before { started, seconds }, &mut interrupt)
            .await
            .map_err(PipelineError::paused)
    })
}

/// What the report counts in besides the merge: the units that the same command ran.
struct Before {
    started: Instant,
    seconds: BTreeMap<&'static str, f64>,
}

async fn merged<I>(job: MergeJob, before: Before, interrupt: &mut Pin<Box<I>>) -> Result<Outcome, PipelineError>
where
    I: Future<Output = Signal>,
{
    let MergeJob { plan, folder, scene, source: given, remote, keep_detections, resumed, outputs, overwrite, ram } =
        job;
    // One merge at a time, so that what a killed one left can be told from what another is writing.
    let _lock = locked(&folder.join(PLAN))?;
    let name = OsStr::new(&plan.scenes[scene].name);
    let fetched = match given {
        Some(_) => None,
        None => Some(fetched(name, &remote, plan.trust(), false, interrupt).await?),
    };
    let at_hand = given.or(fetched.as_ref().map(|fetched| fetched.source.clone()));
    let own = at_hand.ok_or(PipelineError::Stopped("fetch"))?;
    let opened = plan.clone();
    let (_, mut setting) = loaded(move || opened.open(scene, &own), interrupt).await?;
    let (names, outputs) = match outputs {
        Some(outputs) => (plan.names(scene, &outputs)?, outputs),
        None => plan.outputs(&folder, scene, overwrite)?,
    };
    names.all().iter().for_each(|path| geo_io::remove_leftovers(path));
    (setting.config.outputs, setting.config.ram) = (outputs, ram);
    let setting = Arc::new(setting);
    let finished =
        |number: usize| FinishedUnit { number, log: Plan::finished_log(&folder, number), tiles: plan.tiles_of(number) };
    let cancel = Cancel::default();
    let mut stages = Stages::new(&setting, &cancel)?;
    let (output, answers) = mpsc::channel(QUEUE);
    let (scene_output, scene_answers) = setting
        .views
        .scene
        .is_some()
        .then(|| {
            let (output, input) = oneshot::channel();
            (output, SceneAnswers { numbers: setting.views.by_scene(), input })
        })
        .unzip();
    let recall = RecallStage {
        plan: setting.plan.clone(),
        plan_id: plan.id(),
        units: plan.units_of(scene).map(finished).collect(),
        scene_output,
        output,
        cancel: cancel.clone(),
    };
    stages.finish(answers, scene_answers, &names, keep_detections)?;
    let recalled = |(processors, took)| StageOutput::Recalled(processors, took);
    stages.spawn(RecallStage::NAME, move || recall.run().map(recalled));
    let mut done = watch(stages.started(), &cancel, interrupt).await?;
    done.add_seconds(&before.seconds);
    Closing { setting: Arc::unwrap_or_clone(setting), names, resumed }.commit(done, before.started.elapsed())
}
