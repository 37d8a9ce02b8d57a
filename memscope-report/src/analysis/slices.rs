//! What call sites did over time, cut by thread and scope: from counts of samples to cells of weighted sums.
//!
//! The sites that are told apart are those with most bytes allocated, live and at the peak; the others share one row, so that
//! the cells of any thread, scope and time add up to all that was sampled there. With more than [`CELLS_MAX`] cells neighbouring
//! bins become one, then sites and threads with least bytes join the others.

use super::sites::Sites;
use super::types::{SiteFigures, SliceCell, Slices};
use crate::load::{Amount, Profile};
use crate::statistics::{Estimate, Losses, Sum};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Cells at most.
const CELLS_MAX: usize = 200_000;
/// Sites that are told apart for the bytes that they allocated, and as many again at most for those that they hold at the end and
/// held at the peak.
const SITES_MAX: usize = 120;
/// Fewer bins only when nothing else helps.
const BINS_MIN: u32 = 32;

/// The cells of the profile.
pub(super) fn slices(profile: &Profile, sites: &Sites, losses: Losses) -> Slices {
    let times = &profile.site_times;
    let told = told_apart(profile, sites);
    let further = Slices::FURTHER;
    let place = |row: u32| sites.place_of.get(row as usize).copied().flatten().filter(|at| told.contains(at));
    let entries = times.entries.iter().filter_map(|entry| {
        let site = profile.sites.get(entry.site_row as usize)?;
        let sum = |count: u32| Sum::of(count.into(), site.size_bytes, entry.probability, losses);
        Some(SliceCell {
            site: place(entry.site_row).unwrap_or(further),
            thread: entry.thread,
            scope: site.scope,
            bin: entry.bin,
            allocated: sum(entry.allocated),
            freed: sum(entry.freed),
        })
    });
    let sum = |amount: &Amount| Sum::of_totals(&amount.allocations, &amount.bytes, losses);
    let folded = times.folded.iter().map(|cell| SliceCell {
        site: further,
        thread: cell.thread,
        scope: cell.scope,
        bin: cell.bin,
        allocated: sum(&cell.allocated),
        freed: sum(&cell.freed),
    });
    let mut slices = Slices {
        bin_us: times.bin_us,
        bins: 0,
        sites: told.iter().copied().collect(),
        known: Sum::known(losses),
        cells: entries.chain(folded).collect(),
    };
    slices.sum_up();
    slices.at_most(CELLS_MAX)
}

/// The sites that have a row of their own.
fn told_apart(profile: &Profile, sites: &Sites) -> BTreeSet<u32> {
    // One that is a sum of others has no frames; and where a part of a site is not told apart, the whole is not.
    let counted: HashSet<u32> = profile.site_times.entries.iter().map(|entry| entry.site_row).collect();
    let incomplete: HashSet<u32> = (0..)
        .zip(&sites.place_of)
        .filter_map(|(row, place)| place.filter(|_| !counted.contains(&row)))
        .collect();
    let mut told = BTreeSet::new();
    for column in [
        |site: &SiteFigures| site.allocated_bytes,
        |site: &SiteFigures| site.live_bytes,
        |site: &SiteFigures| site.peak_bytes,
    ] {
        let column: fn(&SiteFigures) -> Estimate = column;
        let mut ranked: Vec<(u32, f64)> = (0..)
            .zip(&sites.figures)
            .map(|(at, site)| (at, column(site).value))
            .filter(|(at, bytes)| *bytes > 0.0 && !incomplete.contains(at))
            .collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
        told.extend(ranked.iter().take(SITES_MAX).map(|(at, _)| *at));
    }
    let places: HashSet<u32> = sites.place_of.iter().copied().flatten().collect();
    told.retain(|at| places.contains(at));
    told
}

impl Slices {
    /// The same in `cells_max` cells at most: longer bins first, then fewer sites and threads that are told apart. Cells of one
    /// site, thread, scope and bin are always one; more scopes than `cells_max` are the only reason for more.
    #[must_use]
    pub fn at_most(mut self, cells_max: usize) -> Self {
        while self.cells.len() > cells_max {
            let threads = self.lightest(|cell| cell.thread);
            if self.bins > BINS_MIN {
                self.lengthen_bins();
            } else if self.sites.len() >= 32 || (self.bins <= 1 && !self.sites.is_empty()) {
                let light = self.lightest(|cell| cell.site);
                self.cells
                    .iter_mut()
                    .filter(|cell| light.contains(&cell.site))
                    .for_each(|cell| cell.site = Self::FURTHER);
                self.sites.retain(|site| !light.contains(site));
            } else if threads.len() >= 32 || (self.bins <= 1 && !threads.is_empty()) {
                let cells = self.cells.iter_mut().filter(|cell| threads.contains(&cell.thread));
                cells.for_each(|cell| cell.thread = Self::FURTHER);
            } else if self.bins > 1 {
                self.lengthen_bins();
            } else {
                break;
            }
            self.sum_up();
        }
        self
    }

    fn lengthen_bins(&mut self) {
        self.bin_us = self.bin_us.saturating_mul(2);
        self.cells.iter_mut().for_each(|cell| cell.bin /= 2);
    }

    /// Of the sites or threads that are told apart, the half with least bytes allocated, at least one.
    fn lightest(&self, key: fn(&SliceCell) -> u32) -> HashSet<u32> {
        let mut bytes: HashMap<u32, f64> = HashMap::new();
        for cell in self.cells.iter().filter(|cell| key(cell) != Self::FURTHER) {
            *bytes.entry(key(cell)).or_default() += cell.allocated.bytes;
        }
        let mut ranked: Vec<(u32, f64)> = bytes.into_iter().collect();
        ranked.sort_by(|one, other| one.1.total_cmp(&other.1).then(Reverse(one.0).cmp(&Reverse(other.0))));
        ranked.iter().take(ranked.len().div_ceil(2)).map(|(key, _)| *key).collect()
    }

    /// Sorts the cells and makes those of one site, thread, scope and bin one.
    fn sum_up(&mut self) {
        let key = |cell: &SliceCell| (cell.site, cell.thread, cell.scope, cell.bin);
        // The keys are sorted, not the cells, which are large. Equal ones stay in order: the same cells give the same sums to the last bit.
        let mut order: Vec<_> = (0_u32..).zip(&self.cells).map(|(at, cell)| (key(cell), at)).collect();
        order.sort_unstable();
        let mut cells: Vec<SliceCell> = Vec::new();
        for (_, at) in order {
            let cell = &self.cells[at as usize];
            match cells.last_mut().filter(|last| key(last) == key(cell)) {
                Some(last) => {
                    last.allocated.merge(&cell.allocated);
                    last.freed.merge(&cell.freed);
                }
                None => cells.push(*cell),
            }
        }
        self.cells = cells;
        self.bins = self.cells.iter().map(|cell| cell.bin + 1).max().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(sites: u32, threads: u32, bins: u32) -> Slices {
        let mut cells = Vec::new();
        for (site, thread, bin) in (0..sites)
            .flat_map(|site| (1..=threads).map(move |thread| (site, thread)))
            .flat_map(|(site, thread)| (0..bins).map(move |bin| (site, thread, bin)))
        {
            let sum = |count| Sum::of(count, 100, 0.5, Losses::default());
            cells.push(SliceCell {
                site,
                thread,
                scope: bin % 2,
                bin,
                allocated: sum(2 + u64::from(site)),
                freed: sum(1),
            });
        }
        let mut slices = Slices { bin_us: 1_024, sites: (0..sites).collect(), cells, ..Slices::default() };
        slices.sum_up();
        slices
    }

    #[test]
    fn fewer_cells_have_the_same_sums() {
        let whole = slices(64, 40, 64);
        let all = whole.totals(|_| true);
        for cells_max in [1_000_000, 160_000, 80_000, 10_000, 1_000, 100, 2] {
            let fewer = whole.clone().at_most(cells_max);
            assert!(fewer.cells.len() <= cells_max, "{} for {cells_max}", fewer.cells.len());
            let totals = fewer.totals(|_| true);
            assert_eq!(
                (totals.allocated.samples, totals.freed.samples),
                (all.allocated.samples, all.freed.samples)
            );
            assert!((totals.live().bytes - all.live().bytes).abs() < 1e-6 * all.live().bytes);
            assert!(fewer.cells.iter().all(|cell| cell.bin < fewer.bins));
            assert_eq!(u64::from(fewer.bins) * fewer.bin_us, 64 * 1_024);
            assert!(
                fewer
                    .cells
                    .iter()
                    .all(|cell| cell.site == Slices::FURTHER || fewer.sites.contains(&cell.site))
            );
        }
        // The heaviest are told apart longest.
        assert!(whole.at_most(1_000).sites.iter().all(|site| *site >= 32));
    }
}
