//! How much the program says about its work.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

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

/// Sends tracing events to standard error, as many as asked for; `RUST_LOG` has the last word.
pub fn init(verbosity: Verbosity) {
    let default = match verbosity {
        Verbosity::Info => "info",
        Verbosity::Debug => "debug",
        _ => "off",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only when a subscriber is set already, as in tests that call it twice.
    let _ = subscriber.with_ansi(std::io::stderr().is_terminal()).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_wins_over_verbose() {
        assert_eq!(Verbosity::from_flags(true, 3), Verbosity::Quiet);
        assert_eq!(Verbosity::from_flags(false, 9), Verbosity::Debug);
    }
}
