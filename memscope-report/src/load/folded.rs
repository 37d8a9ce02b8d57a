//! What folded call stacks did: one cell of weighted sums for each thread, scope and stretch of time.

use super::ownership::Amount;
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

/// The cells of folded stacks.
#[derive(Debug)]
pub(super) struct FoldedCells {
    pub(super) cells: Vec<FoldedActivity>,
    // Keys are the file's choice: the standard, keyed hash.
    places: HashMap<(u32, u32, u32), u32>,
    /// The cells looked up last, by a hash of their keys.
    recent: Box<[u32]>,
}

impl Default for FoldedCells {
    fn default() -> Self {
        Self { cells: Vec::new(), places: HashMap::new(), recent: vec![0; FOLDED_PLACES].into_boxed_slice() }
    }
}

impl FoldedCells {
    /// The cell of a thread, scope and bin.
    pub(super) fn at(&mut self, (thread, scope, bin): (u32, u32, u32)) -> &mut FoldedActivity {
        let recent = &mut self.recent[hash(scope, thread, bin) as usize & (FOLDED_PLACES - 1)];
        let found = self.cells.get(*recent as usize);
        if found.is_none_or(|cell| (cell.thread, cell.scope, cell.bin) != (thread, scope, bin)) {
            *recent = *self.places.entry((thread, scope, bin)).or_insert_with(|| {
                self.cells.push(FoldedActivity { thread, scope, bin, ..FoldedActivity::default() });
                (self.cells.len() - 1) as u32
            });
        }
        &mut self.cells[*recent as usize]
    }

    /// Makes the bins longer: bin `i` becomes bin `i >> doublings`.
    pub(super) fn shift_bins(&mut self, doublings: u32) {
        let before = std::mem::take(self);
        for cell in before.cells {
            let bin = cell.bin.checked_shr(doublings).unwrap_or(0);
            let sums = self.at((cell.thread, cell.scope, bin));
            sums.allocated.merge(&cell.allocated);
            sums.freed.merge(&cell.freed);
        }
    }
}

/// A hash of three numbers, 24 bits long.
pub(super) fn hash(one: u32, thread: u32, bin: u32) -> u64 {
    // Fibonacci hashing: the high bits of a product with an odd number hang on all bits of the key.
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let key = (u64::from(one) << 32 | u64::from(thread)) ^ u64::from(bin) << 20;
    key.wrapping_mul(ODD) >> 40
}
