//! The exact figures of scopes: the rows of all threads, summed.

use super::scope_paths::PathBook;
use crate::control;
use crate::scope::{self, BUCKETS, Row, ScopeFigures};
use crate::sys;
use crate::thread::record::ThreadRecord;
use crate::thread::registry;
use memscope_trace::{MAX_ROWS, Record, Scope, ScopeCounters, ScopeDetails, ScopeFrees, ScopeSizes, Scopes};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How often the figures that are large or change little in meaning are written.
const DETAILS_US: u64 = 5_000_000;

/// One scope, over several threads.
#[derive(Clone)]
struct Sum {
    figures: ScopeFigures,
    parent: u32,
    sizes: [u64; BUCKETS],
}

impl Default for Sum {
    fn default() -> Self {
        Self { figures: ScopeFigures::default(), parent: 0, sizes: [0; BUCKETS] }
    }
}

impl Sum {
    fn add(&mut self, row: &Row, with_sizes: bool) {
        self.figures.add(row.figures());
        if row.parent() != 0 {
            self.parent = row.parent();
        }
        if !with_sizes {
            return;
        }
        for (sum, calls) in self.sizes.iter_mut().zip(row.sizes()) {
            *sum = sum.saturating_add(calls);
        }
    }
}

/// How long a tick is.
pub(super) struct Clock {
    ticks: u64,
    ns: u64,
}

impl Clock {
    pub(super) fn now() -> Self {
        Self { ticks: scope::ticks(), ns: sys::monotonic_ns() }
    }

    /// Microseconds for each tick, as of all that has passed since.
    pub(super) fn us_per_tick(&self) -> f64 {
        let now = Self::now();
        let ticks = now.ticks.saturating_sub(self.ticks).max(1);
        now.ns.saturating_sub(self.ns) as f64 / ticks as f64 / 1000.0
    }
}

/// The scopes that the trace knows, and the sums of threads that are gone.
pub(crate) struct ScopeBook {
    gone: HashMap<u32, Sum>,
    named: HashSet<u32>,
    told: HashMap<u32, ScopeFigures>,
    told_details: HashMap<u32, ScopeFigures>,
    paths: PathBook,
    next_details_us: u64,
    start: Clock,
    out_of_order_before: u64,
    refused_before: u64,
}

impl Default for ScopeBook {
    /// For a session that starts now.
    fn default() -> Self {
        Self {
            gone: HashMap::new(),
            named: HashSet::new(),
            told: HashMap::new(),
            told_details: HashMap::new(),
            paths: PathBook::default(),
            next_details_us: DETAILS_US,
            start: Clock::now(),
            out_of_order_before: scope::out_of_order(),
            refused_before: scope::refused(),
        }
    }
}

fn add_rows(record: &ThreadRecord, sums: &mut HashMap<u32, Sum>, with_sizes: bool) {
    if let Some(table) = record.scope_table() {
        table.for_each(control::generation(), |id, row| sums.entry(id).or_default().add(row, with_sizes));
    }
}

impl ScopeBook {
    /// Keeps the figures of a thread that has ended.
    pub(super) fn fold(&mut self, record: &ThreadRecord) {
        add_rows(record, &mut self.gone, true);
        self.paths.fold(record);
    }

    /// Tells the trace the names of scopes that are new.
    pub(super) fn names(&mut self, records: &mut Vec<Record>) {
        scope::for_each(|id, function| {
            if self.named.insert(id) {
                let (file, line) = function.place();
                let name = function.name().chars().take(1000).collect();
                let scope = Scope { id, name, file: file.into(), line };
                records.push(Record::Scopes(Scopes { scopes: vec![scope] }));
            }
        });
    }

    /// Tells the trace the figures of scopes that have changed; all of them where it `is_last`.
    pub(super) fn figures(&mut self, time_us: u64, is_last: bool, records: &mut Vec<Record>) {
        let with_details = is_last || time_us >= self.next_details_us;
        let mut sums = self.gone.clone();
        registry::for_each(|record| add_rows(record, &mut sums, with_details));
        // What stands in the rows has its name by now.
        self.names(records);
        let sums: BTreeMap<u32, Sum> = sums.into_iter().collect();
        let changed = |told: &HashMap<u32, ScopeFigures>| {
            let is_new = |(id, sum): &(&u32, &Sum)| told.get(id) != Some(&sum.figures);
            sums.iter().filter(is_new).map(|(&id, sum)| (id, sum.clone())).collect::<Vec<_>>()
        };
        let new = changed(&self.told);
        records.extend(new.chunks(MAX_ROWS).map(|rows| counters(time_us, rows)));
        self.told.extend(new.iter().map(|(id, sum)| (*id, sum.figures)));
        if with_details {
            self.next_details_us = time_us + DETAILS_US;
            let new = changed(&self.told_details);
            records.extend(new.chunks(MAX_ROWS).map(|rows| self.details(time_us, rows)));
            records.extend(new.chunks(MAX_ROWS).map(|rows| frees(time_us, rows)));
            sizes(time_us, &new, records);
            self.paths.figures(time_us, &self.start, records);
            self.told_details.extend(new.iter().map(|(id, sum)| (*id, sum.figures)));
        }
    }

    fn details(&self, time_us: u64, rows: &[(u32, Sum)]) -> Record {
        let us_per_tick = self.start.us_per_tick();
        let us = |ticks: u64| (ticks as f64 * us_per_tick) as u64;
        let column = |of: fn(&ScopeFigures) -> u64| rows.iter().map(|(_, sum)| of(&sum.figures)).collect();
        Record::ScopeDetails(ScopeDetails {
            time_us,
            refused_names: scope::refused().saturating_sub(self.refused_before),
            out_of_order: scope::out_of_order().saturating_sub(self.out_of_order_before),
            scopes: rows.iter().map(|(id, _)| *id).collect(),
            parents: rows.iter().map(|(_, sum)| sum.parent).collect(),
            cancelled: column(|figures| figures.cancelled),
            polls: column(|figures| figures.polls),
            busy_us: rows.iter().map(|(_, sum)| us(sum.figures.busy_ticks)).collect(),
            wall_us: rows.iter().map(|(_, sum)| us(sum.figures.wall_ticks())).collect(),
            most_bytes: column(|figures| figures.most_bytes),
        })
    }
}

fn counters(time_us: u64, rows: &[(u32, Sum)]) -> Record {
    let column = |of: fn(&ScopeFigures) -> u64| rows.iter().map(|(_, sum)| of(&sum.figures)).collect();
    Record::ScopeCounters(ScopeCounters {
        time_us,
        scopes: rows.iter().map(|(id, _)| *id).collect(),
        calls: column(|figures| figures.calls),
        allocations: column(|figures| figures.allocations),
        allocated_bytes: column(|figures| figures.allocated_bytes),
        own_allocations: column(|figures| figures.own_allocations),
        own_allocated_bytes: column(|figures| figures.own_allocated_bytes),
    })
}

fn frees(time_us: u64, rows: &[(u32, Sum)]) -> Record {
    let column = |of: fn(&ScopeFigures) -> u64| rows.iter().map(|(_, sum)| of(&sum.figures)).collect();
    Record::ScopeFrees(ScopeFrees {
        time_us,
        scopes: rows.iter().map(|(id, _)| *id).collect(),
        frees: column(|figures| figures.frees),
        freed_bytes: column(|figures| figures.freed_bytes),
        own_frees: column(|figures| figures.own_frees),
        own_freed_bytes: column(|figures| figures.own_freed_bytes),
    })
}

/// The histograms. All buckets of a scope stand in one record.
fn sizes(time_us: u64, rows: &[(u32, Sum)], records: &mut Vec<Record>) {
    let mut record = ScopeSizes { time_us, ..ScopeSizes::default() };
    for (id, sum) in rows {
        if record.scopes.len() + BUCKETS > MAX_ROWS {
            let next = ScopeSizes { time_us, ..ScopeSizes::default() };
            records.push(Record::ScopeSizes(std::mem::replace(&mut record, next)));
        }
        for (bucket, &calls) in sum.sizes.iter().enumerate().filter(|(_, calls)| **calls > 0) {
            record.scopes.push(*id);
            record.from_bytes.push(scope::lower_bound(bucket));
            record.calls.push(calls);
        }
    }
    if !record.scopes.is_empty() {
        records.push(Record::ScopeSizes(record));
    }
}
