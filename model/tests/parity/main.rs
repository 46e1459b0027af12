//! Our towers, layers, losses and whole models give the numbers of PyTorch, gradients included.
//!
//! The fixtures come from the scripts beside this file, which run PyTorch and packages that nobody here wrote; nothing
//! here does. What is small lies in `tests/fixtures` and is always compared. Full-size models are compared where
//! `make parity` has put them (the folder that `GEOPHRASE_PARITY` names), and say that they were skipped elsewhere.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test that needs it")]

mod attention;
mod decoder;
mod fixture;
mod full;
mod gradients;
mod losses;
mod ops;
mod start;
mod towers;
mod uncertainty;
mod whole;
