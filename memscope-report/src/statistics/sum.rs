//! A total of bytes in few figures, for tables with very many of them.

use super::{Estimate, Losses, Total};
use serde::Serialize;

/// What the estimate of a number of bytes and its interval are made of: [`Total`] in fewer figures. The samples of a sum have been
/// restated for losses one by one ([`Sum::of`]), so sums merge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Sum {
    /// Samples.
    pub samples: u64,
    /// Estimated allocations: the sum of 1/p.
    pub allocations: f64,
    /// Estimated bytes: the sum of v/p.
    pub bytes: f64,
    /// The bytes of the samples themselves: the sum of v. No interval ends below it.
    pub seen_bytes: f64,
    /// The variance of `bytes`: the sum of (1 - p) (v/p)^2.
    pub bytes_variance: f64,
    /// What the two samples that stand for most stand for beside themselves, v/p - v, bytes, the heavier one first.
    pub unseen_bytes: [f64; 2],
}

impl Sum {
    /// `count` samples of `size_bytes` that each had `probability` (0 < p <= 1) and of which `losses` says how many were recorded.
    #[must_use]
    pub fn of(count: u64, size_bytes: u64, probability: f64, losses: Losses) -> Self {
        let probability = probability * losses.retained();
        let (number, value) = (count as f64, size_bytes as f64);
        let weighted = value / probability;
        let unseen = weighted - value;
        Self {
            samples: count,
            allocations: number / probability,
            bytes: number * weighted,
            seen_bytes: number * value,
            bytes_variance: number * (weighted * unseen).max(0.0),
            unseen_bytes: match count {
                0 => [0.0; 2],
                1 => [unseen, 0.0],
                _ => [unseen; 2],
            },
        }
    }

    /// Adds the samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
        self.allocations += other.allocations;
        self.bytes += other.bytes;
        self.seen_bytes += other.seen_bytes;
        self.bytes_variance += other.bytes_variance;
        for unseen in other.unseen_bytes {
            let [first, second] = self.unseen_bytes;
            if unseen > first {
                self.unseen_bytes = [unseen, first];
            } else if unseen > second {
                self.unseen_bytes[1] = unseen;
            }
        }
    }

    /// The samples of this sum without those of `part`, all of which are in it: what was allocated without what was freed is live. The
    /// estimate and its variance are those of the rest. Which of its samples stand for most is not known any more: those of the whole
    /// are taken. So an interval may be somewhat wider than that of [`Total::estimate`] (or narrower, where the two heaviest samples
    /// of the rest differ more than those of the whole).
    #[must_use]
    pub fn minus(&self, part: &Self) -> Self {
        let samples = self.samples.saturating_sub(part.samples);
        if samples == 0 {
            return Self::default();
        }
        Self {
            samples,
            allocations: (self.allocations - part.allocations).max(0.0),
            bytes: (self.bytes - part.bytes).max(0.0),
            seen_bytes: (self.seen_bytes - part.seen_bytes).max(0.0),
            bytes_variance: (self.bytes_variance - part.bytes_variance).max(0.0),
            unseen_bytes: self.unseen_bytes,
        }
    }

    /// The same of samples of which `allocations` is the number and `bytes` the bytes, and of which `losses` says how many were
    /// recorded.
    #[must_use]
    pub fn of_totals(allocations: &Total, bytes: &Total, losses: Losses) -> Self {
        let (seen_bytes, bytes_variance, unseen_bytes) = bytes.restated_parts(losses);
        Self {
            samples: bytes.samples(),
            allocations: allocations.value() / losses.retained(),
            bytes: bytes.value() / losses.retained(),
            seen_bytes,
            bytes_variance,
            unseen_bytes,
        }
    }

    /// Bytes with their 95% interval. `known` is [`Sum::known`] of the trace's losses.
    #[must_use]
    pub fn estimate(&self, known: f64) -> Estimate {
        let variance = (self.bytes_variance - known * self.bytes * self.bytes).max(0.0);
        let (low, high) =
            Total::limits(self.bytes, variance, self.seen_bytes, self.unseen_bytes, self.samples);
        Estimate { value: self.bytes, low, high, samples: self.samples }
    }

    /// The estimate of a part of `whole`, as [`Total::estimate_within`]: where no sample fell into the part, its upper end says what there may be all
    /// the same.
    #[must_use]
    pub fn estimate_within(&self, whole: &Self, known: f64) -> Estimate {
        if self.samples > 0 || whole.bytes <= 0.0 || whole.bytes_variance <= 0.0 {
            return self.estimate(known);
        }
        let piece = (whole.bytes - whole.seen_bytes).max(0.0) / whole.samples as f64;
        let high = -(2.0 * super::interval::TAIL).ln() * piece;
        // As in [`Total::estimate_within`].
        let high = if high <= whole.bytes { high } else { high.min(whole.estimate(known).high) };
        Estimate { high, ..Estimate::default() }
    }

    /// By how much of its square an estimate's variance is less because the number of lost samples is known; 0 where none were
    /// lost.
    #[must_use]
    pub fn known(losses: Losses) -> f64 {
        (1.0 - losses.retained()) / (losses.recorded as f64 + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-6 * one.abs().max(other.abs()).max(1.0)
    }

    proptest! {
        #[test]
        fn a_sum_is_the_total_in_short(
            rows in prop::collection::vec((1_u64..5, 0_u64..2_000_000, 1e-6..=1.0), 0..40),
            others in 0_u64..1_000,
            lost in 0_u64..1_000,
        ) {
            let recorded = rows.iter().map(|row| row.0).sum::<u64>() + others;
            let losses = Losses { recorded, lost };
            let (mut sum, mut total, mut number) = (Sum::default(), Total::default(), Total::default());
            for &(count, size, probability) in &rows {
                sum.merge(&Sum::of(count, size, probability, losses));
                (0..count).for_each(|_| total.add(size as f64, probability));
                number.add_many(count, 1.0, probability);
            }
            let of_totals = Sum::of_totals(&number, &total, losses);
            prop_assert!(close(of_totals.allocations, sum.allocations));
            prop_assert!(close(of_totals.bytes_variance, sum.bytes_variance), "{:?} {:?}", of_totals, sum);
            prop_assert!(lost > 0 || of_totals.unseen_bytes.iter().zip(sum.unseen_bytes).all(|(one, other)| close(*one, other)));
            let (short, long) = (sum.estimate(Sum::known(losses)), total.thinned(losses).estimate());
            prop_assert_eq!(short.samples, long.samples);
            prop_assert!(close(short.value, long.value), "{:?} {:?}", short, long);
            // Which samples stand for most is asked before losses are allowed for there, and after it here.
            let same = close(short.low, long.low) && close(short.high, long.high);
            prop_assert!(same || lost > 0, "{:?} {:?}", short, long);
        }

        #[test]
        fn what_is_left_of_a_sum_is_estimated_like_the_rest(
            live in prop::collection::vec((64_u64..100_000, 1e-4..=1.0), 1..20),
            freed in prop::collection::vec((64_u64..100_000, 1e-4..=1.0), 0..20),
        ) {
            let of = |rows: &[(u64, f64)]| {
                let mut sum = Sum::default();
                rows.iter().for_each(|row| sum.merge(&Sum::of(1, row.0, row.1, Losses::default())));
                sum
            };
            let (rest, part) = (of(&live), of(&freed));
            let mut all = rest;
            all.merge(&part);
            let (left, exact) = (all.minus(&part).estimate(0.0), rest.estimate(0.0));
            prop_assert_eq!(left.samples, exact.samples);
            // What rounding takes from a small rest is measured by the whole.
            prop_assert!((left.value - exact.value).abs() <= 1e-9 * all.bytes.max(1.0));
            prop_assert!((all.minus(&part).bytes_variance - rest.bytes_variance).abs() <= 1e-6 * all.bytes_variance.max(1.0));
            prop_assert!(left.low <= left.value && left.value <= left.high && left.high.is_finite());
        }
    }

    #[test]
    fn nothing_is_left_of_what_was_freed_whole() {
        let sum = Sum::of(7, 100, 0.001, Losses::default());
        assert_eq!(sum.minus(&sum), Sum::default());
        assert_eq!(Sum::default().estimate(0.0), Estimate::default());
    }
}
