//! Shows how far a run is, to a person who watches a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar on standard error, or nothing.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that counts up to `total` things; silent when nobody watches.
    ///
    /// # Panics
    /// Never: the template is a constant that a test has drawn.
    #[must_use]
    pub fn new(total: u64, unit: &str, watched: bool) -> Self {
        if !watched {
            return Self::silent();
        }
        let template = "{msg:10} {wide_bar} {pos}/{len} {prefix}, {per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is a constant and well formed");
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5));
        Self { bar: bar.with_style(style).with_prefix(unit.to_owned()) }
    }

    /// Shows nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// What is being done.
    pub fn says(&self, message: &str) {
        self.bar.set_message(message.to_owned());
    }

    /// Some more things are done.
    pub fn advance(&self, count: u64) {
        self.bar.inc(count);
    }

    /// So many things are done in all.
    pub fn reached(&self, count: u64) {
        self.bar.set_position(count);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_bar_can_be_built_and_driven() {
        let progress = Progress::new(3, "tiles", true);
        progress.says("read");
        progress.advance(3);
        progress.finish();
    }
}
