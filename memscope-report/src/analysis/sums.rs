//! What the samples of some sites add up to: of a call site, a thread, a scope, a crate.
//!
//! Totals of the trace's sites merge, and estimates come from the merged ones. (Intervals themselves do not add up: that of a group is narrower than
//! the sum of its members'.)

use super::types::SampledFigures;
use crate::load::Site;
use crate::statistics::{Losses, Total};

/// The samples of a group. The totals of allocations and of bytes are of the same samples.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    pub(super) allocations: Total,
    pub(super) allocated_bytes: Total,
    pub(super) live_bytes: Total,
    pub(super) peak_bytes: Total,
    pub(super) temporary_bytes: Total,
    pub(super) cross_thread_bytes: Total,
}

impl Sums {
    /// Adds the samples of a site of the trace.
    pub(super) fn add(&mut self, site: &Site) {
        let (samples, size) = (&site.samples, site.size_bytes as f64);
        let allocated = samples.allocated();
        self.allocations.merge(&allocated);
        let parts = [
            (&mut self.allocated_bytes, allocated),
            (&mut self.live_bytes, samples.live()),
            (&mut self.peak_bytes, samples.at_peak()),
            (&mut self.temporary_bytes, samples.temporary()),
            (&mut self.cross_thread_bytes, samples.cross_thread()),
        ];
        for (sum, part) in parts {
            if part.samples() > 0 {
                sum.merge_scaled(&part, size);
            }
        }
    }

    /// Adds the samples of another group.
    pub(super) fn merge(&mut self, other: &Self) {
        self.allocations.merge(&other.allocations);
        self.allocated_bytes.merge(&other.allocated_bytes);
        self.live_bytes.merge(&other.live_bytes);
        self.peak_bytes.merge(&other.peak_bytes);
        self.temporary_bytes.merge(&other.temporary_bytes);
        self.cross_thread_bytes.merge(&other.cross_thread_bytes);
    }

    /// The figures of a part in which no sample fell: there may be something all the same, see [`Total::estimate_within`].
    pub(super) fn nothing_seen(&self, losses: Losses) -> SampledFigures {
        let within = |whole: &Total| Total::default().estimate_within(&whole.thinned(losses));
        let (allocations, bytes) = (within(&self.allocations), within(&self.allocated_bytes));
        SampledFigures {
            samples: 0,
            allocations,
            allocated_bytes: bytes,
            live_bytes: bytes,
            peak_bytes: bytes,
            temporary_bytes: bytes,
            cross_thread_bytes: bytes,
        }
    }

    /// The estimates.
    pub(super) fn figures(&self, losses: Losses) -> SampledFigures {
        let whole = self.allocated_bytes.thinned(losses);
        let part = |total: &Total| total.thinned(losses).estimate_within(&whole);
        SampledFigures {
            samples: self.allocations.samples(),
            allocations: self.allocations.thinned(losses).estimate(),
            allocated_bytes: whole.estimate(),
            live_bytes: part(&self.live_bytes),
            peak_bytes: part(&self.peak_bytes),
            temporary_bytes: part(&self.temporary_bytes),
            cross_thread_bytes: part(&self.cross_thread_bytes),
        }
    }
}
