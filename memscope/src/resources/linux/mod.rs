//! The sampler on Linux: `/proc`, `getrusage`, cgroup files.
//!
//! | figure | source | sample | cost, us |
//! | --- | --- | --- | --- |
//! | CPU time, page faults, context switches | `getrusage`: all threads, ended ones too | each | 1 to 11 |
//! | RSS, and the anonymous part of it | `/proc/self/statm` | brief | 1 to 3 |
//! | number of threads | links of `/proc/self/task` | brief | 0.3 to 1 |
//! | RSS and its parts, swap, high-water mark, number of threads | `/proc/self/status` | full | 4 to 30 |
//! | reads and writes | `/proc/self/io` | full | 1 to 8 |
//! | container usage; limit | cgroup v2 or v1 files | each; full | 1 to 7 each |
//! | each thread's CPU time | its clock | full | 0.2 to 0.4 a thread |
//! | each thread's run-queue wait | `/proc/self/task/TID/schedstat`, if it has run | full | 0.5 to 2 a thread |
//! | memory pressure, CPU quota, descriptors, PSS | see `details` | full, some at their own pace | 2 to 10 each |
//! | the allocator's own figures | see `allocator` | each, and at most 1/4,000 of the time; full, where it is quick | 1 to 10,000 |
//!
//! The costs are those of one sample right after another, and of one in 100 ms on an idle virtual machine,
//! where every cache is cold: the second is what a user pays. (`/proc/self/status` counts context switches
//! too, but those of the main thread only.) Descriptors stay open, everything is read into one buffer, and a
//! line that is cut short is no line: half a number would be a wrong number.

mod cgroup;
mod details;
mod io;
mod list;
mod pace;
mod pagemap;
mod pressure;
mod schedstat;
mod source;
mod statm;
mod status;
mod tasks;
mod text;

use super::allocator::{Allocator, AllocatorFigures, LONGEST_NS};
use super::os;
use super::snapshot::{
    Cores, Detail, Details, Figure, Gap, Io, Memory, NOT_LOOKED_AT, Sampling, Snapshot, Usage,
};
use crate::unwind::modules::Range;
use cgroup::Cgroup;
use details::DetailSources;
use pace::Pace;
use pagemap::PageMap;
use source::{Reader, Source};
use std::path::Path;
use tasks::Tasks;

/// How far apart the clock readings around `getrusage` may lie before it is asked again: a thread that was
/// taken off its core in between would blame the wait on the CPU figure.
const CLOCK_SKEW_NS: u64 = 500_000;
const CLOCK_TRIES: u32 = 4;
/// The allocator is asked with a brief sample at the most.
const ALLOCATOR_SHARE: u64 = 4_000;
const ALLOCATOR_SHORTEST_NS: u64 = 90_000_000;
/// An allocator that answers in less is quick.
const QUICK_NS: u64 = 1_000_000;
const ALLOCATOR_TOO_SLOW: Gap = Gap::because(
    "allocator",
    "asked no more: it took longer than 10 ms, for which threads of the program may have waited",
);

/// Takes snapshots of this process.
#[derive(Debug)]
pub(crate) struct Sampler {
    reader: Reader,
    statm: Source,
    status: Source,
    io: Source,
    cgroup: Cgroup,
    tasks: Tasks,
    details: DetailSources,
    page_map: PageMap,
    allocator: Allocator,
    allocator_pace: Pace,
    cores: Cores,
    page_bytes: Figure<u64>,
    sampling_cpu: Figure<u64>,
    /// The thread that is not to be counted.
    set_apart: Option<u32>,
}

impl Sampler {
    /// Opens what there is; what there is not is a gap in each snapshot.
    pub(crate) fn new() -> Self {
        let open = |name: &'static str| Source::open(name, Path::new(name));
        let mut reader = Reader::new();
        Self {
            statm: open("/proc/self/statm"),
            status: open("/proc/self/status"),
            io: open("/proc/self/io"),
            cgroup: Cgroup::open(Path::new("/")),
            tasks: Tasks::open(&mut reader),
            details: DetailSources::open(Path::new("/")),
            page_map: PageMap::open(),
            allocator: Allocator::find(),
            allocator_pace: Pace::new(ALLOCATOR_SHORTEST_NS).with_share(ALLOCATOR_SHARE),
            cores: cores(),
            page_bytes: os::page_bytes().map_err(|error| Gap::error("sysconf(_SC_PAGESIZE)", &error)),
            sampling_cpu: Ok(0),
            set_apart: None,
            reader,
        }
    }

    /// Leaves the calling thread, which must be the one that takes all further samples, out of their threads:
    /// it would not exist but for them.
    pub(crate) fn set_calling_thread_apart(&mut self) {
        self.set_apart = Some(os::own_tid());
    }

    /// Whether what takes long may be asked for: what walks all pages of the process waits for the lock of the mappings. If so the next full sample
    /// asks the allocator too, whenever it was asked last.
    pub(crate) fn take_time(&mut self, may: bool) {
        self.details.walk_pages(may);
        if may {
            self.allocator_pace.bring_on();
        }
    }

    /// The figures of this instant. Allocates only for threads that it has not met before.
    pub(crate) fn sample(&mut self, detail: Detail) -> Snapshot<'_> {
        let begin = os::own_cpu_ns();
        let (at_ns, usage) = usage_at();
        let cgroup_usage_bytes = self.cgroup.usage(&mut self.reader);
        let rest = match detail {
            Detail::Brief => Rest::brief(self.brief_memory(), self.tasks.count()),
            Detail::Full => self.rest(),
        };
        let allocator = self.ask_allocator(detail);
        self.sampling_cpu = spent_since(self.sampling_cpu, begin);
        Snapshot {
            at_ns,
            cores: self.cores,
            usage,
            memory: rest.memory,
            thread_count: rest.thread_count.map(|n| n.saturating_sub(u64::from(self.set_apart.is_some()))),
            io: rest.io,
            cgroup_limit_bytes: rest.cgroup_limit_bytes,
            cgroup_usage_bytes,
            threads: rest.walked.map(|()| self.tasks.threads()),
            details: rest.details,
            allocator,
            sampling: Sampling { cpu_ns: self.sampling_cpu, operations: self.reader.spent().operations },
        }
    }

    /// Bytes of `ranges` that are in memory and no file's.
    pub(crate) fn anonymous_bytes(&mut self, ranges: impl Iterator<Item = Range>) -> Figure<u64> {
        self.page_map.anonymous_bytes(&mut self.reader, self.page_bytes?, ranges)
    }

    /// Bytes of `range` that are in memory.
    pub(crate) fn resident_bytes(&mut self, range: Range) -> Figure<u64> {
        self.page_map.resident_bytes(&mut self.reader, self.page_bytes?, range)
    }

    /// Bytes of a stack that are in memory.
    pub(crate) fn stack_bytes(&mut self, range: Range) -> Figure<u64> {
        self.page_map.resident_bytes_down(&mut self.reader, self.page_bytes?, range)
    }

    fn brief_memory(&mut self) -> Memory {
        let told = self
            .page_bytes
            .and_then(|page_bytes| statm::parse(self.statm.read(&mut self.reader)?, page_bytes));
        Memory {
            rss_bytes: told.map(|(rss, _)| rss),
            anonymous_bytes: told.map(|(_, anonymous)| anonymous),
            ..Memory::missing(NOT_LOOKED_AT)
        }
    }

    /// A full sample asks an allocator that is quick in any case: old figures beside new ones of the heap would tell of changes that are none.
    fn ask_allocator(&mut self, detail: Detail) -> Figure<AllocatorFigures> {
        let began_ns = os::monotonic_ns();
        match self.allocator_pace.due(began_ns) {
            Err(NOT_LOOKED_AT) if detail == Detail::Full && self.allocator_pace.cost_ns() < QUICK_NS => {}
            due => due?,
        }
        let told = self.allocator.ask();
        let ended_ns = os::monotonic_ns();
        // Waiting counts: with threads at work in all arenas `mallinfo2` has waited 3 s for their locks, and the rings with it.
        self.allocator_pace.asked(began_ns, ended_ns);
        if ended_ns.saturating_sub(began_ns) > LONGEST_NS {
            self.allocator_pace.give_up(ALLOCATOR_TOO_SLOW);
        }
        told
    }

    fn rest(&mut self) -> Rest {
        let (memory, all_threads) = match self.status.read(&mut self.reader) {
            Ok(text) => status::parse(text),
            Err(gap) => (Memory::missing(gap), Err(gap)),
        };
        let details = self.details.ask(&mut self.reader, memory.rss_bytes);
        let own = self.reader.spent();
        Rest {
            memory,
            thread_count: all_threads,
            io: self.io.read(&mut self.reader).and_then(io::parse).map(|io| own.taken_off(io)),
            cgroup_limit_bytes: self.cgroup.limit(&mut self.reader),
            details,
            walked: self.tasks.walk(&mut self.reader, all_threads.ok(), self.set_apart),
        }
    }
}

/// What a full sample looks at and a brief one does not.
struct Rest {
    memory: Memory,
    thread_count: Figure<u64>,
    io: Figure<Io>,
    cgroup_limit_bytes: Figure<u64>,
    details: Details,
    walked: Figure<()>,
}

impl Rest {
    fn brief(memory: Memory, thread_count: Figure<u64>) -> Self {
        Self {
            memory,
            thread_count,
            io: Err(NOT_LOOKED_AT),
            cgroup_limit_bytes: Err(NOT_LOOKED_AT),
            details: Details::missing(NOT_LOOKED_AT),
            walked: Err(NOT_LOOKED_AT),
        }
    }
}

/// What the process has used, and the time at which that was true.
fn usage_at() -> (u64, Figure<Usage>) {
    let mut best = (u64::MAX, 0, Err(Gap::because("getrusage", "never asked")));
    for _ in 0..CLOCK_TRIES {
        let before = os::monotonic_ns();
        let usage = os::usage().map_err(|error| Gap::error("getrusage", &error));
        let skew = os::monotonic_ns().saturating_sub(before);
        if skew < best.0 {
            best = (skew, before.saturating_add(skew / 2), usage);
        }
        if skew <= CLOCK_SKEW_NS {
            break;
        }
    }
    (best.1, best.2)
}

fn spent_since(so_far: Figure<u64>, begin: std::io::Result<u64>) -> Figure<u64> {
    let gap = |error| Gap::error("clock_gettime(CLOCK_THREAD_CPUTIME_ID)", &error);
    let end = os::own_cpu_ns().map_err(gap)?;
    Ok(so_far?.saturating_add(end.saturating_sub(begin.map_err(gap)?)))
}

fn cores() -> Cores {
    let available = std::thread::available_parallelism()
        .map(|n| u64::try_from(n.get()).unwrap_or(u64::MAX))
        .map_err(|error| Gap::error("sched_getaffinity", &error));
    let machine = os::machine_cores().map_err(|error| Gap::error("sysconf(_SC_NPROCESSORS_ONLN)", &error));
    Cores { available, machine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sample_has_every_figure_of_the_process() {
        let mut sampler = Sampler::new();
        let snapshot = sampler.sample(Detail::Full);
        assert!(snapshot.at_ns > 0);
        assert!(snapshot.memory.rss_bytes.unwrap() > 100_000);
        assert!(snapshot.memory.high_water_bytes.unwrap() >= snapshot.memory.rss_bytes.unwrap());
        assert!(snapshot.thread_count.unwrap() >= 1);
        assert!(snapshot.usage.unwrap().minor_faults > 0);
        assert!(snapshot.cores.machine.unwrap() >= 1 && snapshot.cores.available.unwrap() >= 1);
        assert!(snapshot.sampling.cpu_ns.unwrap() > 0);
        let own = os::own_tid();
        assert!(snapshot.threads.unwrap().iter().any(|t| t.tid == own));
    }

    #[test]
    fn a_brief_sample_has_what_moves_fast() {
        let mut sampler = Sampler::new();
        let full = sampler.sample(Detail::Full).memory.rss_bytes.unwrap();
        let snapshot = sampler.sample(Detail::Brief);
        let brief = snapshot.memory.rss_bytes.unwrap();
        assert!(brief.abs_diff(full) < full / 2, "the two sources agree: {brief}, {full}");
        assert!(snapshot.usage.is_ok());
        // Other tests start and end threads meanwhile; the two sources count the same.
        let agree = |_| {
            let brief = sampler.sample(Detail::Brief).thread_count.unwrap();
            brief == sampler.sample(Detail::Full).thread_count.unwrap()
        };
        assert!((0..100).any(agree));
        let snapshot = sampler.sample(Detail::Brief);
        assert_eq!(snapshot.threads.unwrap_err(), NOT_LOOKED_AT);
        assert_eq!(snapshot.io, Err(NOT_LOOKED_AT));
    }

    #[test]
    fn a_thread_set_apart_is_not_listed() {
        let mut sampler = Sampler::new();
        let own = os::own_tid();
        let listed = |s: &Snapshot<'_>| s.threads.unwrap().iter().any(|t| t.tid == own);
        assert!(listed(&sampler.sample(Detail::Full)));
        sampler.set_calling_thread_apart();
        assert!(!listed(&sampler.sample(Detail::Full)));
        assert!(!listed(&sampler.sample(Detail::Full)));
    }

    #[test]
    fn time_spent_sampling_only_grows() {
        let mut sampler = Sampler::new();
        let first = sampler.sample(Detail::Brief).sampling;
        let second = sampler.sample(Detail::Full).sampling;
        assert!(second.cpu_ns.unwrap() > first.cpu_ns.unwrap());
        assert!(second.operations > first.operations);
    }
}
