//! Samples and their frees, folded into their sites as they pass by.
//!
//! Kept is only what may still change: the samples that are not freed yet. A sample freed is folded into its site's
//! totals and forgotten, so memory follows the live set and the number of sites, not the length of the trace.

use super::activity::Event;
use super::open::{Open, OpenTable};
use super::ownership::{Ended, Fate, Ownership};
use super::pipeline::Activity;
use super::site_table::{Definition, SiteTable};
use super::sites::{Site, SiteSamples};
use super::slices::{SitePlace, SiteTimes};
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
    unknown: SiteSamples,
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
        let place = |site: &Definition| SitePlace {
            stack: site.stack,
            scope: site.scope,
            size_bytes: site.size_bytes,
        };
        self.activity.add_places(self.sites.definitions()[known..].iter().map(place));
        unusable
    }

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
        let (site_row, probability, (size_bytes, scope)) = match self.sites.row_of(site) {
            Some(row) => {
                let (probability, size_and_scope) = self.sites.add_sample(row, interval, retained);
                self.sample_bytes += u128::from(size_and_scope.0);
                (row as u32, probability, size_and_scope)
            }
            None => {
                self.unknown.allocated.add(1.0, 1.0);
                (NO_SITE, 1.0, (0, 0))
            }
        };
        self.activity.add(Event {
            site_row,
            thread,
            scope,
            size_bytes,
            probability,
            start_us: time_us,
            freed: None,
        });
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
            if let Some(open) = self.open.remove(id) {
                self.close(open, thread, time_us);
            } else if id >= self.next_sample {
                let replaced = self.early.insert(id, Early { thread, time_us });
                self.unmatched_frees += u64::from(replaced.is_some());
            } else {
                self.unmatched_frees += 1;
            }
        }
    }

    fn close(&mut self, open: Open, freed_by: u32, end_us: u64) {
        let Open { site_row, thread, time_us: start_us, probability } = open;
        let lifetime_us = end_us.saturating_sub(start_us);
        let (size_bytes, scope) = if site_row == NO_SITE {
            self.unknown.add_free(probability, lifetime_us, thread, freed_by);
            (0, 0)
        } else {
            self.sites.add_free(site_row as usize, probability, lifetime_us, thread, freed_by)
        };
        let freed = Some((end_us, freed_by));
        self.activity.add(Event { site_row, thread, scope, size_bytes, probability, start_us, freed });
    }

    /// The process had its highest live bytes so far at `peak_us`.
    pub(crate) fn peak_at(&mut self, peak_us: u64) {
        self.activity.peak_at(peak_us);
    }

    /// The end of the trace, at `end_us`: what is open now was live.
    pub(crate) fn finish(&mut self, end_us: u64) -> Folded {
        let mut sites = std::mem::take(&mut self.sites).into_sites();
        let mut unknown = std::mem::take(&mut self.unknown);
        let mut activity = std::mem::take(&mut self.activity).finish();
        let (ended, peak_us) = activity.take_peak();
        let mut at_peak =
            |sites: &mut [Site], unknown: &mut SiteSamples, row: u32, thread: u32, probability: f64| {
                match sites.get_mut(row as usize) {
                    Some(site) => {
                        site.samples.at_peak.add(1.0, probability);
                        activity.ownership.add_at_peak(thread, site.size_bytes, probability);
                    }
                    None => unknown.at_peak.add(1.0, probability),
                }
            };
        for life in ended {
            at_peak(&mut sites, &mut unknown, life.site_row, life.thread, life.probability);
        }
        let open = self.open.drain();
        for open in open.iter().filter(|open| open.time_us <= peak_us) {
            at_peak(&mut sites, &mut unknown, open.site_row, open.thread, open.probability);
        }
        // In the order of ids, so that the same trace gives the same sums to the last bit.
        for Open { site_row, thread, time_us, probability } in open {
            let age_us = end_us.saturating_sub(time_us);
            let site = sites.get_mut(site_row as usize);
            if let Some(Site { size_bytes, .. }) = &site {
                let ended = Ended {
                    size_bytes: *size_bytes,
                    probability,
                    thread,
                    age_us,
                    fate: Fate::Live,
                    is_temporary: false,
                };
                activity.ownership.add(ended);
            }
            let samples = site.map_or(&mut unknown, |site| &mut site.samples);
            samples.live.add(1.0, probability);
            samples.live_age_us += age_us as f64 / probability;
        }
        Folded {
            sites,
            unknown,
            ownership: activity.ownership.finish(),
            site_times: activity.slices.finish(),
            unmatched_frees: self.unmatched_frees + self.early.len() as u64,
        }
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
        let folded = fold.finish(3_000);
        let samples = &folded.sites[0].samples;
        assert_eq!((folded.unmatched_frees, counts(samples)), (0, [5, 1, 4, 1, 1]));
        assert_eq!((fold.samples, fold.sample_bytes), (5, 500));
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
        let folded = fold.finish(3_000);
        assert_eq!(folded.unmatched_frees, 4);
        assert_eq!(counts(&folded.sites[0].samples)[1..3], [0, 1]);
        assert_eq!(counts(&folded.sites[1].samples)[1..3], [0, 1]);
    }

    #[test]
    fn an_unknown_site_keeps_the_number_right() {
        let mut fold = fold();
        fold.add_samples(&samples(0, &[(0, 1, 0), (0, 1, 9), (0, 1, u32::MAX)]), &EVERY, 1.0);
        fold.add_frees(&frees(&[(0, 1, 2)]));
        let folded = fold.finish(3_000);
        assert_eq!(fold.samples, 3);
        assert_eq!(counts(&folded.unknown), [2, 1, 1, 1, 0]);
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
        assert_eq!(fold.finish(3_000).unmatched_frees, 1);
    }

    #[test]
    fn a_mad_interval_poisons_nothing() {
        for interval_bytes in [f64::NAN, f64::INFINITY, 1e300, -5.0] {
            let mut fold = fold();
            let interval = Interval { interval_bytes, credit_bytes: f64::NAN, ..EVERY };
            fold.add_samples(&samples(0, &[(0, 1, 0)]), &interval, 1.0);
            assert_eq!(fold.finish(3_000).sites[0].samples.allocated.value(), 1.0);
        }
    }
}
