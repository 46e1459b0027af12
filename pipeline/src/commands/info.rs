//! `geophrase info`: what the program would read of a scene, and what looking through it takes.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use geo_io::{Affine, PixelSize, ScalingInfo, SceneInfo, SceneOptions, ValiditySource};
use model::text::check_prompt;
use model::{DeviceChoice, SegmenterOptions, TileImage, TilePredictor};
use serde::Serialize;

use crate::config::find_model;
use crate::engine;
use crate::error::PipelineError;
use crate::machine::bytes_in_words;
use crate::remote::RemoteOptions;
use crate::report::{ModelReport, seconds};
use crate::rows::push;
use crate::run::{blocked_on, fetched, signals};
use crate::stats::{Book, opened};
use crate::tiling::{Overlap, TilePlan};
use crate::view::choice::ViewConfig;
use crate::view::choose::{ViewRequest, Views};
use crate::view::prompts::PromptSpec;
use crate::view::rescaled::{Rescaled, View};

/// Asked when the time is measured and no prompt is given; the time does not depend on the words.
const SOME_PROMPT: &str = "buildings";
/// Bytes per pixel and prompt of the rasters before compression: two bands of 32-bit floats, and the mask.
const RASTER_BYTES: u64 = 2 * 4 + 1;

/// What `geophrase info` was asked.
#[derive(Clone, Debug)]
pub struct InfoRequest {
    /// The scene, by any name GDAL knows.
    pub scene: OsString,
    /// How to read it.
    pub scene_options: SceneOptions,
    /// How it is fetched if it is an address.
    pub remote: RemoteOptions,
    /// A file of statistics to use or to make.
    pub stats: Option<PathBuf>,
    /// Whether a bar shows how far the fetching is.
    pub watched: bool,
    /// What would be looked for.
    pub prompts: Vec<String>,
    /// How it would be shown to the model.
    pub views: ViewConfig,
    /// What neighbouring tiles would share.
    pub overlap: Overlap,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to measure on.
    pub device: DeviceChoice,
    /// Whether the model is asked one tile.
    pub measure: bool,
}

/// What the program would do with a scene.
#[derive(Debug, Serialize)]
struct SceneReading {
    scene: SceneInfo,
    /// Smallest x, smallest y, largest x, largest y in the scene's CRS.
    bbox: [f64; 4],
    model: String,
    tiles: TilesReading,
    /// Bytes of the rasters of one prompt before compression.
    raster_bytes: u64,
    notes: Vec<String>,
    /// Only when it was measured.
    estimate: Option<Estimate>,
}

#[derive(Debug, Serialize)]
struct TilesReading {
    count: usize,
    grid_rows: usize,
    grid_cols: usize,
    side_px: usize,
    stride_px: u32,
    model_px: Vec<usize>,
    /// Whether some prompts are shown the whole scene beside the tiles.
    scene_view: bool,
}

/// What one tile took, and all tiles if each took as long.
#[derive(Debug, Serialize)]
struct Estimate {
    device: String,
    prompts: usize,
    tile_seconds: f64,
    seconds: f64,
}

/// Prints what the program would read of a scene and how many tiles it makes.
///
/// # Errors
/// The same as a run would meet before its first tile: a scene, a prompt or a model that cannot be used.
pub fn info(request: &InfoRequest, as_json: bool) -> Result<(), PipelineError> {
    let (options, mut interrupt) = (&request.scene_options, Box::pin(signals()));
    let fetched = blocked_on(fetched(&request.scene, &request.remote, options.trust, request.watched, &mut interrupt))?;
    let scene = opened(&fetched.source, options, request.stats.as_deref(), Book::IsMade)?;
    let prompts = request.prompts.iter().map(|prompt| Ok(PromptSpec::new(check_prompt(prompt)?)));
    let prompts = prompts.collect::<Result<Vec<_>, PipelineError>>()?;
    let folder = find_model(request.model.clone())?;
    let model = ModelReport::unopened(&folder)?;
    let reading = read(scene.info(), &model, &prompts, request, &folder)?;
    let text = if as_json {
        serde_json::to_string_pretty(&reading).map_err(|error| PipelineError::Usage(error.to_string()))? + "\n"
    } else {
        rows(&reading)
    };
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn read(
    scene: &SceneInfo,
    model: &ModelReport,
    prompts: &[PromptSpec],
    request: &InfoRequest,
    folder: &Path,
) -> Result<SceneReading, PipelineError> {
    let views = Views::choose(&ViewRequest {
        size: scene.size,
        pixel_size_m: scene.pixel_size_m,
        model,
        prompts,
        raw_uncertainty: false,
        config: &request.views,
    })?;
    let tile_px = u32::try_from(views.tile.side_px).map_err(|_| PipelineError::Stopped("plan"))?;
    let plan = TilePlan::new(scene.size, tile_px, request.overlap)?;
    let estimate = if request.measure { Some(measure(&views.tile, &plan, prompts, request, folder)?) } else { None };
    Ok(SceneReading {
        bbox: bbox(scene.affine, scene.size),
        model: model.name.clone(),
        tiles: TilesReading {
            count: plan.len(),
            grid_rows: plan.grid_rows(),
            grid_cols: plan.grid_cols(),
            side_px: views.tile.side_px,
            stride_px: plan.stride_px(),
            model_px: views.tile.model_px.clone(),
            scene_view: views.scene.is_some(),
        },
        raster_bytes: scene.size.area_px() * RASTER_BYTES,
        notes: scene.notes.iter().chain(&views.notes).cloned().collect(),
        scene: scene.clone(),
        estimate,
    })
}

/// Asks the model one grey tile, after one to warm up.
fn measure(
    view: &View,
    plan: &TilePlan,
    prompts: &[PromptSpec],
    request: &InfoRequest,
    folder: &Path,
) -> Result<Estimate, PipelineError> {
    let mut texts: Vec<String> = prompts.iter().map(|prompt| prompt.text.clone()).collect();
    if texts.is_empty() {
        texts.push(SOME_PROMPT.to_owned());
    }
    let options = SegmenterOptions { device: request.device, ..SegmenterOptions::default() };
    let mut segmenter = engine::open(folder, &texts, &options)?;
    let device = segmenter.info().device.clone();
    let mut predictor = Rescaled::new(segmenter.as_mut(), view);
    let tile = [TileImage { side_px: view.side_px, rgb: vec![127.0; 3 * view.side_px * view.side_px] }];
    predictor.predict(&tile)?;
    let started = Instant::now();
    predictor.predict(&tile)?;
    let took = started.elapsed();
    let whole = took.mul_f64(plan.len() as f64);
    Ok(Estimate { device, prompts: texts.len(), tile_seconds: seconds(took), seconds: seconds(whole) })
}

fn bbox(affine: Affine, size: PixelSize) -> [f64; 4] {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
    let points = corners.map(|(col, row)| affine.point(col, row));
    let (xs, ys) = (points.map(|point| point.x), points.map(|point| point.y));
    let least = |values: [f64; 4]| values.into_iter().fold(f64::INFINITY, f64::min);
    let most = |values: [f64; 4]| values.into_iter().fold(f64::NEG_INFINITY, f64::max);
    [least(xs), least(ys), most(xs), most(ys)]
}

fn rows(reading: &SceneReading) -> String {
    let SceneReading { scene, bbox, model, tiles, raster_bytes, notes, estimate } = reading;
    let mut text = String::new();
    push(&mut text, "scene", &scene.name);
    push(&mut text, "size", &format!("{} x {} px", scene.size.width, scene.size.height));
    let pixel_size = scene.pixel_size_m.map_or_else(|| "unknown".to_owned(), |metres| format!("{metres:.3} m"));
    push(&mut text, "pixel size", &pixel_size);
    push(&mut text, "crs", &crs_in_words(scene));
    push(&mut text, "bbox", &bbox.map(|value| value.to_string()).join(" "));
    let bands: Vec<String> = scene.bands.iter().map(ToString::to_string).collect();
    let meant = if bands.len() == 3 { "red, green, blue" } else { "grey or palette" };
    push(&mut text, "bands", &format!("{} as {meant}, {}", bands.join(", "), scene.data_type));
    push(&mut text, "scaling", &scaling_in_words(&scene.scaling));
    let validity = match scene.validity {
        ValiditySource::Everywhere => "every pixel holds data",
        ValiditySource::Mask => "by a mask band or alpha",
        ValiditySource::Bands => "by the values of the bands (nodata, NaN)",
    };
    push(&mut text, "validity", validity);
    push(&mut text, "blocks", &format!("{} x {} px", scene.block.0, scene.block.1));
    let sides: Vec<String> = tiles.model_px.iter().map(|side| format!("{side} px")).collect();
    let TilesReading { count, grid_rows, grid_cols, side_px, stride_px, .. } = tiles;
    push(
        &mut text,
        "tiles",
        &format!(
            "{count} ({grid_rows} rows of {grid_cols}), each {side_px} px of the scene, shown to {model} at {}, one \
             every {stride_px} px{}",
            sides.join(" and "),
            if tiles.scene_view { "; some prompts see the whole scene at once" } else { "" }
        ),
    );
    push(&mut text, "rasters", &format!("{} per prompt before compression", bytes_in_words(*raster_bytes)));
    if let Some(Estimate { device, prompts, tile_seconds, seconds }) = estimate {
        push(
            &mut text,
            "estimate",
            &format!(
                "{seconds:.1} s on {device} for {}: {tile_seconds:.3} s for one tile, just now",
                if *prompts == 1 { "1 prompt".to_owned() } else { format!("{prompts} prompts") }
            ),
        );
    }
    for note in notes {
        push(&mut text, "note", note);
    }
    text
}

fn crs_in_words(scene: &SceneInfo) -> String {
    let Some(crs) = &scene.crs else { return "none: polygons are in pixel coordinates".to_owned() };
    let code = crs.authority().map_or_else(|| "no code".to_owned(), |(name, code)| format!("{name}:{code}"));
    format!("{} ({code})", crs.name())
}

fn scaling_in_words(scaling: &ScalingInfo) -> String {
    match scaling {
        ScalingInfo::None => "8-bit values as they are".to_owned(),
        ScalingInfo::Linear { chosen, ranges } => {
            let ranges: Vec<String> = ranges.iter().map(|range| format!("{} to {}", range.min, range.max)).collect();
            format!("{} become 0 to 255 ({chosen})", ranges.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_grid_has_the_box_around_its_corners() {
        // Columns go north, rows go east: 10 columns of 2 and 5 rows of 1 span x 0..5 and y 0..20.
        let affine = Affine([0.0, 0.0, 1.0, 0.0, 2.0, 0.0]);
        assert_eq!(bbox(affine, PixelSize { width: 10, height: 5 }), [0.0, 0.0, 5.0, 20.0]);
    }
}
