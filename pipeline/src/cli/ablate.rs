//! Flags of `geophrase ablate`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use model::DeviceChoice;
use model::ablation::AblationRequest;
use model::training::{DataConfig, Talk, TrainingConfig};

use crate::commands::ablate::ablate;
use crate::commands::synth::DatasetRequest;
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::run::signals;

/// Train with and without the paper's modules and compare.
#[derive(Debug, Args)]
pub(crate) struct AblateArgs {
    /// The recipe of every run; its model has all modules.
    #[arg(long, value_name = "FILE.toml")]
    config: PathBuf,
    /// Runs of each variant.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    seeds: u16,
    /// Folder of the runs and of the table; what is done in it is not done again.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Referring records to score on; without it pictures are drawn, if the recipe trains on drawn ones.
    #[arg(long, value_name = "FILE.jsonl", requires = "images")]
    records: Option<PathBuf>,
    /// The folder that the records' image names are relative to.
    #[arg(long, value_name = "DIR", requires = "records")]
    images: Option<PathBuf>,
    /// Only records of this split.
    #[arg(long, requires = "records")]
    split: Option<String>,
    /// Pictures to draw for scoring, four phrases each.
    #[arg(long, value_name = "N", default_value_t = 250, conflicts_with = "records")]
    count: u64,
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// Train only so many steps instead of the recipe's, to try the command out.
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
}

impl AblateArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let (records, images, drawn) = match (self.records, self.images) {
            (Some(records), Some(images)) => (records, images, None),
            _ => {
                let folder = self.out.join("test");
                let recipe = TrainingConfig::read(&self.config)?;
                let DataConfig::Synthetic { validation_seed, .. } = recipe.data else {
                    return Err(PipelineError::Usage("name records to score on: --records and --images".into()));
                };
                let tile_px = recipe.tile_px.map_or_else(|| recipe.model_config().map(|model| model.tile_px), Ok)?;
                let drawn = DatasetRequest {
                    folder: folder.clone(),
                    count: self.count,
                    // Neither the worlds of any training run nor those of the validation.
                    seed: validation_seed.wrapping_add(500_000),
                    tile_px: tile_px as u32,
                    phrases: 4,
                    watched: verbosity.watched(),
                };
                (folder.join("records.jsonl"), folder, Some(drawn))
            }
        };
        let request = AblationRequest {
            recipe: self.config,
            seeds: usize::from(self.seeds),
            out: self.out,
            records,
            images,
            split: self.split,
            device: self.device,
            steps: self.steps,
            talk: if verbosity == Verbosity::Quiet { Talk::Silent } else { Talk::Watched },
            interrupt: Arc::default(),
        };
        let talks = verbosity.watched() || verbosity >= Verbosity::Summary;
        ablate(request, drawn, talks, signals())
    }
}
