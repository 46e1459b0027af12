//! Flags of `geophrase weights`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::mix::{MixRequest, mix};
use crate::commands::weights::{ConvertRequest, InspectRequest, convert, inspect};
use crate::error::PipelineError;

/// Convert and inspect weights.
#[derive(Debug, Args)]
pub(crate) struct WeightsArgs {
    #[command(subcommand)]
    command: WeightsCommand,
}

#[derive(Debug, Subcommand)]
enum WeightsCommand {
    /// Convert pre-trained towers into the safetensors that training starts from.
    Convert {
        /// The vision tower: .pth or .safetensors.
        #[arg(long, value_name = "FILE")]
        vision: PathBuf,
        /// Which tower it is: efficientnet_lite0 to 4, convnext_tiny, _small, _base, _large, _xlarge.
        #[arg(long, value_name = "NAME", default_value = "efficientnet_lite0")]
        vision_kind: String,
        /// The text tower: a Hugging Face folder.
        #[arg(long, value_name = "DIR")]
        text: PathBuf,
        /// Where the converted files go.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write the model whose weights lie between those of two models of one making.
    Mix {
        /// The model that a share of 0 gives.
        from: PathBuf,
        /// The model that a share of 1 gives, trained on from the first; its configuration is taken, and its calibration has
        /// to be fitted anew.
        to: PathBuf,
        /// How far to go from the first to the second, 0 to 1.
        #[arg(long, value_name = "SHARE")]
        share: f64,
        /// The model folder to be made.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Replace a model that is there.
        #[arg(long)]
        overwrite: bool,
    },
    /// List the tensors of a weight file or model folder, and what a model would take from it.
    Inspect {
        /// A .safetensors, .pth, .pt or .bin file, or a model folder.
        path: PathBuf,
        /// The model to compare with: small, base, a config.json, or a model folder [default: a folder's own].
        #[arg(long, value_name = "MODEL")]
        model: Option<PathBuf>,
        /// Print JSON instead of the table.
        #[arg(long)]
        json: bool,
    },
}

impl WeightsArgs {
    pub(crate) fn run(self) -> Result<(), PipelineError> {
        match self.command {
            WeightsCommand::Convert { vision, vision_kind, text, out } => {
                convert(ConvertRequest { vision, vision_kind, text, out })
            }
            WeightsCommand::Mix { from, to, share, out, overwrite } => {
                mix(&MixRequest { from, to, share, out, overwrite })
            }
            WeightsCommand::Inspect { path, model, json } => inspect(&InspectRequest { path, model, json }),
        }
    }
}
