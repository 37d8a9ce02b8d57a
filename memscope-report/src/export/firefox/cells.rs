//! Weighted samples by thread, time and stack, as finely in time as a bounded number of them allows.
//!
//! A long trace has more samples than a browser can hold. Those of one thread and stack within a step of time are one
//! here; the step is a microsecond, and doubles whenever there are too many. Sums are kept.

use std::collections::HashMap;

/// So many are told apart at most.
const CELLS_MAX: usize = 1 << 20;

/// A step longer than this makes no sense: 73 minutes.
const STEP_US_MAX: u64 = 1 << 32;

/// The bytes of one thread and stack in a step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) thread: u32,
    /// The beginning of the step, microseconds.
    pub(super) time_us: u64,
    pub(super) stack: u32,
    pub(super) bytes: f64,
}

/// The cells so far.
#[derive(Debug)]
pub(super) struct Cells {
    step_us: u64,
    max: usize,
    /// By thread, beginning of the step and stack.
    cells: HashMap<(u32, u64, u32), f64>,
}

impl Default for Cells {
    fn default() -> Self {
        Self { step_us: 1, max: CELLS_MAX, cells: HashMap::new() }
    }
}

impl Cells {
    pub(super) fn add(&mut self, thread: u32, time_us: u64, stack: u32, bytes: f64) {
        let key = (thread, time_us - time_us % self.step_us, stack);
        *self.cells.entry(key).or_default() += bytes;
        while self.cells.len() > self.max && self.step_us < STEP_US_MAX {
            self.step_us *= 2;
            let mut coarser = HashMap::new();
            for ((thread, time_us, stack), bytes) in self.cells.drain() {
                *coarser.entry((thread, time_us - time_us % self.step_us, stack)).or_default() += bytes;
            }
            self.cells = coarser;
        }
        // Threads and stacks alone are too many: they are kept.
        if self.cells.len() > self.max {
            self.max *= 2;
        }
    }

    /// The cells by thread, then time, then stack.
    pub(super) fn finish(self) -> Vec<Cell> {
        let cells = self.cells.into_iter();
        let mut cells: Vec<Cell> =
            cells.map(|((thread, time_us, stack), bytes)| Cell { thread, time_us, stack, bytes }).collect();
        cells.sort_unstable_by_key(|cell| (cell.thread, cell.time_us, cell.stack));
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_gets_coarser_and_sums_stay() {
        let mut cells = Cells { max: 100, ..Cells::default() };
        for time_us in 0..10_000 {
            cells.add(1, time_us, 7, 1.0);
        }
        let cells = cells.finish();
        assert!((40..=100).contains(&cells.len()), "{}", cells.len());
        assert_eq!(cells.iter().map(|cell| cell.bytes).sum::<f64>(), 10_000.0);
        assert!(cells.is_sorted_by_key(|cell| cell.time_us) && cells[1].time_us == 128);
    }

    #[test]
    fn many_stacks_are_kept() {
        let mut cells = Cells { max: 10, ..Cells::default() };
        (0..100).for_each(|stack| cells.add(1, u64::MAX, stack, 1.0));
        assert_eq!(cells.finish().len(), 100);
    }
}
