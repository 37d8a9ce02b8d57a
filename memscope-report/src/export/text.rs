//! Names from a trace as text that disturbs neither a format nor a terminal.

/// The name with control characters and what turns a terminal's text direction written as `\u{1b}`.
pub(super) fn printable(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for char in name.chars() {
        if char.is_control() || is_directional(char) {
            text.extend(char.escape_unicode());
        } else {
            text.push(char);
        }
    }
    text
}

fn is_directional(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_left_alone() {
        assert_eq!(printable("\x1b[2Ja\tb\n\u{202e}c"), "\\u{1b}[2Ja\\u{9}b\\u{a}\\u{202e}c");
        assert_eq!(printable("<é as Ж>::f"), "<é as Ж>::f");
    }
}
