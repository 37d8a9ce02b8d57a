//! Enumerations that stand in records as numbers.
//!
//! A record holds the number, not the case: a number that this version does not know is no damage, and a table of rows
//! is not lost for one of them.

/// How an allocation came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AllocationKind {
    /// `alloc`
    Alloc = 0,
    /// `alloc_zeroed`
    Zeroed = 1,
    /// `realloc` that kept its address
    ReallocInPlace = 2,
    /// `realloc` that moved
    ReallocMoved = 3,
}

impl AllocationKind {
    /// The kind with the number `value`; what is unknown is taken as [`AllocationKind::Alloc`].
    #[must_use]
    pub fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::Zeroed,
            2 => Self::ReallocInPlace,
            3 => Self::ReallocMoved,
            _ => Self::Alloc,
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum EndReason {
    /// `finalize()`, `stop_tracing()` or the end of the annotated function.
    #[default]
    Finalized = 0,
    /// The process exited while the session was active.
    ProcessExit = 1,
    /// Writing failed; the trace holds everything up to that.
    WriteFailed = 2,
}

impl EndReason {
    /// The reason with the number `value`; what is unknown is taken as [`EndReason::Finalized`].
    #[must_use]
    pub fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::ProcessExit,
            2 => Self::WriteFailed,
            _ => Self::Finalized,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_cases_belong_together() {
        use AllocationKind::{Alloc, ReallocInPlace, ReallocMoved, Zeroed};
        for (number, kind) in (0..).zip([Alloc, Zeroed, ReallocInPlace, ReallocMoved, Alloc]) {
            assert_eq!(AllocationKind::from_u8(number), kind);
            assert!(kind as u8 == number || number == 4);
        }
        use EndReason::{Finalized, ProcessExit, WriteFailed};
        for (number, reason) in (0..).zip([Finalized, ProcessExit, WriteFailed, Finalized]) {
            assert_eq!(EndReason::from_u8(number), reason);
            assert!(reason as u8 == number || number == 3);
        }
    }
}
