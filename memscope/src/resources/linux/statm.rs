//! `/proc/self/statm`: the process's memory in pages; the second number is what is resident, the third the part of
//! it that files or shared memory stand behind. A tenth of the
//! cost of `/proc/self/status`, for the samples in between.

use super::super::snapshot::{Figure, Gap};
use super::text::{complete_lines, number, words};

const SOURCE: &str = "/proc/self/statm";

/// The resident set size, and the part of it that no file stands behind (the third number is the other part); bytes.
pub(super) fn parse(text: &[u8], page_bytes: u64) -> Figure<(u64, u64)> {
    let lacks = Gap::lacks(SOURCE, "SIZE RESIDENT SHARED");
    let mut pages = words(complete_lines(text).next().ok_or(lacks)?).skip(1).map(number);
    let mut next = || pages.next().flatten().ok_or(lacks);
    let (resident, shared) = (next()?, next()?);
    let bytes = |pages: u64| pages.checked_mul(page_bytes).ok_or(lacks);
    Ok((bytes(resident)?, bytes(resident.saturating_sub(shared))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_and_anonymous_are_told() {
        assert_eq!(parse(b"765 435 407 5 0 90 0\n", 4096), Ok((435 * 4096, 28 * 4096)));
    }

    #[test]
    fn anything_less_is_nothing() {
        for text in
            [&b""[..], b"765\n", b"765 435 407", b"765 435\n", b"765 x 407\n", b"1 18446744073709551615\n"]
        {
            let gap = parse(text, 4096).unwrap_err();
            assert_eq!(
                gap.to_string(),
                "/proc/self/statm: expected a complete line `SIZE RESIDENT SHARED`, found none"
            );
        }
    }
}
