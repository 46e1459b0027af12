//! Training: losses, schedules, the loop, and checkpoints that a run resumes from.

mod average;
mod checkpoint;
mod config;
mod feed;
mod feed_imagery;
mod feed_records;
mod loss;
mod optimizer;
mod parameters;
mod phrase_features;
mod run_log;
mod schedule;
mod start;
mod step;
mod trainer;
mod validation;

pub use config::{DataConfig, ImageryConfig, PretrainedConfig, TrainingConfig};
pub use feed_records::RecordsConfig;
pub use loss::{LossConfig, Losses, Truth};
pub use parameters::TowersConfig;
pub use schedule::ScheduleConfig;
pub use trainer::{TrainRequest, train};
