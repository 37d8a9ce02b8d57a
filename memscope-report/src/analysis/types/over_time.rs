//! Figures over time: of the process, of its threads, of the operating system.

use serde::Serialize;

/// Exact figures of the process at one time (cumulative but for `live_bytes` and `rss_bytes`).
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct TimelinePoint {
    /// When, microseconds.
    pub time_us: u64,
    /// Live heap bytes allocated since the session's start.
    pub live_bytes: i64,
    /// Allocations so far.
    pub allocations: u64,
    /// Bytes allocated so far.
    pub allocated_bytes: u64,
    /// Frees so far.
    pub frees: u64,
    /// Bytes freed so far.
    pub freed_bytes: u64,
    /// Resident set size at (nearly) that time, where the trace has it.
    pub rss_bytes: Option<u64>,
}

/// What the operating system says of the process at one time. `None` where it gives no answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ResourcePoint {
    /// When, microseconds.
    pub time_us: u64,
    /// Resident set size, bytes.
    pub rss_bytes: Option<u64>,
    /// Processor time in user mode, microseconds since the process started.
    pub cpu_user_us: Option<u64>,
    /// Processor time in the kernel, microseconds since the process started.
    pub cpu_system_us: Option<u64>,
    /// Threads alive.
    pub threads: Option<u64>,
    /// Voluntary context switches since the process started.
    pub voluntary_switches: Option<u64>,
    /// Involuntary context switches since the process started.
    pub involuntary_switches: Option<u64>,
    /// Minor page faults since the process started.
    pub minor_faults: Option<u64>,
    /// Major page faults since the process started.
    pub major_faults: Option<u64>,
    /// Bytes read, character I/O included, since the process started.
    pub read_bytes: Option<u64>,
    /// Bytes written, character I/O included, since the process started.
    pub written_bytes: Option<u64>,
    /// Memory that the cgroup uses, bytes.
    pub cgroup_usage_bytes: Option<u64>,
    /// Memory limit of the cgroup, bytes.
    pub cgroup_limit_bytes: Option<u64>,
}

/// What each thread did in each stretch of time: exact figures.
///
/// The stretches (*bins*) are all `bin_us` long, from 0 on; their length is a power of two of microseconds, such that there are at
/// most 128 of them. The runtime tells a thread's figures every 500 ms while anything moves: what a thread did shows up to that much
/// later than it happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ThreadSeries {
    /// Length of a bin, microseconds; 0 where there is nothing.
    pub bin_us: u64,
    /// Bins from 0 to the last that has something.
    pub bins: u32,
    /// What was done, by thread and then by bin; where a thread did nothing there is no entry.
    pub cells: Vec<ThreadCell>,
}

/// What one thread did in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ThreadCell {
    /// The thread ([`ThreadFigures::id`](super::ThreadFigures::id)).
    pub thread: u32,
    /// The bin: times from `bin * bin_us` to below `(bin + 1) * bin_us`.
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
