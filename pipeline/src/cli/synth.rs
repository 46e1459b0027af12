//! Flags of `geophrase synth`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use geo_io::PixelSize;
use model::synthetic::{DEMO_PROMPTS, demo_world};

use crate::commands::synth::{DatasetRequest, SceneRequest, dataset, scene, world_of};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::run::signals;

/// Draw a scene (--out) or a data set (--dataset).
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["out", "dataset"]))]
pub(crate) struct SynthArgs {
    /// Draw one georeferenced scene.
    #[arg(long, value_name = "FILE.tif")]
    out: Option<PathBuf>,
    /// Draw pictures and referring records (records.jsonl) into a new folder.
    #[arg(long, value_name = "DIR")]
    dataset: Option<PathBuf>,
    /// Draw the scene of the demo; its phrases are the demo's unless others are given.
    #[arg(long, requires = "out", conflicts_with_all = ["seed", "size", "pixel_size", "world_origin"])]
    demo: bool,
    /// Another seed, another world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Size of the scene in pixels.
    #[arg(long, value_name = "WxH", default_value = "2048x2048", value_parser = size, conflicts_with = "dataset")]
    size: PixelSize,
    /// Side of a pixel in metres.
    #[arg(long, value_name = "M", default_value_t = 0.5, conflicts_with = "dataset")]
    pixel_size: f64,
    /// CRS of the scene; its unit must be the metre.
    #[arg(long, default_value = "EPSG:32633", conflicts_with = "dataset")]
    crs: String,
    /// Map coordinates of the upper left corner.
    #[arg(long, value_name = "X,Y", default_value = "500000,5300000", value_parser = point, conflicts_with = "dataset")]
    origin: (f64, f64),
    /// Where the upper left corner lies in the drawn world, in metres to the right and down.
    #[arg(long, value_name = "X,Y", default_value = "0,0", value_parser = point, conflicts_with = "dataset")]
    world_origin: (f64, f64),
    /// Write the number of the object in each pixel.
    #[arg(long, value_name = "FILE.tif", requires = "out")]
    instances: Option<PathBuf>,
    /// Write referring records of the phrases, with exact masks of the whole scene.
    #[arg(long, value_name = "FILE.jsonl", requires = "out")]
    records: Option<PathBuf>,
    /// A phrase for the records; may be given several times.
    #[arg(long = "phrase", value_name = "PHRASE", requires = "records")]
    phrases: Vec<String>,
    /// Compress with JPEG of this quality instead of without loss.
    #[arg(long, value_name = "1..100", requires = "out", value_parser = clap::value_parser!(u8).range(1..=100))]
    jpeg: Option<u8>,
    /// Number of pictures of a data set.
    #[arg(long, default_value_t = 100, requires = "dataset")]
    count: u64,
    /// Side of the pictures of a data set in pixels.
    #[arg(long, value_name = "PX", default_value_t = 320, requires = "dataset", value_parser = clap::value_parser!(u32).range(1..=4096))]
    tile: u32,
    /// Phrases per picture of a data set.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "dataset")]
    phrases_per_tile: usize,
    /// Replace files of a scene that exist.
    #[arg(long, conflicts_with = "dataset")]
    overwrite: bool,
}

impl SynthArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let watched = verbosity.watched();
        match (self.out, self.dataset) {
            (Some(_), _) if self.records.is_some() && self.phrases.is_empty() && !self.demo => {
                Err(PipelineError::Usage("--records needs phrases to write records of: give --phrase PHRASE".into()))
            }
            (Some(out), _) => {
                let request = SceneRequest {
                    out,
                    world: if self.demo {
                        demo_world()
                    } else {
                        world_of(self.seed, self.size, self.pixel_size, self.world_origin)
                    },
                    crs: self.crs,
                    origin: self.origin,
                    instances: self.instances,
                    records: self.records,
                    phrases: if self.demo && self.phrases.is_empty() {
                        DEMO_PROMPTS.map(str::to_owned).to_vec()
                    } else {
                        self.phrases
                    },
                    jpeg: self.jpeg,
                    overwrite: self.overwrite,
                    watched,
                };
                scene(request, signals())
            }
            (None, Some(folder)) => {
                let request = DatasetRequest {
                    folder,
                    count: self.count,
                    seed: self.seed,
                    tile_px: self.tile,
                    phrases: self.phrases_per_tile,
                    watched,
                };
                dataset(request, signals())
            }
            (None, None) => Err(PipelineError::Usage("give --out FILE.tif or --dataset DIR".into())),
        }
    }
}

fn size(text: &str) -> Result<PixelSize, String> {
    let wrong = || format!("{text:?} is no size: give columns x rows, such as 2048x1024");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|&n| n > 0 && n <= i32::MAX as u32);
    let (width, height) = number(width).zip(number(height)).ok_or_else(wrong)?;
    Ok(PixelSize { width, height })
}

fn point(text: &str) -> Result<(f64, f64), String> {
    let wrong = || format!("{text:?} is no point: give x,y");
    let (x, y) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    number(x).zip(number(y)).ok_or_else(wrong)
}
