//! What a sample stands for, as a number that many samples share.
//!
//! A sample's probability follows from its size and the interval that was in force, so samples of one size under one interval weigh
//! the same. Each such pair is a *weight* here, numbered in the order of the trace. While a trace is read only whole numbers of samples are
//! kept, by weight; they become weighted sums at the end. That is fast, gives the same sums whatever the order, and lets what is only known
//! at the end (the share of the samples that was lost under each interval) still be allowed for.

use super::ownership::size_class;
use super::sites;
use memscope_trace::Interval;
use std::collections::HashMap;

/// No weight: of a sample whose site is lost.
pub(super) const NO_WEIGHT: u32 = u32::MAX;
/// Places of the look-up of the sizes used last, a power of two.
const PLACES: usize = 1 << 8;

/// What samples of one size under one interval stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weight {
    pub(super) size_bytes: u64,
    /// The probability of such a sample to be in the trace.
    pub(super) probability: f64,
    /// The interval's place among those that samples were drawn under.
    under: u32,
    /// As [`size_class`] has it.
    pub(super) size_class: u32,
}

/// The weights so far.
#[derive(Debug, Default)]
pub(super) struct WeightTable {
    rows: Vec<Weight>,
    /// The intervals that samples were drawn under, each with the share of the samples that was recorded, as far as that is known.
    intervals: Vec<(Interval, f64)>,
    // Keys are the file's choice: the standard, keyed hash.
    by_interval: HashMap<(u32, u64, u64), u32>,
    by_size: HashMap<(u32, u64), u32>,
    /// The weights looked up last, by a hash of their size.
    recent: Vec<u32>,
}

impl WeightTable {
    /// The place of `interval`, of whose samples the share `retained` was recorded.
    pub(super) fn under(&mut self, interval: &Interval, retained: f64) -> u32 {
        let key = (interval.id, interval.interval_bytes.to_bits(), interval.credit_bytes.to_bits());
        *self.by_interval.entry(key).or_insert_with(|| {
            self.intervals.push((*interval, retained));
            (self.intervals.len() - 1) as u32
        })
    }

    /// The interval's place that the samples of a weight were drawn under.
    pub(super) fn interval_of(&self, weight: u32) -> u32 {
        self.rows.get(weight as usize).map_or(u32::MAX, |row| row.under)
    }

    /// The weight of samples of `size_bytes` under the interval at that place.
    pub(super) fn of(&mut self, under: u32, size_bytes: u64) -> u32 {
        if self.recent.is_empty() {
            self.recent = vec![NO_WEIGHT; PLACES];
        }
        let place = (size_bytes.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize % PLACES;
        let recent = self.recent[place];
        if self
            .rows
            .get(recent as usize)
            .is_some_and(|row| (row.under, row.size_bytes) == (under, size_bytes))
        {
            return recent;
        }
        let (rows, intervals) = (&mut self.rows, &self.intervals);
        let found = *self.by_size.entry((under, size_bytes)).or_insert_with(|| {
            let probability = match intervals.get(under as usize) {
                Some((interval, retained)) => sites::probability(interval, size_bytes) * retained,
                None => 1.0,
            };
            rows.push(Weight { size_bytes, probability, under, size_class: size_class(size_bytes) as u32 });
            (rows.len() - 1) as u32
        });
        self.recent[place] = found;
        found
    }

    /// The weights, by number.
    pub(super) fn rows(&self) -> &[Weight] {
        &self.rows
    }

    /// Restates the probabilities for the share of the samples of each interval that was recorded, by the interval's id.
    pub(super) fn restate(&mut self, retained: impl Fn(u32) -> f64) {
        for row in &mut self.rows {
            if let Some((interval, _)) = self.intervals.get(row.under as usize) {
                row.probability *= retained(interval.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_size_under_one_interval_is_one_weight() {
        let mut weights = WeightTable::default();
        let every = Interval::default();
        let some = Interval { id: 1, interval_bytes: 1_000.0, ..every };
        let places = [&every, &some, &every].map(|interval| weights.under(interval, 0.5));
        assert_eq!(places, [0, 1, 0]);
        let found: Vec<u32> = [(0, 64), (1, 64), (1, 1 << 40), (0, 64), (1, 64)]
            .into_iter()
            .map(|(under, size_bytes)| weights.of(under, size_bytes))
            .collect();
        assert_eq!(found, [0, 1, 2, 0, 1]);
        assert_eq!([0, 1, 2, NO_WEIGHT].map(|weight| weights.interval_of(weight)), [0, 1, 1, u32::MAX]);
        weights.restate(|id| if id == 1 { 0.25 } else { 1.0 });
        let probabilities: Vec<f64> = weights.rows().iter().map(|row| row.probability).collect();
        assert_eq!(probabilities, [0.5, some.probability(64) * 0.125, 0.125]);
    }

    #[test]
    fn more_sizes_than_places_are_told_apart() {
        let mut weights = WeightTable::default();
        let under = weights.under(&Interval::default(), 1.0);
        let numbers: Vec<u32> = (0..10_000).map(|size_bytes| weights.of(under, size_bytes)).collect();
        assert!((0..10_000).all(|size_bytes| weights.of(under, size_bytes) == numbers[size_bytes as usize]));
        assert_eq!(weights.rows().len(), 10_000);
    }
}
