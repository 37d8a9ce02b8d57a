//! Call sites and what their samples add up to.

use crate::statistics::Total;
use memscope_trace::{AllocationKind, Interval};

/// A call site of the trace (one stack, one size, one scope, one kind) with the totals of its samples.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Site {
    /// Innermost node of the stack; 0 where none was captured.
    pub stack: u32,
    /// Bytes asked for.
    pub size_bytes: u64,
    /// For a realloc the bytes it had before, else 0.
    pub old_size_bytes: u64,
    /// The innermost scope; 0 outside any.
    pub scope: u32,
    /// How the allocations came about.
    pub kind: AllocationKind,
    /// The samples.
    pub samples: SiteSamples,
}

/// What the samples of one site add up to. The totals count allocations; all allocations of a site have the same
/// size, so [`Total::scaled`] by the size gives their bytes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SiteSamples {
    /// All.
    pub allocated: Total,
    /// Those that were not freed.
    pub live: Total,
    /// Those that were live at the time that the trace gives for the process's peak: the tick at which it was noticed.
    pub at_peak: Total,
    /// Those freed within a millisecond by the thread that made them.
    pub temporary: Total,
    /// Those freed by another thread than the one that made them.
    pub cross_thread: Total,
    /// Those freed.
    pub freed: Total,
    /// Estimated sum of the lifetimes of those freed, microseconds.
    pub lifetime_us: f64,
    /// Estimated sum of the ages at the trace's end of those that were not freed, microseconds.
    pub live_age_us: f64,
}

/// A lifetime up to this many microseconds, ended by the thread that began it, is temporary. (Heap profilers that look at every
/// allocation call one temporary that is freed before the next. Before the thread's next *sample* would come down to the same
/// only for the smallest sampling interval: it would make the figure depend on how much is sampled. A time does not.)
pub(crate) const TEMPORARY_US: u64 = 1_000;

/// The probability of a sample of `size_bytes` under `interval`.
pub(super) fn probability(interval: &Interval, size_bytes: u64) -> f64 {
    let probability = interval.probability(size_bytes);
    // What a damaged interval makes of it must not poison every sum: such a sample stands for itself.
    let sane = probability.is_finite() && (1e-15..=1.0).contains(&probability);
    if sane { probability } else { 1.0 }
}

impl SiteSamples {
    /// Folds in the end of an allocation that had `probability`. `thread` or `freed_by` 0 is a thread that is not
    /// known (it was past its thread-local life): such an end is neither temporary nor cross-thread.
    pub(crate) fn add_free(&mut self, probability: f64, lifetime_us: u64, thread: u32, freed_by: u32) {
        self.freed.add(1.0, probability);
        self.lifetime_us += lifetime_us as f64 / probability;
        if thread == 0 || freed_by == 0 {
            return;
        }
        if thread != freed_by {
            self.cross_thread.add(1.0, probability);
        } else if lifetime_us <= TEMPORARY_US {
            self.temporary.add(1.0, probability);
        }
    }
}
