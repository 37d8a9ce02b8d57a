//! What a trace says, put together: the input of symbolization and analysis.

use super::ownership::Ownership;
use super::scopes::{ScopeTotals, ScopeTroubles};
use super::site_samples::SiteSamples;
use super::site_times::SiteTimes;
use super::sites::Site;
use super::stacks::StackTree;
use super::tasks::{TaskCount, TaskInstance};
use super::thread_cpu::ProcessorTime;
use super::thread_series::ThreadTimes;
use crate::statistics::Losses;
use memscope_trace::{
    Counters, End, Interval, Loss, MemoryParts, Module, OwnMemory, ReadStats, Resources, Session,
    ThreadCounters,
};

/// A trace, read. Everything that only the whole process or one thread or scope has is exact; samples are folded into
/// their sites. Ids that the trace does not define have been counted ([`Irregularities`]) and passed over.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Profile {
    /// How the session was set up; all defaults where that block is lost.
    pub session: Session,
    /// The modules, each once, in the order of the trace.
    pub modules: Vec<Module>,
    /// The threads, by id.
    pub threads: Vec<ThreadTotals>,
    /// The call stacks.
    pub stacks: StackTree,
    /// The call sites with what their samples add up to, by id.
    pub sites: Vec<Site>,
    /// Samples whose site the trace does not define; their probabilities are not known and counted as 1.
    pub unknown_site: SiteSamples,
    /// Who freed what, and when.
    pub ownership: Ownership,
    /// What the call sites did over time.
    pub site_times: SiteTimes,
    /// What each thread did over time: exact figures.
    pub thread_times: ThreadTimes,
    /// The sampling intervals, in the order of the trace.
    pub intervals: Vec<Interval>,
    /// Exact figures over time, in order, thinned to 4,000 points at most.
    pub timeline: Vec<Counters>,
    /// What the operating system said over time, in order, thinned to 4,000 points at most.
    pub resources: Vec<Resources>,
    /// Where resident memory was over time, in order, thinned to 4,000 points at most.
    pub memory_parts: Vec<MemoryParts>,
    /// Memscope's own resident memory and that of binaries' variables, in order, thinned to 4,000 points at most.
    pub own_memory: Vec<OwnMemory>,
    /// The scopes, by id.
    pub scopes: Vec<ScopeTotals>,
    /// What went wrong with scopes.
    pub scope_troubles: ScopeTroubles,
    /// Instances of tasks, by id: those that live, those that allocated most, those that a sample belongs to.
    pub tasks: Vec<TaskInstance>,
    /// All tasks, told of or not.
    pub task_count: TaskCount,
    /// Names of code addresses that the trace carries.
    pub names: SymbolNames,
    /// Exact totals of the process: those at the session's end, or the last that a cut trace holds.
    pub totals: Counters,
    /// From the session's start to its end, or to the last time that a cut trace mentions, microseconds.
    pub duration_us: u64,
    /// Samples read.
    pub samples: u64,
    /// Their bytes, unweighted.
    pub sample_bytes: u128,
    /// Samples that could not be recorded.
    pub loss: Loss,
    /// The same under each interval.
    pub(crate) shares: super::shares::IntervalShares,
    /// How the session ended; `None` where the trace was cut.
    pub end: Option<End>,
    /// What the reader met.
    pub read: ReadStats,
    /// Whether the file's header was damaged (and read past).
    pub header_damaged: bool,
    /// What does not fit together.
    pub irregular: Irregularities,
}

/// A thread with its exact figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadTotals {
    /// Id in the trace.
    pub id: u32,
    /// The operating system's id; 0 where the trace does not name the thread.
    pub os_id: u64,
    /// Its name; empty where it has none.
    pub name: String,
    /// When it first allocated or freed, microseconds.
    pub start_us: u64,
    /// Allocations.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Frees.
    pub frees: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
    /// Whether it had ended.
    pub ended: bool,
    /// When that was told first, microseconds.
    pub ended_us: Option<u64>,
    /// Processor time when it was looked at last; `None` where that never was, or the trace does not say.
    pub processor: Option<ProcessorTime>,
}

/// Mangled names of code addresses.
#[derive(Debug, Clone, Default)]
pub struct SymbolNames {
    pub(crate) by_address: std::collections::HashMap<u64, u32>,
    pub(crate) names: Vec<String>,
}

impl SymbolNames {
    /// The name of the function around `address`, as the symbol table has it.
    #[must_use]
    pub fn get(&self, address: u64) -> Option<&str> {
        self.by_address.get(&address).map(|&at| self.names[at as usize].as_str())
    }
}

/// What in a trace does not fit together: all 0 in a trace that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Irregularities {
    /// Samples that lie in blocks that are lost.
    pub missing_samples: u64,
    /// Samples whose site is not defined.
    pub samples_without_site: u64,
    /// Samples whose interval is not defined.
    pub samples_without_interval: u64,
    /// Samples whose id had been used before; they are left out.
    pub repeated_samples: u64,
    /// Frees of samples that are not there; they are left out.
    pub frees_without_sample: u64,
    /// Rows of tables that repeat an id or go beyond the ids' range; they are left out.
    pub unusable_rows: u64,
}

impl Profile {
    /// How many samples the trace has and how many were drawn and lost: by a full buffer or table, or with damaged
    /// blocks. Estimates are to be restated for them ([`Total::thinned`](crate::statistics::Total::thinned)).
    #[must_use]
    pub fn losses(&self) -> Losses {
        // What the probabilities allow for already counts no more.
        let lost = if self.shares.are_known() { 0 } else { self.loss.samples() };
        let lost = lost.saturating_add(self.irregular.missing_samples);
        Losses { recorded: self.samples, lost }
    }

    /// Whether blocks inside the trace were damaged or lost. A trace that was only cut at its end, as a crash leaves
    /// it, is not damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        is_damaged(self.header_damaged, &self.read)
    }
}

impl ThreadTotals {
    /// Takes over row `row` of the record, which is cumulative.
    pub(crate) fn update(&mut self, record: &ThreadCounters, row: usize) {
        self.allocations = record.allocations[row];
        self.allocated_bytes = record.allocated_bytes[row];
        self.frees = record.frees[row];
        self.freed_bytes = record.freed_bytes[row];
        self.ended |= record.ended[row] != 0;
        self.ended_us = self.ended_us.or(self.ended.then_some(record.time_us));
    }
}

/// Whether bytes inside a trace were damaged or lost, by what its reader met.
pub(crate) fn is_damaged(header_damaged: bool, read: &ReadStats) -> bool {
    let odd = [
        read.damaged_blocks,
        read.missing_blocks,
        read.out_of_order_blocks,
        read.unknown_blocks,
        read.skipped_bytes,
    ];
    header_damaged || odd.iter().any(|&number| number > 0)
}
