//! STAC documents: scenes that one names, and the Item beside the outputs of a run.

mod asset;
mod item;
mod scenes;

pub(crate) use item::{ItemRequest, item};
pub use scenes::{AssetChoice, is_document, only_scene, scenes};
