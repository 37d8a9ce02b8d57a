//! The cells of call site x thread x scope x time, few enough for a page.
//!
//! The analysis may have 200,000 cells; a page with as many takes long to open. Cells are sums that merge without loss
//! ([`Sum::merge`]), so neighbouring bins are joined until few enough are left, and then the call sites with least bytes. The
//! script adds up those that a filter lets pass, and works out the interval as `statistics` does.
//!
//! They are one list of numbers: for each cell site (-1 for those that are not told apart), thread, scope and bin, then what was allocated and what was freed, each as
//!
//! ```text
//! 0                                                   nothing
//! 1, seen, unseen                                     one sample
//! n, value, seen, variance, unseen, unseen            more: the two that stand for most beside themselves
//! ```

use super::json::{number, object, push_integer, push_number};
use crate::analysis::{Analysis, SliceCell, Slices};
use crate::statistics::Sum;
use std::collections::{BTreeMap, HashSet};

/// Most cells.
const MOST_CELLS: usize = 24_000;
/// Fewest bins that a time window can be chosen from.
const FEWEST_BINS: u32 = 32;
/// Most bins that a session is drawn in.
const MOST_BINS: u64 = 512;
/// The site or thread of what is not told apart.
pub(super) const FURTHER: u32 = Slices::FURTHER;

/// Site, thread, scope and bin.
type Key = (u32, u32, u32, u32);

/// The cells, their threads and scopes by number.
pub(super) struct Cells {
    /// Ids of the threads, most bytes allocated first.
    pub(super) threads: Vec<u32>,
    /// Ids of the scopes, most bytes allocated first.
    pub(super) scopes: Vec<u32>,
    bin_us: u64,
    bins: u32,
    cells: BTreeMap<Key, (Sum, Sum)>,
}

impl Cells {
    /// The cells of the first `sites` call sites, and of all others together.
    pub(super) fn new(analysis: &Analysis, sites: usize) -> Self {
        let slices = &analysis.slices;
        let (mut bin_us, mut bins, mut sites) = (slices.bin_us, slices.bins, sites as u32);
        while sites > 0 && number_of_cells(slices, bin_us, sites) > MOST_CELLS {
            if bins > FEWEST_BINS {
                (bin_us, bins) = (bin_us.saturating_mul(2), bins.div_ceil(2));
            } else {
                sites /= 2;
            }
        }
        // The session may go on after the last sample.
        let whole = analysis.session.duration_us.div_ceil(bin_us.max(1));
        if whole <= MOST_BINS {
            bins = bins.max(whole as u32);
        }
        let cells = joined(slices, bin_us, sites);
        let threads = order(&cells, |key| key.1);
        let scopes = order(&cells, |key| key.2);
        Cells { threads, scopes, bin_us, bins, cells }
    }

    /// `{known, bins, bin, end, sites, cells}`.
    pub(super) fn json(&self, analysis: &Analysis) -> String {
        let place = |ids: &[u32]| -> BTreeMap<u32, usize> { ids.iter().copied().zip(0..).collect() };
        let (threads, scopes) = (place(&self.threads), place(&self.scopes));
        let mut list = String::from("[");
        for (&(site, thread, scope, bin), (allocated, freed)) in &self.cells {
            if list.len() > 1 {
                list.push(',');
            }
            match site {
                FURTHER => list.push_str("-1"),
                site => push_integer(&mut list, site.into()),
            }
            for part in [threads[&thread], scopes[&scope], bin as usize] {
                list.push(',');
                push_integer(&mut list, part as u64);
            }
            push_sum(&mut list, allocated);
            push_sum(&mut list, freed);
        }
        list.push(']');
        let end_us = u64::from(self.bins).saturating_mul(self.bin_us);
        object([
            ("known", number(analysis.slices.known)),
            ("bins", self.bins.to_string()),
            ("bin", self.bin_us.to_string()),
            (
                "end",
                analysis.session.duration_us.clamp(end_us.saturating_sub(self.bin_us), end_us).to_string(),
            ),
            ("cells", list),
        ])
    }
}

/// Where each cell goes, in the order of the cells.
fn keys(slices: &Slices, bin_us: u64, sites: u32) -> impl Iterator<Item = (Key, &SliceCell)> {
    let factor = bin_us.checked_div(slices.bin_us).unwrap_or(1).max(1);
    let last = slices.bins.saturating_sub(1);
    slices.cells.iter().map(move |cell| {
        let site = if cell.site < sites { cell.site } else { FURTHER };
        let bin = (u64::from(cell.bin.min(last)) / factor) as u32;
        ((site, cell.thread, cell.scope, bin), cell)
    })
}

/// How many cells there would be. Those of a site are in order, so most that become one are neighbours.
fn number_of_cells(slices: &Slices, bin_us: u64, sites: u32) -> usize {
    let (mut further, mut runs, mut before) = (HashSet::new(), 0, None);
    for (key, _) in keys(slices, bin_us, sites) {
        if key.0 == FURTHER {
            further.insert(key);
        } else if before != Some(key) {
            runs += 1;
            before = Some(key);
        }
    }
    runs + further.len()
}

fn joined(slices: &Slices, bin_us: u64, sites: u32) -> BTreeMap<Key, (Sum, Sum)> {
    let mut cells: BTreeMap<Key, (Sum, Sum)> = BTreeMap::new();
    for (key, cell) in keys(slices, bin_us, sites) {
        let (allocated, freed) = cells.entry(key).or_default();
        allocated.merge(&cell.allocated);
        freed.merge(&cell.freed);
    }
    cells
}

/// What `column` takes, that with most bytes first; the further ones at the end.
fn order(cells: &BTreeMap<Key, (Sum, Sum)>, column: fn(&Key) -> u32) -> Vec<u32> {
    let mut bytes: BTreeMap<u32, f64> = BTreeMap::new();
    for (key, (allocated, _)) in cells {
        *bytes.entry(column(key)).or_default() += allocated.bytes;
    }
    let mut ids: Vec<(u32, f64)> = bytes.into_iter().collect();
    ids.sort_by(|(a, x), (b, y)| (*a == FURTHER).cmp(&(*b == FURTHER)).then(y.total_cmp(x)));
    ids.into_iter().map(|(id, _)| id).collect()
}

/// Appends a sum, a comma before each of its numbers.
fn push_sum(list: &mut String, sum: &Sum) {
    list.push(',');
    push_integer(list, sum.samples);
    let [first, second] = sum.unseen_bytes;
    let numbers = [sum.bytes, sum.seen_bytes, sum.bytes_variance, first, second];
    let numbers = match sum.samples {
        0 => &[][..],
        1 => &[sum.seen_bytes, first][..],
        _ => &numbers[..],
    };
    for &number in numbers {
        list.push(',');
        push_number(list, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Losses;

    fn cell(site: u32, thread: u32, bin: u32) -> SliceCell {
        let allocated = Sum::of(2, 100 + u64::from(site), 0.01, Losses::default());
        let freed = Sum::of(1, 100 + u64::from(site), 0.01, Losses::default());
        SliceCell { site, thread, scope: thread % 3, bin, allocated, freed }
    }

    fn analysis(cells: Vec<SliceCell>, bins: u32) -> Analysis {
        let mut analysis = Analysis {
            slices: Slices { bin_us: 1024, bins, cells, ..Slices::default() },
            ..Analysis::default()
        };
        analysis.session.duration_us = u64::from(bins) * 1024;
        analysis
    }

    fn totals(cells: &Cells) -> (Sum, Sum) {
        cells.cells.values().fold(
            (Sum::default(), Sum::default()),
            |(mut all, mut gone), (allocated, freed)| {
                all.merge(allocated);
                gone.merge(freed);
                (all, gone)
            },
        )
    }

    #[test]
    fn too_many_cells_are_joined_and_nothing_is_lost() {
        let all = (0..100).flat_map(|site| {
            (1..=5).flat_map(move |thread| (0..100).map(move |bin| cell(site, thread, bin)))
        });
        let analysis = analysis(all.collect(), 100);
        let cells = Cells::new(&analysis, 100);
        assert!(cells.cells.len() <= MOST_CELLS, "{} cells", cells.cells.len());
        assert!(
            cells.bins >= FEWEST_BINS / 2 && cells.bin_us > 1024,
            "{} bins of {} us",
            cells.bins,
            cells.bin_us
        );
        let before = analysis.slices.totals(|_| true);
        let (allocated, freed) = totals(&cells);
        assert_eq!(allocated.samples, before.allocated.samples);
        assert!((allocated.bytes / before.allocated.bytes - 1.0).abs() < 1e-9);
        assert!((freed.bytes_variance / before.freed.bytes_variance - 1.0).abs() < 1e-9);
        let json = cells.json(&analysis);
        assert!(json.len() < 3_000_000, "{} bytes", json.len());
    }

    #[test]
    fn cells_are_written_as_the_head_of_the_file_says() {
        let mut one = cell(0, 7, 0);
        one.allocated = Sum::of(1, 64, 0.5, Losses::default());
        one.freed = Sum::default();
        let mut analysis = analysis(vec![one, cell(3, 7, 9)], 2);
        analysis.session.duration_us = 1500;
        let cells = Cells::new(&analysis, 1);
        assert_eq!((cells.threads.clone(), cells.scopes.clone()), (vec![7], vec![1]));
        // The site that the page does not know, and a bin behind the last.
        let further = "-1,0,0,1,2,20600,206,210058200,10197,10197,1,103,10197";
        assert_eq!(
            cells.json(&analysis),
            format!(r#"{{"known":0,"bins":2,"bin":1024,"end":1500,"cells":[0,0,0,0,1,64,64,0,{further}]}}"#)
        );
    }

    #[test]
    fn a_session_that_goes_on_has_bins_to_its_end() {
        let mut analysis = analysis(vec![cell(0, 1, 0)], 1);
        analysis.session.duration_us = 10_000;
        assert_eq!(Cells::new(&analysis, 1).bins, 10);
        analysis.session.duration_us = u64::MAX;
        assert_eq!(Cells::new(&analysis, 1).bins, 1);
        assert!(Cells::new(&Analysis::default(), 1).cells.is_empty());
    }
}
