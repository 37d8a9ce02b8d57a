//! What memscope itself has from the program's allocator, in bytes.
//!
//! Allocations of a busy thread (see [`crate::thread::Busy`]) are nobody's in the exact counters; but the allocator's own figures and RSS have them in
//! them, so they are counted apart. What was allocated before the hooks were on, or outlives them, is not seen here.

use crate::sync::{AtomicI64, Ordering};

static BYTES: AtomicI64 = AtomicI64::new(0);

/// A busy thread was given `new_size` bytes for `old_size` (0: none).
pub(super) fn changed(old_size: usize, new_size: usize) {
    BYTES.fetch_add(new_size as i64 - old_size as i64, Ordering::Relaxed);
}

/// Bytes since [`reset`]; below 0 where more was freed than allocated.
pub(crate) fn bytes() -> i64 {
    BYTES.load(Ordering::Relaxed)
}

/// Counts from 0. While the hooks are off.
pub(crate) fn reset() {
    BYTES.store(0, Ordering::Relaxed);
}
