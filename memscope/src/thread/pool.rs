//! Memory for thread records: chunks mapped from the operating system, never given back, records used again.
//!
//! Free records hang on a stack (Treiber, 1986) of indexes; the upper half of its head counts the changes, so that a
//! head that was taken and put back between a look and an exchange is not mistaken for the old one.

use super::record::ThreadRecord;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sys;

const CHUNK_RECORDS: u32 = 1024;
const CHUNKS: usize = 64;
const CHUNK_BYTES: usize = CHUNK_RECORDS as usize * size_of::<ThreadRecord>();

static CHUNK: [AtomicPtr<ThreadRecord>; CHUNKS] = [const { AtomicPtr::new(core::ptr::null_mut()) }; CHUNKS];
/// Records that were ever handed out.
static USED: AtomicU32 = AtomicU32::new(0);
/// Changes in the upper half, index + 1 of the first free record in the lower, 0 for none.
static FREE: AtomicU64 = AtomicU64::new(0);

/// A record of nobody's, or `None` when 65,536 threads have one already or no memory can be mapped.
pub(crate) fn acquire() -> Option<&'static ThreadRecord> {
    pop().or_else(|| {
        let index = USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            (used < CHUNK_RECORDS * CHUNKS as u32).then_some(used + 1)
        });
        let index = index.ok()?;
        let record = record(index)?;
        record.identity.pool_index.store(index, Ordering::Relaxed);
        Some(record)
    })
}

/// Takes back a record that nobody refers to any more.
pub(crate) fn release(record: &'static ThreadRecord) {
    let index = record.identity.pool_index.load(Ordering::Relaxed);
    let mut head = FREE.load(Ordering::Relaxed);
    loop {
        record.identity.pool_next.store(head as u32, Ordering::Relaxed);
        let next = next_change(head) | u64::from(index + 1);
        // Release: `pool_next` is visible to the `pop` that acquires this head.
        match FREE.compare_exchange_weak(head, next, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(found) => head = found,
        }
    }
}

fn pop() -> Option<&'static ThreadRecord> {
    // Acquire: pairs with the Release of `release`.
    let mut head = FREE.load(Ordering::Acquire);
    loop {
        let index = (head as u32).checked_sub(1)?;
        let record = record(index)?;
        let next = next_change(head) | u64::from(record.identity.pool_next.load(Ordering::Relaxed));
        match FREE.compare_exchange_weak(head, next, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => return Some(record),
            Err(found) => head = found,
        }
    }
}

fn next_change(head: u64) -> u64 {
    (head >> 32).wrapping_add(1) << 32
}

/// The record with that index, its chunk mapped if it was not.
fn record(index: u32) -> Option<&'static ThreadRecord> {
    let slot = CHUNK.get((index / CHUNK_RECORDS) as usize)?;
    // Acquire: pairs with the exchange below, so that the chunk's zeroes are visible.
    let mut chunk = slot.load(Ordering::Acquire);
    if chunk.is_null() {
        let fresh = sys::map(CHUNK_BYTES)?;
        match slot.compare_exchange(
            core::ptr::null_mut(),
            fresh.as_ptr().cast(),
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => chunk = fresh.as_ptr().cast(),
            Err(theirs) => {
                // SAFETY: nobody has seen the chunk that lost the race.
                unsafe { sys::unmap(fresh, CHUNK_BYTES) };
                chunk = theirs;
            }
        }
    }
    // SAFETY: the chunk is never unmapped, is page-aligned (so 64-aligned), and holds CHUNK_RECORDS records, each valid
    // when zeroed: atomics, and an epoch pointer whose null is zero.
    Some(unsafe { &*chunk.add((index % CHUNK_RECORDS) as usize) })
}
