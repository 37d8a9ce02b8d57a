//! What each thread did over time: exact figures.

use super::types::{ThreadCell, ThreadSeries};
use crate::load::Profile;

/// The profile's figures, by thread and bin.
pub(super) fn thread_series(profile: &Profile) -> ThreadSeries {
    let times = &profile.thread_times;
    let cells = times.cells.iter().map(|cell| ThreadCell {
        thread: cell.thread,
        bin: cell.bin,
        allocations: cell.allocations,
        allocated_bytes: cell.allocated_bytes,
        frees: cell.frees,
        freed_bytes: cell.freed_bytes,
    });
    let bins = times.cells.iter().map(|cell| cell.bin + 1).max().unwrap_or(0);
    ThreadSeries { bin_us: times.bin_us, bins, cells: cells.collect() }
}
