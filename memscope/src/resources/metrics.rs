//! The figures of one monitored span, as a program reads them.
//!
//! Every optional figure that is `None` has its reason in [`ResourceMetrics::unavailable`]. Four figures are
//! plain numbers by contract; one that cannot be known is `NaN` (the three `f64`) or 0 (the one `u64`), and
//! listed there too.

use serde::Serialize;

/// What the process took from the machine between `start_monitoring` and `stop_monitoring`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ResourceMetrics {
    /// Processor time.
    pub cpu_metrics: CpuResourceMetrics,
    /// Resident memory, page faults, and the limit of the container.
    pub memory_metrics: MemoryResourceMetrics,
    /// Reads and writes.
    pub io_metrics: IoResourceMetrics,
    /// Threads and what they waited for.
    pub thread_metrics: ThreadResourceMetrics,
    /// Length of the span from the first to the last sample, seconds.
    pub duration_seconds: f64,
    /// Number of samples that the figures rest on: one at the start, one at the stop, one per interval
    /// between them.
    pub samples: u64,
    /// CPU time that taking the samples cost, seconds; it is part of `cpu_metrics`. Waking the sampling
    /// thread is not in it.
    pub sampling_cpu_seconds: Option<f64>,
    /// Read operations that taking the samples cost; they are *not* part of `io_metrics`.
    pub sampling_operations: u64,
    /// The figures that could not be had, and why.
    pub unavailable: Vec<Unavailable>,
}

impl ResourceMetrics {
    /// Why `figure` (for example `"memory_metrics.swap_bytes"`) is absent; `None` if it is not.
    #[must_use]
    pub fn reason(&self, figure: &str) -> Option<&str> {
        self.unavailable.iter().find(|u| u.figure == figure).map(|u| u.reason.as_str())
    }
}

/// One figure that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unavailable {
    /// The figure's path in [`ResourceMetrics`], for example `cpu_metrics.user_seconds`.
    pub figure: String,
    /// What was asked, and what came back.
    pub reason: String,
}

/// Processor time of the process: all its threads, those that have ended included.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CpuResourceMetrics {
    /// Highest CPU use over a window between two samples, in percent **of one core**: 100 is one core fully
    /// used, so the range is 0 to 100 x `machine_cores`. A window is one sampling interval, and never shorter
    /// than 20 ms; a burst shorter than its window counts with its mean over the window. The kernel brings a
    /// running thread's time up to date once per scheduler tick (1 to 10 ms), which is how exact a window is.
    /// `NaN` if the platform gives no CPU time.
    pub peak_usage_percent: f64,
    /// CPU time divided by wall time over the whole span, in percent of one core, like the peak.
    pub mean_usage_percent: Option<f64>,
    /// CPU time in user and in kernel mode, seconds.
    pub total_seconds: Option<f64>,
    /// CPU time in user mode, seconds. (How `total_seconds` splits is the kernel's estimate; the sum is
    /// exact.)
    pub user_seconds: Option<f64>,
    /// CPU time in kernel mode, seconds.
    pub system_seconds: Option<f64>,
    /// Cores that the process may use at a time: its affinity and its CPU quota allow for, at least 1.
    pub available_cores: Option<u64>,
    /// Cores of the machine that are on line.
    pub machine_cores: Option<u64>,
    /// Time in the span that the CPU quota of the process's cgroup (or of one above it) kept that cgroup off its cores, summed over cores,
    /// seconds. Other processes of the cgroup are in it.
    pub throttled_seconds: Option<f64>,
    /// Periods of the quota in the span in which it ran out.
    pub throttled_periods: Option<u64>,
    /// Periods of the quota in the span. Throttled in 0% of them is good; above 5% requests wait visibly.
    pub quota_periods: Option<u64>,
}

/// Memory of the process as the kernel counts it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MemoryResourceMetrics {
    /// Highest resident set size (RSS) in the span, **GiB** (2^30 bytes), >= 0. See `peak_is_exact`. `NaN` if
    /// it cannot be known.
    pub peak_usage_gb: f64,
    /// The same in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Whether the peak is the kernel's own high-water mark, which was reached in this span. If not, the peak
    /// is the largest of the samples, and a spike shorter than the interval and below the process's earlier
    /// peak may have gone unseen.
    pub peak_is_exact: bool,
    /// RSS over the span, weighted by time, bytes.
    pub mean_rss_bytes: Option<u64>,
    /// RSS at the start of the span, bytes.
    pub start_rss_bytes: Option<u64>,
    /// RSS at the last sample, bytes.
    pub current_rss_bytes: Option<u64>,
    /// The part of `current_rss_bytes` that no file stands behind: heap, stacks; bytes.
    pub anonymous_bytes: Option<u64>,
    /// The part of `current_rss_bytes` that maps files: code, libraries, mapped data; bytes.
    pub file_bytes: Option<u64>,
    /// The part of `current_rss_bytes` that is shared memory; bytes.
    pub shared_memory_bytes: Option<u64>,
    /// Anonymous memory of the process that is swapped out at the last sample, bytes.
    pub swap_bytes: Option<u64>,
    /// RSS at the last time that it was asked (at most every 10 s, and not above 4 GiB), with memory shared with other processes divided by
    /// their number (PSS), bytes.
    pub proportional_bytes: Option<u64>,
    /// Page faults that were served without reading from storage.
    pub minor_faults: Option<u64>,
    /// Page faults that had to wait for storage.
    pub major_faults: Option<u64>,
    /// The tightest memory limit among the process's cgroup and those above it, bytes. `None` with its reason
    /// where none is set.
    pub cgroup_limit_bytes: Option<u64>,
    /// Memory charged to the cgroup that carries this limit (the process's own if there is no limit) at the
    /// last sample, bytes. Its other processes and the page cache are in it: it is what the limit is held
    /// against.
    pub cgroup_usage_bytes: Option<u64>,
    /// Highest `cgroup_usage_bytes` of all samples.
    pub cgroup_peak_usage_bytes: Option<u64>,
    /// Time in the span in which some task of the cgroup waited for memory (PSI), seconds.
    pub pressure_some_seconds: Option<f64>,
    /// Time in the span in which all tasks of the cgroup that were not idle waited for memory, seconds. 0 is good; a percent of the span is
    /// the way to being killed.
    pub pressure_full_seconds: Option<f64>,
    /// What the allocator says of itself, when it was asked last.
    pub allocator: Option<AllocatorMetrics>,
}

/// What the program's allocator says of itself: the first found of jemalloc, mimalloc and glibc. What it does not tell is `None`, with the reason
/// in [`ResourceMetrics::unavailable`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AllocatorMetrics {
    /// `jemalloc`, `mimalloc` or `glibc`.
    pub name: &'static str,
    /// Bytes handed out, rounding included; with glibc also its headers and the caches of threads.
    pub allocated_bytes: Option<u64>,
    /// Bytes of pages in which something is handed out.
    pub active_bytes: Option<u64>,
    /// Bytes of the allocator's own books.
    pub metadata_bytes: Option<u64>,
    /// Bytes freed by the program and held for later, resident or not.
    pub free_bytes: Option<u64>,
    /// Bytes held from the operating system, resident or not.
    pub mapped_bytes: Option<u64>,
    /// Bytes of it that are resident, at most.
    pub resident_bytes: Option<u64>,
    /// Bytes of addresses kept without memory behind them.
    pub retained_bytes: Option<u64>,
}

/// Reads and writes of the process, without those that took the samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IoResourceMetrics {
    /// Read and write system calls in the span: `read_operations` + `write_operations`. 0 **and** an entry in
    /// [`ResourceMetrics::unavailable`] if they cannot be known.
    pub total_operations: u64,
    /// System calls of the `read` family (`read`, `pread`, `readv`, `sendfile`, `copy_file_range`), on files,
    /// pipes and sockets alike. `recv`, memory maps and io_uring are not counted by the kernel (`syscr` in
    /// `/proc/self/io`).
    pub read_operations: Option<u64>,
    /// System calls of the `write` family (`syscw`); `send` is not counted by the kernel.
    pub write_operations: Option<u64>,
    /// Bytes that those reads returned, from the page cache or not (`rchar`).
    pub character_read_bytes: Option<u64>,
    /// Bytes that those writes took (`wchar`).
    pub character_written_bytes: Option<u64>,
    /// Bytes that were fetched from storage for this process (`read_bytes`).
    pub storage_read_bytes: Option<u64>,
    /// Bytes that this process made dirty for storage (`write_bytes`); some may be deleted before they are
    /// written.
    pub storage_written_bytes: Option<u64>,
    /// Descriptors that were open when they were counted last (at most every 2 s). memscope's own are among them.
    pub open_files: Option<u64>,
    /// Most of them at any time that they were counted.
    pub peak_open_files: Option<u64>,
}

/// The threads of the process, without the sampling thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ThreadResourceMetrics {
    /// When threads wanted a core, how much of that time they had one, in percent:
    ///
    /// `100 x CPU time / (CPU time + time runnable but waiting for a core)`
    ///
    /// summed over the threads whose waiting is known. Range 0 to 100; more waiting always lowers it. Above
    /// 95 is good: threads run when they can. Far below, more threads are runnable than there are cores (or a
    /// CPU quota or other programs take them): 10 busy threads on 2 cores give 20. Idle threads do not count;
    /// `utilization_percent` tells about those. `NaN` if the kernel does not account the waiting.
    pub efficiency_percent: f64,
    /// How much of the cores that the threads could have used they did use, in percent: `100 x CPU time / sum
    /// of (time x min(threads, available cores))`. Range 0 to 100; near 100 the work is bound by the CPU.
    pub utilization_percent: Option<f64>,
    /// Time that threads were runnable but waited for a core, summed over the threads whose waiting is known,
    /// seconds.
    pub run_queue_wait_seconds: Option<f64>,
    /// Threads at the last sample.
    pub current_threads: Option<u64>,
    /// Highest number of threads in any sample.
    pub peak_threads: Option<u64>,
    /// Different threads that were seen; one that lived between two samples only is not among them.
    pub seen_threads: Option<u64>,
    /// Times that a thread gave up its core to wait for something. All threads, also those that were never
    /// seen.
    pub voluntary_context_switches: Option<u64>,
    /// Times that a thread was taken off its core. All threads, also those that were never seen.
    pub involuntary_context_switches: Option<u64>,
    /// The threads that were seen, those that have ended included; most CPU time first.
    pub threads: Vec<ThreadCpu>,
    /// Ended threads left out of `threads`, which keeps the busiest when there are thousands.
    pub merged_threads: u64,
    /// CPU time of those, seconds.
    pub merged_cpu_seconds: f64,
}

/// One thread's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ThreadCpu {
    /// The kernel's thread id.
    pub tid: u64,
    /// The name that the thread bore when it was last looked at; the kernel keeps 15 bytes of it.
    pub name: String,
    /// CPU time in the span, up to the last sample that saw the thread; seconds.
    pub cpu_seconds: f64,
    /// Time runnable but waiting for a core in the span; seconds.
    pub run_queue_wait_seconds: Option<f64>,
    /// Whether the thread had ended when monitoring stopped.
    pub ended: bool,
}
