//! Call sites of the trace.

use super::site_samples::SiteSamples;
use memscope_trace::{AllocationKind, Interval};

/// A call site of the trace (one stack, one size, one scope, one kind) with its samples.
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
