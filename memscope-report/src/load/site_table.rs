//! The trace's call sites while samples are folded into them: counts in little memory, weighted sums only at the end.
//!
//! All samples of a site are of one size, and under one interval of one probability. So as long as the interval stays, whole numbers
//! are all that has to be kept, and one row of a few words serves a sample and its free. When the probability changes the numbers are
//! *settled* into weighted sums.

use super::sites::{self, Site, SiteSamples, TEMPORARY_US};
use super::table::IdTable;
use crate::statistics::Total;
use memscope_trace::{AllocationKind, Interval};

/// What a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) stack: u32,
    pub(super) scope: u32,
    pub(super) size_bytes: u64,
    pub(super) old_size_bytes: u64,
    pub(super) kind: u8,
}

/// What its samples of one probability are.
#[derive(Debug, Clone, Copy)]
struct Counts {
    probability: f64,
    /// The site's size and scope again, beside what is asked for with them.
    size_bytes: u64,
    scope: u32,
    /// Sum of the lifetimes of those freed, microseconds.
    lifetime_us: f64,
    /// The interval that `probability` was computed for.
    interval: u32,
    allocated: u32,
    freed: u32,
    temporary: u32,
    cross_thread: u32,
}

/// What its samples of earlier probabilities add up to.
#[derive(Debug, Clone, Default)]
struct Settled {
    allocated: Total,
    freed: Total,
    temporary: Total,
    cross_thread: Total,
    lifetime_us: f64,
}

/// The sites.
#[derive(Debug, Default)]
pub(super) struct SiteTable {
    definitions: IdTable<Definition>,
    counts: Vec<Counts>,
    /// What was settled, by row: only of sites whose probability has changed.
    settled: Vec<Option<Box<Settled>>>,
}

impl SiteTable {
    /// As [`IdTable::extend`].
    pub(super) fn extend(&mut self, first_id: u32, rows: impl ExactSizeIterator<Item = Definition>) -> u64 {
        let left_out = self.definitions.extend(first_id, rows);
        let none = |site: &Definition| Counts {
            size_bytes: site.size_bytes,
            scope: site.scope,
            probability: 1.0,
            lifetime_us: 0.0,
            interval: u32::MAX,
            allocated: 0,
            freed: 0,
            temporary: 0,
            cross_thread: 0,
        };
        let new = &self.definitions.rows()[self.counts.len()..];
        self.counts.extend(new.iter().map(none));
        self.settled.resize_with(self.counts.len(), || None);
        left_out
    }

    /// The row of a site.
    pub(super) fn row_of(&self, id: u32) -> Option<usize> {
        self.definitions.row_of(id)
    }

    /// The definitions by row.
    pub(super) fn definitions(&self) -> &[Definition] {
        self.definitions.rows()
    }

    /// Counts a sample drawn under `interval`, of which the share `retained` was recorded; returns its probability,
    /// size and scope.
    pub(super) fn add_sample(&mut self, row: usize, interval: &Interval, retained: f64) -> (f64, (u64, u32)) {
        let counts = &mut self.counts[row];
        if counts.interval != interval.id || counts.allocated == u32::MAX {
            let probability = sites::probability(interval, counts.size_bytes) * retained;
            if probability != counts.probability || counts.allocated == u32::MAX {
                self.settle(row as u32);
            }
            let counts = &mut self.counts[row];
            (counts.probability, counts.interval) = (probability, interval.id);
        }
        let counts = &mut self.counts[row];
        counts.allocated += 1;
        (counts.probability, (counts.size_bytes, counts.scope))
    }

    /// Counts the end of a sample that had `probability`, as [`SiteSamples::add_free`]; returns the site's size and scope.
    pub(super) fn add_free(
        &mut self,
        row: usize,
        probability: f64,
        lifetime_us: u64,
        thread: u32,
        freed_by: u32,
    ) -> (u64, u32) {
        let counts = &mut self.counts[row];
        let size_and_scope = (counts.size_bytes, counts.scope);
        if counts.probability != probability || counts.freed == u32::MAX {
            let one =
                Counts { allocated: 0, freed: 0, temporary: 0, cross_thread: 0, lifetime_us: 0.0, ..*counts };
            let mut one = Counts { probability, ..one };
            one.add_free(lifetime_us, thread, freed_by);
            self.settled[row].get_or_insert_default().add(&one);
        } else {
            counts.add_free(lifetime_us, thread, freed_by);
        }
        size_and_scope
    }

    /// Makes sums of the counts of row `row`.
    fn settle(&mut self, row: u32) {
        let counts = &mut self.counts[row as usize];
        let none =
            Counts { allocated: 0, freed: 0, temporary: 0, cross_thread: 0, lifetime_us: 0.0, ..*counts };
        let counts = std::mem::replace(counts, none);
        if u64::from(counts.allocated) + u64::from(counts.freed) > 0 {
            self.settled[row as usize].get_or_insert_default().add(&counts);
        }
    }

    /// The sites with what was folded into them.
    pub(super) fn into_sites(mut self) -> Vec<Site> {
        let definitions = self.definitions.into_rows();
        let mut sites = Vec::with_capacity(definitions.len());
        for (definition, (counts, settled)) in
            definitions.into_iter().zip(self.counts.iter().zip(&mut self.settled))
        {
            let mut sums = settled.take().unwrap_or_default();
            sums.add(counts);
            let samples = SiteSamples {
                allocated: sums.allocated,
                freed: sums.freed,
                temporary: sums.temporary,
                cross_thread: sums.cross_thread,
                lifetime_us: sums.lifetime_us,
                ..SiteSamples::default()
            };
            sites.push(Site {
                stack: definition.stack,
                size_bytes: definition.size_bytes,
                old_size_bytes: definition.old_size_bytes,
                scope: definition.scope,
                kind: AllocationKind::from_u8(definition.kind),
                samples,
            });
        }
        sites
    }
}

impl Counts {
    /// Counts the end of a sample, as [`SiteSamples::add_free`].
    fn add_free(&mut self, lifetime_us: u64, thread: u32, freed_by: u32) {
        self.freed += 1;
        self.lifetime_us += lifetime_us as f64;
        if thread != 0 && freed_by != 0 {
            self.cross_thread += u32::from(thread != freed_by);
            self.temporary += u32::from(thread == freed_by && lifetime_us <= TEMPORARY_US);
        }
    }
}

impl Settled {
    fn add(&mut self, counts: &Counts) {
        let add = |total: &mut Total, count: u32| total.add_many(count.into(), 1.0, counts.probability);
        add(&mut self.allocated, counts.allocated);
        add(&mut self.freed, counts.freed);
        add(&mut self.temporary, counts.temporary);
        add(&mut self.cross_thread, counts.cross_thread);
        self.lifetime_us += counts.lifetime_us / counts.probability;
    }
}
