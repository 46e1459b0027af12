//! How good a model is, and how its numbers are made to mean what they say.

pub mod calibration;
mod fit;
