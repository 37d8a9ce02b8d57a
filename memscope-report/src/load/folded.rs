//! What folded call stacks did: one cell for each thread, scope and stretch of time.

use super::counts::CountTable;
use super::ownership::Amount;
use super::weights::Weight;
use std::collections::HashMap;

/// Places of the look-up of folded cells, a power of two.
const FOLDED_PLACES: usize = 1 << 10;

/// What folded sites did together.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct FoldedActivity {
    /// The allocating thread's id.
    pub thread: u32,
    /// The scope.
    pub scope: u32,
    /// The stretch: times from `bin * bin_us` to below `(bin + 1) * bin_us`.
    pub bin: u32,
    /// What was allocated in it.
    pub allocated: Amount,
    /// What was freed in it.
    pub freed: Amount,
}

/// Thread, scope and bin.
type Cell = (u32, u32, u32);

/// The cells of folded stacks.
#[derive(Debug)]
pub(super) struct FoldedCells {
    pub(super) cells: Vec<Cell>,
    /// What was allocated in cell `i` under key `2 i`, what was freed under the next.
    counts: CountTable,
    // Keys are the file's choice: the standard, keyed hash.
    places: HashMap<Cell, u32>,
    /// The cells looked up last, by a hash of their keys.
    recent: Box<[u32]>,
}

impl Default for FoldedCells {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            counts: CountTable::default(),
            places: HashMap::new(),
            recent: vec![0; FOLDED_PLACES].into_boxed_slice(),
        }
    }
}

impl FoldedCells {
    /// The key of what was allocated in a cell; that of what was freed is the next.
    pub(super) fn key(&mut self, cell: Cell) -> u32 {
        let (thread, scope, bin) = cell;
        // Threads have small numbers: neighbours in a scope and bin never displace each other.
        let place = thread.wrapping_add(scope.wrapping_mul(131)).wrapping_add(bin.wrapping_mul(67));
        let recent = &mut self.recent[place as usize & (FOLDED_PLACES - 1)];
        if self.cells.get(*recent as usize) != Some(&cell) {
            *recent = *self.places.entry(cell).or_insert_with(|| {
                self.cells.push(cell);
                (self.cells.len() - 1) as u32
            });
        }
        *recent * 2
    }

    /// Counts a sample under a key.
    pub(super) fn add(&mut self, key: u32, weight: u32, weights: &[Weight]) {
        self.counts.add(key, weight, weights);
    }

    /// Counts `count` samples under a key.
    pub(super) fn add_many(&mut self, key: u32, weight: u32, count: u32, weights: &[Weight]) {
        if count > 0 {
            self.counts.add_many(key, weight, count, weights);
        }
    }

    /// Whether some of it are weighted sums already.
    pub(super) fn has_spilled(&self) -> bool {
        self.counts.has_spilled()
    }

    /// Makes the bins longer: bin `i` becomes bin `i >> doublings`.
    pub(super) fn shift_bins(&mut self, doublings: u32, weights: &[Weight]) {
        let before = std::mem::take(self);
        let mut counts = CountTable::default();
        before.counts.move_to(&mut counts, weights, |key| {
            let (thread, scope, bin) = before.cells[key as usize / 2];
            self.key((thread, scope, bin.checked_shr(doublings).unwrap_or(0))) + key % 2
        });
        self.counts = counts;
    }

    /// The sums, by thread, scope and bin.
    pub(super) fn finish(self, weights: &[Weight]) -> Vec<FoldedActivity> {
        let cell = |&(thread, scope, bin): &Cell| FoldedActivity { thread, scope, bin, ..Default::default() };
        let mut cells: Vec<FoldedActivity> = self.cells.iter().map(cell).collect();
        self.counts.sum(weights, |key, _, sums| {
            let cell = &mut cells[key as usize / 2];
            if key % 2 == 0 { cell.allocated.merge(sums) } else { cell.freed.merge(sums) }
        });
        cells.sort_unstable_by_key(|cell| (cell.thread, cell.scope, cell.bin));
        cells
    }
}
