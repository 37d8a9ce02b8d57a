//! Whom a finding is about: its call sites, threads and time.

use super::{Analysis, Bottleneck, BottleneckKind, Severity};
use crate::analysis::{SliceCell, Slices};
use crate::statistics::Estimate;
use std::collections::BTreeMap;

/// Threads that a finding about a call site names.
const THREADS_MAX: usize = 4;

impl Bottleneck {
    /// A finding about `culprit` that says nothing yet.
    pub(super) fn of(kind: BottleneckKind, culprit: impl Into<String>) -> Self {
        Self {
            kind,
            severity: Severity::Low,
            culprit: culprit.into(),
            bytes: Estimate::default(),
            evidence: String::new(),
            advice: String::new(),
            sites: Vec::new(),
            threads: Vec::new(),
            span_us: None,
        }
    }

    /// A finding about the call site at `at`, with the threads that allocated most there and the time from its first allocation to
    /// the last thing that it did.
    pub(super) fn of_site(kind: BottleneckKind, analysis: &Analysis, at: u32) -> Self {
        let culprit = analysis.sites.get(at as usize).map_or("", |site| &site.label);
        let cells = cells_of(&analysis.slices, at);
        let mut by_thread: BTreeMap<u32, f64> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| ![0, Slices::FURTHER].contains(&cell.thread)) {
            *by_thread.entry(cell.thread).or_default() += cell.allocated.bytes;
        }
        let mut threads: Vec<(u32, f64)> = by_thread.into_iter().filter(|(_, bytes)| *bytes > 0.0).collect();
        threads.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let bins = cells.iter().map(|cell| u64::from(cell.bin));
        let span_us = bins.clone().min().zip(bins.max()).map(|(first, last)| {
            let end_us = (last + 1).saturating_mul(analysis.slices.bin_us);
            [first.saturating_mul(analysis.slices.bin_us), end_us.min(analysis.session.duration_us)]
        });
        Self {
            sites: vec![at],
            threads: threads.iter().take(THREADS_MAX).map(|(id, _)| *id).collect(),
            span_us: span_us.filter(|[from_us, to_us]| from_us < to_us),
            ..Self::of(kind, culprit)
        }
    }
}

/// The cells of the call site at `at`; they are in the order of the sites.
pub(super) fn cells_of(slices: &Slices, at: u32) -> &[SliceCell] {
    let from = slices.cells.partition_point(|cell| cell.site < at);
    let to = slices.cells.partition_point(|cell| cell.site <= at);
    &slices.cells[from..to.max(from)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::SiteFigures;
    use crate::statistics::{Losses, Sum};

    #[test]
    fn a_site_is_blamed_with_its_threads_and_its_time() {
        let cell = |site, thread, bin, count| SliceCell {
            site,
            thread,
            bin,
            allocated: Sum::of(count, 100, 0.5, Losses::default()),
            ..SliceCell::default()
        };
        let threads = [(1, 5), (2, 50), (3, 1), (4, 7), (5, 6), (Slices::FURTHER, 90)];
        let mut cells = vec![cell(0, 9, 0, 1)];
        cells.extend(threads.map(|(thread, count)| cell(1, thread, 2 + thread % 3, count)));
        let site = |label: &str| SiteFigures { label: label.into(), ..SiteFigures::default() };
        let mut analysis = Analysis { sites: vec![site("other"), site("it")], ..Analysis::default() };
        analysis.slices = Slices { bin_us: 1_000, bins: 5, cells, ..Slices::default() };
        analysis.session.duration_us = 4_500;
        let found = Bottleneck::of_site(BottleneckKind::Retained, &analysis, 1);
        assert_eq!((found.culprit.as_str(), found.sites, found.threads), ("it", vec![1], vec![2, 4, 5, 1]));
        assert_eq!(found.span_us, Some([2_000, 4_500]));
        let unknown = Bottleneck::of_site(BottleneckKind::Retained, &analysis, 7);
        assert!(unknown.threads.is_empty() && unknown.span_us.is_none());
    }
}
