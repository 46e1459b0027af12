//! How good a model is, and how its numbers are made to mean what they say.
//!
//! [`run::evaluate`] walks over a file of records, a closure makes the predictions, an [`Evaluator`] counts,
//! and an [`EvalReport`] says what came out. [`calibration`] fits what the model folder keeps.

mod bootstrap;
pub mod calibration;
mod counted;
mod evaluator;
mod fit;
mod index;
pub mod metrics;
mod pixel_replicates;
pub mod plot;
pub mod protocol;
mod ranks;
mod regrid;
mod reliability;
pub mod report;
pub mod run;
mod size;
mod svg;
mod table;

pub use calibration::{
    Calibration, CalibrationFitter, CalibrationRecord, CalibrationSummary, ClosedCoefficients, UncertaintyCoefficients,
};
pub use counted::RecordScore;
pub use evaluator::{Evaluator, RecordOutcome};
pub use protocol::{Cluster, CompareGrid, EmptyUnion, EvalOptions, PrecisionOperator, Protocol};
pub use reliability::ReliabilityPoint;
pub use report::{EvalReport, Scores};
pub use run::{EvalRequest, Predict, ScenePrediction, SeenRecord, Watcher, evaluate, evaluate_with};

#[cfg(test)]
mod reference_tests;
