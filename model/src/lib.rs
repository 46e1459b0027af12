//! CroBIM-U in Burn: referring segmentation of overhead images with an uncertainty map, its training and evaluation.
//!
//! This crate knows tensors, weights and words. It knows no coordinates and no GDAL.

pub mod ablation;
pub mod config;
pub mod crobim_u;
pub mod dataset;
pub mod decoder;
pub mod device;
pub mod error;
pub mod evaluation;
pub mod ops;
mod pickle;
pub mod segmenter;
pub mod speed;
mod store;
pub mod synthetic;
pub mod text;
pub mod tile;
pub mod training;
pub mod uncertainty;
pub mod vision;
mod vocabulary;
pub mod weights;

pub use device::DeviceChoice;
pub use error::{ModelError, ModelErrorKind};
pub use segmenter::{
    LogitSource, ModelInfo, Segmenter, SegmenterOptions, open_logits, open_segmenter, untrained_segmenter,
};
pub use tile::{TileImage, TileLogits, TilePrediction, TilePredictor};
