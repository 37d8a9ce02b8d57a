//! Growth over a baseline: exact totals exactly, call sites as far as their samples tell.

use super::Limits;
use crate::compare::{By, ExactChange, Figure, Row, Side, exact_changes, fold, simultaneous_tail};
use crate::statistics::{
    Baselines, Estimate, Evidence, Ratio, RunNoise, chance_at_most, ratio, smallest_ratio_shown,
};
use std::collections::HashMap;

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
    /// Both figures; of several baselines their mean, rounded.
    pub change: ExactChange,
    /// What the baselines differ by among themselves: the standard deviation over the mean. `None` of one, or where the mean is 0.
    pub between_runs: Option<f64>,
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
    /// What the baselines differ by among themselves, sampling included: the standard deviation that a run of the unchanged program has
    /// from their mean, over it. `None` of one baseline, or where the mean is 0.
    pub between_runs: Option<f64>,
    /// In the baseline, with its own 95% interval; of several their mean.
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

/// The tail of each test of what runs differ by: `compared` call sites and four totals raise [`FALSE_ALARMS`] together.
fn noise_tail(compared: usize) -> f64 {
    FALSE_ALARMS / (compared + TOTALS) as f64
}

/// Exact totals that are compared: allocated bytes, allocations, peak, live bytes.
const TOTALS: usize = 4;

pub(super) fn totals(old: &[Side<'_>], new: Side<'_>, limits: &Limits, compared: usize) -> Vec<TotalGrowth> {
    let of_each: Vec<Vec<ExactChange>> = old.iter().map(|&old| exact_changes(old, new)).collect();
    let Some(first) = of_each.first() else { return Vec::new() };
    (0..first.len())
        .map(|at| {
            let runs: Vec<Evidence> =
                of_each.iter().map(|changes| Evidence::exact(changes[at].old as f64)).collect();
            total(first[at], &Baselines::of(&runs), limits, compared)
        })
        .collect()
}

fn total(first: ExactChange, runs: &Baselines, limits: &Limits, compared: usize) -> TotalGrowth {
    let noise = runs.noise(&Evidence::exact(first.new as f64));
    let mean = runs.mean().value();
    let change = ExactChange { old: if noise.is_some() { mean.round() as i64 } else { first.old }, ..first };
    let ignored = change.is_bytes && change.difference() < signed(limits.ignored_growth_bytes);
    let limit = mean.max(0.0) * (1.0 + limits.max_growth);
    let grown = first.new as f64 - mean;
    // As for call sites: growth that runs do not make by themselves, and that may be as much as the limit.
    let within = |noise: RunNoise| {
        grown <= noise.exceeded(noise_tail(compared))
            || first.new as f64 + noise.exceeded(EXCLUDED_TAIL) < limit
    };
    let kept = noise.map_or(first.new as f64 <= limit, within);
    TotalGrowth {
        kept: change.difference() <= 0 || ignored || kept,
        between_runs: relative(noise, mean),
        change,
    }
}

fn relative(noise: Option<RunNoise>, mean: f64) -> Option<f64> {
    noise.filter(|_| mean > 0.0).map(|noise| noise.deviation / mean)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A call site of all baselines and the trace.
struct Runs {
    name: String,
    old: Baselines,
    new: Evidence,
    samples: [u64; 2],
}

/// The call sites, and how many of them were compared.
pub(super) fn sites(old: &[Side<'_>], new: Side<'_>, limits: &Limits) -> (Vec<SiteGrowth>, usize) {
    let mut rows: Vec<(Figure, Runs)> = Vec::new();
    for figure in FIGURES {
        let found = large(runs(old, new, figure), limits.least_share);
        rows.extend(found.into_iter().map(|row| (figure, row)));
    }
    let evidence: Vec<Row> = rows.iter().map(|(_, row)| row.as_row()).collect();
    let (tail, compared) = simultaneous_tail(&evidence, FALSE_ALARMS);
    let mut sites: Vec<SiteGrowth> = rows
        .into_iter()
        .map(|(figure, row)| site(figure, row, (tail, noise_tail(compared)), limits))
        .collect();
    sites.sort_by(|one, other| {
        let size = |site: &SiteGrowth| site.old.value.max(site.new.value);
        one.standing
            .min(Standing::Unsure)
            .cmp(&other.standing.min(Standing::Unsure))
            .then(size(other).total_cmp(&size(one)))
    });
    (sites, compared)
}

/// The call sites of each baseline and the trace, found again by their names.
fn runs(old: &[Side<'_>], new: Side<'_>, figure: Figure) -> Vec<Runs> {
    let mut by_path: HashMap<Vec<String>, usize> = HashMap::new();
    let mut found: Vec<(Row, Vec<Evidence>)> = Vec::new();
    for (at, &old) in old.iter().enumerate() {
        for row in fold([old, new], By::Function, figure) {
            let place = *by_path.entry(row.path.clone()).or_insert_with(|| {
                // Of a baseline without it nothing is known but that: as little as of the first that has it.
                let none = Evidence::nothing(row.evidence[0].unseen());
                found.push((Row { samples: [0, row.samples[1]], ..row.clone() }, vec![none; at]));
                found.len() - 1
            });
            found[place].0.samples[0] += row.samples[0];
            found[place].1.push(row.evidence[0]);
        }
        for (row, runs) in &mut found {
            runs.resize(at + 1, Evidence::nothing(row.evidence[0].unseen()));
        }
    }
    let together = |(row, runs): (Row, Vec<Evidence>)| Runs {
        name: row.name,
        old: Baselines::of(&runs),
        new: row.evidence[1],
        samples: row.samples,
    };
    found.into_iter().map(together).collect()
}

impl Runs {
    fn as_row(&self) -> Row {
        Row {
            path: Vec::new(),
            name: String::new(),
            evidence: [*self.old.mean(), self.new],
            samples: self.samples,
        }
    }
}

/// The rows with at least `share` of both traces' sum. Which trace a row's part is in does not matter here, so the choice tells nothing
/// about its growth.
fn large(rows: Vec<Runs>, share: f64) -> Vec<Runs> {
    let size = |row: &Runs| row.old.mean().value() + row.new.value();
    let least = share * rows.iter().map(size).sum::<f64>();
    rows.into_iter().filter(|row| size(row) >= least).collect()
}

fn site(figure: Figure, row: Runs, (tail, noise_tail): (f64, f64), limits: &Limits) -> SiteGrowth {
    let (old, new) = (row.old.mean(), &row.new);
    let ratio = ratio(old, new, tail);
    let noise = row.old.noise(new);
    let grown_bytes = if figure.is_bytes() { new.value() - old.value() } else { f64::INFINITY };
    let ignored = grown_bytes < limits.ignored_growth_bytes as f64;
    let standing = if ignored {
        Standing::Kept
    } else {
        let by_samples = standing(old, new, &ratio, limits.max_growth);
        noise.map_or(by_samples, |noise| {
            beyond_noise((by_samples, ratio.low > 1.0), [old, new], noise, (noise_tail, limits))
        })
    };
    // What runs do not make by themselves has to be caught beyond what they do.
    let shown_in_noise = |noise: RunNoise| {
        (noise.exceeded(noise_tail) + noise.exceeded(1.0 - POWER)) / old.value().max(f64::MIN_POSITIVE)
    };
    let shown = smallest_ratio_shown(old, new, tail, POWER) - 1.0;
    SiteGrowth {
        name: row.name,
        figure,
        between_runs: relative(noise, old.value()),
        old: old.estimate(0.025),
        new: new.estimate(0.025),
        smallest_shown: noise.map_or(shown, |noise| shown.max(shown_in_noise(noise))),
        standing,
        ratio,
    }
}

/// The decision where runs differ by themselves: growth is certain where samples and runs say so, and excluded where both do.
fn beyond_noise(
    (by_samples, grew_by_samples): (Standing, bool),
    [old, new]: [&Evidence; 2],
    noise: RunNoise,
    (tail, limits): (f64, &Limits),
) -> Standing {
    let excluded = new.value() + noise.exceeded(EXCLUDED_TAIL) < old.value() * (1.0 + limits.max_growth);
    let certain = new.value() - old.value() > noise.exceeded(tail);
    match by_samples {
        Standing::Kept if excluded => Standing::Kept,
        _ if grew_by_samples && certain => Standing::Grew,
        _ => Standing::Unsure,
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
