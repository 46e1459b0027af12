//! `geophrase eval`: scores what a user gets, picture by picture.

use std::io::Write;
use std::path::PathBuf;

use geo_io::{PixelSize, pending_file};
use model::dataset::RgbImage;
use model::evaluation::{self, EvalOptions, Protocol, ScenePrediction, evaluate};
use model::{DeviceChoice, SegmenterOptions};

use crate::config::find_model;
use crate::engine;
use crate::error::PipelineError;
use crate::mosaic::picture::PictureTiling;
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
    /// Where the numbers go.
    pub json: Option<PathBuf>,
    /// The rules to score by.
    pub protocol: String,
    /// Only records of this split.
    pub split: Option<String>,
    /// Whether every record's score is kept.
    pub per_record: bool,
    /// Whether a JSON file that exists is replaced.
    pub overwrite: bool,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// How pictures are shown to the model.
    pub views: ViewConfig,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// Scores the records, prints a table, and writes the numbers.
///
/// # Errors
/// Records, pictures or a model that cannot be used, a file that cannot be written.
pub fn eval(request: &EvalRequest) -> Result<(), PipelineError> {
    let protocol = request.protocol.parse::<Protocol>().map_err(|error| PipelineError::Usage(error.to_string()))?;
    if let Some(path) = request.json.as_ref().filter(|path| !request.overwrite && path.symlink_metadata().is_ok()) {
        return Err(geo_io::GeoIoError::OutputExists { path: path.clone() }.into());
    }
    let options = EvalOptions::new(protocol);
    let mut rules = evaluation::EvalRequest::new(&request.records, &request.images, options.clone());
    rules.split = request.split.clone();
    rules.keep_records = request.per_record;
    let folder = find_model(request.model.clone())?;
    let segmenter_options = SegmenterOptions {
        device: request.device,
        raw_uncertainty: true,
        gate: options.gate,
        calibrate: options.calibrate,
        // Published phrases are cut to the model's length, as the papers do; a user's prompt is refused instead.
        cut_long_prompts: true,
    };
    let mut segmenter = engine::open(&folder, &[], &segmenter_options)?;
    let tiling = PictureTiling { overlap: Overlap::Percent(20.0), batch: request.batch, raw_uncertainty: true };

    let model = engine::described(segmenter.info());
    let mut config = request.views.clone();
    if protocol == Protocol::Lavt && config.frame == FrameChoice::Auto {
        // The published numbers know nothing of words that depend on the frame.
        config.frame = FrameChoice::Tile;
    }

    let mut progress = None;
    let mut report = evaluate::<PipelineError>(
        &rules,
        &mut |picture: &RgbImage, phrases: &[String]| {
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
            let picture = (size, picture.to_planes());
            let answers = answer_prompts(segmenter.as_mut(), (&prompts, &views), (picture.0, &picture.1), tiling)?;
            let scene = |answer: model::TilePrediction| ScenePrediction {
                probability: answer.probability,
                uncertainty: answer.uncertainty,
                raw_uncertainty: answer.raw_uncertainty,
            };
            Ok(answers.into_iter().map(scene).collect())
        },
        &mut |done, total| {
            let bar = progress.get_or_insert_with(|| Progress::new(total as u64, "records", request.watched));
            bar.reached(done as u64);
        },
    )?;
    if let Some(bar) = progress {
        bar.finish();
    }
    report.model = Some(format!("{} {}", segmenter.info().name, segmenter.info().hash));
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(report.table().as_bytes());
    if let Some(json) = &request.json {
        let text = serde_json::to_vec_pretty(&report)
            .map_err(|error| PipelineError::Write { path: json.clone(), source: error.into() })?;
        pending_file(json, request.overwrite, &text)?.commit()?;
    }
    Ok(())
}
