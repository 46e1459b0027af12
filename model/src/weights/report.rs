//! What happened to each tensor when weights met a module.

use std::fmt;

/// Names listed in a message before it says how many more there are.
const LISTED: usize = 5;

/// A tensor whose shape in the file is not the module's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Misshapen {
    /// Name of the tensor.
    pub name: String,
    /// Shape the module has.
    pub expected: Vec<usize>,
    /// Shape in the file.
    pub found: Vec<usize>,
}

/// What happened to each tensor when weights met a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// In the file and in the module.
    pub applied: Vec<String>,
    /// In the module only; these parameters kept the value they had.
    pub missing: Vec<String>,
    /// In the file only.
    pub unused: Vec<String>,
    /// In both, with different shapes; not applied.
    pub misshapen: Vec<Misshapen>,
}

impl LoadReport {
    /// Whether every tensor of the file found its parameter and every parameter its tensor.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors applied", self.applied.len())?;
        if !self.misshapen.is_empty() {
            let listed: Vec<String> = self
                .misshapen
                .iter()
                .map(|tensor| format!("{} is {:?} and should be {:?}", tensor.name, tensor.found, tensor.expected))
                .collect();
            write!(f, "; of another shape: {}", shorten(&listed))?;
        }
        if !self.missing.is_empty() {
            write!(f, "; missing: {}", shorten(&self.missing))?;
        }
        if !self.unused.is_empty() {
            write!(f, "; not of this model: {}", shorten(&self.unused))?;
        }
        Ok(())
    }
}

fn shorten(names: &[String]) -> String {
    let shown = names[..names.len().min(LISTED)].join(", ");
    match names.len().checked_sub(LISTED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_a_few_tensors_and_counts_the_rest() {
        let report = LoadReport {
            applied: vec!["a".into()],
            missing: (0..7).map(|index| format!("m{index}")).collect(),
            misshapen: vec![Misshapen { name: "w".into(), expected: vec![2, 3], found: vec![3, 2] }],
            ..LoadReport::default()
        };
        assert_eq!(
            report.to_string(),
            "1 tensors applied; of another shape: w is [3, 2] and should be [2, 3]; \
             missing: m0, m1, m2, m3, m4 and 2 more"
        );
        assert!(!report.is_complete());
    }
}
