//! `geophrase worker --stdio`: runs units as they are asked for, so that an engine can keep one process per device.

use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::commands::run::{RunRequest, folder_of, opener};
use crate::config::READERS;
use crate::error::{PipelineError, Signal};
use crate::exit::one_line;
use crate::plan::Plan;
use crate::report::TileCounts;
use crate::run::units::{UnitsJob, run_units};

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    unit: usize,
}

/// One line of output.
#[derive(Debug, Serialize)]
struct Said<'a> {
    /// The unit; null for a line that names none.
    unit: Option<usize>,
    /// `done` or `failed`.
    state: &'a str,
    /// The tiles of a unit that is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    tiles: Option<TileCounts>,
    /// The exit code that the error would have.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<u8>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Said<'_> {
    fn say(&self) {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        let mut output = std::io::stdout();
        // Whoever asked has gone when this fails; standard input ends then too.
        let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
    }
}

/// Runs units until standard input ends.
///
/// # Errors
/// A plan or model that cannot be used, and what stopped the work as a whole.
pub fn worker(request: &RunRequest, interrupt: impl Future<Output = Signal>) -> Result<(), PipelineError> {
    let plan = Arc::new(Plan::read(&request.plan)?);
    let count = plan.units.len();
    let asked = BufReader::new(std::io::stdin()).lines().map_while(Result::ok).filter_map(move |line| {
        let asked = serde_json::from_str(&line).map_err(|error| error.to_string());
        match asked {
            _ if line.trim().is_empty() => None,
            Ok(Asked { unit }) if unit < count => Some(unit),
            Ok(Asked { unit }) => {
                refuse(Some(unit), format!("the plan has units 0 to {}", count.saturating_sub(1)));
                None
            }
            Err(reason) => {
                refuse(None, format!("not a line such as {{\"unit\": 0}}: {reason}"));
                None
            }
        }
    });
    let job = UnitsJob {
        units: Box::new(asked),
        open_model: opener(&plan, request),
        each: Box::new(|unit, result| match result {
            Ok(tiles) => Said { unit: Some(unit), state: "done", tiles: Some(*tiles), exit: None, error: None }.say(),
            Err(error) => {
                let (exit, error) = (Some(error.exit() as u8), Some(one_line(error)));
                Said { unit: Some(unit), state: "failed", tiles: None, exit, error }.say();
            }
        }),
        folder: folder_of(&request.plan).to_owned(),
        source: None,
        remote: request.remote.clone(),
        batch: request.batch,
        readers: READERS,
        ram: request.ram,
        watched: false,
        plan,
    };
    run_units(job, interrupt).map(|_| ())
}

fn refuse(unit: Option<usize>, reason: String) {
    let exit = Some(crate::exit::Exit::Usage as u8);
    Said { unit, state: "failed", tiles: None, exit, error: Some(reason) }.say();
}
