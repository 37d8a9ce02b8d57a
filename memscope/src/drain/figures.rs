//! The exact figures: of the process and of each thread; those of scopes are in [`super::scopes`].

use super::scopes::ScopeBook;
use super::tasks::TaskBook;
use crate::hook::SessionData;
use crate::ring::Ring;
use crate::scope::ScopeTable;
use crate::sync::Ordering;
use crate::thread::local::LATE;
use crate::thread::record::{Figures, ThreadRecord};
use crate::thread::registry;
use memscope_trace::{Counters, Loss, MAX_ROWS, Record, Thread, ThreadCounters, Threads};
use std::collections::HashMap;

/// The process's exact figures and losses, as of one walk over the threads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) figures: Figures,
    pub(crate) threads: u64,
    pub(crate) loss: Loss,
    pub(crate) sampling_ns: u64,
}

impl Totals {
    fn add_thread(&mut self, record: &ThreadRecord, figures: Figures) {
        self.figures.add(figures);
        self.threads += u64::from(figures.allocations > 0);
        // Acquire: pairs with `begin_session`: the losses and times are this session's.
        if record.epoch().generation() == crate::control::generation() {
            self.loss.buffer_full += record.identity.lost_buffer.get();
            self.loss.buffer_full_bytes += record.identity.lost_buffer_bytes.get();
            self.sampling_ns += record.sampling_ns();
        }
    }

    /// As the trace has it.
    pub(crate) fn counters(&self, time_us: u64, peak: (u64, u64)) -> Counters {
        let Figures { allocations, allocated_bytes, frees, freed_bytes } = self.figures;
        Counters {
            time_us,
            allocations,
            allocated_bytes,
            frees,
            freed_bytes,
            peak_bytes: peak.0,
            peak_us: peak.1,
        }
    }
}

/// What the trace has been told of a thread.
#[derive(Default)]
struct Known {
    figures: Figures,
    name: String,
    /// The name is read when the thread is new, and once more with its first figures, for names that are set late.
    name_settled: bool,
}

/// The threads and scopes that the trace knows, and the sums of those that are gone.
#[derive(Default)]
pub(crate) struct Book {
    known: HashMap<u32, Known>,
    gone: Totals,
    pub(super) scopes: ScopeBook,
    pub(super) tasks: TaskBook,
}

impl Book {
    /// Sums all threads, and takes those that ended and are drained off the registry; `final_rows` gets their last figures.
    pub(crate) fn totals(
        &mut self,
        session: &SessionData,
        start_ns: u64,
        records: &mut Vec<Record>,
    ) -> Totals {
        let mut ended = ThreadRows::default();
        let drained = |record: &ThreadRecord| {
            !record.shared.dirty.load(Ordering::Acquire) && record.ring().is_none_or(Ring::is_empty)
        };
        let (known, gone, scopes) = (&mut self.known, &mut self.gone, &mut self.scopes);
        registry::sweep(drained, |record| {
            let figures = record.figures();
            gone.add_thread(record, figures);
            let was_known = known.remove(&record.id());
            if figures != Figures::default() {
                let name = record.last_name();
                if was_known.is_none_or(|known| known.name != name) {
                    records.push(thread_record(record, name, start_ns));
                }
                ended.push(record.id(), figures, true);
                if ended.is_full() {
                    records.push(ended.take(start_ns));
                }
            }
            scopes.fold(record);
            // SAFETY: the thread has ended and this is the drain thread, the ring's consumer and the table's only reader.
            unsafe {
                Ring::release_of(record.ring_slot());
                ScopeTable::release(record.scope_table_slot());
            }
        });
        if !ended.is_empty() {
            records.push(ended.take(start_ns));
        }
        let mut totals = self.gone;
        registry::for_each(|record| totals.add_thread(record, record.figures()));
        totals.figures.add(LATE.figures());
        totals.loss.late_events = LATE.figures().allocations + LATE.figures().frees;
        totals.loss.table_full = session.lost_table.load(Ordering::Relaxed);
        totals.loss.table_full_bytes = session.lost_table_bytes.load(Ordering::Relaxed);
        totals.loss.stacks = session.missed_stacks.load(Ordering::Relaxed);
        totals
    }

    /// Tells the trace of threads that are new, and where `with_figures` of all whose figures have changed.
    pub(crate) fn threads(&mut self, start_ns: u64, with_figures: bool, records: &mut Vec<Record>) {
        let mut rows = ThreadRows::default();
        registry::for_each(|record| {
            let figures = record.figures();
            if figures == Figures::default() {
                return;
            }
            let is_new = !self.known.contains_key(&record.id());
            let known = self.known.entry(record.id()).or_default();
            if is_new || (with_figures && !known.name_settled) {
                known.name_settled = with_figures;
                let name = live_name(record);
                if is_new || known.name != name {
                    records.push(thread_record(record, name.clone(), start_ns));
                    known.name = name;
                }
            }
            if with_figures && known.figures != figures {
                known.figures = figures;
                rows.push(record.id(), figures, false);
                if rows.is_full() {
                    records.push(rows.take(start_ns));
                }
            }
        });
        if !rows.is_empty() {
            records.push(rows.take(start_ns));
        }
    }
}

fn thread_record(record: &ThreadRecord, name: String, start_ns: u64) -> Record {
    let started_ns = record.identity.start_ns.load(Ordering::Relaxed);
    Record::Threads(Threads {
        threads: vec![Thread {
            id: record.id(),
            os_id: u64::from(record.identity.os_id.load(Ordering::Relaxed)),
            name,
            start_us: started_ns.saturating_sub(start_ns) / 1000,
        }],
    })
}

/// The name of a thread that is alive, as the kernel has it.
fn live_name(record: &ThreadRecord) -> String {
    let os_id = record.identity.os_id.load(Ordering::Relaxed);
    let name = std::fs::read_to_string(format!("/proc/self/task/{os_id}/comm"));
    name.map_or_else(|_| record.last_name(), |name| name.trim_end_matches('\n').to_owned())
}

/// Rows of per-thread figures.
#[derive(Default)]
struct ThreadRows(ThreadCounters);

impl ThreadRows {
    fn push(&mut self, id: u32, figures: Figures, ended: bool) {
        self.0.threads.push(id);
        self.0.allocations.push(figures.allocations);
        self.0.allocated_bytes.push(figures.allocated_bytes);
        self.0.frees.push(figures.frees);
        self.0.freed_bytes.push(figures.freed_bytes);
        self.0.ended.push(u8::from(ended));
    }

    fn is_empty(&self) -> bool {
        self.0.threads.is_empty()
    }

    fn is_full(&self) -> bool {
        self.0.threads.len() == MAX_ROWS
    }

    fn take(&mut self, start_ns: u64) -> Record {
        self.0.time_us = crate::sys::monotonic_ns().saturating_sub(start_ns) / 1000;
        Record::ThreadCounters(std::mem::take(&mut self.0))
    }
}
