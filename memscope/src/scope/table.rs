//! A thread's figures of its scopes.
//!
//! Each thread has a table with a row for each scope, mapped when it enters its first one; only its thread writes, with plain stores. The
//! drain thread sums the rows of all threads, and keeps the sums of those that have ended. So scopes that many threads
//! enter at once share no cache line.
//!
//! A row belongs to a session: the thread clears it when it enters the scope for the first time in a new one, and readers pass over rows of
//! other sessions. The memory that a row takes is only there once it is touched.
//!
//! The bytes of each call go into a log-linear histogram: four buckets to each power of two, so that a quantile is off by an eighth
//! at most (the idea of HdrHistogram).

use super::names::MOST_SCOPES;
use super::stack::{Done, Stack};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Counter, Ordering};
use crate::sys;

/// Buckets of bytes for each call; the last one has everything from 7 GiB on.
pub(crate) const BUCKETS: usize = 128;

/// The bucket of a call that allocated so many bytes.
#[inline]
fn bucket(bytes: u64) -> usize {
    if bytes < 4 {
        return bytes as usize;
    }
    let power = bytes.ilog2();
    let quarter = (bytes >> (power - 2)) & 3;
    ((power as usize - 1) * 4 + quarter as usize).min(BUCKETS - 1)
}

/// The fewest bytes of a bucket's calls.
pub(crate) fn lower_bound(bucket: usize) -> u64 {
    match bucket as u64 {
        small @ ..4 => small,
        bucket => (4 + bucket % 4) << (bucket / 4 - 1),
    }
}

/// Declares a row's figures twice: as they are summed, and as they stand in a row.
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A scope's exact figures in this session.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub(crate) struct ScopeFigures {
            $($(#[$doc])* pub(crate) $name: u64,)*
            /// The most bytes that one call allocated.
            pub(crate) most_bytes: u64,
        }

        impl ScopeFigures {
            pub(crate) fn add(&mut self, other: Self) {
                $(self.$name = self.$name.wrapping_add(other.$name);)*
                self.most_bytes = self.most_bytes.max(other.most_bytes);
            }
        }

        /// One scope on one thread.
        #[repr(C, align(64))]
        pub(crate) struct Row {
            /// The session that the figures belong to.
            generation: AtomicU32,
            /// The scope that it was entered from last; 0 for none.
            parent: AtomicU32,
            /// How often the thread is in the scope now.
            depth: Counter,
            $($name: Counter,)*
            most_bytes: Counter,
            /// Calls by their bytes.
            sizes: [AtomicU32; BUCKETS],
        }

        impl Row {
            fn clear(&self) {
                $(self.$name.set(0);)*
                self.most_bytes.set(0);
                self.sizes.iter().for_each(|calls| calls.store(0, Ordering::Relaxed));
                self.parent.store(0, Ordering::Relaxed);
                self.depth.set(0);
            }

            /// The figures, for any thread. One that is leaving the scope right now may have counted in some of them only.
            pub(crate) fn figures(&self) -> ScopeFigures {
                ScopeFigures { $($name: self.$name.get(),)* most_bytes: self.most_bytes.get() }
            }
        }
    };
}

figures! {
    /// Calls that ended, however.
    calls,
    /// Calls of these whose future was dropped before it was done.
    cancelled,
    allocations,
    allocated_bytes,
    frees,
    freed_bytes,
    own_allocations,
    own_allocated_bytes,
    own_frees,
    own_freed_bytes,
    /// Times that the scope was entered: calls, or polls of a future.
    polls,
    /// Time inside.
    busy_ticks,
    /// Time from the first poll of each call to its end.
    wall_ticks,
}

impl Row {
    /// The session that the figures belong to.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        // Acquire: pairs with `begin`; who finds the session finds the row cleared for it.
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn parent(&self) -> u32 {
        self.parent.load(Ordering::Relaxed)
    }

    /// Calls by their bytes: those of a bucket.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.sizes.iter().map(|calls| calls.load(Ordering::Relaxed).into())
    }

    /// From here on only the owning thread.
    #[inline(always)]
    pub(super) fn enter(&self, table: &ScopeTable, id: u32, generation: u32) {
        self.belong_to(table, id, generation);
        self.depth.add(1);
    }

    /// Clears the row if it has another session's figures.
    #[inline(always)]
    pub(super) fn belong_to(&self, table: &ScopeTable, id: u32, generation: u32) {
        if self.generation.load(Ordering::Relaxed) != generation {
            self.begin(table, id, generation);
        }
    }

    #[cold]
    fn begin(&self, table: &ScopeTable, id: u32, generation: u32) {
        // Readers pass the row over while it is cleared.
        self.generation.store(0, Ordering::Relaxed);
        crate::sync::fence(Ordering::Release);
        self.clear();
        self.generation.store(generation, Ordering::Release);
        table.mark(id);
    }

    /// Adds a visit; whether it was the outermost one.
    #[inline(always)]
    pub(super) fn leave(&self, done: &Done) -> bool {
        self.depth.add(1_u64.wrapping_neg());
        self.polls.add(1);
        let (all, inner) = (done.all, done.inner);
        self.own_allocations.add(all[0].wrapping_sub(inner[0]));
        self.own_allocated_bytes.add(all[1].wrapping_sub(inner[1]));
        self.own_frees.add(all[2].wrapping_sub(inner[2]));
        self.own_freed_bytes.add(all[3].wrapping_sub(inner[3]));
        if self.depth.get() != 0 {
            return false;
        }
        self.allocations.add(all[0]);
        self.allocated_bytes.add(all[1]);
        self.frees.add(all[2]);
        self.freed_bytes.add(all[3]);
        self.busy_ticks.add(done.ticks);
        self.parent.store(done.parent, Ordering::Relaxed);
        true
    }

    /// Adds a call that has ended: the bytes that it allocated, unless they are part of another call of the same scope.
    #[inline(always)]
    pub(crate) fn count_call(&self, allocated_bytes: Option<u64>, wall_ticks: u64, is_cancelled: bool) {
        self.calls.add(1);
        if is_cancelled {
            self.cancelled.add(1);
        }
        let Some(bytes) = allocated_bytes else { return };
        self.wall_ticks.add(wall_ticks);
        if bytes > self.most_bytes.get() {
            self.most_bytes.set(bytes);
        }
        let calls = &self.sizes[bucket(bytes)];
        calls.store(calls.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    }
}

impl core::fmt::Debug for Row {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Row").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

/// A thread's rows, by the scopes' ids. In this order: what every thread touches stands on one page.
#[repr(C)]
pub(crate) struct ScopeTable {
    /// A bit for each row that was ever used.
    used: [AtomicU64; MOST_SCOPES / 64],
    pub(super) stack: Stack,
    rows: [Row; MOST_SCOPES],
}

impl ScopeTable {
    fn mark(&self, id: u32) {
        let word = &self.used[id as usize / 64];
        word.store(word.load(Ordering::Relaxed) | 1 << (id % 64), Ordering::Relaxed);
    }

    /// The row of a scope; ids are below [`MOST_SCOPES`].
    #[inline(always)]
    pub(crate) fn row(&self, id: u32) -> &Row {
        &self.rows[id as usize % MOST_SCOPES]
    }

    /// Calls `visit` for each row of that session, with the scope's id.
    pub(crate) fn for_each(&self, generation: u32, mut visit: impl FnMut(u32, &Row)) {
        for (word, used) in self.used.iter().enumerate() {
            let mut bits = used.load(Ordering::Relaxed);
            while bits != 0 {
                let id = word as u32 * 64 + bits.trailing_zeros();
                bits &= bits - 1;
                let row = self.row(id);
                if row.generation() == generation {
                    visit(id, row);
                }
            }
        }
    }

    /// Maps a table into `slot`, for the calling thread; `None` when there is no memory to be had.
    #[cold]
    pub(crate) fn create(slot: &AtomicPtr<Self>) -> Option<&Self> {
        let at = sys::map(size_of::<Self>())?.cast::<Self>();
        // Rows are touched here and there.
        // SAFETY: just mapped with that size.
        unsafe { sys::use_small_pages(at.as_ptr().cast(), size_of::<Self>()) };
        // Release: readers find zeros.
        slot.store(at.as_ptr(), Ordering::Release);
        // SAFETY: mapped, page-aligned and zeroed, which is a valid table: numbers only. Unmapped by `release` alone.
        Some(unsafe { at.as_ref() })
    }

    /// Unmaps the table in `slot`, if there is one.
    ///
    /// # Safety
    /// The slot's thread has ended, and the caller is the only reader.
    pub(crate) unsafe fn release(slot: &AtomicPtr<Self>) {
        let table = slot.swap(core::ptr::null_mut(), Ordering::Relaxed);
        if let Some(at) = core::ptr::NonNull::new(table) {
            // SAFETY: mapped by `create` with that size; nobody refers to it, by the caller's promise.
            unsafe { sys::unmap(at.cast(), size_of::<Self>()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_an_eighth_wide_at_most() {
        assert!((0..1000).all(|bytes| bucket(bytes) <= bucket(bytes + 1)));
        for at in 0..BUCKETS {
            let from = lower_bound(at);
            assert_eq!(bucket(from), at);
            assert!(at == 0 || bucket(from - 1) == at - 1);
            if (8..BUCKETS - 1).contains(&at) {
                assert!(lower_bound(at + 1) - from <= from / 4, "bucket {at}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(lower_bound(BUCKETS - 1), 7 << 30);
    }

    #[test]
    fn a_row_is_a_line_of_counters_and_its_histogram() {
        assert_eq!(size_of::<Row>(), 128 + 4 * BUCKETS);
        assert_eq!(align_of::<ScopeTable>(), 64);
    }
}
