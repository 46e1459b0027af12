//! Numbers of a run for Prometheus: a text file in its exposition format, for the textfile collector of node_exporter.
//!
//! Written by hand: the client library writes OpenMetrics, whose `info` type that collector refuses.

use std::fmt::Write as _;
use std::path::Path;

use geo_io::pending_file;

use super::report::JobReport;
use crate::error::PipelineError;

/// The numbers of a run as text.
///
/// `last_success` is when a run last ended with 0, in seconds since 1970.
#[must_use]
pub fn text(report: &JobReport, last_success: Option<u64>) -> String {
    let counts = report.counts;
    let tiles = report.tiles;
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, samples: &[(&str, f64)]| {
        let _ = writeln!(text, "# HELP geophrase_{name} {help}\n# TYPE geophrase_{name} gauge");
        for (labels, value) in samples {
            let _ = writeln!(text, "geophrase_{name}{labels} {value}");
        }
    };
    let info = format!("{{version=\"{}\",model=\"{}\"}}", label(report.version), label(&report.model));
    gauge("info", "What ran.", &[(&info, 1.0)]);
    gauge("last_run_timestamp_seconds", "When the last run ended.", &[("", report.finished_at as f64)]);
    let success: Vec<(&str, f64)> = last_success.iter().map(|when| ("", *when as f64)).collect();
    gauge("last_success_timestamp_seconds", "When a run last ended with exit code 0.", &success);
    gauge("exit_code", "Exit code of the last run.", &[("", f64::from(report.exit_code))]);
    gauge("duration_seconds", "How long the last run took.", &[("", report.seconds)]);
    gauge(
        "scenes",
        "Scenes of the job by what became of them.",
        &[
            ("{state=\"done\"}", counts.done as f64),
            ("{state=\"up_to_date\"}", counts.up_to_date as f64),
            ("{state=\"failed\"}", counts.failed as f64),
            ("{state=\"quarantined\"}", counts.quarantined as f64),
            ("{state=\"pending\"}", counts.pending as f64),
        ],
    );
    gauge("scenes_with_holes", "Scenes with a result that has holes.", &[("", counts.with_holes as f64)]);
    gauge("detections", "Polygons of all scenes that are done.", &[("", report.detections as f64)]);
    gauge(
        "tiles",
        "Tiles of the scenes that the last run worked on, by how they were answered.",
        &[
            ("{state=\"computed\"}", tiles.computed as f64),
            ("{state=\"reused\"}", tiles.reused as f64),
            ("{state=\"empty\"}", tiles.empty as f64),
            ("{state=\"failed\"}", tiles.failed as f64),
        ],
    );
    text
}

/// Writes the numbers of a run in one step.
///
/// # Errors
/// A folder that cannot be written, a full disk.
pub fn write(path: &Path, report: &JobReport) -> Result<(), PipelineError> {
    let last_success = if report.exit_code == 0 { Some(report.finished_at) } else { last_success(path) };
    pending_file(path, true, text(report, last_success).as_bytes())?.commit()?;
    Ok(())
}

/// When a run last ended well, by the file that an earlier run wrote.
fn last_success(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix("geophrase_last_success_timestamp_seconds "))?.parse().ok()
}

/// A label's value with the characters escaped that end it.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::report::{Counts, TileTotals};

    fn report(exit_code: u8, finished_at: u64) -> JobReport {
        JobReport {
            version: "1.0",
            model: "a\"b\\c\nd".to_owned(),
            exit_code,
            counts: Counts { total: 3, done: 2, failed: 1, ..Counts::default() },
            detections: 7,
            tiles: TileTotals { computed: 9, ..TileTotals::default() },
            seconds: 1.5,
            finished_at,
            collection: None,
            scenes: Vec::new(),
        }
    }

    #[test]
    fn every_line_is_a_comment_or_a_sample_and_labels_are_escaped() {
        let text = text(&report(4, 99), None);
        for line in text.lines() {
            let is_comment = line.starts_with("# HELP geophrase_") || line.starts_with("# TYPE geophrase_");
            let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>().is_ok());
            assert!(is_comment || (line.starts_with("geophrase_") && value == Some(true)), "{line}");
        }
        assert!(text.contains(r#"geophrase_info{version="1.0",model="a\"b\\c\nd"} 1"#), "{text}");
        assert!(text.contains("geophrase_scenes{state=\"failed\"} 1\n") && text.contains("geophrase_exit_code 4\n"));
        assert!(!text.contains("\ngeophrase_last_success_timestamp_seconds "), "{text}");
    }

    #[test]
    fn the_time_of_the_last_success_outlives_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.prom");
        write(&path, &report(0, 100)).unwrap();
        write(&path, &report(4, 200)).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("\ngeophrase_last_success_timestamp_seconds 100\n"), "{text}");
        assert!(text.contains("\ngeophrase_last_run_timestamp_seconds 200\n"), "{text}");
    }
}
