//! What each thread did over time, from the exact figures that the trace gives every so often.
//!
//! The figures are cumulative: what a thread did between two records is their difference, and it goes into the bin of the later
//! one. Memory is bounded: with more than [`CELLS_MAX`] cells the bins are made longer, down to one.

use super::bins::{BINS_MAX, Bins};
use memscope_trace::ThreadCounters;
use std::collections::BTreeMap;

/// Cells that are kept at most, as long as there is more than one bin.
const CELLS_MAX: usize = 200_000;

/// What one thread did in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadActivity {
    /// The thread's id.
    pub thread: u32,
    /// The stretch: times from `bin * bin_us` to below `(bin + 1) * bin_us`.
    pub bin: u32,
    /// Allocations.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Frees.
    pub frees: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
}

/// What each thread did over time.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ThreadTimes {
    /// Length of a bin, microseconds.
    pub bin_us: u64,
    /// By thread, then by bin.
    pub cells: Vec<ThreadActivity>,
}

#[derive(Debug, Default)]
struct Lane {
    /// The figures in the last record.
    last: ThreadActivity,
    cells: Vec<ThreadActivity>,
}

/// A [`ThreadTimes`] in the making.
#[derive(Debug, Default)]
pub(super) struct ThreadSeriesFold {
    bins: Bins,
    last_us: u64,
    lanes: BTreeMap<u32, Lane>,
    cells: usize,
}

impl ThreadSeriesFold {
    pub(super) fn add(&mut self, record: &ThreadCounters) {
        // Times only move forward.
        self.last_us = self.last_us.max(record.time_us);
        let doublings = self.bins.reach(self.last_us);
        if doublings > 0 {
            self.coarsen(doublings);
        }
        for (row, &thread) in record.threads.iter().enumerate() {
            let figures = ThreadActivity {
                thread,
                bin: self.bins.of(self.last_us),
                allocations: record.allocations[row],
                allocated_bytes: record.allocated_bytes[row],
                frees: record.frees[row],
                freed_bytes: record.freed_bytes[row],
            };
            self.cells += usize::from(self.lanes.entry(thread).or_default().add(figures));
        }
        while self.cells > CELLS_MAX && self.cells > self.lanes.len() {
            self.bins.double();
            self.coarsen(1);
        }
    }

    fn coarsen(&mut self, doublings: u32) {
        self.cells = 0;
        for lane in self.lanes.values_mut() {
            lane.cells.iter_mut().for_each(|cell| cell.bin = cell.bin.checked_shr(doublings).unwrap_or(0));
            lane.cells.dedup_by(|later, earlier| {
                let same = later.bin == earlier.bin;
                if same {
                    earlier.merge(later);
                }
                same
            });
            self.cells += lane.cells.len();
        }
    }

    pub(super) fn finish(self) -> ThreadTimes {
        debug_assert!(self.lanes.values().all(|lane| lane.cells.len() <= BINS_MAX as usize));
        let cells: Vec<_> = self.lanes.into_values().flat_map(|lane| lane.cells).collect();
        ThreadTimes { bin_us: if cells.is_empty() { 0 } else { self.bins.width_us() }, cells }
    }
}

impl Lane {
    /// Adds what the thread did since its last record; returns whether that took a new cell.
    fn add(&mut self, figures: ThreadActivity) -> bool {
        let before = std::mem::replace(&mut self.last, figures);
        let done = ThreadActivity {
            allocations: figures.allocations.saturating_sub(before.allocations),
            allocated_bytes: figures.allocated_bytes.saturating_sub(before.allocated_bytes),
            frees: figures.frees.saturating_sub(before.frees),
            freed_bytes: figures.freed_bytes.saturating_sub(before.freed_bytes),
            ..figures
        };
        if [done.allocations, done.allocated_bytes, done.frees, done.freed_bytes] == [0; 4] {
            return false;
        }
        match self.cells.last_mut().filter(|cell| cell.bin == done.bin) {
            Some(cell) => cell.merge(&done),
            None => {
                self.cells.push(done);
                return true;
            }
        }
        false
    }
}

impl ThreadActivity {
    fn merge(&mut self, other: &Self) {
        self.allocations = self.allocations.saturating_add(other.allocations);
        self.allocated_bytes = self.allocated_bytes.saturating_add(other.allocated_bytes);
        self.frees = self.frees.saturating_add(other.frees);
        self.freed_bytes = self.freed_bytes.saturating_add(other.freed_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time_us: u64, rows: &[(u32, u64)]) -> ThreadCounters {
        let column = |factor: u64| rows.iter().map(|row| row.1 * factor).collect();
        ThreadCounters {
            time_us,
            threads: rows.iter().map(|row| row.0).collect(),
            allocations: column(1),
            allocated_bytes: column(100),
            frees: column(0),
            freed_bytes: column(50),
            ended: vec![0; rows.len()],
        }
    }

    #[test]
    fn differences_go_into_the_bin_of_the_later_record() {
        let mut fold = ThreadSeriesFold::default();
        fold.add(&record(10, &[(1, 2), (2, 5)]));
        fold.add(&record(20, &[(1, 2)]));
        fold.add(&record(100, &[(2, 6), (1, 9)]));
        // Back in time, and less than before: neither can be.
        fold.add(&record(50, &[(1, 4)]));
        let times = fold.finish();
        let cells: Vec<_> =
            times.cells.iter().map(|c| (c.thread, c.bin, c.allocations, c.freed_bytes)).collect();
        assert_eq!(
            (times.bin_us, cells),
            (1, vec![(1, 10, 2, 100), (1, 100, 7, 350), (2, 10, 5, 250), (2, 100, 1, 50)])
        );
    }

    #[test]
    fn ten_thousand_threads_stay_within_bounds_and_lose_nothing() {
        let mut fold = ThreadSeriesFold::default();
        for step in 1..=100_u64 {
            for part in 0..10 {
                let rows: Vec<_> = (part * 1_000..(part + 1) * 1_000).map(|thread| (thread, step)).collect();
                fold.add(&record(step * 1_000, &rows));
            }
            assert!(fold.cells <= CELLS_MAX);
        }
        let times = fold.finish();
        assert!(times.cells.len() > CELLS_MAX / 4);
        assert_eq!(times.cells.iter().map(|cell| cell.allocated_bytes).sum::<u64>(), 10_000 * 100 * 100);
        assert!(times.cells.is_sorted_by_key(|cell| (cell.thread, cell.bin)));
    }
}
