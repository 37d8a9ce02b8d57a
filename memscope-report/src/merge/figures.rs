//! Exact figures over time, of all traces together.
//!
//! The traces are read side by side, the record with the earliest time first. What is cumulative is the sum of what each
//! trace last said.

use super::ids::Ids;
use super::kept::Kept;
use super::resource_figures::ResourceSums;
use super::scope_figures::ScopeSums;
use super::{Output, open};
use crate::error::ReportError;
use crate::load::live_bytes;
use memscope_trace::{Counters, Record, ScopeCounters, TaskTotals, ThreadCounters, TraceError};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// Writes them; returns the totals at the end.
pub(super) fn write<W: Write, P: AsRef<Path>>(
    out: &mut Output<W>,
    paths: &[P],
    kept: Vec<Kept>,
    ids: &[Ids],
) -> Result<Counters, ReportError> {
    let mut cursors = Vec::with_capacity(paths.len());
    for (path, kept) in paths.iter().zip(kept) {
        let path = path.as_ref();
        let next_record: NextRecord = match kept.records() {
            Some(reader) => {
                let mut reader = reader?;
                Box::new(move || reader.next_record())
            }
            None => {
                let (mut reader, _) = open(path)?;
                Box::new(move || reader.next_record())
            }
        };
        let mut cursor = Cursor { path, next_record, next: None };
        cursor.advance()?;
        cursors.push(cursor);
    }
    let mut sums = Sums {
        counters: vec![Counters::default(); paths.len()],
        tasks: vec![TaskTotals::default(); paths.len()],
        resources: ResourceSums::new(paths.len()),
        ..Sums::default()
    };
    while let Some(earliest) = earliest(&cursors) {
        let Some((_, record)) = cursors[earliest].next.take() else { break };
        let ids = &ids[earliest];
        let merged = match &record {
            Record::ScopeSizes(sizes) => sums.more_of_scopes.add_sizes(earliest, sizes, ids),
            record => sums.add(earliest, record, ids).into_iter().collect(),
        };
        for record in &merged {
            out.push(record)?;
        }
        cursors[earliest].advance()?;
    }
    Ok(sums.total())
}

/// Gives a trace's records one by one.
type NextRecord = Box<dyn FnMut() -> Result<Option<Record>, TraceError>>;

/// A trace being read, and the next of its records that has figures.
struct Cursor<'a> {
    path: &'a Path,
    next_record: NextRecord,
    next: Option<(u64, Record)>,
}

impl Cursor<'_> {
    fn advance(&mut self) -> Result<(), ReportError> {
        let failed = |error: TraceError| ReportError::from(error).at(self.path);
        while let Some(record) = (self.next_record)().map_err(failed)? {
            if let Some(time_us) = time_us(&record) {
                self.next = Some((time_us, record));
                break;
            }
        }
        Ok(())
    }
}

fn earliest(cursors: &[Cursor<'_>]) -> Option<usize> {
    let times = cursors.iter().enumerate().filter_map(|(at, cursor)| Some((cursor.next.as_ref()?.0, at)));
    times.min().map(|(_, at)| at)
}

/// When its figures are of; `None` of a record without any.
pub(super) fn time_us(record: &Record) -> Option<u64> {
    match record {
        Record::Counters(counters) => Some(counters.time_us),
        Record::ThreadCounters(counters) => Some(counters.time_us),
        Record::ScopeCounters(counters) => Some(counters.time_us),
        Record::ScopeDetails(details) => Some(details.time_us),
        Record::ScopeFrees(frees) => Some(frees.time_us),
        Record::ScopeSizes(sizes) => Some(sizes.time_us),
        Record::TaskTotals(totals) => Some(totals.time_us),
        Record::Resources(resources) => Some(resources.time_us),
        Record::MemoryParts(parts) => Some(parts.time_us),
        Record::ResourceDetails(details) => Some(details.time_us),
        Record::ThreadTimes(times) => Some(times.time_us),
        Record::End(end) => Some(end.totals.time_us),
        _ => None,
    }
}

/// The figures of a scope: calls, allocations, bytes, and the own ones of these.
type ScopeRow = [u64; 5];

/// What each trace last said, and the highest sum of live bytes so far.
#[derive(Default)]
struct Sums {
    counters: Vec<Counters>,
    tasks: Vec<TaskTotals>,
    resources: ResourceSums,
    scopes: HashMap<(usize, u32), ScopeRow>,
    merged_scopes: HashMap<u32, ScopeRow>,
    more_of_scopes: ScopeSums,
    peak_bytes: u64,
    peak_us: u64,
}

impl Sums {
    /// Takes a record of trace `at` in; returns what all together say now.
    fn add(&mut self, at: usize, record: &Record, ids: &Ids) -> Option<Record> {
        match record {
            Record::Counters(counters) => Some(self.add_counters(at, counters)),
            Record::End(end) => {
                self.resources.end(at);
                Some(self.add_counters(at, &end.totals))
            }
            Record::ThreadCounters(counters) => {
                let threads = counters.threads.iter().map(|&id| ids.thread(id)).collect();
                Some(Record::ThreadCounters(ThreadCounters { threads, ..counters.clone() }))
            }
            Record::ScopeCounters(counters) => Some(self.add_scopes(at, counters, ids)),
            Record::ScopeDetails(details) => Some(self.more_of_scopes.add_details(at, details, ids)),
            Record::ScopeFrees(frees) => Some(self.more_of_scopes.add_frees(at, frees, ids)),
            Record::TaskTotals(totals) => Some(self.add_tasks(at, totals)),
            record => self.resources.add(at, record, ids),
        }
    }

    fn add_counters(&mut self, at: usize, counters: &Counters) -> Record {
        // At its own peak, the others had what they last said.
        if counters.peak_us > self.counters[at].peak_us || counters.peak_bytes > self.counters[at].peak_bytes
        {
            let others = self.live_bytes().saturating_sub(live_bytes(&self.counters[at]));
            let peak_bytes = i64::try_from(counters.peak_bytes).unwrap_or(i64::MAX);
            self.raise_peak(others.saturating_add(peak_bytes), counters.peak_us);
        }
        self.counters[at] = *counters;
        self.raise_peak(self.live_bytes(), counters.time_us);
        Record::Counters(self.total())
    }

    fn add_tasks(&mut self, at: usize, totals: &TaskTotals) -> Record {
        self.tasks[at] = *totals;
        let sum = |figure: fn(&TaskTotals) -> u64| self.tasks.iter().map(figure).fold(0, u64::saturating_add);
        Record::TaskTotals(TaskTotals {
            time_us: totals.time_us,
            started: sum(|totals| totals.started),
            ended: sum(|totals| totals.ended),
            cancelled: sum(|totals| totals.cancelled),
            unnumbered: sum(|totals| totals.unnumbered),
        })
    }

    fn live_bytes(&self) -> i64 {
        self.counters.iter().map(live_bytes).fold(0, i64::saturating_add)
    }

    fn raise_peak(&mut self, live_bytes: i64, time_us: u64) {
        let live_bytes = u64::try_from(live_bytes).unwrap_or(0);
        if live_bytes > self.peak_bytes {
            self.peak_bytes = live_bytes;
            self.peak_us = self.peak_us.max(time_us);
        }
    }

    /// The counters of all.
    fn total(&self) -> Counters {
        let sum =
            |figure: fn(&Counters) -> u64| self.counters.iter().map(figure).fold(0, u64::saturating_add);
        Counters {
            time_us: self.counters.iter().map(|counters| counters.time_us).max().unwrap_or(0),
            allocations: sum(|counters| counters.allocations),
            allocated_bytes: sum(|counters| counters.allocated_bytes),
            frees: sum(|counters| counters.frees),
            freed_bytes: sum(|counters| counters.freed_bytes),
            peak_bytes: self.peak_bytes,
            peak_us: self.peak_us,
        }
    }

    fn add_scopes(&mut self, at: usize, counters: &ScopeCounters, ids: &Ids) -> Record {
        let mut merged = ScopeCounters { time_us: counters.time_us, ..ScopeCounters::default() };
        for (row, &id) in counters.scopes.iter().enumerate() {
            let figures = [
                counters.calls[row],
                counters.allocations[row],
                counters.allocated_bytes[row],
                counters.own_allocations[row],
                counters.own_allocated_bytes[row],
            ];
            let before = self.scopes.insert((at, id), figures).unwrap_or_default();
            let scope = ids.scope(id);
            let sum = self.merged_scopes.entry(scope).or_default();
            for (sum, (now, before)) in sum.iter_mut().zip(figures.into_iter().zip(before)) {
                *sum = sum.wrapping_add(now).wrapping_sub(before);
            }
            merged.scopes.push(scope);
            merged.calls.push(sum[0]);
            merged.allocations.push(sum[1]);
            merged.allocated_bytes.push(sum[2]);
            merged.own_allocations.push(sum[3]);
            merged.own_allocated_bytes.push(sum[4]);
        }
        Record::ScopeCounters(merged)
    }
}
