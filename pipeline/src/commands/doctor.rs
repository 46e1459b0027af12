//! `geophrase doctor`: whether this machine has what a run needs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use model::config::ModelConfig;
use model::weights::ModelFolder;
use model::{DeviceChoice, ModelError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::find_model;
use crate::error::PipelineError;
use crate::exit::{Exit, one_line};
use crate::machine::{self, bytes_in_words};
use crate::rows::push;

/// Drivers without which nothing can be written.
const NEEDED: [&str; 2] = ["GTiff", "GPKG"];
/// Drivers without which some scenes cannot be read.
const WANTED: [&str; 6] = ["COG", "VRT", "JP2OpenJPEG", "PNG", "JPEG", "netCDF"];
/// Less available memory than this is too little for comfort: a run with the shipped model takes about half of it.
const LOW_MEMORY_BYTES: u64 = 1 << 30;
/// Less free disk than this is hardly enough for the rasters of one large scene.
const LOW_DISK_BYTES: u64 = 1 << 30;
/// Fewer open files than this may not be enough for readers and outputs of many prompts.
const LOW_OPEN_FILES: u64 = 256;

/// What `geophrase doctor` looks at.
#[derive(Clone, Debug)]
pub struct DoctorRequest {
    /// The model folder, if one was named.
    pub model: Option<PathBuf>,
    /// The device to compute on.
    pub device: DeviceChoice,
    /// The folder that outputs will go to.
    pub out: PathBuf,
}

/// Why a run would fail on this machine.
#[derive(Debug, thiserror::Error)]
#[error("{}", .failed.join("; "))]
pub struct Unfit {
    /// What failed and why.
    pub failed: Vec<String>,
    /// The exit code that a run would end with, for the first of them.
    pub exit: Exit,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// Runs work, some of them worse or not at all.
    Warn,
    /// Runs fail.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
    #[serde(skip)]
    exit: Exit,
}

/// Everything that was looked at.
#[derive(Debug, Default)]
struct Examination {
    checks: Vec<Check>,
    /// Numbers and names for machines.
    facts: BTreeMap<&'static str, Value>,
}

impl Examination {
    fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { name, state: State::Ok, detail: detail.into(), exit: Exit::Done });
    }

    fn warn(&mut self, name: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { name, state: State::Warn, detail: detail.into(), exit: Exit::Done });
    }

    fn fail(&mut self, name: &'static str, detail: impl Into<String>, exit: Exit) {
        self.checks.push(Check { name, state: State::Fail, detail: detail.into(), exit });
    }

    fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.insert(name, value.into());
    }
}

/// Looks at everything a run needs and prints what it finds.
///
/// # Errors
/// [`Unfit`] when a run would fail, with the exit code it would end with.
pub fn doctor(request: &DoctorRequest, as_json: bool) -> Result<(), PipelineError> {
    let mut found = Examination::default();
    found.ok("geophrase", env!("CARGO_PKG_VERSION"));
    found.fact("geophrase_version", env!("CARGO_PKG_VERSION"));
    look_at_gdal(&mut found);
    look_at_model(&mut found, request.model.clone());
    look_at_device(&mut found, request.device);
    look_at_machine(&mut found);
    look_at_output(&mut found, &request.out);

    let failed: Vec<&Check> = found.checks.iter().filter(|check| check.state == State::Fail).collect();
    let exit = failed.first().map_or(Exit::Done, |check| check.exit);
    let text = if as_json {
        let answer = json!({
            "ok": failed.is_empty(), "exit_code": exit as u8, "checks": found.checks, "facts": found.facts,
        });
        format!("{answer:#}\n")
    } else {
        table(&found.checks)
    };
    // A reader such as `head` may have gone already.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if failed.is_empty() {
        return Ok(());
    }
    let failed = failed.iter().map(|check| format!("{}: {}", check.name, check.detail)).collect();
    Err(Unfit { failed, exit }.into())
}

fn table(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = match check.state {
            State::Ok => "ok  ",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        push(&mut text, check.name, &format!("{mark} {}", check.detail));
    }
    text
}

fn look_at_gdal(found: &mut Examination) {
    let version = geo_io::init_gdal();
    found.fact("gdal_version", version.as_str());
    let lacks = |names: &[&'static str]| -> Vec<&'static str> {
        names.iter().copied().filter(|name| !geo_io::has_driver(name)).collect()
    };
    let (needed, wanted) = (lacks(&NEEDED), lacks(&WANTED));
    found.fact("gdal_drivers", geo_io::driver_count());
    found.fact("gdal_drivers_missing", [needed.clone(), wanted.clone()].concat());
    found.ok("gdal", version);
    let drivers = format!("{} drivers", geo_io::driver_count());
    if !needed.is_empty() {
        found.fail("drivers", format!("without {} nothing can be written", needed.join(", ")), Exit::Config);
    } else if !wanted.is_empty() {
        found.warn("drivers", format!("{drivers}, but not {}", wanted.join(", ")));
    } else {
        found.ok("drivers", format!("{drivers}, with {}, {}", NEEDED.join(", "), WANTED.join(", ")));
    }
    match geo_io::check_crs_database() {
        Ok(()) => found.ok("crs", "EPSG codes are known"),
        Err(reason) => {
            found.fail("crs", format!("EPSG codes are not known ({reason}): is PROJ_LIB right?"), Exit::Config);
        }
    }
}

fn look_at_model(found: &mut Examination, named: Option<PathBuf>) {
    match find_model(named).and_then(|path| Ok(checked_model(&path)?)) {
        Ok((path, name, hash)) => {
            found.ok("model", format!("{name}, undamaged, in {}", path.display()));
            found.fact("model", name);
            found.fact("model_hash", hash);
            found.fact("model_folder", path.display().to_string());
        }
        Err(error) => found.fail("model", one_line(&error), error.exit()),
    }
}

/// A model folder whose weights are those that were written: path, name and hash.
fn checked_model(path: &Path) -> Result<(PathBuf, String, String), ModelError> {
    let folder = ModelFolder::open(path)?;
    let config = ModelConfig::read(&path.join("config.json"))?;
    folder.tensors()?;
    folder.tokenizer(config.max_tokens)?;
    Ok((path.to_owned(), config.name, folder.hash()?))
}

fn look_at_device(found: &mut Examination, device: DeviceChoice) {
    match device.resolve() {
        Ok(device) => {
            let device = device.to_string();
            found.ok("device", device.as_str());
            found.fact("device", device);
        }
        Err(error) => {
            let error = PipelineError::from(error);
            found.fail("device", one_line(&error), error.exit());
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let vectors = machine::vector_instructions();
    found.fact("cores", cores);
    found.fact("vector_instructions", vectors.clone());
    let with = if vectors.is_empty() { String::new() } else { format!(" with {}", vectors.join(", ")) };
    found.ok("processor", format!("{cores} cores{with}"));
}

fn look_at_machine(found: &mut Examination) {
    match machine::memory() {
        None => found.warn("memory", "this system does not tell"),
        Some(memory) => {
            let available = bytes_in_words(memory.available_bytes);
            let words = format!("{available} available of {}", bytes_in_words(memory.total_bytes));
            found.fact("memory_total_bytes", memory.total_bytes);
            found.fact("memory_available_bytes", memory.available_bytes);
            if memory.available_bytes < LOW_MEMORY_BYTES {
                found.warn("memory", words);
            } else {
                found.ok("memory", words);
            }
        }
    }
    let files = machine::open_files_limit();
    let space = machine::address_space_limit();
    found.fact("open_files_limit", files);
    found.fact("address_space_limit_bytes", space);
    let in_words = |limit: Option<u64>| limit.map_or_else(|| "any number of".to_owned(), |limit| limit.to_string());
    let space = space.map_or_else(|| "any".to_owned(), bytes_in_words);
    let words = format!("{} open files, {space} address space", in_words(files));
    if files.is_some_and(|files| files < LOW_OPEN_FILES) {
        found.warn("limits", words);
    } else {
        found.ok("limits", words);
    }
}

fn look_at_output(found: &mut Examination, out: &Path) {
    if let Err(cause) = tempfile::tempfile_in(out) {
        let error = PipelineError::Create { path: out.to_owned(), source: cause };
        found.fail("output", one_line(&error), error.exit());
        return;
    }
    let Some(free) = machine::free_disk_bytes(out) else {
        found.warn("output", format!("{} can be written; free disk is not known", out.display()));
        return;
    };
    found.fact("disk_free_bytes", free);
    let words = format!("{} can be written, {} free", out.display(), bytes_in_words(free));
    if free < LOW_DISK_BYTES { found.warn("output", words) } else { found.ok("output", words) }
}
