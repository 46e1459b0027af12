//! What an evaluation says, as JSON and as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::RecordScore;
use super::protocol::EvalOptions;

/// The numbers of one group of records; shares lie in 0 to 1, and what cannot be said is `null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Records.
    pub n: usize,
    /// Records with a mask.
    pub n_target: usize,
    /// Records whose phrase refers to nothing.
    pub n_null: usize,
    /// Records with a mask that marks no pixel.
    pub n_empty_truth: usize,
    /// Mean over records with a mask of intersection over union.
    pub miou: Option<f64>,
    /// Sum of intersections over sum of unions, records with a mask.
    pub oiou: Option<f64>,
    /// Share of records with a mask whose IoU passes the bar.
    pub pr: BTreeMap<String, Option<f64>>,
    /// Mean over the categories that have records enough of their mean IoU.
    pub miou_category_mean: Option<f64>,
    /// Share of records without a target in which fewer than 0.1 % of the pixels are marked.
    pub silence: Option<f64>,
    /// How well the uncertainty ranks wrong labels above right ones; pixels of records with a mask.
    pub auroc_u: Option<f64>,
    /// The same for the scorer's own map.
    pub auroc_rus: Option<f64>,
    /// The same for the entropy of the probability.
    pub auroc_entropy: Option<f64>,
    /// Mean distance between the probability and how often a pixel belongs to the target, in 15 bins.
    pub ece_p: Option<f64>,
    /// Mean distance between the uncertainty and how often a label is wrong, in 15 bins.
    pub ece_u: Option<f64>,
}

/// What `geophrase eval` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// Name and hash of the model, filled in by whoever loaded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The rules of the comparison.
    pub protocol: EvalOptions,
    /// Hash of the sorted ids, by which two reports show that they speak of the same records.
    pub ids_blake3: String,
    /// Records whose id another record has too.
    pub duplicate_ids: usize,
    /// The numbers over all records.
    #[serde(flatten)]
    pub overall: Scores,
    /// The 95 % interval of `miou` from resampling the records.
    pub miou_ci95: Option<[f64; 2]>,
    /// The same numbers for each kind of phrase.
    pub kind: BTreeMap<String, Scores>,
    /// The same numbers for each category.
    pub category: BTreeMap<String, Scores>,
    /// Each record's own score, when it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordScore>,
}

/// The columns of the table: heading, width, value.
type Column = (&'static str, usize, fn(&Scores) -> Option<f64>);
const COLUMNS: [Column; 9] = [
    ("mIoU", 7, |s| s.miou),
    ("oIoU", 7, |s| s.oiou),
    ("Pr@0.5", 8, |s| precision(s, "0.5")),
    ("Pr@0.7", 8, |s| precision(s, "0.7")),
    ("Pr@0.9", 8, |s| precision(s, "0.9")),
    ("silence", 9, |s| s.silence),
    ("AUROC u", 9, |s| s.auroc_u),
    ("ECE p", 7, |s| s.ece_p),
    ("ECE u", 7, |s| s.ece_u),
];

impl EvalReport {
    /// The numbers as a plain text table: all records, then each kind, then each category.
    #[must_use]
    pub fn table(&self) -> String {
        let names =
            ["kind", "category"].into_iter().chain(self.kind.keys().chain(self.category.keys()).map(String::as_str));
        let width = names.map(|name| name.chars().count() + 2).max().unwrap_or(0);

        let mut text = format!("{:width$}{:>7}{:>8}", "", "n", "target");
        for (heading, width, _) in COLUMNS {
            let _ = write!(text, "{heading:>width$}");
        }
        text.push('\n');
        push_row(&mut text, "all", width, &self.overall);
        for (title, groups) in [("kind", &self.kind), ("category", &self.category)] {
            if !groups.is_empty() {
                let _ = writeln!(text, "{title}");
            }
            for (name, scores) in groups {
                push_row(&mut text, &format!("  {name}"), width, scores);
            }
        }
        if let Some([low, high]) = self.miou_ci95 {
            let _ = writeln!(text, "95 % interval of mIoU: {low:.3} to {high:.3}");
        }
        if let Some(mean) = self.overall.miou_category_mean {
            let _ = writeln!(text, "mean over categories of mIoU: {mean:.3}");
        }
        text
    }
}

fn push_row(text: &mut String, name: &str, width: usize, scores: &Scores) {
    let _ = write!(text, "{name:width$}{:>7}{:>8}", scores.n, scores.n_target);
    for (_, width, value) in COLUMNS {
        let cell = value(scores).map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let _ = write!(text, "{cell:>width$}");
    }
    text.push('\n');
}

fn precision(scores: &Scores, bar: &str) -> Option<f64> {
    scores.pr.get(bar).copied().flatten()
}
