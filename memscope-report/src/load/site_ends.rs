//! How the samples of each call site ended, while they pass by: counts in little memory, weighted sums only at the end.
//!
//! All samples of a site are of one size, so under one interval of one weight. A row of half a cache line holds the ends of those of the
//! weight that came last. Those of other weights are *settled*: the row moves to a list of its site. Where such rows would be more
//! than [`SETTLED_MAX`], they are put into the site's [`SiteSamples`] (*spilled*).

use super::site_samples::{Counted, Ending, SiteSamples};
use super::weights::{NO_WEIGHT, Weight};
use std::collections::HashMap;

/// Settled rows that are kept: 64 MB.
const SETTLED_MAX: usize = 1 << 21;
/// The end of a list.
const END: u32 = u32::MAX;

/// The ends of a site's samples of one weight.
#[derive(Debug, Clone, Copy)]
struct Counts {
    /// Sum of the lifetimes, microseconds.
    lifetime_us: f64,
    weight: u32,
    freed: u32,
    temporary: u32,
    cross_thread: u32,
    /// The row settled before, of the same site.
    before: u32,
}

impl Counts {
    fn none(weight: u32, before: u32) -> Self {
        Self { lifetime_us: 0.0, weight, freed: 0, temporary: 0, cross_thread: 0, before }
    }

    /// Whether another end of that weight may be counted here.
    fn takes(&self, weight: u32) -> bool {
        self.weight == weight && self.freed < u32::MAX
    }

    #[inline]
    fn add(&mut self, ending: Ending) {
        self.freed += 1;
        self.lifetime_us += ending.lifetime_us as f64;
        self.cross_thread += u32::from(ending.is_cross_thread);
        self.temporary += u32::from(ending.is_temporary);
    }

    fn add_to(&self, samples: &mut SiteSamples, weights: &[Weight]) {
        let Some(Weight { probability, .. }) = weights.get(self.weight as usize) else { return };
        samples.add(&Counted {
            probability: *probability,
            freed: self.freed.into(),
            temporary: self.temporary.into(),
            cross_thread: self.cross_thread.into(),
            ..Counted::default()
        });
        samples.lifetime_us += self.lifetime_us / probability;
    }
}

/// The ends, by the row of the site.
#[derive(Debug)]
pub(super) struct SiteEnds {
    counts: Vec<Counts>,
    settled: Vec<Counts>,
    settled_max: usize,
    /// By row.
    spilled: HashMap<u32, Box<SiteSamples>>,
}

impl Default for SiteEnds {
    fn default() -> Self {
        Self { counts: Vec::new(), settled: Vec::new(), settled_max: SETTLED_MAX, spilled: HashMap::new() }
    }
}

impl SiteEnds {
    /// Makes room for so many sites.
    pub(super) fn reach(&mut self, sites: usize) {
        self.counts.resize(sites, Counts::none(NO_WEIGHT, END));
    }

    /// Whether some of it are weighted already.
    pub(super) fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    /// Looks at the rows of some sites, all at once: what follows then finds them in the processor's cache.
    pub(super) fn touch(&self, rows: impl Iterator<Item = u32>) {
        let counts = rows.filter_map(|row| self.counts.get(row as usize));
        std::hint::black_box(counts.fold(0, |sum, counts| counts.weight ^ sum));
    }

    /// Counts the end of a sample of weight number `weight`, one of `weights`.
    #[inline]
    pub(super) fn add(&mut self, row: u32, (weight, weights): (u32, &[Weight]), ending: Ending) {
        let counts = &mut self.counts[row as usize];
        if counts.takes(weight) {
            counts.add(ending);
        } else {
            self.add_apart(row, (weight, weights), ending);
        }
    }

    /// The same for a weight that is not the one that came last.
    fn add_apart(&mut self, row: u32, (weight, weights): (u32, &[Weight]), ending: Ending) {
        let mut at = self.counts[row as usize].before;
        while let Some(settled) = self.settled.get_mut(at as usize) {
            if settled.takes(weight) {
                return settled.add(ending);
            }
            at = settled.before;
        }
        if self.settled.len() >= self.settled_max {
            self.spill(weights);
        }
        let counts = &mut self.counts[row as usize];
        let mut begun = Counts::none(weight, counts.before);
        if counts.weight != NO_WEIGHT {
            begun.before = self.settled.len() as u32;
            self.settled.push(*counts);
        }
        begun.add(ending);
        *counts = begun;
    }

    /// Weighs all that is settled.
    fn spill(&mut self, weights: &[Weight]) {
        for (row, counts) in (0..).zip(&mut self.counts) {
            let first = std::mem::replace(&mut counts.before, END);
            if first != END {
                let samples = self.spilled.entry(row).or_default();
                chain(&self.settled, first).for_each(|counts| counts.add_to(samples, weights));
            }
        }
        self.settled.clear();
    }

    /// What it comes to for each site, in the order of the rows.
    pub(super) fn into_samples(mut self, weights: &[Weight]) -> impl Iterator<Item = SiteSamples> {
        (0..).zip(self.counts).map(move |(row, counts)| {
            let mut samples = match self.spilled.is_empty() {
                true => SiteSamples::default(),
                false => self.spilled.remove(&row).map_or_else(SiteSamples::default, |samples| *samples),
            };
            counts.add_to(&mut samples, weights);
            chain(&self.settled, counts.before).for_each(|counts| counts.add_to(&mut samples, weights));
            samples
        })
    }
}

/// The settled rows of a site, the latest first.
fn chain(settled: &[Counts], first: u32) -> impl Iterator<Item = &Counts> {
    std::iter::successors(settled.get(first as usize), |counts| settled.get(counts.before as usize))
}

#[cfg(test)]
mod tests {
    use super::super::weights::WeightTable;
    use super::*;
    use memscope_trace::Interval;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
        /// Samples under intervals that change, freed in any order: the sums are those of the samples one by one, whatever the room.
        #[test]
        fn counts_come_to_the_sums_of_the_samples(
            events in prop::collection::vec((0_u32..5, 0_u32..4, 0_u64..3_000, 0_u32..3), 0..200),
            settled_max in 0_usize..20,
        ) {
            let mut ends = SiteEnds { settled_max, ..SiteEnds::default() };
            ends.reach(5);
            let (mut weights, mut expected) = (WeightTable::default(), <[SiteSamples; 5]>::default());
            for &(row, id, lifetime_us, freed_by) in &events {
                let interval = Interval { id, interval_bytes: 100.0 * f64::from(id), ..Interval::default() };
                let (under, size_bytes) = (weights.under(&interval, 1.0), u64::from(10 + 90 * row));
                let weight = weights.of(under, size_bytes);
                let ending = Ending::new(lifetime_us, 1, freed_by);
                expected[row as usize].add_free(interval.probability(size_bytes), ending);
                ends.add(row, (weight, weights.rows()), ending);
            }
            prop_assert!(ends.settled.len() <= settled_max.max(1));
            let close = |one: f64, other: f64| (one - other).abs() <= 1e-9 * other.abs().max(1.0);
            for (samples, expected) in ends.into_samples(weights.rows()).zip(&expected) {
                let totals = |samples: &SiteSamples| {
                    [samples.allocated(), samples.freed(), samples.temporary(), samples.cross_thread()]
                };
                for (one, other) in totals(&samples).iter().zip(totals(expected)) {
                    prop_assert_eq!(one.samples(), other.samples());
                    prop_assert!(close(one.value(), other.value()) && close(one.variance(), other.variance()));
                }
                prop_assert!(close(samples.lifetime_us, expected.lifetime_us));
            }
        }
    }
}
