//! Instances of tasks: what was counted of each, exactly, and what it holds.

use crate::statistics::Estimate;
use serde::Serialize;

/// The figures of one instance of a task: a future that was made a task, from its first poll to its end.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TaskFigures {
    /// Id in the trace.
    pub id: u32,
    /// Its name; empty where it was given none.
    pub name: String,
    /// The source file in which it was made a task; empty where the trace does not say.
    pub file: String,
    /// The line in it; 0 where the trace does not say.
    pub line: u32,
    /// The innermost scope in which it was made a task ([`ScopeFigures::id`](super::ScopeFigures::id)).
    pub scope: Option<u32>,
    /// The task in which it was made one.
    pub parent: Option<u32>,
    /// When it was polled first, microseconds.
    pub started_us: u64,
    /// When it ended, microseconds; `None` where it was alive when the trace ended.
    pub ended_us: Option<u64>,
    /// What had become of it.
    pub state: TaskState,
    /// Times that it was polled.
    pub polls: u64,
    /// Time in its polls, microseconds.
    pub busy_us: u64,
    /// Allocations, exact.
    pub allocations: u64,
    /// Bytes allocated, exact.
    pub allocated_bytes: u64,
    /// Frees, whoever had allocated the memory, exact.
    pub frees: u64,
    /// Bytes freed, exact.
    pub freed_bytes: u64,
    /// Samples of what it allocated.
    pub samples: u64,
    /// Bytes of what it allocated that are live at the end, whoever holds them.
    pub live_bytes: Estimate,
    /// The same at the time that the trace gives for the process's peak.
    pub peak_bytes: Estimate,
}

/// What had become of a task when the trace ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum TaskState {
    /// It was not done.
    #[default]
    Alive,
    /// It was done.
    Done,
    /// It was dropped before it was done.
    Cancelled,
    /// A poll panicked.
    Panicked,
}

impl TaskState {
    /// In one word.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
        }
    }
}

impl TaskFigures {
    /// What to call it in one line: its name, or `task`, its number, and where it was made one.
    #[must_use]
    pub fn label(&self) -> String {
        let name = if self.name.is_empty() { "task" } else { &self.name };
        let file = self.file.rsplit(['/', '\\']).next().filter(|file| !file.is_empty());
        let place = file.map(|file| format!(" ({file}:{})", self.line)).unwrap_or_default();
        format!("{name} #{}{place}", self.id)
    }

    /// The more of what it holds at the end and what it held at the peak.
    #[must_use]
    pub fn most_live(&self) -> Estimate {
        if self.live_bytes.value >= self.peak_bytes.value { self.live_bytes } else { self.peak_bytes }
    }
}

/// All tasks, told of or not: exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TaskTotals {
    /// Tasks that were polled.
    pub started: u64,
    /// Tasks of these that have ended, however.
    pub ended: u64,
    /// Tasks of these that were dropped before they were done.
    pub cancelled: u64,
    /// Tasks of these of which nothing else is known, since too many lived at once.
    pub unnumbered: u64,
}
