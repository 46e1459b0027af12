//! What the process tells its caller when it ends.

use std::error::Error;
use std::process::ExitCode;

/// Exit codes, after `sysexits.h` where it has a word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All was done.
    Done = 0,
    /// Flags, a prompt or a device name that make no sense.
    Usage = 2,
    /// Finished, but with holes or with scenes that failed; the report lists them.
    Incomplete = 4,
    /// The scene cannot be worked on, or data of a training or evaluation set cannot be used.
    UnusableScene = 65,
    /// The scene (or another input) is missing or cannot be read.
    UnreadableScene = 66,
    /// The device that was asked for is not there.
    DeviceAbsent = 69,
    /// A bug of ours.
    Bug = 70,
    /// An output exists already or cannot be created.
    CannotCreate = 73,
    /// An output could not be written: full or broken disk.
    WriteFailed = 74,
    /// It may work later: something is locked, unreachable, not finished yet, or time ran out.
    TryAgain = 75,
    /// The model folder or a configuration file does not fit.
    Config = 78,
    /// Interrupted from the keyboard.
    Interrupted = 130,
    /// Asked to terminate.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error and its causes in one line, joined by ": ".
///
/// A cause whose words the line already ends with is not said twice.
#[must_use]
pub fn one_line(error: &dyn Error) -> String {
    let mut line = flat(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = flat(&error.to_string());
        if !line.ends_with(&words) {
            line.push_str(": ");
            line.push_str(&words);
        }
        cause = error.source();
    }
    line
}

/// The text without line breaks and control characters.
fn flat(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read a.tif")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_and_its_cause_make_one_line() {
        let error = Outer(std::io::Error::other("tile 3:\nshort\tread\r\n"));
        assert_eq!(one_line(&error), "cannot read a.tif: tile 3: short read");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Through(#[source] std::io::Error);

    #[test]
    fn a_wrapper_that_repeats_its_cause_says_it_once() {
        assert_eq!(one_line(&Through(std::io::Error::other("disk full"))), "disk full");
    }
}
