//! Samples and their frees, folded into their sites as they pass by.
//!
//! Kept is only what may still change: the samples that are not freed yet. A sample freed is folded into its site's
//! totals and forgotten, so memory follows the live set and the number of sites, not the length of the trace.

use super::ownership::{Ended, Fate, Ownership, OwnershipFold};
use super::peak::{Life, PeakFold};
use super::sites::{Site, SiteSamples, TEMPORARY_US};
use super::slices::{Event, SiteTimes, SliceFold};
use super::table::IdTable;
use memscope_trace::{Frees, Interval, Samples};
use std::collections::HashMap;

/// The row of samples whose site the trace does not define.
const NO_SITE: u32 = u32::MAX;

/// A sample not yet freed.
#[derive(Debug, Clone, Copy)]
struct Open {
    site_row: u32,
    thread: u32,
    time_us: u64,
    probability: f64,
}

/// A free that came before its sample.
#[derive(Debug, Clone, Copy)]
struct Early {
    thread: u32,
    time_us: u64,
}

/// The sites with what was folded into them so far.
#[derive(Debug, Default)]
pub(crate) struct SampleFold {
    pub(crate) sites: IdTable<Site>,
    pub(crate) unknown: SiteSamples,
    /// Samples taken in.
    pub(crate) samples: u64,
    /// Their bytes, unweighted.
    pub(crate) sample_bytes: u128,
    /// Ids that were passed over: samples in blocks that are lost.
    pub(crate) missing_samples: u64,
    /// Rows whose sample id had passed already.
    pub(crate) repeated_samples: u64,
    /// The latest time of a sample or a free.
    pub(crate) last_us: u64,
    // Keys are the file's choice: the standard, keyed hash.
    open: HashMap<u64, Open>,
    early: HashMap<u64, Early>,
    /// Frees of samples that were never seen (or twice freed).
    unmatched_frees: u64,
    next_sample: u64,
    ownership: OwnershipFold,
    peak: PeakFold,
    slices: SliceFold,
}

impl SampleFold {
    /// Takes samples in that were drawn under `interval`, and of which the share `retained` was recorded.
    pub(crate) fn add_samples(&mut self, record: &Samples, interval: &Interval, retained: f64) {
        let mut time_us = record.base_us;
        let columns = record.delta_us.iter().zip(&record.threads).zip(&record.sites).enumerate();
        for (row, ((&delta_us, &thread), &site)) in columns {
            time_us = time_us.saturating_add_signed(delta_us);
            let Some(id) = record.first_sample.checked_add(row as u64) else { break };
            if id < self.next_sample {
                self.repeated_samples += 1;
                continue;
            }
            self.missing_samples = self.missing_samples.saturating_add(id - self.next_sample);
            self.next_sample = id.saturating_add(1);
            self.last_us = self.last_us.max(time_us);
            self.add_sample(id, site, (thread, time_us), interval, retained);
        }
        self.slices.tidy(self.sites.rows());
    }

    fn add_sample(
        &mut self,
        id: u64,
        site: u32,
        (thread, time_us): (u32, u64),
        interval: &Interval,
        retained: f64,
    ) {
        self.samples += 1;
        let site_row = self.sites.row_of(site);
        let probability = match site_row {
            Some(row) => {
                let site = &mut self.sites.rows_mut()[row];
                self.sample_bytes += u128::from(site.size_bytes);
                let probability = site.probability(interval) * retained;
                site.samples.allocated.add(1.0, probability);
                self.slices.add(row as u32, thread, probability, time_us, Event::Allocated);
                probability
            }
            None => {
                self.unknown.allocated.add(1.0, 1.0);
                1.0
            }
        };
        let site_row = site_row.map_or(NO_SITE, |row| row as u32);
        let open = Open { site_row, thread, time_us, probability };
        if !self.early.is_empty()
            && let Some(early) = self.early.remove(&id)
        {
            self.close(open, early.thread, early.time_us);
        } else {
            self.open.insert(id, open);
        }
    }

    pub(crate) fn add_frees(&mut self, record: &Frees) {
        let mut time_us = record.base_us;
        let mut id = 0_u64;
        for ((&delta_us, &thread), &delta) in
            record.delta_us.iter().zip(&record.threads).zip(&record.sample_deltas)
        {
            time_us = time_us.saturating_add_signed(delta_us);
            id = id.wrapping_add(delta as u64);
            self.last_us = self.last_us.max(time_us);
            if let Some(open) = self.open.remove(&id) {
                self.close(open, thread, time_us);
            } else if id >= self.next_sample {
                let replaced = self.early.insert(id, Early { thread, time_us });
                self.unmatched_frees += u64::from(replaced.is_some());
            } else {
                self.unmatched_frees += 1;
            }
        }
        self.slices.tidy(self.sites.rows());
    }

    fn close(&mut self, open: Open, thread: u32, time_us: u64) {
        let lifetime_us = time_us.saturating_sub(open.time_us);
        self.samples_of(open.site_row).add_free(open.probability, lifetime_us, open.thread, thread);
        let Open { site_row, probability, time_us: start_us, thread: allocated_by } = open;
        self.peak.end(Life { site_row, thread: allocated_by, probability, start_us, end_us: time_us });
        if site_row != NO_SITE {
            self.slices.add(site_row, allocated_by, probability, time_us.max(start_us), Event::Freed);
        }
        let fate = if thread == 0 { Fate::FreedByUnknown } else { Fate::FreedBy(thread) };
        self.end(open, lifetime_us, fate);
    }

    fn end(&mut self, open: Open, age_us: u64, fate: Fate) {
        if let Some(site) = self.sites.rows().get(open.site_row as usize) {
            let Open { thread, probability, .. } = open;
            let size_bytes = site.size_bytes;
            let is_temporary = thread != 0 && fate == Fate::FreedBy(thread) && age_us <= TEMPORARY_US;
            self.ownership.add(Ended { size_bytes, probability, thread, age_us, fate, is_temporary });
        }
    }

    fn samples_of(&mut self, site_row: u32) -> &mut SiteSamples {
        match self.sites.rows_mut().get_mut(site_row as usize) {
            Some(site) => &mut site.samples,
            None => &mut self.unknown,
        }
    }

    /// The process had its highest live bytes so far at `peak_us`.
    pub(crate) fn peak_at(&mut self, peak_us: u64) {
        self.peak.peak_at(peak_us);
    }

    /// The end of the trace, at `end_us`: what is open now was live. Returns the number of frees without a sample.
    pub(crate) fn finish(&mut self, end_us: u64) -> u64 {
        // In the order of ids, so that the same trace gives the same sums to the last bit.
        let mut open: Vec<(u64, Open)> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by_key(|(id, _)| *id);
        let (ended, peak_us) = self.peak.finish();
        for life in ended {
            self.at_peak(life.site_row, life.thread, life.probability);
        }
        for (_, open) in open {
            let age_us = end_us.saturating_sub(open.time_us);
            let samples = self.samples_of(open.site_row);
            samples.live.add(1.0, open.probability);
            samples.live_age_us += age_us as f64 / open.probability;
            if open.time_us <= peak_us {
                self.at_peak(open.site_row, open.thread, open.probability);
            }
            self.end(open, age_us, Fate::Live);
        }
        self.unmatched_frees + self.early.len() as u64
    }

    fn at_peak(&mut self, site_row: u32, thread: u32, probability: f64) {
        self.samples_of(site_row).at_peak.add(1.0, probability);
        if let Some(site) = self.sites.rows().get(site_row as usize) {
            self.ownership.add_at_peak(thread, site.size_bytes, probability);
        }
    }

    /// What the sites did over time. Complete once [`SampleFold::finish`] has run.
    pub(crate) fn take_slices(&mut self) -> SiteTimes {
        std::mem::take(&mut self.slices).finish(self.sites.rows())
    }

    /// Who freed what, and when. Complete once [`SampleFold::finish`] has run.
    pub(crate) fn take_ownership(&mut self) -> Ownership {
        std::mem::take(&mut self.ownership).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Interval = Interval { id: 0, start_us: 0, interval_bytes: 0.0, credit_bytes: 0.0 };

    fn fold() -> SampleFold {
        let mut fold = SampleFold::default();
        fold.sites.extend(0, [Site::new(1, 100, 0, 0, 0), Site::new(2, 50, 0, 0, 0)].into_iter());
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
        let totals =
            [samples.allocated, samples.live, samples.freed, samples.temporary, samples.cross_thread];
        totals.map(|total| total.samples())
    }

    #[test]
    fn ends_are_told_apart() {
        let mut fold = fold();
        // Ids 0 to 4: all on thread 1 at site 0.
        fold.add_samples(&samples(0, &[(0, 1, 0); 5]), &EVERY, 1.0);
        // 0 after exactly 1 ms, 1 after 1.001 ms, 2 by thread 2 at once, 3 by nobody known; 4 stays.
        fold.add_frees(&frees(&[(1_000, 1, 0), (1, 1, 1), (0, 2, 1), (0, 0, 1)]));
        assert_eq!(fold.finish(3_000), 0);
        assert_eq!(counts(&fold.sites.rows()[0].samples), [5, 1, 4, 1, 1]);
        assert_eq!((fold.samples, fold.sample_bytes), (5, 500));
        assert_eq!(fold.sites.rows()[0].samples.lifetime_us, 1_000.0 + 3.0 * 1_001.0);
        // Made at 1,000 us, and the trace ends at 3,000.
        assert_eq!(fold.sites.rows()[0].samples.live_age_us, 2_000.0);
    }

    #[test]
    fn a_free_may_come_before_its_sample_or_without_one() {
        let mut fold = fold();
        fold.add_frees(&frees(&[(0, 1, 1), (0, 1, 5), (0, 1, 0)]));
        fold.add_samples(&samples(0, &[(0, 1, 0), (0, 1, 1)]), &EVERY, 1.0);
        fold.add_frees(&frees(&[(0, 1, 0), (0, 1, 0), (0, 1, -7)]));
        // Early: 1 (taken), 6 twice. Then 0, 0 again, and one below zero.
        assert_eq!(fold.finish(3_000), 4);
        assert_eq!(counts(&fold.sites.rows()[0].samples)[1..3], [0, 1]);
        assert_eq!(counts(&fold.sites.rows()[1].samples)[1..3], [0, 1]);
    }

    #[test]
    fn an_unknown_site_keeps_the_number_right() {
        let mut fold = fold();
        fold.add_samples(&samples(0, &[(0, 1, 0), (0, 1, 9), (0, 1, u32::MAX)]), &EVERY, 1.0);
        fold.add_frees(&frees(&[(0, 1, 2)]));
        fold.finish(3_000);
        assert_eq!(fold.samples, 3);
        assert_eq!(counts(&fold.unknown), [2, 1, 1, 1, 0]);
    }

    #[test]
    fn ids_that_passed_are_not_counted_twice() {
        let mut fold = fold();
        fold.add_samples(&samples(0, &[(0, 1, 0), (0, 1, 0)]), &EVERY, 1.0);
        fold.add_samples(&samples(1, &[(0, 1, 0), (0, 1, 0)]), &EVERY, 1.0);
        fold.add_samples(&samples(u64::MAX, &[(0, 1, 0), (0, 1, 0)]), &EVERY, 1.0);
        assert_eq!((fold.samples, fold.repeated_samples), (4, 1));
        assert_eq!(fold.missing_samples, u64::MAX - 3);
    }

    #[test]
    fn times_out_of_range_do_no_harm() {
        let mut fold = fold();
        fold.add_samples(&samples(0, &[(i64::MIN, 1, 0), (i64::MAX, 1, 0), (i64::MAX, 1, 0)]), &EVERY, 1.0);
        fold.add_frees(&frees(&[(i64::MIN, 1, 2), (i64::MAX, 1, -1), (i64::MAX, 1, i64::MIN)]));
        assert_eq!(fold.finish(3_000), 1);
    }

    #[test]
    fn a_mad_interval_poisons_nothing() {
        for interval_bytes in [f64::NAN, f64::INFINITY, 1e300, -5.0] {
            let mut fold = fold();
            let interval = Interval { interval_bytes, credit_bytes: f64::NAN, ..EVERY };
            fold.add_samples(&samples(0, &[(0, 1, 0)]), &interval, 1.0);
            assert_eq!(fold.sites.rows()[0].samples.allocated.value(), 1.0);
        }
    }
}
