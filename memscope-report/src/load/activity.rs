//! What happened to the samples, one after the other: who freed what, when, and what was live at the peak.
//!
//! These sums need nothing of the tables but each site's size, stack and scope, so they may be made on another thread than the one that matches frees
//! to samples (`pipeline.rs`).

use super::ownership::OwnershipFold;
use super::peak::{Life, PeakFold};
use super::samples::NO_SITE;
use super::site_times::SitePlace;
use super::slices::{Happening, SliceFold};
use super::weights::Weight;

/// A sample was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    /// [`NO_SITE`] where the trace does not define its site.
    pub(super) site_row: u32,
    /// Who made it.
    pub(super) thread: u32,
    pub(super) weight: u32,
    pub(super) time_us: u64,
}

/// A sample was freed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) life: Life,
    /// Who freed it; 0 where that is not known.
    pub(super) freed_by: u32,
}

/// What is made of the events.
#[derive(Debug, Default)]
pub(super) struct ActivityFold {
    pub(super) ownership: OwnershipFold,
    pub(super) slices: SliceFold,
    weights: Vec<Weight>,
    peak: PeakFold,
}

impl ActivityFold {
    /// Adds the sites of the rows that follow.
    pub(super) fn add_places(&mut self, places: impl Iterator<Item = SitePlace>) {
        self.slices.add_places(places);
    }

    /// Adds the weights of the numbers that follow.
    pub(super) fn add_weights(&mut self, weights: &[Weight]) {
        self.weights.extend_from_slice(weights);
    }

    /// Samples were made.
    pub(super) fn made(&mut self, samples: &[Made]) {
        for &Made { site_row, thread, weight, time_us } in samples {
            if site_row != NO_SITE {
                self.slices.add((site_row, thread, weight), time_us, Happening::Allocated, &self.weights);
            }
        }
    }

    /// Samples were freed.
    pub(super) fn ended(&mut self, samples: &[Ended]) {
        for ended in samples {
            let Life { site_row, thread, weight, start_us, end_us } = ended.life;
            self.peak.end(ended.life);
            if site_row == NO_SITE {
                continue;
            }
            let at_us = end_us.max(start_us);
            self.slices.add((site_row, thread, weight), at_us, Happening::Freed, &self.weights);
            let age_us = end_us.saturating_sub(start_us);
            self.ownership.add_freed((thread, ended.freed_by), age_us, weight, &self.weights);
        }
    }

    /// The process had its highest live bytes so far at `peak_us`.
    pub(super) fn peak_at(&mut self, peak_us: u64) {
        self.peak.peak_at(peak_us);
    }

    /// Whether some of it are weighted sums already.
    pub(super) fn has_spilled(&self) -> bool {
        self.ownership.has_spilled() || self.slices.has_spilled()
    }

    /// The ended samples that were live at the peak, and when that was.
    pub(super) fn take_peak(&mut self) -> (Vec<Life>, u64) {
        self.peak.finish()
    }
}
