//! What a benchmark needs to know: what the machine can do, and what the model asks of it.

mod machine;
mod operations;

pub use machine::{MachineSpeed, measure_machine};
pub use operations::Operations;
