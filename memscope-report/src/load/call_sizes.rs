//! How the bytes of a scope's calls are distributed: a log-linear histogram, and its quantiles.
//!
//! Each power of two has four buckets, so a bucket is at most a quarter wider than where it begins. A quantile is told as the end of its bucket, but
//! never above the most that a call allocated: it is never too low, and too high by less than a quarter.

use std::collections::BTreeMap;

/// Calls by the bytes that they allocated. Exact but for the width of a bucket.
///
/// ```
/// use memscope_report::load::CallSizes;
/// assert_eq!(CallSizes::default().quantile(0.5, 0), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSizes {
    /// Calls by the fewest bytes of their bucket.
    buckets: BTreeMap<u64, u64>,
}

impl CallSizes {
    /// Counts `calls` in the bucket that begins at `from_bytes`.
    pub(super) fn insert(&mut self, from_bytes: u64, calls: u64) {
        self.buckets.insert(from_bytes, calls);
    }

    pub(super) fn clear(&mut self) {
        self.buckets.clear();
    }

    /// The buckets that hold calls, as `(fewest bytes, most bytes, calls)`, smallest first.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        self.buckets.iter().map(|(&from, &calls)| (from, last_of(from), calls))
    }

    /// The calls in it.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.buckets.values().fold(0, |sum, calls| sum.saturating_add(*calls))
    }

    /// The bytes that the `share` (0 to 1) of the calls with fewest bytes stay at or below, of calls that allocated `most_bytes` at most; `None`
    /// without calls. Never too low, and less than a quarter too high.
    #[must_use]
    pub fn quantile(&self, share: f64, most_bytes: u64) -> Option<u64> {
        let all = self.calls();
        let mut passed = 0_u64;
        for (_, last, calls) in self.buckets() {
            passed = passed.saturating_add(calls);
            if passed > 0 && passed as f64 >= share * all as f64 {
                return Some(last.min(most_bytes));
            }
        }
        None
    }
}

/// The last number of bytes in the bucket that begins at `from`: 0 to 3 have one each, and each power of two from 4 on has four.
fn last_of(from: u64) -> u64 {
    let width = if from < 4 { 1 } else { 1 << (from.ilog2() - 2) };
    from.saturating_add(width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bucket of so many bytes, as FORMAT.md has it.
    fn bucket_of(bytes: u64) -> u64 {
        if bytes < 4 { bytes } else { bytes >> (bytes.ilog2() - 2) << (bytes.ilog2() - 2) }
    }

    #[test]
    fn a_bucket_ends_where_the_next_one_begins() {
        for bytes in (0..5_000).chain([u64::MAX - 1, 1 << 40, (1 << 40) - 1]) {
            let from = bucket_of(bytes);
            assert!(from <= bytes && bytes <= last_of(from), "{bytes}");
            let next = last_of(from).saturating_add(1);
            assert!(bucket_of(next) == next || next == u64::MAX, "{bytes}");
        }
    }

    #[test]
    fn quantiles_are_ends_of_buckets() {
        let mut sizes = CallSizes::default();
        for (from, calls) in [(0, 50), (1024, 49), (4096, 1)] {
            sizes.insert(from, calls);
        }
        let quantiles = [0.0, 0.5, 0.51, 0.99, 1.0].map(|share| sizes.quantile(share, 4100));
        assert_eq!(quantiles, [Some(0), Some(0), Some(1279), Some(1279), Some(4100)]);
        assert_eq!(sizes.calls(), 100);
    }

    proptest! {
        /// Against the calls themselves, sorted.
        #[test]
        fn a_quantile_is_never_too_low_and_less_than_a_quarter_too_high(
            mut calls in prop::collection::vec(0_u64..10_000_000, 1..200),
            share in 0.01_f64..=1.0,
        ) {
            calls.sort_unstable();
            let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
            calls.iter().for_each(|&bytes| *counts.entry(bucket_of(bytes)).or_default() += 1);
            let mut sizes = CallSizes::default();
            counts.into_iter().for_each(|(from, count)| sizes.insert(from, count));
            let rank = (share * calls.len() as f64).ceil() as usize;
            let truth = calls[rank.clamp(1, calls.len()) - 1];
            let found = sizes.quantile(share, calls[calls.len() - 1]).expect("calls");
            prop_assert!(truth <= found && found as f64 <= 1.25 * truth as f64, "{} {}", truth, found);
        }
    }
}
