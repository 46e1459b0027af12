//! `geophrase calibrate`: fits how logits become probabilities, on records seen as `segment` sees scenes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;

use geo_io::{GeoIoError, PixelSize, pending_file};
use model::dataset::{Mask, RecordReader, ReferringRecord, RgbImage, read_rgb};
use model::evaluation::{Calibration, CalibrationFitter, CalibrationRecord, CalibrationSummary};
use model::{DeviceChoice, LogitSource, ModelError, TileImage, TileLogits, open_logits};

use crate::config::find_model;
use crate::engine;
use crate::error::{PipelineError, Signal};
use crate::mosaic::picture::image;
use crate::progress::Progress;
use crate::run::interruptible;
use crate::stage::Cancel;
use crate::tiling::{Overlap, TilePlan, TileSpec};
use crate::view::choice::ViewConfig;
use crate::view::choose::{ViewRequest, Views};
use crate::view::prompts::PromptSpec;
use crate::view::resample::Resampler;

/// Pixels of each tile that the fit rests on.
const PIXELS_PER_TILE: usize = 1_000;
/// What neighbouring tiles share, as in `eval`.
const OVERLAP: Overlap = Overlap::Percent(20.0);

/// What `geophrase calibrate` was asked to do.
#[derive(Clone, Debug)]
pub struct CalibrateRequest {
    /// Referring records.
    pub records: PathBuf,
    /// The folder that the records' image names are relative to.
    pub images: PathBuf,
    /// Only the records of this split.
    pub split: Option<String>,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// How pictures are shown to the model.
    pub views: ViewConfig,
    /// Where the configuration goes.
    pub out: PathBuf,
    /// Whether it may replace a file.
    pub overwrite: bool,
    /// Whether a progress bar is shown.
    pub watched: bool,
}

/// Fits the calibration, writes the model's configuration with it, and says what it rests on.
///
/// # Errors
/// Records, pictures or a model that cannot be used, too little to fit, a file that exists or cannot be written.
pub fn calibrate(request: CalibrateRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    if !request.overwrite && request.out.symlink_metadata().is_ok() {
        return Err(GeoIoError::OutputExists { path: request.out }.into());
    }
    let text = interruptible(move |cancel| fit(&request, cancel), interrupt)?;
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn fit(request: &CalibrateRequest, cancel: &Cancel) -> Result<String, PipelineError> {
    let pictures = records_by_picture(request)?;
    let mut model = open_logits(&find_model(request.model.clone())?, request.device)?;
    let mut fitter = CalibrationFitter::new(PIXELS_PER_TILE);
    let progress = Progress::new(pictures.len() as u64, "pictures", request.watched);
    for records in pictures.values() {
        cancel.check("calibrate")?;
        let picture = read_rgb(&records[0].image_path(&request.images))?;
        add_picture(&mut fitter, model.as_mut(), (&picture, records), request)?;
        progress.advance(1);
    }
    progress.finish();
    let (calibration, summary) = fitter.fit()?;
    let mut config = model.config().clone();
    config.calibration = calibration;
    let text = serde_json::to_string_pretty(&config)
        .map_err(|error| PipelineError::Write { path: request.out.clone(), source: error.into() })?;
    pending_file(&request.out, request.overwrite, (text + "\n").as_bytes())?.commit()?;
    Ok(table(&calibration, &summary))
}

/// The records of the split, those of one picture together.
fn records_by_picture(request: &CalibrateRequest) -> Result<BTreeMap<String, Vec<ReferringRecord>>, PipelineError> {
    let mut pictures: BTreeMap<String, Vec<ReferringRecord>> = BTreeMap::new();
    for record in RecordReader::open(&request.records)? {
        let record = record?;
        if request.split.is_none() || record.split == request.split {
            pictures.entry(record.image.clone()).or_default().push(record);
        }
    }
    if pictures.is_empty() {
        let reason = match &request.split {
            Some(split) => format!("holds no record of the split {split:?}"),
            None => "holds no record".to_owned(),
        };
        return Err(ModelError::Data { path: request.records.clone(), reason }.into());
    }
    Ok(pictures)
}

/// Adds what the model says about every tile of a picture and every phrase about it.
fn add_picture(
    fitter: &mut CalibrationFitter,
    model: &mut dyn LogitSource,
    (picture, records): (&RgbImage, &[ReferringRecord]),
    request: &CalibrateRequest,
) -> Result<(), PipelineError> {
    let size = PixelSize { width: picture.cols as u32, height: picture.rows as u32 };
    let truths = records.iter().map(|record| truth(record, size, request)).collect::<Result<Vec<_>, _>>()?;
    let prompts: Vec<PromptSpec> = records.iter().map(|record| PromptSpec::new(record.phrase.clone())).collect();
    let described = engine::described(model.info());
    let views = Views::choose(&ViewRequest {
        size,
        pixel_size_m: None,
        model: &described,
        prompts: &prompts,
        raw_uncertainty: false,
        config: &request.views,
    })?;
    let planes = picture.to_planes();
    let mut seen: Vec<Vec<Seen>> = records.iter().map(|_| Vec::new()).collect();
    let groups = [(Some(&views.tile), views.by_tile()), (views.scene.as_ref(), views.by_scene())];
    for (view, numbers) in groups {
        let Some(view) = view.filter(|_| !numbers.is_empty()) else { continue };
        let texts: Vec<String> = numbers.iter().map(|&number| prompts[number].text.clone()).collect();
        model.ask(&texts)?;
        let plan = TilePlan::new(size, view.side_px as u32, OVERLAP)?;
        for tile in (0..plan.len()).map(|index| plan.tile(index)) {
            let Some(shown) = image(&tile, size, &planes, view.side_px) else { continue };
            for &model_px in &view.model_px {
                let shown = resampled(&shown, model_px);
                for (&number, logits) in numbers.iter().zip(model.logits(&shown)?) {
                    seen[number].push(Seen::new(&tile, truths[number].as_ref(), &logits, (view.side_px, model_px)));
                }
            }
        }
    }
    for tiles in &seen {
        fitter.add_tiles(&tiles.iter().map(Seen::record).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The mask of a record, of its picture's size; `None` where the phrase refers to nothing.
fn truth(record: &ReferringRecord, size: PixelSize, request: &CalibrateRequest) -> Result<Option<Mask>, PipelineError> {
    let data = |reason: String| ModelError::Data { path: request.records.clone(), reason };
    let mask = record.scored_truth().map_err(data)?;
    let fits = |mask: &Mask| (mask.rows(), mask.cols()) == (size.height as usize, size.width as usize);
    if mask.as_ref().is_some_and(|mask| !fits(mask)) {
        return Err(data(format!("record {}: the mask is not of the size of its picture", record.id)).into());
    }
    Ok(mask)
}

fn resampled(tile: &TileImage, model_px: usize) -> TileImage {
    if tile.side_px == model_px {
        return tile.clone();
    }
    TileImage { side_px: model_px, rgb: Resampler::new(tile.side_px, model_px).planes(&tile.rgb) }
}

/// One tile and phrase: the pixels of the model that lie on the picture, not on its mirrored continuation.
struct Seen {
    mask: Vec<f32>,
    rus: Vec<f32>,
    truth: Vec<u8>,
    presence: Option<f32>,
}

impl Seen {
    fn new(tile: &TileSpec, truth: Option<&Mask>, logits: &TileLogits, (side_px, model_px): (usize, usize)) -> Self {
        let at = |model: usize| (2 * model + 1) * side_px / (2 * model_px);
        let (height, width) = (tile.window.height as usize, tile.window.width as usize);
        let (top, left) = (tile.window.row_off as usize, tile.window.col_off as usize);
        let mut seen = Self { mask: Vec::new(), rus: Vec::new(), truth: Vec::new(), presence: logits.presence };
        for row in (0..model_px).filter(|&row| at(row) < height) {
            for col in (0..model_px).filter(|&col| at(col) < width) {
                seen.mask.push(logits.mask[row * model_px + col]);
                seen.rus.push(logits.rus[row * model_px + col]);
                let is_target = |mask: &Mask| mask.bits()[(top + at(row)) * mask.cols() + left + at(col)];
                seen.truth.push(truth.map_or(0, is_target));
            }
        }
        seen
    }

    fn record(&self) -> CalibrationRecord<'_> {
        CalibrationRecord {
            mask_logits: &self.mask,
            rus_logits: &self.rus,
            truth: &self.truth,
            has_target: self.truth.contains(&1),
            presence: self.presence,
        }
    }
}

/// What was fitted and what it rests on.
fn table(calibration: &Calibration, summary: &CalibrationSummary) -> String {
    let mut text = String::new();
    let [with, without] = summary.presence_records;
    let u = calibration.uncertainty;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "records       {with} with a target, {without} without");
    if let (Some(silence), Some(iou)) = (summary.presence_silence, summary.presence_iou) {
        let threshold = calibration.presence_threshold;
        let _ = writeln!(
            text,
            "presence      at least {threshold:.3}: silence {:.3} to {:.3}, IoU {:.3} to {:.3}",
            silence[0], silence[1], iou[0], iou[1]
        );
    }
    let [before, after] = summary.mask_nll;
    let _ = writeln!(
        text,
        "probability   sigmoid(mask logit / {:.3}): negative log likelihood {before:.4} to {after:.4} over {} pixels",
        calibration.temperature, summary.pixels
    );
    let [before, after] = summary.uncertainty_nll;
    let _ = writeln!(
        text,
        "uncertainty   sigmoid({:.3} RUS {:+.3} |mask logit| {:+.3} marked {:+.3}): negative log likelihood {before:.4} to {after:.4}",
        u.rus, u.margin, u.marked, u.bias
    );
    if let Some(closed) = calibration.closed {
        let _ = writeln!(
            text,
            "closed gate   sigmoid({:.3} mask logit {:+.3} presence logit {:+.3}) over {} pixels",
            closed.mask, closed.presence, closed.bias, summary.closed_pixels
        );
    }
    text
}
