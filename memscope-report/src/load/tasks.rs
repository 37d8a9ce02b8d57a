//! Instances of tasks: what the trace tells of each, and what its samples add up to.
//!
//! A trace tells which samples belong to a task before the samples themselves. They are counted by task, size and interval, in whole numbers, and become
//! weighted sums at the end, as those of call sites do (`weights.rs`). A trace without tasks costs nothing here.

use super::announced::AnnouncedTasks;
use super::peak::{Life, PeakFold};
use super::shares::IntervalShares;
use super::sites::probability;
use crate::statistics::Total;
use memscope_trace::{Frees, Interval, Record, Samples, TaskCounters, TaskEnd, TaskEnds, Tasks};
use std::collections::{BTreeMap, HashMap};

/// One instance of a task: a future that was made a task, from its first poll to its end.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TaskInstance {
    /// Id in the trace, from 1.
    pub id: u32,
    /// Its name; empty where it was given none.
    pub name: String,
    /// The source file in which it was made a task; empty where the trace does not say.
    pub file: String,
    /// The line in it.
    pub line: u32,
    /// The innermost scope in which it was made a task; 0 outside any.
    pub scope: u32,
    /// The task in which it was made one; 0 outside any. The trace may tell nothing of that one.
    pub parent: u32,
    /// When it was polled first, microseconds.
    pub started_us: u64,
    /// How it ended, and when, microseconds; `None` for one that was alive when the trace ended.
    pub end: Option<(TaskEnd, u64)>,
    /// Times that it was polled.
    pub polls: u64,
    /// Time in its polls, microseconds.
    pub busy_us: u64,
    /// Allocations.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Frees, whoever allocated the memory.
    pub frees: u64,
    /// Bytes freed.
    pub freed_bytes: u64,
    /// What its samples come to.
    pub samples: TaskSamples,
}

/// The bytes of a task's samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct TaskSamples {
    /// All.
    pub allocated: Total,
    /// Those that were not freed.
    pub live: Total,
    /// Those that were live at the time that the trace gives for the process's peak.
    pub at_peak: Total,
}

/// All tasks, told of or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskCount {
    /// Tasks that were polled.
    pub started: u64,
    /// Tasks of these that have ended, however.
    pub ended: u64,
    /// Tasks of these that were dropped before they were done.
    pub cancelled: u64,
    /// Tasks of these of which nothing else is known, since too many lived at once.
    pub unnumbered: u64,
}

/// The samples of one task that are of one size and were drawn under one interval.
#[derive(Debug, Clone, Copy)]
struct Alike {
    task: u32,
    size_bytes: u64,
    interval: Interval,
    allocated: u64,
    live: u64,
    at_peak: u64,
}

/// The tasks in the making.
#[derive(Debug, Default)]
pub(super) struct TaskFold {
    by_id: BTreeMap<u32, TaskInstance>,
    count: TaskCount,
    /// The tasks of samples that are yet to come. Keys are the file's choice: the standard, keyed hash, here as below.
    announced: AnnouncedTasks,
    alike: Vec<Alike>,
    places: HashMap<(u32, u32, u64), u32>,
    /// Samples that are not freed yet: their place in `alike`, and when they were made.
    open: HashMap<u64, (u32, u64)>,
    peak: PeakFold,
}

impl TaskFold {
    /// Takes a record in that tells of tasks; others tell nothing.
    pub(super) fn add(&mut self, record: &Record) {
        match record {
            Record::Tasks(record) => self.made(record),
            Record::TaskCounters(record) => self.counters(record),
            Record::TaskEnds(record) => self.ends(record),
            Record::SampleTasks(record) => self.announced.add(record),
            Record::TaskTotals(totals) => {
                self.count = TaskCount {
                    started: totals.started,
                    ended: totals.ended,
                    cancelled: totals.cancelled,
                    unnumbered: totals.unnumbered,
                };
            }
            _ => {}
        }
    }

    fn at(&mut self, id: u32) -> &mut TaskInstance {
        self.by_id.entry(id).or_insert_with(|| TaskInstance { id, ..TaskInstance::default() })
    }

    fn made(&mut self, record: &Tasks) {
        let text = |index: u32| record.texts.get(index as usize).cloned().unwrap_or_default();
        for (row, &id) in record.tasks.iter().enumerate() {
            let task = self.at(id);
            (task.name, task.file) = (text(record.names[row]), text(record.files[row]));
            (task.line, task.scope, task.parent) =
                (record.lines[row], record.scopes[row], record.parents[row]);
            task.started_us = record.started_us[row];
        }
    }

    fn counters(&mut self, record: &TaskCounters) {
        for (row, &id) in record.tasks.iter().enumerate() {
            let task = self.at(id);
            (task.polls, task.busy_us) = (record.polls[row], record.busy_us[row]);
            task.allocations = record.allocations[row];
            task.allocated_bytes = record.allocated_bytes[row];
            (task.frees, task.freed_bytes) = (record.frees[row], record.freed_bytes[row]);
        }
    }

    fn ends(&mut self, record: &TaskEnds) {
        for (row, &id) in record.tasks.iter().enumerate() {
            self.at(id).end = Some((TaskEnd::from_u8(record.ends[row]), record.ended_us[row]));
        }
    }

    /// Counts those of the samples that belong to a task. `size_of` gives the bytes of a site of the trace.
    pub(super) fn samples(
        &mut self,
        record: &Samples,
        interval: &Interval,
        size_of: impl Fn(u32) -> Option<u64>,
    ) {
        if self.announced.is_empty() {
            return;
        }
        let mut time_us = record.base_us;
        let ids = (0_u64..).map(|row| record.first_sample.saturating_add(row));
        for (id, (&delta_us, &site)) in ids.zip(record.delta_us.iter().zip(&record.sites)) {
            time_us = time_us.saturating_add_signed(delta_us);
            let Some(task) = self.announced.take(id) else { continue };
            let Some(size_bytes) = size_of(site) else { continue };
            let place = self.place(task, size_bytes, interval);
            self.alike[place as usize].allocated += 1;
            self.open.insert(id, (place, time_us));
        }
    }

    fn place(&mut self, task: u32, size_bytes: u64, interval: &Interval) -> u32 {
        let alike = &mut self.alike;
        *self.places.entry((task, interval.id, size_bytes)).or_insert_with(|| {
            alike.push(Alike { task, size_bytes, interval: *interval, allocated: 0, live: 0, at_peak: 0 });
            (alike.len() - 1) as u32
        })
    }

    pub(super) fn frees(&mut self, record: &Frees) {
        if self.open.is_empty() {
            return;
        }
        let (mut time_us, mut id) = (record.base_us, 0_u64);
        for (&delta_us, &delta) in record.delta_us.iter().zip(&record.sample_deltas) {
            time_us = time_us.saturating_add_signed(delta_us);
            id = id.wrapping_add(delta as u64);
            if let Some((place, start_us)) = self.open.remove(&id) {
                self.peak.end(Life { site_row: place, thread: 0, weight: 0, start_us, end_us: time_us });
            }
        }
    }

    /// The process had its highest live bytes so far at `peak_us`.
    pub(super) fn peak_at(&mut self, peak_us: u64) {
        self.peak.peak_at(peak_us);
    }

    /// The tasks by id, and how many there were.
    pub(super) fn finish(mut self, shares: &IntervalShares) -> (Vec<TaskInstance>, TaskCount) {
        let (ended, peak_us) = self.peak.finish();
        ended.iter().for_each(|life| self.alike[life.site_row as usize].at_peak += 1);
        for &(place, start_us) in self.open.values() {
            let alike = &mut self.alike[place as usize];
            alike.live += 1;
            alike.at_peak += u64::from(start_us <= peak_us);
        }
        for alike in std::mem::take(&mut self.alike) {
            let chance = probability(&alike.interval, alike.size_bytes) * shares.retained(alike.interval.id);
            let bytes = alike.size_bytes as f64;
            let samples = &mut self.at(alike.task).samples;
            samples.allocated.add_many(alike.allocated, bytes, chance);
            samples.live.add_many(alike.live, bytes, chance);
            samples.at_peak.add_many(alike.at_peak, bytes, chance);
        }
        (self.by_id.into_values().collect(), self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memscope_trace::SampleTasks;

    #[test]
    fn samples_are_summed_for_their_tasks() {
        let mut fold = TaskFold::default();
        let texts = vec![String::new(), "serve".to_owned(), "src/main.rs".to_owned()];
        fold.add(&Record::Tasks(Tasks {
            texts,
            tasks: vec![7],
            names: vec![1],
            files: vec![2],
            lines: vec![30],
            scopes: vec![4],
            parents: vec![0],
            started_us: vec![12],
        }));
        let announced = SampleTasks { sample_deltas: vec![10, 1, 3, 900], tasks: vec![7, 8, 7, 7] };
        fold.add(&Record::SampleTasks(announced));
        let interval = Interval { interval_bytes: 0.0, ..Interval::default() };
        let samples = Samples {
            first_sample: 10,
            base_us: 100,
            delta_us: vec![0, 1, 1, 1, 1],
            threads: vec![1; 5],
            sites: vec![0, 1, 0, 0, 9],
            ..Samples::default()
        };
        fold.samples(&samples, &interval, |site| (site < 2).then_some(64 << site));
        fold.peak_at(100);
        fold.frees(&Frees {
            base_us: 200,
            delta_us: vec![0, 0],
            threads: vec![1, 1],
            sample_deltas: vec![10, 5_000],
        });
        fold.add(&Record::TaskEnds(TaskEnds { tasks: vec![7], ends: vec![2], ended_us: vec![300] }));
        let (tasks, _) = fold.finish(&IntervalShares::default());
        let figures = |task: &TaskInstance| {
            let samples = &task.samples;
            [&samples.allocated, &samples.live, &samples.at_peak].map(Total::value)
        };
        // A sample whose site is lost has no size, and is left out.
        assert_eq!(tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [7, 8]);
        assert_eq!([figures(&tasks[0]), figures(&tasks[1])], [[64.0, 0.0, 64.0], [128.0, 128.0, 0.0]]);
        let first = &tasks[0];
        assert_eq!((first.name.as_str(), first.file.as_str(), first.line), ("serve", "src/main.rs", 30));
        assert_eq!(first.end, Some((TaskEnd::Cancelled, 300)));
    }
}
