//! What a run knows before its stages start, and how it ends: the report, and final names for everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use geo_io::{SceneInfo, pending_file};

use crate::config::RunConfig;
use crate::engine;
use crate::error::PipelineError;
use crate::mosaic::holes::FailedTile;
use crate::outputs::OutputNames;
use crate::report::{
    Hole, ModelReport, OptionsReport, PromptReport, Report, Versions, ViewReport, ViewsReport, peak_memory_bytes,
    seconds,
};
use crate::run::{Job, Outcome};
use crate::stage::stitch::{StitchCounts, StitchStage};
use crate::stage::write::{WriteStage, Written};
use crate::tiling::TilePlan;
use crate::view::choose::{ViewRequest, Views};
use crate::view::prompts::PromptSpec;
use crate::view::rescaled::View;

/// What a stage hands back when it is done.
pub(crate) enum StageOutput {
    Took(&'static str, Duration),
    Stitched(StitchCounts, Duration),
    Written(Box<Written>, Duration),
}

/// What all stages together handed back.
#[derive(Default)]
pub(crate) struct Done {
    seconds: BTreeMap<&'static str, f64>,
    counts: StitchCounts,
    written: Option<Box<Written>>,
}

impl Done {
    pub(crate) fn note(&mut self, output: StageOutput) {
        let (stage, took) = match output {
            StageOutput::Took(stage, took) => (stage, took),
            StageOutput::Stitched(counts, took) => {
                self.counts = counts;
                (StitchStage::NAME, took)
            }
            StageOutput::Written(written, took) => {
                self.written = Some(written);
                (WriteStage::NAME, took)
            }
        };
        *self.seconds.entry(stage).or_default() += seconds(took);
    }
}

/// What is needed once the stages are done: the report's fixed part and the names.
pub(crate) struct Closing {
    /// All tiles.
    pub(crate) plan: Arc<TilePlan>,
    /// How tiles and scene are shown to the model.
    pub(crate) views: Views,
    info: SceneInfo,
    model: ModelReport,
    prompts: Vec<PromptSpec>,
    config: RunConfig,
    names: OutputNames,
    /// Prompts that the model is not made for.
    vocabulary_notes: Vec<String>,
}

impl Closing {
    pub(crate) fn new(job: &Job) -> Result<Self, PipelineError> {
        let info = job.scene.info().clone();
        let views = Views::choose(&ViewRequest {
            size: info.size,
            pixel_size_m: info.pixel_size_m,
            model: &job.model,
            prompts: &job.prompts,
            raw_uncertainty: job.config.raw_uncertainty,
            config: &job.config.views,
        })?;
        let tile_px = u32::try_from(views.tile.side_px).map_err(|_| PipelineError::Stopped("plan"))?;
        let plan = TilePlan::new(info.size, tile_px, job.config.overlap)?;
        tracing::info!("{} tiles of {tile_px} px, one every {} px", plan.len(), plan.stride_px());
        Ok(Self {
            plan: Arc::new(plan),
            views,
            info,
            model: job.model.clone(),
            prompts: job.prompts.clone(),
            config: job.config.clone(),
            names: job.names.clone(),
            vocabulary_notes: engine::vocabulary_notes(job.predictor.as_ref(), &job.prompts)?,
        })
    }

    /// Writes the report and gives everything its final name.
    pub(crate) fn commit(self, done: Done, total: Duration) -> Result<Outcome, PipelineError> {
        let Done { seconds: mut times, counts, written } = done;
        if counts.tiles.failed == counts.tiles.planned {
            let reason = counts.failed.first().map(|tile| tile.reason.clone()).unwrap_or_default();
            return Err(PipelineError::NoTile { scene: self.info.name, reason });
        }
        let written = *written.ok_or(PipelineError::Stopped(WriteStage::NAME))?;
        times.insert("total", seconds(total));
        let mut outputs = self.names.all();
        outputs.retain(|path| *path != self.names.report);
        let prompts = (0..self.prompts.len()).map(|i| self.prompt_report(i, &counts, &written)).collect();
        let holes = counts.failed.iter().map(|tile| self.hole(tile)).collect();
        let report = Report {
            versions: Versions { geophrase: env!("CARGO_PKG_VERSION"), gdal: geo_io::init_gdal() },
            notes: self.notes(written.area_unknown),
            views: ViewsReport {
                tile: self.shown(&self.views.tile),
                scene: self.views.scene.as_ref().map(|view| self.shown(view)),
            },
            options: OptionsReport {
                resolution: self.config.views.resolution.to_string(),
                frame: self.config.views.frame.to_string(),
                views: self.config.views.sizes.to_string(),
                tile_overlap: self.config.overlap.to_string(),
                overlap_px: self.plan.overlap_px(),
                stride_px: self.plan.stride_px(),
                threshold: self.config.threshold,
                min_presence: self.config.min_presence,
                min_area: self.config.min_area.to_string(),
                batch: self.config.batch,
                raw_uncertainty: self.config.raw_uncertainty,
                rfc7946: self.config.outputs.rfc7946,
            },
            scene: self.info,
            model: self.model,
            prompts,
            tiles: counts.tiles,
            holes,
            valid_px: counts.valid_px,
            nodata_px: counts.nodata_px,
            hole_px: counts.hole_px,
            detections: written.detections.iter().sum(),
            outputs,
            seconds: times,
            peak_memory_bytes: peak_memory_bytes(),
        };
        let text = report.to_json();
        let own = pending_file(&self.names.report, self.config.outputs.overwrite, text.as_bytes())?;
        let files = written.pending.merge(own).commit()?;
        for (stage, took) in &report.seconds {
            tracing::info!("{stage}: {took:.3} s");
        }
        for file in &files {
            tracing::info!("wrote {}", file.display());
        }
        Ok(Outcome { report, files, detections: written.kept })
    }

    /// A failed tile as the report gives it.
    fn hole(&self, tile: &FailedTile) -> Hole {
        let bbox = self.info.affine.bbox(tile.window);
        Hole { window: tile.window, bbox, px: tile.px, reason: tile.reason.clone() }
    }

    fn prompt_report(&self, i: usize, counts: &StitchCounts, written: &Written) -> PromptReport {
        PromptReport {
            prompt: self.prompts[i].text.clone(),
            detections: written.detections[i],
            below_min_area: written.below_min_area[i],
            mask_px: written.mask_px[i],
            frame_words: self.prompts[i].frame_words.clone(),
            frame: self.views.frames[i],
            presence: self.presence(counts, i),
        }
    }

    /// The highest presence of a prompt that was answered by tiles.
    fn presence(&self, counts: &StitchCounts, prompt: usize) -> Option<f32> {
        let number = self.views.by_tile().into_iter().position(|other| other == prompt)?;
        counts.presence.get(number).copied().flatten()
    }

    /// What a reader of the results should know.
    fn notes(&self, area_unknown: u64) -> Vec<String> {
        let mut notes: Vec<String> =
            self.info.notes.iter().chain(&self.views.notes).chain(&self.vocabulary_notes).cloned().collect();
        if area_unknown > 0 {
            notes.push(format!(
                "{area_unknown} detections have no area that can be measured, so --min-area kept them: give pixels, such as 40px"
            ));
        }
        notes
    }

    /// A view as the report gives it.
    fn shown(&self, view: &View) -> ViewReport {
        let pixel_m = |&side: &usize| self.info.pixel_size_m.map(|metres| metres * view.side_px as f64 / side as f64);
        ViewReport {
            side_px: view.side_px,
            model_px: view.model_px.clone(),
            pixel_size_m: view.model_px.iter().map(pixel_m).collect(),
        }
    }
}
