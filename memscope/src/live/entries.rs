//! Slots for what is known of a live sample, and the two lists that they hang on.
//!
//! * free slots: a stack with a change count in its head (many take, many put back);
//! * freed samples: a stack that hooks push on and the drain thread takes as a whole, so that no count is needed.

use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::sys;
use core::ptr::NonNull;

/// The most live samples.
pub(crate) const MAX_ENTRIES: u32 = if cfg!(loom) { 3 } else { 1 << 22 };
const MAPPED_BYTES: usize = MAX_ENTRIES as usize * size_of::<Entry>();

/// One live sample.
#[cfg_attr(loom, derive(Default))]
#[repr(C, align(32))]
pub(crate) struct Entry {
    /// The sample's id plus 1, by the drain thread once it has seen the sample; 0 before.
    pub(crate) sample: AtomicU64,
    pub(crate) freed_ns: AtomicU64,
    pub(crate) freed_by: AtomicU32,
    /// Index + 1 of the next slot on the same list.
    next: AtomicU32,
}

/// All slots. Memory is reserved for the most there may be, and touched from the front.
pub(crate) struct Entries {
    slots: NonNull<Entry>,
    used: AtomicU32,
    /// Changes in the upper half, index + 1 of the first free slot in the lower.
    free: AtomicU64,
    /// Index + 1 of the last freed sample.
    freed: AtomicU32,
}

// SAFETY: the slots are atomics in memory that lives as long as the value.
unsafe impl Send for Entries {}
// SAFETY: as above.
unsafe impl Sync for Entries {}

impl Entries {
    pub(crate) fn create() -> Option<Self> {
        let slots = sys::map(MAPPED_BYTES)?.cast();
        // SAFETY: just mapped, as many as that, and nobody else's yet.
        unsafe { crate::sync::begin(slots.as_ptr(), MAX_ENTRIES as usize) };
        Some(Self { slots, used: AtomicU32::new(0), free: AtomicU64::new(0), freed: AtomicU32::new(0) })
    }

    pub(crate) fn slot(&self, entry: u32) -> &Entry {
        debug_assert!(entry < self.used.load(Ordering::Relaxed));
        // SAFETY: entries are handed out below MAX_ENTRIES, and as many slots are mapped; zeroed ones are valid.
        unsafe { &*self.slots.as_ptr().add(entry as usize) }
    }

    /// A free slot, its sample not yet known.
    pub(crate) fn acquire(&self) -> Option<u32> {
        let entry = self.pop_free().or_else(|| {
            let step = |used| (used < MAX_ENTRIES).then_some(used + 1);
            self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).ok()
        })?;
        self.slot(entry).sample.store(0, Ordering::Relaxed);
        Some(entry)
    }

    fn pop_free(&self) -> Option<u32> {
        // Acquire: pairs with the Release of `release`, so that `next` is visible.
        let mut head = self.free.load(Ordering::Acquire);
        loop {
            let entry = (head as u32).checked_sub(1)?;
            let next = changed(head) | u64::from(self.slot(entry).next.load(Ordering::Relaxed));
            match self.free.compare_exchange_weak(head, next, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(entry),
                Err(found) => head = found,
            }
        }
    }

    /// Takes back a slot that is on no list and in no table.
    pub(crate) fn release(&self, entry: u32) {
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            self.slot(entry).next.store(head as u32, Ordering::Relaxed);
            let next = changed(head) | u64::from(entry + 1);
            match self.free.compare_exchange_weak(head, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(found) => head = found,
            }
        }
    }

    /// Puts a slot onto the list of freed samples.
    pub(crate) fn push_freed(&self, entry: u32) {
        let mut head = self.freed.load(Ordering::Relaxed);
        loop {
            self.slot(entry).next.store(head, Ordering::Relaxed);
            // Release: the slot's fields and `next` are visible to `take_freed`. That the same head may have been taken and
            // come back meanwhile does no harm: then `next` names just what is on the list.
            match self.freed.compare_exchange_weak(head, entry + 1, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(found) => head = found,
            }
        }
    }

    /// Takes all freed samples, latest first. Only the drain thread calls this; `each` may release the slot.
    pub(crate) fn take_freed(&self, mut each: impl FnMut(u32)) {
        // Acquire: pairs with `push_freed`.
        let mut at = self.freed.swap(0, Ordering::Acquire);
        while let Some(entry) = at.checked_sub(1) {
            at = self.slot(entry).next.load(Ordering::Relaxed);
            each(entry);
        }
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        // SAFETY: mapped by `create` with this length; the value is going, so nobody refers to a slot.
        unsafe { sys::unmap(self.slots.cast(), MAPPED_BYTES) };
    }
}

fn changed(head: u64) -> u64 {
    (head >> 32).wrapping_add(1) << 32
}
