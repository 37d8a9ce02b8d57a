//! What each allocator answers, in bytes.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `mallinfo2`: `arena`, `hblkhd`, `uordblks`, `fordblks`.
    Glibc { arena: u64, mapped_apart: u64, in_use: u64, free: u64 },
    /// `stats.*`, each `None` where this build has it not.
    Jemalloc {
        allocated: Option<u64>,
        active: Option<u64>,
        metadata: Option<u64>,
        mapped: Option<u64>,
        resident: Option<u64>,
        retained: Option<u64>,
    },
    /// `mi_process_info`: `current_commit`.
    Mimalloc { committed: u64 },
}
