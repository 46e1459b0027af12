//! Flags of `geophrase plan`, `run`, `status`, `merge` and `worker`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::cli::remote::{FetchArgs, SourceArgs};
use crate::cli::shared::{AnswerArgs, BesideArgs, EngineArgs, MemoryArgs, PartArgs, PolygonArgs, SceneArgs, ViewArgs};
use crate::commands::merge::{MergeRequest, merge_plan};
use crate::commands::plan::{PlanRequest, plan};
use crate::commands::run::{RunRequest, run_plan};
use crate::commands::status::status;
use crate::commands::worker::worker;
use crate::config::{self, RunConfig};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::run::signals;
use crate::unit::{Shard, ShardChoice};

/// Write down what is to be done.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The scenes: files, addresses (https://...), STAC items, other names that GDAL knows, folders, or @list.txt with a
    /// name on each line.
    #[arg(required = true, value_name = "SCENE")]
    scenes: Vec<OsString>,
    /// What to find; may be given several times.
    #[arg(short, long = "prompt", required = true, value_name = "PHRASE")]
    prompts: Vec<String>,
    /// The folder of the plan; units and outputs go there too.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Format of the polygons, by extension; may be given several times.
    #[arg(long = "format", value_name = "EXT", default_value = "geojson")]
    formats: Vec<String>,
    /// Write no rasters.
    #[arg(long)]
    no_raster: bool,
    /// Tiles in a unit, about: units are bands of whole tile rows.
    #[arg(long, value_name = "N", default_value_t = config::UNIT_TILES, value_parser = clap::value_parser!(u32).range(1..))]
    unit_tiles: u32,
    /// Write all prompts in one raster too, as *.classes.tif.
    #[arg(long)]
    class_raster: bool,
    /// Write a QGIS project for each scene, by its extension.
    #[arg(long, value_name = "qgs|qgz", value_parser = ["qgs", "qgz"])]
    qgis_project: Option<String>,
    #[command(flatten)]
    beside: BesideArgs,
    /// Write the scorer's own uncertainty too, as a third band.
    #[arg(long, conflicts_with = "no_raster")]
    raw_uncertainty: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    scene_args: SceneArgs,
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    polygons: PolygonArgs,
    #[command(flatten)]
    answers: AnswerArgs,
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl PlanArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        plan(&PlanRequest {
            scenes: self.scenes,
            scene_options: self.scene_args.options(),
            remote: self.source.fetch.options(),
            direct: self.source.direct,
            asset: self.source.asset,
            stats: self.source.stats,
            prompts: self.prompts,
            model: self.engine.model,
            device: self.engine.device,
            run: RunConfig {
                part: self.part.part(),
                cutline: self.part.cutline,
                raw_uncertainty: self.raw_uncertainty,
                polygons: self.polygons.config(),
                ..self.answers.config(self.views, self.beside.outputs())
            },
            folder: self.out,
            formats: self.formats,
            raster: !self.no_raster,
            class_raster: self.class_raster,
            qgis_project: self.qgis_project,
            unit_tiles: self.unit_tiles as usize,
            verbosity,
        })
    }
}

/// Run a plan, or a share of it.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Which part of it: i/n with i from 0 to n - 1, or auto (from Slurm, AWS Batch or an indexed Kubernetes job).
    #[arg(long, value_name = "I/N|auto", default_value = "0/1")]
    shard: ShardChoice,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl RunArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let shard = self.shard.resolve(|name| std::env::var(name).ok()).map_err(PipelineError::Usage)?;
        let EngineArgs { model, device, batch, memory } = self.engine;
        let (ram, remote) = (memory.ram(), self.fetch.options());
        run_plan(&RunRequest { plan: self.plan, shard, model, device, batch, ram, remote, verbosity }, signals())
    }
}

/// Say how far a plan is.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        status(&self.plan, self.json)
    }
}

/// Write the outputs of a plan whose units are finished.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Only this scene, by its name in the plan; may be given several times.
    #[arg(long = "scene", value_name = "NAME")]
    scenes: Vec<String>,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    memory: MemoryArgs,
}

impl MergeArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let (ram, remote) = (self.memory.ram(), self.fetch.options());
        merge_plan(&MergeRequest { plan: self.plan, scenes: self.scenes, ram, remote, verbosity })
    }
}

/// Run units of a plan as they are asked for.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Read {"unit": N} from standard input, one a line, and answer each with one line on standard output.
    #[arg(long, required = true)]
    stdio: bool,
    #[command(flatten)]
    fetch: FetchArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl WorkerArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        let EngineArgs { model, device, batch, memory } = self.engine;
        let request = RunRequest {
            plan: self.plan,
            shard: Shard::WHOLE,
            model,
            device,
            batch,
            ram: memory.ram(),
            remote: self.fetch.options(),
            verbosity: Verbosity::Quiet,
        };
        worker(&request, signals())
    }
}
