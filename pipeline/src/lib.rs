//! The streaming pipeline and the commands of `geophrase`.
//!
//! This crate knows time, threads, flags and the files a user names. Pixels and polygons are `geo_io`'s, tensors and
//! words are `model`'s; the two meet only here.

pub mod areas;
pub mod batch;
mod beside;
pub mod budget;
pub mod checkpoint;
pub mod cli;
mod closing;
pub mod commands;
mod companions;
pub mod config;
pub mod engine;
pub mod error;
pub mod exit;
pub mod fingerprint;
pub mod kept_model;
pub mod logging;
pub mod machine;
pub mod mosaic;
pub mod outputs;
mod page;
pub mod panics;
pub mod picture;
pub mod plan;
pub mod polygons;
pub mod processor;
pub mod progress;
mod qgis;
pub mod remote;
pub mod report;
mod rows;
pub mod run;
pub mod scenes;
pub mod setting;
pub mod stac;
pub mod stage;
pub mod stats;
pub mod tiling;
pub mod unit;
pub mod view;

pub use error::{PipelineError, Signal};
