//! A program that is known to the last byte, and traces of it: what a session would write of scopes and tasks, with samples drawn as the real sampler draws
//! them.
//!
//! The program is a list of calls of scopes, each within another or outside any, and of allocations made in them. Its exact figures are sums over these
//! lists; a trace holds them, and of the allocations those that a seeded generator lets through with the probability that
//! [`Interval::probability`] says.
#![allow(dead_code, reason = "each test file uses its part")]

use super::common::{FRAMES, NODES, counters, session, stacks, symbols, write};
use memscope_trace::*;
use std::collections::BTreeMap;

/// A scope: its name, and the scope above it (0: none). Ids are places in the list, from 1.
pub(crate) type NamedScope = (String, u32);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) scope: u32,
    /// The call that it is made in.
    pub(crate) within: Option<usize>,
    /// The task that makes it; 0 outside any.
    pub(crate) task: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocation {
    pub(crate) call: usize,
    pub(crate) size_bytes: u64,
    pub(crate) thread: u32,
    pub(crate) start_us: u64,
    /// When, by which thread and in which call it was freed.
    pub(crate) freed: Option<(u64, u32, usize)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) scopes: Vec<NamedScope>,
    pub(crate) calls: Vec<Call>,
    /// In the order of their times.
    pub(crate) allocations: Vec<Allocation>,
    pub(crate) tasks: u32,
    pub(crate) end_us: u64,
    pub(crate) peak_us: u64,
    pub(crate) peak_bytes: u64,
}

/// Numbers that look random (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 0 to below 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What is true of a scope, or of a task: bytes allocated, live at the end, live at the peak, temporary, freed by another thread.
pub(crate) type Truth = [u64; 5];

impl Script {
    /// A thousand tasks of five kinds on four threads, each with steps that are a scope of their own; they move from thread to thread and free each
    /// other's memory: the program of `memscope/tests/scopes/tasks.rs`.
    pub(crate) fn thousand_tasks() -> Self {
        const TASKS: usize = 1_000;
        let kinds = (0..5).map(|kind| (format!("kind {kind}"), 0));
        let scopes = kinds.chain([("step".to_owned(), 5)]).collect();
        let mut script = Self { scopes, tasks: TASKS as u32, ..Self::default() };
        let task_call =
            |task: usize| Call { scope: task as u32 % 5 + 1, within: None, task: task as u32 + 1 };
        script.calls = (0..TASKS).map(task_call).collect();
        let mut slots: Vec<Option<usize>> = vec![None; TASKS];
        let (mut random, mut now_us) = (Random(1), 0);
        for (round, task) in (0..8).flat_map(|round| (0..TASKS).map(move |task| (round, task))) {
            script.calls.push(Call { scope: 6, within: Some(task), task: task as u32 + 1 });
            let step = script.calls.len() - 1;
            for (call, size, slot) in [
                (task, 1 + (task * 17 + round * 101) % 5_000, task * 3 + round * 5),
                (step, 1 + (task * 31 + round * 7) % 3_000, task * 7 + round * 13),
            ] {
                now_us += 1 + random.below(3);
                let thread = 1 + random.below(4) as u32;
                let made =
                    Allocation { call, size_bytes: size as u64, thread, start_us: now_us, freed: None };
                script.allocations.push(made);
                let newest = script.allocations.len() - 1;
                if let Some(before) = slots[slot % TASKS].replace(newest) {
                    script.allocations[before].freed = Some((now_us, thread, call));
                }
            }
        }
        script.finish(now_us + 1_000)
    }

    /// So many scopes below each other, four below each, with names in turn from `names`, and some calls of each in some tasks.
    pub(crate) fn tree(names: &[&str], scopes: u32) -> Self {
        let named = (0..scopes).map(|at| {
            let name = names[at as usize % names.len()];
            let name = if (at as usize) < names.len() { name.to_owned() } else { format!("{name} {at}") };
            (name, at.div_ceil(4))
        });
        let mut script = Self { scopes: named.collect(), tasks: 12, ..Self::default() };
        let (mut random, mut now_us, mut last_call_of) = (Random(7), 0, BTreeMap::new());
        for round in 0..3 {
            for scope in 1..=scopes {
                let within = last_call_of.get(&script.scopes[scope as usize - 1].1).copied();
                script.calls.push(Call { scope, within, task: 1 + random.below(12) as u32 });
                let call = script.calls.len() - 1;
                last_call_of.insert(scope, call);
                for _ in 0..1 + random.below(5) {
                    now_us += 20 + random.below(400);
                    let freed = (random.below(3) > 0)
                        .then(|| (now_us + 1 + random.below(200_000), 1 + random.below(2) as u32, call));
                    let size_bytes = 16 << random.below(13 + round);
                    let thread = 1 + random.below(2) as u32;
                    script.allocations.push(Allocation { call, size_bytes, thread, start_us: now_us, freed });
                }
            }
        }
        script.finish(now_us + 1_000)
    }

    fn finish(mut self, end_us: u64) -> Self {
        self.end_us = end_us;
        let mut changes: BTreeMap<u64, i64> = BTreeMap::new();
        for made in &mut self.allocations {
            // What would be freed behind the end is live.
            made.freed = made.freed.filter(|freed| freed.0 < end_us);
            *changes.entry(made.start_us).or_default() += made.size_bytes as i64;
            if let Some((freed_us, ..)) = made.freed {
                *changes.entry(freed_us).or_default() -= made.size_bytes as i64;
            }
        }
        let mut live = 0;
        for (time_us, change) in changes {
            live += change;
            if live > self.peak_bytes as i64 {
                (self.peak_us, self.peak_bytes) = (time_us, live as u64);
            }
        }
        self
    }

    /// What is true of each scope and of each task.
    pub(crate) fn truths(&self) -> (BTreeMap<u32, Truth>, BTreeMap<u32, Truth>) {
        let (mut scopes, mut tasks) = (BTreeMap::new(), BTreeMap::new());
        for made in &self.allocations {
            let call = self.calls[made.call];
            let at_peak = made.start_us <= self.peak_us
                && made.freed.is_none_or(|(freed_us, ..)| freed_us > self.peak_us);
            let of_one_thread = made.freed.is_some_and(|(_, thread, _)| thread == made.thread);
            let short = made.freed.is_some_and(|(freed_us, ..)| freed_us - made.start_us <= 1_000);
            let parts = [
                true,
                made.freed.is_none(),
                at_peak,
                of_one_thread && short,
                made.freed.is_some() && !of_one_thread,
            ];
            for truth in [scopes.entry(call.scope).or_default(), tasks.entry(call.task).or_default()] {
                let truth: &mut Truth = truth;
                for (sum, is_part) in truth.iter_mut().zip(parts) {
                    *sum += if is_part { made.size_bytes } else { 0 };
                }
            }
        }
        (scopes, tasks)
    }

    /// A trace of it, with samples drawn by `random` under `interval`.
    pub(crate) fn trace(&self, interval: Interval, random: Random) -> Vec<u8> {
        self.trace_with(interval, random, |record| record)
    }

    /// The same with each record as `change` makes it.
    pub(crate) fn trace_with(
        &self,
        interval: Interval,
        random: Random,
        change: fn(Record) -> Record,
    ) -> Vec<u8> {
        let mut records = vec![session(), Record::Interval(interval)];
        let threads = (1..=4).map(|id| Thread { id, os_id: 100, name: format!("worker {id}"), start_us: 0 });
        records.push(Record::Threads(Threads { threads: threads.collect() }));
        records.push(stacks(&NODES, &FRAMES.map(|frame| frame.0)));
        records.extend(self.names());
        records.extend(self.samples(interval, random));
        records.extend(self.figures());
        records.extend(self.task_records());
        records.push(symbols(&FRAMES));
        let (bytes, freed) = self.allocations.iter().fold((0, 0), |(all, freed), made| {
            let gone = if made.freed.is_some() { made.size_bytes } else { 0 };
            (all + made.size_bytes, freed + gone)
        });
        let totals = Counters {
            time_us: self.end_us,
            peak_us: self.peak_us,
            peak_bytes: self.peak_bytes,
            ..counters(self.end_us, bytes, freed)
        };
        records.push(Record::End(End { reason: 1, totals, threads: 4, ..End::default() }));
        write(&records.into_iter().map(change).collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<Record> {
        let scope = |(id, (name, _)): (u32, &NamedScope)| Scope {
            id,
            name: name.clone(),
            file: "src/main.rs".into(),
            line: id,
        };
        let scopes: Vec<Scope> = (1..).zip(&self.scopes).map(scope).collect();
        scopes.chunks(256).map(|scopes| Record::Scopes(Scopes { scopes: scopes.to_vec() })).collect()
    }

    fn samples(&self, interval: Interval, mut random: Random) -> Vec<Record> {
        let drawn: Vec<&Allocation> = self
            .allocations
            .iter()
            .filter(|made| random.share() < interval.probability(made.size_bytes))
            .collect();
        // A site is a stack, a size and a scope.
        let mut sites: BTreeMap<(u32, u64), u32> = BTreeMap::new();
        let keys = drawn.iter().map(|made| (self.calls[made.call].scope, made.size_bytes));
        keys.for_each(|key| {
            sites.entry(key).or_default();
        });
        (0..).zip(sites.values_mut()).for_each(|(id, site)| *site = id);
        let all: Vec<(u32, u64)> = sites.keys().copied().collect();
        let mut records: Vec<Record> = (0_u32..)
            .zip(all.chunks(MAX_ROWS))
            .map(|(chunk, keys)| {
                Record::Sites(Sites {
                    first_site: chunk * MAX_ROWS as u32,
                    stacks: keys.iter().map(|key| if key.0 % 2 == 0 { 5 } else { 7 }).collect(),
                    sizes: keys.iter().map(|key| key.1).collect(),
                    old_sizes: vec![0; keys.len()],
                    scopes: keys.iter().map(|key| key.0).collect(),
                    kinds: vec![AllocationKind::Alloc as u8; keys.len()],
                })
            })
            .collect();
        for (chunk, made) in (0_u64..).zip(drawn.chunks(MAX_ROWS)) {
            let first_sample = chunk * MAX_ROWS as u64;
            let mut before = 0;
            let tasks = SampleTasks {
                sample_deltas: (first_sample..)
                    .zip(made)
                    .map(|(id, _)| id as i64 - std::mem::replace(&mut before, id as i64))
                    .collect(),
                tasks: made.iter().map(|made| self.calls[made.call].task).collect(),
            };
            records.push(Record::SampleTasks(tasks));
            records.push(Record::Samples(Samples {
                first_sample,
                interval: interval.id,
                base_us: 0,
                delta_us: differences(made.iter().map(|made| made.start_us)),
                threads: made.iter().map(|made| made.thread).collect(),
                sites: made
                    .iter()
                    .map(|made| sites[&(self.calls[made.call].scope, made.size_bytes)])
                    .collect(),
            }));
        }
        let mut frees: Vec<(u64, u32, u64)> =
            (0..).zip(&drawn).filter_map(|(id, made)| made.freed.map(|(us, by, _)| (us, by, id))).collect();
        frees.sort_unstable();
        records.extend(frees.chunks(MAX_ROWS).map(|frees| {
            Record::Frees(Frees {
                base_us: 0,
                delta_us: differences(frees.iter().map(|free| free.0)),
                threads: frees.iter().map(|free| free.1).collect(),
                sample_deltas: differences(frees.iter().map(|free| free.2)),
            })
        }));
        records
    }

    /// For each call, what was allocated and freed in it, alone and with the calls in it: count and bytes of both.
    fn call_figures(&self) -> Vec<[[u64; 4]; 2]> {
        let mut figures = vec![[[0; 4]; 2]; self.calls.len()];
        let mut count = |call: usize, at: usize, bytes: u64| {
            (figures[call][0][at], figures[call][0][at + 1]) =
                (figures[call][0][at] + 1, figures[call][0][at + 1] + bytes);
            let mut within = Some(call);
            while let Some(call) = within {
                (figures[call][1][at], figures[call][1][at + 1]) =
                    (figures[call][1][at] + 1, figures[call][1][at + 1] + bytes);
                within = self.calls[call].within;
            }
        };
        for made in &self.allocations {
            count(made.call, 0, made.size_bytes);
            if let Some((_, _, call)) = made.freed {
                count(call, 2, made.size_bytes);
            }
        }
        figures
    }

    /// By scope: calls, own and inclusive figures, and the bytes of each call.
    pub(crate) fn exact(&self) -> BTreeMap<u32, (u64, [u64; 4], [u64; 4], Vec<u64>)> {
        let mut scopes: BTreeMap<u32, (u64, [u64; 4], [u64; 4], Vec<u64>)> = BTreeMap::new();
        for (call, [own, all]) in self.calls.iter().zip(self.call_figures()) {
            let scope = scopes.entry(call.scope).or_default();
            scope.0 += 1;
            for at in 0..4 {
                scope.1[at] += own[at];
                scope.2[at] += all[at];
            }
            scope.3.push(all[1]);
        }
        scopes.values_mut().for_each(|scope| scope.3.sort_unstable());
        scopes
    }

    fn figures(&self) -> Vec<Record> {
        let exact: Vec<_> = self.exact().into_iter().collect();
        let mut records = Vec::new();
        for rows in exact.chunks(MAX_ROWS / 64) {
            let column = |of: &dyn Fn(&(u64, [u64; 4], [u64; 4], Vec<u64>)) -> u64| {
                rows.iter().map(|(_, row)| of(row)).collect::<Vec<u64>>()
            };
            let scopes: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let time_us = self.end_us;
            records.push(Record::ScopeCounters(ScopeCounters {
                time_us,
                scopes: scopes.clone(),
                calls: column(&|row| row.0),
                allocations: column(&|row| row.2[0]),
                allocated_bytes: column(&|row| row.2[1]),
                own_allocations: column(&|row| row.1[0]),
                own_allocated_bytes: column(&|row| row.1[1]),
            }));
            records.push(Record::ScopeFrees(ScopeFrees {
                time_us,
                scopes: scopes.clone(),
                frees: column(&|row| row.2[2]),
                freed_bytes: column(&|row| row.2[3]),
                own_frees: column(&|row| row.1[2]),
                own_freed_bytes: column(&|row| row.1[3]),
            }));
            records.push(Record::ScopeDetails(ScopeDetails {
                time_us,
                refused_names: 3,
                out_of_order: 1,
                parents: scopes.iter().map(|&id| self.scopes[id as usize - 1].1).collect(),
                scopes: scopes.clone(),
                cancelled: column(&|row| row.0 / 10),
                polls: column(&|row| 3 * row.0),
                busy_us: column(&|row| 70 * row.0),
                wall_us: column(&|row| 900 * row.0),
                most_bytes: column(&|row| row.3.last().copied().unwrap_or(0)),
            }));
            let mut sizes = ScopeSizes { time_us, ..ScopeSizes::default() };
            for (id, row) in rows {
                let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
                row.3.iter().for_each(|&bytes| *buckets.entry(bucket_of(bytes)).or_default() += 1);
                for (from_bytes, calls) in buckets {
                    sizes.scopes.push(*id);
                    sizes.from_bytes.push(from_bytes);
                    sizes.calls.push(calls);
                }
            }
            records.push(Record::ScopeSizes(sizes));
        }
        records
    }

    fn task_records(&self) -> Vec<Record> {
        let ids: Vec<u32> = (1..=self.tasks).collect();
        let mut figures = vec![[0_u64; 4]; self.tasks as usize + 1];
        for (call, [own, _]) in self.calls.iter().zip(self.call_figures()) {
            figures[call.task as usize].iter_mut().zip(own).for_each(|(sum, part)| *sum += part);
        }
        let mut records = Vec::new();
        for ids in ids.chunks(512) {
            let column = |at: usize| ids.iter().map(|&id| figures[id as usize][at]).collect::<Vec<u64>>();
            let scope = |id: u32| self.calls.iter().find(|call| call.task == id).map_or(0, |call| call.scope);
            records.push(Record::Tasks(Tasks {
                texts: vec![self.scopes[0].0.clone(), "src/<main>.rs".into(), String::new()],
                tasks: ids.to_vec(),
                names: ids.iter().map(|id| if id % 3 == 0 { 2 } else { 0 }).collect(),
                files: vec![1; ids.len()],
                lines: ids.iter().map(|id| 40 + id % 5).collect(),
                scopes: ids.iter().map(|&id| scope(id)).collect(),
                parents: vec![0; ids.len()],
                started_us: ids.iter().map(|&id| u64::from(id)).collect(),
            }));
            records.push(Record::TaskCounters(TaskCounters {
                time_us: self.end_us,
                tasks: ids.to_vec(),
                polls: vec![17; ids.len()],
                busy_us: vec![450; ids.len()],
                allocations: column(0),
                allocated_bytes: column(1),
                frees: column(2),
                freed_bytes: column(3),
            }));
            let ended: Vec<u32> = ids.iter().copied().filter(|id| id % 4 != 0).collect();
            records.push(Record::TaskEnds(TaskEnds {
                ends: ended.iter().map(|id| (id % 4) as u8).collect(),
                ended_us: vec![self.end_us - 10; ended.len()],
                tasks: ended,
            }));
        }
        let tasks = u64::from(self.tasks);
        records.push(Record::TaskTotals(TaskTotals {
            time_us: self.end_us,
            started: tasks + 5,
            ended: tasks - tasks / 4,
            cancelled: tasks / 4,
            unnumbered: 5,
        }));
        records
    }
}

/// Each minus the one before, the first as it is.
fn differences(values: impl Iterator<Item = u64>) -> Vec<i64> {
    let mut before = 0;
    values.map(|value| value as i64 - std::mem::replace(&mut before, value as i64)).collect()
}

/// The bucket of so many bytes, as FORMAT.md has it.
fn bucket_of(bytes: u64) -> u64 {
    if bytes < 4 { bytes } else { bytes >> (bytes.ilog2() - 2) << (bytes.ilog2() - 2) }
}
