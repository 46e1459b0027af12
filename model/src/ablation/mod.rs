//! What the paper's modules are worth: the same recipe with and without them, over several seeds (the paper's Table V).
//!
//! Every variant trains the scorer (RUS) by L_unc; they differ in what is done with its map. So the rows tell UGF and
//! UDLR apart from everything else, also from what an auxiliary loss does to the features.

mod run;
mod score;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::config::DecoderConfig;
use crate::device::DeviceChoice;
use crate::training::Talk;

pub use run::ablate;
pub use summary::{AblationReport, Gain, Spread, VariantRow};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Neither fusion by uncertainty nor refinement.
    Base,
    /// With uncertainty-gated fusion.
    Ugf,
    /// With uncertainty-driven local refinement.
    Udlr,
    /// With both.
    Full,
}

impl Variant {
    /// All rows, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Base, Self::Ugf, Self::Udlr, Self::Full];

    /// Name of its files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Ugf => "ugf",
            Self::Udlr => "udlr",
            Self::Full => "full",
        }
    }

    /// Name in the table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Ugf => "+ UGF",
            Self::Udlr => "+ UDLR",
            Self::Full => "full",
        }
    }

    /// The decoder of this row; `full` is the decoder with all modules.
    #[must_use]
    pub fn decoder(self, full: &DecoderConfig) -> DecoderConfig {
        let refines = matches!(self, Self::Udlr | Self::Full);
        DecoderConfig {
            gated_fusion: matches!(self, Self::Ugf | Self::Full),
            refinement_hidden: if refines { full.refinement_hidden } else { 0 },
            ..full.clone()
        }
    }
}

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct AblationRequest {
    /// The recipe of every run; its model has all modules.
    pub recipe: PathBuf,
    /// Runs of each variant.
    pub seeds: usize,
    /// Folder of the runs and of the table.
    pub out: PathBuf,
    /// Referring records that every run is scored on: not those of training or validation.
    pub records: PathBuf,
    /// The folder of their pictures.
    pub images: PathBuf,
    /// Only the records of this split.
    pub split: Option<String>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// Trains only so many steps instead of the recipe's, to try the command out.
    pub steps: Option<usize>,
    /// How much is said.
    pub talk: Talk,
    /// Once this is true, the run in hand leaves a checkpoint, and the rest is left for the next time.
    pub interrupt: Arc<AtomicBool>,
}
