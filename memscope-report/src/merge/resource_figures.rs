//! What the operating system says of several processes, as if they were one.
//!
//! Figures of a process add up. Processes may share a cgroup: of its figures the largest is taken. Threads are told one by one, so their times
//! stay as they are. Where resident memory is, is left out of several: an allocator's answer is set against the live heap of its own process at
//! that moment, and there is no such moment for all.

use super::ids::Ids;
use super::numbered;
use memscope_trace::{Record, ResourceDetails, Resources, ThreadTimes};

/// What each trace last said.
#[derive(Debug, Default)]
pub(super) struct ResourceSums {
    resources: Vec<Resources>,
    details: Vec<ResourceDetails>,
}

impl ResourceSums {
    pub(super) fn new(traces: usize) -> Self {
        Self {
            resources: vec![Resources::default(); traces],
            details: vec![ResourceDetails::default(); traces],
        }
    }

    /// Takes a record of trace `at` in; returns what all together say now, nothing for a record that tells of something else.
    pub(super) fn add(&mut self, at: usize, record: &Record, ids: &Ids) -> Option<Record> {
        match record {
            Record::Resources(resources) => {
                self.resources[at] = *resources;
                Some(Record::Resources(self.all_resources(resources.time_us)))
            }
            Record::ResourceDetails(details) => {
                hold(&mut self.details[at], details);
                Some(Record::ResourceDetails(self.all_details(details.time_us)))
            }
            Record::ThreadTimes(times) => Some(Record::ThreadTimes(self.move_times(at, times, ids))),
            Record::MemoryParts(parts) => (!self.are_several()).then_some(Record::MemoryParts(*parts)),
            _ => None,
        }
    }

    /// A process that has ended uses nothing any more.
    pub(super) fn end(&mut self, at: usize) {
        let gone = &mut self.resources[at];
        (gone.rss_bytes, gone.threads, gone.cgroup_usage_bytes) = (None, None, None);
        self.details[at].open_files = None;
    }

    fn are_several(&self) -> bool {
        self.resources.len() > 1
    }

    fn move_times(&self, at: usize, times: &ThreadTimes, ids: &Ids) -> ThreadTimes {
        // No name stands for the one that was told last.
        let name = |name: &String| match name.as_str() {
            "" => String::new(),
            name if self.are_several() => numbered(name, at + 1),
            name => name.to_owned(),
        };
        ThreadTimes {
            os_ids: times.os_ids.iter().map(|&id| ids.os_id(id)).collect(),
            names: times.names.iter().map(name).collect(),
            ..times.clone()
        }
    }

    fn all_resources(&self, time_us: u64) -> Resources {
        let sum = |figure: fn(&Resources) -> Option<u64>| sum_of(&self.resources, figure);
        let most = |figure: fn(&Resources) -> Option<u64>| self.resources.iter().filter_map(figure).max();
        Resources {
            time_us,
            rss_bytes: sum(|resources| resources.rss_bytes),
            cpu_user_us: sum(|resources| resources.cpu_user_us),
            cpu_system_us: sum(|resources| resources.cpu_system_us),
            threads: sum(|resources| resources.threads),
            voluntary_switches: sum(|resources| resources.voluntary_switches),
            involuntary_switches: sum(|resources| resources.involuntary_switches),
            minor_faults: sum(|resources| resources.minor_faults),
            major_faults: sum(|resources| resources.major_faults),
            read_bytes: sum(|resources| resources.read_bytes),
            written_bytes: sum(|resources| resources.written_bytes),
            cgroup_usage_bytes: most(|resources| resources.cgroup_usage_bytes),
            cgroup_limit_bytes: most(|resources| resources.cgroup_limit_bytes),
        }
    }

    fn all_details(&self, time_us: u64) -> ResourceDetails {
        let sum = |figure: fn(&ResourceDetails) -> Option<u64>| sum_of(&self.details, figure);
        let most = |figure: fn(&ResourceDetails) -> Option<u64>| self.details.iter().filter_map(figure).max();
        ResourceDetails {
            time_us,
            open_files: sum(|details| details.open_files),
            read_operations: sum(|details| details.read_operations),
            write_operations: sum(|details| details.write_operations),
            storage_read_bytes: sum(|details| details.storage_read_bytes),
            storage_written_bytes: sum(|details| details.storage_written_bytes),
            memory_some_stalled_us: most(|details| details.memory_some_stalled_us),
            memory_full_stalled_us: most(|details| details.memory_full_stalled_us),
            cpu_periods: most(|details| details.cpu_periods),
            cpu_throttled_periods: most(|details| details.cpu_throttled_periods),
            cpu_throttled_us: most(|details| details.cpu_throttled_us),
        }
    }
}

/// The sum of what is known; `None` where nothing is.
fn sum_of<T>(all: &[T], figure: fn(&T) -> Option<u64>) -> Option<u64> {
    all.iter().filter_map(figure).reduce(u64::saturating_add)
}

/// Takes over what `now` tells: what was not asked this time is as it was.
fn hold(held: &mut ResourceDetails, now: &ResourceDetails) {
    *held = ResourceDetails {
        time_us: now.time_us,
        open_files: now.open_files.or(held.open_files),
        read_operations: now.read_operations.or(held.read_operations),
        write_operations: now.write_operations.or(held.write_operations),
        storage_read_bytes: now.storage_read_bytes.or(held.storage_read_bytes),
        storage_written_bytes: now.storage_written_bytes.or(held.storage_written_bytes),
        memory_some_stalled_us: now.memory_some_stalled_us.or(held.memory_some_stalled_us),
        memory_full_stalled_us: now.memory_full_stalled_us.or(held.memory_full_stalled_us),
        cpu_periods: now.cpu_periods.or(held.cpu_periods),
        cpu_throttled_periods: now.cpu_throttled_periods.or(held.cpu_throttled_periods),
        cpu_throttled_us: now.cpu_throttled_us.or(held.cpu_throttled_us),
    };
}
