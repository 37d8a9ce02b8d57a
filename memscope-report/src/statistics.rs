//! Estimates from weighted samples, and how sure they are.
//!
//! A sampled allocation of probability `p` stands for `1/p` allocations (Horvitz and Thompson, 1952). For a total
//! of values `v_i` the estimate is `sum(v_i / p_i)`, its variance is estimated by `sum((1 - p_i) * (v_i / p_i)^2)`,
//! and both hold for every subset of the samples: a site, a thread, a time slice.
//!
//! The 95% interval is not the normal one, which is wrong for few samples. The total behaves like a Poisson count
//! of `n = estimate^2 / variance` equal pieces, so Garwood's exact Poisson interval for `n`, scaled back, is used
//! (Fay and Feuer, 1997, without their last-weight correction); where every probability is 1 it is a point. What was
//! seen is certain, so the lower end is never below the plain sum of the sampled values.
//!
//! A sample can be lost after it was drawn (a full buffer). If each survives with probability `q`, whatever its
//! size, then what was recorded is a sample of probability `p * q`: [`Total::thinned`] restates a total so, which
//! widens its interval as well. No per-sample state is needed for that: `(1 - pq) / (pq)^2` is
//! `(1/p^2) / q^2 - (1/p) / q`, so the sums of `v^2/p` and `v^2/p^2` are enough.

mod chi_square;

pub use chi_square::chi_square_quantile;

use serde::Serialize;

/// Both tails of the 95% interval.
const TAIL: f64 = 0.025;

/// An estimated total with its 95% interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The unbiased estimate.
    pub value: f64,
    /// Lower end of the 95% interval.
    pub low: f64,
    /// Upper end of the 95% interval.
    pub high: f64,
    /// Samples that it rests on.
    pub samples: u64,
}

impl Estimate {
    /// A figure that is known exactly: its interval is a point, and it rests on no sample.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value, samples: 0 }
    }
}

/// The sums that an estimate is made of. Add samples in any order; totals of disjoint sets of samples merge.
///
/// ```
/// use memscope_report::statistics::Total;
/// let mut bytes = Total::default();
/// for _ in 0..100 {
///     bytes.add(512.0, 0.001);
/// }
/// let estimate = bytes.estimate();
/// assert_eq!(estimate.value.round(), 51_200_000.0);
/// assert!(estimate.low < 51_200_000.0 && 51_200_000.0 < estimate.high);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    /// Sum of v/p.
    value: f64,
    /// Sum of v.
    seen: f64,
    /// Sum of v^2/p.
    squares: f64,
    /// Sum of v^2/p^2.
    weighted_squares: f64,
    samples: u64,
}

impl Total {
    /// Adds one sample of `value` (not negative) that had `probability` (0 < p <= 1; anything else counts as 1).
    pub fn add(&mut self, value: f64, probability: f64) {
        let probability = if probability > 0.0 && probability <= 1.0 { probability } else { 1.0 };
        let weighted = value / probability;
        self.value += weighted;
        self.seen += value;
        self.squares += value * weighted;
        self.weighted_squares += weighted * weighted;
        self.samples += 1;
    }

    /// Adds the samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.value += other.value;
        self.seen += other.seen;
        self.squares += other.squares;
        self.weighted_squares += other.weighted_squares;
        self.samples += other.samples;
    }

    /// The total of the same samples with each value times `factor`: turns a count of equal things into their bytes.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            seen: self.seen * factor,
            squares: self.squares * factor * factor,
            weighted_squares: self.weighted_squares * factor * factor,
            samples: self.samples,
        }
    }

    /// The total that `samples` samples like these would have: for samples of which only the number is known.
    #[must_use]
    pub fn like(&self, samples: u64) -> Self {
        if self.samples == 0 {
            return Self { samples, ..Self::default() };
        }
        let ratio = samples as f64 / self.samples as f64;
        Self {
            value: self.value * ratio,
            seen: self.seen * ratio,
            squares: self.squares * ratio,
            weighted_squares: self.weighted_squares * ratio,
            samples,
        }
    }

    /// The total restated for samples of which only the share `retained` (0 < q <= 1; anything else counts as 1) was
    /// recorded: the estimate is divided by it and the interval widened.
    #[must_use]
    pub fn thinned(&self, retained: f64) -> Self {
        let retained = if retained > 0.0 && retained <= 1.0 { retained } else { 1.0 };
        Self {
            value: self.value / retained,
            seen: self.seen,
            squares: self.squares / retained,
            weighted_squares: self.weighted_squares / (retained * retained),
            samples: self.samples,
        }
    }

    /// The unbiased estimate of the total.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Samples added.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The estimate with its 95% interval. Without samples that is 0 with the interval [0, 0]: what such a total may
    /// still be cannot be told from itself, see [`Total::estimate_within`].
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let (low, high) = self.interval();
        Estimate { value: self.value, low, high, samples: self.samples }
    }

    /// The estimate of a part of `whole`. It differs from [`Total::estimate`] where no sample fell into the part:
    /// the upper end then is what a Poisson count that shows 0 may be (3.69), in pieces of what a sample of `whole`
    /// stands for beside itself in the mean; it is `whole`'s upper end at most.
    #[must_use]
    pub fn estimate_within(&self, whole: &Self) -> Estimate {
        if self.samples > 0 || whole.value <= 0.0 || whole.variance() <= 0.0 {
            return self.estimate();
        }
        // v/p - v: what a sample stands for beside itself, which is nothing where it could not have been missed.
        let piece = (whole.value - whole.seen).max(0.0) / whole.samples as f64;
        let high = (-TAIL.ln() * piece).min(whole.interval().1);
        Estimate { value: 0.0, low: 0.0, high, samples: 0 }
    }

    /// The estimated variance of the estimate.
    fn variance(&self) -> f64 {
        // Where every probability is 1 both sums are equal to the last bit; rounding may otherwise leave a hair.
        (self.weighted_squares - self.squares).max(0.0)
    }

    fn interval(&self) -> (f64, f64) {
        let variance = self.variance();
        if self.value <= 0.0 || variance <= self.value * self.value * f64::EPSILON {
            return (self.value, self.value);
        }
        let pieces = self.value * self.value / variance;
        let low = chi_square_quantile(TAIL, 2.0 * pieces) / (2.0 * pieces);
        let high = chi_square_quantile(1.0 - TAIL, 2.0 * pieces + 2.0) / (2.0 * pieces);
        ((self.value * low).max(self.seen).min(self.value), (self.value * high).max(self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total_of(samples: &[(f64, f64)]) -> Total {
        let mut total = Total::default();
        for &(value, probability) in samples {
            total.add(value, probability);
        }
        total
    }

    #[test]
    fn equal_rare_samples_have_garwoods_interval() {
        // Poisson, 10 seen: 4.7954 to 18.3904 (Garwood 1936).
        let estimate = total_of(&[(1.0, 1e-9); 10]).estimate();
        assert!((estimate.value / 1e9 - 10.0).abs() < 1e-6);
        assert!((estimate.low / 1e9 - 4.7954).abs() < 1e-3, "{estimate:?}");
        assert!((estimate.high / 1e9 - 18.3904).abs() < 1e-3, "{estimate:?}");
    }

    #[test]
    fn a_big_allocation_is_nearly_certain() {
        let estimate = total_of(&[(1e9, 0.999)]).estimate();
        assert_eq!(estimate.low, 1e9);
        assert!(estimate.high < 1.1e9, "{estimate:?}");
    }

    #[test]
    fn nothing_seen_is_bounded_by_the_whole() {
        let whole = total_of(&[(1.0, 0.01); 50]);
        let part = Total::default().estimate_within(&whole);
        assert_eq!((part.value, part.low), (0.0, 0.0));
        assert!((part.high - 365.2).abs() < 0.1, "{part:?}");
        let few = total_of(&[(1.0, 0.01)]);
        assert!(Total::default().estimate_within(&few).high <= few.estimate().high);
        let mut with_a_giant = whole;
        with_a_giant.add(1e9, 0.999_999);
        assert!(Total::default().estimate_within(&with_a_giant).high < 10_000.0);
        let exact = total_of(&[(1.0, 1.0); 50]);
        assert_eq!(Total::default().estimate_within(&exact), Estimate::default());
    }

    #[test]
    fn losing_half_of_exact_samples_doubles_them_and_makes_them_unsure() {
        let exact = total_of(&[(8.0, 1.0); 100]);
        assert_eq!((exact.estimate().low, exact.estimate().high), (800.0, 800.0));
        let lossy = exact.thinned(0.5).estimate();
        assert_eq!(lossy.value, 1600.0);
        assert!(lossy.low < 1500.0 && lossy.high > 1700.0, "{lossy:?}");
        let drawn_so = total_of(&[(8.0, 0.5); 100]).estimate();
        assert_eq!(lossy, drawn_so);
    }

    #[test]
    fn odd_probabilities_count_as_one() {
        for probability in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert_eq!(total_of(&[(3.0, probability)]).estimate().value, 3.0);
            assert_eq!(total_of(&[(3.0, 1.0)]).thinned(probability).estimate().value, 3.0);
        }
        assert_eq!(Total::default().estimate(), Estimate::default());
    }

    fn samples() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::vec((0u32..2_000_000, 1e-6f64..=1.0), 0..60)
            .prop_map(|rows| rows.into_iter().map(|(value, p)| (f64::from(value), p)).collect())
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0)
    }

    proptest! {
        #[test]
        fn the_estimate_lies_in_its_interval(rows in samples(), retained in 0.01f64..=1.0) {
            let estimate = total_of(&rows).thinned(retained).estimate();
            let seen: f64 = rows.iter().map(|row| row.0).sum();
            prop_assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
            prop_assert!(seen <= estimate.value * (1.0 + 1e-12));
            prop_assert!(estimate.high.is_finite());
        }

        #[test]
        fn merged_parts_are_the_whole(rows in samples(), at in 0usize..60) {
            let (one, other) = rows.split_at(at.min(rows.len()));
            let mut merged = total_of(one);
            merged.merge(&total_of(other));
            let (merged, whole) = (merged.estimate(), total_of(&rows).estimate());
            prop_assert_eq!(merged.samples, whole.samples);
            prop_assert!(close(merged.value, whole.value));
            prop_assert!((merged.low - whole.low).abs() <= 1e-6 * whole.value.max(1.0));
            prop_assert!((merged.high - whole.high).abs() <= 1e-6 * whole.value.max(1.0));
        }

        #[test]
        fn certainty_gives_a_point(values in prop::collection::vec(0u32..u32::MAX, 0..60)) {
            let rows: Vec<(f64, f64)> = values.iter().map(|&value| (f64::from(value), 1.0)).collect();
            let sum: u64 = values.iter().map(|&value| u64::from(value)).sum();
            let estimate = total_of(&rows).estimate();
            prop_assert_eq!((estimate.low, estimate.value, estimate.high), (sum as f64, sum as f64, sum as f64));
        }

        #[test]
        fn scaling_a_count_gives_the_bytes(count in 1usize..50, p in 1e-6f64..=1.0, size in 1u32..1_000_000) {
            let size = f64::from(size);
            let counted = total_of(&vec![(1.0, p); count]).scaled(size).estimate();
            let summed = total_of(&vec![(size, p); count]).estimate();
            prop_assert!(close(counted.value, summed.value));
            prop_assert!((counted.high - summed.high).abs() <= 1e-6 * summed.high);
        }
    }
}
