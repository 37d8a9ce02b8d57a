//! The trace that a session would write of a [`World`].

use super::common::{analysis_of, session, stacks, symbols, write};
use super::world::{Allocation, World};
use memscope_report::Analysis;
use memscope_trace::*;
use std::collections::BTreeMap;

/// Times at which the counters of the threads are told.
const THREAD_TICKS: u64 = 24;

impl World {
    pub(crate) fn analysis(&self) -> Analysis {
        analysis_of(&self.trace())
    }

    /// What each thread did, cumulative, where it did something since it was told last.
    fn thread_counters(&self) -> Vec<ThreadCounters> {
        let mut ids: Vec<u32> = self.threads.iter().map(|thread| thread.id).collect();
        ids.sort_unstable();
        let place = |thread: u32| ids.binary_search(&thread).expect("a thread of the world");
        let tick_of = |us: u64| (us * THREAD_TICKS / self.duration_us).min(THREAD_TICKS - 1) as usize;
        // Allocations, bytes, frees, bytes, ends.
        let mut rows = vec![vec![[0_u64; 5]; ids.len()]; THREAD_TICKS as usize];
        for made in &self.allocations {
            let row = &mut rows[tick_of(made.start_us)][place(made.thread)];
            (row[0], row[1]) = (row[0] + 1, row[1] + made.size_bytes);
            if let Some(us) = made.freed_us {
                let row = &mut rows[tick_of(us)][place(made.freed_by)];
                (row[2], row[3]) = (row[2] + 1, row[3] + made.size_bytes);
            }
        }
        self.ended.iter().for_each(|&(thread, us)| rows[tick_of(us)][place(thread)][4] = 1);
        let mut now = vec![[0_u64; 5]; ids.len()];
        let mut told = Vec::new();
        for (tick, row) in (1..).zip(rows) {
            let changed: Vec<usize> = (0..ids.len()).filter(|&at| row[at] != [0; 5]).collect();
            for &at in &changed {
                now[at].iter_mut().zip(row[at]).for_each(|(sum, more)| *sum += more);
            }
            let column = |figure: usize| changed.iter().map(|&at| now[at][figure]).collect();
            told.push(ThreadCounters {
                time_us: self.duration_us * tick / THREAD_TICKS,
                threads: changed.iter().map(|&at| ids[at]).collect(),
                allocations: column(0),
                allocated_bytes: column(1),
                frees: column(2),
                freed_bytes: column(3),
                ended: changed.iter().map(|&at| now[at][4] as u8).collect(),
            });
        }
        told
    }

    /// A trace of it.
    pub(crate) fn trace(&self) -> Vec<u8> {
        let mut random = self.random;
        let Record::Session(session) = session() else { unreachable!("session() makes a session") };
        let mut records =
            vec![Record::Session(Session { cpus: 4, ..session }), Record::Interval(self.interval)];
        records.push(Record::Threads(Threads { threads: self.threads.clone() }));
        let functions = || std::iter::once("app::main").chain(self.sites.iter().map(String::as_str));
        let frames: Vec<(i64, &str)> = (1..).map(|at| at * 0x1000).zip(functions()).collect();
        let nodes: Vec<(u32, u32)> =
            (1..).zip(&frames).map(|(frame, _)| (u32::from(frame > 1), frame)).collect();
        records.push(stacks(&nodes, &frames.iter().map(|frame| frame.0).collect::<Vec<_>>()));
        let mut drawn: Vec<&Allocation> = self
            .allocations
            .iter()
            .filter(|made| random.share() <= self.interval.probability(made.size_bytes))
            .collect();
        drawn.sort_by_key(|made| made.start_us);
        let counters = self.counters(120);
        records.extend(sample_records(&drawn, &counters));
        records.extend(self.thread_counters().into_iter().map(Record::ThreadCounters));
        records.extend(self.resources.iter().copied().map(Record::Resources));
        records.extend(self.parts.iter().copied().map(Record::MemoryParts));
        records.push(symbols(&frames));
        records.push(Record::End(End {
            reason: 1,
            totals: counters.last().copied().unwrap_or_default(),
            threads: self.threads.len() as u64,
            samples: drawn.len() as u64,
            ..End::default()
        }));
        write(&records)
    }
}

/// A `realloc` that moved, of what was something before.
fn kind(old_bytes: u64) -> AllocationKind {
    if old_bytes > 0 { AllocationKind::ReallocMoved } else { AllocationKind::Alloc }
}

/// The sites; then for each tick what was sampled and freed since the one before, and the counters: where the peak was is told while what was live then still is.
fn sample_records(drawn: &[&Allocation], counters: &[Counters]) -> Vec<Record> {
    let key = |made: &Allocation| (made.site, made.size_bytes, made.old_bytes);
    let mut ids: BTreeMap<(usize, u64, u64), u32> = BTreeMap::new();
    drawn.iter().for_each(|made| {
        ids.entry(key(made)).or_default();
    });
    (0..).zip(ids.values_mut()).for_each(|(at, id)| *id = at);
    let mut records = vec![Record::Sites(Sites {
        first_site: 0,
        stacks: ids.keys().map(|key| key.0 as u32 + 2).collect(),
        sizes: ids.keys().map(|key| key.1).collect(),
        old_sizes: ids.keys().map(|key| key.2).collect(),
        scopes: vec![0; ids.len()],
        kinds: ids.keys().map(|key| kind(key.2) as u8).collect(),
    })];
    let mut frees: Vec<(u64, u32, u64)> =
        (0..).zip(drawn).filter_map(|(id, made)| made.freed_us.map(|us| (us, made.freed_by, id))).collect();
    frees.sort_unstable();
    let (mut drawn, mut frees) = (drawn, frees.as_slice());
    let mut first_sample = 0;
    for tick in counters {
        let until = drawn.partition_point(|made| made.start_us <= tick.time_us);
        for made in drawn[..until].chunks(MAX_ROWS) {
            records.push(Record::Samples(Samples {
                first_sample,
                interval: 0,
                base_us: 0,
                delta_us: differences(made.iter().map(|made| made.start_us)),
                threads: made.iter().map(|made| made.thread).collect(),
                sites: made.iter().map(|made| ids[&key(made)]).collect(),
            }));
            first_sample += made.len() as u64;
        }
        drawn = &drawn[until..];
        let until = frees.partition_point(|free| free.0 <= tick.time_us);
        records.extend(frees[..until].chunks(MAX_ROWS).map(|frees| {
            Record::Frees(Frees {
                base_us: 0,
                delta_us: differences(frees.iter().map(|free| free.0)),
                threads: frees.iter().map(|free| free.1).collect(),
                sample_deltas: differences(frees.iter().map(|free| free.2)),
            })
        }));
        frees = &frees[until..];
        records.push(Record::Counters(*tick));
    }
    records
}

/// Each minus the one before, the first as it is.
fn differences(values: impl Iterator<Item = u64>) -> Vec<i64> {
    let mut before = 0;
    values.map(|value| value as i64 - std::mem::replace(&mut before, value as i64)).collect()
}
