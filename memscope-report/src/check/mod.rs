//! A gate for continuous integration: is this trace within its limits, and has it grown over a baseline?
//!
//! # Limits
//!
//! Peak, live bytes at the end, and allocations per call of a scope are exact in every trace, so they are compared exactly: a
//! limit is kept up to and including its figure.
//!
//! # Growth
//!
//! The totals (bytes allocated, allocations, peak, live at the end) are exact too: growth above the limit fails. Call
//! sites are estimated. A site, that is the innermost function of the program's own code, fails when
//!
//! 1. its growth is certain: the interval of `new / old` lies above 1, and
//! 2. it may be as much as the limit: `1 + limit` is within the ratio's 95% interval, or below it.
//!
//! So a site that has not grown fails only by chance, one that has grown by the limit is caught whenever the samples can tell it from no
//! growth at all, and one that has certainly grown by less than the limit passes. The intervals ([`ratio`]) are taken so that
//! *all* sites of a pair of equal traces together raise a false alarm in at most [`FALSE_ALARMS`] of the pairs. Sites that
//! make less than [`Limits::least_share`] of both traces' figure are left out: they would cost the others' sharpness.
//!
//! What the samples cannot show is said: [`SiteGrowth::smallest_shown`] is the growth that is caught with 95% probability.
//!
//! # What differs from run to run
//!
//! One baseline tells nothing about what the program's runs differ by among themselves: with one, the intervals cover the sampling only, and a
//! program whose runs differ by more than that fails by it. Several baselines tell ([`Baselines`]). With them, a site or a total is compared with their mean,
//! and it fails only where its growth is beyond what runs make by themselves too, again such that all sites and totals together raise
//! a false alarm in at most [`FALSE_ALARMS`] of the checks. Few runs tell little about their differences: take five or more of them.

mod growth;
mod limits;
#[cfg(test)]
mod power;

pub use growth::{FALSE_ALARMS, POWER, SiteGrowth, Standing, TotalGrowth};
pub use limits::LimitCheck;

use crate::compare::{self, Side};
use crate::error::ReportError;
#[cfg(doc)]
use crate::statistics::{Baselines, ratio};
use memscope_trace::{End, EndReason};

/// What a trace must keep.
///
/// ```
/// use memscope_report::check::Limits;
/// let mut limits = Limits::default();
/// limits.max_peak_bytes = Some(100 << 20);
/// limits.max_allocations_per_call.push(("app::parse".to_owned(), 12.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The highest live bytes at any time.
    pub max_peak_bytes: Option<u64>,
    /// The live bytes at the end.
    pub max_live_bytes: Option<u64>,
    /// For each scope the mean number of allocations in a call, those of inner scopes included.
    pub max_allocations_per_call: Vec<(String, f64)>,
    /// Growth over the baseline, as a fraction: 0.1 for 10%.
    pub max_growth: f64,
    /// Sites with a smaller share of the figure in both traces together are not compared, 0 to 1.
    pub least_share: f64,
    /// Growth by fewer bytes is never an alarm.
    pub ignored_growth_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_peak_bytes: None,
            max_live_bytes: None,
            max_allocations_per_call: Vec::new(),
            max_growth: 0.1,
            least_share: 0.01,
            ignored_growth_bytes: 4096,
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Checked {
    /// Each limit, kept or not.
    pub limits: Vec<LimitCheck>,
    /// The exact totals beside the baseline's; empty without one.
    pub totals: Vec<TotalGrowth>,
    /// The call sites beside the baseline's, those that fail first, then by the figure's size.
    pub sites: Vec<SiteGrowth>,
    /// How many baselines there are.
    pub baselines: usize,
    /// What makes trace and baselines less alike than they should be, each one sentence.
    pub notes: Vec<String>,
    /// Whether the trace, and the baseline where there is one, are whole: neither cut short nor damaged.
    pub whole: bool,
}

impl Checked {
    /// Whether every limit is kept.
    #[must_use]
    pub fn keeps_limits(&self) -> bool {
        self.limits.iter().all(|limit| limit.kept)
    }

    /// Whether nothing has grown beyond the limit.
    #[must_use]
    pub fn keeps_growth(&self) -> bool {
        let totals = self.totals.iter().all(|total| total.kept);
        totals && self.sites.iter().all(|site| site.standing != Standing::Grew)
    }
}

/// Checks `trace` against `limits`, and for growth over `baselines` where there are any.
///
/// # Errors
/// [`ReportError::UnknownScope`] where a scope that is limited made no call in the trace.
pub fn check(trace: Side<'_>, baselines: &[Side<'_>], limits: &Limits) -> Result<Checked, ReportError> {
    // A trace whose writing failed has an end, but not the samples before it.
    let is_written = |end: &End| EndReason::from_u8(end.reason) != EndReason::WriteFailed;
    let whole =
        |side: &Side<'_>| side.profile.end.as_ref().is_some_and(is_written) && !side.profile.is_damaged();
    let (sites, compared) = growth::sites(baselines, trace, limits);
    let mut notes: Vec<String> = Vec::new();
    for note in baselines.iter().flat_map(|&old| compare::notes(old, trace)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    Ok(Checked {
        limits: limits::check(trace.profile, limits)?,
        totals: growth::totals(baselines, trace, limits, compared),
        sites,
        baselines: baselines.len(),
        notes,
        whole: whole(&trace) && baselines.iter().all(whole),
    })
}
