//! The records of a trace. Each kind of block holds one of them.
//!
//! Many values are *columns*: vectors of equal length whose row `i` describes one thing. Small numbers cost one
//! byte in bincode's variable-length integers, so columns hold differences wherever neighbours are alike. A reader
//! sees them checked: the columns of a record that [`crate::TraceReader`] returns have the same length.
//!
//! Ids (of threads, stacks, sites, samples, ...) are given by the writer, count upwards, and are never reused in a
//! trace. Id 0 of stacks, scopes and tasks means "none".

pub use crate::interval::Interval;
pub use crate::numbered::{AllocationKind, EndReason};
pub use crate::task::{SampleTasks, TaskCounters, TaskEnd, TaskEnds, TaskTotals, Tasks};
pub use crate::usage::{AllocatorKind, MemoryParts, OwnMemory, ResourceDetails, ThreadTimes};
use serde::{Deserialize, Serialize};

/// The most rows that a record of columns may have: so many fit into a block whatever their values.
pub const MAX_ROWS: usize = 1024;

/// One block's content.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// How the session was set up. The first block of every trace.
    Session(Session),
    /// Binaries and libraries mapped into the process.
    Modules(Modules),
    /// Threads seen, or seen again under another name.
    Threads(Threads),
    /// New nodes of the tree of call stacks.
    Stacks(Stacks),
    /// New call sites: stack, size, scope and kind of allocations.
    Sites(Sites),
    /// A sampling interval that came into force.
    Interval(Interval),
    /// Sampled allocations.
    Samples(Samples),
    /// Frees of sampled allocations.
    Frees(Frees),
    /// Exact figures of the whole process.
    Counters(Counters),
    /// Exact figures per thread.
    ThreadCounters(ThreadCounters),
    /// Annotated functions and other scopes.
    Scopes(Scopes),
    /// Exact figures per scope.
    ScopeCounters(ScopeCounters),
    /// Names of sampled code addresses from the modules' symbol tables.
    Symbols(Symbols),
    /// What the operating system says of the process.
    Resources(Resources),
    /// Samples that could not be recorded.
    Loss(Loss),
    /// The session ended in order. The last block.
    End(End),
    /// More exact figures per scope.
    ScopeDetails(ScopeDetails),
    /// Exact figures of frees per scope.
    ScopeFrees(ScopeFrees),
    /// Calls of scopes by what they allocated.
    ScopeSizes(ScopeSizes),
    /// Instances of tasks.
    Tasks(Tasks),
    /// Exact figures per instance of a task.
    TaskCounters(TaskCounters),
    /// The tasks that sampled allocations belong to.
    SampleTasks(SampleTasks),
    /// All tasks, told of or not.
    TaskTotals(TaskTotals),
    /// Tasks that have ended.
    TaskEnds(TaskEnds),
    /// Where resident memory is, and what the allocator says.
    MemoryParts(MemoryParts),
    /// What the process did and waited for.
    ResourceDetails(ResourceDetails),
    /// Processor time of threads.
    ThreadTimes(ThreadTimes),
    /// Exact figures per path: a scope and those around it.
    ScopePaths(ScopePaths),
    /// Memscope's own resident memory, and that of binaries' variables (since 1.4).
    OwnMemory(OwnMemory),
}

/// How the session was set up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Session {
    /// Version of the memscope crate that wrote the trace.
    pub memscope_version: String,
    /// The session's name: the annotated function's, or the output folder's.
    pub name: String,
    /// Path of the executable.
    pub executable: String,
    /// Process id.
    pub process_id: u32,
    /// Wall-clock time of time 0, nanoseconds since 1970 UTC.
    pub started_unix_ns: u64,
    /// Target architecture as Rust names it, such as `x86_64`.
    pub arch: String,
    /// Target operating system as Rust names it, such as `linux`.
    pub os: String,
    /// Processors that the process may use.
    pub cpus: u32,
    /// Size of a memory page, bytes.
    pub page_bytes: u64,
    /// The configured least probability of a sample, 0 < r <= 1; 1 is exact mode.
    pub sample_rate: f64,
    /// Allocations below this many bytes are never sampled.
    pub min_allocation_size_bytes: u64,
    /// The most that one thread's buffer may take, bytes.
    pub buffer_size_bytes: u64,
    /// How stacks are walked: `frame pointers`, `framehop` or `none`.
    pub unwinder: String,
}

/// Modules mapped into the process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Modules {
    /// The modules.
    pub modules: Vec<Module>,
}

/// A binary or shared library.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Module {
    /// Path as the loader has it.
    pub path: String,
    /// GNU build id; empty where the module has none.
    pub build_id: Vec<u8>,
    /// First address (avma).
    pub start: u64,
    /// First address behind it (avma).
    pub end: u64,
    /// What to subtract from an avma to get the svma.
    pub bias: u64,
}

/// Threads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Threads {
    /// The threads; a later entry with the same id replaces an earlier one.
    pub threads: Vec<Thread>,
}

/// A thread that allocated or freed while the session was active.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Thread {
    /// Id in this trace, from 1.
    pub id: u32,
    /// The operating system's id.
    pub os_id: u64,
    /// Its name; empty where it has none.
    pub name: String,
    /// When it first allocated or freed, microseconds.
    pub start_us: u64,
}

/// New nodes of the tree of call stacks. A stack is named by its innermost node; its outermost frame hangs from 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stacks {
    /// Id of the first new frame; frame 0 stands for callers beyond the recorded depth, ids count from 1.
    pub first_frame: u32,
    /// Code addresses of the new frames (avma of the call's return address minus one; the first from 0, then
    /// differences to the one before).
    pub addresses: Vec<i64>,
    /// Id of the first new node, from 1; row `i` is node `first_node + i`.
    pub first_node: u32,
    /// Column: the node's id minus its parent's id (so 0 < delta <= id; the parent of an outermost frame is node 0).
    pub parent_deltas: Vec<u32>,
    /// Column: the node's frame.
    pub frames: Vec<u32>,
}

/// New call sites. A site is a stack together with what was asked for there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sites {
    /// Id of the first new site, from 0; row `i` is site `first_site + i`.
    pub first_site: u32,
    /// Column: the stack (a node of [`Stacks`]; 0 where none was captured).
    pub stacks: Vec<u32>,
    /// Column: bytes asked for.
    pub sizes: Vec<u64>,
    /// Column: for a realloc the bytes it had before, else 0.
    pub old_sizes: Vec<u64>,
    /// Column: the innermost scope (see [`Scopes`]; 0 outside any).
    pub scopes: Vec<u32>,
    /// Column: [`AllocationKind`] as a number.
    pub kinds: Vec<u8>,
}

/// Sampled allocations, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Samples {
    /// Id of the first sample, from 0; row `i` is sample `first_sample + i`.
    pub first_sample: u64,
    /// The [`Interval`] that was in force.
    pub interval: u32,
    /// Time from which the first row's delta counts, microseconds.
    pub base_us: u64,
    /// Column: microseconds after the row before (may be negative).
    pub delta_us: Vec<i64>,
    /// Column: the allocating thread.
    pub threads: Vec<u32>,
    /// Column: the site.
    pub sites: Vec<u32>,
}

/// Frees of sampled allocations.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Frees {
    /// Time from which the first row's delta counts, microseconds.
    pub base_us: u64,
    /// Column: microseconds after the row before (may be negative).
    pub delta_us: Vec<i64>,
    /// Column: the freeing thread; 0 where it had ended its thread-local life already.
    pub threads: Vec<u32>,
    /// Column: the sample, as the difference to the row before (the first: to 0).
    pub sample_deltas: Vec<i64>,
}

/// Exact figures of the whole process since the session's start, at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// When, microseconds.
    pub time_us: u64,
    /// Allocations of any size. A `realloc` is one allocation of the new size and one free of the old.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Frees.
    pub frees: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
    /// Highest live bytes (allocated minus freed) so far.
    pub peak_bytes: u64,
    /// When that was, microseconds.
    pub peak_us: u64,
}

/// Exact figures per thread, cumulative, of the threads that did something since the last such record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ThreadCounters {
    /// When, microseconds.
    pub time_us: u64,
    /// Column: the thread.
    pub threads: Vec<u32>,
    /// Column: allocations.
    pub allocations: Vec<u64>,
    /// Column: bytes allocated.
    pub allocated_bytes: Vec<u64>,
    /// Column: frees.
    pub frees: Vec<u64>,
    /// Column: bytes freed.
    pub freed_bytes: Vec<u64>,
    /// Column: 1 where the thread has ended, else 0.
    pub ended: Vec<u8>,
}

/// Scopes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scopes {
    /// The scopes.
    pub scopes: Vec<Scope>,
}

/// An annotated function.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Id, from 1.
    pub id: u32,
    /// Path of the function, or the name that was given.
    pub name: String,
    /// Source file.
    pub file: String,
    /// Line in it.
    pub line: u32,
}

/// Exact figures per scope, cumulative, of calls that have returned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScopeCounters {
    /// When, microseconds.
    pub time_us: u64,
    /// Column: the scope.
    pub scopes: Vec<u32>,
    /// Column: calls that returned.
    pub calls: Vec<u64>,
    /// Column: allocations, those of inner scopes included.
    pub allocations: Vec<u64>,
    /// Column: bytes allocated, those of inner scopes included.
    pub allocated_bytes: Vec<u64>,
    /// Column: allocations outside inner scopes.
    pub own_allocations: Vec<u64>,
    /// Column: bytes allocated outside inner scopes.
    pub own_allocated_bytes: Vec<u64>,
}

/// Names of code addresses, from symbol tables: function level, mangled as the table has them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Symbols {
    /// Column: the address as [`Stacks`] has it, as the difference to the row before (the first: to 0).
    pub address_deltas: Vec<i64>,
    /// Column: index into `names`.
    pub name_indexes: Vec<u32>,
    /// The names, each once.
    pub names: Vec<String>,
}

/// What the operating system says of the process. `None` where it gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// When, microseconds.
    pub time_us: u64,
    /// Resident set size, bytes.
    pub rss_bytes: Option<u64>,
    /// Processor time in user mode, microseconds since the process started.
    pub cpu_user_us: Option<u64>,
    /// Processor time in the kernel, microseconds since the process started.
    pub cpu_system_us: Option<u64>,
    /// Threads alive.
    pub threads: Option<u64>,
    /// Voluntary context switches since the process started.
    pub voluntary_switches: Option<u64>,
    /// Involuntary context switches since the process started.
    pub involuntary_switches: Option<u64>,
    /// Minor page faults since the process started.
    pub minor_faults: Option<u64>,
    /// Major page faults since the process started.
    pub major_faults: Option<u64>,
    /// Bytes read, character I/O included, since the process started.
    pub read_bytes: Option<u64>,
    /// Bytes written, character I/O included, since the process started.
    pub written_bytes: Option<u64>,
    /// Memory that the cgroup uses, bytes.
    pub cgroup_usage_bytes: Option<u64>,
    /// Memory limit of the cgroup, bytes.
    pub cgroup_limit_bytes: Option<u64>,
}

/// Samples that were drawn but could not be recorded, cumulative, by reason. Estimates are scaled for them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Loss {
    /// When, microseconds.
    pub time_us: u64,
    /// Samples lost because their thread's buffer was full.
    pub buffer_full: u64,
    /// Their bytes, unweighted.
    pub buffer_full_bytes: u64,
    /// Samples lost because the table of live samples was full.
    pub table_full: u64,
    /// Their bytes, unweighted.
    pub table_full_bytes: u64,
    /// Samples recorded without their stack because no unwinder was free.
    pub stacks: u64,
    /// Allocations and frees of threads that had ended their thread-local life (they count in the totals).
    pub late_events: u64,
}

impl Loss {
    /// Samples lost for any reason.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.buffer_full.saturating_add(self.table_full)
    }
}

/// The session ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct End {
    /// [`EndReason`] as a number.
    pub reason: u8,
    /// The final exact figures.
    pub totals: Counters,
    /// Threads that allocated.
    pub threads: u64,
    /// Samples recorded.
    pub samples: u64,
    /// Final losses.
    pub loss: Loss,
    /// Processor time that the drain thread took, microseconds.
    pub drain_cpu_us: u64,
    /// Time that samples took, over all threads, microseconds; one that was interrupted counts 20.
    pub sampling_us: u64,
}

/// More exact figures per scope, cumulative, beside [`ScopeCounters`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScopeDetails {
    /// When, microseconds.
    pub time_us: u64,
    /// Times that a name found no place any more among the scopes, and counted as `(other scopes)`.
    pub refused_names: u64,
    /// Scopes that were left in another order than that in which they were entered.
    pub out_of_order: u64,
    /// Column: the scope.
    pub scopes: Vec<u32>,
    /// Column: the scope that it was entered from last; 0 outside any.
    pub parents: Vec<u32>,
    /// Column: calls whose future was dropped before it was done (they count as calls).
    pub cancelled: Vec<u64>,
    /// Column: times that the scope was entered: once for each call of a function, once for each poll of a future.
    pub polls: Vec<u64>,
    /// Column: time inside, microseconds.
    pub busy_us: Vec<u64>,
    /// Column: time from the beginning of each call to its end, microseconds, over all calls.
    pub wall_us: Vec<u64>,
    /// Column: the most bytes that one call allocated.
    pub most_bytes: Vec<u64>,
}

/// Exact figures of frees per scope, cumulative: whoever allocated the memory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScopeFrees {
    /// When, microseconds.
    pub time_us: u64,
    /// Column: the scope.
    pub scopes: Vec<u32>,
    /// Column: frees while inside, those of inner scopes included.
    pub frees: Vec<u64>,
    /// Column: bytes freed while inside, those of inner scopes included.
    pub freed_bytes: Vec<u64>,
    /// Column: frees outside inner scopes.
    pub own_frees: Vec<u64>,
    /// Column: bytes freed outside inner scopes.
    pub own_freed_bytes: Vec<u64>,
}

/// Exact figures per path, cumulative: a scope and those around it, from the outermost on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScopePaths {
    /// When, microseconds.
    pub time_us: u64,
    /// Times that a path found no place any more: its calls are in the scope's own figures only.
    pub refused: u64,
    /// Column: the path's id, from 1. A later row with the same id has the same scope and the same path around it.
    pub paths: Vec<u32>,
    /// Column: the path around it, which an earlier row told of; 0 outside any.
    pub above: Vec<u32>,
    /// Column: the scope.
    pub scopes: Vec<u32>,
    /// Column: calls that ended.
    pub calls: Vec<u64>,
    /// Column: calls of these whose future was dropped before it was done.
    pub cancelled: Vec<u64>,
    /// Column: times that the scope was entered.
    pub polls: Vec<u64>,
    /// Column: time inside, microseconds.
    pub busy_us: Vec<u64>,
    /// Column: time from the beginning of each call to its end, microseconds, over all calls.
    pub wall_us: Vec<u64>,
    /// Column: allocations, those of inner scopes included.
    pub allocations: Vec<u64>,
    /// Column: bytes allocated, those of inner scopes included.
    pub allocated_bytes: Vec<u64>,
    /// Column: allocations outside inner scopes.
    pub own_allocations: Vec<u64>,
    /// Column: bytes allocated outside inner scopes.
    pub own_allocated_bytes: Vec<u64>,
    /// Column: frees while inside, those of inner scopes included.
    pub frees: Vec<u64>,
    /// Column: bytes freed while inside, those of inner scopes included.
    pub freed_bytes: Vec<u64>,
}

/// Calls of scopes by the bytes that they allocated, cumulative: a log-linear histogram. Calls inside another call of the same scope are
/// part of that one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScopeSizes {
    /// When, microseconds.
    pub time_us: u64,
    /// Column: the scope.
    pub scopes: Vec<u32>,
    /// Column: the fewest bytes of the bucket's calls: 0 to 3, then `m << n` with m from 4 to 7. The bucket ends where the next one begins.
    pub from_bytes: Vec<u64>,
    /// Column: calls in the bucket.
    pub calls: Vec<u64>,
}
