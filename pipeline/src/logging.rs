//! How much the program says about its work.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::exit::Exit;

/// How much to say, from `-q` to `-vvv`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only, even on a terminal.
    Quiet,
    /// A progress bar and notes on a terminal, nothing elsewhere.
    #[default]
    Normal,
    /// One line of summary.
    Summary,
    /// What the stages do.
    Info,
    /// Everything.
    Debug,
}

impl Verbosity {
    /// The verbosity of `-q` or some number of `-v`.
    #[must_use]
    pub fn from_flags(quiet: bool, verbose: u8) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (false, 0) => Self::Normal,
            (false, 1) => Self::Summary,
            (false, 2) => Self::Info,
            (false, _) => Self::Debug,
        }
    }

    /// Whether a person watches standard error and wants to see more than errors.
    #[must_use]
    pub fn watched(self) -> bool {
        self >= Self::Normal && std::io::stderr().is_terminal()
    }
}

/// How lines on standard error look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Decided once, by the command line.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Sends tracing events to standard error, as many as asked for; `RUST_LOG` has the last word.
pub fn init(verbosity: Verbosity, format: LogFormat) {
    let default = match verbosity {
        Verbosity::Info => "info",
        Verbosity::Debug => "debug",
        _ => "off",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // These fail only when a subscriber is set already, as in tests that call it twice.
    let _ = FORMAT.set(format);
    let _ = match format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).with_current_span(false).try_init(),
    };
}

/// Says a line to whoever reads standard error.
pub fn say(line: &str) {
    tell("INFO", line, line, None);
}

/// Says why the program ends as it does.
pub fn say_why(line: &str, exit: Exit) {
    tell("ERROR", line, &format!("geophrase: {line}"), Some(exit));
}

fn tell(level: &str, message: &str, text: &str, exit: Option<Exit>) {
    let line = match FORMAT.get() {
        Some(LogFormat::Json) => object(level, message, exit),
        _ => text.to_owned(),
    };
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line with the members that tracing gives its events.
fn object(level: &str, message: &str, exit: Option<Exit>) -> String {
    let mut timestamp = String::new();
    // Without a time the line still says what it has to say.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let mut object = serde_json::json!({ "timestamp": timestamp, "level": level, "message": message });
    if let Some(exit) = exit {
        object["exit_code"] = (exit as u8).into();
    }
    object.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_as_json_is_one_object_whatever_the_message_holds() {
        let line = object("ERROR", "a \"b\"\nc", Some(Exit::Usage));
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&object["message"], &object["exit_code"]), (&"a \"b\"\nc".into(), &2.into()));
        assert!(!line.contains('\n') && object["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn quiet_wins_over_verbose() {
        assert_eq!(Verbosity::from_flags(true, 3), Verbosity::Quiet);
        assert_eq!(Verbosity::from_flags(false, 9), Verbosity::Debug);
    }
}
