//! The trace's call sites while samples are folded into them: counts in little memory, weighted sums only at the end.
//!
//! All samples of a site are of one size, so under one interval of one weight. A row of half a cache line holds the numbers of those under the
//! interval in force, and serves a sample and its free. What came under earlier intervals is *settled*: the row moves to a list of its
//! site. Where such rows would be more than [`SETTLED_MAX`], they become weighted sums (*spilled*), a few for each site.

use super::sites::{Site, SiteSamples, TEMPORARY_US};
use super::table::IdTable;
use super::weights::{NO_WEIGHT, Weight, WeightTable};
use crate::statistics::Total;
use memscope_trace::AllocationKind;
use std::collections::HashMap;

/// Settled rows that are kept: 64 MB.
const SETTLED_MAX: usize = 1 << 21;
/// The end of a list.
const END: u32 = u32::MAX;

/// What a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) stack: u32,
    pub(super) scope: u32,
    pub(super) size_bytes: u64,
    pub(super) old_size_bytes: u64,
    pub(super) kind: u8,
}

/// What its samples of one weight are.
#[derive(Debug, Clone, Copy)]
struct Counts {
    /// Sum of the lifetimes of those freed, microseconds.
    lifetime_us: f64,
    weight: u32,
    allocated: u32,
    freed: u32,
    temporary: u32,
    cross_thread: u32,
    /// The row settled before, of the same site.
    before: u32,
}

impl Counts {
    fn none(weight: u32, before: u32) -> Self {
        Self { lifetime_us: 0.0, weight, allocated: 0, freed: 0, temporary: 0, cross_thread: 0, before }
    }

    /// Counts the end of a sample, as [`SiteSamples::add_free`].
    fn add_free(&mut self, lifetime_us: u64, thread: u32, freed_by: u32) {
        self.freed += 1;
        self.lifetime_us += lifetime_us as f64;
        let is_known = thread != 0 && freed_by != 0;
        self.cross_thread += u32::from(is_known && thread != freed_by);
        self.temporary += u32::from(is_known && thread == freed_by && lifetime_us <= TEMPORARY_US);
    }
}

/// The sites.
#[derive(Debug)]
pub(super) struct SiteTable {
    definitions: IdTable<Definition>,
    counts: Vec<Counts>,
    settled: Vec<Counts>,
    settled_max: usize,
    /// By row.
    spilled: HashMap<u32, Box<SiteSamples>>,
}

impl Default for SiteTable {
    fn default() -> Self {
        Self {
            definitions: IdTable::default(),
            counts: Vec::new(),
            settled: Vec::new(),
            settled_max: SETTLED_MAX,
            spilled: HashMap::new(),
        }
    }
}

impl SiteTable {
    /// As [`IdTable::extend`].
    pub(super) fn extend(&mut self, first_id: u32, rows: impl ExactSizeIterator<Item = Definition>) -> u64 {
        let left_out = self.definitions.extend(first_id, rows);
        self.counts.resize(self.definitions.rows().len(), Counts::none(NO_WEIGHT, END));
        left_out
    }

    /// The row of a site.
    #[inline]
    pub(super) fn row_of(&self, id: u32) -> Option<usize> {
        self.definitions.row_of(id)
    }

    /// The definitions by row.
    pub(super) fn definitions(&self) -> &[Definition] {
        self.definitions.rows()
    }

    /// Whether some of it are weighted sums already.
    pub(super) fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    /// Looks at the rows of some sites, all at once: what follows then finds them in the processor's cache.
    pub(super) fn touch(&self, ids: &[u32]) {
        let rows = ids.iter().filter_map(|&id| self.counts.get(self.row_of(id)?));
        std::hint::black_box(rows.fold(0, |sum, row| row.weight ^ sum));
    }

    /// Counts a sample drawn under the interval at place `under` of `weights`; returns its weight.
    #[inline]
    pub(super) fn add_sample(&mut self, row: usize, under: u32, weights: &mut WeightTable) -> u32 {
        let counts = &mut self.counts[row];
        if weights.interval_of(counts.weight) == under && counts.allocated < u32::MAX {
            counts.allocated += 1;
            return counts.weight;
        }
        let weight = weights.of(under, self.definitions.rows()[row].size_bytes);
        self.settle(row, weight, weights.rows());
        self.counts[row].allocated += 1;
        weight
    }

    /// Counts the end of a sample of weight number `weight`, as [`SiteSamples::add_free`].
    #[inline]
    pub(super) fn add_free(
        &mut self,
        row: usize,
        (weight, weights): (u32, &[Weight]),
        lifetime_us: u64,
        thread: u32,
        freed_by: u32,
    ) {
        let counts = &mut self.counts[row];
        if counts.weight == weight && counts.freed < u32::MAX {
            return counts.add_free(lifetime_us, thread, freed_by);
        }
        let mut at = counts.before;
        while let Some(settled) = self.settled.get_mut(at as usize) {
            if settled.weight == weight && settled.freed < u32::MAX {
                return settled.add_free(lifetime_us, thread, freed_by);
            }
            at = settled.before;
        }
        let probability = weights.get(weight as usize).map_or(1.0, |weight| weight.probability);
        self.spilled.entry(row as u32).or_default().add_free(probability, lifetime_us, thread, freed_by);
    }

    /// Begins a row of another weight for the site in row `row`.
    fn settle(&mut self, row: usize, weight: u32, weights: &[Weight]) {
        if self.settled.len() >= self.settled_max {
            self.spill(weights);
        }
        let mut counts = Counts::none(weight, self.counts[row].before);
        if self.counts[row].weight != NO_WEIGHT {
            counts.before = self.settled.len() as u32;
            self.settled.push(self.counts[row]);
        }
        self.counts[row] = counts;
    }

    /// Makes sums of all that is settled.
    fn spill(&mut self, weights: &[Weight]) {
        for (row, counts) in (0..).zip(&mut self.counts) {
            let first = std::mem::replace(&mut counts.before, END);
            if first != END {
                let sums = self.spilled.entry(row).or_default();
                chain(&self.settled, first).for_each(|counts| add_counts(sums, counts, weights));
            }
        }
        self.settled.clear();
    }

    /// The sites with what was folded into them.
    pub(super) fn into_sites(self, weights: &[Weight]) -> Vec<Site> {
        let Self { definitions, counts, settled, mut spilled, .. } = self;
        let rows = definitions.into_rows();
        let mut sites = Vec::with_capacity(rows.len());
        for (row, (definition, counts)) in (0..).zip(rows.into_iter().zip(&counts)) {
            let mut samples = match spilled.is_empty() {
                true => SiteSamples::default(),
                false => spilled.remove(&row).map_or_else(SiteSamples::default, |sums| *sums),
            };
            add_counts(&mut samples, counts, weights);
            chain(&settled, counts.before).for_each(|counts| add_counts(&mut samples, counts, weights));
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

/// The settled rows of a site, the latest first.
fn chain(settled: &[Counts], first: u32) -> impl Iterator<Item = &Counts> {
    std::iter::successors(settled.get(first as usize), |counts| settled.get(counts.before as usize))
}

/// Adds what the counts stand for.
fn add_counts(samples: &mut SiteSamples, counts: &Counts, weights: &[Weight]) {
    let Some(Weight { probability, .. }) = weights.get(counts.weight as usize) else { return };
    let mut one = Total::default();
    one.add(1.0, *probability);
    samples.allocated.add_times(counts.allocated.into(), &one);
    samples.freed.add_times(counts.freed.into(), &one);
    samples.temporary.add_times(counts.temporary.into(), &one);
    samples.cross_thread.add_times(counts.cross_thread.into(), &one);
    samples.lifetime_us += counts.lifetime_us * one.value();
}

#[cfg(test)]
mod tests {
    use super::*;
    use memscope_trace::Interval;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
        /// Samples under intervals that change, freed in any order: the sums are those of the samples one by one, whatever the room.
        #[test]
        fn counts_come_to_the_sums_of_the_samples(
            events in prop::collection::vec((0_usize..5, 0_u32..4, prop::option::of((0_u64..3_000, 0_u32..3))), 0..200),
            settled_max in 0_usize..20,
        ) {
            let mut table = SiteTable { settled_max, ..SiteTable::default() };
            let site = |at: u32| Definition { stack: 1, scope: 0, size_bytes: u64::from(10 + 90 * at), old_size_bytes: 0, kind: 0 };
            table.extend(0, (0..5).map(site));
            let (mut weights, mut expected) = (WeightTable::default(), [SiteSamples::default(); 5]);
            let mut to_free = Vec::new();
            for &(row, id, freed) in &events {
                let interval = Interval { id, interval_bytes: 100.0 * f64::from(id), ..Interval::default() };
                let under = weights.under(&interval, 1.0);
                let weight = table.add_sample(row, under, &mut weights);
                let probability = interval.probability(site(row as u32).size_bytes);
                expected[row].allocated.add(1.0, probability);
                if let Some((lifetime_us, freed_by)) = freed {
                    expected[row].add_free(probability, lifetime_us, 1, freed_by);
                    to_free.push((row, weight, lifetime_us, freed_by));
                }
            }
            for (row, weight, lifetime_us, freed_by) in to_free {
                table.add_free(row, (weight, weights.rows()), lifetime_us, 1, freed_by);
            }
            prop_assert!(table.settled.len() <= settled_max.max(1));
            let close = |one: f64, other: f64| (one - other).abs() <= 1e-9 * other.abs().max(1.0);
            for (site, expected) in table.into_sites(weights.rows()).iter().zip(&expected) {
                let totals = |samples: &SiteSamples| [samples.allocated, samples.freed, samples.temporary, samples.cross_thread];
                for (one, other) in totals(&site.samples).iter().zip(totals(expected)) {
                    prop_assert_eq!(one.samples(), other.samples());
                    prop_assert!(close(one.value(), other.value()) && close(one.variance(), other.variance()));
                }
                prop_assert!(close(site.samples.lifetime_us, expected.lifetime_us));
            }
        }
    }
}
