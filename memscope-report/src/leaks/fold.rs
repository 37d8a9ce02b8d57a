//! Samples folded into what each call site gained and lost.

use super::POINTS;
use crate::analysis::{site_label, stack_trie::StackTrie};
use crate::error::ReportError;
use crate::load::{Event, Fate, Profile, Sample, replay};
use crate::statistics::{Evidence, Total};
use crate::symbolize::Symbols;
use std::collections::HashMap;
use std::io::Read;

/// What a call site gained and lost.
#[derive(Debug, Clone, Default)]
pub(super) struct SiteGrowth {
    pub(super) name: String,
    /// Allocated in the second half and live at the end.
    pub(super) born: Total,
    /// Live in the middle, and freed since.
    pub(super) gone: Total,
    /// Live at the end.
    pub(super) live: Total,
    samples: u64,
    /// What the heaviest of all its samples stands for beside itself.
    unseen: f64,
    /// What came to be live since the point before, by the next point.
    steps: [f64; POINTS],
}

impl SiteGrowth {
    /// Of one of its totals.
    pub(super) fn evidence(&self, total: &Total) -> Evidence {
        Evidence::of(total, self.unseen)
    }

    /// Live bytes at each point.
    pub(super) fn over_time(&self) -> [f64; POINTS] {
        let mut live_bytes = 0.0;
        self.steps.map(|step| {
            live_bytes += step;
            // What was added is taken off again; rounding may leave a hair below zero.
            f64::max(live_bytes, 0.0)
        })
    }
}

/// The sites in the making.
pub(super) struct Fold {
    sites: Vec<SiteGrowth>,
    /// For each row of the profile's sites, the site here.
    by_row: Vec<usize>,
    middle_us: u64,
    duration_us: u64,
}

impl Fold {
    pub(super) fn read(
        source: impl Read + Send,
        profile: &Profile,
        symbols: &Symbols,
        middle_us: u64,
    ) -> Result<Vec<SiteGrowth>, ReportError> {
        let mut fold = Self::new(profile, symbols, middle_us);
        replay(source, profile, |event| {
            if let Event::Ended(sample, fate, end_us) = event {
                fold.add(&sample, (fate != Fate::Live).then_some(end_us), profile);
            }
            Ok::<(), ReportError>(())
        })?;
        fold.sites.retain(|site| site.samples > 0);
        Ok(fold.sites)
    }

    /// Sites by their names. The last is for samples whose site is lost.
    fn new(profile: &Profile, symbols: &Symbols, middle_us: u64) -> Self {
        let trie = StackTrie::new(&profile.stacks, symbols);
        let mut sites: Vec<SiteGrowth> = Vec::new();
        let mut by_name: HashMap<String, usize> = HashMap::new();
        let mut of_name = |name: String| {
            *by_name.entry(name).or_insert_with_key(|name| {
                sites.push(SiteGrowth { name: name.clone(), ..SiteGrowth::default() });
                sites.len() - 1
            })
        };
        let name =
            |stack: u32| trie.blamed(stack).map_or_else(|| "(stack not recorded)".to_owned(), site_label);
        let rows = profile.sites.iter();
        let mut by_row: Vec<usize> =
            rows.map(|site| of_name(name(trie.of_site(&profile.stacks, site)))).collect();
        by_row.push(of_name("(call sites lost to damage)".to_owned()));
        Self { sites, by_row, middle_us, duration_us: profile.duration_us }
    }

    /// A sample that was freed at `freed_us`, or lives.
    fn add(&mut self, sample: &Sample, freed_us: Option<u64>, profile: &Profile) {
        let row = sample.site_row.map_or(self.by_row.len() - 1, |row| row as usize);
        let size =
            profile.sites.get(row).map_or(sample.bytes / sample.allocations, |site| site.size_bytes as f64);
        let (middle_us, duration_us) = (self.middle_us, self.duration_us);
        let Some(site) = self.by_row.get(row).and_then(|&at| self.sites.get_mut(at)) else { return };
        let probability = 1.0 / sample.allocations;
        site.samples += 1;
        site.unseen = site.unseen.max(sample.bytes - size);
        match freed_us {
            None => {
                site.live.add(size, probability);
                if sample.time_us >= middle_us {
                    site.born.add(size, probability);
                }
            }
            Some(freed_us) if sample.time_us < middle_us && freed_us >= middle_us => {
                site.gone.add(size, probability);
            }
            Some(_) => {}
        }
        let (first, behind) = (
            point_from(sample.time_us, duration_us),
            freed_us.map_or(POINTS, |us| point_from(us, duration_us)),
        );
        if first < behind.min(POINTS) {
            site.steps[first] += sample.bytes;
            if let Some(step) = site.steps.get_mut(behind) {
                *step -= sample.bytes;
            }
        }
    }
}

/// The first point at or after `time_us`: point `i` is at `(i + 1) / POINTS` of the session. What comes after the end counts for it.
fn point_from(time_us: u64, duration_us: u64) -> usize {
    let passed = u128::from(time_us.min(duration_us)) * POINTS as u128;
    let at = passed.div_ceil(u128::from(duration_us.max(1)));
    (at as usize).saturating_sub(1).min(POINTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_end_their_eighths() {
        let points = [0, 1, 100, 101, 200, 799, 800, 900].map(|us| point_from(us, 800));
        assert_eq!(points, [0, 0, 0, 1, 1, 7, 7, 7]);
        assert_eq!(point_from(5, 0), 0);
    }
}
