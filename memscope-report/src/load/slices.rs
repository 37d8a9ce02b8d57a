//! What call sites did over time: counts of samples by site, thread, probability and stretch of time.
//!
//! All samples of a site are of one size, and their probability follows from it and the interval: so a whole number of samples
//! made and freed says everything, and sums that are made of it later are the same to the last bit, whatever the order.
//!
//! # In bounded memory
//!
//! Events are counted in a small cache that is looked up by hash, one place for each; what is displaced from it goes to a log, which
//! is sorted and summed up when it has grown to twice its size. If that leaves more than [`ENTRIES_MAX`] entries, the call stacks with least
//! bytes are *folded*: all their samples, past and coming, are one entry for each thread, scope and bin, as weighted sums. So
//! a stack is either told apart from the first sample to the last or not at all. Traces with fewer entries than that, that is all with
//! fewer events and most with a hundred times as many, have no folded stacks.

use super::bins::Bins;
use super::ownership::Amount;
use super::sites::Site;
use std::collections::{HashMap, HashSet};

/// Entries that are kept after the log was summed up.
const ENTRIES_MAX: usize = 1 << 20;
/// Places in the cache, a power of two.
const CACHE_PLACES: usize = 1 << 13;
/// Stacks that are kept at first when stacks have to be folded; half as many the next time, and so on.
const STACKS_MAX: usize = 1 << 12;
/// Cells of folded stacks that are kept, as long as there is more than one bin.
const FOLDED_MAX: usize = 1 << 17;

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

/// What folded sites did together.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct FoldedActivity {
    /// The allocating thread's id.
    pub thread: u32,
    /// The scope.
    pub scope: u32,
    /// The stretch: times from `bin * bin_us` to below `(bin + 1) * bin_us`.
    pub bin: u32,
    /// What was allocated in it.
    pub allocated: Amount,
    /// What was freed in it.
    pub freed: Amount,
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

/// A [`SiteTimes`] in the making.
#[derive(Debug)]
pub(super) struct SliceFold {
    bins: Bins,
    cache: Box<[SiteActivity]>,
    log: Vec<SiteActivity>,
    /// Length of the log at which it is summed up.
    log_max: usize,
    entries_max: usize,
    stacks_max: usize,
    folded_stacks: HashSet<u32>,
    folded: HashMap<(u32, u32, u32), (Amount, Amount)>,
}

/// What happened to a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
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
            stacks_max: STACKS_MAX,
            folded_stacks: HashSet::new(),
            folded: HashMap::new(),
        }
    }
}

impl SliceFold {
    /// Counts an event of a sample of the site in row `site_row`, made by `thread`.
    pub(super) fn add(&mut self, site_row: u32, thread: u32, probability: f64, time_us: u64, event: Event) {
        if !self.bins.has(time_us) {
            self.lengthen(time_us);
        }
        let bin = self.bins.of(time_us);
        let entry = &mut self.cache[place(site_row, thread, bin)];
        let is_same = (entry.site_row, entry.thread, entry.bin) == (site_row, thread, bin)
            && entry.probability.to_bits() == probability.to_bits()
            && entry.allocated.max(entry.freed) < u32::MAX;
        if !is_same {
            let fresh = SiteActivity { site_row, thread, bin, probability, allocated: 0, freed: 0 };
            let displaced = std::mem::replace(entry, fresh);
            if displaced.allocated + displaced.freed > 0 {
                self.log.push(displaced);
            }
        }
        match event {
            Event::Allocated => entry.allocated += 1,
            Event::Freed => entry.freed += 1,
        }
    }

    /// To be called every so often: keeps the log short. `sites` are those that the entries name.
    pub(super) fn tidy(&mut self, sites: &[Site]) {
        if self.log.len() >= self.log_max {
            self.sum_up(sites);
        }
    }

    fn lengthen(&mut self, time_us: u64) {
        let doublings = self.bins.reach(time_us);
        self.shift_bins(doublings);
    }

    fn shift_bins(&mut self, doublings: u32) {
        self.empty_cache();
        let shifted = |bin: u32| bin.checked_shr(doublings).unwrap_or(0);
        self.log.iter_mut().for_each(|entry| entry.bin = shifted(entry.bin));
        let mut before: Vec<_> = std::mem::take(&mut self.folded).into_iter().collect();
        // In order, so that the sums are the same each time.
        before.sort_unstable_by_key(|(key, _)| *key);
        for ((thread, scope, bin), (allocated, freed)) in before {
            let sums = self.folded.entry((thread, scope, shifted(bin))).or_default();
            sums.0.merge(&allocated);
            sums.1.merge(&freed);
        }
    }

    fn empty_cache(&mut self) {
        for entry in &mut self.cache {
            if entry.allocated + entry.freed > 0 {
                self.log.push(std::mem::take(entry));
            }
        }
    }

    fn sum_up(&mut self, sites: &[Site]) {
        self.merge_log(sites);
        while self.log.len() > self.entries_max {
            if self.stacks_max > 64 || self.log.iter().all(|entry| entry.bin == 0) {
                self.stacks_max /= 2;
                self.fold_stacks(sites);
            } else {
                self.bins.double();
                self.shift_bins(1);
            }
            self.merge_log(sites);
        }
        while self.folded.len() > FOLDED_MAX && self.folded.keys().any(|key| key.2 > 0) {
            self.bins.double();
            self.shift_bins(1);
            self.merge_log(sites);
        }
        self.log_max = (2 * self.log.len()).max(4 * CACHE_PLACES);
    }

    /// Sorts the log and sums up what is the same; what is of folded stacks leaves it.
    fn merge_log(&mut self, sites: &[Site]) {
        if !self.folded_stacks.is_empty() {
            let (folded_stacks, folded) = (&self.folded_stacks, &mut self.folded);
            self.log.retain(|entry| match sites.get(entry.site_row as usize) {
                Some(site) if folded_stacks.contains(&site.stack) => {
                    let sums = folded.entry((entry.thread, site.scope, entry.bin)).or_default();
                    sums.0.add_many(entry.allocated.into(), site.size_bytes, entry.probability);
                    sums.1.add_many(entry.freed.into(), site.size_bytes, entry.probability);
                    false
                }
                known => known.is_some(),
            });
        }
        let key =
            |entry: &SiteActivity| (entry.site_row, entry.thread, entry.bin, entry.probability.to_bits());
        self.log.sort_unstable_by_key(key);
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

    /// Folds all stacks but those with most bytes allocated or live so far.
    fn fold_stacks(&mut self, sites: &[Site]) {
        let mut weights: HashMap<u32, [f64; 2]> = HashMap::new();
        let mut all = [0.0; 2];
        for site in sites {
            let size = site.size_bytes as f64;
            let allocated = site.samples.allocated.value() * size;
            let figures = [allocated, (allocated - site.samples.freed.value() * size).max(0.0)];
            let weight = weights.entry(site.stack).or_default();
            for at in 0..2 {
                weight[at] += figures[at];
                all[at] += figures[at];
            }
        }
        // The larger of its shares of the two.
        let share = |weight: [f64; 2]| (weight[0] / all[0].max(1.0)).max(weight[1] / all[1].max(1.0));
        let mut stacks: Vec<(u32, f64)> =
            weights.into_iter().map(|(stack, weight)| (stack, share(weight))).collect();
        stacks.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        self.folded_stacks.extend(stacks.iter().skip(self.stacks_max).map(|(stack, _)| *stack));
    }

    /// The whole. `sites` are those that the entries name.
    pub(super) fn finish(mut self, sites: &[Site]) -> SiteTimes {
        self.empty_cache();
        self.sum_up(sites);
        let mut folded: Vec<FoldedActivity> = self
            .folded
            .into_iter()
            .map(|((thread, scope, bin), (allocated, freed))| FoldedActivity {
                thread,
                scope,
                bin,
                allocated,
                freed,
            })
            .collect();
        folded.sort_unstable_by_key(|cell| (cell.thread, cell.scope, cell.bin));
        let is_empty = self.log.is_empty() && folded.is_empty();
        let bin_us = if is_empty { 0 } else { self.bins.width_us() };
        SiteTimes { bin_us, entries: self.log, folded }
    }
}

/// The place in the cache.
fn place(site_row: u32, thread: u32, bin: u32) -> usize {
    // Fibonacci hashing: the high bits of a product with an odd number hang on all bits of the key.
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let key = (u64::from(site_row) << 32 | u64::from(thread)) ^ u64::from(bin) << 20;
    (key.wrapping_mul(ODD) >> (u64::BITS - CACHE_PLACES.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sites(count: u32) -> Vec<Site> {
        (0..count).map(|at| Site::new(at / 2 + 1, 16 << (at % 8), 0, at % 3, 0)).collect()
    }

    fn totals(times: &SiteTimes, sites: &[Site]) -> [f64; 4] {
        let (mut allocated, mut freed) = (Amount::default(), Amount::default());
        for cell in &times.folded {
            allocated.merge(&cell.allocated);
            freed.merge(&cell.freed);
        }
        for entry in &times.entries {
            let size = sites[entry.site_row as usize].size_bytes;
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
            let mut known = sites(40);
            let mut fold = SliceFold { entries_max, stacks_max: 64, ..SliceFold::default() };
            let mut plain = SliceFold::default();
            for (at, &(site, thread, time_us, p, freed)) in events.iter().enumerate() {
                let (probability, time_us) = (1.0 / f64::from(p), time_us * at as u64);
                let event = if freed { Event::Freed } else { Event::Allocated };
                let total = &mut known[site as usize].samples;
                if freed { total.freed.add(1.0, probability) } else { total.allocated.add(1.0, probability) }
                for fold in [&mut fold, &mut plain] {
                    fold.add(site, thread, probability, time_us, event);
                }
                if at % every == 0 {
                    fold.empty_cache();
                    fold.sum_up(&known);
                }
            }
            let (bounded, plain) = (fold.finish(&known), plain.finish(&known));
            prop_assert!(bounded.entries.len() <= entries_max);
            prop_assert!(plain.folded.is_empty() && plain.bin_us <= bounded.bin_us);
            for (one, other) in totals(&bounded, &known).into_iter().zip(totals(&plain, &known)) {
                prop_assert!((one - other).abs() <= 1e-6 * other.max(1.0), "{} {}", one, other);
            }
            for row in bounded.entries.iter().map(|entry| entry.site_row) {
                let count = |times: &SiteTimes| {
                    let entries = times.entries.iter().filter(|entry| entry.site_row == row);
                    entries.map(|entry| u64::from(entry.allocated) + u64::from(entry.freed)).sum::<u64>()
                };
                prop_assert_eq!(count(&bounded), count(&plain));
            }
        }
    }

    #[test]
    fn the_heaviest_stacks_are_told_apart_longest() {
        let mut known = sites(40);
        let mut fold = SliceFold { entries_max: 4, stacks_max: 4, ..SliceFold::default() };
        for (site, at) in (0..40).zip((0..40_u64).cycle()) {
            let samples = if site == 30 { 1_000 } else { 1 };
            for _ in 0..samples {
                known[site as usize].samples.allocated.add(1.0, 0.5);
                fold.add(site, 1, 0.5, at, Event::Allocated);
            }
        }
        let times = fold.finish(&known);
        assert!(times.entries.iter().any(|entry| entry.site_row == 30), "{:?}", times.entries);
        assert!(times.entries.len() <= 4 && !times.folded.is_empty());
    }
}
