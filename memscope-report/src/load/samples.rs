//! Samples and their frees, folded into their sites as they pass by.
//!
//! Kept is only what may still change: the samples that are not freed yet. A sample freed is folded into its site's
//! totals and forgotten, so memory follows the live set and the number of sites, not the length of the trace.

use super::activity::Ended;
use super::open::{Open, OpenTable};
use super::ownership::{Ownership, OwnershipFold};
use super::pipeline::Activity;
use super::shares::IntervalShares;
use super::site_samples::{Counted, SiteSamples};
use super::site_table::{Definition, SiteTable};
use super::site_times::{SitePlace, SiteTimes};
use super::sites::Site;
use super::weights::{NO_WEIGHT, Weight, WeightTable};
use memscope_trace::{Frees, Interval, Samples};
use std::collections::HashMap;

/// The row of samples whose site the trace does not define.
pub(super) const NO_SITE: u32 = u32::MAX;

/// A free that came before its sample.
#[derive(Debug, Clone, Copy)]
struct Early {
    thread: u32,
    time_us: u64,
}

/// The sites with what was folded into them so far.
#[derive(Debug, Default)]
pub(crate) struct SampleFold {
    sites: SiteTable,
    weights: WeightTable,
    /// Weights that the activity has been told of.
    told_weights: usize,
    /// Samples taken in.
    pub(crate) samples: u64,
    /// Ids that were passed over: samples in blocks that are lost.
    pub(crate) missing_samples: u64,
    /// Rows whose sample id had passed already.
    pub(crate) repeated_samples: u64,
    /// The latest time of a sample or a free.
    pub(crate) last_us: u64,
    open: OpenTable,
    // Keys are the file's choice: the standard, keyed hash.
    early: HashMap<u64, Early>,
    /// Frees of samples that were never seen (or twice freed).
    unmatched_frees: u64,
    next_sample: u64,
    activity: Activity,
}

/// What a [`SampleFold`] comes to.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) sites: Vec<Site>,
    pub(crate) unknown: SiteSamples,
    pub(crate) ownership: Ownership,
    pub(crate) site_times: SiteTimes,
    /// Frees without a sample.
    pub(crate) unmatched_frees: u64,
    /// The samples' bytes, unweighted.
    pub(crate) sample_bytes: u128,
}

impl SampleFold {
    /// Moves part of the work to another thread.
    pub(crate) fn spread(&mut self) {
        self.activity.spread();
    }

    /// Adds sites; returns how many could not be used.
    pub(crate) fn add_sites(
        &mut self,
        first_id: u32,
        rows: impl ExactSizeIterator<Item = Definition>,
    ) -> u64 {
        let known = self.sites.definitions().len();
        let unusable = self.sites.extend(first_id, rows);
        let place = |site: &Definition| SitePlace { stack: site.stack, scope: site.scope };
        self.activity.add_places(self.sites.definitions()[known..].iter().map(place));
        unusable
    }

    /// The bytes of the site `id`; `None` where the trace does not define it.
    pub(crate) fn size_of(&self, id: u32) -> Option<u64> {
        self.sites.row_of(id).map(|row| self.sites.definitions()[row].size_bytes)
    }

    /// Takes samples in that were drawn under `interval`, and of which the share `retained` was recorded.
    pub(crate) fn add_samples(&mut self, record: &Samples, interval: &Interval, retained: f64) {
        let first = record.first_sample;
        // The largest id is no sample's: every id has one behind it.
        let rows = (u64::MAX - first).min(record.sites.len() as u64);
        let passed = self.next_sample.saturating_sub(first).min(rows);
        self.repeated_samples += passed;
        if passed == rows {
            return;
        }
        self.missing_samples = self.missing_samples.saturating_add(first + passed - self.next_sample);
        self.next_sample = first + rows;
        self.samples += rows - passed;
        let under = self.weights.under(interval, retained);
        let mut made = Vec::with_capacity((rows - passed) as usize);
        let mut time_us = record.base_us;
        let columns = record.delta_us.iter().zip(&record.threads).zip(&record.sites);
        for (row, ((&delta_us, &thread), &site)) in (0..rows).zip(columns) {
            time_us = time_us.saturating_add_signed(delta_us);
            if row < passed {
                continue;
            }
            self.last_us = self.last_us.max(time_us);
            let (site_row, weight) = self.weigh(site, under);
            made.push(Open { site_row, thread, weight, time_us });
        }
        self.open.extend(first + passed, &made);
        let mut ended = Vec::new();
        if !self.early.is_empty() {
            for (row, open) in (passed..rows).zip(&made) {
                let id = first + row;
                if let Some(early) = self.early.remove(&id) {
                    self.open.remove(id);
                    ended.push(Ended::new(*open, early.thread, early.time_us));
                }
            }
        }
        self.tell_weights();
        self.activity.made(made);
        self.activity.ended(ended);
    }

    /// The site's row and the sample's weight.
    #[inline]
    fn weigh(&mut self, site: u32, under: u32) -> (u32, u32) {
        match self.sites.row_of(site) {
            Some(row) => (row as u32, self.sites.weigh(row, under, &mut self.weights)),
            None => (NO_SITE, NO_WEIGHT),
        }
    }

    /// Tells the activity of new weights, before the samples that have them.
    fn tell_weights(&mut self) {
        let weights = self.weights.rows();
        if weights.len() > self.told_weights {
            self.activity.add_weights(&weights[self.told_weights..]);
            self.told_weights = weights.len();
        }
    }

    pub(crate) fn add_frees(&mut self, record: &Frees) {
        let mut time_us = record.base_us;
        let mut id = 0_u64;
        let mut ended = Vec::with_capacity(record.sample_deltas.len());
        for ((&delta_us, &thread), &delta) in
            record.delta_us.iter().zip(&record.threads).zip(&record.sample_deltas)
        {
            time_us = time_us.saturating_add_signed(delta_us);
            id = id.wrapping_add(delta as u64);
            self.last_us = self.last_us.max(time_us);
            if let Some(open) = self.open.remove(id) {
                ended.push(Ended::new(open, thread, time_us));
            } else if id >= self.next_sample {
                let replaced = self.early.insert(id, Early { thread, time_us });
                self.unmatched_frees += u64::from(replaced.is_some());
            } else {
                self.unmatched_frees += 1;
            }
        }
        self.activity.ended(ended);
    }

    /// The process had its highest live bytes so far at `peak_us`.
    pub(crate) fn peak_at(&mut self, peak_us: u64) {
        self.activity.peak_at(peak_us);
    }

    /// The end of the trace, at `end_us`: what is open now was live. `shares` says, or is told, which share of the samples of each
    /// interval was recorded.
    pub(crate) fn finish(&mut self, end_us: u64, shares: &mut IntervalShares) -> Folded {
        let mut activity = std::mem::take(&mut self.activity).finish();
        activity.slices.complete(self.weights.rows());
        if !activity.has_spilled()
            && let Some(known) = shares.to_restate()
        {
            self.weights.restate(|interval| known.retained(interval));
            *shares = known;
        }
        let weights = self.weights.rows();
        // What takes much memory while it is made goes first, what takes much of it for good comes last.
        let (ended, peak_us) = activity.take_peak();
        let mut at_peak = Tally::default();
        let mut live = Tally(Vec::with_capacity(self.open.len()));
        ended.iter().for_each(|life| at_peak.add(life.site_row, life.weight));
        let ownership = &mut activity.ownership;
        ended.iter().for_each(|life| add_at_peak(ownership, (life.thread, life.weight), weights));
        drop(ended);
        let mut ages = Ages { by_row: vec![0.0; self.sites.definitions().len()], unknown: 0.0 };
        self.open.drain(|Open { site_row, thread, weight, time_us }| {
            if time_us <= peak_us {
                at_peak.add(site_row, weight);
                add_at_peak(ownership, (thread, weight), weights);
            }
            let age_us = end_us.saturating_sub(time_us);
            live.add(site_row, weight);
            ages.add(site_row, age_us as f64 / probability(weights, weight));
            if site_row != NO_SITE {
                ownership.add_live(thread, age_us, weight, weights);
            }
        });
        let ownership = std::mem::take(&mut activity.ownership).finish(weights);
        let site_times = std::mem::take(&mut activity.slices).finish(weights);
        let (ends, mut unknown) = (std::mem::take(&mut activity.ends), std::mem::take(&mut activity.unknown));
        drop(activity);
        let mut sites = std::mem::take(&mut self.sites).into_sites(ends.into_samples(weights));
        at_peak.sum(|row, weight, count| {
            let samples = samples_of(&mut sites, &mut unknown, row);
            let probability = probability(weights, weight);
            samples.add(&Counted { probability, at_peak: count, ..Counted::default() });
        });
        live.sum(|row, weight, count| {
            let samples = samples_of(&mut sites, &mut unknown, row);
            let probability = probability(weights, weight);
            samples.add(&Counted { probability, live: count, ..Counted::default() });
        });
        unknown.live_age_us = ages.unknown;
        for (site, age_us) in sites.iter_mut().zip(ages.by_row) {
            site.samples.live_age_us = age_us;
        }
        let bytes = |site: &Site| u128::from(site.samples.samples()) * u128::from(site.size_bytes);
        Folded {
            sample_bytes: sites.iter().map(bytes).sum(),
            sites,
            unknown,
            ownership,
            site_times,
            unmatched_frees: self.unmatched_frees + self.early.len() as u64,
        }
    }
}

/// The probability of samples of that weight; 1 where it is not known.
fn probability(weights: &[Weight], weight: u32) -> f64 {
    weights.get(weight as usize).map_or(1.0, |weight| weight.probability)
}

fn add_at_peak(ownership: &mut OwnershipFold, (thread, weight): (u32, u32), weights: &[Weight]) {
    if let Some(Weight { size_bytes, probability, .. }) = weights.get(weight as usize) {
        ownership.add_at_peak(thread, *size_bytes, *probability);
    }
}

fn samples_of<'a>(sites: &'a mut [Site], unknown: &'a mut SiteSamples, row: u32) -> &'a mut SiteSamples {
    sites.get_mut(row as usize).map_or(unknown, |site| &mut site.samples)
}

/// Samples by site and weight.
#[derive(Debug, Default)]
struct Tally(Vec<(u32, u32)>);

impl Tally {
    fn add(&mut self, site_row: u32, weight: u32) {
        self.0.push((site_row, weight));
    }

    /// Hands over how many there are of each site and weight.
    fn sum(mut self, mut take: impl FnMut(u32, u32, u64)) {
        self.0.sort_unstable();
        for alike in self.0.chunk_by(|one, other| one == other) {
            take(alike[0].0, alike[0].1, alike.len() as u64);
        }
    }
}

/// The weighted ages of what is live, microseconds.
struct Ages {
    by_row: Vec<f64>,
    unknown: f64,
}

impl Ages {
    fn add(&mut self, site_row: u32, age_us: f64) {
        *self.by_row.get_mut(site_row as usize).unwrap_or(&mut self.unknown) += age_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Interval = Interval { id: 0, start_us: 0, interval_bytes: 0.0, credit_bytes: 0.0 };

    fn fold() -> SampleFold {
        let mut fold = SampleFold::default();
        let site = |stack, size_bytes| Definition { stack, scope: 0, size_bytes, old_size_bytes: 0, kind: 0 };
        fold.add_sites(0, [site(1, 100), site(2, 50)].into_iter());
        fold
    }

    fn samples(first_sample: u64, rows: &[(i64, u32, u32)]) -> Samples {
        Samples {
            first_sample,
            interval: 0,
            base_us: 1_000,
            delta_us: rows.iter().map(|row| row.0).collect(),
            threads: rows.iter().map(|row| row.1).collect(),
            sites: rows.iter().map(|row| row.2).collect(),
        }
    }

    fn frees(rows: &[(i64, u32, i64)]) -> Frees {
        Frees {
            base_us: 1_000,
            delta_us: rows.iter().map(|row| row.0).collect(),
            threads: rows.iter().map(|row| row.1).collect(),
            sample_deltas: rows.iter().map(|row| row.2).collect(),
        }
    }

    fn counts(samples: &SiteSamples) -> [u64; 5] {
        let totals = [
            samples.allocated(),
            samples.live(),
            samples.freed(),
            samples.temporary(),
            samples.cross_thread(),
        ];
        totals.map(|total| total.samples())
    }

    #[test]
    fn ends_are_told_apart() {
        let mut fold = fold();
        // Ids 0 to 4: all on thread 1 at site 0.
        fold.add_samples(&samples(0, &[(0, 1, 0); 5]), &EVERY, 1.0);
        // 0 after exactly 1 ms, 1 after 1.001 ms, 2 by thread 2 at once, 3 by nobody known; 4 stays.
        fold.add_frees(&frees(&[(1_000, 1, 0), (1, 1, 1), (0, 2, 1), (0, 0, 1)]));
        let folded = fold.finish(3_000, &mut IntervalShares::default());
        let samples = &folded.sites[0].samples;
        assert_eq!((folded.unmatched_frees, counts(samples)), (0, [5, 1, 4, 1, 1]));
        assert_eq!((fold.samples, folded.sample_bytes), (5, 500));
        assert_eq!(samples.lifetime_us, 1_000.0 + 3.0 * 1_001.0);
        // Made at 1,000 us, and the trace ends at 3,000.
        assert_eq!(samples.live_age_us, 2_000.0);
    }

    #[test]
    fn a_free_may_come_before_its_sample_or_without_one() {
        let mut fold = fold();
        fold.add_frees(&frees(&[(0, 1, 1), (0, 1, 5), (0, 1, 0)]));
        fold.add_samples(&samples(0, &[(0, 1, 0), (0, 1, 1)]), &EVERY, 1.0);
        fold.add_frees(&frees(&[(0, 1, 0), (0, 1, 0), (0, 1, -7)]));
        // Early: 1 (taken), 6 twice. Then 0, 0 again, and one below zero.
        let folded = fold.finish(3_000, &mut IntervalShares::default());
        assert_eq!(folded.unmatched_frees, 4);
        assert_eq!(counts(&folded.sites[0].samples)[1..3], [0, 1]);
        assert_eq!(counts(&folded.sites[1].samples)[1..3], [0, 1]);
    }

    #[test]
    fn an_unknown_site_keeps_the_number_right() {
        let mut fold = fold();
        fold.add_samples(&samples(0, &[(0, 1, 0), (0, 1, 9), (0, 1, u32::MAX)]), &EVERY, 1.0);
        fold.add_frees(&frees(&[(0, 1, 2)]));
        let folded = fold.finish(3_000, &mut IntervalShares::default());
        assert_eq!(fold.samples, 3);
        assert_eq!(counts(&folded.unknown), [2, 1, 1, 1, 0]);
    }

    #[test]
    fn ids_that_passed_are_not_counted_twice() {
        let mut fold = fold();
        fold.add_samples(&samples(0, &[(0, 1, 0), (0, 1, 0)]), &EVERY, 1.0);
        fold.add_samples(&samples(1, &[(0, 1, 0), (0, 1, 0)]), &EVERY, 1.0);
        // The largest id is no sample's.
        (0..2).for_each(|_| fold.add_samples(&samples(u64::MAX - 1, &[(0, 1, 0), (0, 1, 0)]), &EVERY, 1.0));
        assert_eq!((fold.samples, fold.repeated_samples), (4, 2));
        assert_eq!(fold.missing_samples, u64::MAX - 4);
    }

    #[test]
    fn times_out_of_range_do_no_harm() {
        let mut fold = fold();
        fold.add_samples(&samples(0, &[(i64::MIN, 1, 0), (i64::MAX, 1, 0), (i64::MAX, 1, 0)]), &EVERY, 1.0);
        fold.add_frees(&frees(&[(i64::MIN, 1, 2), (i64::MAX, 1, -1), (i64::MAX, 1, i64::MIN)]));
        assert_eq!(fold.finish(3_000, &mut IntervalShares::default()).unmatched_frees, 1);
    }

    #[test]
    fn a_mad_interval_poisons_nothing() {
        for interval_bytes in [f64::NAN, f64::INFINITY, 1e300, -5.0] {
            let mut fold = fold();
            let interval = Interval { interval_bytes, credit_bytes: f64::NAN, ..EVERY };
            fold.add_samples(&samples(0, &[(0, 1, 0)]), &interval, 1.0);
            assert_eq!(
                fold.finish(3_000, &mut IntervalShares::default()).sites[0].samples.allocated().value(),
                1.0
            );
        }
    }
}
