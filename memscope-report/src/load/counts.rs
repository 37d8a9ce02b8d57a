//! Numbers of samples by a key (a pair of threads, a lifetime) and by weight.
//!
//! Counting is an addition to a whole number in a dense table, mostly a small one: programs ask for some hundred sizes. Where keys and
//! weights are so many that the table would take more than [`CELLS_MAX`] cells, the rest are summed up at once as weighted sums
//! (*spilled*). A table that has spilled cannot be restated for losses any more.

use super::ownership::Amount;
use super::weights::Weight;
use std::collections::HashMap;

/// Cells of a table: 16 MB.
const CELLS_MAX: usize = 1 << 22;
/// Cells of a row at first.
const ROW_MIN: usize = 16;

/// How many samples of each key and weight there are.
#[derive(Debug)]
pub(super) struct CountTable {
    /// By key, then by weight.
    rows: Vec<Vec<u32>>,
    cells: usize,
    cells_max: usize,
    /// By key and class of sizes.
    // Keys are the file's choice: the standard, keyed hash.
    spilled: HashMap<(u32, u32), Amount>,
}

impl Default for CountTable {
    fn default() -> Self {
        Self { rows: Vec::new(), cells: 0, cells_max: CELLS_MAX, spilled: HashMap::new() }
    }
}

impl CountTable {
    /// Counts a sample of weight number `weight`, one of `weights`.
    #[inline]
    pub(super) fn add(&mut self, key: u32, weight: u32, weights: &[Weight]) {
        match self.rows.get_mut(key as usize).and_then(|row| row.get_mut(weight as usize)) {
            Some(count) if *count < u32::MAX => *count += 1,
            _ => self.add_many(key, weight, 1, weights),
        }
    }

    /// Counts `count` samples.
    pub(super) fn add_many(&mut self, key: u32, weight: u32, count: u32, weights: &[Weight]) {
        if let Some(cell) = self.cell(key, weight)
            && let Some(sum) = cell.checked_add(count)
        {
            *cell = sum;
        } else if let Some(weight) = weights.get(weight as usize) {
            let sums = self.spilled.entry((key, weight.size_class)).or_default();
            sums.add_many(count.into(), weight.size_bytes, weight.probability);
        }
    }

    /// The cell, made if there is room for it.
    fn cell(&mut self, key: u32, weight: u32) -> Option<&mut u32> {
        let (key, weight) = (key as usize, weight as usize);
        if self.rows.len() <= key {
            self.rows.resize_with(key + 1, Vec::new);
        }
        let row = &mut self.rows[key];
        if row.len() <= weight {
            let length = (weight + 1).next_power_of_two().max(ROW_MIN);
            let cells = self.cells + length - row.len();
            if cells > self.cells_max {
                return None;
            }
            self.cells = cells;
            row.resize(length, 0);
        }
        row.get_mut(weight)
    }

    /// Whether some of it are weighted sums already.
    pub(super) fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    /// The numbers, by key and weight.
    fn counts(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        (0..).zip(&self.rows).flat_map(|(key, row)| {
            let cells = (0..).zip(row).filter(|(_, count)| **count > 0);
            cells.map(move |(weight, count)| (key, weight, *count))
        })
    }

    /// Moves everything to `other`, under the key that `key` makes of each.
    pub(super) fn move_to(self, other: &mut Self, weights: &[Weight], mut key: impl FnMut(u32) -> u32) {
        for (from, weight, count) in self.counts() {
            other.add_many(key(from), weight, count, weights);
        }
        for ((from, class), sums) in self.spilled() {
            other.spilled.entry((key(from), class)).or_default().merge(sums);
        }
    }

    /// What has spilled, in order: so the same trace gives the same sums to the last bit.
    fn spilled(&self) -> Vec<((u32, u32), &Amount)> {
        let mut spilled: Vec<_> = self.spilled.iter().map(|(key, sums)| (*key, sums)).collect();
        spilled.sort_unstable_by_key(|(key, _)| *key);
        spilled
    }

    /// Hands over the sums by key and class of sizes; those of one key and class may come in several pieces.
    pub(super) fn sum(&self, weights: &[Weight], mut take: impl FnMut(u32, u32, &Amount)) {
        for (key, weight, count) in self.counts() {
            let Some(weight) = weights.get(weight as usize) else { continue };
            let mut sums = Amount::default();
            sums.add_many(count.into(), weight.size_bytes, weight.probability);
            take(key, weight.size_class, &sums);
        }
        self.spilled().into_iter().for_each(|((key, class), sums)| take(key, class, sums));
    }
}

#[cfg(test)]
mod tests {
    use super::super::weights::WeightTable;
    use super::*;
    use memscope_trace::Interval;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn weights() -> WeightTable {
        let mut weights = WeightTable::default();
        for (id, interval_bytes) in [(0, 0.0), (1, 10_000.0)] {
            let under = weights.under(&Interval { id, interval_bytes, ..Interval::default() }, 1.0);
            (0..40).for_each(|size_bytes| {
                weights.of(under, 8 * size_bytes);
            });
        }
        weights
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever the room, the sums are those of the samples one by one; moved they are still.
        #[test]
        fn nothing_is_lost(
            events in prop::collection::vec((0_u32..20, 0_u32..80, 1_u32..4), 0..300),
            cells_max in 0_usize..1_000,
        ) {
            let table = weights();
            let weights = table.rows();
            let mut counts = CountTable { cells_max, ..CountTable::default() };
            let mut expected: BTreeMap<(u32, u32), Amount> = BTreeMap::new();
            for &(key, weight, count) in &events {
                (0..count).for_each(|_| counts.add(key, weight, weights));
                let Weight { size_bytes, probability, size_class, .. } = weights[weight as usize];
                expected.entry((key / 2, size_class)).or_default().add_many(count.into(), size_bytes, probability);
            }
            prop_assert!(counts.cells <= cells_max);
            let mut moved = CountTable::default();
            counts.move_to(&mut moved, weights, |key| key / 2);
            let mut found: BTreeMap<(u32, u32), Amount> = BTreeMap::new();
            moved.sum(weights, |key, class, sums| found.entry((key, class)).or_default().merge(sums));
            prop_assert_eq!(found.len(), expected.len());
            for ((key, one), (other_key, other)) in found.iter().zip(&expected) {
                prop_assert_eq!(key, other_key);
                prop_assert_eq!(one.bytes.samples(), other.bytes.samples());
                prop_assert!((one.bytes.value() - other.bytes.value()).abs() <= 1e-9 * other.bytes.value());
                prop_assert!((one.bytes.variance() - other.bytes.variance()).abs() <= 1e-6 * other.bytes.value().powi(2));
            }
        }
    }

    #[test]
    fn a_full_cell_spills() {
        let table = weights();
        let mut counts = CountTable::default();
        counts.add_many(3, 41, u32::MAX, table.rows());
        assert!(!counts.has_spilled());
        counts.add(3, 41, table.rows());
        assert!(counts.has_spilled());
        let mut samples = 0;
        counts.sum(table.rows(), |_, _, sums| samples += sums.bytes.samples());
        assert_eq!(samples, 1 << 32);
    }
}
