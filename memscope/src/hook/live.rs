//! The process's live bytes between the drain thread's sums, for the peak.
//!
//! Each thread publishes what its live bytes have changed by when that passes [`PUBLISH_BYTES`](crate::control::PUBLISH_BYTES), so the sum here is off by less
//! than twice that for each thread. Nothing else writes here: an unsampled allocation or free of less than that does not.

use crate::sync::{AtomicI64, Ordering};

#[repr(align(128))]
struct Live {
    bytes: AtomicI64,
    peak_bytes: AtomicI64,
}

static LIVE: Live = Live { bytes: AtomicI64::new(0), peak_bytes: AtomicI64::new(0) };

/// A new session: nothing is live yet. While the hooks are off.
pub(crate) fn reset() {
    LIVE.bytes.store(0, Ordering::Relaxed);
    LIVE.peak_bytes.store(0, Ordering::Relaxed);
}

/// Adds what a thread's live bytes have changed by.
pub(crate) fn publish(delta: i64) {
    if delta != 0 {
        let live = LIVE.bytes.fetch_add(delta, Ordering::Relaxed).wrapping_add(delta);
        observe(live);
    }
}

/// Takes a sum of live bytes into account.
pub(crate) fn observe(live_bytes: i64) {
    if live_bytes > LIVE.peak_bytes.load(Ordering::Relaxed) {
        LIVE.peak_bytes.fetch_max(live_bytes, Ordering::Relaxed);
    }
}

/// The highest sum so far.
pub(crate) fn peak_bytes() -> u64 {
    LIVE.peak_bytes.load(Ordering::Relaxed).max(0) as u64
}
