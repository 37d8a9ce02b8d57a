//! The sampler off Linux: what `sysinfo` knows of a process, and on Unix `getrusage`. For each other figure the reason that it is absent.

use super::snapshot::{Cores, Detail, Details, Figure, Gap, Memory, Sampling, Snapshot, Usage};
use crate::unwind::modules::Range;
use std::time::Instant;
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

const NOT_HERE: Gap = Gap::because(std::env::consts::OS, "memscope reads this figure on Linux only");
const NO_OPERATIONS: Gap = Gap::because("sysinfo", "it counts bytes of files, and no operations");
const NO_SYSTEM: Gap = Gap::because("sysinfo", "it does not work here");
const NO_PROCESS: Gap = Gap::because("sysinfo", "it does not find this process");

#[cfg(unix)]
fn usage() -> Figure<Usage> {
    super::os::usage().map_err(|error| Gap::error("getrusage", &error))
}

#[cfg(not(unix))]
fn usage() -> Figure<Usage> {
    Err(Gap::because("sysinfo", "it tells the sum of user and system time only"))
}

/// Takes snapshots of this process.
#[derive(Debug)]
pub(crate) struct Sampler {
    begin: Instant,
    system: Figure<System>,
    process_id: Pid,
}

impl Sampler {
    /// A sampler whose clock begins now.
    pub(crate) fn new() -> Self {
        Self {
            begin: Instant::now(),
            system: System::new().map_err(|_| NO_SYSTEM),
            process_id: Pid::from_u32(std::process::id()),
        }
    }

    /// Threads are not counted here.
    pub(crate) fn set_calling_thread_apart(&mut self) {}

    /// Nothing takes long here.
    pub(crate) fn take_time(&mut self, _may: bool) {}

    /// All figures of this instant.
    pub(crate) fn sample(&mut self, _detail: Detail) -> Snapshot<'_> {
        let asked = ProcessRefreshKind::nothing().with_memory();
        let process = self.system.as_mut().map_err(|gap| *gap).and_then(|system| {
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.process_id]), true, asked);
            system.process(self.process_id).ok_or(NO_PROCESS)
        });
        let available = std::thread::available_parallelism()
            .map(|n| u64::try_from(n.get()).unwrap_or(u64::MAX))
            .map_err(|error| Gap::error("available_parallelism", &error));
        Snapshot {
            at_ns: u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX),
            cores: Cores { available, machine: Err(NOT_HERE) },
            usage: usage(),
            memory: Memory { rss_bytes: process.map(Process::memory), ..Memory::missing(NOT_HERE) },
            thread_count: Err(NOT_HERE),
            io: Err(NO_OPERATIONS),
            cgroup_limit_bytes: Err(NOT_HERE),
            cgroup_usage_bytes: Err(NOT_HERE),
            threads: Err(NOT_HERE),
            details: Details::missing(NOT_HERE),
            allocator: Err(NOT_HERE),
            sampling: Sampling { cpu_ns: Err(NOT_HERE), operations: 0 },
        }
    }

    /// Not known here.
    pub(crate) fn anonymous_bytes(&mut self, _ranges: impl Iterator<Item = Range>) -> Figure<u64> {
        Err(NOT_HERE)
    }

    /// Not known here.
    pub(crate) fn resident_bytes(&mut self, _range: Range) -> Figure<u64> {
        Err(NOT_HERE)
    }

    /// Not known here.
    pub(crate) fn stack_bytes(&mut self, _range: Range) -> Figure<u64> {
        Err(NOT_HERE)
    }
}
