//! The process's figures as the operating system has them: into the trace, and folded into the session's result.

use crate::resources::{Detail, Fold, ResourceMetrics, Sampler, Snapshot};
use memscope_trace::Resources;

/// Samples with the threads are dear: one in so many.
const FULL_EVERY: u32 = 10;

pub(crate) struct ResourceBook {
    sampler: Sampler,
    fold: Fold,
    samples: u32,
}

impl ResourceBook {
    /// Called by the drain thread, which is not counted among the program's threads.
    pub(crate) fn open() -> Self {
        let mut sampler = Sampler::new();
        sampler.set_calling_thread_apart();
        Self { sampler, fold: Fold::default(), samples: 0 }
    }

    /// Takes a sample; `last` takes one of everything.
    pub(crate) fn sample(&mut self, time_us: u64, last: bool) -> Resources {
        let full = last || self.samples.is_multiple_of(FULL_EVERY);
        self.samples += 1;
        let snapshot = self.sampler.sample(if full { Detail::Full } else { Detail::Brief });
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
