//! The sampling intervals of a trace, and what stands in for one that is lost.

use memscope_trace::Interval;
use std::collections::HashMap;

/// The intervals so far, in the order of the trace.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    rows: Vec<Interval>,
    by_id: HashMap<u32, usize>,
}

impl Intervals {
    /// Adds an interval; `false` where its id has one already.
    pub(super) fn add(&mut self, interval: Interval) -> bool {
        if self.by_id.contains_key(&interval.id) {
            return false;
        }
        self.by_id.insert(interval.id, self.rows.len());
        self.rows.push(interval);
        true
    }

    /// The interval with that id.
    pub(super) fn get(&self, id: u32) -> Option<Interval> {
        self.by_id.get(&id).map(|&row| self.rows[row])
    }

    /// For samples whose interval is lost: the one before, or one whose probability is the configured least one for
    /// every size.
    pub(super) fn stand_in(&self, id: u32, sample_rate: f64) -> Interval {
        if let Some(last) = self.rows.last() {
            return Interval { id, ..*last };
        }
        if sample_rate > 0.0 && sample_rate < 1.0 {
            // p = 1 - exp(-K/T) with K = -T ln(1 - rate), and T so large that the size does not matter.
            let interval_bytes = 1e18;
            let credit_bytes = -interval_bytes * (-sample_rate).ln_1p();
            return Interval { id, start_us: 0, interval_bytes, credit_bytes };
        }
        Interval { id, ..Interval::default() }
    }

    /// The intervals.
    pub(super) fn into_rows(self) -> Vec<Interval> {
        self.rows
    }
}
