//! The atomics of the hook, in one place, so that a model checker can take their place: `memscope/loom-tests` compiles the hook's files
//! with `--cfg loom` beside a `sync.rs` of its own that has the checker's atomics.

pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Makes the `count` values at `at`, in zeroed memory, ready to be used. Zeroes are what atomics begin as: here is nothing to do. A model
/// checker's atomics are made one by one.
///
/// # Safety
/// The memory is zeroed, aligned for `count` values for which zeroes are valid, and nobody else's.
#[inline(always)]
pub(crate) unsafe fn begin<T>(at: *mut T, count: usize) {
    let _ = (at, count);
}

/// A number that one thread writes and any may read: adding is a load and a store, never a locked instruction.
///
/// Relaxed on both sides: a reader wants a recent value of each counter, and no counter guards other data.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[cfg(test)]
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Only the owning thread adds.
    #[inline(always)]
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// For counters whose order counts: sees what was written before the value.
    #[inline(always)]
    pub(crate) fn get_acquire(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// The other side of [`Counter::get_acquire`].
    #[inline(always)]
    pub(crate) fn set_release(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}
