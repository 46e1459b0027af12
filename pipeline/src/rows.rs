//! Rows of names and words for a terminal.

/// Columns of a row's name.
const NAME: usize = 14;
/// Columns of a line.
const WIDTH: usize = 100;

/// Adds a row: its name, and words that go on below each other.
pub(crate) fn push(text: &mut String, name: &str, words: &str) {
    let mut line = format!("{name:NAME$}");
    let mut empty = true;
    for word in words.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(NAME);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_go_on_below_themselves() {
        let mut text = String::new();
        push(&mut text, "name", &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
        assert!(lines[0].starts_with("name          word") && lines[1].starts_with("              word"), "{text}");
    }
}
