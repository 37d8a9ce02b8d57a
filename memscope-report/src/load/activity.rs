//! What happened to the samples, one after the other: who freed what, when, and what was live at the peak.
//!
//! These sums need nothing of the tables but each site's size, stack and scope, so they may be made on another thread than the one that matches frees
//! to samples (`pipeline.rs`).

use super::open::Open;
use super::ownership::OwnershipFold;
use super::peak::{Life, PeakFold};
use super::samples::NO_SITE;
use super::site_ends::SiteEnds;
use super::site_samples::{Ending, SiteSamples};
use super::site_times::SitePlace;
use super::slices::{Happening, SliceFold};
use super::weights::Weight;

/// A sample was freed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) life: Life,
    /// Who freed it; 0 where that is not known.
    pub(super) freed_by: u32,
}

impl Ended {
    /// The end of `open`, freed by `freed_by` at `end_us`.
    #[inline]
    pub(super) fn new(open: Open, freed_by: u32, end_us: u64) -> Self {
        let Open { site_row, thread, weight, time_us: start_us } = open;
        Self { life: Life { site_row, thread, weight, start_us, end_us }, freed_by }
    }
}

/// What is made of the events.
#[derive(Debug, Default)]
pub(super) struct ActivityFold {
    pub(super) ends: SiteEnds,
    /// The ends of samples whose site is lost: each stands for itself.
    pub(super) unknown: SiteSamples,
    places: usize,
    pub(super) ownership: OwnershipFold,
    pub(super) slices: SliceFold,
    weights: Vec<Weight>,
    peak: PeakFold,
}

impl ActivityFold {
    /// Adds the sites of the rows that follow.
    pub(super) fn add_places(&mut self, places: impl Iterator<Item = SitePlace>) {
        let places = places.inspect(|_| self.places += 1);
        self.slices.add_places(places);
        self.ends.reach(self.places);
    }

    /// Adds the weights of the numbers that follow.
    pub(super) fn add_weights(&mut self, weights: &[Weight]) {
        self.weights.extend_from_slice(weights);
    }

    /// Samples were made.
    pub(super) fn made(&mut self, samples: &[Open]) {
        for &Open { site_row, thread, weight, time_us } in samples {
            if site_row != NO_SITE {
                self.slices.add((site_row, thread, weight), time_us, Happening::Allocated, &self.weights);
            }
        }
    }

    /// Samples were freed.
    pub(super) fn ended(&mut self, samples: &[Ended]) {
        self.ends.touch(samples.iter().map(|ended| ended.life.site_row));
        for ended in samples {
            let Life { site_row, thread, weight, start_us, end_us } = ended.life;
            self.peak.end(ended.life);
            let ending = Ending::new(end_us.saturating_sub(start_us), thread, ended.freed_by);
            if site_row == NO_SITE {
                self.unknown.add_free(1.0, ending);
                continue;
            }
            let at_us = end_us.max(start_us);
            self.slices.add((site_row, thread, weight), at_us, Happening::Freed, &self.weights);
            self.ends.add(site_row, (weight, &self.weights), ending);
            self.ownership.add_freed((thread, ended.freed_by), ending, weight, &self.weights);
        }
    }

    /// The process had its highest live bytes so far at `peak_us`.
    pub(super) fn peak_at(&mut self, peak_us: u64) {
        self.peak.peak_at(peak_us);
    }

    /// Whether some of it are weighted sums already.
    pub(super) fn has_spilled(&self) -> bool {
        self.ends.has_spilled() || self.ownership.has_spilled() || self.slices.has_spilled()
    }

    /// The ended samples that were live at the peak, and when that was.
    pub(super) fn take_peak(&mut self) -> (Vec<Life>, u64) {
        self.peak.finish()
    }
}
