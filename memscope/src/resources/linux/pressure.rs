//! `memory.pressure` (PSI) and `cpu.stat` of cgroups: for how long tasks waited for memory, and for how long a CPU quota kept them off their
//! processors.

use super::super::snapshot::{Figure, Gap, Pressure, Throttling};
use super::text::{complete_lines, number, words};

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=12`, and the same for `full`; totals in microseconds.
pub(super) fn memory(name: &'static str, text: &[u8]) -> Figure<Pressure> {
    let total = |kind: &[u8]| {
        let line = complete_lines(text).find(|line| words(line).next() == Some(kind))?;
        words(line).find_map(|word| number(word.strip_prefix(b"total=")?))
    };
    Ok(Pressure {
        some_us: total(b"some").ok_or(Gap::lacks(name, "some ... total="))?,
        full_us: total(b"full").ok_or(Gap::lacks(name, "full ... total="))?,
    })
}

/// Version 2 tells the time in microseconds (`throttled_usec`), version 1 in nanoseconds (`throttled_time`). Without a quota there is no such line
/// in version 2.
pub(super) fn throttling(name: &'static str, text: &[u8]) -> Figure<Throttling> {
    let value = |label: &[u8]| {
        complete_lines(text).find_map(|line| {
            let mut words = words(line);
            if words.next() == Some(label) { words.next().and_then(number) } else { None }
        })
    };
    let throttled_us = value(b"throttled_usec").or_else(|| value(b"throttled_time").map(|ns| ns / 1000));
    Ok(Throttling {
        periods: value(b"nr_periods").ok_or(Gap::lacks(name, "nr_periods"))?,
        throttled_periods: value(b"nr_throttled").ok_or(Gap::lacks(name, "nr_throttled"))?,
        throttled_us: throttled_us.ok_or(Gap::lacks(name, "throttled_usec"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_some_and_full_are_found() {
        let text = b"some avg10=0.00 avg60=1.50 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n";
        assert_eq!(memory("psi", text), Ok(Pressure { some_us: 1234, full_us: 99 }));
        for end in 0..text.len() {
            assert!(memory("psi", &text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn both_versions_tell_of_throttling() {
        let v2 = b"usage_usec 5\nuser_usec 3\nnr_periods 10\nnr_throttled 4\nthrottled_usec 70\n";
        assert_eq!(
            throttling("cpu", v2),
            Ok(Throttling { periods: 10, throttled_periods: 4, throttled_us: 70 })
        );
        let v1 = b"nr_periods 10\nnr_throttled 4\nthrottled_time 70999\n";
        assert_eq!(throttling("cpu", v1), throttling("cpu", v2));
        let none = throttling("cgroup v2 cpu.stat", b"usage_usec 5\n").unwrap_err();
        assert_eq!(none.to_string(), "cgroup v2 cpu.stat: expected a complete line `nr_periods`, found none");
    }
}
