//! Text from a trace, made fit to be drawn: cleaned, measured, shortened.
//!
//! Names of threads, functions and scopes are the profiled program's, and so anybody's. Escaping `< > & " '`
//! is done where markup is written; what escaping does not help against is [`clean`]ed here: control
//! characters (NUL and ESC are not even allowed in XML) and marks that turn the direction of the text that
//! follows.
//!
//! An SVG is laid out without its fonts, so widths are estimates: those of DejaVu Sans, which is wider than
//! what most systems have. Text is never wider than was allowed for because somebody's font is narrower.

use crate::analysis::Analysis;
use crate::statistics::Estimate;
use crate::units;
use std::borrow::Cow;

/// What stands for a character that must not be shown.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;
/// What stands for letters that were left out.
const ELLIPSIS: &str = "…";

/// `text` with each control character and each mark that is invisible or turns the direction of text replaced
/// by `U+FFFD`. What is left is valid in XML, HTML and on a terminal once it is escaped. (The pictures that
/// Unicode has for control characters are in few fonts.)
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain || text.chars().all(|c| visible(c) == c) {
        Cow::Borrowed(text)
    } else {
        text.chars().map(visible).collect()
    }
}

/// The character to show for `c`.
fn visible(c: char) -> char {
    match c {
        _ if c.is_control() => REPLACEMENT,
        // Soft hyphen, Arabic letter mark, zero width and direction marks, line and paragraph separators.
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' => REPLACEMENT,
        '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' => REPLACEMENT,
        // Not characters (two of them not allowed in XML), and the invisible tags.
        '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E007F}' => REPLACEMENT,
        other => other,
    }
}

/// How sure a chart's figures are, in a sentence or two, for its subtitle; `figures` are all that it shows.
pub(crate) fn certainty<'a>(analysis: &Analysis, figures: impl IntoIterator<Item = &'a Estimate>) -> String {
    let exact = figures.into_iter().all(|figure| figure.low >= figure.high);
    let how = if exact { "Exact." } else { "Estimated, with 95% intervals." };
    match analysis.session.min_allocation_size_bytes {
        0 | 1 => how.to_owned(),
        least => format!("{how} Allocations below {} are not sampled.", units::bytes(least as f64)),
    }
}

/// FNV-1a: a number that depends on `text` alone and is the same in every run.
pub(super) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Columns that `text` takes in a monospaced font: two for East Asian wide characters, one for the rest.
pub(crate) fn columns(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char_columns).sum() }
}

fn char_columns(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' => 2,
        '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF60}' => 2,
        '\u{1F300}'..='\u{1FAFF}' | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    }
}

/// Estimated width of `text` in a proportional font of `size_px`, pixels.
pub(super) fn width_px(text: &str, size_px: f64) -> f64 {
    text.chars().map(char_em).sum::<f64>() * size_px
}

/// Estimated width of a character, in units of the font's size.
fn char_em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' => 0.28,
        ' ' | '.' | ',' | ':' | ';' | '|' | 'I' | 'f' => 0.34,
        't' | 'r' | '(' | ')' | '[' | ']' | '/' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.97,
        'A'..='Z' | '<' | '>' | '=' | '+' | '·' => 0.75,
        _ if c.is_ascii() => 0.63,
        _ => char_columns(c) as f64 * 0.7,
    }
}

/// A Rust path or symbol in at most `max` columns, the end kept readable, for that is where the function's
/// name is.
///
/// What does not fit is left out in the order in which it is missed least: generic arguments, then modules
/// from the left, then the middle.
pub(crate) fn shorten_symbol(symbol: &str, max: usize) -> String {
    let symbol = clean(symbol);
    if columns(&symbol) <= max {
        return symbol.into_owned();
    }
    let without_arguments = drop_generic_arguments(&symbol).replace("::<…>", "");
    if columns(&without_arguments) <= max {
        return without_arguments;
    }
    let mut rest = without_arguments.as_str();
    while let Some((_, tail)) = split_outer_path(rest) {
        // `{{closure}}` alone says nothing: it keeps the function that it is in.
        if tail.starts_with("{{") {
            break;
        }
        rest = tail;
        if columns(rest) + columns("…::") <= max {
            return format!("…::{rest}");
        }
    }
    shorten_middle(rest, max)
}

/// `text` in at most `max` columns, its middle left out where it does not fit.
pub(crate) fn shorten_middle(text: &str, max: usize) -> String {
    let text = clean(text);
    if columns(&text) <= max {
        return text.into_owned();
    }
    let room = max.saturating_sub(1);
    let head = take_columns(text.chars(), room / 2);
    let tail: Vec<char> = take_columns(text.chars().rev(), room - room / 2);
    head.into_iter().chain(ELLIPSIS.chars()).chain(tail.into_iter().rev()).collect()
}

/// The first characters that fit into `max` columns.
fn take_columns(chars: impl Iterator<Item = char>, max: usize) -> Vec<char> {
    let mut taken = 0;
    chars
        .take_while(|&c| {
            taken += char_columns(c);
            taken <= max
        })
        .collect()
}

/// `Vec<T,A>::push` as `Vec<…>::push`. A bracket that begins a path (`<Vec<T> as Extend<T>>::extend`) names a type
/// and a trait instead of arguments: it stays, with the paths in it cut to their last part.
fn drop_generic_arguments(symbol: &str) -> String {
    let mut out = String::with_capacity(symbol.len());
    let mut depth = 0usize;
    let mut previous = ' ';
    let mut chars = symbol.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '<' if depth == 0 && !ends_a_name(previous) => {
                if let Some(inside) = bracketed(&symbol[at..]) {
                    out.push_str(&qualified_type(inside));
                    while chars.next_if(|&(next, _)| next < at + inside.len() + 2).is_some() {}
                } else {
                    out.push(c);
                }
            }
            '<' => {
                if depth == 0 {
                    out.push_str("<…>");
                }
                depth += 1;
            }
            // An arrow (`fn() -> T`) closes nothing.
            '>' if depth > 0 && previous != '-' => depth -= 1,
            _ if depth == 0 => out.push(c),
            _ => {}
        }
        previous = c;
    }
    out
}

/// Whether a `<` after `c` opens generic arguments: `Vec<` and `collect::<` do, a `<` at the start does not.
fn ends_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ':' | '}')
}

/// What stands between the `<` that `text` begins with and the `>` that closes it.
fn bracketed(text: &str) -> Option<&str> {
    let mut depth = 0usize;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if previous != '-' => {
                depth -= 1;
                if depth == 0 {
                    return Some(&text[1..at]);
                }
            }
            _ => {}
        }
        previous = c;
    }
    None
}

/// `alloc::vec::Vec<T> as core::iter::Extend<T>` as `<Vec<…> as Extend<…>>`.
fn qualified_type(inside: &str) -> String {
    let (own, of_trait) = split_outer(inside, " as ");
    let last = |path: &str| {
        let path = flat_generic_arguments(path);
        path.rsplit("::").next().unwrap_or(&path).to_owned()
    };
    match of_trait {
        Some(name) => format!("<{} as {}>", last(own), last(name)),
        None => format!("<{}>", last(own)),
    }
}

/// Every outer `<...>` as `<…>`, a leading one too.
fn flat_generic_arguments(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut depth = 0usize;
    let mut previous = ' ';
    for c in path.chars() {
        match c {
            '<' => {
                if depth == 0 {
                    out.push_str("<…>");
                }
                depth += 1;
            }
            '>' if depth > 0 && previous != '-' => depth -= 1,
            _ if depth == 0 => out.push(c),
            _ => {}
        }
        previous = c;
    }
    out
}

/// `text` at the first `separator` outside brackets.
fn split_outer<'a>(text: &'a str, separator: &str) -> (&'a str, Option<&'a str>) {
    let mut depth = 0usize;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '>' if previous != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && text[at..].starts_with(separator) {
            return (&text[..at], Some(&text[at + separator.len()..]));
        }
        previous = c;
    }
    (text, None)
}

/// A path at its first `::` outside brackets: `a` and `b::c` of `a::b::c`.
fn split_outer_path(path: &str) -> Option<(&str, &str)> {
    match split_outer(path, "::") {
        (head, Some(tail)) if !tail.is_empty() => Some((head, tail)),
        _ => None,
    }
}

/// `text`, cleaned of what must not be shown, for the content of an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_direction_marks_do_not_survive() {
        assert_eq!(clean("a\0b\u{1b}[31m\u{7f}\n"), "a\u{fffd}b\u{fffd}[31m\u{fffd}\u{fffd}");
        assert_eq!(
            clean("x\u{202e}y\u{2066}z\u{feff}\u{ffff}\u{9b}"),
            "x\u{fffd}y\u{fffd}z\u{fffd}\u{fffd}\u{fffd}"
        );
        assert!(matches!(clean("tokio-worker <7> ü 名"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_symbol_that_fits_stays() {
        assert_eq!(shorten_symbol("alloc::vec::Vec<T,A>::push", 40), "alloc::vec::Vec<T,A>::push");
    }

    #[test]
    fn arguments_go_first_then_modules_then_the_middle() {
        let symbol = "app::store::Table<alloc::string::String,core::option::Option<u64>>::insert::<K>";
        assert_eq!(shorten_symbol(symbol, 50), "app::store::Table<…>::insert");
        assert_eq!(shorten_symbol(symbol, 24), "…::Table<…>::insert");
        assert_eq!(
            shorten_symbol("app::serve::{{closure}}::{{closure}}", 34),
            "…::serve::{{closure}}::{{closure}}"
        );
        assert_eq!(shorten_symbol("a_function_with_a_very_long_name_indeed", 15), "a_funct…_indeed");
    }

    #[test]
    fn a_trait_s_method_keeps_its_type_and_trait() {
        let symbol = "<alloc::vec::Vec<T,A> as core::iter::traits::collect::Extend<&T>>::extend";
        assert_eq!(shorten_symbol(symbol, 50), "<Vec<…> as Extend<…>>::extend");
        let symbol = "<a::b::F as core::ops::FnOnce<(fn(u8) -> u8,)>>::call_once{{vtable.shim}}";
        assert_eq!(shorten_symbol(symbol, 60), "<F as FnOnce<…>>::call_once{{vtable.shim}}");
    }

    #[test]
    fn brackets_without_partners_harm_nobody() {
        for symbol in ["<<<<", ">>>>", "a<b<c", "a>b>c::d", "::", "<a as b", "->->->"] {
            for max in 0..12 {
                assert!(columns(&shorten_symbol(symbol, max)) <= max.max(1), "{symbol} {max}");
            }
        }
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(columns("名前"), 4);
        assert!(columns(&shorten_middle(&"名前".repeat(40), 21)) <= 21);
        assert!(width_px("名", 10.0) > width_px("n", 10.0) * 1.5);
    }

    #[test]
    fn any_length_fits() {
        let symbol = "very::long::module::path::Type<Argument<Inner>>::method::{{closure}}".repeat(5);
        for max in 1..400 {
            let short = shorten_symbol(&symbol, max);
            assert!(columns(&short) <= max, "{max}: {short}");
        }
    }
}
