//! JSON as all commands write it.

use crate::chart::text::clean;
use crate::statistics::Estimate;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// An estimate.
pub(super) fn estimate(estimate: &Estimate) -> Value {
    json!({ "value": estimate.value, "low": estimate.low, "high": estimate.high })
}

/// Writes `value` and a line break. What is not plainly visible is escaped: outside strings JSON has no such character.
pub(super) fn write(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || clean(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    writeln!(out, "{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_reads_back() {
        let hostile = "a\u{1b}[31m\u{9b}2J\u{202e}b\u{e0041}\n\"ü\u{fffd}";
        let mut out = Vec::new();
        write(&mut out, &json!({ "name": hostile })).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            !text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{e0041}']) && text.contains('ü'),
            "{text}"
        );
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["name"], hostile);
    }

    #[test]
    fn what_is_not_finite_is_null() {
        let odd = Estimate { value: 1.0, low: f64::NAN, high: f64::INFINITY, samples: 0 };
        assert_eq!(estimate(&odd).to_string(), r#"{"high":null,"low":null,"value":1.0}"#);
    }
}
