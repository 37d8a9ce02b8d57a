//! Growth over a baseline: exact totals exactly, call sites as far as their samples tell.

use super::Limits;
use crate::compare::{By, ExactChange, Figure, Row, Side, exact_changes, fold, simultaneous_tail};
use crate::statistics::{Estimate, Evidence, Ratio, chance_at_most, ratio, smallest_ratio_shown};

/// How many pairs of equal traces may raise a false alarm, as a fraction.
pub const FALSE_ALARMS: f64 = 0.01;
/// How often growth of [`SiteGrowth::smallest_shown`] is caught, as a fraction.
pub const POWER: f64 = 0.95;
/// The tail beyond which growth by the limit counts as excluded: half of what may be missed.
const EXCLUDED_TAIL: f64 = (1.0 - POWER) / 2.0;
/// What of a call site is compared.
const FIGURES: [Figure; 2] = [Figure::Bytes, Figure::Live];

/// An exact total beside the baseline's.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TotalGrowth {
    /// Both figures.
    pub change: ExactChange,
    /// Whether it has grown by no more than the limit.
    pub kept: bool,
}

/// Where a call site stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Standing {
    /// It has certainly grown, by the limit or what may be the limit: an alarm.
    Grew,
    /// It may have grown by the limit, or not at all: the samples do not tell.
    Unsure,
    /// It has grown by less than the limit, if at all.
    Kept,
}

/// A call site beside the baseline's.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SiteGrowth {
    /// The innermost function of the program's own code.
    pub name: String,
    /// What is compared.
    pub figure: Figure,
    /// In the baseline, with its own 95% interval.
    pub old: Estimate,
    /// In the trace.
    pub new: Estimate,
    /// `new / old`, with an interval at which all sites together raise [`FALSE_ALARMS`].
    pub ratio: Ratio,
    /// The growth that these samples show with the probability [`POWER`], as a fraction: 0.1 for 10%.
    pub smallest_shown: f64,
    /// What that comes to.
    pub standing: Standing,
}

pub(super) fn totals(old: Side<'_>, new: Side<'_>, limits: &Limits) -> Vec<TotalGrowth> {
    let kept = |change: &ExactChange| {
        let most = change.old.max(0) as f64 * (1.0 + limits.max_growth);
        let ignored = change.is_bytes && change.difference() < signed(limits.ignored_growth_bytes);
        change.difference() <= 0 || ignored || change.new as f64 <= most
    };
    exact_changes(old, new).into_iter().map(|change| TotalGrowth { change, kept: kept(&change) }).collect()
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(super) fn sites(old: Side<'_>, new: Side<'_>, limits: &Limits) -> Vec<SiteGrowth> {
    let mut rows: Vec<(Figure, Row)> = Vec::new();
    for figure in FIGURES {
        let found = fold([old, new], By::Function, figure);
        rows.extend(large(found, limits.least_share).into_iter().map(|row| (figure, row)));
    }
    let evidence: Vec<Row> = rows.iter().map(|(_, row)| row.clone()).collect();
    let (tail, _) = simultaneous_tail(&evidence, FALSE_ALARMS);
    let mut sites: Vec<SiteGrowth> =
        rows.into_iter().map(|(figure, row)| site(figure, row, tail, limits)).collect();
    sites.sort_by(|one, other| {
        let size = |site: &SiteGrowth| site.old.value.max(site.new.value);
        one.standing
            .min(Standing::Unsure)
            .cmp(&other.standing.min(Standing::Unsure))
            .then(size(other).total_cmp(&size(one)))
    });
    sites
}

/// The rows with at least `share` of both traces' sum. Which trace a row's part is in does not matter here, so the choice tells nothing
/// about its growth.
fn large(rows: Vec<Row>, share: f64) -> Vec<Row> {
    let size = |row: &Row| row.evidence[0].value() + row.evidence[1].value();
    let least = share * rows.iter().map(size).sum::<f64>();
    rows.into_iter().filter(|row| size(row) >= least).collect()
}

fn site(figure: Figure, row: Row, tail: f64, limits: &Limits) -> SiteGrowth {
    let [old, new] = &row.evidence;
    let ratio = ratio(old, new, tail);
    let grown_bytes = if figure.is_bytes() { new.value() - old.value() } else { f64::INFINITY };
    let ignored = grown_bytes < limits.ignored_growth_bytes as f64;
    SiteGrowth {
        name: row.name,
        figure,
        old: old.estimate(0.025),
        new: new.estimate(0.025),
        smallest_shown: smallest_ratio_shown(old, new, tail, POWER) - 1.0,
        standing: if ignored { Standing::Kept } else { standing(old, new, &ratio, limits.max_growth) },
        ratio,
    }
}

/// The decision.
pub(super) fn standing(old: &Evidence, new: &Evidence, ratio: &Ratio, max_growth: f64) -> Standing {
    let limit = 1.0 + max_growth;
    if old.is_exact() && new.is_exact() {
        return if new.value() > old.value() * limit { Standing::Grew } else { Standing::Kept };
    }
    let excluded = chance_at_most(old, new, limit) > 1.0 - EXCLUDED_TAIL;
    match ratio.low > 1.0 {
        _ if excluded => Standing::Kept,
        true => Standing::Grew,
        false => Standing::Unsure,
    }
}
