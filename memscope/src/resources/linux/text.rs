//! The kernel's texts: complete lines, words, whole numbers.

/// The lines of `text` that are complete, without their ends: what follows the last line feed was cut off and
/// is left out.
pub(super) fn complete_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

/// The words of `line`, which blanks and tabs part.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// `word` as a whole number: decimal digits only, and no more than fit.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The number that is all of the first line.
pub(super) fn single_number(text: &[u8]) -> Option<u64> {
    number(complete_lines(text).next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_end_is_no_line() {
        assert_eq!(complete_lines(b"a 1\nb 2\nc 3").collect::<Vec<_>>(), [b"a 1", b"b 2"]);
        assert_eq!(complete_lines(b"").count(), 0);
        assert_eq!(complete_lines(b"\n").collect::<Vec<_>>(), [b""]);
    }

    #[test]
    fn words_are_parted_by_any_blank() {
        assert_eq!(words(b"VmRSS:\t    12 kB").collect::<Vec<_>>(), [&b"VmRSS:"[..], b"12", b"kB"]);
        assert_eq!(words(b"  ").count(), 0);
    }

    #[test]
    fn only_whole_numbers_are_numbers() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in [&b""[..], b"18446744073709551616", b"-1", b"+1", b"1.5", b"1 ", b"max", b"\xff"] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_single_number_needs_its_line_feed() {
        assert_eq!(single_number(b"4096\n"), Some(4096));
        assert_eq!(single_number(b"4096"), None);
        assert_eq!(single_number(b""), None);
    }
}
