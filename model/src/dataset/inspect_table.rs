//! A report about a data set as a table for people.

use std::fmt::Write;

use super::inspect::{DatasetReport, SplitReport};

/// Examples named before it says how many more there are.
const EXAMPLES: usize = 3;

/// A column of the table: heading and number.
type Column = (&'static str, fn(&SplitReport) -> Option<usize>);

const COLUMNS: [Column; 11] = [
    ("records", |split| Some(split.records)),
    ("files", |split| Some(split.images)),
    ("pictures", |split| split.different_pictures),
    ("words", |split| Some(split.longest_words)),
    ("too long", |split| split.longest_tokens.map(|_| split.long_phrases.len())),
    ("empty", |split| Some(split.empty_masks.len())),
    ("no target", |split| Some(split.no_target)),
    ("size", |split| Some(split.size_mismatches.len())),
    ("missing", |split| Some(split.missing_images.len())),
    ("unusable", |split| Some(split.unusable.len())),
    ("repeated", |split| Some(split.repeated.len())),
];

impl DatasetReport {
    /// The report as text: a row per split, then what was found with a few examples.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("{} in {}, pictures in {}\n", self.kind, self.root.display(), self.images.display());
        let width = self.splits.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
        let _ = write!(text, "\n{:width$}", "split");
        for (heading, _) in COLUMNS {
            let _ = write!(text, "  {heading:>8}");
        }
        for (name, split) in &self.splits {
            let name = if name.is_empty() { "-" } else { name };
            let _ = write!(text, "\n{name:width$}");
            for (heading, number) in COLUMNS {
                let number = number(split).map_or_else(|| "-".to_owned(), |number| number.to_string());
                let _ = write!(text, "  {number:>width$}", width = heading.len().max(8));
            }
        }
        text.push_str("\n\n");
        for (name, split) in &self.splits {
            self.push_findings(&mut text, name, split);
        }
        self.push_values(&mut text);
        self.push_shared(&mut text);
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        text
    }

    fn push_findings(&self, text: &mut String, name: &str, split: &SplitReport) {
        let mut push = |what: &str, items: Vec<String>| {
            if !items.is_empty() {
                let more = items.len().saturating_sub(EXAMPLES);
                let shown = items[..items.len() - more].join("; ");
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let _ = writeln!(text, "{name}: {what}: {shown}{more}");
            }
        };
        push("the mask marks nothing", split.empty_masks.clone());
        let size = |[rows, cols]: [usize; 2]| format!("{cols} x {rows} px");
        let sizes = split.size_mismatches.iter();
        push(
            "picture and mask differ in size",
            sizes.map(|one| format!("{} ({} under {})", one.id, size(one.image), size(one.mask))).collect(),
        );
        push("the picture has not the size that is stated", split.stated_size_wrong.clone());
        push("the picture is missing", split.missing_images.clone());
        push("unusable", split.unusable.iter().map(|one| format!("{} ({})", one.id, one.reason)).collect());
        if let Some(max_tokens) = self.max_tokens {
            push(&format!("the phrase has more than {max_tokens} tokens"), split.long_phrases.clone());
        }
        push("phrase and picture of an earlier record", split.repeated.clone());
    }

    fn push_values(&self, text: &mut String) {
        let total: u64 = self.mask_values.values().sum();
        if total == 0 {
            return;
        }
        let mut values: Vec<(u8, u64)> = self.mask_values.iter().map(|(value, count)| (*value, *count)).collect();
        values.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
        let share = |(value, count): &(u8, u64)| format!("{value} ({:.3} %)", *count as f64 * 100.0 / total as f64);
        let shown: Vec<String> = values.iter().take(8).map(share).collect();
        let more = values.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "grey values of the masks: {}{more}", shown.join(", "));
    }

    fn push_shared(&self, text: &mut String) {
        let Some(shared) = &self.shared_pictures else {
            text.push_str("pixels were not compared\n");
            return;
        };
        if shared.is_empty() {
            text.push_str("no picture is in two splits\n");
            return;
        }
        let example = |picture: &super::inspect::SharedPicture| {
            let files: Vec<String> =
                picture.images.iter().map(|(split, files)| format!("{} in {split}", files[0])).collect();
            files.join(" is ")
        };
        let shown: Vec<String> = shared.iter().take(EXAMPLES).map(example).collect();
        let more = shared.len().saturating_sub(EXAMPLES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "{} pictures are in more than one split: {}{more}", shared.len(), shown.join("; "));
    }
}
