//! What a prompt must be before it reaches a tokenizer, and which of its words depend on the frame.

use crate::error::ModelError;

/// Longest prompt in characters. Far beyond what any model here reads; it keeps a pasted file out.
const MAX_CHARACTERS: usize = 400;

/// Words and word groups whose meaning depends on what is in the picture, so that a tile may answer otherwise than the
/// whole scene would. Longer groups stand before the words they contain.
const FRAME_WORDS: &[&str] = &[
    "in the middle",
    "next to",
    "close to",
    "in front of",
    "left",
    "right",
    "leftmost",
    "rightmost",
    "top",
    "topmost",
    "bottom",
    "bottommost",
    "upper",
    "uppermost",
    "lower",
    "lowermost",
    "middle",
    "center",
    "centre",
    "central",
    "corner",
    "edge",
    "northern",
    "southern",
    "eastern",
    "western",
    "north",
    "south",
    "east",
    "west",
    "largest",
    "biggest",
    "smallest",
    "tiniest",
    "longest",
    "shortest",
    "tallest",
    "widest",
    "narrowest",
    "nearest",
    "closest",
    "farthest",
    "furthest",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "last",
    "near",
    "nearby",
    "beside",
    "between",
    "behind",
    "above",
    "below",
    "opposite",
    "adjacent",
    "around",
    "along",
];

/// The prompt without blanks at its ends.
///
/// # Errors
/// [`ModelError::Prompt`] for a prompt that is empty, has control characters or no letter or digit, or is longer than
/// 400 characters. The number of tokens is checked by [`super::PromptTokenizer::encode_prompt`].
pub fn check_prompt(prompt: &str) -> Result<String, ModelError> {
    let trimmed = prompt.trim();
    if trimmed.is_empty() {
        return Err(refuse(prompt, "is empty: say what to look for"));
    }
    if trimmed.chars().any(char::is_control) {
        return Err(refuse(prompt, "has control characters: write it on one line without them"));
    }
    let length = trimmed.chars().count();
    if length > MAX_CHARACTERS {
        let start: String = trimmed.chars().take(40).chain("...".chars()).collect();
        return Err(refuse(&start, &format!("has {length} characters: shorten it to {MAX_CHARACTERS} or fewer")));
    }
    if !trimmed.chars().any(char::is_alphanumeric) {
        return Err(refuse(prompt, "has no word in it: say what to look for"));
    }
    Ok(trimmed.to_owned())
}

/// Words of the prompt whose meaning depends on the frame, each once, in the prompt's order.
///
/// A prompt is answered tile by tile, so "the largest building" is the largest of each tile.
#[must_use]
pub fn frame_words(prompt: &str) -> Vec<&'static str> {
    let lower = prompt.to_lowercase();
    let words: Vec<&str> =
        lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let hit = FRAME_WORDS.iter().find(|group| words[at..].starts_with(&group.split(' ').collect::<Vec<_>>()));
        match hit {
            Some(group) => {
                if !found.contains(group) {
                    found.push(*group);
                }
                at += group.split(' ').count();
            }
            None => at += 1,
        }
    }
    found
}

/// A refusal of this prompt, with the reason and the remedy.
pub(super) fn refuse(prompt: &str, reason: &str) -> ModelError {
    ModelError::Prompt { prompt: prompt.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_loses_the_blanks_at_its_ends() {
        assert_eq!(check_prompt("  the red ship \n").unwrap(), "the red ship");
    }

    #[test]
    fn prompts_that_say_nothing_are_refused() {
        for prompt in ["", "   ", "\t\n", "!?", "the\u{7}ship", "two\nlines"] {
            let refused = check_prompt(prompt);
            assert!(matches!(refused, Err(ModelError::Prompt { .. })), "{prompt:?} was let through");
        }
    }

    #[test]
    fn a_pasted_page_is_refused_by_its_length() {
        assert!(check_prompt(&"a".repeat(400)).is_ok());
        let refused = check_prompt(&"a".repeat(401)).unwrap_err().to_string();
        assert!(refused.contains("401 characters"), "{refused}");
    }

    #[test]
    fn words_that_depend_on_the_frame_are_named_in_the_order_of_the_prompt() {
        assert_eq!(frame_words("The LARGEST ship, next to the left pier left"), ["largest", "next to", "left"]);
        assert!(frame_words("all storage tanks").is_empty());
        // A word inside another is not meant.
        assert!(frame_words("the desktop").is_empty());
    }
}
