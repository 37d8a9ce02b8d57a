//! What happened to the samples, one after the other: who freed what, when, and what was live at the peak.
//!
//! These sums need nothing of the tables but each site's size, stack and scope, so they may be made on another thread than the one that matches frees
//! to samples (`pipeline.rs`).

use super::ownership::{Ended, Fate, OwnershipFold};
use super::peak::{Life, PeakFold};
use super::samples::NO_SITE;
use super::sites::TEMPORARY_US;
use super::slices::{Happening, Sample, SitePlace, SliceFold};

/// A sample was made, or has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// [`NO_SITE`] where the trace does not define its site.
    pub(super) site_row: u32,
    /// Who made it.
    pub(super) thread: u32,
    pub(super) scope: u32,
    pub(super) size_bytes: u64,
    pub(super) probability: f64,
    /// When it was made, microseconds.
    pub(super) start_us: u64,
    /// When and by which thread it was freed; `None` for one that was made just now.
    pub(super) freed: Option<(u64, u32)>,
}

/// What is made of the events.
#[derive(Debug, Default)]
pub(super) struct ActivityFold {
    pub(super) ownership: OwnershipFold,
    pub(super) slices: SliceFold,
    peak: PeakFold,
}

impl ActivityFold {
    /// Adds the sites of the rows that follow.
    pub(super) fn add_places(&mut self, places: impl Iterator<Item = SitePlace>) {
        self.slices.add_places(places);
    }

    pub(super) fn add(&mut self, event: &Event) {
        let &Event { site_row, thread, scope, size_bytes, probability, start_us, freed } = event;
        let sample = Sample { site_row, thread, scope, size_bytes, probability };
        let Some((end_us, freed_by)) = freed else {
            if site_row != NO_SITE {
                self.slices.add(sample, start_us, Happening::Allocated);
            }
            return;
        };
        self.peak.end(Life { site_row, thread, probability, start_us, end_us });
        if site_row == NO_SITE {
            return;
        }
        self.slices.add(sample, end_us.max(start_us), Happening::Freed);
        let age_us = end_us.saturating_sub(start_us);
        let fate = if freed_by == 0 { Fate::FreedByUnknown } else { Fate::FreedBy(freed_by) };
        let is_temporary = thread != 0 && freed_by == thread && age_us <= TEMPORARY_US;
        self.ownership.add(Ended { size_bytes, probability, thread, age_us, fate, is_temporary });
    }

    /// The process had its highest live bytes so far at `peak_us`.
    pub(super) fn peak_at(&mut self, peak_us: u64) {
        self.peak.peak_at(peak_us);
    }

    /// The ended samples that were live at the peak, and when that was.
    pub(super) fn take_peak(&mut self) -> (Vec<Life>, u64) {
        self.peak.finish()
    }
}
