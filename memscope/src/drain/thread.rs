//! The thread itself: what it does when it wakes up, its beginning and its end.

use super::collect::Collector;
use super::figures::{Book, Totals};
use super::govern::Governor;
use super::handle::Shared;
use super::output::Output;
use super::own_memory::Owned;
use super::resources::ResourceBook;
use super::rhythm::Rhythm;
use super::snapshots::Snapshots;
#[cfg(feature = "symbols")]
use super::symbols;
use crate::bell::BELL;
use crate::control;
use crate::hook::{SessionData, live, set_session_data};
use crate::resources::ResourceMetrics;
use crate::ring::Ring;
use crate::sync::Ordering;
use crate::sys;
use crate::thread::record::Figures;
use crate::thread::registry;
use crate::unwind::modules::{self, LoadedModule};
use memscope_trace::{End, EndReason, Interval, Module, Modules, Record, Session};
use std::fs::File;
use std::io;
use std::time::Duration;

/// How often the operating system is asked for the process's figures.
const RESOURCES_NS: u64 = 100_000_000;
/// How often the figures of each thread and scope are written.
const THREADS_NS: u64 = 500_000_000;
/// How long to wait for hooks that are under way when the session ends.
const QUIET_LIMIT: Duration = Duration::from_secs(1);
/// The same while the process exits.
const QUIET_LIMIT_AT_EXIT: Duration = Duration::from_millis(50);

/// What the drain thread is given.
pub(crate) struct Setup {
    pub(crate) file: File,
    pub(crate) data: Box<SessionData>,
    pub(crate) session: Session,
    pub(crate) interval: Interval,
    /// The share of the process's CPU time that the session may take, if it is to keep to one.
    pub(crate) budget_share: Option<f64>,
    pub(crate) snapshots: Option<Snapshots>,
    pub(crate) modules: Vec<LoadedModule>,
    pub(crate) start_ns: u64,
}

/// What it leaves.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) totals: Totals,
    pub(crate) peak_bytes: u64,
    pub(crate) samples: u64,
    pub(crate) resources: Option<ResourceMetrics>,
    pub(crate) write_error: Option<io::Error>,
}

/// What the thread works with.
pub(super) struct Drain {
    /// `None` after the session's end.
    output: Option<Output>,
    data: &'static SessionData,
    collector: Collector,
    book: Book,
    modules: Vec<LoadedModule>,
    modules_generation: (u64, u64),
    resources: Option<ResourceBook>,
    snapshots: Option<Snapshots>,
    governor: Option<Governor>,
    start_ns: u64,
    /// The sums when threads were last looked for, and when their figures were last told.
    figures: Figures,
    told_figures: Figures,
    peak: (u64, u64),
    rhythm: Rhythm,
    next_resources_ns: u64,
    /// Samples and frees that were drained in the middle of other work.
    events_meanwhile: u64,
    next_threads_ns: u64,
    records: Vec<Record>,
}

impl Drain {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { file, data, session, interval, budget_share, snapshots, modules, start_ns } = setup;
        let modules_generation = modules::generation();
        let data = Box::into_raw(data);
        set_session_data(data);
        // SAFETY: just leaked; freed by `free_session_data`, after which this thread does not use it.
        let data: &'static SessionData = unsafe { &*data };
        let mut drain = Self {
            output: Some(Output::new(file)),
            data,
            collector: Collector::new(start_ns, data.arena.is_some()),
            book: Book::default(),
            modules,
            modules_generation,
            resources: Some(ResourceBook::open()),
            snapshots,
            governor: budget_share.map(|share| Governor::new(share, interval, start_ns)),
            start_ns,
            figures: Figures::default(),
            told_figures: Figures::default(),
            peak: (0, 0),
            rhythm: Rhythm::new(interval.interval_bytes <= 0.0),
            next_resources_ns: 0,
            events_meanwhile: 0,
            next_threads_ns: start_ns + THREADS_NS,
            records: Vec::new(),
        };
        if let Some(governor) = &drain.governor {
            drain.rhythm.set_tick_ns(governor.tick_ns());
        }
        drain.records.push(Record::Session(session));
        drain.records.push(Record::Interval(interval));
        drain.write_modules();
        drain.write();
        drain
    }

    pub(super) fn run(&mut self, shared: &Shared) -> Outcome {
        loop {
            let (limit, until_rung) = self.rhythm.wait(sys::monotonic_ns());
            let has_work = || !self.data.dirty.load(Ordering::Relaxed).is_null();
            BELL.wait(limit, until_rung, || shared.stop().is_some() || (until_rung && has_work()));
            if let Some(reason) = shared.stop() {
                return self.end(reason);
            }
            let mut events = self.empty_rings();
            let slower_cpu_ns = self.slower_work(sys::monotonic_ns());
            self.write();
            events += std::mem::take(&mut self.events_meanwhile);
            if let Some(snapshots) = &mut self.snapshots {
                snapshots.take();
            }
            if let Some(governor) = &mut self.governor {
                governor.tick_ended(events, slower_cpu_ns);
            }
        }
    }

    /// Empties the rings, and writes what was in them; how many samples and frees there were.
    fn empty_rings(&mut self) -> u64 {
        let events = self.collect();
        self.rhythm.emptied(sys::monotonic_ns(), events > 0);
        // At once: other work may take long where the process's mappings are locked by its threads.
        self.write();
        events
    }

    /// Empties the rings; how many samples and frees there were.
    fn collect(&mut self) -> u64 {
        let is_recording = self.output.as_ref().is_some_and(Output::is_open);
        self.collector.tick(self.data, is_recording, &mut self.records)
    }

    /// Does what is due beside the rings; the CPU time that it took, where a budget wants to know.
    fn slower_work(&mut self, now_ns: u64) -> u64 {
        self.observe_peak(now_ns);
        if !self.rhythm.is_due(now_ns) {
            return 0;
        }
        let is_measured = self.governor.is_some();
        let started_ns = if is_measured { sys::thread_cpu_ns() } else { 0 };
        self.slower_work_due(now_ns);
        if is_measured { sys::thread_cpu_ns().saturating_sub(started_ns) } else { 0 }
    }

    fn slower_work_due(&mut self, now_ns: u64) {
        let time_us = self.since_start_us(now_ns);
        let totals = self.counters(now_ns);
        self.rhythm.summed(now_ns, totals.figures.allocated_bytes.wrapping_add(totals.figures.freed_bytes));
        // Counters only grow: where the sums are the same, so is every thread's, and none is new.
        if totals.figures != self.figures {
            self.figures = totals.figures;
            if let Some(governor) = &mut self.governor {
                let interval = governor.step(now_ns, &totals, self.collector.samples());
                if let (Some(interval), Some(arena)) = (&interval, &self.data.arena) {
                    arena.note_interval(interval.id, interval.interval_bytes);
                }
                self.records.extend(interval.map(Record::Interval));
                self.rhythm.set_tick_ns(governor.tick_ns());
            }
            self.book.threads(self.start_ns, false, &mut self.records);
        }
        self.book.scopes.names(&mut self.records);
        self.book.tasks.ended(self.start_ns);
        let generation = modules::generation();
        if generation != self.modules_generation {
            self.modules_generation = generation;
            self.modules = modules::loaded();
            self.data.unwinder.update_modules(&self.modules);
            self.write_modules();
        }
        if now_ns >= self.next_threads_ns {
            self.next_threads_ns = now_ns + THREADS_NS;
            if totals.figures != self.told_figures {
                self.told_figures = totals.figures;
                self.book.threads(self.start_ns, true, &mut self.records);
            }
            self.book.scopes.figures(time_us, false, &mut self.records);
            self.book.tasks.living(false);
            self.book.tasks.write(time_us, self.start_ns, &mut self.records);
        }
        if now_ns >= self.next_resources_ns {
            self.next_resources_ns = now_ns + RESOURCES_NS;
            self.resources(time_us, false);
        }
    }

    /// Notes a new peak, and that it was about now.
    fn observe_peak(&mut self, now_ns: u64) {
        let peak_bytes = live::peak_bytes();
        if peak_bytes > self.peak.0 {
            self.peak = (peak_bytes, self.since_start_us(now_ns));
        }
    }

    /// Sums and writes the exact counters.
    fn counters(&mut self, now_ns: u64) -> Totals {
        let mut totals = self.book.totals(self.data, self.start_ns, &mut self.records);
        self.collector.add_unrecorded(&mut totals.loss);
        let time_us = self.since_start_us(now_ns);
        let live_bytes = totals.figures.live_bytes();
        live::observe(live_bytes);
        self.observe_peak(now_ns);
        self.records.push(Record::Counters(totals.counters(time_us, self.peak)));
        if totals.loss.samples() + totals.loss.stacks + totals.loss.late_events > 0 {
            let mut loss = totals.loss;
            loss.time_us = time_us;
            self.records.push(Record::Loss(loss));
        }
        totals
    }

    fn resources(&mut self, time_us: u64, last: bool) {
        let Some(mut book) = self.resources.take() else { return };
        let modules = std::mem::take(&mut self.modules);
        let owned = Owned { data: self.data, modules: &modules };
        let mut records = Vec::new();
        let resources = book.sample(time_us, last, owned, &mut records, &mut || {
            if !last && self.rhythm.is_late(sys::monotonic_ns()) {
                let events = self.empty_rings();
                self.events_meanwhile += events;
            }
        });
        (self.resources, self.modules) = (Some(book), modules);
        self.records.append(&mut records);
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.observe(&resources);
        }
    }

    /// The session's end: hooks off, everything out of the rings, last figures, names, END.
    fn end(&mut self, reason: EndReason) -> Outcome {
        control::switch_off();
        // What there is goes out before the wait: an exiting process may not wait for all of it.
        self.collect();
        self.write();
        let limit = if reason == EndReason::ProcessExit { QUIET_LIMIT_AT_EXIT } else { QUIET_LIMIT };
        let quiet = registry::wait_until_quiet(limit);
        self.collect();
        while !self.data.dirty.load(Ordering::Acquire).is_null() {
            self.write();
            self.collect();
        }
        // Once more: a sample that was freed before its ring was emptied is found now.
        self.collect();
        let now_ns = sys::monotonic_ns();
        let totals = self.counters(now_ns);
        let time_us = self.since_start_us(now_ns);
        if reason == EndReason::Finalized
            && let Some(book) = &mut self.resources
        {
            book.take_time();
        }
        self.resources(time_us, true);
        self.book.threads(self.start_ns, true, &mut self.records);
        self.book.scopes.figures(time_us, true, &mut self.records);
        self.book.tasks.ended(self.start_ns);
        self.book.tasks.living(true);
        self.book.tasks.write(time_us, self.start_ns, &mut self.records);
        #[cfg(feature = "symbols")]
        if reason == EndReason::Finalized {
            symbols::resolve(&self.collector.interner.addresses(), &self.modules, &mut self.records);
        }
        let end = End {
            reason: reason as u8,
            totals: totals.counters(time_us, self.peak),
            threads: totals.threads,
            samples: self.collector.samples(),
            loss: totals.loss,
            drain_cpu_us: sys::thread_cpu_ns() / 1000,
            sampling_us: totals.sampling_ns / 1000,
        };
        let write_error = self.output.take().and_then(|output| output.finish(&mut self.records, end));
        if let Some(arena) = &self.data.arena {
            arena.remove();
        }
        if quiet {
            self.free_session_data();
        }
        Outcome {
            totals,
            peak_bytes: self.peak.0,
            samples: self.collector.samples(),
            resources: self.resources.take().map(ResourceBook::finish),
            write_error,
        }
    }

    /// Gives back what the hooks used. They are off and quiet.
    fn free_session_data(&mut self) {
        registry::for_each(|record| {
            // SAFETY: no hook is under way, and this is the rings' consumer.
            unsafe { Ring::release_of(record.ring_slot(), |ring| self.data.take_back(ring)) };
        });
        let data = set_session_data(core::ptr::null_mut());
        if !data.is_null() {
            // SAFETY: `new` leaked it from a `Box`; no hook is under way, and `self.data` is not used after this.
            drop(unsafe { Box::from_raw(data) });
        }
    }

    fn write_modules(&mut self) {
        // Paths of 4 KiB at the most: so many fit into a record, whatever they are.
        for modules in self.modules.chunks(8) {
            let modules = modules.iter().map(|module| Module {
                path: module.path.clone(),
                build_id: module.build_id.clone(),
                start: module.start,
                end: module.end,
                bias: module.bias,
            });
            self.records.push(Record::Modules(Modules { modules: modules.collect() }));
        }
    }

    /// Writes the records that have piled up, in one go.
    fn write(&mut self) {
        if let Some(output) = &mut self.output {
            output.write(&mut self.records);
            if output.is_settled() {
                self.collector.give_room_back();
            }
        }
    }

    fn since_start_us(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.start_ns) / 1000
    }
}
