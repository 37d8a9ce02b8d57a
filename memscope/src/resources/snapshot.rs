//! Every figure at one instant, and why one is missing.
//!
//! All counters are totals since the process (or thread) began; differences are the fold's work. Nothing here
//! owns memory, so a snapshot costs no allocation: the threads are lent by the sampler until its next sample.

use std::{fmt, io};

/// A figure, or why there is none.
pub(crate) type Figure<T> = Result<T, Gap>;

/// How much a sample looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What moves fast: CPU time, RSS, the cgroup's usage. The other figures are [`NOT_LOOKED_AT`].
    Brief,
    /// Everything, each thread included.
    Full,
}

/// What a brief sample leaves out.
pub(crate) const NOT_LOOKED_AT: Gap = Gap::because("sampling", "only brief samples were taken");

/// The process at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Snapshot<'a> {
    /// The monotonic clock when `usage` was read, nanoseconds.
    pub at_ns: u64,
    pub cores: Cores,
    pub usage: Figure<Usage>,
    pub memory: Memory,
    /// Threads of the process, without the one that is set apart as the sampler's own.
    pub thread_count: Figure<u64>,
    pub io: Figure<Io>,
    pub cgroup_limit_bytes: Figure<u64>,
    pub cgroup_usage_bytes: Figure<u64>,
    /// Each live thread, ordered by `tid`.
    pub threads: Figure<&'a [Thread]>,
    pub details: Details,
    pub allocator: Figure<super::allocator::AllocatorFigures>,
    pub sampling: Sampling,
}

/// What is asked less often than the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Details {
    /// RSS, with what is shared divided by the number of processes that share it.
    pub proportional_bytes: Figure<u64>,
    pub open_files: Figure<u64>,
    pub pressure: Figure<Pressure>,
    pub throttling: Figure<Throttling>,
}

/// For how long tasks of the cgroup waited for memory since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pressure {
    /// Some of them did.
    pub some_us: u64,
    /// All of them did.
    pub full_us: u64,
}

/// What the CPU quota of the cgroup did since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Throttling {
    pub periods: u64,
    pub throttled_periods: u64,
    pub throttled_us: u64,
}

/// How many cores there are; they do not change while sampling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// What affinity and quota allow the process.
    pub available: Figure<u64>,
    /// What the machine has on line.
    pub machine: Figure<u64>,
}

/// What the kernel counts for the process with all its threads, the ended ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub user_ns: u64,
    pub system_ns: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
}

/// Memory of the process; each line of the kernel's text may be missing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub rss_bytes: Figure<u64>,
    /// The highest `rss_bytes` since the process began.
    pub high_water_bytes: Figure<u64>,
    pub anonymous_bytes: Figure<u64>,
    pub file_bytes: Figure<u64>,
    pub shared_memory_bytes: Figure<u64>,
    pub swap_bytes: Figure<u64>,
}

/// Reads and writes of the process, without the sampler's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Io {
    pub read_operations: u64,
    pub write_operations: u64,
    pub character_read_bytes: u64,
    pub character_written_bytes: u64,
    pub storage_read_bytes: u64,
    pub storage_written_bytes: u64,
}

/// One live thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thread {
    pub tid: u32,
    /// Differs for two threads that bear the same `tid` one after the other.
    pub sequence: u64,
    pub name: ThreadName,
    pub cpu_ns: u64,
    /// Time runnable but without a core.
    pub wait_ns: Figure<u64>,
}

/// A thread's name as the kernel keeps it: at most 15 bytes, of any value.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ThreadName {
    bytes: [u8; 15],
    length: u8,
}

/// What sampling itself has cost so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    pub cpu_ns: Figure<u64>,
    pub operations: u64,
}

/// Why a figure is missing: which source was asked, and what was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub source: &'static str,
    pub problem: Problem,
}

/// What was wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The operating system's error number.
    Os(i32),
    /// The source answered, but without this (or cut short before its end).
    Lacks(&'static str),
    /// Anything that one sentence says.
    Because(&'static str),
}

impl Gap {
    pub(crate) const fn lacks(source: &'static str, what: &'static str) -> Self {
        Self { source, problem: Problem::Lacks(what) }
    }

    pub(crate) const fn because(source: &'static str, reason: &'static str) -> Self {
        Self { source, problem: Problem::Because(reason) }
    }

    pub(crate) fn error(source: &'static str, error: &io::Error) -> Self {
        let problem =
            error.raw_os_error().map_or(Problem::Because("the operating system gave no reason"), Problem::Os);
        Self { source, problem }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Os(code) => write!(f, "{}: {}", self.source, io::Error::from_raw_os_error(code)),
            Problem::Lacks(what) => {
                write!(f, "{}: expected a complete line `{what}`, found none", self.source)
            }
            Problem::Because(reason) => write!(f, "{}: {reason}", self.source),
        }
    }
}

impl Usage {
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }
}

impl Details {
    /// All figures missing for one reason.
    pub(crate) const fn missing(gap: Gap) -> Self {
        Self { proportional_bytes: Err(gap), open_files: Err(gap), pressure: Err(gap), throttling: Err(gap) }
    }
}

impl Memory {
    /// All figures missing for one reason.
    pub(crate) const fn missing(gap: Gap) -> Self {
        Self {
            rss_bytes: Err(gap),
            high_water_bytes: Err(gap),
            anonymous_bytes: Err(gap),
            file_bytes: Err(gap),
            shared_memory_bytes: Err(gap),
            swap_bytes: Err(gap),
        }
    }
}

impl ThreadName {
    /// The name in `bytes`, cut to what the kernel keeps.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut name = Self::default();
        let kept = bytes.len().min(name.bytes.len());
        name.bytes[..kept].copy_from_slice(&bytes[..kept]);
        name.length = u8::try_from(kept).unwrap_or(0);
        name
    }
}

impl fmt::Display for ThreadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes[..usize::from(self.length)]))
    }
}

impl fmt::Debug for ThreadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
