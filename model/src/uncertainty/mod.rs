//! The paper's three modules: the scorer (RUS), the gated fusion (UGF) and the local refinement (UDLR).

mod gated_fusion;
mod refinement;
mod scorer;

pub use gated_fusion::{GatedFusion, GatedFusionConfig};
pub use refinement::{LocalRefinement, LocalRefinementConfig};
pub use scorer::{UncertaintyScorer, UncertaintyScorerConfig};
