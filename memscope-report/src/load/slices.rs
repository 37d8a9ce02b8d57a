//! What call sites did over time: counts of samples by site, thread, probability and stretch of time.
//!
//! All samples of a site are of one size, and their probability follows from it and the interval: so a whole number of samples
//! made and freed says everything, and sums that are made of it later are the same to the last bit, whatever the order.
//!
//! # In bounded memory
//!
//! Events are counted in a small cache that is looked up by hash, one place for each; what is displaced from it goes to a log, which
//! is sorted and summed up when it has grown to twice its size. If that leaves more than [`ENTRIES_MAX`] entries, the call stacks with least
//! bytes so far are *folded*: all their samples, past and coming, are one cell for each thread, scope and bin, as weighted sums. So
//! a stack is either told apart from the first sample to the last or not at all. Traces with fewer entries than that, that is all with
//! fewer events and most with a hundred times as many, have no folded stacks.

use super::bins::Bins;
use super::folded::FoldedCells;
use super::site_times::{Entry, SiteActivity, SitePlace, SiteTimes};
use super::weights::Weight;
use std::collections::{HashMap, HashSet};

/// Entries that are kept after the log was summed up.
const ENTRIES_MAX: usize = 1 << 19;
/// Places in the cache, a power of two.
const CACHE_PLACES: usize = 1 << 13;
/// Rather than to tell fewer stacks apart, bins are made longer.
const STACKS_MIN: usize = 512;
/// Stacks that are told apart at most once some are folded.
const STACKS_MAX: usize = 1_024;
/// But not longer than that so many are left.
const BINS_MIN: u32 = 32;
/// Cells of folded stacks that are kept, as long as there is more than one bin.
const FOLDED_MAX: usize = 1 << 16;
/// In the place of a scope: the site's stack is not folded.
const TOLD_APART: u32 = u32::MAX;

/// A [`SiteTimes`] in the making.
#[derive(Debug)]
pub(super) struct SliceFold {
    bins: Bins,
    cache: Box<[Entry]>,
    log: Vec<Entry>,
    /// Length of the log at which it is summed up.
    log_max: usize,
    entries_max: usize,
    places: Vec<SitePlace>,
    /// For each row the scope of a site whose stack is folded, as a place in `scopes`; [`TOLD_APART`] for others.
    scope_of: Vec<u32>,
    scopes: Vec<u32>,
    place_of_scope: HashMap<u32, u32>,
    folded_stacks: HashSet<u32>,
    folded: FoldedCells,
}

/// What happened to a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Allocated,
    Freed,
}

impl Default for SliceFold {
    fn default() -> Self {
        Self {
            bins: Bins::default(),
            cache: vec![Entry::default(); CACHE_PLACES].into_boxed_slice(),
            log: Vec::new(),
            log_max: 4 * CACHE_PLACES,
            entries_max: ENTRIES_MAX,
            places: Vec::new(),
            scope_of: Vec::new(),
            scopes: Vec::new(),
            place_of_scope: HashMap::new(),
            folded_stacks: HashSet::new(),
            folded: FoldedCells::default(),
        }
    }
}

impl SliceFold {
    /// Adds the sites of the rows that follow.
    pub(super) fn add_places(&mut self, places: impl Iterator<Item = SitePlace>) {
        let first = self.places.len();
        self.places.extend(places);
        self.scope_of.resize(self.places.len(), TOLD_APART);
        self.mark_folded(first);
    }

    /// Marks the rows from `first` on whose stacks are folded.
    fn mark_folded(&mut self, first: usize) {
        if self.folded_stacks.is_empty() {
            return;
        }
        for (place, scope_of) in self.places.iter().zip(&mut self.scope_of).skip(first) {
            if *scope_of == TOLD_APART && self.folded_stacks.contains(&place.stack) {
                *scope_of = *self.place_of_scope.entry(place.scope).or_insert_with(|| {
                    self.scopes.push(place.scope);
                    (self.scopes.len() - 1) as u32
                });
            }
        }
    }

    /// The scope of a site whose stack is folded.
    fn folded_scope(&self, site_row: u32) -> Option<u32> {
        self.scopes.get(self.scope_of[site_row as usize] as usize).copied()
    }

    /// Counts what happened to a sample of a site, made by a thread and of that weight.
    #[inline]
    pub(super) fn add(
        &mut self,
        (site_row, thread, weight): (u32, u32, u32),
        time_us: u64,
        happening: Happening,
        weights: &[Weight],
    ) {
        if !self.bins.has(time_us) {
            let doublings = self.bins.reach(time_us);
            self.shift_bins(doublings, weights);
        }
        let bin = self.bins.of(time_us);
        if let Some(scope) = self.folded_scope(site_row) {
            let key = self.folded.key((thread, scope, bin));
            self.folded.add(key + u32::from(happening == Happening::Freed), weight, weights);
            return;
        }
        let fresh = Entry::of(site_row, thread, bin, weight);
        let entry = &mut self.cache[fresh.hash() & (CACHE_PLACES - 1)];
        if (entry.who, entry.when) != (fresh.who, fresh.when) || entry.allocated.max(entry.freed) == u32::MAX
        {
            let displaced = std::mem::replace(entry, fresh);
            if !displaced.is_empty() {
                self.log.push(displaced);
            }
        }
        match happening {
            Happening::Allocated => entry.allocated += 1,
            Happening::Freed => entry.freed += 1,
        }
        if self.log.len() >= self.log_max {
            self.sum_up(weights);
        }
    }

    fn shift_bins(&mut self, doublings: u32, weights: &[Weight]) {
        self.empty_cache();
        self.log.iter_mut().for_each(|entry| entry.shift_bin(doublings));
        self.folded.shift_bins(doublings, weights);
    }

    fn empty_cache(&mut self) {
        for entry in &mut self.cache {
            if !entry.is_empty() {
                self.log.push(std::mem::take(entry));
            }
        }
    }

    fn sum_up(&mut self, weights: &[Weight]) {
        self.merge_log(weights);
        while self.log.len() > self.entries_max {
            let bins = self.log.iter().map(Entry::bin).max().unwrap_or(0) + 1;
            if !self.fold_stacks(bins <= BINS_MIN, weights) {
                self.bins.double();
                self.shift_bins(1, weights);
            }
            self.merge_log(weights);
        }
        while self.folded.cells.len() > FOLDED_MAX && self.folded.cells.iter().any(|(.., bin)| *bin > 0) {
            self.bins.double();
            self.shift_bins(1, weights);
            self.merge_log(weights);
        }
        self.log_max = (2 * self.log.len()).max(4 * CACHE_PLACES);
    }

    /// Sorts the log and sums up what is the same; what is of folded stacks leaves it.
    fn merge_log(&mut self, weights: &[Weight]) {
        if !self.folded_stacks.is_empty() {
            let mut log = std::mem::take(&mut self.log);
            log.retain(|entry| {
                let Some(scope) = self.folded_scope(entry.site_row()) else { return true };
                let key = self.folded.key((entry.thread(), scope, entry.bin()));
                self.folded.add_many(key, entry.weight(), entry.allocated, weights);
                self.folded.add_many(key + 1, entry.weight(), entry.freed, weights);
                false
            });
            self.log = log;
        }
        // Much of it is in order from the last time, which a stable sort makes use of.
        self.log.sort_by_key(Entry::key);
        self.log.dedup_by(|later, earlier| {
            let sums =
                (earlier.allocated.checked_add(later.allocated), earlier.freed.checked_add(later.freed));
            let (true, (Some(allocated), Some(freed))) = (later.key() == earlier.key(), sums) else {
                return false;
            };
            (earlier.allocated, earlier.freed) = (allocated, freed);
            true
        });
    }

    /// Folds the stacks with least bytes allocated and live so far, such that the others have half as many entries as there may be.
    /// Returns `false` and does nothing if fewer than [`STACKS_MIN`] would be left, unless `at_any_price`.
    fn fold_stacks(&mut self, at_any_price: bool, weights: &[Weight]) -> bool {
        let mut stacks: HashMap<u32, StackWeight> = HashMap::new();
        let (mut allocated, mut live) = (0.0, 0.0);
        // The log is in the order of the sites: one look-up for each.
        for of_site in self.log.chunk_by(|one, other| one.site_row() == other.site_row()) {
            let stack = self.places[of_site[0].site_row() as usize].stack;
            let stack = stacks.entry(stack).or_default();
            stack.entries += of_site.len();
            for entry in of_site {
                let weight = weights.get(entry.weight() as usize);
                let bytes = weight.map_or(0.0, |weight| weight.size_bytes as f64 / weight.probability);
                let bytes = (f64::from(entry.allocated) * bytes, f64::from(entry.freed) * bytes);
                stack.allocated += bytes.0;
                stack.live += bytes.0 - bytes.1;
                allocated += bytes.0;
                live += bytes.0 - bytes.1;
            }
        }
        let share = |stack: &StackWeight| {
            (stack.allocated / f64::max(allocated, 1.0)).max(stack.live / f64::max(live, 1.0))
        };
        let mut ranked: Vec<(u32, f64, usize)> =
            stacks.into_iter().map(|(stack, weight)| (stack, share(&weight), weight.entries)).collect();
        ranked.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut entries = 0;
        let kept = ranked.iter().take(STACKS_MAX).take_while(|(_, _, count)| {
            entries += count;
            entries <= self.entries_max / 2
        });
        let kept = kept.count();
        if kept < STACKS_MIN.min(ranked.len() / 2) && !at_any_price {
            return false;
        }
        self.folded_stacks.extend(ranked[kept..].iter().map(|(stack, ..)| *stack));
        self.mark_folded(0);
        true
    }

    /// Whether some of it are weighted sums already.
    pub(super) fn has_spilled(&self) -> bool {
        self.folded.has_spilled()
    }

    /// Sums up the last of it.
    pub(super) fn complete(&mut self, weights: &[Weight]) {
        self.empty_cache();
        self.sum_up(weights);
    }

    /// The whole, once it is complete.
    pub(super) fn finish(self, weights: &[Weight]) -> SiteTimes {
        let bin_us =
            if self.log.is_empty() && self.folded.cells.is_empty() { 0 } else { self.bins.width_us() };
        let entry = |entry: &Entry| SiteActivity {
            site_row: entry.site_row(),
            thread: entry.thread(),
            bin: entry.bin(),
            allocated: entry.allocated,
            freed: entry.freed,
            probability: weights.get(entry.weight() as usize).map_or(1.0, |weight| weight.probability),
        };
        let folded = self.folded.finish(weights);
        SiteTimes { bin_us, entries: self.log.iter().map(entry).collect(), folded }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct StackWeight {
    allocated: f64,
    live: f64,
    entries: usize,
}

#[cfg(test)]
mod tests {
    use super::super::ownership::Amount;
    use super::super::weights::WeightTable;
    use super::*;
    use memscope_trace::Interval;
    use proptest::prelude::*;

    fn places(count: u32) -> Vec<SitePlace> {
        (0..count).map(|at| SitePlace { stack: at / 2 + 1, scope: at % 3 }).collect()
    }

    fn size_bytes(site_row: u32) -> u64 {
        16 << (site_row % 8)
    }

    fn fold(entries_max: usize) -> SliceFold {
        let mut fold = SliceFold { entries_max, ..SliceFold::default() };
        fold.add_places(places(40).into_iter());
        fold
    }

    /// That of site `i` and of probability `1 / p` (1 to 3) is number `8 (p - 1) + i % 8`.
    fn weights() -> WeightTable {
        let mut weights = WeightTable::default();
        for p in 1..4_u32 {
            let interval = Interval { id: p, ..Interval::default() };
            let under = weights.under(&interval, 1.0 / f64::from(p));
            for site_row in 0..8 {
                weights.of(under, size_bytes(site_row));
            }
        }
        weights
    }

    fn sample(site_row: u32, thread: u32, p: u32) -> (u32, u32, u32) {
        // There are eight sizes.
        (site_row, thread, 8 * (p - 1) + site_row % 8)
    }

    fn totals(times: &SiteTimes) -> [f64; 4] {
        let (mut allocated, mut freed) = (Amount::default(), Amount::default());
        for cell in &times.folded {
            allocated.merge(&cell.allocated);
            freed.merge(&cell.freed);
        }
        for entry in &times.entries {
            let size = size_bytes(entry.site_row);
            allocated.add_many(entry.allocated.into(), size, entry.probability);
            freed.add_many(entry.freed.into(), size, entry.probability);
        }
        [
            allocated.bytes.value(),
            allocated.bytes.variance(),
            freed.bytes.value(),
            freed.allocations.variance(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever the bounds, nothing is lost, and an entry that is told apart is complete.
        #[test]
        fn bounds_cost_detail_and_no_bytes(
            events in prop::collection::vec((0_u32..40, 1_u32..6, 0_u64..5_000, 1_u32..4, any::<bool>()), 1..2_000),
            entries_max in 1_usize..2_000,
            every in 1_usize..100,
        ) {
            let (mut bounded, mut plain) = (fold(entries_max), fold(ENTRIES_MAX));
            let table = weights();
            let weights = table.rows();
            for (at, &(site, thread, time_us, p, freed)) in events.iter().enumerate() {
                let time_us = time_us * at as u64;
                let happening = if freed { Happening::Freed } else { Happening::Allocated };
                for fold in [&mut bounded, &mut plain] {
                    fold.add(sample(site, thread, p), time_us, happening, weights);
                }
                if at % every == 0 {
                    bounded.complete(weights);
                }
            }
            bounded.complete(weights);
            plain.complete(weights);
            let (bounded, plain) = (bounded.finish(weights), plain.finish(weights));
            prop_assert!(bounded.entries.len() <= entries_max);
            prop_assert!(plain.folded.is_empty() && plain.bin_us <= bounded.bin_us);
            for (one, other) in totals(&bounded).into_iter().zip(totals(&plain)) {
                prop_assert!((one - other).abs() <= 1e-6 * other.max(1.0), "{} {}", one, other);
            }
            let count = |times: &SiteTimes| {
                let mut rows = [0_u64; 40];
                for entry in &times.entries {
                    rows[entry.site_row as usize] += u64::from(entry.allocated) + u64::from(entry.freed);
                }
                rows
            };
            for (one, other) in count(&bounded).into_iter().zip(count(&plain)) {
                prop_assert!(one == 0 || one == other);
            }
        }
    }

    #[test]
    fn the_heaviest_stacks_are_told_apart_longest() {
        let mut fold = fold(8);
        for (site, at) in (0..40).zip((0..40_u64).cycle()) {
            let samples = if site == 30 { 1_000 } else { 1 };
            (0..samples)
                .for_each(|_| fold.add(sample(site, 1, 2), at, Happening::Allocated, weights().rows()));
        }
        fold.complete(weights().rows());
        let times = fold.finish(weights().rows());
        assert!(times.entries.iter().any(|entry| entry.site_row == 30), "{:?}", times.entries);
        assert!(times.entries.len() <= 8 && !times.folded.is_empty());
    }

    #[test]
    fn a_site_that_joins_a_folded_stack_is_folded() {
        let mut fold = fold(4);
        let table = weights();
        for site in 0..40 {
            fold.add(sample(site, 1, 2), u64::from(site), Happening::Allocated, table.rows());
        }
        fold.complete(table.rows());
        let stack = *fold.folded_stacks.iter().min().unwrap();
        fold.add_places([SitePlace { stack, scope: 0 }].into_iter());
        assert_eq!(fold.folded_scope(40), Some(0));
    }
}
