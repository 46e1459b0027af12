//! Peak memory and throughput of the pipeline on drawn scenes of growing height, with a model made of arithmetic.
//!
//! `cargo bench -p pipeline --bench memory` runs 8,192 x 8,192 and 8,192 x 65,536 px; other sizes can be named:
//! `cargo bench -p pipeline --bench memory -- 4096x4096`. Each size runs in a process of its own, so that its peak is
//! its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use geo_io::{PixelSize, Scene, SceneOptions};
use model::{ModelError, ModelInfo, Segmenter, TileImage, TilePrediction, TilePredictor};
use pipeline::PipelineError;
use pipeline::commands::synth::{SceneRequest, scene, world_of};
use pipeline::config::{OutputConfig, RunConfig};
use pipeline::engine;
use pipeline::outputs::OutputNames;
use pipeline::run::{Job, PromptSpec, run};

const TILE_PX: usize = 320;
const DEFAULT_SIZES: [&str; 2] = ["8192x8192", "8192x65536"];
const CHILD: &str = "--child";

/// Calls what is bright a target, in coarse steps, so that outputs compress as real masks do.
struct Brightness(ModelInfo);

impl TilePredictor for Brightness {
    fn tile_px(&self) -> usize {
        TILE_PX
    }

    fn prompt_count(&self) -> usize {
        1
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let answer = |tile: &TileImage| {
            let red = &tile.rgb[..tile.side_px * tile.side_px];
            let probability: Vec<f32> = red.iter().map(|value| (value / 32.0).floor() / 8.0).collect();
            let uncertainty = probability.iter().map(|p| p.min(1.0 - p)).collect();
            vec![TilePrediction { probability, uncertainty, raw_uncertainty: None, presence: None }]
        };
        Ok(tiles.iter().map(answer).collect())
    }
}

impl Brightness {
    fn new() -> Self {
        Self(ModelInfo {
            name: "arithmetic".into(),
            hash: "none".into(),
            folder: PathBuf::new(),
            device: "cpu".into(),
            tile_px: TILE_PX,
            frame_px: 512,
            one_view_px: 0,
            pixel_size_m: [0.2, 0.6],
            max_tokens: 20,
        })
    }
}

impl Segmenter for Brightness {
    fn ask(&mut self, _prompts: &[String]) -> Result<(), ModelError> {
        Ok(())
    }

    fn info(&self) -> &ModelInfo {
        &self.0
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, size, folder] = &arguments[..]
        && flag == CHILD
    {
        return Ok(measure(parsed(size)?, Path::new(folder))?);
    }
    let named: Vec<&str> = arguments.iter().map(String::as_str).filter(|name| !name.starts_with('-')).collect();
    println!("size, tiles, seconds, megapixels per second, peak MiB");
    for size in if named.is_empty() { DEFAULT_SIZES.to_vec() } else { named } {
        let folder = tempfile::tempdir()?;
        draw(parsed(size)?, folder.path())?;
        let status = Command::new(std::env::current_exe()?).args([CHILD, size]).arg(folder.path()).status()?;
        if !status.success() {
            return Err(format!("the run of {size} failed").into());
        }
    }
    Ok(())
}

fn parsed(size: &str) -> Result<PixelSize, Box<dyn std::error::Error>> {
    let (width, height) = size.split_once('x').ok_or("a size is columns x rows")?;
    Ok(PixelSize { width: width.parse()?, height: height.parse()? })
}

fn draw(size: PixelSize, folder: &Path) -> Result<(), PipelineError> {
    let request = SceneRequest {
        out: folder.join("scene.tif"),
        world: world_of(7, size, 0.3, (0.0, 0.0)),
        crs: "EPSG:32633".into(),
        origin: (500_000.0, 5_300_000.0),
        instances: None,
        records: None,
        phrases: Vec::new(),
        jpeg: Some(85),
        overwrite: false,
        watched: false,
    };
    scene(request, std::future::pending())
}

fn measure(size: PixelSize, folder: &Path) -> Result<(), PipelineError> {
    let scene = folder.join("scene.tif").into_os_string();
    let outputs = OutputConfig {
        vectors: vec![folder.join("out.geojson")],
        raster: Some(folder.join("out.tif")),
        ..OutputConfig::default()
    };
    let prompt = PromptSpec::new("bright ground".into());
    let names = OutputNames::new(&outputs, std::slice::from_ref(&prompt.text), &scene)?;
    let load = move || {
        Ok(Job {
            scene: Scene::open(&scene, &SceneOptions::default())?,
            model: engine::described(&Brightness::new().0),
            predictor: Box::new(Brightness::new()),
            prompts: vec![prompt],
            config: RunConfig::new(outputs),
            names,
            watched: false,
            keep_detections: 0,
        })
    };
    let report = run(load, std::future::pending())?.report;
    let seconds = report.seconds["total"];
    println!(
        "{}x{}, {}, {seconds:.1}, {:.2}, {:.0}",
        size.width,
        size.height,
        report.tiles.planned,
        size.area_px() as f64 / 1e6 / seconds,
        report.peak_memory_bytes.unwrap_or_default() as f64 / f64::from(1 << 20),
    );
    Ok(())
}
