//! `/proc/PID/task/TID/schedstat`: three numbers, the thread's time on a core, its time runnable without one
//! (both nanoseconds), and how often it was given a core. A kernel that does not account scheduling prints `0
//! 0 0`. The first number is left to the thread's clock, which is exact also while the thread runs.

use super::text::{complete_lines, number, words};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedstat {
    pub wait_ns: u64,
    /// Turns on a core. A thread that reads its own figures has had at least one.
    pub turns: u64,
}

pub(super) fn parse(text: &[u8]) -> Option<Schedstat> {
    let mut words = words(complete_lines(text).next()?).map(number);
    let mut next = || words.next().flatten();
    next().and_then(|_time_on_a_core| Some(Schedstat { wait_ns: next()?, turns: next()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers() {
        assert_eq!(parse(b"884697 12 3\n"), Some(Schedstat { wait_ns: 12, turns: 3 }));
        assert_eq!(parse(b"0 0 0\n"), Some(Schedstat { wait_ns: 0, turns: 0 }));
    }

    #[test]
    fn anything_less_is_nothing() {
        for text in [&b""[..], b"1", b"1 2\n", b"1 2 3", b"1 x 3\n", b"\n1 2 3\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
