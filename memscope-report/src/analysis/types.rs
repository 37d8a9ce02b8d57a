//! What the analysis finds: plain data, computed once from a [`crate::Profile`], drawn by every chart and table.

mod distributions;
mod groups;
mod over_time;
mod reconciliation;
mod scopes;
mod slices;
mod tasks;

pub use crate::load::Fate;
use crate::statistics::Estimate;
pub use distributions::*;
pub use groups::*;
pub use over_time::*;
pub use reconciliation::*;
pub use scopes::*;
use serde::Serialize;
pub use slices::*;
pub use tasks::*;

/// Everything that charts, page and summary show.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Analysis {
    /// Where the figures come from.
    pub session: SessionInfo,
    /// Exact totals.
    pub totals: Totals,
    /// Exact figures over time, in order.
    pub timeline: Vec<TimelinePoint>,
    /// Exact figures of each thread, most allocated bytes first.
    pub threads: Vec<ThreadFigures>,
    /// Call sites (one per distinct stack, scopes and sizes merged), most estimated allocated bytes first.
    pub sites: Vec<SiteFigures>,
    /// Allocations by size: bucket `i` holds sizes `2^(i-1) < size <= 2^i` (bucket 0: sizes 0 and 1).
    pub sizes: Vec<SizeBucket>,
    /// For each site of the trace, in the order of [`Profile::sites`](crate::Profile), its place in [`Analysis::sites`]; `None` for those
    /// without samples and those that are shown as one.
    #[serde(skip)]
    pub site_of_row: Vec<Option<u32>>,
    /// For the first of [`Analysis::sites`] how long their allocations live. Empty until [`site_lifetimes`](super::site_lifetimes) has
    /// read them.
    pub site_lifetimes: Vec<Vec<LifetimeBucket>>,
    /// Lifetimes of allocations, shortest first, from 1 microsecond in steps of 1, 2, 5 to the longest that was seen.
    pub lifetimes: Vec<LifetimeBucket>,
    /// Who freed what: the thread-to-thread matrix, most bytes first.
    pub flows: Vec<ThreadFlow>,
    /// Allocations by size and lifetime, smallest size first, then shortest lifetime; classes without samples are left out.
    pub lifetimes_by_size: Vec<SizeLifetime>,
    /// Exact figures of each annotated function, most allocated bytes first.
    pub scopes: Vec<ScopeFigures>,
    /// Instances of tasks, those with most bytes live at the end or at the peak first; 1,000 at most.
    pub tasks: Vec<TaskFigures>,
    /// How many tasks there were.
    pub task_totals: TaskTotals,
    /// Estimates for each crate, most allocated bytes first: each call site counts for the crate of the frame that names it.
    pub modules: Vec<GroupFigures>,
    /// What the call sites did over time, by thread and scope.
    pub slices: Slices,
    /// What each thread did over time.
    pub thread_series: ThreadSeries,
    /// The operating system's figures over time, in order.
    pub resources: Vec<ResourcePoint>,
    /// What resident memory is made of, over time.
    pub reconciliation: Reconciliation,
    /// What stands out, worst first.
    pub findings: Vec<Bottleneck>,
    /// What is wrong with the trace or was lost, each one sentence; empty when all is well.
    pub warnings: Vec<String>,
}

/// Where the figures come from.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SessionInfo {
    /// The session's name.
    pub name: String,
    /// Path of the executable.
    pub executable: String,
    /// Process id.
    pub process_id: u32,
    /// Wall-clock start, nanoseconds since 1970 UTC.
    pub started_unix_ns: u64,
    /// From the session's start to its end (or to the last block of a cut trace), microseconds.
    pub duration_us: u64,
    /// Whether the session ended in order.
    pub complete: bool,
    /// Version of memscope that wrote the trace.
    pub memscope_version: String,
    /// Configured least sampling probability.
    pub sample_rate: f64,
    /// Mean sampling interval at the end, bytes; 0 in exact mode.
    pub interval_bytes: f64,
    /// The mean sampling interval over time, each where it is another than the one before, in order.
    pub intervals: Vec<IntervalStart>,
    /// CPU time of the process while the session was active, user and system, microseconds; `None` where the trace does not say.
    pub process_cpu_us: Option<u64>,
    /// Smallest sampled size, bytes.
    pub min_allocation_size_bytes: u64,
    /// How stacks were walked.
    pub unwinder: String,
    /// Processors that the process may use; 0 where the trace does not say.
    pub cpus: u32,
    /// How names were found: `DWARF` (lines and inlined frames), `symbol tables` (functions) or `none` (addresses).
    pub symbols: String,
}

/// A mean sampling interval that came into force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct IntervalStart {
    /// When, microseconds.
    pub time_us: u64,
    /// The interval, bytes; 0 in exact mode.
    pub interval_bytes: f64,
}

impl SessionInfo {
    /// The least and the greatest mean sampling interval, bytes, where it changed.
    #[must_use]
    pub fn interval_range(&self) -> Option<(f64, f64)> {
        let bytes = || self.intervals.iter().map(|interval| interval.interval_bytes);
        let range = (bytes().fold(f64::INFINITY, f64::min), bytes().fold(0.0, f64::max));
        (range.0 < range.1).then_some(range)
    }

    /// `overhead_us` as a share of the process's CPU time; `None` where either is not known.
    #[must_use]
    pub fn overhead_share(&self, overhead_us: u64) -> Option<f64> {
        let process_us = self.process_cpu_us.filter(|&us| us > 0 && overhead_us > 0)?;
        Some(overhead_us as f64 / process_us.max(overhead_us) as f64)
    }
}

/// Exact totals since the session's start, and what sampling recorded.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Totals {
    /// Allocations of any size.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Frees.
    pub frees: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
    /// Highest live bytes.
    pub peak_bytes: u64,
    /// When, microseconds.
    pub peak_us: u64,
    /// Live bytes at the end; negative where more was freed than allocated since the start.
    pub live_bytes: i64,
    /// Threads that allocated or freed.
    pub threads: u64,
    /// Samples recorded.
    pub samples: u64,
    /// Samples lost.
    pub lost_samples: u64,
    /// Processor time of sampling and of the drain thread, microseconds; 0 where the trace does not say.
    pub overhead_us: u64,
}

/// Exact figures of one thread.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ThreadFigures {
    /// Id in the trace.
    pub id: u32,
    /// The operating system's id.
    pub os_id: u64,
    /// Its name; empty where it has none.
    pub name: String,
    /// Allocations.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Frees.
    pub frees: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
    /// When it first allocated or freed, microseconds.
    pub start_us: u64,
    /// When it was told to have ended, microseconds: up to 500 ms after it did; `None` where it was not.
    pub ended_us: Option<u64>,
    /// Time on a processor when the thread was looked at last, microseconds: each second at most, and at the end; `None` where it never was.
    pub cpu_us: Option<u64>,
    /// Time that it was runnable without a processor by then, microseconds; `None` where the system did not tell.
    pub wait_us: Option<u64>,
    /// Estimates of what sampling tells besides: live, at the peak, temporary.
    pub sampled: SampledFigures,
}

/// A resolved frame of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Frame {
    /// Demangled function without its hash suffix; `0x...` with the module's name where no symbol is known.
    pub function: String,
    /// Source file, where DWARF gave it.
    pub file: Option<String>,
    /// Line in it.
    pub line: Option<u32>,
    /// Whether the compiler inlined it into the frame that follows outwards.
    pub inlined: bool,
}

/// Estimates for one call site.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SiteFigures {
    /// Node of the innermost frame in the trace's stack tree.
    pub stack: u32,
    /// The frames, innermost first, memscope's own and the allocator's entry frames taken off.
    pub frames: Vec<Frame>,
    /// What to call the site in one line: the innermost frame that is not the standard library's or an allocator's.
    pub label: String,
    /// Where several sites have one label: the nearest caller in which this one differs from the others.
    pub caller: Option<Frame>,
    /// Samples recorded.
    pub samples: u64,
    /// Allocations.
    pub allocations: Estimate,
    /// Bytes allocated.
    pub allocated_bytes: Estimate,
    /// Bytes live at the end.
    pub live_bytes: Estimate,
    /// Bytes live at the time that the trace gives for the process's peak ([`Totals::peak_us`]). That is the tick at which it was noticed:
    /// of a spike shorter than a tick (5 to 20 ms) it shows what was live just after.
    pub peak_bytes: Estimate,
    /// Bytes of allocations freed within a millisecond by the thread that made them.
    pub temporary_bytes: Estimate,
    /// Bytes freed by another thread than the one that allocated them.
    pub cross_thread_bytes: Estimate,
    /// Bytes that a growing or shrinking `realloc` copied to a new place.
    pub copied_bytes: Estimate,
    /// Mean lifetime of the allocations that were freed, microseconds; `None` where none was.
    pub mean_lifetime_us: Option<f64>,
    /// Mean age at the end of the allocations that were not freed, microseconds: they live at least as long. `None` where all
    /// were.
    pub mean_live_age_us: Option<f64>,
    /// The growing `realloc`s, by size before, smallest first; empty where there were none.
    pub growth: Vec<GrowthStep>,
}

/// What one thread allocated and one thread (or nobody) freed: a cell of the thread-to-thread matrix.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ThreadFlow {
    /// The allocating thread's id ([`ThreadFigures::id`]); 0 where it is not known.
    pub allocated_by: u32,
    /// Who freed it, if anybody.
    pub fate: Fate,
    /// Allocations.
    pub allocations: Estimate,
    /// Bytes.
    pub bytes: Estimate,
}

/// What kind of trouble a [`Bottleneck`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum BottleneckKind {
    /// A site still holds a large part of what is live at the end.
    Retained,
    /// A site allocates a large part of all bytes and frees them within a millisecond.
    TemporaryChurn,
    /// Much of what a site allocates is freed by other threads.
    CrossThreadFree,
    /// A site reallocates again and again, copying what it grows.
    ReallocGrowth,
    /// A thread allocates far more than its share.
    ThreadImbalance,
    /// A site makes a large part of the peak, and lets go of it.
    PeakHolder,
    /// The process has much more memory than is live on its heap.
    Unreturned,
    /// What a site holds rises all the time: a leak, or something without a bound.
    Growing,
    /// The allocator keeps what a spike of the heap has left.
    KeptAfterSpike,
    /// Threads are made and ended again and again.
    ShortLivedThreads,
    /// Single allocations are a large part of the peak.
    Oversized,
    /// A site makes very many very small allocations.
    ManyTiny,
    /// The allocator may be what threads wait for: a suspicion.
    AllocatorContention,
    /// For a while the process had no processor left to use.
    CpuBound,
    /// For a while the process hardly ran, and read or wrote.
    IoBound,
    /// The process is close to its memory limit, or will soon be.
    NearLimit,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Worth fixing first.
    High,
}

/// One finding, with its evidence.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Bottleneck {
    /// What it is.
    pub kind: BottleneckKind,
    /// How bad it is.
    pub severity: Severity,
    /// The call site, thread or scope to blame, as one line.
    pub culprit: String,
    /// The bytes that it is about, with their interval.
    pub bytes: Estimate,
    /// The evidence in one sentence, with figures.
    pub evidence: String,
    /// What to do, in one sentence.
    pub advice: String,
    /// The call sites that it is about, as places in [`Analysis::sites`]; none where it is about a thread or the process.
    pub sites: Vec<u32>,
    /// The threads that it is about ([`ThreadFigures::id`]): of a call site those that allocated most there, four at most.
    pub threads: Vec<u32>,
    /// From when to when it shows, microseconds; `None` where no time is known.
    pub span_us: Option<[u64; 2]>,
}

impl Analysis {
    /// How much of what was allocated was worth allocating, in percent, 0 to 100:
    /// `100 * (1 - temporary bytes / allocated bytes)`, both summed over the call sites' estimates. An allocation is
    /// temporary when the thread that made it frees it within a millisecond: such bytes could live on the stack or in
    /// a buffer that is used again. 100 where nothing was sampled. Small allocations that are never sampled
    /// ([`SessionInfo::min_allocation_size_bytes`]) are in neither sum.
    ///
    /// A plain ratio: with the same bytes allocated, more temporary ones always lower it; more bytes that live on always raise it, unless it is
    /// 100. Above 80 is good; below 50 most bytes were handed out only to come back at once, and `temporary_churn` names the call
    /// sites. It says nothing of how much memory the program needs, nor of how many allocations that is.
    #[must_use]
    pub fn efficiency_percent(&self) -> f64 {
        let allocated: f64 = self.sites.iter().map(|site| site.allocated_bytes.value).sum();
        let temporary: f64 = self.sites.iter().map(|site| site.temporary_bytes.value).sum();
        if allocated > 0.0 { (100.0 * (1.0 - temporary / allocated)).clamp(0.0, 100.0) } else { 100.0 }
    }
}

/// One line: how bad, who, the evidence, and what to do.
impl std::fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        };
        write!(f, "[{severity}] {}: {} {}", self.culprit, self.evidence, self.advice)
    }
}
