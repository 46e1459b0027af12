//! What a run knows before its stages start, and how it ends: the report, and final names for everything.

use std::collections::BTreeMap;
use std::time::Duration;

use geo_io::pending_file;
use model::Segmenter;

use crate::companions;
use crate::error::PipelineError;
use crate::mosaic::holes::FailedTile;
use crate::outputs::OutputNames;
use crate::report::{
    Hole, OptionsReport, PromptReport, Report, TileCounts, Versions, ViewReport, ViewsReport, peak_memory_bytes,
    seconds,
};
use crate::run::Outcome;
use crate::setting::Setting;
use crate::stac::{self, ItemRequest};
use crate::stage::infer::InferStage;
use crate::stage::recall::RecallStage;
use crate::stage::record::RecordStage;
use crate::stage::stitch::{StitchCounts, StitchStage};
use crate::stage::write::{WriteStage, Written};
use crate::view::rescaled::View;

/// What a stage hands back when it is done.
pub(crate) enum StageOutput {
    Took(&'static str, Duration),
    Inferred(Box<dyn Segmenter>, Duration),
    Stitched(StitchCounts, Duration),
    Written(Box<Written>, Duration),
    Recorded(TileCounts, Duration),
    Recalled(Vec<String>, Duration),
}

/// What all stages together handed back.
#[derive(Default)]
pub(crate) struct Done {
    seconds: BTreeMap<&'static str, f64>,
    counts: StitchCounts,
    written: Option<Box<Written>>,
    /// Tiles whose answers were kept in a log.
    pub(crate) recorded: TileCounts,
    /// The kinds of processor that answers were computed on, where they come from logs.
    processors: Vec<String>,
    /// The model, ready for more.
    pub(crate) predictor: Option<Box<dyn Segmenter>>,
}

impl Done {
    /// What each stage took.
    pub(crate) fn seconds(&self) -> &BTreeMap<&'static str, f64> {
        &self.seconds
    }

    /// Adds what stages took before.
    pub(crate) fn add_seconds(&mut self, before: &BTreeMap<&'static str, f64>) {
        for (stage, took) in before {
            *self.seconds.entry(stage).or_default() += took;
        }
    }

    pub(crate) fn note(&mut self, output: StageOutput) {
        let (stage, took) = match output {
            StageOutput::Took(stage, took) => (stage, took),
            StageOutput::Inferred(predictor, took) => {
                self.predictor = Some(predictor);
                (InferStage::NAME, took)
            }
            StageOutput::Stitched(counts, took) => {
                self.counts = counts;
                (StitchStage::NAME, took)
            }
            StageOutput::Written(written, took) => {
                self.written = Some(written);
                (WriteStage::NAME, took)
            }
            StageOutput::Recorded(counts, took) => {
                self.recorded = counts;
                (RecordStage::NAME, took)
            }
            StageOutput::Recalled(processors, took) => {
                self.processors = processors;
                (RecallStage::NAME, took)
            }
        };
        *self.seconds.entry(stage).or_default() += seconds(took);
    }
}

/// What is needed once the stages are done: what was decided before, and the names.
pub(crate) struct Closing {
    /// All that was decided before the first tile.
    pub(crate) setting: Setting,
    /// The files.
    pub(crate) names: OutputNames,
    /// Tiles that an interrupted run before this one had finished.
    pub(crate) resumed: u64,
}

impl Closing {
    /// Writes the report and gives everything its final name.
    pub(crate) fn commit(self, done: Done, total: Duration) -> Result<Outcome, PipelineError> {
        let Done { seconds: mut times, counts, written, processors, .. } = done;
        if counts.tiles.failed == counts.tiles.planned {
            let reason = counts.failed.first().map(|tile| tile.reason.clone()).unwrap_or_default();
            return Err(PipelineError::NoTile { scene: self.setting.info.name, reason });
        }
        let written = *written.ok_or(PipelineError::Stopped(WriteStage::NAME))?;
        times.insert("total", seconds(total));
        let mut outputs = self.names.all();
        outputs.retain(|path| *path != self.names.report);
        let prompts = (0..self.setting.prompts.len()).map(|i| self.prompt_report(i, &counts, &written)).collect();
        let Setting { plan, views, config, .. } = &self.setting;
        let holes = counts.failed.iter().map(|tile| self.hole(tile)).collect();
        let report = Report {
            versions: Versions { geophrase: env!("CARGO_PKG_VERSION"), gdal: geo_io::init_gdal() },
            notes: self.notes(written.found.area_unknown, &processors),
            views: ViewsReport {
                tile: self.shown(&views.tile),
                scene: views.scene.as_ref().map(|view| self.shown(view)),
            },
            options: OptionsReport {
                resolution: config.views.resolution.to_string(),
                frame: config.views.frame.to_string(),
                views: config.views.sizes.to_string(),
                tile_overlap: config.overlap.to_string(),
                overlap_px: plan.overlap_px(),
                stride_px: plan.stride_px(),
                threshold: config.threshold,
                min_presence: config.min_presence,
                min_area: config.polygons.min_area.to_string(),
                max_uncertainty: config.polygons.max_uncertainty,
                fill_holes: config.polygons.fill_holes.to_string(),
                simplify_px: config.polygons.simplify_px,
                regularize: config.polygons.regularize,
                smooth: config.polygons.smooth,
                connectivity: config.polygons.connectivity(),
                batch: config.batch,
                raw_uncertainty: config.raw_uncertainty,
                rfc7946: config.outputs.rfc7946,
            },
            scene: self.setting.info.clone(),
            window: plan.part(),
            model: self.setting.model.clone(),
            prompts,
            tiles: TileCounts { resumed: self.resumed, ..counts.tiles },
            holes,
            valid_px: counts.valid_px,
            nodata_px: counts.nodata_px,
            hole_px: counts.hole_px,
            detections: written.found.detections.iter().sum(),
            outputs,
            seconds: times,
            peak_memory_bytes: peak_memory_bytes(),
        };
        let text = report.to_json();
        let own = pending_file(&self.names.report, self.setting.config.outputs.overwrite, text.as_bytes())?;
        let Setting { info, prompts, config, .. } = &self.setting;
        let prompts: Vec<String> = prompts.iter().map(|prompt| prompt.text.clone()).collect();
        let companions = companions::pending(&self.names, info, &prompts, config.outputs.overwrite)?;
        let mut pending = written.pending.merge(own).merge(companions);
        if let Some(path) = &self.names.stac {
            let (cog, output) = (config.outputs.cog, &self.setting.output);
            let request = ItemRequest { path, names: &self.names, output, report: &report, cog, pending: &pending };
            let item = pending_file(path, config.outputs.overwrite, stac::item(&request)?.as_bytes())?;
            pending = pending.merge(item);
        }
        let files = pending.commit()?;
        for (stage, took) in &report.seconds {
            tracing::info!("{stage}: {took:.3} s");
        }
        for file in &files {
            tracing::info!("wrote {}", file.display());
        }
        Ok(Outcome { report, files, report_file: self.names.report, detections: written.found.kept })
    }

    /// A failed tile as the report gives it.
    fn hole(&self, tile: &FailedTile) -> Hole {
        let bbox = self.setting.info.affine.bbox(tile.window);
        Hole { window: tile.window, bbox, px: tile.px, reason: tile.reason.clone() }
    }

    fn prompt_report(&self, i: usize, counts: &StitchCounts, written: &Written) -> PromptReport {
        PromptReport {
            prompt: self.setting.prompts[i].text.clone(),
            detections: written.found.detections[i],
            below_min_area: written.found.below_min_area[i],
            too_uncertain: written.found.too_uncertain[i],
            mask_px: written.found.mask_px[i],
            areas: written.found.areas[i].rounded(),
            frame_words: self.setting.prompts[i].frame_words.clone(),
            frame: self.setting.views.frames[i],
            presence: self.presence(counts, i),
        }
    }

    /// The highest presence of a prompt that was answered by tiles.
    fn presence(&self, counts: &StitchCounts, prompt: usize) -> Option<f32> {
        let number = self.setting.views.by_tile().into_iter().position(|other| other == prompt)?;
        counts.presence.get(number).copied().flatten()
    }

    /// What a reader of the results should know.
    fn notes(&self, area_unknown: u64, processors: &[String]) -> Vec<String> {
        let Setting { info, views, vocabulary_notes, .. } = &self.setting;
        let mut notes: Vec<String> = info.notes.iter().chain(&views.notes).chain(vocabulary_notes).cloned().collect();
        notes.extend(self.names.caveats());
        if processors.len() > 1 {
            notes.push(format!(
                "computed on several kinds of processor, so that the last bits may differ from those of one: {}",
                processors.join("; ")
            ));
        }
        if area_unknown > 0 {
            notes.push(format!(
                "{area_unknown} detections have no area that can be measured, so --min-area kept them: give pixels, such as 40px"
            ));
        }
        notes
    }

    /// A view as the report gives it.
    fn shown(&self, view: &View) -> ViewReport {
        let pixel_m =
            |&side: &usize| self.setting.info.pixel_size_m.map(|metres| metres * view.side_px as f64 / side as f64);
        ViewReport {
            side_px: view.side_px,
            model_px: view.model_px.clone(),
            pixel_size_m: view.model_px.iter().map(pixel_m).collect(),
        }
    }
}
