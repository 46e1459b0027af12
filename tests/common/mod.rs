//! Scenes made on the fly and a predictor made of arithmetic, shared by the tests.
// Each test file uses its own part of this module.
#![expect(dead_code, reason = "every test binary compiles this module and uses only a part of it")]

pub(crate) mod desk;
pub(crate) mod server;
pub(crate) mod tiff;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use geo_io::{Affine, PainterOptions, PixelSize, PixelWindow, ScaleChoice, Scene, SceneOptions, ScenePainter};
use model::{ModelError, ModelInfo, Segmenter, TileImage, TilePrediction, TilePredictor};
use pipeline::config::{OutputConfig, RunConfig};
use pipeline::engine;
use pipeline::outputs::OutputNames;
use pipeline::run::{Job, Outcome, PromptSpec, run};
use pipeline::{PipelineError, Signal};

/// Tile side of the arithmetic predictors.
pub(crate) const TILE_PX: usize = 64;
/// Largest side at which they are shown a whole scene.
pub(crate) const FRAME_PX: usize = 128;

/// Paints an 8-bit scene in UTM zone 33 with pixels of half a metre.
pub(crate) fn paint(path: &Path, width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 3]) {
    let affine = Affine([500_000.0, 0.5, 0.0, 5_300_000.0, 0.0, -0.5]);
    let size = PixelSize { width, height };
    let mut painter = ScenePainter::create(path, size, affine, "EPSG:32633", &PainterOptions::default()).unwrap();
    let rgb: Vec<u8> = (0..height)
        .flat_map(|row| (0..width).flat_map(move |col| [row, col]).collect::<Vec<_>>())
        .collect::<Vec<u32>>()
        .chunks(2)
        .flat_map(|at| colour(at[0], at[1]))
        .collect();
    painter.write_rows(0, height, &rgb, None).unwrap();
    painter.finish().unwrap().commit().unwrap();
}

/// A smooth pattern with bright islands on dark ground in every band.
pub(crate) fn waves(row: u32, col: u32) -> [u8; 3] {
    let (y, x) = (f64::from(row), f64::from(col));
    let wave = |a: f64, b: f64| (127.5 + 60.0 * (x / a).sin() + 60.0 * (y / b).cos()) as u8;
    [wave(17.0, 23.0), wave(31.0, 11.0), wave(7.0, 41.0)]
}

/// How an arithmetic predictor gets a probability.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Prompt `k` asks for the brightness of band `k`.
    Brightness,
    /// The same everywhere.
    Constant(f32, f32),
    /// Wrong near the tile's edge: the probability falls off from its middle.
    FadesToTheEdge,
    /// No number.
    Nan,
    /// Brightness, but no number for the picture of this number.
    NanAt(usize),
    /// A panic at the tile of this number.
    PanicsAt(usize),
    /// Brightness, until the device fails at the picture of this number.
    DeviceFailsAt(usize),
    /// Brightness, after a pause for each call.
    Slow,
    /// The leftmost column of the view that has a pixel of full red, for a prompt with the word "leftmost";
    /// brightness for others.
    Leftmost,
    /// Brightness, and a presence: the blue of the tile's first pixel.
    Presence,
}

/// A predictor made of arithmetic.
pub(crate) struct Arithmetic {
    rule: Rule,
    /// All prompts of the run: their numbers decide what is asked.
    all: Vec<String>,
    /// Those being asked.
    asked: Vec<String>,
    seen: usize,
    info: ModelInfo,
}

impl Arithmetic {
    pub(crate) fn new(rule: Rule, prompts: &[String]) -> Self {
        let info = ModelInfo {
            name: "arithmetic".into(),
            hash: "none".into(),
            folder: PathBuf::new(),
            device: "cpu".into(),
            tile_px: TILE_PX,
            frame_px: FRAME_PX,
            one_view_px: 0,
            pixel_size_m: [0.4, 0.6],
            max_tokens: 20,
        };
        Self { rule, all: prompts.to_vec(), asked: prompts.to_vec(), seen: 0, info }
    }

    fn answer(&self, tile: &TileImage, prompt: &str) -> TilePrediction {
        let side = tile.side_px;
        let area = side * side;
        assert_eq!(tile.rgb.len(), 3 * area);
        let number = self.all.iter().position(|known| known == prompt).unwrap();
        let probability: Vec<f32> = match self.rule {
            Rule::Constant(p, _) => vec![p; area],
            Rule::Nan => vec![f32::NAN; area],
            Rule::NanAt(index) if index == self.seen - 1 => vec![f32::NAN; area],
            Rule::FadesToTheEdge => (0..area)
                .map(|i| {
                    let from_edge = |at: usize| at.min(side - 1 - at).min(16) as f32 / 16.0;
                    0.4 + 0.2 * from_edge(i % side) * from_edge(i / side)
                })
                .collect(),
            Rule::Leftmost if prompt.contains("leftmost") => {
                let red = |col: usize| (0..side).any(|row| tile.rgb[row * side + col] > 250.0);
                let leftmost = (0..side).find(|&col| red(col));
                (0..area).map(|i| if Some(i % side) == leftmost { 1.0 } else { 0.0 }).collect()
            }
            _ => tile.rgb[number % 3 * area..][..area].iter().map(|value| value / 255.0).collect(),
        };
        let doubt = |p: &f32| if let Rule::Constant(_, u) = self.rule { u } else { p.min(1.0 - p) * 0.8 };
        let uncertainty = probability.iter().map(doubt).collect();
        TilePrediction {
            raw_uncertainty: Some(probability.iter().map(|p| 0.5 * p).collect()),
            uncertainty,
            probability,
            presence: matches!(self.rule, Rule::Presence).then(|| tile.rgb[2 * area] / 255.0),
        }
    }
}

impl TilePredictor for Arithmetic {
    fn tile_px(&self) -> usize {
        TILE_PX
    }

    fn prompt_count(&self) -> usize {
        self.asked.len()
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let mut answers = Vec::new();
        for tile in tiles {
            assert!(!matches!(self.rule, Rule::PanicsAt(index) if index == self.seen), "made to fail");
            if matches!(self.rule, Rule::DeviceFailsAt(index) if index == self.seen) {
                return Err(ModelError::Device("the device is out of memory".into()));
            }
            if matches!(self.rule, Rule::Slow) {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            self.seen += 1;
            answers.push(self.asked.iter().map(|prompt| self.answer(tile, prompt)).collect());
        }
        Ok(answers)
    }
}

impl Segmenter for Arithmetic {
    fn ask(&mut self, prompts: &[String]) -> Result<(), ModelError> {
        self.asked = prompts.to_vec();
        Ok(())
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }
}

/// One run of the pipeline to be.
pub(crate) struct Trial {
    pub(crate) scene: OsString,
    pub(crate) scene_options: SceneOptions,
    pub(crate) prompts: Vec<&'static str>,
    pub(crate) rule: Rule,
    pub(crate) config: RunConfig,
}

impl Trial {
    /// Brightness of the first band, polygons and raster into a folder.
    pub(crate) fn new(scene: &Path, folder: &Path) -> Self {
        let outputs = OutputConfig {
            vectors: vec![folder.join("out.geojson")],
            raster: Some(folder.join("out.tif")),
            ..OutputConfig::default()
        };
        Self {
            scene: scene.as_os_str().to_owned(),
            scene_options: SceneOptions::default(),
            prompts: vec!["bright ground"],
            rule: Rule::Brightness,
            config: RunConfig::new(outputs),
        }
    }

    pub(crate) fn run(self) -> Result<Outcome, PipelineError> {
        self.run_until(std::future::pending())
    }

    pub(crate) fn run_until(self, interrupt: impl Future<Output = Signal>) -> Result<Outcome, PipelineError> {
        let Self { scene, scene_options, prompts, rule, config } = self;
        let texts: Vec<String> = prompts.iter().map(|&text| text.to_owned()).collect();
        let names = OutputNames::new(&config.outputs, &texts, &scene)?;
        let load = move || {
            let predictor = Arithmetic::new(rule, &texts);
            Ok(Job {
                scene: Scene::open(&scene, &scene_options)?,
                model: engine::described(predictor.info()),
                predictor: Box::new(predictor),
                prompts: texts.into_iter().map(PromptSpec::new).collect(),
                config,
                names,
                watched: false,
                keep_detections: 1000,
            })
        };
        run(load, interrupt)
    }
}

/// A band of an output raster in 0..1, `None` where it is nodata.
pub(crate) fn band(raster: &Path, band: usize) -> Vec<Option<f32>> {
    let scale = ScaleChoice::MinMax { min: 0.0, max: 1.0 };
    let options = SceneOptions { bands: Some(vec![band]), scale, allow_no_crs: true, ..SceneOptions::default() };
    let scene = Scene::open(raster.as_os_str(), &options).unwrap();
    let pixels = scene.read_rgb(PixelWindow::whole(scene.info().size)).unwrap();
    pixels.valid.iter().zip(&pixels.rgb).map(|(&valid, value)| (valid == 1).then_some(value / 255.0)).collect()
}

/// The names in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The bytes of all outputs but the report, whose timings differ from run to run.
pub(crate) fn bytes_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let is_result = |name: &String| !name.ends_with(".report.json") && folder.join(name).is_file();
    let names = names_in(folder).into_iter().filter(is_result);
    names.map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

/// The model folder that the repository ships.
pub(crate) fn shipped_model() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models/small");
    assert!(folder.join("config.json").is_file(), "the repository ships a model in data/models/small");
    folder
}
