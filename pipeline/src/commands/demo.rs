//! `geophrase demo`: three prompts on the shipped scene, a table of what was found, and a picture.

use std::io::Write;
use std::path::PathBuf;

use geo_io::{Detection, SceneOptions};
use model::DeviceChoice;
use model::synthetic::DEMO_PROMPTS;

use crate::commands::preview::{panels, save_png};
use crate::commands::segment::{SegmentRequest, segment};
use crate::config::{MinArea, OutputConfig, PolygonConfig, RunConfig};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::outputs::OutputNames;
use crate::picture::panels::stack;
use crate::remote::RemoteOptions;
use crate::report::Report;
use crate::run::signals;

/// Detections listed per prompt.
const LISTED: usize = 8;
/// Detections kept for the table; the demo's scene has far fewer.
const KEPT: usize = 10_000;
/// Specks below this area are left out, so that the table shows things.
const MIN_AREA: MinArea = MinArea::Px(30);
/// Width of a panel of the picture.
const PANEL_PX: u32 = 640;

/// What `geophrase demo` was asked to do.
#[derive(Clone, Debug)]
pub struct DemoRequest {
    /// The scene.
    pub scene: PathBuf,
    /// Where results go.
    pub out: PathBuf,
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// Tiles given to the model at once.
    pub batch: usize,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Runs the example and prints what it found.
///
/// # Errors
/// Whatever stops `segment`, or a picture that cannot be written.
pub fn demo(request: DemoRequest) -> Result<(), PipelineError> {
    let scene = request.scene;
    let prompts = DEMO_PROMPTS.map(str::to_owned);
    let out = request.out;
    std::fs::create_dir_all(&out).map_err(|source| PipelineError::Create { path: out.clone(), source })?;
    let outputs = OutputConfig {
        vectors: vec![out.join("found.geojson")],
        raster: Some(out.join("found.tif")),
        overwrite: true,
        ..OutputConfig::default()
    };
    let names = OutputNames::new(&outputs, &prompts, scene.as_os_str())?;
    let outcome = segment(
        SegmentRequest {
            scene: scene.clone().into_os_string(),
            scene_options: SceneOptions::default(),
            at_hand: None,
            remote: RemoteOptions::default(),
            stats: None,
            prompts: prompts.to_vec(),
            model: request.model,
            device: request.device,
            run: RunConfig {
                batch: request.batch,
                polygons: PolygonConfig { min_area: MIN_AREA, ..PolygonConfig::default() },
                ..RunConfig::new(outputs)
            },
            verbosity: request.verbosity,
            checkpoint: None,
            keep_detections: KEPT,
        },
        signals(),
    )?;
    let mut sheets = Vec::new();
    for (prompt, raster) in prompts.iter().zip(&names.rasters) {
        sheets.push(panels(scene.as_os_str(), raster, PANEL_PX)?.draw(prompt));
    }
    let picture = out.join("found.png");
    save_png(&stack(&sheets), &picture, true)?;
    let mut text = table(&outcome.report, &outcome.detections);
    for path in outcome.files.iter().chain([&picture]) {
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// What was found, and where: the largest detections of each prompt.
fn table(report: &Report, detections: &[Detection]) -> String {
    let size = report.scene.size;
    let crs = report.scene.crs.as_ref().map_or("no CRS", |crs| crs.name());
    let mut text = format!(
        "{}: {} x {} px, {crs}\n{} tiles of {} px by {} on {} in {:.1} s\n",
        report.scene.name,
        size.width,
        size.height,
        report.tiles.planned,
        report.model.tile_px,
        report.model.name,
        report.model.device,
        report.seconds.get("total").copied().unwrap_or_default(),
    );
    for prompt in &report.prompts {
        let mut found: Vec<&Detection> = detections.iter().filter(|found| found.prompt == prompt.prompt).collect();
        found.sort_by(|a, b| b.n_px.cmp(&a.n_px).then_with(|| a.id.cmp(&b.id)));
        text.push_str(&format!("\n{:?}: {} found\n", prompt.prompt, found.len()));
        if found.is_empty() {
            continue;
        }
        text.push_str("           x            y   area m2  probability  uncertainty\n");
        for found in found.iter().take(LISTED) {
            let area = found.area_m2.map_or_else(|| "unknown".into(), |area| format!("{area:.1}"));
            text.push_str(&format!(
                "{:12.2} {:12.2} {area:>9} {:12.3} {:12.3}\n",
                found.centroid.x, found.centroid.y, found.prob_mean, found.unc_mean
            ));
        }
        if found.len() > LISTED {
            text.push_str(&format!("  and {} smaller ones\n", found.len() - LISTED));
        }
    }
    text.push('\n');
    text
}
