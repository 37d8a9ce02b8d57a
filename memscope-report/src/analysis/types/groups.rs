//! Estimates for groups of allocations: of a thread, a scope, a function, a crate.

use crate::statistics::Estimate;
use serde::Serialize;

/// What sampling says of a group of allocations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SampledFigures {
    /// Samples recorded.
    pub samples: u64,
    /// Allocations.
    pub allocations: Estimate,
    /// Bytes allocated.
    pub allocated_bytes: Estimate,
    /// Bytes live at the end.
    pub live_bytes: Estimate,
    /// Bytes live at the time that the trace gives for the process's peak.
    pub peak_bytes: Estimate,
    /// Bytes of allocations freed within a millisecond by the thread that made them.
    pub temporary_bytes: Estimate,
    /// Bytes freed by another thread than the one that allocated them.
    pub cross_thread_bytes: Estimate,
}

/// A group of allocations with its estimates.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GroupFigures {
    /// What the group has in common: a function, a crate, a thread's or a scope's name, a call site.
    pub name: String,
    /// The id in the trace of a thread or a scope; `None` for other groups.
    pub id: Option<u32>,
    /// Its estimates.
    #[serde(flatten)]
    pub sampled: SampledFigures,
}
