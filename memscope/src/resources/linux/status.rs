//! `/proc/self/status`: one figure a line, memory in kB of 1024 bytes. Kernels before 4.5 have no `RssAnon`
//! and its like.

use super::super::snapshot::{Figure, Gap, Memory};
use super::text::{complete_lines, number, words};

const SOURCE: &str = "/proc/self/status";

/// The process's memory, and its number of threads.
pub(super) fn parse(text: &[u8]) -> (Memory, Figure<u64>) {
    let lacks = |label| Err(Gap::lacks(SOURCE, label));
    let mut memory = Memory {
        rss_bytes: lacks("VmRSS"),
        high_water_bytes: lacks("VmHWM"),
        anonymous_bytes: lacks("RssAnon"),
        file_bytes: lacks("RssFile"),
        shared_memory_bytes: lacks("RssShmem"),
        swap_bytes: lacks("VmSwap"),
    };
    let mut threads = lacks("Threads");
    for line in complete_lines(text) {
        let mut words = words(line);
        let figure = match words.next() {
            Some(b"VmRSS:") => &mut memory.rss_bytes,
            Some(b"VmHWM:") => &mut memory.high_water_bytes,
            Some(b"RssAnon:") => &mut memory.anonymous_bytes,
            Some(b"RssFile:") => &mut memory.file_bytes,
            Some(b"RssShmem:") => &mut memory.shared_memory_bytes,
            Some(b"VmSwap:") => &mut memory.swap_bytes,
            Some(b"Threads:") => {
                if let Some(count) = words.next().and_then(number) {
                    threads = Ok(count);
                }
                // The last of those that are wanted.
                break;
            }
            _ => continue,
        };
        if let (Some(kib), Some(b"kB")) = (words.next().and_then(number), words.next())
            && let Some(bytes) = kib.checked_mul(1024)
        {
            *figure = Ok(bytes);
        }
    }
    (memory, threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"Name:\tworker (1) x\nState:\tS (sleeping)\nGroups:\t0 4 \nVmPeak:\t   20000 kB\n\
        VmHWM:\t    1744 kB\nVmRSS:\t    1740 kB\nRssAnon:\t     112 kB\nRssFile:\t    1628 kB\n\
        RssShmem:\t       0 kB\nVmSwap:\t       8 kB\nThreads:\t17\nvoluntary_ctxt_switches:\t5\n";

    #[test]
    fn every_figure_is_found_and_in_bytes() {
        let (memory, threads) = parse(TEXT);
        assert_eq!(memory.rss_bytes, Ok(1740 * 1024));
        assert_eq!(memory.high_water_bytes, Ok(1744 * 1024));
        assert_eq!(memory.anonymous_bytes, Ok(112 * 1024));
        assert_eq!(memory.file_bytes, Ok(1628 * 1024));
        assert_eq!(memory.shared_memory_bytes, Ok(0));
        assert_eq!(memory.swap_bytes, Ok(8 * 1024));
        assert_eq!(threads, Ok(17));
    }

    #[test]
    fn an_old_kernel_lacks_the_parts_and_keeps_the_whole() {
        let (memory, threads) = parse(b"VmRSS:\t  4 kB\nThreads:\t1\n");
        assert_eq!(memory.rss_bytes, Ok(4096));
        assert_eq!(threads, Ok(1));
        assert_eq!(
            memory.anonymous_bytes.unwrap_err().to_string(),
            "/proc/self/status: expected a complete line `RssAnon`, found none"
        );
    }

    #[test]
    fn a_text_cut_at_any_byte_gives_the_truth_or_nothing() {
        let whole = parse(TEXT);
        for end in 0..TEXT.len() {
            let (memory, threads) = parse(&TEXT[..end]);
            let same_or_missing = |cut: Figure<u64>, full: Figure<u64>| cut.is_err() || cut == full;
            assert!(same_or_missing(memory.rss_bytes, whole.0.rss_bytes), "cut at {end}");
            assert!(same_or_missing(memory.high_water_bytes, whole.0.high_water_bytes), "cut at {end}");
            assert!(same_or_missing(memory.swap_bytes, whole.0.swap_bytes), "cut at {end}");
            assert!(same_or_missing(threads, whole.1), "cut at {end}");
        }
    }

    #[test]
    fn a_figure_in_another_unit_or_too_large_is_missing() {
        let (memory, _) = parse(b"VmRSS:\t 12 MB\nVmHWM:\t 18446744073709551615 kB\nVmSwap:\t lots kB\n");
        assert!(memory.rss_bytes.is_err());
        assert!(memory.high_water_bytes.is_err());
        assert!(memory.swap_bytes.is_err());
    }
}
