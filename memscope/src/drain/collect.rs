//! One tick: rings and freed samples into records.

use super::batch::{FreeBatch, SampleBatch, TaskBatch};
use super::intern::{Interner, SiteKey};
use crate::hook::SessionData;
use crate::ring::MAX_FRAMES;
use crate::sync::Ordering;
use crate::thread::ThreadRecord;
use memscope_trace::{Loss, Record};

/// Samples that one tick takes from one ring, so that a thread that never pauses does not hold up the others.
const MOST_OF_A_RING: usize = 16_384;

/// Stands for the number of a sample that was not recorded.
const UNRECORDED: u64 = u64::MAX;

/// A sample between ring and batch.
struct Popped {
    time_ns: u64,
    thread: u32,
    entry: u32,
    interval: u32,
    site: u32,
    task: u32,
}

/// What lives from tick to tick.
pub(crate) struct Collector {
    pub(crate) interner: Interner,
    samples: SampleBatch,
    tasks: TaskBatch,
    frees: FreeBatch,
    popped: Vec<Popped>,
    /// Freed samples that have not been seen in their ring yet.
    early: Vec<u32>,
    /// Samples that came while the trace could not be written, and their bytes.
    unrecorded: (u64, u64),
    start_ns: u64,
}

impl Collector {
    pub(crate) fn new(start_ns: u64) -> Self {
        Self {
            interner: Interner::new(),
            samples: SampleBatch::default(),
            tasks: TaskBatch::default(),
            frees: FreeBatch::default(),
            popped: Vec::new(),
            early: Vec::new(),
            unrecorded: (0, 0),
            start_ns,
        }
    }

    pub(crate) fn samples(&self) -> u64 {
        self.samples.samples()
    }

    /// Adds the samples that came while the trace could not be written.
    pub(crate) fn add_unrecorded(&self, loss: &mut Loss) {
        loss.buffer_full += self.unrecorded.0;
        loss.buffer_full_bytes += self.unrecorded.1;
    }

    /// Empties rings and the list of freed samples into `records`, in the order in which a reader needs them. Returns how many samples
    /// and frees there were. Unless `is_recording`, samples are only counted; frees of those that were recorded stay frees.
    pub(crate) fn tick(
        &mut self,
        session: &SessionData,
        is_recording: bool,
        records: &mut Vec<Record>,
    ) -> u64 {
        let mut at = session.dirty.swap(core::ptr::null_mut(), Ordering::Acquire);
        // SAFETY: records live in memory that is never unmapped; one on this list is not recycled (see `Book::totals`).
        while let Some(record) = unsafe { at.as_ref() } {
            at = record.shared.next_dirty.load(Ordering::Relaxed);
            // AcqRel: a sample pushed after this puts the record onto the list anew; one pushed before is in the ring.
            record.shared.dirty.swap(false, Ordering::AcqRel);
            let is_empty =
                if is_recording { self.empty_ring(record, records) } else { self.pass_over(session, record) };
            if !is_empty {
                // More than a tick's worth: the record comes back for the rest.
                crate::hook::mark_dirty(session, record);
            }
        }
        let events = self.number_samples(session, records) + self.harvest(session, records);
        self.write(records);
        events as u64
    }

    /// Takes the ring's samples, at most [`MOST_OF_A_RING`]; whether it is empty then.
    fn empty_ring(&mut self, record: &ThreadRecord, records: &mut Vec<Record>) -> bool {
        let Some(ring) = record.ring() else { return true };
        let mut frames = [0; MAX_FRAMES];
        for _ in 0..MOST_OF_A_RING {
            let Some(sample) = ring.pop(&mut frames) else { return true };
            if self.interner.is_full() {
                self.write_new(records);
            }
            let stack = self.interner.stack(sample.frames, sample.truncated);
            let site = self.interner.site(SiteKey {
                stack,
                size: sample.size,
                old_size: sample.old_size,
                scope: sample.scope,
                kind: sample.kind as u8,
            });
            self.popped.push(Popped {
                time_ns: sample.time_ns,
                thread: record.id(),
                entry: sample.entry,
                interval: sample.interval,
                site,
                task: sample.task,
            });
        }
        ring.is_empty()
    }

    /// Takes the ring's samples without recording them; whether it is empty then.
    fn pass_over(&mut self, session: &SessionData, record: &ThreadRecord) -> bool {
        let Some(ring) = record.ring() else { return true };
        let mut frames = [0; MAX_FRAMES];
        for _ in 0..MOST_OF_A_RING {
            let Some(sample) = ring.pop(&mut frames) else { return true };
            session.live.entries.slot(sample.entry).sample.store(UNRECORDED, Ordering::Relaxed);
            self.unrecorded.0 += 1;
            self.unrecorded.1 = self.unrecorded.1.saturating_add(sample.size);
        }
        ring.is_empty()
    }

    /// Gives the tick's samples their numbers: those of one interval together, in the order of time. Returns how many there are.
    fn number_samples(&mut self, session: &SessionData, records: &mut Vec<Record>) -> usize {
        let mut popped = std::mem::take(&mut self.popped);
        // Just after a change of the interval threads with the old and the new one alternate; each record holds one interval.
        popped.sort_unstable_by_key(|sample| (sample.interval, sample.time_ns));
        for sample in &popped {
            if self.samples.is_full(sample.interval) {
                self.write(records);
            }
            let time_us = self.since_start_us(sample.time_ns);
            let number = self.samples.push(time_us, sample.thread, sample.site, sample.interval);
            self.tasks.push(number, sample.task);
            session.live.entries.slot(sample.entry).sample.store(number + 1, Ordering::Relaxed);
        }
        let count = popped.len();
        popped.clear();
        self.popped = popped;
        count
    }

    /// Takes the freed samples; those whose sample is not known yet wait for the next tick. Returns how many there are.
    fn harvest(&mut self, session: &SessionData, records: &mut Vec<Record>) -> usize {
        let mut freed = std::mem::take(&mut self.early);
        session.live.entries.take_freed(|entry| freed.push(entry));
        let count = freed.len();
        freed
            .sort_unstable_by_key(|&entry| session.live.entries.slot(entry).freed_ns.load(Ordering::Relaxed));
        for entry in freed {
            let slot = session.live.entries.slot(entry);
            let number = slot.sample.load(Ordering::Relaxed);
            let Some(sample) = number.checked_sub(1) else {
                self.early.push(entry);
                continue;
            };
            if number == UNRECORDED {
                session.live.entries.release(entry);
                continue;
            }
            if self.frees.is_full() {
                self.write(records);
            }
            let time_us = self.since_start_us(slot.freed_ns.load(Ordering::Relaxed));
            self.frees.push(time_us, slot.freed_by.load(Ordering::Relaxed), sample);
            session.live.entries.release(entry);
        }
        count
    }

    fn since_start_us(&self, time_ns: u64) -> u64 {
        time_ns.saturating_sub(self.start_ns) / 1000
    }

    fn write_new(&mut self, records: &mut Vec<Record>) {
        let (stacks, sites) = self.interner.take_new();
        records.extend(stacks.map(Record::Stacks));
        records.extend(sites.map(Record::Sites));
    }

    /// Moves everything pending to `records`: names before what uses them.
    fn write(&mut self, records: &mut Vec<Record>) {
        self.write_new(records);
        records.extend(self.tasks.take().map(Record::SampleTasks));
        records.extend(self.samples.take().map(Record::Samples));
        records.extend(self.frees.take().map(Record::Frees));
    }
}
