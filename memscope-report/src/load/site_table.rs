//! The trace's call sites while its samples pass by: what they are, and what a sample of each weighs.
//!
//! All samples of a site are of one size, so under one interval of one weight: the weight that a site's samples had last is mostly that
//! of the next.

use super::site_samples::SiteSamples;
use super::sites::Site;
use super::table::IdTable;
use super::weights::{NO_WEIGHT, WeightTable};
use memscope_trace::AllocationKind;

/// What a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) stack: u32,
    pub(super) scope: u32,
    pub(super) size_bytes: u64,
    pub(super) old_size_bytes: u64,
    pub(super) kind: u8,
}

/// The sites.
#[derive(Debug, Default)]
pub(super) struct SiteTable {
    definitions: IdTable<Definition>,
    /// By row.
    weights: Vec<u32>,
}

impl SiteTable {
    /// As [`IdTable::extend`].
    pub(super) fn extend(&mut self, first_id: u32, rows: impl ExactSizeIterator<Item = Definition>) -> u64 {
        let left_out = self.definitions.extend(first_id, rows);
        self.weights.resize(self.definitions.rows().len(), NO_WEIGHT);
        left_out
    }

    /// The row of a site.
    #[inline]
    pub(super) fn row_of(&self, id: u32) -> Option<usize> {
        self.definitions.row_of(id)
    }

    /// The definitions by row.
    pub(super) fn definitions(&self) -> &[Definition] {
        self.definitions.rows()
    }

    /// The weight of a sample of the site in row `row`, drawn under the interval at place `under` of `weights`.
    #[inline]
    pub(super) fn weigh(&mut self, row: usize, under: u32, weights: &mut WeightTable) -> u32 {
        let weight = &mut self.weights[row];
        if weights.interval_of(*weight) != under {
            *weight = weights.of(under, self.definitions.rows()[row].size_bytes);
        }
        *weight
    }

    /// The sites with their samples, which come in the order of the rows.
    pub(super) fn into_sites(self, samples: impl Iterator<Item = SiteSamples>) -> Vec<Site> {
        let sites = self.definitions.into_rows().into_iter().zip(samples);
        let site = |(definition, samples): (Definition, SiteSamples)| Site {
            stack: definition.stack,
            size_bytes: definition.size_bytes,
            old_size_bytes: definition.old_size_bytes,
            scope: definition.scope,
            kind: AllocationKind::from_u8(definition.kind),
            samples,
        };
        sites.map(site).collect()
    }
}
