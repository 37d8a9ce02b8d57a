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
    let mut out = String::new();
    push_number(&mut out, value);
    out
}

/// Appends [`number`]: as `123.4` or as `1.234e2`, whichever is shorter. A page has some 200,000 of them.
pub(super) fn push_number(out: &mut String, value: f64) {
    if !value.is_finite() || value == 0.0 {
        return out.push('0');
    }
    if value < 0.0 {
        out.push('-');
    }
    let value = value.abs();
    if value.fract() == 0.0 && value < 1e7 {
        return push_integer(out, value as u64);
    }
    let (digits, exponent) = seven_digits(value);
    let count = digits.checked_ilog10().map_or(1, |log| log as i32 + 1);
    // Lengths: `0.00123`, `12.3`, `1230`, and `1.23e-3`.
    let plain = match exponent {
        ..0 => 1 - exponent + count,
        _ if count > exponent + 1 => count + 1,
        _ => exponent + 1,
    };
    let of_exponent = match exponent.unsigned_abs().checked_ilog10() {
        _ if exponent == 0 => 0,
        log => 2 + log.unwrap_or(0) as i32 + i32::from(exponent < 0),
    };
    if plain <= count + i32::from(count > 1) + of_exponent {
        push_plain(out, value, (digits, count), exponent);
    } else {
        push_pointed(out, digits, count, 1);
        // Writing to a string cannot fail.
        let _ = write!(out, "e{exponent}");
    }
}

/// Appends `value`, whose first `count` digits are `digits`, without an exponent.
fn push_plain(out: &mut String, value: f64, (digits, count): (u64, i32), exponent: i32) {
    if exponent < 0 {
        out.push_str("0.");
        (1..-exponent).for_each(|_| out.push('0'));
        push_integer(out, digits);
    } else if count > exponent + 1 {
        push_pointed(out, digits, count, exponent + 1);
    } else {
        push_integer(out, value.round_ties_even() as u64);
    }
}

/// Appends `digits` with a point behind the first `before` of its `count` digits.
fn push_pointed(out: &mut String, digits: u64, count: i32, before: i32) {
    push_integer(out, digits);
    if count > before {
        out.insert(out.len() - (count - before) as usize, '.');
    }
}

/// Appends a whole number.
pub(super) fn push_integer(out: &mut String, value: u64) {
    let (mut digits, mut at, mut rest) = ([b'0'; 20], 20, value);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits[at..].iter().for_each(|&digit| out.push(char::from(digit)));
}

/// The first seven digits of a number above 0, rounded, without zeros at their end, and the exponent of the first one.
fn seven_digits(value: f64) -> (u64, i32) {
    // Powers of ten up to 22 are exact; beyond lie numbers that no page has.
    let mut exponent = value.log10().floor() as i32;
    let power = 6 - exponent;
    let mut digits = match power {
        0..=22 => (value * 10_f64.powi(power)).round() as u64,
        -22..0 => (value / 10_f64.powi(-power)).round() as u64,
        _ => return rare_digits(value),
    };
    if digits >= 10_000_000 {
        (digits, exponent) = (digits / 10, exponent + 1);
    } else if digits < 1_000_000 {
        return rare_digits(value);
    }
    while digits % 10 == 0 {
        digits /= 10;
    }
    (digits, exponent)
}

/// The same by the standard library.
fn rare_digits(value: f64) -> (u64, i32) {
    let text = format!("{value:.6e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits =
        digits.bytes().filter(u8::is_ascii_digit).fold(0, |sum, digit| 10 * sum + u64::from(digit - b'0'));
    let mut digits = digits.max(1);
    while digits % 10 == 0 {
        digits /= 10;
    }
    (digits, exponent.parse().unwrap_or(0))
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
            for mantissa in [1.234_567_89, 9.999_999_9, 1.0, 1.000_001, 5.5, 0.999_999_99] {
                for sign in [1.0, -1.0] {
                    let value = sign * mantissa * 10_f64.powi(exponent);
                    let text = number(value);
                    let back: f64 = text.parse().expect("a number");
                    assert!((back / value - 1.0).abs() < 1e-6, "{value} {back}");
                    let scientific = format!("{value:.6e}");
                    let (digits, power) = scientific.split_once('e').expect("an exponent");
                    let digits = digits.trim_end_matches('0').trim_end_matches('.');
                    let is_short = text.len() <= digits.len() + 1 + power.len();
                    assert!(is_short || (value.fract() == 0.0 && value.abs() < 1e7), "{text} for {value}");
                }
            }
        }
    }

    #[test]
    fn lists_and_objects_nest() {
        assert_eq!(list(Vec::new()), "[]");
        let inner = list([number(1.0), string("<")]);
        assert_eq!(object([("a", inner), ("b", object([]))]), r#"{"a":[1,"\u003c"],"b":{}}"#);
    }
}
