//! The words of what a model was trained on, and whether a prompt has any of them.

use crate::config::TrainedOn;
use crate::dataset::expressions::names_of;

/// What people call the things that a model knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vocabulary {
    categories: Vec<String>,
    /// Each name as its words, in lower case.
    names: Vec<Vec<String>>,
}

impl Vocabulary {
    /// The names of all categories that the weights have seen; nothing where that is not known.
    pub(crate) fn new(trained_on: &TrainedOn) -> Self {
        let mut categories: Vec<(&String, &u64)> = trained_on.categories.iter().collect();
        // The most frequent first: those it knows best.
        categories.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let names = categories.iter().flat_map(|(category, _)| names_of(category)).map(|name| words(&name)).collect();
        Self { categories: categories.into_iter().map(|(name, _)| name.clone()).collect(), names }
    }

    /// Whether some words of the prompt name something known. Where nothing is known of the training, all prompts do.
    pub(crate) fn covers(&self, prompt: &str) -> bool {
        let prompt = words(prompt);
        self.names.is_empty()
            || self.names.iter().any(|name| prompt.windows(name.len().max(1)).any(|some| some == name))
    }

    /// The categories, best known first.
    pub(crate) fn categories(&self) -> &[String] {
        &self.categories
    }
}

/// Words in lower case, without anything between them.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn vocabulary(categories: &[(&str, u64)]) -> Vocabulary {
        let categories: BTreeMap<String, u64> = categories.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        Vocabulary::new(&TrainedOn { categories, ..TrainedOn::default() })
    }

    #[test]
    fn names_synonyms_and_plurals_of_a_category_are_known_and_other_things_are_not() {
        let known = vocabulary(&[("storage_tank", 5), ("ship", 9), ("roundabout", 1)]);
        assert_eq!(known.categories(), ["ship", "storage_tank", "roundabout"]);
        for prompt in ["Storage-tanks by the river", "the largest ship", "boats", "all roundabouts", "a silo"] {
            assert!(known.covers(prompt), "{prompt}");
        }
        for prompt in ["zebra crossings", "a lighthouse", "shipping", "the tanker's storage"] {
            assert!(!known.covers(prompt), "{prompt}");
        }
    }

    #[test]
    fn a_model_that_does_not_say_what_it_was_trained_on_is_asked_anything() {
        assert!(vocabulary(&[]).covers("zebra crossings"));
    }
}
