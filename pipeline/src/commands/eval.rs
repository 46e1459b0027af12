//! `geophrase eval`: scores what a user gets, picture by picture.

use std::fs::File;
use std::io::{BufWriter, Cursor, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use geo_io::{GeoIoError, PendingOutput, PixelSize, pending_copy, pending_file};
use image::ImageFormat;
use model::dataset::RgbImage;
use model::evaluation::{
    self, EvalOptions, EvalReport, Predict, Protocol, ScenePrediction, SeenRecord, Watcher, evaluate_with,
};
use model::{DeviceChoice, Segmenter, SegmenterOptions};

use crate::config::find_model;
use crate::engine;
use crate::error::PipelineError;
use crate::mosaic::picture::PictureTiling;
use crate::picture::sheet::WorstRecords;
use crate::progress::Progress;
use crate::tiling::Overlap;
use crate::view::choice::{FrameChoice, ViewConfig};
use crate::view::choose::{ViewRequest, Views};
use crate::view::prompts::{PromptSpec, answer_prompts};

/// What `geophrase eval` was asked to do.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    /// Referring records.
    pub records: PathBuf,
    /// The folder that the records' image names are relative to.
    pub images: PathBuf,
    /// Only the records of this split.
    pub split: Option<String>,
    /// The rules to score by.
    pub options: EvalOptions,
    /// Where results go.
    pub outputs: EvalOutputs,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// How pictures are shown to the model.
    pub views: ViewConfig,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Models that work side by side.
    pub jobs: usize,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// Where results go besides the table.
#[derive(Clone, Debug, Default)]
pub struct EvalOutputs {
    /// The numbers.
    pub json: Option<PathBuf>,
    /// Whether every record's score is among them.
    pub per_record: bool,
    /// One line per record.
    pub items: Option<PathBuf>,
    /// A drawing.
    pub plot: Option<PathBuf>,
    /// A contact sheet.
    pub sheet: Option<PathBuf>,
    /// Records on it.
    pub worst: usize,
    /// Whether files that exist are replaced.
    pub overwrite: bool,
}

/// Scores the records, prints a table, and writes what was asked for.
///
/// # Errors
/// Records, pictures or a model that cannot be used, a file that cannot be written.
pub fn eval(request: &EvalRequest) -> Result<(), PipelineError> {
    let outputs = &request.outputs;
    outputs.check()?;
    let mut rules = evaluation::EvalRequest::new(&request.records, &request.images, request.options.clone());
    rules.split = request.split.clone();
    rules.keep_records = outputs.per_record;
    let mut segmenters = open_models(request)?;
    let model = format!("{} {}", segmenters[0].info().name, segmenters[0].info().hash);

    let mut predictors: Vec<Box<Predict<'_, PipelineError>>> =
        segmenters.iter_mut().map(|segmenter| predictor(segmenter.as_mut(), request)).collect();
    let mut items = outputs.items.as_deref().map(Items::new).transpose()?;
    let worst = Mutex::new(WorstRecords::new(outputs.worst, request.options.threshold));
    let mut progress = None;
    let mut report = evaluate_with::<PipelineError>(
        &rules,
        predictors.iter_mut().map(Box::as_mut).collect(),
        Watcher {
            progress: &mut |done, total| {
                let bar = progress.get_or_insert_with(|| Progress::new(total as u64, "records", request.watched));
                bar.reached(done as u64);
            },
            scored: &mut |score| items.as_mut().map_or(Ok(()), |items| items.push(score)),
            seen: &|record: &SeenRecord<'_>| {
                if outputs.sheet.is_some() {
                    worst.lock().unwrap_or_else(PoisonError::into_inner).see(record);
                }
            },
        },
    )?;
    if let Some(bar) = progress {
        bar.finish();
    }
    report.model = Some(model);
    let ViewConfig { resolution, frame, sizes } = views(request);
    report.views = Some(format!("resolution {resolution}, frame {frame}, sizes {sizes}"));
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(report.table().as_bytes());
    let worst = worst.into_inner().unwrap_or_else(PoisonError::into_inner);
    outputs.write(&report, items, &worst)?.commit()?;
    Ok(())
}

/// The same model several times over.
fn open_models(request: &EvalRequest) -> Result<Vec<Box<dyn Segmenter>>, PipelineError> {
    let folder = find_model(request.model.clone())?;
    let options = SegmenterOptions {
        device: request.device,
        raw_uncertainty: true,
        gate: request.options.gate,
        min_presence: None,
        calibrate: request.options.calibrate,
        // Published phrases are cut to the model's length, as the papers do; a user's prompt is refused instead.
        cut_long_prompts: true,
    };
    (0..request.jobs.max(1)).map(|_| engine::open(&folder, &[], &options)).collect()
}

/// How pictures are shown to the model under a protocol.
fn views(request: &EvalRequest) -> ViewConfig {
    let mut views = request.views.clone();
    if request.options.name == Protocol::Lavt && views.frame == FrameChoice::Auto {
        // The published numbers know nothing of words that depend on the frame.
        views.frame = FrameChoice::Tile;
    }
    views
}

/// Asks a model about pictures as `segment` would ask it about scenes.
fn predictor<'a>(segmenter: &'a mut dyn Segmenter, request: &EvalRequest) -> Box<Predict<'a, PipelineError>> {
    let tiling = PictureTiling {
        overlap: Overlap::Percent(20.0),
        batch: request.batch,
        raw_uncertainty: true,
        threshold: request.options.threshold,
    };
    let (model, config) = (engine::described(segmenter.info()), views(request));
    Box::new(move |picture: &RgbImage, phrases: &[String]| {
        let size = PixelSize { width: picture.cols as u32, height: picture.rows as u32 };
        let prompts: Vec<PromptSpec> = phrases.iter().cloned().map(PromptSpec::new).collect();
        let views = Views::choose(&ViewRequest {
            size,
            // Records say nothing about it.
            pixel_size_m: None,
            model: &model,
            prompts: &prompts,
            raw_uncertainty: tiling.raw_uncertainty,
            config: &config,
        })?;
        let answers = answer_prompts(segmenter, (&prompts, &views), (size, &picture.to_planes()), tiling)?;
        let scene = |answer: model::TilePrediction| ScenePrediction {
            probability: answer.probability,
            uncertainty: answer.uncertainty,
            raw_uncertainty: answer.raw_uncertainty,
        };
        Ok(answers.into_iter().map(scene).collect())
    })
}

impl EvalOutputs {
    /// Refuses before the work what would be refused after it.
    fn check(&self) -> Result<(), PipelineError> {
        let files: Vec<&PathBuf> = [&self.json, &self.items, &self.plot, &self.sheet].into_iter().flatten().collect();
        for (at, path) in files.iter().enumerate() {
            if files[..at].contains(path) {
                return Err(PipelineError::Usage(format!("{} is named for two outputs", path.display())));
            }
            if !self.overwrite && path.symlink_metadata().is_ok() {
                return Err(GeoIoError::OutputExists { path: path.to_path_buf() }.into());
            }
        }
        Ok(())
    }

    /// All files, complete under other names.
    fn write(
        &self,
        report: &EvalReport,
        items: Option<Items>,
        worst: &WorstRecords,
    ) -> Result<PendingOutput, PipelineError> {
        let mut pending = PendingOutput::default();
        if let Some(path) = &self.json {
            let text = serde_json::to_vec_pretty(report).map_err(|error| failed(path, error))?;
            pending = pending.merge(pending_file(path, self.overwrite, &text)?);
        }
        if let Some(items) = items {
            pending = pending.merge(items.finish(self.overwrite)?);
        }
        if let Some(path) = &self.plot {
            pending = pending.merge(pending_file(path, self.overwrite, report.plot().as_bytes())?);
        }
        if let Some(path) = &self.sheet {
            let mut bytes = Cursor::new(Vec::new());
            worst.draw().write_to(&mut bytes, ImageFormat::Png).map_err(|error| failed(path, error))?;
            pending = pending.merge(pending_file(path, self.overwrite, bytes.get_ref())?);
        }
        Ok(pending)
    }
}

fn failed(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> PipelineError {
    PipelineError::Write { path: path.to_owned(), source: std::io::Error::other(error) }
}

/// One line per record, in a file without a name until all are there.
struct Items {
    path: PathBuf,
    lines: BufWriter<File>,
}

impl Items {
    fn new(path: &Path) -> Result<Self, PipelineError> {
        let lines = BufWriter::new(tempfile::tempfile().map_err(|error| failed(path, error))?);
        Ok(Self { path: path.to_owned(), lines })
    }

    fn push(&mut self, score: &evaluation::RecordScore) -> Result<(), PipelineError> {
        let mut line = serde_json::to_vec(score).map_err(|error| failed(&self.path, error))?;
        line.push(b'\n');
        self.lines.write_all(&line).map_err(|error| failed(&self.path, error))
    }

    fn finish(self, overwrite: bool) -> Result<PendingOutput, PipelineError> {
        let mut file = self.lines.into_inner().map_err(|error| failed(&self.path, error.into_error()))?;
        file.rewind().map_err(|error| failed(&self.path, error))?;
        Ok(pending_copy(&self.path, overwrite, &mut file)?)
    }
}
