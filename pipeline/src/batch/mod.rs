//! A job: many scenes looked through with nobody watching, each once, whatever happens in between.
//!
//! What is known about a scene lies beside its outputs, in a manifest that is renamed last. There is no other state, so
//! that a job can be stopped, killed, moved and started again.

pub mod collect;
pub mod error;
pub mod fingerprint;
pub mod job_file;
pub mod job_options;
pub mod lock;
pub mod manifest;
pub mod metrics;
pub mod naming;
pub mod report;
pub mod run;
mod scene_run;
pub mod scenes;
pub mod standing;
