//! JSON that may stand in a `<script>` element: numbers, strings, lists and objects, written in order.
//!
//! No serialization library: a profiled program links this, and the page needs four kinds of value.

use crate::chart::text::clean;
use std::fmt::Write;

/// `text`, cleaned of what must not be shown, as a JSON string that may stand in a `<script>` element: no `<`
/// in it can end the element or begin a comment.
pub(super) fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in clean(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '<' | '>' | '&' | '\0'..='\u{1F}' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A number to seven digits, which is more than an estimate has; JSON has no other than finite ones, so what is not is 0.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && value.abs() < 1e7 {
        return format!("{value:.0}");
    }
    let scientific = format!("{value:.6e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    let plain = format!("{:.*}", decimals(value), value);
    let plain = if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { &plain };
    let short = if exponent == "0" { digits.to_owned() } else { format!("{digits}e{exponent}") };
    if plain.len() <= short.len() { plain.to_owned() } else { short }
}

/// Decimals of a number with seven digits.
fn decimals(value: f64) -> usize {
    let digits_before = value.abs().log10().floor().clamp(-300.0, 300.0) as i32 + 1;
    (7 - digits_before).max(0) as usize
}

/// A list of what is JSON already.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut out = String::from("[");
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out.push(']');
    out
}

/// An object of names and what is JSON already.
pub(super) fn object<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut out = String::from("{");
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&string(name));
        out.push(':');
        out.push_str(&value);
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_neither_itself_nor_its_script() {
        assert_eq!(string("a\"b\\c</script><!--&"), r#""a\"b\\c\u003c/script\u003e\u003c!--\u0026""#);
        assert_eq!(string("\u{1b}\u{2028}ü"), "\"\u{fffd}\u{fffd}ü\"");
    }

    #[test]
    fn numbers_are_short_and_right_to_seven_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-3.0, "-3"),
            (1_048_576.0, "1048576"),
            (0.5, "0.5"),
            (1_234_567_890.0, "1234567890"),
            (12_345_678_901_234.0, "1.234568e13"),
            (1e300, "1e300"),
            (0.000_012_5, "1.25e-5"),
            (123.456_789, "123.4568"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ] {
            assert_eq!(number(value), text);
        }
        for exponent in -40..40 {
            let value = 1.234_567_89 * 10_f64.powi(exponent);
            let back: f64 = number(value).parse().expect("a number");
            assert!((back / value - 1.0).abs() < 1e-6, "{value} {back}");
        }
    }

    #[test]
    fn lists_and_objects_nest() {
        assert_eq!(list(Vec::new()), "[]");
        let inner = list([number(1.0), string("<")]);
        assert_eq!(object([("a", inner), ("b", object([]))]), r#"{"a":[1,"\u003c"],"b":{}}"#);
    }
}
