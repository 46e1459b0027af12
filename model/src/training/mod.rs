//! Training: losses, schedules, the loop, and checkpoints that a run resumes from.

mod announce;
mod average;
mod bad_batch;
mod checkpoint;
mod config;
mod feed;
mod feed_imagery;
mod feed_records;
mod loss;
mod optimizer;
mod parameters;
mod phrase_features;
mod plot;
mod quarter_turn;
mod run_log;
mod schedule;
mod scoring;
mod span;
mod start;
mod step;
mod trainer;
mod validation;
mod view_imagery;

pub use announce::Talk;
pub use config::{DataConfig, ImageryConfig, PretrainedConfig, TrainingConfig};
pub use feed_records::RecordsConfig;
pub use loss::{LossConfig, Losses, Truth};
pub use optimizer::ClipOver;
pub use parameters::TowersConfig;
pub use schedule::{Decay, ScheduleConfig};
pub use span::Span;
pub(crate) use trainer::train_by;
pub use trainer::{TrainOutcome, TrainRequest, train};
