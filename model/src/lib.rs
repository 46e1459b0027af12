//! CroBIM-U in Burn: referring segmentation of overhead images with an uncertainty map, its training and evaluation.
//!
//! This crate knows tensors, weights and words. It knows no coordinates and no GDAL.

pub mod dataset;
pub mod error;
pub mod evaluation;
pub mod synthetic;
pub mod text;
pub mod tile;
pub mod vision;
pub mod weights;

pub use error::{ModelError, ModelErrorKind};
pub use tile::{TileImage, TilePrediction, TilePredictor};
