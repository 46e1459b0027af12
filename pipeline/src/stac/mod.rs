//! A STAC Item beside the outputs of a run: where they lie, what they are, and what they were made with.

mod asset;
mod item;

pub(crate) use item::{ItemRequest, item};
