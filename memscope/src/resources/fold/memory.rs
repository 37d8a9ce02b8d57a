//! RSS over time.
//!
//! The kernel keeps the process's highest RSS ever (`VmHWM`). If that mark rose between two snapshots, the
//! process was never higher than the mark now shows, and it was that high in this span: the peak is exact
//! however short it was. If it did not rise, the peak belongs to an earlier time, and the largest of the
//! samples is the best that can be said.

use super::super::snapshot::Memory;
use super::cpu::f64_of;
use super::span::Span;

#[derive(Debug, Default)]
pub(super) struct MemoryFold {
    pub rss: Span<u64>,
    pub anonymous: Span<u64>,
    pub file: Span<u64>,
    pub shared_memory: Span<u64>,
    pub swap: Span<u64>,
    highest_sample: u64,
    high_water: Span<u64>,
    /// The mark fell: someone wrote to `clear_refs`, and what it said before is lost.
    was_reset: bool,
    last_rss: Option<(u64, u64)>,
    byte_ns: f64,
    observed_ns: u64,
}

impl MemoryFold {
    pub(super) fn push(&mut self, at_ns: u64, memory: &Memory) {
        if let (Ok(before), Ok(now)) = (self.high_water.last(), memory.high_water_bytes) {
            self.was_reset |= now < before;
        }
        self.high_water.push(memory.high_water_bytes);
        self.rss.push(memory.rss_bytes);
        self.anonymous.push(memory.anonymous_bytes);
        self.file.push(memory.file_bytes);
        self.shared_memory.push(memory.shared_memory_bytes);
        self.swap.push(memory.swap_bytes);
        let Ok(rss) = memory.rss_bytes else { return };
        self.highest_sample = self.highest_sample.max(rss);
        if let Some((before_ns, before)) = self.last_rss {
            let step_ns = at_ns.saturating_sub(before_ns);
            self.byte_ns += (f64_of(before) + f64_of(rss)) / 2.0 * f64_of(step_ns);
            self.observed_ns += step_ns;
        }
        self.last_rss = Some((at_ns, rss));
    }

    /// The highest RSS in bytes, and whether it is exact.
    pub(super) fn peak(&self) -> (u64, bool) {
        match self.high_water.first_and_last() {
            Ok((first, last)) if !self.was_reset && last > first => (last.max(self.highest_sample), true),
            Ok((_, last)) => (self.highest_sample, !self.was_reset && self.highest_sample >= last),
            Err(_) => (self.highest_sample, false),
        }
    }

    /// Mean RSS in bytes; of a span without length, the last value.
    pub(super) fn mean(&self, last: u64) -> u64 {
        if self.observed_ns == 0 { last } else { (self.byte_ns / f64_of(self.observed_ns)).round() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::snapshot::Gap;
    use super::*;

    /// Folds readings of (time, RSS, high-water mark); a mark of 0 is missing.
    fn fold(readings: &[(u64, u64, u64)]) -> MemoryFold {
        let mut fold = MemoryFold::default();
        let gap = Gap::because("test", "missing");
        for (at, rss, mark) in readings {
            let high_water_bytes = if *mark == 0 { Err(gap) } else { Ok(*mark) };
            fold.push(*at, &Memory { rss_bytes: Ok(*rss), high_water_bytes, ..Memory::missing(gap) });
        }
        fold
    }

    #[test]
    fn a_mark_that_rose_is_the_exact_peak() {
        assert_eq!(fold(&[(0, 10, 50), (1, 20, 90), (2, 15, 90)]).peak(), (90, true));
    }

    #[test]
    fn a_mark_from_before_is_not_this_spans_peak() {
        assert_eq!(fold(&[(0, 10, 50), (1, 20, 50), (2, 15, 50)]).peak(), (20, false));
    }

    #[test]
    fn a_sample_at_the_mark_is_exact() {
        assert_eq!(fold(&[(0, 50, 50), (1, 20, 50)]).peak(), (50, true));
    }

    #[test]
    fn a_mark_that_was_reset_or_is_missing_proves_nothing() {
        assert_eq!(fold(&[(0, 10, 50), (1, 12, 12), (2, 20, 60)]).peak(), (20, false));
        assert_eq!(fold(&[(0, 10, 0), (1, 20, 0)]).peak(), (20, false));
    }

    #[test]
    fn the_mean_is_weighted_by_time() {
        // 100 for 10 ns, then a ramp to 300 in 10 ns.
        let folded = fold(&[(0, 100, 0), (10, 100, 0), (20, 300, 0)]);
        assert_eq!(folded.mean(300), 150);
        assert_eq!(fold(&[(5, 7, 0)]).mean(7), 7);
    }
}
