//! The sampler where memscope has no sources yet: the clock and the cores, and for each other figure the
//! reason that it is absent.

use super::snapshot::{Cores, Detail, Details, Gap, Memory, Sampling, Snapshot};
use std::time::Instant;

const NOT_HERE: Gap = Gap::because(std::env::consts::OS, "memscope reads this figure on Linux only");

/// Takes snapshots of this process.
#[derive(Debug)]
pub(crate) struct Sampler {
    begin: Instant,
}

impl Sampler {
    /// A sampler whose clock begins now.
    pub(crate) fn new() -> Self {
        Self { begin: Instant::now() }
    }

    /// Threads are not counted here.
    pub(crate) fn set_calling_thread_apart(&mut self) {}

    /// All figures of this instant.
    pub(crate) fn sample(&mut self, _detail: Detail) -> Snapshot<'_> {
        let available = std::thread::available_parallelism()
            .map(|n| u64::try_from(n.get()).unwrap_or(u64::MAX))
            .map_err(|error| Gap::error("available_parallelism", &error));
        Snapshot {
            at_ns: u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX),
            cores: Cores { available, machine: Err(NOT_HERE) },
            usage: Err(NOT_HERE),
            memory: Memory::missing(NOT_HERE),
            thread_count: Err(NOT_HERE),
            io: Err(NOT_HERE),
            cgroup_limit_bytes: Err(NOT_HERE),
            cgroup_usage_bytes: Err(NOT_HERE),
            threads: Err(NOT_HERE),
            details: Details::missing(NOT_HERE),
            sampling: Sampling { cpu_ns: Err(NOT_HERE), operations: 0 },
        }
    }
}
