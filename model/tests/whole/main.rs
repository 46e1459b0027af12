//! The model as a whole: decoder, training, and the weights that ship.

#![expect(clippy::unwrap_used, reason = "an error in a test fails the test")]

mod ablation;
mod checkpointing;
mod decoder;
mod recipes;
mod shipped_weights;
mod tiny;
mod training;
