//! `/proc/self/statm`: the process's memory in pages; the second number is what is resident. A tenth of the
//! cost of `/proc/self/status`, for the samples in between.

use super::super::snapshot::{Figure, Gap};
use super::text::{complete_lines, number, words};

const SOURCE: &str = "/proc/self/statm";

/// The resident set size, bytes.
pub(super) fn parse(text: &[u8], page_bytes: u64) -> Figure<u64> {
    let resident = complete_lines(text).next().and_then(|line| words(line).nth(1)).and_then(number);
    resident.and_then(|pages| pages.checked_mul(page_bytes)).ok_or(Gap::lacks(SOURCE, "SIZE RESIDENT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_is_resident() {
        assert_eq!(parse(b"765 435 407 5 0 90 0\n", 4096), Ok(435 * 4096));
    }

    #[test]
    fn anything_less_is_nothing() {
        for text in [&b""[..], b"765\n", b"765 435 407", b"765 x 407\n", b"1 18446744073709551615\n"] {
            let gap = parse(text, 4096).unwrap_err();
            assert_eq!(
                gap.to_string(),
                "/proc/self/statm: expected a complete line `SIZE RESIDENT`, found none"
            );
        }
    }
}
