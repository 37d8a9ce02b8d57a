//! What the session tells the hooks: the only data that flows against the stream.
//!
//! One cache line that the fast path reads, others that the slow path reads; only sessions and the drain thread write. While no session
//! is active, an allocation reads one word of the [`Switch`], a free the other, and nothing else.

use crate::sync::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// What the fast path reads. `repr(C)`: the assembly of [`crate::thread::meter`] knows the offsets.
#[repr(C, align(128))]
pub(crate) struct Switch {
    /// Where each thread's meter stands; 0 while no session is active.
    pub(crate) meter_offset: AtomicUsize,
    /// The live samples' filter; null while no session is active.
    pub(crate) filter: AtomicPtr<AtomicU8>,
    /// What scopes read: number of the active session, or 0.
    session: AtomicU32,
}

pub(crate) static SWITCH: Switch = Switch {
    meter_offset: AtomicUsize::new(0),
    filter: AtomicPtr::new(core::ptr::null_mut()),
    session: AtomicU32::new(0),
};

/// What the slow path reads.
#[repr(C, align(128))]
struct Control {
    /// Credit K in bytes that each allocation has beside its size, the bits of an `f64`.
    credit_bits: AtomicU64,
    /// Smaller allocations are never sampled.
    min_size_bytes: AtomicU64,
    /// The [`Epoch`].
    epoch: AtomicU64,
    /// Bytes of one thread's ring.
    ring_bytes: AtomicU64,
    /// Where the threads' random numbers begin.
    seed: AtomicU64,
    /// Mean sampling intervals T in bytes by their ids, modulo the length; the bits of an `f64`; 0 is exact mode. One is written before
    /// its id comes into force, and not written again until as many others have been.
    intervals: [AtomicU64; INTERVALS],
}

const INTERVALS: usize = 64;

/// What sampling state belongs to: a session and one of its intervals. Of another epoch it is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Epoch(u64);

impl Epoch {
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    fn new(generation: u32, interval_id: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(interval_id))
    }

    /// Number of the session, from 1.
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Id of the sampling interval.
    pub(crate) fn interval_id(self) -> u32 {
        self.0 as u32
    }

    /// The mean sampling interval T in bytes; 0 is exact mode.
    pub(crate) fn interval_bytes(self) -> f64 {
        f64::from_bits(CONTROL.intervals[self.interval_id() as usize % INTERVALS].load(Ordering::Relaxed))
    }
}

static CONTROL: Control = Control {
    credit_bits: AtomicU64::new(0),
    min_size_bytes: AtomicU64::new(0),
    epoch: AtomicU64::new(0),
    ring_bytes: AtomicU64::new(0),
    seed: AtomicU64::new(0),
    intervals: [const { AtomicU64::new(0) }; INTERVALS],
};

/// What a session sets before it switches the hooks on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) interval_bytes: f64,
    pub(crate) credit_bytes: f64,
    pub(crate) min_size_bytes: u64,
    pub(crate) ring_bytes: u64,
    pub(crate) seed: u64,
}

/// How many bytes a thread may allocate or free before it looks whether to publish its live bytes. What it has not published then
/// is below this, and grows by at most this until it looks again: 64 KiB in all, which the peak may be off per thread.
pub(crate) const PUBLISH_BYTES: i64 = 32 * 1024;

/// Bits of an address below the granules that [`crate::live::filter`] counts live samples in.
pub(crate) const GRANULE_BITS: u32 = 8;

/// The granule of an address: an index into the filter.
#[inline(always)]
pub(crate) fn granule(address: usize) -> usize {
    (address as u32 >> GRANULE_BITS) as usize
}

/// Whether a session is active.
#[inline(always)]
pub(crate) fn is_active() -> bool {
    // Relaxed: the slow path looks again (`InHook::enter`) before it touches session data.
    SWITCH.meter_offset.load(Ordering::Relaxed) != 0
}

/// Number of the active session, or 0.
#[inline(always)]
pub(crate) fn session() -> u32 {
    // Acquire: pairs with `switch_on`; a thread that finds a session finds its own meter as the session has set it.
    SWITCH.session.load(Ordering::Acquire)
}

/// The second look at [`is_active`], after the thread has set its `in_hook` mark.
pub(crate) fn is_active_behind_mark() -> bool {
    // SeqCst, like the mark's store: see `switch_off`.
    SWITCH.meter_offset.load(Ordering::SeqCst) != 0
}

/// Writes the settings of a new session; hooks are off.
pub(crate) fn configure(settings: Settings) {
    CONTROL.credit_bits.store(settings.credit_bytes.to_bits(), Ordering::Relaxed);
    CONTROL.min_size_bytes.store(settings.min_size_bytes, Ordering::Relaxed);
    CONTROL.ring_bytes.store(settings.ring_bytes, Ordering::Relaxed);
    CONTROL.seed.store(settings.seed, Ordering::Relaxed);
    bring_into_force(Epoch::new(epoch().generation().wrapping_add(1), 0), settings.interval_bytes);
}

/// Brings another interval into force: threads take it up at their next slow path, and each sample says under which interval it was
/// drawn.
pub(crate) fn change_interval(id: u32, interval_bytes: f64) {
    bring_into_force(Epoch::new(generation(), id), interval_bytes);
}

/// One thread at a time: the one that starts a session, then its drain thread.
fn bring_into_force(epoch: Epoch, interval_bytes: f64) {
    let slot = epoch.interval_id() as usize % INTERVALS;
    CONTROL.intervals[slot].store(interval_bytes.to_bits(), Ordering::Relaxed);
    // Release: whoever reads the epoch reads its interval.
    CONTROL.epoch.store(epoch.bits(), Ordering::Release);
}

/// Switches the hooks on.
pub(crate) fn switch_on(meter_offset: usize, filter: *mut AtomicU8) {
    // SeqCst: everything that the session prepared is visible to a hook that passes `is_active_behind_mark`.
    SWITCH.filter.store(filter, Ordering::SeqCst);
    SWITCH.meter_offset.store(meter_offset, Ordering::SeqCst);
    SWITCH.session.store(generation(), Ordering::SeqCst);
}

/// Switches the hooks off. A hook that is under way may still be in its slow path: `registry::wait_until_quiet`.
pub(crate) fn switch_off() {
    // SeqCst, like the mark's store, the look behind it and the waiter's look at the mark: in their one order a hook either sees this, or its
    // mark is seen by the waiter.
    SWITCH.session.store(0, Ordering::SeqCst);
    SWITCH.filter.store(core::ptr::null_mut(), Ordering::SeqCst);
    SWITCH.meter_offset.store(0, Ordering::SeqCst);
    crate::sync::fence(Ordering::SeqCst);
}

pub(crate) fn credit_bytes() -> f64 {
    f64::from_bits(CONTROL.credit_bits.load(Ordering::Relaxed))
}

pub(crate) fn min_size_bytes() -> u64 {
    CONTROL.min_size_bytes.load(Ordering::Relaxed)
}

/// The epoch in force.
#[inline(always)]
pub(crate) fn epoch() -> Epoch {
    // Acquire: pairs with `bring_into_force`.
    Epoch(CONTROL.epoch.load(Ordering::Acquire))
}

/// Number of the session.
pub(crate) fn generation() -> u32 {
    epoch().generation()
}

pub(crate) fn ring_bytes() -> usize {
    CONTROL.ring_bytes.load(Ordering::Relaxed) as usize
}

pub(crate) fn seed() -> u64 {
    CONTROL.seed.load(Ordering::Relaxed)
}
