//! What the operating system and the program's allocator say beyond [`Resources`](crate::Resources): where resident memory is, what was waited
//! for, and each thread's processor time.
//!
//! They have their own pace: what is dear to ask is asked seldom, and is `None` in between. A reader holds what was said last.

use serde::{Deserialize, Serialize};

/// Where the process's resident memory is, and what its allocator says of itself. `None` where nobody gave an answer, or was not asked this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryParts {
    /// When, microseconds.
    pub time_us: u64,
    /// Resident set size, bytes.
    pub rss_bytes: Option<u64>,
    /// The part of it that no file stands behind, bytes.
    pub anonymous_bytes: Option<u64>,
    /// Anonymous memory that is swapped out, bytes.
    pub swap_bytes: Option<u64>,
    /// Resident memory, that shared with other processes divided by their number, bytes.
    pub proportional_bytes: Option<u64>,
    /// Resident memory of the stacks of `stacks` threads, bytes.
    pub stack_bytes: Option<u64>,
    /// Threads whose stack is in `stack_bytes`: those of which a sample was taken.
    pub stacks: u64,
    /// [`AllocatorKind`] as a number.
    pub allocator: u8,
    /// Bytes that the allocator has handed out, rounding (and where it counts them, headers) included.
    pub allocated_bytes: Option<u64>,
    /// Bytes of pages in which something is handed out.
    pub active_bytes: Option<u64>,
    /// Bytes of the allocator's own books.
    pub metadata_bytes: Option<u64>,
    /// Bytes that the allocator holds and has told to be free, resident or not.
    pub free_bytes: Option<u64>,
    /// Bytes that the allocator holds from the operating system, resident or not.
    pub mapped_bytes: Option<u64>,
    /// Bytes of it that are resident, by the allocator's own account.
    pub resident_bytes: Option<u64>,
    /// Bytes of addresses that the allocator keeps without memory behind them.
    pub retained_bytes: Option<u64>,
}

/// What the process did and waited for. Totals since the process (or its cgroup) began; `None` where the system gives no answer, or was not
/// asked this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceDetails {
    /// When, microseconds.
    pub time_us: u64,
    /// Descriptors that are open.
    pub open_files: Option<u64>,
    /// System calls that read.
    pub read_operations: Option<u64>,
    /// System calls that wrote.
    pub write_operations: Option<u64>,
    /// Bytes fetched from storage.
    pub storage_read_bytes: Option<u64>,
    /// Bytes made dirty for storage.
    pub storage_written_bytes: Option<u64>,
    /// Time in which some task of the cgroup waited for memory, microseconds.
    pub memory_some_stalled_us: Option<u64>,
    /// Time in which all tasks of the cgroup waited for memory, microseconds.
    pub memory_full_stalled_us: Option<u64>,
    /// Periods of the cgroup's CPU quota.
    pub cpu_periods: Option<u64>,
    /// Those of them in which the quota ran out.
    pub cpu_throttled_periods: Option<u64>,
    /// Time that the cgroup was kept off its processors, microseconds.
    pub cpu_throttled_us: Option<u64>,
}

/// Processor time of threads that have run since they were told of last, also of those that never allocated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ThreadTimes {
    /// When, microseconds.
    pub time_us: u64,
    /// Column: the operating system's id of the thread.
    pub os_ids: Vec<u64>,
    /// Column: processor time since the thread began, microseconds.
    pub cpu_us: Vec<u64>,
    /// Column: time runnable without a processor since the thread began, microseconds; 0 where `wait_known` is 0.
    pub wait_us: Vec<u64>,
    /// Column: 1 where the waiting is known, else 0.
    pub wait_known: Vec<u8>,
    /// Column: the thread's name; empty where it is the one that was told last of this id.
    pub names: Vec<String>,
}

/// Resident memory of the process that is memscope's own, and that of the binaries' variables. `None` where it could not be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnMemory {
    /// When, microseconds.
    pub time_us: u64,
    /// Resident bytes of what memscope has mapped for itself, by the page: records of threads, rings, tables.
    pub mapped_bytes: Option<u64>,
    /// Resident bytes of rings that outlive the process: shared memory, not anonymous.
    pub shared_bytes: Option<u64>,
    /// Bytes that memscope has from the program's allocator: not in [`Counters`](crate::Counters), but in the allocator's own figures.
    pub heap_bytes: Option<u64>,
    /// Resident bytes of the drain thread's stack.
    pub stack_bytes: Option<u64>,
    /// Resident anonymous bytes of binaries and libraries, memscope's among them: variables, and what the loader has relocated.
    pub module_bytes: Option<u64>,
}

/// Whose figures an allocator's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum AllocatorKind {
    /// None that gives figures, or one that this version does not know.
    #[default]
    Unknown = 0,
    /// glibc's `malloc` (`mallinfo2`).
    Glibc = 1,
    /// jemalloc (`mallctl`).
    Jemalloc = 2,
    /// mimalloc (`mi_process_info`).
    Mimalloc = 3,
}

impl AllocatorKind {
    /// The kind with the number `value`; what is not known is [`AllocatorKind::Unknown`].
    #[must_use]
    pub fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::Glibc,
            2 => Self::Jemalloc,
            3 => Self::Mimalloc,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AllocatorKind::{self, Glibc, Jemalloc, Mimalloc, Unknown};

    #[test]
    fn numbers_and_kinds_belong_together() {
        for (number, kind) in (0..).zip([Unknown, Glibc, Jemalloc, Mimalloc]) {
            assert_eq!((AllocatorKind::from_u8(number), kind as u8), (kind, number));
        }
        assert_eq!(AllocatorKind::from_u8(4), Unknown);
    }
}
