//! From the address of a live sample to its entry, exactly: a lock-free hash table in buckets of one cache line.
//!
//! An address lives in its home bucket or, when that is full, in one of the next [`PROBES`]; the home bucket counts those that had
//! to go elsewhere, so a look-up that finds the count at zero is done after one cache line. When all of them are full, the
//! address goes one *level* up, to a larger table. Nothing is ever moved and there are no tombstones: taking an address out
//! leaves a free place.
//!
//! The table relies on its users: an address is put in by the thread that has just got it from the allocator, and taken out by
//! the thread that is about to give it back. So it is in the table at most once, and whoever asks for it has seen it put in.

use crate::sync::{AtomicU32, AtomicUsize, Ordering};
use crate::sys;
use core::ptr::NonNull;

const KEYS: usize = if cfg!(loom) { 2 } else { 5 };
/// Buckets looked at beyond the home bucket.
const PROBES: usize = if cfg!(loom) { 1 } else { 8 };
/// Sizes of the levels, in buckets, as powers of two: 20 thousand, 160 thousand and 5 million addresses.
const LEVELS: [u32; 3] = if cfg!(loom) { [1, 1, 1] } else { [12, 15, 20] };
/// A place that is being written.
const RESERVED: usize = 1;

#[cfg_attr(loom, derive(Default))]
#[repr(C, align(64))]
struct Bucket {
    /// Addresses; 0 is a free place, [`RESERVED`] one that is being written.
    keys: [AtomicUsize; KEYS],
    entries: [AtomicU32; KEYS],
    /// Addresses at home here that had to go to another bucket or level.
    elsewhere: AtomicU32,
}

struct Level {
    buckets: NonNull<Bucket>,
    bits: u32,
}

pub(crate) struct Table {
    levels: [Level; LEVELS.len()],
}

// SAFETY: buckets are atomics in memory that lives as long as the table.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    pub(crate) fn create() -> Option<Self> {
        let mut levels = [const { None }; LEVELS.len()];
        for (level, bits) in levels.iter_mut().zip(LEVELS) {
            let buckets = sys::map(size_of::<Bucket>() << bits)?.cast();
            // SAFETY: just mapped, as many as that, and nobody else's yet.
            unsafe { crate::sync::begin(buckets.as_ptr(), 1 << bits) };
            *level = Some(Level { buckets, bits });
        }
        let [Some(first), Some(second), Some(third)] = levels else { return None };
        Some(Self { levels: [first, second, third] })
    }

    /// Asks for the cache line in which `address` will most likely be looked for.
    pub(crate) fn prefetch(&self, address: usize) {
        let [first, ..] = &self.levels;
        sys::prefetch(first.bucket(first.home(address)));
    }

    /// Puts in an address that is not in the table; `false` when there is no room.
    pub(crate) fn insert(&self, address: usize, entry: u32) -> bool {
        for level in &self.levels {
            let home = level.home(address);
            for step in 0..=PROBES {
                if level.bucket(home + step).put(address, entry) {
                    if step > 0 {
                        level.bucket(home).elsewhere.fetch_add(1, Ordering::Relaxed);
                    }
                    return true;
                }
            }
            // One level up: counted at home too, so that a look-up goes on.
            level.bucket(home).elsewhere.fetch_add(1, Ordering::Relaxed);
        }
        for level in &self.levels {
            level.bucket(level.home(address)).elsewhere.fetch_sub(1, Ordering::Relaxed);
        }
        false
    }

    /// Takes out an address and returns its entry; `None` where it is not in the table.
    pub(crate) fn take(&self, address: usize) -> Option<u32> {
        for (number, level) in self.levels.iter().enumerate() {
            let home = level.home(address);
            for step in 0..=PROBES {
                if let Some(entry) = level.bucket(home + step).take(address) {
                    if step > 0 {
                        level.bucket(home).elsewhere.fetch_sub(1, Ordering::Relaxed);
                    }
                    for below in &self.levels[..number] {
                        below.bucket(below.home(address)).elsewhere.fetch_sub(1, Ordering::Relaxed);
                    }
                    return Some(entry);
                }
                if step == 0 && level.bucket(home).elsewhere.load(Ordering::Relaxed) == 0 {
                    return None;
                }
            }
        }
        None
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        // SAFETY: mapped by `Table::create` with this length; the level is going, so nobody refers to a bucket.
        unsafe { sys::unmap(self.buckets.cast(), size_of::<Bucket>() << self.bits) };
    }
}

impl Level {
    fn home(&self, address: usize) -> usize {
        // Other bits of the product than the filter's, so that what collides there is spread here.
        let hash = ((address >> 3) as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (hash >> (64 - self.bits)) as usize
    }

    fn bucket(&self, index: usize) -> &Bucket {
        let index = index & ((1 << self.bits) - 1);
        // SAFETY: `1 << bits` buckets are mapped, zeroed ones are valid, and the index is below that.
        unsafe { &*self.buckets.as_ptr().add(index) }
    }
}

impl Bucket {
    fn put(&self, address: usize, entry: u32) -> bool {
        for (key, slot) in self.keys.iter().zip(&self.entries) {
            // Acquire: pairs with the Release of `take`, which has read the entry before it freed the place.
            if key.load(Ordering::Relaxed) == 0
                && key.compare_exchange(0, RESERVED, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                slot.store(entry, Ordering::Relaxed);
                // Release: the entry is visible to whoever finds the address.
                key.store(address, Ordering::Release);
                return true;
            }
        }
        false
    }

    fn take(&self, address: usize) -> Option<u32> {
        for (key, slot) in self.keys.iter().zip(&self.entries) {
            if key.load(Ordering::Acquire) == address {
                let entry = slot.load(Ordering::Relaxed);
                key.store(0, Ordering::Release);
                return Some(entry);
            }
        }
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn spills_to_larger_levels_and_comes_back() {
        let table = Table::create().expect("a mapping");
        let count: usize = if cfg!(miri) { 500 } else { 400_000 };
        let address = |i: usize| 0x10_0000 + i * 32;
        assert!((0..count).all(|i| table.insert(address(i), i as u32)));
        assert!((0..count).rev().all(|i| table.take(address(i)) == Some(i as u32)));
        assert!((0..count).all(|i| table.take(address(i)).is_none()));
        for level in &table.levels {
            assert!((0..1 << level.bits).all(|b| level.bucket(b).elsewhere.load(Ordering::Relaxed) == 0));
        }
    }
}
