//! The process's figures as the operating system has them: into the trace, and folded into the session's result.
//!
//! Ten times a second a brief sample: CPU time, RSS with its anonymous part, the allocator's figures. Full ones, with every thread, are dearer, and
//! as far apart as their cost demands.

use super::own_memory::{OwnMemoryBook, Owned};
use crate::resources::{Detail, Fold, ResourceMetrics, Sampler, Snapshot};
use crate::sys;
use crate::thread::registry;
use crate::unwind::modules::Range;
use memscope_trace::{AllocatorKind, MemoryParts, Record, ResourceDetails, Resources, ThreadTimes};
use std::collections::HashMap;

/// Samples with the threads are dear: one in so many at most.
const FULL_EVERY: u32 = 10;
/// And none until the process has used so much CPU time since the last: of 500 threads at rest there is nothing to tell.
const FULL_AFTER_CPU_NS: u64 = 20_000_000;
/// And they may take this part of a core: 0.01%.
const FULL_SHARE: u64 = 10_000;
const SAMPLE_NS: u64 = 100_000_000;
/// Memory's parts are told this often at least, in samples; else when they have changed.
const PARTS_EVERY: u32 = 10;
/// Rows of a record of threads: names may take 45 bytes each.
const MOST_THREADS: usize = 512;

pub(crate) struct ResourceBook {
    sampler: Sampler,
    fold: Fold,
    /// Samples since the last with the threads, and how many must be between two.
    brief: u32,
    full_every: u32,
    cpu_ns: u64,
    cpu_at_full_ns: Option<u64>,
    told_parts: MemoryParts,
    own_memory: OwnMemoryBook,
    parts_age: u32,
    /// What was told of each thread by its id in the operating system: its sequence, CPU time and name.
    told_threads: HashMap<u32, (u64, u64, String)>,
}

impl ResourceBook {
    /// Called by the drain thread, which is not counted among the program's threads.
    pub(crate) fn open() -> Self {
        let mut sampler = Sampler::new();
        sampler.set_calling_thread_apart();
        sampler.take_time(false);
        Self {
            sampler,
            fold: Fold::default(),
            brief: 0,
            full_every: FULL_EVERY,
            cpu_ns: 0,
            cpu_at_full_ns: None,
            told_parts: MemoryParts::default(),
            own_memory: OwnMemoryBook::open(),
            parts_age: PARTS_EVERY,
            told_threads: HashMap::new(),
        }
    }

    /// Takes a sample, and writes it; `last` takes one of everything. Returns the main figures. Between two questions to the kernel about memory, each of which
    /// waits for the lock of the process's mappings, it calls `between`.
    pub(crate) fn sample(
        &mut self,
        time_us: u64,
        last: bool,
        owned: Owned<'_>,
        records: &mut Vec<Record>,
        between: &mut dyn FnMut(),
    ) -> Resources {
        let worked = |before_ns| self.cpu_ns.saturating_sub(before_ns) >= FULL_AFTER_CPU_NS;
        let full = last || self.cpu_at_full_ns.is_none_or(|ns| self.brief >= self.full_every && worked(ns));
        let began_ns = sys::thread_cpu_ns();
        let stacks = if full { resident_stacks(&mut self.sampler, between) } else { (0, None) };
        let snapshot = self.sampler.sample(if full { Detail::Full } else { Detail::Brief });
        // Where the CPU time cannot be had, each tenth sample has the threads, as if the process were busy.
        let usage = snapshot.usage.ok().map(|usage| usage.user_ns + usage.system_ns);
        self.cpu_ns = usage.unwrap_or(self.cpu_ns + FULL_AFTER_CPU_NS);
        self.brief += 1;
        self.fold.push(&snapshot);
        let resources = record(time_us, &snapshot);
        records.push(Record::Resources(resources));
        let parts = MemoryParts { time_us: self.told_parts.time_us, ..parts(&snapshot, stacks) };
        self.parts_age += 1;
        if parts != self.told_parts || self.parts_age >= PARTS_EVERY {
            self.parts_age = 0;
            self.told_parts = MemoryParts { time_us, ..parts };
            records.push(Record::MemoryParts(self.told_parts));
        }
        if full {
            records.push(Record::ResourceDetails(details(time_us, &snapshot)));
            write_threads(&mut self.told_threads, time_us, &snapshot, records);
            let own = self.own_memory.measure((time_us, last), &mut self.sampler, owned, between);
            records.extend(own.map(Record::OwnMemory));
            self.brief = 1;
            // The first opens its files: what it cost says nothing of the next.
            let is_first = self.cpu_at_full_ns.replace(self.cpu_ns).is_none();
            let cost_ns = if is_first { 0 } else { sys::thread_cpu_ns().saturating_sub(began_ns) };
            let affordable = cost_ns.saturating_mul(FULL_SHARE) / SAMPLE_NS;
            self.full_every = u32::try_from(affordable).unwrap_or(u32::MAX).max(FULL_EVERY);
        }
        resources
    }

    /// The session ends, and nobody waits for the rings: the next sample may take its time.
    pub(crate) fn take_time(&mut self) {
        self.sampler.take_time(true);
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

fn parts(snapshot: &Snapshot<'_>, (stacks, stack_bytes): (u64, Option<u64>)) -> MemoryParts {
    let mut parts = MemoryParts {
        rss_bytes: snapshot.memory.rss_bytes.ok(),
        anonymous_bytes: snapshot.memory.anonymous_bytes.ok(),
        swap_bytes: snapshot.memory.swap_bytes.ok(),
        proportional_bytes: snapshot.details.proportional_bytes.ok(),
        stack_bytes,
        stacks,
        allocator: AllocatorKind::Unknown as u8,
        ..MemoryParts::default()
    };
    if let Ok(told) = snapshot.allocator {
        parts.allocator = told.kind as u8;
        parts.allocated_bytes = told.allocated_bytes.ok();
        parts.active_bytes = told.active_bytes.ok();
        parts.metadata_bytes = told.metadata_bytes.ok();
        parts.free_bytes = told.free_bytes.ok();
        parts.mapped_bytes = told.mapped_bytes.ok();
        parts.resident_bytes = told.resident_bytes.ok();
        parts.retained_bytes = told.retained_bytes.ok();
    }
    parts
}

/// How many threads' stacks are known, and what is resident of them, bytes.
fn resident_stacks(sampler: &mut Sampler, between: &mut dyn FnMut()) -> (u64, Option<u64>) {
    let (mut stacks, mut bytes) = (0, Some(0));
    registry::for_each(|record| {
        if let Some((low, end)) = record.known_stack_bounds() {
            stacks += 1;
            between();
            bytes = bytes.and_then(|bytes| Some(bytes + sampler.stack_bytes(Range::of(low, end)).ok()?));
        }
    });
    (stacks, bytes)
}

fn details(time_us: u64, snapshot: &Snapshot<'_>) -> ResourceDetails {
    let io = snapshot.io.ok();
    let pressure = snapshot.details.pressure.ok();
    let throttling = snapshot.details.throttling.ok();
    ResourceDetails {
        time_us,
        open_files: snapshot.details.open_files.ok(),
        read_operations: io.map(|io| io.read_operations),
        write_operations: io.map(|io| io.write_operations),
        storage_read_bytes: io.map(|io| io.storage_read_bytes),
        storage_written_bytes: io.map(|io| io.storage_written_bytes),
        memory_some_stalled_us: pressure.map(|pressure| pressure.some_us),
        memory_full_stalled_us: pressure.map(|pressure| pressure.full_us),
        cpu_periods: throttling.map(|throttling| throttling.periods),
        cpu_throttled_periods: throttling.map(|throttling| throttling.throttled_periods),
        cpu_throttled_us: throttling.map(|throttling| throttling.throttled_us),
    }
}

/// Tells of the threads that have run since they were told of last.
fn write_threads(
    told: &mut HashMap<u32, (u64, u64, String)>,
    time_us: u64,
    snapshot: &Snapshot<'_>,
    records: &mut Vec<Record>,
) {
    let Ok(threads) = snapshot.threads else { return };
    told.retain(|tid, _| threads.binary_search_by_key(tid, |thread| thread.tid).is_ok());
    let mut rows = ThreadTimes { time_us, ..ThreadTimes::default() };
    for thread in threads {
        let before = told.get(&thread.tid).filter(|before| before.0 == thread.sequence);
        if before.is_some_and(|before| before.1 == thread.cpu_ns) {
            continue;
        }
        let name = thread.name.to_string();
        let is_same = before.is_some_and(|before| before.2 == name);
        rows.os_ids.push(u64::from(thread.tid));
        rows.cpu_us.push(thread.cpu_ns / 1000);
        rows.wait_us.push(thread.wait_ns.map_or(0, |ns| ns / 1000));
        rows.wait_known.push(u8::from(thread.wait_ns.is_ok()));
        rows.names.push(if is_same { String::new() } else { name.clone() });
        told.insert(thread.tid, (thread.sequence, thread.cpu_ns, name));
        if rows.os_ids.len() == MOST_THREADS {
            let full = std::mem::replace(&mut rows, ThreadTimes { time_us, ..ThreadTimes::default() });
            records.push(Record::ThreadTimes(full));
        }
    }
    if !rows.os_ids.is_empty() {
        records.push(Record::ThreadTimes(rows));
    }
}
