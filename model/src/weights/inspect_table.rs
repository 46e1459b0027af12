//! A report about weights as a table for people.

use std::fmt::Write;

use super::inspect::{FitReport, WeightsReport};
use super::raw::Checksum;

/// Names listed before it says how many more there are.
const LISTED: usize = 12;

impl WeightsReport {
    /// The report as text: a line per tensor, the sum, and what a model would take.
    #[must_use]
    pub fn table(&self) -> String {
        let heading = ["shape", "type", "blake3", "min", "max"];
        let mut text = format!(
            "{:<20} {:<5} {:<12} {:>12} {:>12}  name\n",
            heading[0], heading[1], heading[2], heading[3], heading[4]
        );
        let number = |value: Option<f32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.5e}"));
        for tensor in &self.tensors {
            let shape = format!("{:?}", tensor.shape);
            let (min, max) = (number(tensor.min), number(tensor.max));
            let _ = write!(
                text,
                "{shape:<20} {:<5} {:<12} {min:>12} {max:>12}  {}",
                tensor.dtype, tensor.blake3, tensor.name
            );
            if tensor.nan + tensor.infinite > 0 {
                let _ = write!(text, "  ({} NaN, {} infinite)", tensor.nan, tensor.infinite);
            }
            text.push('\n');
        }
        let _ = writeln!(text, "\n{} values in {} tensors", self.values, self.tensors.len());
        let checksum = match self.checksum {
            Checksum::Right => "its checksum is right",
            Checksum::Wrong => "its checksum is WRONG",
            Checksum::Absent => "it carries no checksum",
        };
        let _ = writeln!(text, "{}: {}, {checksum}", self.path.display(), self.format);
        let _ = writeln!(text, "blake3 {}", self.blake3);
        let dialect = self.dialect.as_deref().unwrap_or("names of no tower that is known");
        let size = self.size.as_ref().map(|size| format!("; {size}")).unwrap_or_default();
        let wrapper = match self.wrapper.as_str() {
            "" => String::new(),
            wrapper => format!("; inside {wrapper}"),
        };
        let _ = writeln!(text, "{dialect}{size}{wrapper}");
        if let Some(fit) = &self.fit {
            fit.push_to(&mut text);
        }
        for problem in &self.problems {
            let _ = writeln!(text, "REFUSED: {problem}");
        }
        text
    }
}

impl FitReport {
    fn push_to(&self, text: &mut String) {
        let part = match self.part {
            "vision." => "its vision tower",
            "text." => "its text tower",
            _ => "all of it",
        };
        let _ = writeln!(
            text,
            "\nfor the model {} ({part}): {} applied, {} missing, {} misshapen, {} unused, {} filled, {} left out",
            self.model,
            self.applied.len(),
            self.missing.len(),
            self.misshapen.len(),
            self.unused.len(),
            self.filled.len(),
            self.left_out.len()
        );
        let mut push = |what: &str, names: Vec<String>| {
            for name in names.iter().take(LISTED) {
                let _ = writeln!(text, "  {what}: {name}");
            }
            if names.len() > LISTED {
                let _ = writeln!(text, "  {what}: and {} more", names.len() - LISTED);
            }
        };
        let meant = |missing: &String| {
            let suggestion = self.suggestions.iter().find(|one| one.missing == *missing);
            match suggestion {
                Some(one) if one.same_shape => format!("{missing} (did you mean {}?)", one.candidate),
                Some(one) => format!("{missing} (did you mean {}? its shape differs)", one.candidate),
                None => missing.clone(),
            }
        };
        push("missing", self.missing.iter().map(meant).collect());
        let shapes = |one: &super::report::Misshapen| {
            format!("{} is {:?} and should be {:?}", one.name, one.found, one.expected)
        };
        push("misshapen", self.misshapen.iter().map(shapes).collect());
        push("unused", self.unused.clone());
        push("left out, of no use to the tower", self.left_out.clone());
        push("filled with no change of scale and no shift", self.filled.clone());
    }
}
