//! The report as text for a terminal of 100 columns.

use std::fmt::Write as _;

use super::protocol::{CompareGrid, PRECISION_BARS};
use super::report::{Difference, EvalReport, GridScores, Interval, Scores};

/// Columns of a name at the start of a row.
const NAME: usize = 28;

/// The columns of the table of groups: heading, width, value.
type Column = (&'static str, usize, fn(&Scores) -> Option<f64>);
const COLUMNS: [Column; 8] = [
    ("mIoU", 7, |s| s.miou),
    ("+-95%", 7, |s| s.miou_ci95.map(|[low, high]| 0.5 * (high - low))),
    ("oIoU", 7, |s| s.oiou),
    ("Pr@0.5", 7, |s| precision(s, "0.5")),
    ("Pr@0.7", 7, |s| precision(s, "0.7")),
    ("Pr@0.9", 7, |s| precision(s, "0.9")),
    ("silence", 8, |s| s.silence),
    ("AUROC u", 8, |s| s.auroc_u),
];

impl EvalReport {
    /// The numbers as plain text: rules, masks, uncertainty, then the same numbers group by group.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        if let Some(model) = &self.model {
            let _ = writeln!(text, "model {model}");
        }
        let Scores { n, n_target, n_null, n_empty_truth, .. } = self.overall;
        let _ = writeln!(text, "{}", self.protocol);
        if let Some(views) = &self.views {
            let _ = writeln!(text, "views: {views}");
        }
        let _ = write!(text, "{n} records about {} pictures: {n_target} with a target, ", self.n_images);
        if n_empty_truth > 0 {
            let _ = write!(text, "{n_empty_truth} of them empty masks, ");
        }
        let _ = writeln!(text, "{n_null} without");
        if self.duplicate_ids > 0 {
            let _ = writeln!(text, "{} records have an id that another has too", self.duplicate_ids);
        }
        self.push_masks(&mut text);
        if n_target > 0 {
            self.push_uncertainty(&mut text);
        }
        self.push_groups(&mut text);
        text
    }

    fn push_masks(&self, text: &mut String) {
        let other = match self.protocol.compare {
            CompareGrid::Network => CompareGrid::Original,
            CompareGrid::Original => CompareGrid::Network,
        };
        let other = self.protocol.size.and_then(|_| Some((other, self.grids.get(&other.to_string())?)));
        let unit = self.protocol.cluster.to_string();
        let mut heading = format!("{:NAME$}{:>8}   {:20}", "masks", "value", format!("95 % (by {unit})"));
        if let Some((grid, _)) = other {
            let _ = write!(heading, "{:>18}", format!("at {grid} size"));
        }
        let _ = writeln!(text, "\n{}", heading.trim_end());
        let mut row = |name: &str, value: Option<f64>, interval: Interval, elsewhere: &dyn Fn(&GridScores) -> _| {
            let range = interval.map_or_else(String::new, |[low, high]| format!("{low:.3} to {high:.3}"));
            let mut line = format!("  {name:width$}{:>8}   {range:20}", cell(value, 3), width = NAME - 2);
            if let Some((_, scores)) = other
                && let Some(value) = elsewhere(scores)
            {
                let _ = write!(line, "{:>18}", cell(Some(value), 3));
            }
            let _ = writeln!(text, "{}", line.trim_end());
        };
        let (scores, ci95) = (&self.overall, &self.ci95);
        row("mIoU", scores.miou, ci95.miou, &|grid| grid.miou);
        row("oIoU", scores.oiou, ci95.oiou, &|grid| grid.oiou);
        for (_, bar) in PRECISION_BARS {
            let interval = ci95.pr.get(bar).copied().flatten();
            row(&format!("Pr@{bar}"), precision(scores, bar), interval, &|grid| grid.pr.get(bar).copied().flatten());
        }
        if scores.miou_category_mean.is_some() {
            row("mIoU, mean over categories", scores.miou_category_mean, None, &|_| None);
        }
        if scores.silence.is_some() {
            row("silence without a target", scores.silence, ci95.silence, &|_| None);
        }
    }

    fn push_uncertainty(&self, text: &mut String) {
        let heading = "uncertainty against errors";
        let _ = writeln!(text, "\n{heading:NAME$}{:>8}{:>9}{:>9}   u - entropy (95 %)", "u", "RUS", "entropy");
        let s = &self.overall;
        let against = &self.u_minus_entropy;
        let rows = [
            ("AUROC (more is better)", s.auroc_u, s.auroc_rus, s.auroc_entropy, against.auroc),
            ("AUPR (more is better)", s.aupr_u, s.aupr_rus, s.aupr_entropy, against.aupr),
            ("AURC (less is better)", s.aurc_u, s.aurc_rus, s.aurc_entropy, against.aurc),
            ("ECE (less is better)", s.ece_u, s.ece_rus, s.ece_entropy, against.ece),
        ];
        for (name, u, rus, entropy, difference) in rows {
            let numbers = format!("{:>8}{:>9}{:>9}", cell(u, 4), cell(rus, 4), cell(entropy, 4));
            let _ = writeln!(text, "  {name:width$}{numbers}   {}", signed(difference), width = NAME - 2);
        }
        let _ = writeln!(
            text,
            "  error rate of pixels {}; AURC at best {}; ECE of the probability {}",
            cell(s.error_rate, 4),
            cell(s.aurc_ideal, 4),
            cell(s.ece_p, 4)
        );
    }

    fn push_groups(&self, text: &mut String) {
        let _ = write!(text, "\n{:NAME$}{:>6}{:>7}", "groups", "n", "target");
        for (heading, width, _) in COLUMNS {
            let _ = write!(text, "{heading:>width$}");
        }
        text.push('\n');
        push_row(text, "all", &self.overall);
        let named = |groups: &'_ std::collections::BTreeMap<String, Scores>| -> Vec<(String, Scores)> {
            groups.iter().map(|(name, scores)| (name.clone(), scores.clone())).collect()
        };
        let sized = |groups: &[super::report::SizeScores]| -> Vec<(String, Scores)> {
            let filled = groups.iter().filter(|group| group.scores.n > 0);
            filled.map(|group| (group.name.clone(), group.scores.clone())).collect()
        };
        for (title, groups) in [
            ("kind", named(&self.kind)),
            ("target's share of the picture", sized(&self.size_share)),
            ("target's area", sized(&self.size_px)),
            ("category", named(&self.category)),
        ] {
            if !groups.is_empty() {
                let _ = writeln!(text, "{title}");
            }
            for (name, scores) in groups {
                push_row(text, &format!("  {name}"), &scores);
            }
        }
    }
}

fn push_row(text: &mut String, name: &str, scores: &Scores) {
    let mut name = name.to_owned();
    if name.chars().count() > NAME {
        name = name.chars().take(NAME - 1).chain(['~']).collect();
    }
    let _ = write!(text, "{name:NAME$}{:>6}{:>7}", scores.n, scores.n_target);
    for (_, width, value) in COLUMNS {
        let _ = write!(text, "{:>width$}", cell(value(scores), 3));
    }
    text.push('\n');
}

/// A number, or a dash where it cannot be said.
fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// A difference with its interval.
fn signed(difference: Difference) -> String {
    let Some(value) = difference.value else { return "-".to_owned() };
    let interval = difference.ci95.map_or_else(String::new, |[low, high]| format!(" ({low:+.4} to {high:+.4})"));
    format!("{value:+.4}{interval}")
}

fn precision(scores: &Scores, bar: &str) -> Option<f64> {
    scores.pr.get(bar).copied().flatten()
}
