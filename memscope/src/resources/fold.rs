//! From snapshots to metrics; pure arithmetic.
//!
//! * *Counters* (CPU time, faults, operations) are differences between the first snapshot that had them and
//!   the last.
//! * *Gauges* (RSS, usage) are peaks, means weighted by time (trapezoids between snapshots), and last values.
//! * A figure that no snapshot had is `None`; the last gap says why.

mod cpu;
mod memory;
mod report;
mod span;
mod threads;

use super::metrics::ResourceMetrics;
use super::snapshot::{Cores, Gap, Io, Pressure, Sampling, Snapshot, Throttling, Usage};
use cpu::{CoreTime, PeakUsage};
use memory::MemoryFold;
use span::Span;
use threads::ThreadFold;

const NO_SAMPLE: Gap = Gap::because("sampling", "no sample was taken");

/// Folds a row of snapshots of one process, in the order of their time.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    samples: u64,
    begin_ns: u64,
    end_ns: u64,
    cores: Option<Cores>,
    usage: Span<Usage>,
    peak_usage: PeakUsage,
    core_time: CoreTime,
    memory: MemoryFold,
    cgroup_limit: Span<u64>,
    cgroup_usage: Span<u64>,
    cgroup_peak: Option<u64>,
    io: Span<Io>,
    proportional: Span<u64>,
    open_files: Span<u64>,
    peak_open_files: Option<u64>,
    pressure: Span<Pressure>,
    throttling: Span<Throttling>,
    allocator: Span<super::allocator::AllocatorFigures>,
    thread_count: Span<u64>,
    peak_threads: Option<u64>,
    threads: ThreadFold,
    sampling: Option<(Sampling, Sampling)>,
}

impl Fold {
    /// Adds the next snapshot.
    pub(crate) fn push(&mut self, snapshot: &Snapshot<'_>) {
        if self.samples == 0 {
            self.begin_ns = snapshot.at_ns;
        }
        self.samples += 1;
        self.end_ns = snapshot.at_ns.max(self.end_ns);
        self.cores = Some(snapshot.cores);
        self.usage.push(snapshot.usage);
        if let Ok(usage) = snapshot.usage {
            self.peak_usage.push(snapshot.at_ns, usage.cpu_ns());
        }
        self.memory.push(snapshot.at_ns, &snapshot.memory);
        self.cgroup_limit.push(snapshot.cgroup_limit_bytes);
        self.cgroup_usage.push(snapshot.cgroup_usage_bytes);
        self.cgroup_peak = self.cgroup_peak.max(snapshot.cgroup_usage_bytes.ok());
        self.io.push(snapshot.io);
        self.push_details(snapshot);
        self.thread_count.push(snapshot.thread_count);
        self.peak_threads = self.peak_threads.max(snapshot.thread_count.ok());
        if let (Ok(threads), Ok(cores)) = (snapshot.thread_count, snapshot.cores.available) {
            self.core_time.push(snapshot.at_ns, threads.min(cores));
        }
        self.threads.push(snapshot.threads);
        let first = self.sampling.map_or(snapshot.sampling, |(first, _)| first);
        self.sampling = Some((first, snapshot.sampling));
    }

    fn push_details(&mut self, snapshot: &Snapshot<'_>) {
        let details = &snapshot.details;
        self.proportional.push(details.proportional_bytes);
        self.open_files.push(details.open_files);
        self.peak_open_files = self.peak_open_files.max(details.open_files.ok());
        self.pressure.push(details.pressure);
        self.throttling.push(details.throttling);
        self.allocator.push(snapshot.allocator);
    }

    /// The figures of the span from the first snapshot to the last.
    pub(crate) fn finish(self) -> ResourceMetrics {
        report::metrics(self)
    }
}

#[cfg(test)]
mod tests;
