//! The work behind the commands; flags are in `cli`.

pub mod ablate;
pub mod bench;
pub mod dataset;
pub mod demo;
pub mod eval;
pub mod model;
pub mod preview;
pub mod segment;
pub mod synth;
pub mod train;
pub mod weights;
