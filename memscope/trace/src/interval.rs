//! The sampling interval, and what it says about a sample.
//!
//! Sampling is a Poisson process over bytes: points lie on the line of all bytes allocated, T apart in the mean, and an
//! allocation becomes a sample if a point falls on its `s` bytes or on the credit of K bytes that each allocation
//! counts beside them. The chance that none does is `exp(-(s + K) / T)`. A sample then stands for `1 / p` allocations
//! like itself (Horvitz and Thompson's estimator), which makes every sum over samples unbiased.

use serde::{Deserialize, Serialize};

/// A sampling interval. With it, [`Interval::probability`] gives each sample's probability, and `1 / p` its weight.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Interval {
    /// Id, from 0.
    pub id: u32,
    /// In force from then on, microseconds.
    pub start_us: u64,
    /// Mean sampling interval T in bytes of credit; 0 is exact mode: every eligible allocation is a sample.
    pub interval_bytes: f64,
    /// Credit K, bytes, that each allocation counts beside its size.
    pub credit_bytes: f64,
}

impl Interval {
    /// The probability that an eligible allocation of `size_bytes` became a sample:
    /// `p(s) = 1 - exp(-(s + K) / T)`, in (0, 1]; 1 in exact mode. The result is in that range for any interval that a
    /// file may hold, infinities and what is not a number included: `1 / p` is finite.
    ///
    /// ```
    /// use memscope_trace::Interval;
    /// let every = Interval { interval_bytes: 0.0, ..Interval::default() };
    /// assert_eq!(every.probability(64), 1.0);
    /// let some = Interval { interval_bytes: 524_288.0, credit_bytes: 0.0, ..Interval::default() };
    /// assert!((some.probability(524_288) - 0.632).abs() < 0.001);
    /// ```
    #[must_use]
    pub fn probability(&self, size_bytes: u64) -> f64 {
        let credit = size_bytes as f64 + self.credit_bytes;
        if self.interval_bytes <= 0.0 || credit <= 0.0 {
            return 1.0;
        }
        // `exp_m1` keeps the digits of a small p; `max` takes what is no number or too small for one to the edge.
        (-(-credit / self.interval_bytes).exp_m1()).max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interval(interval_bytes: f64, credit_bytes: f64) -> Interval {
        Interval { interval_bytes, credit_bytes, ..Interval::default() }
    }

    proptest! {
        #[test]
        fn a_weight_is_finite_and_at_least_one(t: f64, k: f64, size: u64) {
            let p = interval(t, k).probability(size);
            prop_assert!(p > 0.0 && p <= 1.0, "{p}");
            prop_assert!((1.0 / p).is_finite());
        }

        #[test]
        fn larger_allocations_are_not_less_probable(t in 1.0..1e12, k in 0.0..1e9, a: u64, b: u64) {
            let (small, large) = (a.min(b), a.max(b));
            let interval = interval(t, k);
            // The exponential is right to the last digit or two.
            let almost = 1.0 - 4.0 * f64::EPSILON;
            prop_assert!(interval.probability(large) >= interval.probability(small) * almost);
        }

        #[test]
        fn a_small_probability_is_the_share_of_the_interval(t in 1e6..1e15, size in 1_u64..1_000) {
            // 1 - exp(-x) lies between x - x^2 / 2 and x.
            let (p, x) = (interval(t, 0.0).probability(size), size as f64 / t);
            prop_assert!(p <= x * (1.0 + 1e-12) && p >= (x - x * x / 2.0) * (1.0 - 1e-12), "{p} for {x}");
        }

        #[test]
        fn credit_counts_like_bytes(t in 1.0..1e9, k in 0_u32..100_000, size in 1_u64..100_000) {
            let moved = interval(t, 0.0).probability(size + u64::from(k));
            prop_assert_eq!(interval(t, f64::from(k)).probability(size), moved);
        }
    }

    #[test]
    fn limits() {
        assert_eq!(interval(524_288.0, 0.0).probability(u64::MAX), 1.0);
        assert_eq!(interval(0.0, 1e6).probability(0), 1.0);
        // K = -T ln(1 - r) makes r the least probability.
        let least = interval(1000.0, -1000.0 * (-0.25_f64).ln_1p()).probability(0);
        assert!((least - 0.25).abs() < 1e-15, "{least}");
        for hostile in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 5e-324, f64::MAX] {
            for (t, k) in [(hostile, 1.0), (1.0, hostile), (hostile, hostile)] {
                for size in [0, 1, u64::MAX] {
                    let p = interval(t, k).probability(size);
                    assert!(p > 0.0 && p <= 1.0, "p = {p} for T = {t}, K = {k}, {size} bytes");
                }
            }
        }
    }
}
