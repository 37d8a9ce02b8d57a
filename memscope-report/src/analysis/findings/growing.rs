//! A site that holds more and more: a leak, or a cache, queue or list without a bound.
//!
//! "Not freed at the end" says little: a table that is meant to stay is not freed either. A leak *rises*, to the end, and what makes it up is
//! of all ages. So all of this has to be true of what the site holds, from a fifth of the session on (before, programs start up and fill their
//! caches), in a session of two seconds at least:
//!
//! 1. Its floors, the lowest levels of 24 stretches of that time, rise: by the tests of [`super::trend`], one-sided, at a nominal 1% for all sites together that hold 1 MiB or more (Bonferroni).
//! 2. It rises still: the Theil-Sen slope of the second half of the floors is at least half of the whole's. A cache that has filled up does not.
//! 3. More is held at the end than when that time began, by 1 MiB at least at the lower end of the interval and at least half of the estimate
//!    (so it rests on enough samples, as in every detector).
//! 4. Survivors are old: their mean age at the end is at least three tenths of that time. Of a steady leak it is half of it; of a queue in which everything
//!    has its turn, the length of a life. This is what tells a leak from a level that wanders: that has memory for as long as a life, and the chance
//!    of rule 1 is too small where the memory reaches from one stretch to the next. Lives as long as that cannot be told from a leak.
//!
//! High from a tenth of the process's peak on, medium from a fiftieth. A program that does nothing but build up one structure to the end looks the same:
//! the rise is true, whether it is meant only its author can know.

use super::blame::cells_of;
use super::trend::{Trend, floors, trend};
use super::{
    Analysis, Bottleneck, BottleneckKind, SiteFigures, WORTH_A_WORD_BYTES, interval, is_sure, severity,
    share, sites, units,
};
use crate::analysis::Slices;
use crate::statistics::{Estimate, Sum};

/// Bins that are looked at: slices have 128 at most, and what rose in them only and then stood still for this long does not rise any more.
const BINS_MAX: u64 = 8_192;
/// Shorter sessions are all start.
const SESSION_MIN_US: u64 = 2_000_000;
/// The part of the session that is its start.
const START: f64 = 0.2;
/// The nominal level for all sites together. What becomes of it with the other rules is measured: no alarm in 400 seeded runs without a leak (`tests/findings`).
const FALSE_ALARMS: f64 = 0.01;
const STRETCHES_MIN: usize = 16;
const STILL_RISING: f64 = 0.5;
const AGE_MIN: f64 = 0.3;

pub(super) fn detect(analysis: &Analysis) -> Vec<Bottleneck> {
    let slices = &analysis.slices;
    if analysis.session.duration_us < SESSION_MIN_US || slices.bin_us == 0 {
        return Vec::new();
    }
    let told = |at: u32| slices.sites.binary_search(&at).is_ok();
    let tested: Vec<(u32, &SiteFigures)> = sites(analysis)
        .filter(|(at, site)| told(*at) && site.live_bytes.value >= WORTH_A_WORD_BYTES)
        .collect();
    let chance_max = FALSE_ALARMS / tested.len().max(1) as f64;
    tested.iter().filter_map(|(at, site)| judge(analysis, *at, site, chance_max)).collect()
}

fn judge(analysis: &Analysis, at: u32, site: &SiteFigures, chance_max: f64) -> Option<Bottleneck> {
    let duration_us = analysis.session.duration_us;
    let held = Held::of(&analysis.slices, at, duration_us);
    let (grown, floors) = (&held.grown, floors(&held.levels));
    if floors.len() < STRETCHES_MIN || !is_sure(grown) || grown.low < WORTH_A_WORD_BYTES {
        return None;
    }
    let since_us = duration_us - held.from_us;
    let age_us = site.mean_live_age_us?;
    let (whole, half) = (trend(&floors)?, trend(&floors[floors.len() / 2..])?);
    let rises = whole.chance < chance_max && whole.low > 0.0 && half.slope >= STILL_RISING * whole.slope;
    if !rises || age_us < AGE_MIN * since_us as f64 {
        return None;
    }
    let peak = analysis.totals.peak_bytes as f64;
    let stretch_us = since_us as f64 / floors.len() as f64;
    Some(Bottleneck {
        severity: severity(share(grown.low, peak), 0.02, 0.1),
        bytes: *grown,
        evidence: format!(
            "What was allocated here and not freed rose by {} from {} on, {}, to the end. What is left of it is {} \
             old in the mean.",
            interval(grown),
            units::duration_us(held.from_us),
            pace(&whole, stretch_us),
            units::duration_us(age_us as u64)
        ),
        advice: "Find who still owns it: a map or list that is only added to, a cache without a bound, a channel whose reader \
                 is too slow, tasks or threads that never end."
            .to_owned(),
        span_us: Some([held.from_us, duration_us]),
        ..Bottleneck::of_site(BottleneckKind::Growing, analysis, at)
    })
}

/// What a site holds once the session has started.
struct Held {
    from_us: u64,
    /// At the end of each bin, bytes.
    levels: Vec<f64>,
    /// How much more at the end than at the beginning.
    grown: Estimate,
}

impl Held {
    fn of(slices: &Slices, at: u32, duration_us: u64) -> Self {
        let cells = cells_of(slices, at);
        let bins = duration_us.div_ceil(slices.bin_us).clamp(1, BINS_MAX) as usize;
        let start = (bins as f64 * START) as usize;
        let mut changes = vec![0.0; bins];
        // What was made and freed before the start ended, and after.
        let mut sums = [[Sum::default(); 2]; 2];
        for cell in cells {
            let bin = (cell.bin as usize).min(bins - 1);
            changes[bin] += cell.allocated.bytes - cell.freed.bytes;
            let [made, freed] = &mut sums[usize::from(bin >= start)];
            made.merge(&cell.allocated);
            freed.merge(&cell.freed);
        }
        let mut level = 0.0;
        changes.iter_mut().for_each(|change| {
            level += *change;
            *change = level;
        });
        Self {
            from_us: (start as u64).saturating_mul(slices.bin_us),
            levels: changes.split_off(start),
            grown: grown(slices, &sums),
        }
    }
}

/// What is held at the end minus what was held at the start's end. What was held at both is in both estimates with the same error, and how
/// much that is, the sums do not tell. Two bounds are known: as if the two levels had nothing in common, and as if what was made and what was
/// freed since had not. The narrower interval is taken.
fn grown(slices: &Slices, [before, since]: &[[Sum; 2]; 2]) -> Estimate {
    let [mut made, mut freed] = *before;
    let was = slices.estimate(&made.minus(&freed));
    made.merge(&since[0]);
    freed.merge(&since[1]);
    let levels = minus(&slices.estimate(&made.minus(&freed)), &was);
    let moves = minus(&slices.estimate(&since[0]), &slices.estimate(&since[1]));
    if levels.high - levels.low <= moves.high - moves.low { levels } else { moves }
}

/// The difference of two estimates with the interval that it has if they are independent (Zou and Donner, Statistics in Medicine 27,
/// 2008).
fn minus(one: &Estimate, other: &Estimate) -> Estimate {
    let value = one.value - other.value;
    Estimate {
        value,
        low: value - (one.value - one.low).hypot(other.high - other.value),
        high: value + (one.high - one.value).hypot(other.value - other.low),
        samples: one.samples,
    }
}

/// `1.2 MiB a minute (1.1 to 1.3)` in the shortest unit of time that makes it a kibibyte at least.
fn pace(trend: &Trend, stretch_us: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e6, "a second"), (60e6, "a minute"), (3_600e6, "an hour")];
    let of = |slope: f64, unit_us: f64| slope / stretch_us * unit_us;
    let (unit_us, unit) =
        UNITS.into_iter().find(|(unit_us, _)| of(trend.slope, *unit_us) >= 1024.0).unwrap_or(UNITS[2]);
    let range = units::range(of(trend.low, unit_us), of(trend.high, unit_us), units::bytes);
    format!("{} {unit} ({range})", units::bytes(of(trend.slope, unit_us)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_as_unsure_as_both() {
        let estimate = |value: f64, low, high| Estimate { value, low, high, samples: 9 };
        let found = minus(&estimate(100.0, 97.0, 104.0), &estimate(40.0, 37.0, 44.0));
        assert_eq!((found.value, found.low, found.high), (60.0, 55.0, 65.0));
    }

    #[test]
    fn paces_are_words() {
        let trend = |slope| Trend { slope, low: slope / 2.0, high: 2.0 * slope, chance: 0.0 };
        assert_eq!(pace(&trend(1_048_576.0), 1e6), "1 MiB a second (512 KiB to 2 MiB)");
        assert_eq!(pace(&trend(512.0), 1e6), "30 KiB a minute (15 to 60 KiB)");
        assert_eq!(pace(&trend(0.1), 1e6), "360 B an hour (180 to 720 B)");
    }
}
