//! The exact figures of paths: the tables of all threads, summed. Each thread numbers its paths by itself; here each has one number.

use super::scopes::Clock;
use crate::control;
use crate::scope::PathFigures;
use crate::thread::record::ThreadRecord;
use crate::thread::registry;
use memscope_trace::{MAX_ROWS, Record, ScopePaths};
use std::collections::HashMap;

/// Paths that the trace is told of, over all threads.
const MOST_TOLD: usize = 8192;

/// The paths that the trace knows, and the sums of threads that are gone.
#[derive(Default)]
pub(super) struct PathBook {
    /// Numbers by what is around and the scope; from 1.
    numbers: HashMap<(u32, u32), u32>,
    /// The same, in their order.
    paths: Vec<(u32, u32)>,
    gone: Sums,
    told: Vec<PathFigures>,
}

#[derive(Clone, Default)]
struct Sums {
    /// By number, less 1.
    figures: Vec<PathFigures>,
    refused: u64,
}

impl PathBook {
    /// Keeps the figures of a thread that has ended.
    pub(super) fn fold(&mut self, record: &ThreadRecord) {
        let mut gone = std::mem::take(&mut self.gone);
        self.add(record, &mut gone);
        self.gone = gone;
    }

    fn add(&mut self, record: &ThreadRecord, sums: &mut Sums) {
        let Some(table) = record.scope_table() else { return };
        // The thread's numbers; `None` where there was no room. Those above others come first.
        let mut numbers: Vec<Option<u32>> = vec![Some(0)];
        let mut refused = 0;
        refused += table.for_each_path(control::generation(), |path| {
            let above = numbers.get(path.above as usize).copied().flatten();
            let number = above.and_then(|above| self.number(above, path.scope));
            numbers.push(number);
            let Some(number) = number else {
                refused += 1;
                return;
            };
            sums.figures.resize(self.paths.len().max(sums.figures.len()), PathFigures::default());
            sums.figures[number as usize - 1].add(path.figures);
        });
        sums.refused += refused;
    }

    fn number(&mut self, above: u32, scope: u32) -> Option<u32> {
        let known = self.numbers.get(&(above, scope)).copied();
        known.or_else(|| {
            let number = (self.paths.len() < MOST_TOLD).then_some(self.paths.len() as u32 + 1)?;
            self.paths.push((above, scope));
            self.numbers.insert((above, scope), number);
            Some(number)
        })
    }

    /// Tells the trace the figures of paths that have changed.
    pub(super) fn figures(&mut self, time_us: u64, clock: &Clock, records: &mut Vec<Record>) {
        let mut sums = self.gone.clone();
        registry::for_each(|record| self.add(record, &mut sums));
        sums.figures.resize(self.paths.len(), PathFigures::default());
        let is_new = |(at, figures): &(usize, &PathFigures)| self.told.get(*at) != Some(*figures);
        let new: Vec<(usize, &PathFigures)> = sums.figures.iter().enumerate().filter(is_new).collect();
        let us_per_tick = clock.us_per_tick();
        for rows in new.chunks(MAX_ROWS) {
            let column = |of: fn(&PathFigures) -> u64| rows.iter().map(|(_, figures)| of(figures)).collect();
            let times = |of: fn(&PathFigures) -> u64| {
                rows.iter().map(|(_, figures)| (of(figures) as f64 * us_per_tick) as u64).collect()
            };
            records.push(Record::ScopePaths(ScopePaths {
                time_us,
                refused: sums.refused,
                paths: rows.iter().map(|(at, _)| *at as u32 + 1).collect(),
                above: rows.iter().map(|(at, _)| self.paths[*at].0).collect(),
                scopes: rows.iter().map(|(at, _)| self.paths[*at].1).collect(),
                calls: column(|figures| figures.calls),
                cancelled: column(|figures| figures.cancelled),
                polls: column(|figures| figures.polls),
                busy_us: times(|figures| figures.busy_ticks),
                wall_us: times(|figures| figures.busy_ticks.wrapping_add(figures.waited_ticks)),
                allocations: column(|figures| figures.allocations),
                allocated_bytes: column(|figures| figures.allocated_bytes),
                own_allocations: column(|figures| figures.own_allocations),
                own_allocated_bytes: column(|figures| figures.own_allocated_bytes),
                frees: column(|figures| figures.frees),
                freed_bytes: column(|figures| figures.freed_bytes),
            }));
        }
        self.told = sums.figures;
    }
}
