//! Why a job ended without having done all it was asked.

use std::path::PathBuf;

use crate::error::Signal;
use crate::exit::Exit;

/// Why a job ended without having done all it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The job file cannot be understood.
    #[error("job file {}: {reason}", path.display())]
    JobFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that the job's scenes are looked for in is not there.
    #[error("job file {}: {} cannot be read", job.display(), path.display())]
    NoScenes {
        /// The job file.
        job: PathBuf,
        /// The folder or list.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Two scenes would write the same file.
    #[error("scenes {first} and {second} would both write {}: tell them apart with name = \"{{stem}}-{{hash}}\" or \"{{parent}}-{{stem}}\"", path.display())]
    SameName {
        /// One scene.
        first: String,
        /// The other.
        second: String,
        /// The file.
        path: PathBuf,
    },
    /// Another process works on the same output folder.
    #[error("{} is being worked on by {holder}", folder.display())]
    Locked {
        /// The output folder.
        folder: PathBuf,
        /// Who holds the lock.
        holder: String,
    },
    /// The time that the job may take is over.
    #[error("out of time after {finished} of {total} scenes: the same command goes on from there")]
    OutOfTime {
        /// Scenes that need nothing more.
        finished: usize,
        /// All scenes.
        total: usize,
    },
    /// A signal asked the job to end.
    #[error("{} after {finished} of {total} scenes: the same command goes on from there", match .signal { Signal::Interrupt => "interrupted", Signal::Terminate => "terminated" })]
    Interrupted {
        /// What asked.
        signal: Signal,
        /// Scenes that need nothing more.
        finished: usize,
        /// All scenes.
        total: usize,
    },
    /// All was tried, and some scenes have no result or one with holes.
    #[error("{}", some_failed(.failed, .holes, *.total, .report))]
    Partial {
        /// Scenes without a result, and why.
        failed: Vec<(String, String)>,
        /// Scenes with a result that has holes.
        holes: Vec<String>,
        /// All scenes.
        total: usize,
        /// Where the whole story is.
        report: PathBuf,
        /// 4, or 75 when all of it may work later.
        exit: Exit,
    },
}

impl BatchError {
    /// The exit code to end with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::JobFile { .. } => Exit::Config,
            Self::NoScenes { .. } => Exit::UnreadableScene,
            Self::SameName { .. } => Exit::Usage,
            Self::Locked { .. } | Self::OutOfTime { .. } => Exit::TryAgain,
            Self::Partial { exit, .. } => *exit,
            Self::Interrupted { signal: Signal::Interrupt, .. } => Exit::Interrupted,
            Self::Interrupted { signal: Signal::Terminate, .. } => Exit::Terminated,
        }
    }
}

/// The first few by name, the rest by number.
fn some_failed(failed: &[(String, String)], holes: &[String], total: usize, report: &std::path::Path) -> String {
    const NAMED: usize = 3;
    let mut parts = Vec::new();
    if !failed.is_empty() {
        let named: Vec<String> = failed.iter().take(NAMED).map(|(name, why)| format!("{name} ({why})")).collect();
        parts.push(format!("{} of {total} scenes failed: {}{}", failed.len(), named.join(", "), more(failed.len())));
    }
    if !holes.is_empty() {
        let named: Vec<&str> = holes.iter().take(NAMED).map(String::as_str).collect();
        parts.push(format!("{} of {total} have holes: {}{}", holes.len(), named.join(", "), more(holes.len())));
    }
    return format!("{}; see {}", parts.join("; "), report.display());

    fn more(count: usize) -> String {
        if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_are_named_and_the_rest_counted() {
        let failed = (1..=5).map(|n| (format!("{n}.tif"), "cut".to_owned())).collect();
        let error = BatchError::Partial {
            failed,
            holes: vec!["h.tif".into()],
            total: 9,
            report: "out/job.json".into(),
            exit: Exit::Incomplete,
        };
        assert_eq!(
            error.to_string(),
            "5 of 9 scenes failed: 1.tif (cut), 2.tif (cut), 3.tif (cut) and 2 more; 1 of 9 have holes: h.tif; see \
             out/job.json"
        );
        assert_eq!(error.exit() as u8, 4);
    }
}
