//! Text from outside, as it is shown to people.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Replaces the characters that a terminal obeys or that hide others, by the escapes of JSON such as `\u202e`: control
/// characters C1, controls of the writing direction, and separators of lines and paragraphs. Control characters below U+0020
/// stay, because JSON escapes them already and a log line may have colours.
///
/// The name of a router or of a VRF may contain such characters. In JSON, the result stands for the same text.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            // Writing to a String can't fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_hides_is_escaped_and_nothing_else() {
        for plain in ["", "router-1", "\u{1b}[0m", "Zürich 東京 \u{a0}", "\"\\n\""] {
            assert!(matches!(visible(plain), Cow::Borrowed(_)), "{plain:?}");
        }
        assert_eq!(visible("a\u{9b}31m"), "a\\u009b31m");
        let hidden = "\u{80}\u{9f}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{2029}";
        assert_eq!(
            visible(hidden),
            "\\u0080\\u009f\\u200e\\u200f\\u202a\\u202e\\u2066\\u2069\\u2028\\u2029"
        );
    }
}
