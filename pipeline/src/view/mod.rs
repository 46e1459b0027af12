//! Views: how much of the scene the model sees at once, and at which pixel size.

pub mod choice;
pub mod choose;
pub mod part;
pub mod prompts;
pub mod resample;
pub mod rescaled;
