//! The process's figures as the operating system has them: into the trace, and folded into the session's result.

use crate::resources::{Detail, Fold, ResourceMetrics, Sampler, Snapshot};
use memscope_trace::Resources;

/// Samples with the threads are dear: one in so many at most.
const FULL_EVERY: u32 = 10;
/// And none until the process has used so much CPU time since the last: of 500 threads at rest there is nothing to tell.
const FULL_AFTER_CPU_NS: u64 = 20_000_000;

pub(crate) struct ResourceBook {
    sampler: Sampler,
    fold: Fold,
    /// Samples since the last with the threads.
    brief: u32,
    cpu_ns: u64,
    cpu_at_full_ns: Option<u64>,
}

impl ResourceBook {
    /// Called by the drain thread, which is not counted among the program's threads.
    pub(crate) fn open() -> Self {
        let mut sampler = Sampler::new();
        sampler.set_calling_thread_apart();
        Self { sampler, fold: Fold::default(), brief: 0, cpu_ns: 0, cpu_at_full_ns: None }
    }

    /// Takes a sample; `last` takes one of everything.
    pub(crate) fn sample(&mut self, time_us: u64, last: bool) -> Resources {
        let worked = |before_ns| self.cpu_ns.saturating_sub(before_ns) >= FULL_AFTER_CPU_NS;
        let full = last || self.cpu_at_full_ns.is_none_or(|ns| self.brief >= FULL_EVERY && worked(ns));
        let snapshot = self.sampler.sample(if full { Detail::Full } else { Detail::Brief });
        // Where the CPU time cannot be had, each tenth sample has the threads, as if the process were busy.
        let usage = snapshot.usage.ok().map(|usage| usage.user_ns + usage.system_ns);
        self.cpu_ns = usage.unwrap_or(self.cpu_ns + FULL_AFTER_CPU_NS);
        self.brief += 1;
        if full {
            self.brief = 1;
            self.cpu_at_full_ns = Some(self.cpu_ns);
        }
        self.fold.push(&snapshot);
        record(time_us, &snapshot)
    }

    /// What the samples say together.
    pub(crate) fn finish(self) -> ResourceMetrics {
        self.fold.finish()
    }
}

fn record(time_us: u64, snapshot: &Snapshot<'_>) -> Resources {
    let usage = snapshot.usage.ok();
    let io = snapshot.io.ok();
    Resources {
        time_us,
        rss_bytes: snapshot.memory.rss_bytes.ok(),
        cpu_user_us: usage.map(|usage| usage.user_ns / 1000),
        cpu_system_us: usage.map(|usage| usage.system_ns / 1000),
        threads: snapshot.thread_count.ok(),
        voluntary_switches: usage.map(|usage| usage.voluntary_switches),
        involuntary_switches: usage.map(|usage| usage.involuntary_switches),
        minor_faults: usage.map(|usage| usage.minor_faults),
        major_faults: usage.map(|usage| usage.major_faults),
        read_bytes: io.map(|io| io.character_read_bytes),
        written_bytes: io.map(|io| io.character_written_bytes),
        cgroup_usage_bytes: snapshot.cgroup_usage_bytes.ok(),
        cgroup_limit_bytes: snapshot.cgroup_limit_bytes.ok(),
    }
}
