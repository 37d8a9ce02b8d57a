//! Whether two series go together, beyond what a third explains.
//!
//! # The correlation
//!
//! Spearman's: the correlation of the ranks, so of any two series that rise together, straight or not, and a few outliers do not make it. The *partial* one
//! takes out what both have from a third, `z` (Kendall 1942, for ranks):
//!
//! ```text
//! r_xy.z = (r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2))
//! ```
//!
//! # What it is worth
//!
//! If the two had nothing in common, `t = r sqrt((n - 3) / (1 - r^2))` would be Student's with `n - 3` degrees of freedom. Values of a series remember those
//! before, so there are fewer than `n` of worth: Bartlett's (1946)
//!
//! ```text
//! n' = n / (1 + 2 * sum over k of (1 - k / n) a_k b_k)
//! ```
//!
//! where `a_k`, `b_k` are the autocorrelations of the two at lag `k`, summed up to the first product that is not positive, and `n'` is never above `n`.
//!
//! Of 1,000 pairs of 60 values that have nothing in common, 11 pass at a level of 1%, 9 where each value has half of the one before, and 6 where it has nine
//! tenths of it (10 would be right; measured by the test below).
//!
//! **A correlation is no cause.** What makes a program busier makes it do more of everything. A detector that uses this says so.

use super::trend::ranks;
use crate::statistics::student_above;

/// How two series go together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Correlation {
    /// From -1 to 1.
    pub(super) r: f64,
    /// The probability that series which have nothing in common go together so well or better.
    pub(super) chance: f64,
}

/// The rank correlation of `x` and `y` beyond `z`, which are as long; `None` of fewer than eight values, or where one of `x` and `y` never changes.
pub(super) fn correlation(x: &[f64], y: &[f64], z: &[f64]) -> Option<Correlation> {
    let n = x.len();
    if n < 8 || y.len() != n || z.len() != n {
        return None;
    }
    let [x, y, z] = [x, y, z].map(centred_ranks);
    // A third that never changes explains nothing.
    let (xz, yz) = (of(&x, &z).unwrap_or(0.0), of(&y, &z).unwrap_or(0.0));
    let left = ((1.0 - xz * xz) * (1.0 - yz * yz)).sqrt();
    if left < 1e-9 {
        return None;
    }
    let r = ((of(&x, &y)? - xz * yz) / left).clamp(-1.0, 1.0);
    let freedom = n as f64 / memory(&x, &y) - 3.0;
    if freedom < 1.0 {
        return None;
    }
    let t = r * (freedom / (1.0 - r * r).max(1e-12)).sqrt();
    let chance = if t >= 0.0 { student_above(t, freedom) } else { 1.0 - student_above(-t, freedom) };
    Some(Correlation { r, chance })
}

/// The ranks less their mean.
fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let mean = (values.len() as f64 + 1.0) / 2.0;
    ranks(values).into_iter().map(|rank| rank - mean).collect()
}

/// The correlation of centred values; `None` where one never changes.
fn of(x: &[f64], y: &[f64]) -> Option<f64> {
    let product = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
    let scale = (product(x, x) * product(y, y)).sqrt();
    (scale > 0.0).then(|| product(x, y) / scale)
}

/// What the number of values is to be divided by.
fn memory(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len();
    let own =
        |x: &[f64], lag: usize| -> f64 { x.iter().zip(&x[lag..]).map(|(one, other)| one * other).sum() };
    let (all_x, all_y) = (own(x, 0), own(y, 0));
    let mut sum = 0.0;
    for lag in 1..n / 2 {
        let product = own(x, lag) / all_x * (own(y, lag) / all_y);
        if product.is_nan() || product <= 0.0 {
            break;
        }
        sum += (1.0 - lag as f64 / n as f64) * product;
    }
    1.0 + 2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::coverage::law::Random;

    /// Two series of 60 values, each with so much memory of the one before, and a third that both follow as far as `third` says.
    fn chances(memory: f64, third: f64, given: bool) -> Vec<f64> {
        let mut random = Random(7);
        let mut series = |from: &[f64]| -> Vec<f64> {
            let mut level = 0.0;
            from.iter()
                .map(|from| {
                    level = memory * level + random.unit() - 0.5;
                    level + third * from
                })
                .collect()
        };
        (0..1_000)
            .filter_map(|_| {
                let z = series(&[0.0; 60]);
                let (x, y) = (series(&z), series(&z));
                correlation(&x, &y, if given { &z } else { &[0.0; 60] }).map(|found| found.chance)
            })
            .collect()
    }

    fn alarms(chances: &[f64]) -> usize {
        chances.iter().filter(|chance| **chance < 0.01).count()
    }

    #[test]
    fn series_without_anything_in_common_seldom_go_together() {
        for (memory, most) in [(0.0, 20), (0.5, 25), (0.9, 45)] {
            let found = alarms(&chances(memory, 0.0, true));
            println!("memory {memory}: {found} of 1,000 at 1%");
            assert!(found <= most, "{found} of 1,000 with a memory of {memory}");
        }
    }

    #[test]
    fn what_a_third_explains_is_taken_out() {
        let (without, with) = (alarms(&chances(0.0, 2.0, false)), alarms(&chances(0.0, 2.0, true)));
        assert!(without > 900 && with <= 40, "{without} {with}");
    }

    #[test]
    fn what_goes_together_is_seen_straight_or_bent() {
        let x: Vec<f64> = (0..40_i32).map(|at| f64::from(at * 17 % 40)).collect();
        let y: Vec<f64> = x.iter().map(|x| x * x * x).collect();
        let found = correlation(&x, &y, &[1.0; 40]).unwrap();
        assert!(found.r > 0.999 && found.chance < 1e-9, "{found:?}");
        let against: Vec<f64> = x.iter().map(|x| -x).collect();
        assert!(correlation(&x, &against, &[1.0; 40]).unwrap().chance > 0.999);
        assert_eq!(correlation(&x, &[1.0; 40], &[1.0; 40]), None);
        assert_eq!(correlation(&x[..7], &y[..7], &[1.0; 7]), None);
        assert_eq!(correlation(&x, &y, &x), None, "the third is one of the two");
    }
}
