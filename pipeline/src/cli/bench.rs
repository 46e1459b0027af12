//! Flags of `geophrase bench`.

use clap::{Args, ValueEnum};

use crate::cli::shared::EngineArgs;
use crate::commands::bench::{BenchRequest, bench};
use crate::error::PipelineError;
use crate::logging::Verbosity;

/// Measure how fast this machine answers: peak, tiles a second, the price of prompts, a whole run.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Measure a model of these sizes with random weights instead of the one in the model folder.
    #[arg(long, value_name = "NAME")]
    preset: Option<Preset>,
    /// Numbers of prompts to measure.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,10", value_parser = clap::value_parser!(u8).range(1..=100))]
    prompts: Vec<u8>,
    /// Rounds of every measurement; the median counts.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Also run `segment` on a drawn scene of this side in pixels.
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(32..=65536))]
    scene: Option<u32>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// The sizes that the project knows by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Preset {
    /// The model that ships.
    Small,
    /// The paper's.
    Base,
}

impl BenchArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        bench(&BenchRequest {
            preset: self.preset.map(|preset| match preset {
                Preset::Small => model::config::ModelConfig::small(),
                Preset::Base => model::config::ModelConfig::base(),
            }),
            prompts: self.prompts.into_iter().map(usize::from).collect(),
            rounds: usize::from(self.rounds),
            scene_px: self.scene,
            model: self.engine.model,
            device: self.engine.device,
            batch: self.engine.batch,
            verbosity,
        })
    }
}
