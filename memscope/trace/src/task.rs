//! Instances of tasks: one future that was made a task, from its first poll to its end.
//!
//! A scope sums all calls of one name; a task is one of them. A program may run millions, so a trace tells of some only: of those
//! that allocated most, alive and ended, and of those that a sample belongs to. The rest is in [`TaskTotals`], and
//! in the figures of scopes.

use serde::{Deserialize, Serialize};

/// Instances of tasks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tasks {
    /// The names and source files of this record, each once.
    pub texts: Vec<String>,
    /// Column: the task's id, from 1.
    pub tasks: Vec<u32>,
    /// Column: its name, an index into `texts`; an empty text where it was given none.
    pub names: Vec<u32>,
    /// Column: the source file in which it was made a task, an index into `texts`.
    pub files: Vec<u32>,
    /// Column: the line in it.
    pub lines: Vec<u32>,
    /// Column: the innermost scope in which it was made a task; 0 outside any.
    pub scopes: Vec<u32>,
    /// Column: the task in which it was made one; 0 outside any. Nothing may be told of that one.
    pub parents: Vec<u32>,
    /// Column: when it was polled first, microseconds.
    pub started_us: Vec<u64>,
}

/// Exact figures per task, cumulative: of its polls, and of its drop where that came before its end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskCounters {
    /// When, microseconds.
    pub time_us: u64,
    /// Column: the task.
    pub tasks: Vec<u32>,
    /// Column: times that it was polled.
    pub polls: Vec<u64>,
    /// Column: time in its polls, microseconds.
    pub busy_us: Vec<u64>,
    /// Column: allocations, those of tasks that it polls itself included.
    pub allocations: Vec<u64>,
    /// Column: bytes allocated.
    pub allocated_bytes: Vec<u64>,
    /// Column: frees, whoever allocated the memory.
    pub frees: Vec<u64>,
    /// Column: bytes freed.
    pub freed_bytes: Vec<u64>,
}

/// All tasks, told of or not, cumulative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskTotals {
    /// When, microseconds.
    pub time_us: u64,
    /// Tasks that were polled.
    pub started: u64,
    /// Tasks of these that have ended, however.
    pub ended: u64,
    /// Tasks of these that were dropped before they were done.
    pub cancelled: u64,
    /// Tasks of these that have no id, since too many lived at once: nothing else is known of them.
    pub unnumbered: u64,
}

/// The tasks that sampled allocations belong to, for those in a task. It stands before the [`Samples`](crate::Samples) that it tells of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SampleTasks {
    /// Column: the sample, as the difference to the row before (the first: to 0). They rise.
    pub sample_deltas: Vec<i64>,
    /// Column: the innermost task that allocated it.
    pub tasks: Vec<u32>,
}

/// Tasks that have ended. One that is in none of these was alive when the trace ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskEnds {
    /// Column: the task.
    pub tasks: Vec<u32>,
    /// Column: [`TaskEnd`] as a number.
    pub ends: Vec<u8>,
    /// Column: when, microseconds.
    pub ended_us: Vec<u64>,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum TaskEnd {
    /// It was done.
    #[default]
    Done = 1,
    /// It was dropped before it was done.
    Cancelled = 2,
    /// A poll panicked.
    Panicked = 3,
}

impl TaskEnd {
    /// The end with the number `value`; what is unknown is taken as [`TaskEnd::Done`].
    #[must_use]
    pub fn from_u8(value: u8) -> Self {
        match value {
            2 => Self::Cancelled,
            3 => Self::Panicked,
            _ => Self::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TaskEnd::{self, Cancelled, Done, Panicked};

    #[test]
    fn numbers_and_ends_belong_together() {
        for (number, end) in (1..).zip([Done, Cancelled, Panicked]) {
            assert_eq!((TaskEnd::from_u8(number), end as u8), (end, number));
        }
        assert_eq!([0, 4].map(TaskEnd::from_u8), [Done, Done]);
    }
}
