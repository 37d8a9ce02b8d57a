//! The last step: every figure by its name, or the reason that it is absent.

use super::super::metrics::{
    AllocatorMetrics, CpuResourceMetrics, IoResourceMetrics, MemoryResourceMetrics, ResourceMetrics,
    ThreadCpu, ThreadResourceMetrics, Unavailable,
};
use super::super::snapshot::{Figure, Gap, Usage};
use super::cpu::{f64_of, percent, seconds};
use super::threads::{Paired, Seen, Threads};
use super::{Fold, NO_SAMPLE};

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const NO_TIME: Gap = Gap::because("sampling", "no time passed between the first sample and the last");
const NO_RUN: Gap = Gap::because("schedstat", "no thread whose waiting is known wanted a core");

/// Collects the reasons while the figures are put into place.
#[derive(Default)]
struct Absent(Vec<Unavailable>);

impl Absent {
    fn note(&mut self, figure: &str, gap: Gap) {
        self.0.push(Unavailable { figure: figure.to_owned(), reason: gap.to_string() });
    }

    /// The figure, or `None` and a note.
    fn optional<T>(&mut self, figure: &str, value: Figure<T>) -> Option<T> {
        value.map_err(|gap| self.note(figure, gap)).ok()
    }

    /// The figure, or `NaN` and a note.
    fn plain(&mut self, figure: &str, value: Figure<f64>) -> f64 {
        self.optional(figure, value).unwrap_or(f64::NAN)
    }
}

/// All figures of the span.
pub(super) fn metrics(mut fold: Fold) -> ResourceMetrics {
    let mut absent = Absent::default();
    let threads = std::mem::take(&mut fold.threads).finish();
    let cpu_metrics = cpu(&mut fold, &mut absent);
    let memory_metrics = memory(&fold, &mut absent);
    let io_metrics = io(&fold, &mut absent);
    let thread_metrics = thread(&fold, threads, &mut absent);
    let sampling = fold.sampling.ok_or(NO_SAMPLE);
    let sampling_cpu = sampling.and_then(|(first, last)| Ok(last.cpu_ns?.saturating_sub(first.cpu_ns?)));
    ResourceMetrics {
        cpu_metrics,
        memory_metrics,
        io_metrics,
        thread_metrics,
        duration_seconds: seconds(fold.duration_ns()),
        samples: fold.samples,
        sampling_cpu_seconds: absent.optional("sampling_cpu_seconds", sampling_cpu.map(seconds)),
        sampling_operations: sampling
            .map_or(0, |(first, last)| last.operations.saturating_sub(first.operations)),
        unavailable: absent.0,
    }
}

impl Fold {
    fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.begin_ns)
    }

    fn used(&self, of: impl Fn(&Usage) -> u64) -> Figure<u64> {
        self.usage.growth(|usage| of(&usage))
    }
}

fn cpu(fold: &mut Fold, absent: &mut Absent) -> CpuResourceMetrics {
    let total = fold.used(Usage::cpu_ns);
    let cores = fold.cores.ok_or(NO_SAMPLE);
    let machine_cores = cores.and_then(|cores| cores.machine);
    // The kernel's ticks may make a short window look busier than the machine can be.
    let most = machine_cores.map_or(f64::INFINITY, |cores| 100.0 * f64_of(cores));
    let peak = std::mem::take(&mut fold.peak_usage).percent().ok_or(NO_TIME);
    let peak = total.and(peak).map(|peak| peak.min(most));
    let mean = total.and_then(|total| match fold.duration_ns() {
        0 => Err(NO_TIME),
        duration => Ok(percent(total, duration).min(most)),
    });
    CpuResourceMetrics {
        peak_usage_percent: absent.plain("cpu_metrics.peak_usage_percent", peak),
        mean_usage_percent: absent.optional("cpu_metrics.mean_usage_percent", mean),
        total_seconds: absent.optional("cpu_metrics.total_seconds", total.map(seconds)),
        user_seconds: absent.optional("cpu_metrics.user_seconds", fold.used(|u| u.user_ns).map(seconds)),
        system_seconds: absent
            .optional("cpu_metrics.system_seconds", fold.used(|u| u.system_ns).map(seconds)),
        available_cores: absent
            .optional("cpu_metrics.available_cores", cores.and_then(|cores| cores.available)),
        machine_cores: absent.optional("cpu_metrics.machine_cores", machine_cores),
        throttled_seconds: absent.optional(
            "cpu_metrics.throttled_seconds",
            fold.throttling.growth(|told| told.throttled_us).map(|us| seconds(us.saturating_mul(1000))),
        ),
        throttled_periods: absent
            .optional("cpu_metrics.throttled_periods", fold.throttling.growth(|told| told.throttled_periods)),
        quota_periods: absent
            .optional("cpu_metrics.quota_periods", fold.throttling.growth(|told| told.periods)),
    }
}

fn memory(fold: &Fold, absent: &mut Absent) -> MemoryResourceMetrics {
    let memory = &fold.memory;
    let last = memory.rss.last();
    let (peak, is_exact) = memory.peak();
    let peak = last.map(|_| peak);
    let mut name =
        |figure: &str, value: Figure<u64>| absent.optional(&format!("memory_metrics.{figure}"), value);
    let cgroup_usage = fold.cgroup_usage.last();
    let cgroup_peak = cgroup_usage.map(|last| fold.cgroup_peak.unwrap_or(last));
    MemoryResourceMetrics {
        peak_rss_bytes: name("peak_rss_bytes", peak),
        peak_is_exact: is_exact,
        mean_rss_bytes: name("mean_rss_bytes", last.map(|last| memory.mean(last))),
        start_rss_bytes: name("start_rss_bytes", memory.rss.first()),
        current_rss_bytes: name("current_rss_bytes", last),
        anonymous_bytes: name("anonymous_bytes", memory.anonymous.last()),
        file_bytes: name("file_bytes", memory.file.last()),
        shared_memory_bytes: name("shared_memory_bytes", memory.shared_memory.last()),
        swap_bytes: name("swap_bytes", memory.swap.last()),
        proportional_bytes: name("proportional_bytes", fold.proportional.last()),
        minor_faults: name("minor_faults", fold.used(|u| u.minor_faults)),
        major_faults: name("major_faults", fold.used(|u| u.major_faults)),
        cgroup_limit_bytes: name("cgroup_limit_bytes", fold.cgroup_limit.last()),
        cgroup_usage_bytes: name("cgroup_usage_bytes", cgroup_usage),
        cgroup_peak_usage_bytes: name("cgroup_peak_usage_bytes", cgroup_peak),
        pressure_some_seconds: absent.optional(
            "memory_metrics.pressure_some_seconds",
            fold.pressure.growth(|told| told.some_us).map(|us| seconds(us.saturating_mul(1000))),
        ),
        pressure_full_seconds: absent.optional(
            "memory_metrics.pressure_full_seconds",
            fold.pressure.growth(|told| told.full_us).map(|us| seconds(us.saturating_mul(1000))),
        ),
        allocator: allocator(fold, absent),
        peak_usage_gb: absent.plain("memory_metrics.peak_usage_gb", peak.map(|bytes| f64_of(bytes) / GIB)),
    }
}

fn io(fold: &Fold, absent: &mut Absent) -> IoResourceMetrics {
    let reads = fold.io.growth(|io| io.read_operations);
    let writes = fold.io.growth(|io| io.write_operations);
    let total = reads.and_then(|reads| Ok(reads.saturating_add(writes?)));
    let mut name = |figure: &str, value: Figure<u64>| absent.optional(&format!("io_metrics.{figure}"), value);
    IoResourceMetrics {
        total_operations: name("total_operations", total).unwrap_or(0),
        read_operations: name("read_operations", reads),
        write_operations: name("write_operations", writes),
        character_read_bytes: name("character_read_bytes", fold.io.growth(|io| io.character_read_bytes)),
        character_written_bytes: name(
            "character_written_bytes",
            fold.io.growth(|io| io.character_written_bytes),
        ),
        storage_read_bytes: name("storage_read_bytes", fold.io.growth(|io| io.storage_read_bytes)),
        storage_written_bytes: name("storage_written_bytes", fold.io.growth(|io| io.storage_written_bytes)),
        open_files: name("open_files", fold.open_files.last()),
        peak_open_files: name(
            "peak_open_files",
            fold.open_files.last().map(|last| fold.peak_open_files.unwrap_or(last)),
        ),
    }
}

fn allocator(fold: &Fold, absent: &mut Absent) -> Option<AllocatorMetrics> {
    let told = absent.optional("memory_metrics.allocator", fold.allocator.last())?;
    let mut name = |figure: &str, value: Figure<u64>| {
        absent.optional(&format!("memory_metrics.allocator.{figure}"), value)
    };
    Some(AllocatorMetrics {
        name: match told.kind {
            memscope_trace::AllocatorKind::Glibc => "glibc",
            memscope_trace::AllocatorKind::Jemalloc => "jemalloc",
            memscope_trace::AllocatorKind::Mimalloc => "mimalloc",
            _ => "unknown",
        },
        allocated_bytes: name("allocated_bytes", told.allocated_bytes),
        active_bytes: name("active_bytes", told.active_bytes),
        metadata_bytes: name("metadata_bytes", told.metadata_bytes),
        free_bytes: name("free_bytes", told.free_bytes),
        mapped_bytes: name("mapped_bytes", told.mapped_bytes),
        resident_bytes: name("resident_bytes", told.resident_bytes),
        retained_bytes: name("retained_bytes", told.retained_bytes),
    })
}

fn thread(fold: &Fold, threads: Figure<Threads>, absent: &mut Absent) -> ThreadResourceMetrics {
    let paired = threads.as_ref().map_err(|gap| *gap).and_then(|threads| threads.paired);
    let utilization = fold
        .used(Usage::cpu_ns)
        .and_then(|cpu_ns| fold.thread_count.last().map(|_| cpu_ns))
        .and_then(|cpu_ns| fold.core_time.utilization_percent(cpu_ns).ok_or(NO_TIME));
    let last_count = fold.thread_count.last();
    let peak_count = last_count.map(|last| fold.peak_threads.unwrap_or(last));
    let seen = threads.as_ref().map(|threads| threads.seen).map_err(|gap| *gap);
    let mut metrics = ThreadResourceMetrics {
        efficiency_percent: absent
            .plain("thread_metrics.efficiency_percent", paired.and_then(efficiency_percent)),
        utilization_percent: absent.optional("thread_metrics.utilization_percent", utilization),
        run_queue_wait_seconds: absent
            .optional("thread_metrics.run_queue_wait_seconds", paired.map(|paired| seconds(paired.wait_ns))),
        current_threads: absent.optional("thread_metrics.current_threads", last_count),
        peak_threads: absent.optional("thread_metrics.peak_threads", peak_count),
        seen_threads: absent.optional("thread_metrics.seen_threads", seen),
        voluntary_context_switches: absent.optional(
            "thread_metrics.voluntary_context_switches",
            fold.used(|usage| usage.voluntary_switches),
        ),
        involuntary_context_switches: absent.optional(
            "thread_metrics.involuntary_context_switches",
            fold.used(|usage| usage.involuntary_switches),
        ),
        threads: Vec::new(),
        merged_threads: 0,
        merged_cpu_seconds: 0.0,
    };
    match threads {
        Ok(threads) => list_threads(&mut metrics, &threads, absent),
        Err(gap) => absent.note("thread_metrics.threads", gap),
    }
    metrics
}

fn list_threads(metrics: &mut ThreadResourceMetrics, threads: &Threads, absent: &mut Absent) {
    metrics.merged_threads = threads.merged.threads;
    metrics.merged_cpu_seconds = seconds(threads.merged.cpu_ns);
    metrics.threads = threads.listed.iter().map(thread_cpu).collect();
    // One note for all: the reason is the same.
    if let Some(gap) = threads.listed.iter().find_map(|seen| seen.wait.err()) {
        absent.note("thread_metrics.threads.run_queue_wait_seconds", gap);
    }
}

fn thread_cpu(seen: &Seen) -> ThreadCpu {
    ThreadCpu {
        tid: u64::from(seen.tid),
        name: seen.name.to_string(),
        cpu_seconds: seconds(seen.cpu_ns()),
        run_queue_wait_seconds: seen.wait.ok().map(|waited| seconds(waited.wait_ns())),
        ended: seen.ended,
    }
}

/// `100 x CPU / (CPU + waiting)`.
fn efficiency_percent(paired: Paired) -> Figure<f64> {
    match paired.cpu_ns.saturating_add(paired.wait_ns) {
        0 => Err(NO_RUN),
        wanted => Ok(percent(paired.cpu_ns, wanted)),
    }
}
