//! What call sites did over time, cut so that a reader can filter it by site, thread, scope and time.
//!
//! # How to use the cells
//!
//! Every sampled allocation is in one cell: that of its call site, the thread that made it, its scope and the stretch of time (*bin*)
//! in which it was made, in the cell's `allocated`. If it was freed, it is also in the `freed` of the cell of the same site, thread
//! and scope in whose bin it was freed (whichever thread freed it). So for any choice of sites, threads and scopes
//!
//! ```text
//! allocated from bin a to bin b  =  sum of `allocated` over the bins a..=b
//! live at the end of bin t       =  sum of `allocated` over the bins 0..=t - sum of `freed` over the same
//! ```
//!
//! and both are estimates with an interval: the sums of cells add up field by field ([`Sum::merge`]), differences as
//! [`Sum::minus`] says, and [`Slices::estimate`] gives the 95% interval.

use crate::statistics::{Estimate, Sum};
use serde::Serialize;

/// What call sites did over time. See [`SliceCell`].
#[derive(Debug, Clone, Default, Serialize)]
pub struct Slices {
    /// Length of a bin, microseconds: a power of two; 0 where there are no samples.
    pub bin_us: u64,
    /// Bins from 0 to the last that has something: 64 to 128, fewer in short sessions and where more cells than 200,000 would come of it.
    pub bins: u32,
    /// The call sites that are told apart, as indexes into [`Analysis::sites`](super::Analysis::sites): those with most bytes allocated,
    /// live at the end, or live at the peak. What the others did is in cells of the site [`Slices::FURTHER`].
    pub sites: Vec<u32>,
    /// What is known about the total although samples were lost: an estimate's variance is less by this times its square. 0
    /// where none were lost.
    pub known: f64,
    /// The cells, by site, thread, scope and bin.
    pub cells: Vec<SliceCell>,
}

/// What one call site did on one thread in one scope in one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SliceCell {
    /// The call site: an index into [`Analysis::sites`](super::Analysis::sites), or [`Slices::FURTHER`].
    pub site: u32,
    /// The allocating thread ([`ThreadFigures::id`](super::ThreadFigures::id)); 0 where it is not known, [`Slices::FURTHER`]
    /// for those that are not told apart.
    pub thread: u32,
    /// The innermost scope ([`ScopeFigures::id`](super::ScopeFigures::id)); 0 outside any.
    pub scope: u32,
    /// The bin: times from `bin * bin_us` to below `(bin + 1) * bin_us`.
    pub bin: u32,
    /// What was allocated.
    pub allocated: Sum,
    /// What was freed of what the site, thread and scope had allocated.
    pub freed: Sum,
}

/// Sums over a choice of cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SliceTotals {
    /// What was allocated.
    pub allocated: Sum,
    /// What was freed.
    pub freed: Sum,
}

impl SliceTotals {
    /// What was allocated and not freed: what is live, where the cells begin at bin 0.
    #[must_use]
    pub fn live(&self) -> Sum {
        self.allocated.minus(&self.freed)
    }
}

impl Slices {
    /// The `site` of what is not told apart by call site, and the `thread` of what is not by thread.
    pub const FURTHER: u32 = u32::MAX;

    /// The sums over the cells that `keep` wants.
    pub fn totals(&self, keep: impl Fn(&SliceCell) -> bool) -> SliceTotals {
        let mut totals = SliceTotals::default();
        for cell in self.cells.iter().filter(|cell| keep(cell)) {
            totals.allocated.merge(&cell.allocated);
            totals.freed.merge(&cell.freed);
        }
        totals
    }

    /// Bytes with their 95% interval, of a sum over cells.
    #[must_use]
    pub fn estimate(&self, sum: &Sum) -> Estimate {
        sum.estimate(self.known)
    }
}
