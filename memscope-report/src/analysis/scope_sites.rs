//! Where a scope allocates: the call sites of each scope, from the cells of [`Slices`](super::types::Slices).

use super::types::{Analysis, ScopeSite, SliceTotals};
use std::collections::BTreeMap;

impl Analysis {
    /// For each scope with samples (0: outside any) the call sites at which it allocated most, `most` at most, by estimated allocated bytes. What was
    /// allocated in inner scopes is theirs.
    #[must_use]
    pub fn scope_sites(&self, most: usize) -> BTreeMap<u32, Vec<ScopeSite>> {
        let mut totals: BTreeMap<u32, BTreeMap<u32, SliceTotals>> = BTreeMap::new();
        for cell in &self.slices.cells {
            let site = totals.entry(cell.scope).or_default().entry(cell.site).or_default();
            site.allocated.merge(&cell.allocated);
            site.freed.merge(&cell.freed);
        }
        totals.into_iter().map(|(scope, sites)| (scope, self.largest(sites, most))).collect()
    }

    fn largest(&self, sites: BTreeMap<u32, SliceTotals>, most: usize) -> Vec<ScopeSite> {
        let mut sites: Vec<(u32, SliceTotals)> = sites.into_iter().collect();
        sites.sort_by(|(_, one), (_, other)| other.allocated.bytes.total_cmp(&one.allocated.bytes));
        let figures = |(site, totals): &(u32, SliceTotals)| ScopeSite {
            site: *site,
            allocated_bytes: self.slices.estimate(&totals.allocated),
            live_bytes: totals.live().estimate_within(&totals.allocated, self.slices.known),
        };
        sites.iter().take(most).map(figures).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{Analysis, SliceCell, Slices};
    use crate::statistics::{Losses, Sum};

    #[test]
    fn sites_of_a_scope_are_summed_over_threads_and_time() {
        let cell = |site, scope, bin, allocated, freed| SliceCell {
            site,
            thread: bin,
            scope,
            bin,
            allocated: Sum::of(allocated, 100, 0.5, Losses::default()),
            freed: Sum::of(freed, 100, 0.5, Losses::default()),
        };
        let cells = vec![
            cell(0, 1, 0, 3, 0),
            cell(0, 1, 1, 2, 5),
            cell(1, 1, 0, 9, 1),
            cell(2, 1, 0, 1, 0),
            cell(0, 2, 0, 1, 0),
        ];
        let analysis = Analysis { slices: Slices { cells, ..Slices::default() }, ..Analysis::default() };
        let scopes = analysis.scope_sites(2);
        let one: Vec<_> = scopes[&1].iter().map(|site| (site.site, site.allocated_bytes.value)).collect();
        assert_eq!((one, scopes[&2].len()), (vec![(1, 1800.0), (0, 1000.0)], 1));
        assert_eq!((scopes[&1][0].live_bytes.value, scopes[&1][1].live_bytes.value), (1600.0, 0.0));
        // Nothing of it was seen live, which does not say that there is none.
        assert!(scopes[&1][1].live_bytes.high > 100.0);
    }
}
