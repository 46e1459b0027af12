//! What a run says on standard error while it works.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// How much a training run says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Talk {
    /// Nothing.
    Silent,
    /// A progress bar and the validations on a terminal, nothing elsewhere.
    #[default]
    Watched,
    /// As [`Self::Watched`] on a terminal, and a line per validation and per hundred steps elsewhere.
    Lines,
}

/// A progress bar, lines, or nothing.
pub(crate) struct Announcer {
    bar: Option<ProgressBar>,
    lines: bool,
    steps: usize,
}

/// Steps between two lines where there is no bar.
const LINE_EVERY: usize = 100;

impl Announcer {
    pub(crate) fn new(talk: Talk, done: usize, steps: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (talk != Talk::Silent && terminal).then(|| progress_bar(steps, done));
        Self { lines: talk == Talk::Lines && !terminal, bar, steps }
    }

    /// A step is done.
    pub(crate) fn step(&self, step: usize, loss: f64, phrases_per_second: f64) {
        let message = format!("loss {loss:.4}  {phrases_per_second:.1} phrases/s");
        if let Some(bar) = &self.bar {
            bar.set_position(step as u64);
            bar.set_message(message);
        } else if self.lines && step.is_multiple_of(LINE_EVERY) {
            say(&format!("step {step} of {}: {message}", self.steps));
        }
    }

    /// Something worth a line of its own.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if self.lines => say(text),
            None => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn say(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn progress_bar(steps: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {elapsed} passed, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps as u64).with_style(style);
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}
