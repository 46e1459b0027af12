//! The work behind the commands; flags are in `cli`.

pub mod ablate;
pub mod batch;
pub mod bench;
pub mod calibrate;
pub mod dataset;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod dry_run;
pub mod eval;
pub mod info;
pub mod merge;
pub mod mix;
pub mod model;
pub mod plan;
pub mod preview;
pub mod report;
pub mod run;
pub mod segment;
pub mod status;
pub mod synth;
pub mod train;
pub mod vectorize;
pub mod watch;
pub mod weights;
pub mod worker;
