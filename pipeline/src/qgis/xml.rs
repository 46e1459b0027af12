//! Text inside XML.

/// A text with what XML would take for markup escaped, and characters that XML cannot hold left out.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            letter if letter < ' ' => {}
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_is_only_text() {
        assert_eq!(escaped("<a b=\"c\">&'\u{1}</a>\n屋"), "&lt;a b=&quot;c&quot;&gt;&amp;&apos;&lt;/a&gt; 屋");
    }
}
