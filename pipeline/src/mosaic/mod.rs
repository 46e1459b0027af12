//! From tile predictions back to the scene: weights, sums, labels.

pub mod blend;
pub mod canvas;
pub mod holes;
pub mod picture;
