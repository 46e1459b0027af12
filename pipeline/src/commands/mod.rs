//! The work behind the commands; flags are in `cli`.

pub mod ablate;
pub mod dataset;
pub mod demo;
pub mod diff;
pub mod eval;
pub mod model;
pub mod preview;
pub mod report;
pub mod segment;
pub mod synth;
pub mod train;
pub mod vectorize;
pub mod weights;
