//! The first question to a free: may this address be a live sample?
//!
//! Counters of one byte, hashed by address. A counter that reaches 255 stays there for the session: from then on its addresses are always
//! looked up, which costs time and never an answer.

use crate::sync::{AtomicU8, Ordering};

const COUNTERS: usize = 1 << 16;

#[repr(align(64))]
struct Filter([AtomicU8; COUNTERS]);

static FILTER: Filter = Filter([const { AtomicU8::new(0) }; COUNTERS]);

#[inline(always)]
fn counter(address: usize) -> &'static AtomicU8 {
    // Fibonacci hashing; the upper 16 bits of the product are an index into 65,536 counters.
    let hash = ((address >> 4) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &FILTER.0[(hash >> 48) as usize]
}

/// Whether `address` may be a live sample.
///
/// Relaxed: whoever frees an address has it from whoever allocated it, and with it sees what that thread wrote before.
#[inline(always)]
pub(crate) fn may_contain(address: usize) -> bool {
    counter(address).load(Ordering::Relaxed) != 0
}

pub(crate) fn add(address: usize) {
    let step = |count: u8| (count < u8::MAX).then(|| count + 1);
    // An error says that the counter stays at its highest.
    let _ = counter(address).fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
}

pub(crate) fn remove(address: usize) {
    let step = |count: u8| (count < u8::MAX).then(|| count.saturating_sub(1));
    let _ = counter(address).fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
}

/// Empties the filter, while the hooks are off.
pub(crate) fn clear() {
    FILTER.0.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
}
