//! What the session tells the hooks: the only data that flows against the stream.
//!
//! One cache line that hooks read and only sessions write. While no session is active, a hook reads [`is_active`]
//! and nothing else.

use crate::sync::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

#[repr(C, align(128))]
pub(crate) struct Control {
    active: AtomicBool,
    /// Credit K that each allocation takes beside its size.
    credit_bytes: AtomicI64,
    /// Smaller allocations are never sampled.
    min_size_bytes: AtomicU64,
    /// Mean sampling interval T, the bits of an `f64`; 0 is exact mode.
    interval_bits: AtomicU64,
    /// Id of that interval in the trace.
    interval_id: AtomicU32,
    /// Number of the session, from 1: thread state of another session is stale.
    generation: AtomicU32,
    /// A thread publishes its live bytes at the latest when it allocated or freed so many.
    publish_bytes: AtomicI64,
    /// Bytes of one thread's ring.
    ring_bytes: AtomicU64,
    /// Where the threads' random numbers begin.
    seed: AtomicU64,
}

pub(crate) static CONTROL: Control = Control {
    active: AtomicBool::new(false),
    credit_bytes: AtomicI64::new(0),
    min_size_bytes: AtomicU64::new(0),
    interval_bits: AtomicU64::new(0),
    interval_id: AtomicU32::new(0),
    generation: AtomicU32::new(0),
    publish_bytes: AtomicI64::new(0),
    ring_bytes: AtomicU64::new(0),
    seed: AtomicU64::new(0),
};

/// What a session sets before it switches the hooks on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) interval_bytes: f64,
    pub(crate) credit_bytes: i64,
    pub(crate) min_size_bytes: u64,
    pub(crate) ring_bytes: u64,
    pub(crate) seed: u64,
}

/// How many bytes a thread may allocate or free before it looks whether to publish its live bytes. What it has not published then
/// is below this, and grows by at most this until it looks again: 64 KiB in all, which the peak may be off per thread.
pub(crate) const PUBLISH_BYTES: i64 = 32 * 1024;

/// Whether a session is active.
#[inline(always)]
pub(crate) fn is_active() -> bool {
    // Relaxed: the slow path looks again behind a fence (`thread::Guard::enter`) before it touches session data.
    CONTROL.active.load(Ordering::Relaxed)
}

/// The second look at [`is_active`], behind the fence that pairs with [`switch_off`].
pub(crate) fn is_active_fenced() -> bool {
    crate::sync::fence(Ordering::SeqCst);
    CONTROL.active.load(Ordering::SeqCst)
}

/// Writes the settings of a new session; hooks are off. Returns the session's number.
pub(crate) fn configure(settings: Settings) -> u32 {
    CONTROL.credit_bytes.store(settings.credit_bytes, Ordering::Relaxed);
    CONTROL.min_size_bytes.store(settings.min_size_bytes, Ordering::Relaxed);
    CONTROL.interval_bits.store(settings.interval_bytes.to_bits(), Ordering::Relaxed);
    CONTROL.interval_id.store(0, Ordering::Relaxed);
    CONTROL.publish_bytes.store(PUBLISH_BYTES, Ordering::Relaxed);
    CONTROL.ring_bytes.store(settings.ring_bytes, Ordering::Relaxed);
    CONTROL.seed.store(settings.seed, Ordering::Relaxed);
    CONTROL.generation.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}

/// Switches the hooks on.
pub(crate) fn switch_on() {
    // SeqCst: everything that the session prepared is visible to a hook that passes `is_active_fenced`.
    CONTROL.active.store(true, Ordering::SeqCst);
}

/// Switches the hooks off. A hook that is under way may still be in its slow path: `registry::wait_until_quiet`.
pub(crate) fn switch_off() {
    // SeqCst pairs with `is_active_fenced`: a hook either sees this, or its `in_hook` mark is seen by the waiter.
    CONTROL.active.store(false, Ordering::SeqCst);
    crate::sync::fence(Ordering::SeqCst);
}

#[inline(always)]
pub(crate) fn credit_bytes() -> i64 {
    CONTROL.credit_bytes.load(Ordering::Relaxed)
}

#[inline(always)]
pub(crate) fn min_size_bytes() -> u64 {
    CONTROL.min_size_bytes.load(Ordering::Relaxed)
}

pub(crate) fn interval_bytes() -> f64 {
    f64::from_bits(CONTROL.interval_bits.load(Ordering::Relaxed))
}

pub(crate) fn interval_id() -> u32 {
    CONTROL.interval_id.load(Ordering::Relaxed)
}

/// Brings another interval into force: threads take it up at their next slow path, and each sample says under which interval it was
/// drawn.
pub(crate) fn change_interval(id: u32, interval_bytes: f64) {
    CONTROL.interval_bits.store(interval_bytes.to_bits(), Ordering::Relaxed);
    CONTROL.interval_id.store(id, Ordering::Relaxed);
}

pub(crate) fn generation() -> u32 {
    CONTROL.generation.load(Ordering::Relaxed)
}

pub(crate) fn publish_bytes() -> i64 {
    CONTROL.publish_bytes.load(Ordering::Relaxed)
}

pub(crate) fn ring_bytes() -> usize {
    CONTROL.ring_bytes.load(Ordering::Relaxed) as usize
}

pub(crate) fn seed() -> u64 {
    CONTROL.seed.load(Ordering::Relaxed)
}

/// No more samples in this session (nothing can be written); the exact counters go on.
pub(crate) fn stop_sampling() {
    CONTROL.min_size_bytes.store(u64::MAX, Ordering::Relaxed);
}
