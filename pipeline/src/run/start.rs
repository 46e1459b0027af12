//! Starts the stages of a run and joins them by channels.

use std::sync::Arc;

use geo_io::{Scene, SceneInfo};
use model::Segmenter;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::budget::Resources;
use crate::closing::StageOutput;
use crate::error::PipelineError;
use crate::outputs::OutputNames;
use crate::panics::caught;
use crate::progress::Progress;
use crate::report::resident_memory_bytes;
use crate::setting::Setting;
use crate::stage::infer::InferStage;
use crate::stage::prepare::PrepareStage;
use crate::stage::read::ReadStage;
use crate::stage::scene_view::{SceneAnswers, SceneView};
use crate::stage::stitch::StitchStage;
use crate::stage::write::{WriteStage, Writers};
use crate::stage::{AnsweredTile, Cancel};

/// Tiles to be answered, and by whom.
pub(super) struct Work {
    pub(super) scene: Scene,
    pub(super) predictor: Box<dyn Segmenter>,
    /// The tiles, ascending.
    pub(super) tiles: Arc<[usize]>,
    /// Whether the prompts whose frame is the scene are to be answered too.
    pub(super) with_scene_view: bool,
    pub(super) watched: bool,
}

/// Stages that have been started, each on a thread of its own.
pub(super) struct Stages {
    started: JoinSet<Result<StageOutput, PipelineError>>,
    setting: Arc<Setting>,
    resources: Resources,
    cancel: Cancel,
}

impl Stages {
    /// Decides what the stages may take.
    pub(super) fn new(setting: &Arc<Setting>, cancel: &Cancel) -> Result<Self, PipelineError> {
        let resources = Resources::within(setting, setting.config.ram.bytes(), resident_memory_bytes())?;
        tracing::info!("{resources:?}");
        geo_io::set_block_cache_mb(resources.cache_mib);
        Ok(Self { started: JoinSet::new(), setting: setting.clone(), resources, cancel: cancel.clone() })
    }

    /// The stages, to be watched.
    pub(super) fn started(self) -> JoinSet<Result<StageOutput, PipelineError>> {
        self.started
    }

    /// Starts a stage.
    pub(super) fn spawn<S>(&mut self, name: &'static str, stage: S)
    where
        S: FnOnce() -> Result<StageOutput, PipelineError> + Send + 'static,
    {
        self.started.spawn_blocking(move || caught(name, stage));
    }

    /// From pixels to answers: read, prepare, infer.
    pub(super) fn answer(
        &mut self,
        work: Work,
    ) -> Result<(Receiver<AnsweredTile>, Option<SceneAnswers>), PipelineError> {
        let Work { scene, predictor, tiles, with_scene_view, watched } = work;
        let (setting, cancel) = (self.setting.clone(), self.cancel.clone());
        let config = &setting.config;
        let Resources { readers, batch, queue, .. } = self.resources;
        let readers = readers.min(tiles.len().max(1));
        let scenes: Vec<Scene> = (1..readers).map(|_| scene.reopen()).collect::<Result<_, _>>()?;
        let view = if with_scene_view { scene_view(&scene, &setting)? } else { None };

        let mut inputs = Vec::new();
        for (first, scene) in std::iter::once(scene).chain(scenes).enumerate() {
            let (output, input) = mpsc::channel(queue);
            inputs.push(input);
            let read = ReadStage {
                scene,
                plan: setting.plan.clone(),
                tiles: tiles.clone(),
                first,
                step: readers,
                cutline: setting.cutline.clone(),
                on_bad_tile: config.on_bad_tile,
                output,
                cancel: cancel.clone(),
            };
            self.spawn(ReadStage::NAME, || read.run().map(|took| StageOutput::Took(ReadStage::NAME, took)));
        }

        let (output, input) = mpsc::channel(queue.max(batch));
        let tile_px = setting.plan.tile_px() as usize;
        let prepare = PrepareStage { inputs, tiles: tiles.len(), tile_px, output, cancel: cancel.clone() };
        self.spawn(PrepareStage::NAME, || prepare.run().map(|took| StageOutput::Took(PrepareStage::NAME, took)));

        let (output, answers) = mpsc::channel(queue.max(batch));
        let (scene_view, scene_answers) = view.unzip();
        let infer = InferStage {
            predictor,
            view: setting.views.tile.clone(),
            scene_view,
            on_bad_tile: config.on_bad_tile,
            batch,
            tiles: tiles.len(),
            input,
            output,
            progress: Progress::new(tiles.len() as u64, "tiles", watched),
            cancel,
        };
        self.spawn(InferStage::NAME, || infer.run().map(|(model, took)| StageOutput::Inferred(model, took)));
        Ok((answers, scene_answers))
    }

    /// From answers to files: stitch, write.
    pub(super) fn finish(
        &mut self,
        answers: Receiver<AnsweredTile>,
        scene_answers: Option<SceneAnswers>,
        names: &OutputNames,
        keep_detections: usize,
    ) -> Result<(), PipelineError> {
        let setting = self.setting.clone();
        let config = &setting.config;
        let info: SceneInfo = setting.output.clone();
        let prompts: Vec<String> = setting.prompts.iter().map(|prompt| prompt.text.clone()).collect();
        let writers = Writers::create(names, &prompts, &info, config)?;
        let (output, strips) = mpsc::channel(1);
        let stitch = StitchStage {
            plan: setting.plan.clone(),
            prompts: setting.views.by_tile().len(),
            scene_answers,
            raw_uncertainty: config.raw_uncertainty,
            threshold: config.threshold,
            cutline: setting.cutline.clone(),
            strip_rows: self.resources.strip_rows,
            input: answers,
            output,
            cancel: self.cancel.clone(),
        };
        self.spawn(StitchStage::NAME, || stitch.run().map(|(counts, took)| StageOutput::Stitched(counts, took)));

        let write = WriteStage {
            writers,
            info,
            prompts,
            polygons: config.polygons,
            keep: keep_detections,
            input: strips,
            cancel: self.cancel.clone(),
        };
        let written = |(written, took)| StageOutput::Written(Box::new(written), took);
        self.spawn(WriteStage::NAME, move || write.run().map(written));
        Ok(())
    }
}

/// What answers the prompts whose frame is the scene when others are answered by tiles, and where the answers come out.
fn scene_view(scene: &Scene, setting: &Setting) -> Result<Option<(SceneView, SceneAnswers)>, PipelineError> {
    let Some(view) = setting.views.scene.clone() else { return Ok(None) };
    let numbers = setting.views.by_scene();
    let (output, input) = oneshot::channel();
    let by_scene = SceneView {
        scene: scene.reopen()?,
        view,
        prompts: setting.texts(&numbers),
        then: setting.texts(&setting.views.by_tile()),
        output,
    };
    Ok(Some((by_scene, SceneAnswers { numbers, input })))
}
