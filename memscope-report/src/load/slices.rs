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
use super::folded::{FoldedActivity, FoldedCells, hash};
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
/// How many samples of one site, made by one thread and with one probability, were made and freed in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct SiteActivity {
    /// The site: its place in [`Profile::sites`](super::Profile::sites).
    pub site_row: u32,
    /// The allocating thread's id.
    pub thread: u32,
    /// The stretch: times from `bin * bin_us` to below `(bin + 1) * bin_us`.
    pub bin: u32,
    /// Samples made in it.
    pub allocated: u32,
    /// Samples freed in it.
    pub freed: u32,
    /// The probability of each.
    pub probability: f64,
}

/// What call sites did over time. Samples whose site is lost are left out.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SiteTimes {
    /// Length of a bin, microseconds.
    pub bin_us: u64,
    /// By site, thread, bin.
    pub entries: Vec<SiteActivity>,
    /// What the sites did that are in no entry, by thread, scope, bin.
    pub folded: Vec<FoldedActivity>,
}

/// What the slices need to know of a site.
#[derive(Debug, Clone, Copy)]
pub(super) struct SitePlace {
    pub(super) stack: u32,
    pub(super) scope: u32,
    pub(super) size_bytes: u64,
}

/// A sample that something happened to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) site_row: u32,
    /// Who made it.
    pub(super) thread: u32,
    pub(super) scope: u32,
    pub(super) size_bytes: u64,
    pub(super) probability: f64,
}

/// A [`SiteTimes`] in the making.
#[derive(Debug)]
pub(super) struct SliceFold {
    bins: Bins,
    cache: Box<[SiteActivity]>,
    log: Vec<SiteActivity>,
    /// Length of the log at which it is summed up.
    log_max: usize,
    entries_max: usize,
    places: Vec<SitePlace>,
    /// Whether a site's stack is folded: a bit for each row, so that all of them stay in the processor's cache.
    is_folded: Vec<u64>,
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
            cache: vec![SiteActivity::default(); CACHE_PLACES].into_boxed_slice(),
            log: Vec::new(),
            log_max: 4 * CACHE_PLACES,
            entries_max: ENTRIES_MAX,
            places: Vec::new(),
            is_folded: Vec::new(),
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
        self.is_folded.resize(self.places.len().div_ceil(64), 0);
        self.mark_folded(first);
    }

    /// Marks the rows from `first` on whose stacks are folded.
    fn mark_folded(&mut self, first: usize) {
        if self.folded_stacks.is_empty() {
            return;
        }
        for (row, place) in self.places.iter().enumerate().skip(first) {
            self.is_folded[row / 64] |= u64::from(self.folded_stacks.contains(&place.stack)) << (row % 64);
        }
    }

    /// Counts what happened to a sample.
    pub(super) fn add(&mut self, sample: Sample, time_us: u64, happening: Happening) {
        let Sample { site_row, thread, scope, size_bytes, probability } = sample;
        if !self.bins.has(time_us) {
            let doublings = self.bins.reach(time_us);
            self.shift_bins(doublings);
        }
        let bin = self.bins.of(time_us);
        if is_marked(&self.is_folded, site_row) {
            let cell = self.folded.at((thread, scope, bin));
            let amount =
                if happening == Happening::Allocated { &mut cell.allocated } else { &mut cell.freed };
            amount.add(size_bytes, probability);
            return;
        }
        let entry = &mut self.cache[place(site_row, thread, bin)];
        let is_same = (entry.site_row, entry.thread, entry.bin) == (site_row, thread, bin)
            && entry.probability.to_bits() == probability.to_bits()
            && entry.allocated.max(entry.freed) < u32::MAX;
        if !is_same {
            let fresh = SiteActivity { site_row, thread, bin, probability, allocated: 0, freed: 0 };
            let displaced = std::mem::replace(entry, fresh);
            if displaced.allocated | displaced.freed != 0 {
                self.log.push(displaced);
            }
        }
        match happening {
            Happening::Allocated => entry.allocated += 1,
            Happening::Freed => entry.freed += 1,
        }
        if self.log.len() >= self.log_max {
            self.sum_up();
        }
    }

    fn shift_bins(&mut self, doublings: u32) {
        self.empty_cache();
        self.log.iter_mut().for_each(|entry| entry.bin = entry.bin.checked_shr(doublings).unwrap_or(0));
        self.folded.shift_bins(doublings);
    }

    fn empty_cache(&mut self) {
        for entry in &mut self.cache {
            if entry.allocated | entry.freed != 0 {
                self.log.push(std::mem::take(entry));
            }
        }
    }

    fn sum_up(&mut self) {
        self.merge_log();
        while self.log.len() > self.entries_max {
            let bins = self.log.iter().map(|entry| entry.bin).max().unwrap_or(0) + 1;
            if !self.fold_stacks(bins <= BINS_MIN) {
                self.bins.double();
                self.shift_bins(1);
            }
            self.merge_log();
        }
        while self.folded.cells.len() > FOLDED_MAX && self.folded.cells.iter().any(|cell| cell.bin > 0) {
            self.bins.double();
            self.shift_bins(1);
            self.merge_log();
        }
        self.log_max = (2 * self.log.len()).max(4 * CACHE_PLACES);
    }

    /// Sorts the log and sums up what is the same; what is of folded stacks leaves it.
    fn merge_log(&mut self) {
        if !self.folded_stacks.is_empty() {
            let (is_folded, places, folded) = (&self.is_folded, &self.places, &mut self.folded);
            self.log.retain(|entry| {
                let is_folded = is_marked(is_folded, entry.site_row);
                if is_folded {
                    let SitePlace { scope, size_bytes, .. } = places[entry.site_row as usize];
                    let cell = folded.at((entry.thread, scope, entry.bin));
                    cell.allocated.add_many(entry.allocated.into(), size_bytes, entry.probability);
                    cell.freed.add_many(entry.freed.into(), size_bytes, entry.probability);
                }
                !is_folded
            });
        }
        let key =
            |entry: &SiteActivity| (entry.site_row, entry.thread, entry.bin, entry.probability.to_bits());
        // Much of it is in order from the last time, which a stable sort makes use of.
        self.log.sort_by_key(key);
        self.log.dedup_by(|later, earlier| {
            let sums =
                (earlier.allocated.checked_add(later.allocated), earlier.freed.checked_add(later.freed));
            let (true, (Some(allocated), Some(freed))) = (key(later) == key(earlier), sums) else {
                return false;
            };
            (earlier.allocated, earlier.freed) = (allocated, freed);
            true
        });
    }

    /// Folds the stacks with least bytes allocated and live so far, such that the others have half as many entries as there may be.
    /// Returns `false` and does nothing if fewer than [`STACKS_MIN`] would be left, unless `at_any_price`.
    fn fold_stacks(&mut self, at_any_price: bool) -> bool {
        let mut stacks: HashMap<u32, StackWeight> = HashMap::new();
        let (mut allocated, mut live) = (0.0, 0.0);
        for entry in &self.log {
            let place = self.places[entry.site_row as usize];
            let weight = place.size_bytes as f64 / entry.probability;
            let stack = stacks.entry(place.stack).or_default();
            let bytes = (f64::from(entry.allocated) * weight, f64::from(entry.freed) * weight);
            stack.allocated += bytes.0;
            stack.live += bytes.0 - bytes.1;
            stack.entries += 1;
            allocated += bytes.0;
            live += bytes.0 - bytes.1;
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

    /// The whole.
    pub(super) fn finish(mut self) -> SiteTimes {
        self.empty_cache();
        self.sum_up();
        let mut folded = self.folded.cells;
        folded.sort_unstable_by_key(|cell| (cell.thread, cell.scope, cell.bin));
        let bin_us = if self.log.is_empty() && folded.is_empty() { 0 } else { self.bins.width_us() };
        self.log.shrink_to_fit();
        SiteTimes { bin_us, entries: self.log, folded }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct StackWeight {
    allocated: f64,
    live: f64,
    entries: usize,
}

fn is_marked(bits: &[u64], row: u32) -> bool {
    bits[row as usize / 64] >> (row % 64) & 1 == 1
}

/// The place in the cache.
fn place(site_row: u32, thread: u32, bin: u32) -> usize {
    hash(site_row, thread, bin) as usize & (CACHE_PLACES - 1)
}

#[cfg(test)]
mod tests {
    use super::super::ownership::Amount;
    use super::*;
    use proptest::prelude::*;

    fn places(count: u32) -> Vec<SitePlace> {
        (0..count)
            .map(|at| SitePlace { stack: at / 2 + 1, size_bytes: 16 << (at % 8), scope: at % 3 })
            .collect()
    }

    fn fold(entries_max: usize) -> SliceFold {
        let mut fold = SliceFold { entries_max, ..SliceFold::default() };
        fold.add_places(places(40).into_iter());
        fold
    }

    fn sample(site_row: u32, thread: u32, probability: f64) -> Sample {
        let SitePlace { scope, size_bytes, .. } = places(40)[site_row as usize];
        Sample { site_row, thread, scope, size_bytes, probability }
    }

    fn totals(times: &SiteTimes) -> [f64; 4] {
        let (mut allocated, mut freed) = (Amount::default(), Amount::default());
        for cell in &times.folded {
            allocated.merge(&cell.allocated);
            freed.merge(&cell.freed);
        }
        for entry in &times.entries {
            let size = places(40)[entry.site_row as usize].size_bytes;
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
            for (at, &(site, thread, time_us, p, freed)) in events.iter().enumerate() {
                let (probability, time_us) = (1.0 / f64::from(p), time_us * at as u64);
                let happening = if freed { Happening::Freed } else { Happening::Allocated };
                for fold in [&mut bounded, &mut plain] {
                    fold.add(sample(site, thread, probability), time_us, happening);
                }
                if at % every == 0 {
                    bounded.empty_cache();
                    bounded.sum_up();
                }
            }
            let (bounded, plain) = (bounded.finish(), plain.finish());
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
            (0..samples).for_each(|_| fold.add(sample(site, 1, 0.5), at, Happening::Allocated));
        }
        let times = fold.finish();
        assert!(times.entries.iter().any(|entry| entry.site_row == 30), "{:?}", times.entries);
        assert!(times.entries.len() <= 8 && !times.folded.is_empty());
    }

    #[test]
    fn a_site_that_joins_a_folded_stack_is_folded() {
        let mut fold = fold(4);
        (0..40).for_each(|site| fold.add(sample(site, 1, 0.5), u64::from(site), Happening::Allocated));
        fold.empty_cache();
        fold.sum_up();
        let stack = *fold.folded_stacks.iter().min().unwrap();
        fold.add_places([SitePlace { stack, scope: 0, size_bytes: 1 }].into_iter());
        assert!(is_marked(&fold.is_folded, 40) && !is_marked(&fold.is_folded, 41));
    }
}
