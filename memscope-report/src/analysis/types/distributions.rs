//! Sizes, lifetimes and growth: how allocations spread over classes.

use crate::statistics::Estimate;
use serde::Serialize;

/// Estimates for one size class.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct SizeBucket {
    /// Largest size of the class, bytes: a power of two.
    pub up_to_bytes: u64,
    /// Allocations.
    pub allocations: Estimate,
    /// Bytes allocated.
    pub allocated_bytes: Estimate,
}

/// One class of lifetimes over the whole process.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct LifetimeBucket {
    /// The longest lifetime in the class, microseconds; `None` for the last class, which has no end. A class begins where the one
    /// before ends.
    pub up_to_us: Option<u64>,
    /// Allocations freed at that age.
    pub freed_allocations: Estimate,
    /// Their bytes.
    pub freed_bytes: Estimate,
    /// Allocations of that age still live at the end: they live at least as long (censored observations).
    pub live_allocations: Estimate,
    /// Their bytes.
    pub live_bytes: Estimate,
    /// The share of all allocations that outlives the class, 0 to 1: the life-table estimate of the survival function (Cutler
    /// and Ederer 1958; Kaplan and Meier's for grouped times), for which the still live count for as long as they were seen.
    pub surviving_allocations: f64,
    /// The same of all bytes.
    pub surviving_bytes: f64,
}

/// Allocations of one size class and one lifetime class.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct SizeLifetime {
    /// Largest size of the class, bytes: a power of two; the class holds sizes above its half.
    pub up_to_bytes: u64,
    /// The longest lifetime in the class, microseconds; `None` for the last class, which has no end.
    pub up_to_us: Option<u64>,
    /// Allocations freed at that age.
    pub freed_allocations: Estimate,
    /// Their bytes.
    pub freed_bytes: Estimate,
    /// Allocations of that age still live at the end: they live at least as long (censored observations).
    pub live_allocations: Estimate,
    /// Their bytes.
    pub live_bytes: Estimate,
}

/// One step of what a call site's growing `realloc`s make together: all that grew from one size class. A vector that is pushed to
/// goes through a step for each doubling.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct GrowthStep {
    /// Largest size before, bytes: a power of two; the class holds sizes above its half.
    pub up_to_bytes: u64,
    /// The `realloc`s.
    pub reallocs: Estimate,
    /// Those of them that moved to another place.
    pub moved: Estimate,
    /// Bytes that those copied: the size before. Reallocs that stayed in place copy nothing.
    pub copied_bytes: Estimate,
    /// Bytes asked for anew, all of the new size.
    pub new_bytes: Estimate,
}
