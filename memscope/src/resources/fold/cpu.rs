//! CPU use over time: its peak, and how much core time there was to use.

/// The shortest window that a rate is taken over. The kernel brings the time of a running thread up to date
/// at each scheduler tick (1 to 10 ms), so shorter windows would measure the tick and not the program.
const WINDOW_NS: u64 = 20_000_000;

/// A reading: when, and the CPU time by then; nanoseconds.
type Reading = (u64, u64);

/// The highest rate over any window between two readings that is long enough.
#[derive(Debug, Default)]
pub(super) struct PeakUsage {
    /// Where the last complete window began, and where the open one did.
    previous: Option<Reading>,
    open: Option<Reading>,
    last: Option<Reading>,
    peak: Option<f64>,
}

impl PeakUsage {
    pub(super) fn push(&mut self, at_ns: u64, cpu_ns: u64) {
        let reading = (at_ns, cpu_ns);
        self.last = Some(reading);
        match self.open {
            None => self.open = Some(reading),
            Some(open) if at_ns.saturating_sub(open.0) >= WINDOW_NS => {
                self.consider(open, reading);
                self.previous = Some(open);
                self.open = Some(reading);
            }
            Some(_) => {}
        }
    }

    /// The peak in percent of one core; `None` if no time passed. What is left after the last window is too
    /// short for a window of its own and is taken together with it; if there was no window at all, the whole
    /// is the window.
    pub(super) fn percent(mut self) -> Option<f64> {
        if let (Some(begin), Some(last)) = (self.previous.or(self.open), self.last) {
            self.consider(begin, last);
        }
        self.peak
    }

    fn consider(&mut self, begin: Reading, end: Reading) {
        if end.0 > begin.0 {
            let percent = percent(end.1.saturating_sub(begin.1), end.0 - begin.0);
            self.peak = Some(self.peak.map_or(percent, |peak| peak.max(percent)));
        }
    }
}

/// Core time within reach: the number of cores that could have been busy, summed over time (trapezoids).
#[derive(Debug, Default)]
pub(super) struct CoreTime {
    last: Option<(u64, u64)>,
    core_ns: f64,
}

impl CoreTime {
    pub(super) fn push(&mut self, at_ns: u64, usable_cores: u64) {
        if let Some((before_ns, before)) = self.last {
            let mean = f64_of(before + usable_cores) / 2.0;
            self.core_ns += mean * f64_of(at_ns.saturating_sub(before_ns));
        }
        self.last = Some((at_ns, usable_cores));
    }

    /// How much of it `cpu_ns` is, in percent (at most 100); `None` if there was none.
    pub(super) fn utilization_percent(&self, cpu_ns: u64) -> Option<f64> {
        (self.core_ns > 0.0).then(|| (100.0 * f64_of(cpu_ns) / self.core_ns).min(100.0))
    }
}

/// `part` of `whole` in percent; `whole` is not 0.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    100.0 * f64_of(part) / f64_of(whole)
}

pub(super) fn seconds(ns: u64) -> f64 {
    f64_of(ns) / 1e9
}

/// Exact up to 2^53; beyond (104 days in nanoseconds, 8 PiB) the last digits are rounded.
pub(super) fn f64_of(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn peak(readings_ms: &[(u64, u64)]) -> Option<f64> {
        let mut peak = PeakUsage::default();
        for (at, cpu) in readings_ms {
            peak.push(at * MS, cpu * MS);
        }
        peak.percent()
    }

    #[test]
    fn the_busiest_window_is_the_peak() {
        assert_eq!(peak(&[(0, 0), (100, 10), (200, 160), (300, 170)]), Some(150.0));
    }

    #[test]
    fn a_burst_shorter_than_a_window_is_the_whole_span() {
        assert_eq!(peak(&[(0, 0), (8, 6)]), Some(75.0));
    }

    #[test]
    fn a_short_rest_is_taken_together_with_the_last_window() {
        // 5 ms at 200% after 100 ms at 10%: the window of 105 ms has 20/105, not 200%.
        let percent = peak(&[(0, 0), (100, 10), (105, 20)]).unwrap();
        assert!((percent - 100.0 * 20.0 / 105.0).abs() < 1e-9, "{percent}");
        // A rest that is long enough is a window.
        assert_eq!(peak(&[(0, 0), (100, 10), (120, 30)]), Some(100.0));
    }

    #[test]
    fn short_steps_add_up_to_a_window() {
        // Readings every 5 ms: windows are 20 ms, so one 5 ms step at 200% counts with its window's mean.
        assert_eq!(peak(&[(0, 0), (5, 10), (10, 10), (15, 10), (20, 10), (40, 10)]), Some(50.0));
    }

    #[test]
    fn without_time_there_is_no_rate() {
        assert_eq!(peak(&[]), None);
        assert_eq!(peak(&[(5, 1)]), None);
        assert_eq!(peak(&[(5, 1), (5, 2)]), None);
    }

    #[test]
    fn utilization_is_of_the_cores_that_the_threads_could_use() {
        let mut time = CoreTime::default();
        assert_eq!(time.utilization_percent(0), None);
        time.push(0, 1);
        time.push(100, 1);
        time.push(200, 3);
        // 100 + 200 core-nanoseconds.
        assert_eq!(time.utilization_percent(150), Some(50.0));
        assert_eq!(time.utilization_percent(400), Some(100.0));
    }
}
