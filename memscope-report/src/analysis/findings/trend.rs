//! Whether a series rises, and how fast.
//!
//! # Two tests
//!
//! **Mann and Kendall's** (Mann 1945, Kendall 1975): of `n` values in the order of time, `S` is the number of pairs of which the later one is
//! higher, minus that of those of which it is lower. It asks for no law and no straight line. Without a trend its mean is 0 and, with
//! groups of `t` equal values,
//!
//! ```text
//! Var S = (n (n - 1) (2n + 5) - sum(t (t - 1) (2t + 5))) / 18
//! ```
//!
//! That holds for independent values. A live heap is not: what is high now is high soon after, and a series that wanders shows a "trend" far
//! too often. So the variance is multiplied by Hamed and Rao's factor (1998), from the autocorrelations `r_k` of the ranks of what is left when the
//! slope is taken off:
//!
//! ```text
//! 1 + 2 / (n (n - 1) (n - 2)) * sum over k of (n - k) (n - k - 1) (n - k - 2) r_k
//! ```
//!
//! summed up to the first `r_k` that is not positive (Geyer 1992), and never below 1: the correction may only take significance away.
//!
//! **Student's, of the steps** from one value to the next: is their mean above 0? Of a walk without a goal the steps are independent, and the test
//! is right; of a series that stays around a level they take each other back, and it raises hardly any alarm. Where Mann and Kendall's test
//! has lost its power to the correction, this one has all of its own: a leak adds up what came by chance, so it wanders around its line, and its steps
//! tell no less than each sample does. The other way round, it sees little of a slope in independent noise.
//!
//! The chance that is told is twice the smaller of the two (Bonferroni).
//!
//! # What the chance is worth
//!
//! Of series of 24 values that go nowhere, each with so much memory of the one before, so many of 1,000 pass (measured by the test below):
//!
//! | memory | 0 | 0.3 | 0.6 | 0.8 | 0.95 |
//! | --- | --- | --- | --- | --- | --- |
//! | level 1% (10 would be right) | 6 | 16 | 37 | 58 | 118 |
//! | level 0.1% (1 would be right) | 0 | 4 | 12 | 23 | 46 |
//!
//! So the chance is true without memory and **far too small with much of it**: in so short a series the `r_k` come out too small. Making up for that with
//! an unbiased `r_1` was tried; it found a planted leak in 29 of 40 runs instead of 39. A detector must therefore not rest on the chance
//! alone, nor show it as a probability; what its false alarms are, its own runs without the fault say (`tests/findings`).
//!
//! # The slope
//!
//! Theil's (1950) and Sen's (1968): the median of all pairs' slopes, which a few outliers do not move. Its 95% interval are the slopes
//! whose ranks lie `1.96 sqrt(Var S)` apart around the middle (Gilbert 1987), with the corrected variance.
//!
//! # Floors
//!
//! A cache that fills and is emptied, or a queue between two batches, rises and falls all the time; what it does not let go of is its
//! lowest level. [`floors`] takes the lowest value of each of a few dozen stretches, and leaves the waves within a stretch out.

use crate::statistics::{normal_probability, student_above};

/// Stretches that a series is looked at in.
pub(super) const STRETCHES: usize = 24;
/// The quantile of the normal distribution for a 95% interval.
const TWO_SIDED_95: f64 = 1.959_964;

/// How a series of equally distant values rises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// What it rises by from one value to the next, with its 95% interval.
    pub(super) slope: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// The nominal probability that a series without a trend rises as clearly; see the module for what it is worth.
    pub(super) chance: f64,
}

/// The trend of equally distant `values`; `None` of fewer than eight, for which the test says nothing.
pub(super) fn trend(values: &[f64]) -> Option<Trend> {
    let n = values.len();
    if n < 8 {
        return None;
    }
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    let mut score = 0_i64;
    for (at, &before) in values.iter().enumerate() {
        for (distance, &after) in (1_u32..).zip(&values[at + 1..]) {
            score += i64::from(after > before) - i64::from(after < before);
            slopes.push((after - before) / f64::from(distance));
        }
    }
    slopes.sort_by(f64::total_cmp);
    let slope = quantile(&slopes, 0.5);
    let deviation = (variance(values) * inflation(values, slope)).sqrt();
    let reach = TWO_SIDED_95 * deviation / (2.0 * slopes.len() as f64);
    // One step towards 0: S takes whole values only.
    let z = if deviation > 0.0 { (score as f64 - score.signum() as f64) / deviation } else { 0.0 };
    Some(Trend {
        slope,
        low: quantile(&slopes, 0.5 - reach),
        high: quantile(&slopes, 0.5 + reach),
        chance: (2.0 * normal_probability(-z).min(steps_chance(values))).min(1.0),
    })
}

/// The probability that steps without a direction come as far.
fn steps_chance(values: &[f64]) -> f64 {
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let n = steps.len() as f64;
    let mean = steps.iter().sum::<f64>() / n;
    let variance = steps.iter().map(|step| (step - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    match error > 0.0 {
        true if mean > 0.0 => student_above(mean / error, n - 1.0),
        false if mean > 0.0 => 0.0,
        _ => 1.0,
    }
}

/// The lowest value of each of at most [`STRETCHES`] stretches, as long as each other to one value.
pub(super) fn floors(values: &[f64]) -> Vec<f64> {
    let stretches = STRETCHES.min(values.len());
    let from = |stretch: usize| stretch * values.len() / stretches;
    (0..stretches)
        .map(|stretch| values[from(stretch)..from(stretch + 1)].iter().copied().fold(f64::INFINITY, f64::min))
        .collect()
}

/// The value at the share `at` of `sorted` ones, between its neighbours where it falls between.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// The variance of S without a trend and autocorrelation.
fn variance(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let part = |n: usize| n as f64 * (n as f64 - 1.0) * (2.0 * n as f64 + 5.0);
    let ties: f64 = sorted.chunk_by(|one, other| one == other).map(|equal| part(equal.len())).sum();
    (part(values.len()) - ties) / 18.0
}

/// Hamed and Rao's factor, see the module.
fn inflation(values: &[f64], slope: f64) -> f64 {
    let rest: Vec<f64> = (0_u32..).zip(values).map(|(at, value)| value - slope * f64::from(at)).collect();
    let ranks = ranks(&rest);
    let n = ranks.len() as f64;
    let mean = ranks.iter().sum::<f64>() / n;
    let covariance = |lag: usize| -> f64 {
        ranks.iter().zip(&ranks[lag..]).map(|(one, other)| (one - mean) * (other - mean)).sum()
    };
    let own = covariance(0);
    if own <= 0.0 {
        return 1.0;
    }
    let mut sum = 0.0;
    for lag in 1..ranks.len() - 2 {
        let correlation = covariance(lag) / own;
        if correlation <= 0.0 {
            break;
        }
        let left = n - lag as f64;
        sum += left * (left - 1.0) * (left - 2.0) * correlation;
    }
    1.0 + 2.0 * sum / (n * (n - 1.0) * (n - 2.0))
}

/// The rank of each value, equal ones sharing the mean of theirs.
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&one, &other| values[one] == values[other]) {
        for &at in equal {
            ranks[at] = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        }
        before += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::coverage::law::Random;

    /// Standard normal, by Box and Muller.
    fn normal(random: &mut Random) -> f64 {
        (-2.0 * random.unit().ln()).sqrt() * (std::f64::consts::TAU * random.unit()).cos()
    }

    /// A series in which each value has `memory` of the one before, and that rises by `slope`.
    fn series(random: &mut Random, memory: f64, slope: f64) -> Vec<f64> {
        let mut level = normal(random);
        let step = if memory < 1.0 { (1.0 - memory * memory).sqrt() } else { 1.0 };
        (0..STRETCHES)
            .map(|at| {
                level = memory * level + step * normal(random);
                level + slope * at as f64
            })
            .collect()
    }

    #[test]
    fn a_straight_line_has_its_slope_and_no_doubt() {
        let line: Vec<f64> = (0..24).map(|at| 5.0 + 3.0 * f64::from(at)).collect();
        let found = trend(&line).unwrap();
        assert_eq!((found.slope, found.low, found.high), (3.0, 3.0, 3.0));
        assert!(found.chance < 1e-10, "{found:?}");
        let falling: Vec<f64> = line.iter().rev().copied().collect();
        assert!(trend(&falling).unwrap().chance > 0.999);
        assert_eq!(trend(&[7.0; 24]).unwrap().chance, 1.0);
        assert_eq!(trend(&line[..7]), None);
    }

    /// Kendall's own figure for ten untied values: S = 27 has z = 26 / sqrt(125).
    #[test]
    fn the_variance_is_kendalls() {
        let untied: Vec<f64> = (0..10).map(f64::from).collect();
        assert_eq!(variance(&untied), 125.0);
        assert_eq!(variance(&[1.0, 1.0, 2.0, 3.0]), (4.0 * 3.0 * 13.0 - 2.0 * 9.0) / 18.0);
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 9.0]), [2.5, 1.0, 2.5, 4.0]);
    }

    /// How many of 1,000 series are found to rise, at a level of 1% and of 0.1%.
    fn alarms(memory: f64, slope: f64) -> [usize; 2] {
        let mut random = Random(11);
        let found: Vec<f64> = (0..1_000)
            .filter_map(|_| trend(&series(&mut random, memory, slope)).map(|found| found.chance))
            .collect();
        let alarms = [0.01, 0.001].map(|level| found.iter().filter(|chance| **chance < level).count());
        println!("memory {memory}, slope {slope}: {alarms:?} of 1,000");
        alarms
    }

    #[test]
    fn series_without_a_trend_pass_as_often_as_the_header_says() {
        // Not the nominal level, but what the module's header owns up to.
        for (memory, most) in
            [(0.0, [12, 2]), (0.3, [22, 7]), (0.6, [45, 17]), (0.8, [70, 30]), (0.95, [135, 60])]
        {
            let [often, seldom] = alarms(memory, 0.0);
            assert!(often <= most[0] && seldom <= most[1], "{often} {seldom} with a memory of {memory}");
        }
    }

    #[test]
    fn a_rise_is_seen_straight_or_bent() {
        for (memory, slope) in [(0.0, 0.3), (0.3, 0.5), (1.0, 1.5)] {
            assert!(alarms(memory, slope)[1] >= 900, "{memory} {slope}");
        }
        let bent: Vec<f64> = (0..STRETCHES as i32).map(|at| f64::from(at * at)).collect();
        assert!(trend(&bent).unwrap().chance < 0.01, "{:?}", trend(&bent));
    }

    #[test]
    fn the_slopes_interval_holds() {
        let mut random = Random(5);
        let found: Vec<Trend> = (0..1_000).filter_map(|_| trend(&series(&mut random, 0.0, 0.3))).collect();
        let held = found.iter().filter(|trend| trend.low <= 0.3 && 0.3 <= trend.high).count();
        // The correction only widens.
        assert!(held >= 940, "{held}");
    }

    #[test]
    fn floors_leave_the_waves_out() {
        let saw: Vec<f64> = (0..120).map(|at| f64::from(at % 5)).collect();
        assert_eq!(floors(&saw), vec![0.0; 24]);
        assert_eq!(floors(&[3.0, 1.0]), [3.0, 1.0]);
        assert!(floors(&[]).is_empty());
        assert_eq!(floors(&(0..100).map(f64::from).collect::<Vec<_>>()).len(), STRETCHES);
    }
}
