//! `/proc/self/io`: what the process and its ended threads have read and written. Unreadable where the
//! process may not be traced (a changed user id, some containers), absent where the kernel does not account
//! it.

use super::super::snapshot::{Figure, Gap, Io};
use super::text::{complete_lines, number, words};

const SOURCE: &str = "/proc/self/io";
const LABELS: [&str; 6] = ["rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes"];

/// All counters, or which line is missing.
pub(super) fn parse(text: &[u8]) -> Figure<Io> {
    let mut values = [None; LABELS.len()];
    for line in complete_lines(text) {
        let mut words = words(line);
        let Some(label) = words.next().and_then(|word| word.strip_suffix(b":")) else { continue };
        if let Some(index) = LABELS.iter().position(|known| known.as_bytes() == label) {
            values[index] = words.next().and_then(number);
        }
    }
    let value = |index: usize| values[index].ok_or(Gap::lacks(SOURCE, LABELS[index]));
    Ok(Io {
        character_read_bytes: value(0)?,
        character_written_bytes: value(1)?,
        read_operations: value(2)?,
        write_operations: value(3)?,
        storage_read_bytes: value(4)?,
        storage_written_bytes: value(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"rchar: 6976\nwchar: 11\nsyscr: 10\nsyscw: 2\nread_bytes: 4096\nwrite_bytes: 8192\n\
        cancelled_write_bytes: 1\n";

    #[test]
    fn every_counter_is_found() {
        let io = Io {
            read_operations: 10,
            write_operations: 2,
            character_read_bytes: 6976,
            character_written_bytes: 11,
            storage_read_bytes: 4096,
            storage_written_bytes: 8192,
        };
        assert_eq!(parse(TEXT), Ok(io));
    }

    #[test]
    fn a_text_cut_at_any_byte_gives_all_or_says_what_is_missing() {
        let end_of_wanted = TEXT.len() - b"cancelled_write_bytes: 1\n".len();
        for end in 0..TEXT.len() {
            let parsed = parse(&TEXT[..end]);
            assert_eq!(parsed.is_ok(), end >= end_of_wanted, "cut at {end}");
        }
        assert_eq!(
            parse(&TEXT[..30]).unwrap_err().to_string(),
            "/proc/self/io: expected a complete line `syscr`, found none"
        );
    }

    #[test]
    fn what_is_no_number_is_missing() {
        assert!(parse(b"rchar: -1\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n").is_err());
    }
}
