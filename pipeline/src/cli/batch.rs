//! Flags of `geophrase batch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::batch::run::Manner;
use crate::cli::shared::TrustArgs;
use crate::commands::batch::{BatchRequest, batch};
use crate::error::PipelineError;
use crate::logging::Verbosity;

/// Work through many scenes with nobody watching.
#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Say what would be done about each scene, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// The job and how to go about it.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job file; names in it are relative to its folder.
    #[arg(value_name = "JOB.toml")]
    job: PathBuf,
    /// Stop at the next tile after this long, with exit code 75: seconds, or 30s, 20m, 8h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_runtime: Option<Duration>,
    /// Give way to other processes: 0 (not at all) to 19.
    #[arg(long, value_name = "0..19", value_parser = clap::value_parser!(i32).range(0..=19))]
    nice: Option<i32>,
    /// Write numbers for Prometheus into this file, which is replaced in one step.
    #[arg(long, value_name = "FILE.prom")]
    metrics: Option<PathBuf>,
    /// When another process works on the same output folder: fail with exit code 75, or skip, which says nothing and
    /// ends with 0.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    if_locked: IfLocked,
    /// Try scenes again that failed, although nothing has changed.
    #[arg(long)]
    retry_failed: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// Replace files in the output folder that no earlier run of the job has written.
    #[arg(long)]
    overwrite: bool,
}

/// What to do when another process works on the same output folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum IfLocked {
    /// Exit code 75, and a line that names the holder.
    #[default]
    Fail,
    /// Nothing, and exit code 0.
    Skip,
}

impl JobArgs {
    pub(crate) fn request(self, verbosity: Verbosity) -> BatchRequest {
        BatchRequest {
            job: self.job,
            dry_run: false,
            max_runtime: self.max_runtime,
            nice: self.nice,
            metrics: self.metrics,
            trust: self.trust.trust(),
            skip_if_locked: self.if_locked == IfLocked::Skip,
            watch: None,
            manner: Manner { retry_failed: self.retry_failed, overwrite: self.overwrite, deadline: None, verbosity },
        }
    }
}

impl BatchArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        batch(&BatchRequest { dry_run: self.dry_run, ..self.job.request(verbosity) })
    }
}

/// A time such as `90`, `30s`, `20m`, `8h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: give seconds (90, 30s), minutes (20m) or hours (8h)");
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        _ => (text, 1.0),
    };
    let seconds: f64 = number.trim().parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds * unit).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_seconds_minutes_and_hours() {
        for (text, seconds) in [("90", 90.0), ("1.5s", 1.5), ("20m", 1200.0), ("8h", 28_800.0), ("0", 0.0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for wrong in ["", "s", "-1", "NaN", "1d", "inf", "1e300h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
