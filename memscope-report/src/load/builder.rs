//! Record by record into a [`Profile`].

use super::intervals::Intervals;
use super::profile::{Profile, ThreadTotals};
use super::samples::SampleFold;
use super::scopes::ScopeFold;
use super::shares::IntervalShares;
use super::site_table::Definition;
use super::stacks::StackTree;
use super::tasks::TaskFold;
use super::thin::Series;
use super::thread_cpu::ThreadCpuFold;
use super::thread_series::ThreadSeriesFold;
use memscope_trace::{
    Counters, End, Interval, Loss, MAX_ROWS, MemoryParts, Module, Modules, OwnMemory, ReadStats, Record,
    Resources, Samples, Session, Sites, Symbols,
};
use std::collections::{BTreeMap, HashSet};

/// What has been put together so far.
pub(crate) struct Builder {
    session: Session,
    modules: Vec<Module>,
    known_modules: HashSet<(u64, u64, Vec<u8>, String)>,
    threads: BTreeMap<u32, ThreadTotals>,
    stacks: StackTree,
    fold: SampleFold,
    intervals: Intervals,
    timeline: Series<Counters>,
    thread_series: ThreadSeriesFold,
    thread_cpu: ThreadCpuFold,
    resources: Series<Resources>,
    memory_parts: Series<MemoryParts>,
    own_memory: Series<OwnMemory>,
    scopes: ScopeFold,
    tasks: TaskFold,
    names: super::profile::SymbolNames,
    loss: Loss,
    shares: IntervalShares,
    end: Option<End>,
    last_us: u64,
    samples_without_interval: u64,
    unusable_rows: u64,
}

impl Builder {
    /// Starts with what an earlier pass has found out of the losses under each interval, or with nothing.
    pub(crate) fn new(shares: IntervalShares) -> Self {
        Self {
            session: Session::default(),
            modules: Vec::new(),
            known_modules: HashSet::new(),
            threads: BTreeMap::new(),
            stacks: StackTree::default(),
            fold: SampleFold::default(),
            intervals: Intervals::default(),
            timeline: Series::new(live_bytes),
            thread_series: ThreadSeriesFold::default(),
            thread_cpu: ThreadCpuFold::default(),
            resources: Series::new(|point| point.rss_bytes.unwrap_or(0) as i64),
            memory_parts: Series::new(|parts| parts.rss_bytes.unwrap_or(0) as i64),
            own_memory: Series::new(|own| own.heap_bytes.unwrap_or(0) as i64),
            scopes: ScopeFold::default(),
            tasks: TaskFold::default(),
            names: super::profile::SymbolNames::default(),
            loss: Loss::default(),
            shares,
            end: None,
            last_us: 0,
            samples_without_interval: 0,
            unusable_rows: 0,
        }
    }

    /// Moves part of the work to another thread.
    pub(crate) fn spread(&mut self) {
        self.fold.spread();
    }

    pub(crate) fn add(&mut self, record: Record) {
        match record {
            Record::Session(session) => self.session = session,
            Record::Modules(modules) => self.add_modules(modules),
            Record::Threads(record) => record.threads.into_iter().for_each(|thread| {
                self.thread_cpu.named(&thread);
                let known = self.thread(thread.id);
                (known.os_id, known.name, known.start_us) = (thread.os_id, thread.name, thread.start_us);
            }),
            Record::Stacks(stacks) => self.unusable_rows += self.stacks.extend(&stacks),
            Record::Sites(sites) => self.add_sites(&sites),
            Record::Interval(interval) => self.add_interval(interval),
            Record::Samples(samples) => self.add_samples(&samples),
            Record::Frees(frees) => {
                self.tasks.frees(&frees);
                self.fold.add_frees(&frees);
            }
            Record::Counters(counters) => self.add_counters(counters),
            Record::ThreadCounters(record) => {
                self.last_us = self.last_us.max(record.time_us);
                self.thread_series.add(&record);
                for (row, &id) in record.threads.iter().enumerate() {
                    let known = self.thread(id);
                    known.update(&record, row);
                    let (ended, os_id) = (known.ended, known.os_id);
                    if ended {
                        self.thread_cpu.ended(id, os_id);
                    }
                }
            }
            Record::ThreadTimes(times) => self.thread_cpu.add(&times),
            Record::Scopes(record) => self.scopes.names(record),
            Record::ScopeCounters(record) => self.scopes.counters(&record),
            Record::ScopeDetails(record) => self.scopes.details(&record),
            Record::ScopeFrees(record) => self.scopes.frees(&record),
            Record::ScopeSizes(record) => self.scopes.sizes(&record),
            Record::ScopePaths(record) => self.scopes.paths(&record),
            Record::Symbols(symbols) => self.add_symbols(symbols),
            Record::Resources(mut resources) => {
                resources.time_us =
                    resources.time_us.max(self.resources.last().map_or(0, |last| last.time_us));
                self.last_us = self.last_us.max(resources.time_us);
                self.resources.push(resources);
            }
            Record::MemoryParts(mut parts) => {
                parts.time_us = parts.time_us.max(self.memory_parts.last().map_or(0, |last| last.time_us));
                self.last_us = self.last_us.max(parts.time_us);
                self.memory_parts.push(parts);
            }
            Record::OwnMemory(mut own) => {
                own.time_us = own.time_us.max(self.own_memory.last().map_or(0, |last| last.time_us));
                self.own_memory.push(own);
            }
            Record::Loss(loss) => self.loss = loss,
            Record::End(end) => self.end = Some(end),
            // Of tasks, or of a kind that a newer memscope-trace knows: nothing in the report shows it.
            other => self.tasks.add(&other),
        }
    }

    fn thread(&mut self, id: u32) -> &mut ThreadTotals {
        self.threads.entry(id).or_insert_with(|| ThreadTotals { id, ..ThreadTotals::default() })
    }

    fn add_modules(&mut self, record: Modules) {
        for module in record.modules {
            let key = (module.start, module.bias, module.build_id.clone(), module.path.clone());
            if self.known_modules.insert(key) {
                self.modules.push(module);
            }
        }
    }

    fn add_sites(&mut self, record: &Sites) {
        let rows = (0..record.stacks.len()).map(|row| {
            let (stack, scope, kind) = (record.stacks[row], record.scopes[row], record.kinds[row]);
            let (size_bytes, old_size_bytes) = (record.sizes[row], record.old_sizes[row]);
            Definition { stack, scope, size_bytes, old_size_bytes, kind }
        });
        self.unusable_rows += self.fold.add_sites(record.first_site, rows);
    }

    fn add_interval(&mut self, interval: Interval) {
        self.last_us = self.last_us.max(interval.start_us);
        if self.intervals.add(interval) {
            self.shares.begins(interval.id, self.loss.samples());
        } else {
            self.unusable_rows += 1;
        }
    }

    fn add_samples(&mut self, record: &Samples) {
        let known = self.intervals.get(record.interval);
        let interval = known.unwrap_or_else(|| {
            self.samples_without_interval += record.sites.len() as u64;
            self.intervals.stand_in(record.interval, self.session.sample_rate)
        });
        self.shares.recorded(interval.id, record.sites.len() as u64);
        self.tasks.samples(record, &interval, |site| self.fold.size_of(site));
        self.fold.add_samples(record, &interval, self.shares.retained(interval.id));
    }

    fn add_counters(&mut self, mut counters: Counters) {
        counters.time_us = counters.time_us.max(self.timeline.last().map_or(0, |last| last.time_us));
        self.last_us = self.last_us.max(counters.time_us);
        self.tasks.peak_at(counters.peak_us);
        self.fold.peak_at(counters.peak_us);
        self.timeline.push(counters);
    }

    fn add_symbols(&mut self, record: Symbols) {
        let Ok(offset) = u32::try_from(self.names.names.len()) else { return };
        let names = record.names.len();
        let mut address = 0_u64;
        for (&delta, &index) in record.address_deltas.iter().zip(&record.name_indexes) {
            address = address.wrapping_add(delta as u64);
            match offset.checked_add(index) {
                Some(at) if (index as usize) < names => {
                    self.names.by_address.entry(address).or_insert(at);
                }
                _ => self.unusable_rows += 1,
            }
        }
        self.names.names.extend(record.names);
    }

    pub(crate) fn finish(mut self, read: ReadStats, header_damaged: bool) -> Profile {
        if let Some(end) = self.end {
            self.tasks.peak_at(end.totals.peak_us);
            self.fold.peak_at(end.totals.peak_us);
        }
        let duration_us = self.end.map_or(self.last_us.max(self.fold.last_us), |end| end.totals.time_us);
        if let Some(end) = self.end {
            self.add_counters(end.totals);
            self.loss = end.loss;
        }
        let mut shares = self.shares.ended(self.loss.samples());
        let folded = self.fold.finish(duration_us, &mut shares);
        let totals = self.timeline.last().copied().unwrap_or_default();
        let (scopes, scope_troubles) = self.scopes.finish();
        let (tasks, task_count) = self.tasks.finish(&shares);
        let recorded_at_end = self.end.map_or(0, |end| end.samples);
        let missing = self.fold.missing_samples.max(recorded_at_end.saturating_sub(self.fold.samples));
        // No more than the blocks that are known to be lost can have held.
        let lost_blocks = read.damaged_blocks.saturating_add(read.missing_blocks);
        let missing_samples = missing.min(lost_blocks.saturating_mul(MAX_ROWS as u64));
        let irregular = super::profile::Irregularities {
            missing_samples,
            samples_without_site: folded.unknown.samples(),
            samples_without_interval: self.samples_without_interval,
            repeated_samples: self.fold.repeated_samples,
            frees_without_sample: folded.unmatched_frees,
            unusable_rows: self.unusable_rows,
        };
        Profile {
            session: self.session,
            modules: self.modules,
            threads: self
                .threads
                .into_values()
                .map(|thread| ThreadTotals { processor: self.thread_cpu.of(thread.id), ..thread })
                .collect(),
            stacks: self.stacks,
            unknown_site: folded.unknown,
            samples: self.fold.samples,
            sample_bytes: folded.sample_bytes,
            duration_us,
            ownership: folded.ownership,
            site_times: folded.site_times,
            thread_times: self.thread_series.finish(),
            sites: folded.sites,
            intervals: self.intervals.into_rows(),
            timeline: self.timeline.finish(),
            resources: self.resources.finish(),
            memory_parts: self.memory_parts.finish(),
            own_memory: self.own_memory.finish(),
            scopes,
            scope_troubles,
            tasks,
            task_count,
            names: self.names,
            totals,
            loss: self.loss,
            shares,
            end: self.end,
            read,
            header_damaged,
            irregular,
        }
    }
}

/// Live bytes at the time of `counters`.
pub(crate) fn live_bytes(counters: &Counters) -> i64 {
    let live = i128::from(counters.allocated_bytes) - i128::from(counters.freed_bytes);
    live.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
