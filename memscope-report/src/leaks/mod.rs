//! What grows: call sites whose live bytes went up in the second half of the session, and how sure that is.
//!
//! A site that holds much need not leak (a table that is filled at the start), and one that leaks need not hold much yet. So what is
//! ranked is growth. Between the middle of the session and its end a site grew by
//!
//! ```text
//! growth = born - gone
//! born   bytes allocated in the second half and live at the end
//! gone   bytes allocated in the first half, live in the middle, and freed in the second half
//! ```
//!
//! No allocation is in both, so the two totals rest on different samples, and the interval of their difference is that of
//! [`difference`]. (Live at the end minus live in the middle is the same number, but both count what lived throughout, whose
//! sampling error would be told twice instead of not at all.) Sites are ranked by the lower end of the interval: what they
//! grew by for certain. The intervals hold for all sites together, as those of [`crate::compare`] do.
//!
//! That a site grew does not say that it will go on: a cache that fills looks like a leak until it is full. [`Leak::live_bytes_over_time`]
//! shows which it is, and a longer session makes sure.

mod fold;

use crate::error::ReportError;
use crate::load::Profile;
use crate::statistics::{Estimate, chance_at_most, difference};
use crate::symbolize::Symbols;
use fold::{Fold, SiteGrowth};
use std::io::Read;

/// Times at which live bytes are told, evenly over the session, the last at its end.
pub const POINTS: usize = 8;
/// How often a session in which nothing grows may show growth.
const FALSE_GROWTH: f64 = 0.05;

/// How a call site's live bytes moved.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Leak {
    /// The call site.
    pub name: String,
    /// Growth in the second half of the session, bytes, with an interval that holds together with those of all sites.
    pub growth_bytes: Estimate,
    /// The probability that it grew at all, 0 to 1, this site taken by itself.
    pub sureness: f64,
    /// Bytes live at the end, with its 95% interval.
    pub live_bytes: Estimate,
    /// Estimated live bytes at [`POINTS`] times, the last at the session's end.
    pub live_bytes_over_time: [f64; POINTS],
}

impl Leak {
    /// Whether it grew for certain.
    #[must_use]
    pub fn grew(&self) -> bool {
        self.growth_bytes.low > 0.0
    }
}

/// What grows.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Leaks {
    /// All call sites with samples, those that grew for certain first, by the least that they grew by; the others by how sure
    /// their growth is.
    pub sites: Vec<Leak>,
    /// The time over which growth is told: the second half of the session, microseconds.
    pub window_us: u64,
    /// Exact growth of the whole process in that time, as far as the trace's figures over time tell, bytes.
    pub process_growth_bytes: i64,
}

/// Reads the trace in `source` once more, from which `profile` was read, and ranks its call sites by their growth.
///
/// # Errors
/// [`ReportError::Trace`] if the source fails or is no longer a trace.
pub fn leaks(source: impl Read + Send, profile: &Profile, symbols: &Symbols) -> Result<Leaks, ReportError> {
    let middle_us = profile.duration_us / 2;
    let found = Fold::read(source, profile, symbols, middle_us)?;
    let tail = tail(&found);
    let mut sites: Vec<Leak> = found.into_iter().map(|site| leak(site, tail)).collect();
    let rank = |leak: &Leak| (leak.growth_bytes.low.max(0.0), leak.sureness, leak.growth_bytes.value);
    sites.sort_by(|one, other| {
        let order = rank(other).partial_cmp(&rank(one)).unwrap_or(std::cmp::Ordering::Equal);
        order.then_with(|| one.name.cmp(&other.name))
    });
    let live_at = |time_us: u64| {
        let behind = profile.timeline.partition_point(|point| point.time_us <= time_us);
        behind.checked_sub(1).map_or(0, |at| crate::load::live_bytes(&profile.timeline[at]))
    };
    Ok(Leaks {
        sites,
        window_us: profile.duration_us - middle_us,
        process_growth_bytes: crate::load::live_bytes(&profile.totals).saturating_sub(live_at(middle_us)),
    })
}

/// The tail at which the intervals of all sites hold together; sites with too few samples to show anything do not count.
fn tail(sites: &[SiteGrowth]) -> f64 {
    let samples = sites.iter().map(|site| site.born.samples() + site.gone.samples());
    crate::compare::shared_tail(samples.collect(), FALSE_GROWTH / 2.0).0
}

fn leak(site: SiteGrowth, tail: f64) -> Leak {
    let (born, gone, live) =
        (site.evidence(&site.born), site.evidence(&site.gone), site.evidence(&site.live));
    Leak {
        growth_bytes: difference(&gone, &born, tail),
        sureness: if born.value() == gone.value() { 0.5 } else { 1.0 - chance_at_most(&gone, &born, 1.0) },
        live_bytes: live.estimate(0.025),
        live_bytes_over_time: site.over_time(),
        name: site.name,
    }
}
