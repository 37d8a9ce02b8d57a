//! What resident memory is made of.

use serde::Serialize;

/// From the live heap to RSS, over time.
///
/// Resident anonymous memory is given out to what is known to be there, in this order: memscope's own mappings, binaries' variables and thread stacks
/// (measured page by page), memscope's heap, the live heap (exact), the allocator's overhead, the memory that it keeps. What does not fit is not resident (memory that was allocated and never touched, free
/// memory that was given back): `not_resident_bytes` says how much. What is left is `unexplained_bytes`. So no part is ever negative, and the parts of
/// a point add up to its RSS.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reconciliation {
    /// `glibc`, `jemalloc`, `mimalloc`, or empty where no allocator told anything.
    pub allocator: &'static str,
    /// When it was asked last, microseconds: what it came to keep after that is unexplained. `None` where none told anything.
    pub allocator_told_us: Option<u64>,
    /// In the order of time; empty where the trace has no such figures.
    pub points: Vec<ReconciliationPoint>,
}

/// One instant. All in bytes; `stack_bytes` to `file_bytes` add up to `rss_bytes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReconciliationPoint {
    /// When, microseconds.
    pub time_us: u64,
    /// Resident set size.
    pub rss_bytes: u64,
    /// Resident stacks of the threads that were sampled.
    pub stack_bytes: u64,
    /// Resident live heap: what the program asked for and has not freed.
    pub live_bytes: u64,
    /// Rounding, headers and gaps between live allocations; with glibc the caches of threads too.
    pub overhead_bytes: u64,
    /// What the allocator keeps of freed memory. Of mimalloc, which tells only what it has committed, its overhead is in here.
    pub kept_bytes: u64,
    /// Memscope itself: its records, rings, tables, unwind rules and caches, and the drain thread. 0 in traces before format 1.4.
    pub own_bytes: u64,
    /// Variables of the program and its libraries, and what the loader has relocated in them. 0 in traces before format 1.4.
    pub module_bytes: u64,
    /// Anonymous memory that nothing above accounts for: memory mapped without the allocator, other allocators, stacks of threads that were not
    /// sampled. Where no allocator told anything, its overhead too; in traces before format 1.4, memscope itself and variables.
    pub unexplained_bytes: u64,
    /// Files and shared memory: code, libraries, mapped data.
    pub file_bytes: u64,
    /// What the allocator and the program count as held and is not in memory.
    pub not_resident_bytes: u64,
    /// Anonymous memory that is swapped out.
    pub swap_bytes: Option<u64>,
    /// RSS, with what is shared divided by the number of processes that share it.
    pub proportional_bytes: Option<u64>,
    /// Memory charged to the cgroup.
    pub cgroup_usage_bytes: Option<u64>,
    /// Its limit.
    pub cgroup_limit_bytes: Option<u64>,
}
