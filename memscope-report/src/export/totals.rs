//! What each stack adds up to, for formats without threads and times.

use super::source::ExportSource;
use super::stacks::Stacks;
use crate::load::Site;
use memscope_trace::AllocationKind;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Measure {
    /// Bytes allocated.
    #[default]
    AllocatedBytes,
    /// Allocations.
    Allocations,
    /// Bytes live at the process's peak.
    PeakBytes,
    /// Allocations live at the process's peak.
    PeakAllocations,
    /// Bytes live at the end.
    LiveBytes,
    /// Allocations live at the end.
    LiveAllocations,
    /// Bytes freed within a millisecond by the thread that allocated them.
    TemporaryBytes,
    /// Allocations freed within a millisecond by the thread that made them.
    TemporaryAllocations,
    /// Bytes that `realloc` copied to a new place.
    CopiedBytes,
}

/// Every measure with its name on the command line and its title.
const NAMES: [(Measure, &str, &str); 9] = [
    (Measure::AllocatedBytes, "allocated-bytes", "allocated bytes"),
    (Measure::Allocations, "allocations", "allocations"),
    (Measure::PeakBytes, "peak-bytes", "bytes live at the peak"),
    (Measure::PeakAllocations, "peak-allocations", "allocations live at the peak"),
    (Measure::LiveBytes, "live-bytes", "bytes live at the end"),
    (Measure::LiveAllocations, "live-allocations", "allocations live at the end"),
    (Measure::TemporaryBytes, "temporary-bytes", "temporary bytes"),
    (Measure::TemporaryAllocations, "temporary-allocations", "temporary allocations"),
    (Measure::CopiedBytes, "copied-bytes", "bytes copied by realloc"),
];

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 9] = {
        let mut all = [Self::AllocatedBytes; 9];
        let mut at = 0;
        while at < all.len() {
            all[at] = NAMES[at].0;
            at += 1;
        }
        all
    };

    /// What it is called on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// What it is called where a person reads it.
    #[must_use]
    pub fn title(self) -> &'static str {
        NAMES[self as usize].2
    }

    /// Whether it counts bytes; else it counts allocations.
    #[must_use]
    pub fn is_bytes(self) -> bool {
        !matches!(
            self,
            Self::Allocations | Self::PeakAllocations | Self::LiveAllocations | Self::TemporaryAllocations
        )
    }

    /// The site's estimate, losses not allowed for.
    fn of(self, site: &Site) -> f64 {
        let (samples, size) = (&site.samples, site.size_bytes as f64);
        match self {
            Self::AllocatedBytes => samples.allocated().value() * size,
            Self::Allocations => samples.allocated().value(),
            Self::PeakBytes => samples.at_peak().value() * size,
            Self::PeakAllocations => samples.at_peak().value(),
            Self::LiveBytes => samples.live().value() * size,
            Self::LiveAllocations => samples.live().value(),
            Self::TemporaryBytes => samples.temporary().value() * size,
            Self::TemporaryAllocations => samples.temporary().value(),
            Self::CopiedBytes if site.kind == AllocationKind::ReallocMoved => {
                samples.allocated().value() * site.old_size_bytes.min(site.size_bytes) as f64
            }
            Self::CopiedBytes => 0.0,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parses [`Measure::name`].
impl FromStr for Measure {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = NAMES.iter().find(|(_, known, _)| *known == name);
        found.map(|(measure, ..)| *measure).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(_, known, _)| *known).collect();
            format!("expected a measure of {}, found {name:?}", known.join(", "))
        })
    }
}

/// The totals of a stack.
#[derive(Debug, Clone, Copy)]
pub(super) struct StackTotals {
    /// The node in [`Stacks`].
    pub(super) stack: u32,
    values: [f64; Measure::ALL.len()],
    /// The lifetimes of all its allocations, microseconds; of those that live at the end as long as they were seen.
    pub(super) lifetime_us: f64,
}

impl StackTotals {
    fn empty(stack: u32) -> Self {
        Self { stack, values: [0.0; Measure::ALL.len()], lifetime_us: 0.0 }
    }

    /// The estimate, losses allowed for.
    pub(super) fn get(&self, measure: Measure) -> f64 {
        self.values[measure as usize]
    }

    /// Adds `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        self.values.iter_mut().zip(other.values).for_each(|(sum, value)| *sum += value);
        self.lifetime_us += other.lifetime_us;
    }
}

/// What the text of all stacks may take, bytes, for a trace of `trace_bytes`: a small trace can describe stacks without
/// end.
pub(super) fn text_budget_bytes(trace_bytes: u64) -> u64 {
    (32 << 20) + trace_bytes.saturating_mul(128)
}

/// The totals of each stack, most allocated bytes first. Stacks whose text goes beyond what the trace's size justifies
/// are one.
pub(super) fn totals(source: &ExportSource, stacks: &Stacks) -> Vec<StackTotals> {
    let mut by_stack: HashMap<u32, StackTotals> = HashMap::new();
    let profile = source.profile();
    let retained = profile.losses().retained();
    let mut all = StackTotals::empty(stacks.stand_ins().lost);
    for (row, site) in (0..).zip(&profile.sites) {
        if site.samples.samples() == 0 {
            continue;
        }
        let stack = stacks.of_site(profile, Some(row));
        let mut totals = StackTotals::empty(stack);
        totals.values = Measure::ALL.map(|measure| measure.of(site) / retained);
        totals.lifetime_us = (site.samples.lifetime_us + site.samples.live_age_us) / retained;
        all.merge(&totals);
        by_stack.entry(stack).or_insert_with(|| StackTotals::empty(stack)).merge(&totals);
    }
    if let Some(lost) = lost(source, &all) {
        by_stack.entry(lost.stack).or_insert_with(|| StackTotals::empty(lost.stack)).merge(&lost);
    }
    let mut rows: Vec<StackTotals> = by_stack.into_values().collect();
    rows.sort_unstable_by(|one, other| {
        let bytes = |row: &StackTotals| row.get(Measure::AllocatedBytes);
        bytes(other).total_cmp(&bytes(one)).then(one.stack.cmp(&other.stack))
    });
    within_budget(rows, stacks, text_budget_bytes(profile.read.bytes))
}

fn within_budget(rows: Vec<StackTotals>, stacks: &Stacks, budget_bytes: u64) -> Vec<StackTotals> {
    let mut further = StackTotals::empty(stacks.stand_ins().further);
    let mut left_bytes = budget_bytes;
    let mut kept: Vec<StackTotals> = Vec::with_capacity(rows.len());
    for row in rows {
        match left_bytes.checked_sub(stacks.text_bytes(row.stack)) {
            Some(left) => {
                left_bytes = left;
                kept.push(row);
            }
            None => further.merge(&row),
        }
    }
    if further.get(Measure::Allocations) > 0.0 {
        kept.push(further);
    }
    kept
}

/// The totals of samples whose site is lost: taken for samples like the mean one of `all`.
fn lost(source: &ExportSource, all: &StackTotals) -> Option<StackTotals> {
    let profile = source.profile();
    let lost = &profile.unknown_site;
    let known: u64 = profile.sites.iter().map(|site| site.samples.samples()).sum();
    if lost.samples() == 0 || known == 0 {
        return None;
    }
    let each = |measure: Measure| all.get(measure) / known as f64;
    let mut totals = StackTotals::empty(all.stack);
    for (bytes, allocations, part) in [
        (Measure::AllocatedBytes, Measure::Allocations, lost.allocated()),
        (Measure::PeakBytes, Measure::PeakAllocations, lost.at_peak()),
        (Measure::LiveBytes, Measure::LiveAllocations, lost.live()),
        (Measure::TemporaryBytes, Measure::TemporaryAllocations, lost.temporary()),
    ] {
        let samples = part.samples() as f64;
        totals.values[bytes as usize] = samples * each(Measure::AllocatedBytes);
        totals.values[allocations as usize] = samples * each(Measure::Allocations);
    }
    Some(totals)
}
