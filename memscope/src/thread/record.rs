//! One thread's record: four cache lines, each with one kind of writer.
//!
//! | line | written by | holds |
//! | --- | --- | --- |
//! | 0 | the thread, on every allocation and free | countdown and exact counters |
//! | 1 | the thread, on its slow path | sampling state, scope state, ring |
//! | 2 | session and drain thread | list links, what the counters were when the session began |
//! | 3 | the thread, rarely | identity, losses |

use crate::control;
use crate::ring::Ring;
use crate::sync::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Counter, Ordering,
};
use crossbeam_epoch::Atomic;

/// The thread is alive.
pub(crate) const ALIVE: u8 = 0;
/// The thread has ended; its record may be taken out of the registry once it is drained.
pub(crate) const ENDED: u8 = 1;

#[repr(C, align(64))]
pub(crate) struct ThreadRecord {
    /// Credit left until the slow path is due; below zero it is.
    pub(crate) countdown: AtomicI64,
    pub(crate) allocations: Counter,
    pub(crate) allocated_bytes: Counter,
    pub(crate) frees: Counter,
    pub(crate) freed_bytes: Counter,
    /// Freed bytes at which the live bytes are published again.
    pub(crate) freed_mark: Counter,
    /// The session that the sampling state belongs to.
    pub(crate) generation: AtomicU32,
    /// The innermost scope, 0 outside any.
    pub(crate) scope: AtomicU32,
    /// Set while the thread is in the slow path and may use the session's data.
    pub(crate) in_hook: AtomicBool,

    line1: Line1,
    pub(crate) shared: Shared,
    pub(crate) identity: Identity,
}

#[repr(C, align(64))]
struct Line1 {
    /// Credit beyond the countdown until the next sample.
    reserve: AtomicI64,
    random: AtomicU64,
    /// Live bytes of this thread that the process's sum knows of.
    published: AtomicI64,
    ring: AtomicPtr<Ring>,
    /// Figures of the scopes that have ended inside the current one.
    inner_allocations: Counter,
    inner_bytes: Counter,
    /// One past the stack's highest address; 0 not asked yet, 1 unknown. Its lowest is in [`Identity`].
    stack_end: AtomicUsize,
    /// Time spent on samples, nanoseconds.
    sampling_ns: Counter,
}

/// What session and drain thread write.
#[repr(C, align(64))]
pub(crate) struct Shared {
    /// The next record of the registry.
    pub(crate) next: Atomic<ThreadRecord>,
    /// The next record of the list of rings that hold something.
    pub(crate) next_dirty: AtomicPtr<ThreadRecord>,
    pub(crate) dirty: AtomicBool,
    pub(crate) state: AtomicU8,
    /// The counters when the session began.
    pub(crate) base_allocations: Counter,
    pub(crate) base_allocated_bytes: Counter,
    pub(crate) base_frees: Counter,
    pub(crate) base_freed_bytes: Counter,
}

/// Who the thread is, and what it lost.
#[repr(C, align(64))]
pub(crate) struct Identity {
    pub(crate) id: AtomicU32,
    pub(crate) os_id: AtomicU32,
    pub(crate) start_ns: AtomicU64,
    /// The name, set when the thread ends (until then the drain thread asks the kernel).
    pub(crate) name: [AtomicU8; 16],
    pub(crate) lost_buffer: Counter,
    pub(crate) lost_buffer_bytes: Counter,
    pub(crate) pool_index: AtomicU32,
    pub(crate) pool_next: AtomicU32,
    stack_low: AtomicUsize,
}

/// Exact figures of a thread, or of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Figures {
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) frees: u64,
    pub(crate) freed_bytes: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: Self) {
        self.allocations = self.allocations.wrapping_add(other.allocations);
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.frees = self.frees.wrapping_add(other.frees);
        self.freed_bytes = self.freed_bytes.wrapping_add(other.freed_bytes);
    }

    pub(crate) fn live_bytes(self) -> i64 {
        self.allocated_bytes.wrapping_sub(self.freed_bytes) as i64
    }
}

impl ThreadRecord {
    /// Makes a record from the pool the calling thread's.
    pub(crate) fn begin_thread(&self, id: u32, now_ns: u64) {
        self.countdown.store(-1, Ordering::Relaxed);
        for counter in [&self.allocations, &self.allocated_bytes, &self.frees, &self.freed_bytes] {
            counter.set(0);
        }
        self.freed_mark.set(0);
        self.generation.store(0, Ordering::Relaxed);
        self.scope.store(0, Ordering::Relaxed);
        self.in_hook.store(false, Ordering::Relaxed);
        self.line1.reserve.store(0, Ordering::Relaxed);
        self.line1.published.store(0, Ordering::Relaxed);
        self.set_inner(0, 0);
        self.line1.stack_end.store(0, Ordering::Relaxed);
        self.line1.ring.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.shared.dirty.store(false, Ordering::Relaxed);
        self.shared.state.store(ALIVE, Ordering::Relaxed);
        self.set_base();
        self.identity.id.store(id, Ordering::Relaxed);
        self.identity.os_id.store(crate::sys::thread_id(), Ordering::Relaxed);
        self.identity.start_ns.store(now_ns, Ordering::Relaxed);
        self.identity.name.iter().for_each(|byte| byte.store(0, Ordering::Relaxed));
    }

    /// Takes the counters as they are for those at the session's start.
    fn set_base(&self) {
        self.shared.base_allocations.set(self.allocations.get());
        self.shared.base_allocated_bytes.set(self.allocated_bytes.get());
        self.shared.base_frees.set(self.frees.get());
        self.shared.base_freed_bytes.set(self.freed_bytes.get());
    }

    /// Makes the record ready for a new session, from the session's thread while the hooks are off.
    pub(crate) fn begin_session_from_outside(&self) {
        self.set_base();
        // Both lead the thread's next event into the slow path, where it notices the new generation.
        self.countdown.store(-1, Ordering::Relaxed);
        self.freed_mark.set(self.freed_bytes.get());
    }

    /// Makes the sampling state ready for session `generation`, from the thread itself.
    pub(crate) fn begin_session(&self, generation: u32) {
        let base = self.shared.base_allocated_bytes.get().wrapping_sub(self.shared.base_freed_bytes.get());
        self.line1.published.store(base as i64, Ordering::Relaxed);
        let stream = u64::from(self.identity.id.load(Ordering::Relaxed));
        self.set_random(crate::sampler::Random::new(control::seed(), stream));
        self.line1.sampling_ns.set(0);
        // Left over only where an earlier session ended while this thread was held up in its slow path: that ring and the list that
        // it hangs on belong to the earlier session, which has given them up.
        self.forget_ring();
        self.identity.lost_buffer.set(0);
        self.identity.lost_buffer_bytes.set(0);
        // Release: the drain thread reads the losses of records whose generation it has seen.
        self.generation.store(generation, Ordering::Release);
    }

    /// The figures since the session's start.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            allocations: self.allocations.get().wrapping_sub(self.shared.base_allocations.get()),
            allocated_bytes: self.allocated_bytes.get().wrapping_sub(self.shared.base_allocated_bytes.get()),
            frees: self.frees.get().wrapping_sub(self.shared.base_frees.get()),
            freed_bytes: self.freed_bytes.get().wrapping_sub(self.shared.base_freed_bytes.get()),
        }
    }

    /// Credit left until the next sample, countdown and reserve together.
    pub(crate) fn credit_left(&self) -> i64 {
        self.countdown.load(Ordering::Relaxed).wrapping_add(self.line1.reserve.load(Ordering::Relaxed))
    }

    /// Sets the credit until the next sample.
    pub(crate) fn arm(&self, credit: i64) {
        let piece = credit.min(control::publish_bytes());
        self.countdown.store(piece, Ordering::Relaxed);
        self.line1.reserve.store(credit - piece, Ordering::Relaxed);
    }

    /// Takes the change of live bytes since the last time, if it is worth telling or `always`.
    pub(crate) fn take_unpublished(&self, always: bool) -> i64 {
        let live = self.allocated_bytes.get().wrapping_sub(self.freed_bytes.get()) as i64;
        self.freed_mark.set(self.freed_bytes.get().wrapping_add(control::publish_bytes() as u64));
        let delta = live.wrapping_sub(self.line1.published.load(Ordering::Relaxed));
        if delta.abs() < control::publish_bytes() && !always {
            return 0;
        }
        self.line1.published.store(live, Ordering::Relaxed);
        delta
    }

    pub(crate) fn random(&self) -> crate::sampler::Random {
        crate::sampler::Random::from_state(self.line1.random.load(Ordering::Relaxed))
    }

    pub(crate) fn set_random(&self, random: crate::sampler::Random) {
        self.line1.random.store(random.state(), Ordering::Relaxed);
    }

    pub(crate) fn add_sampling_ns(&self, ns: u64) {
        self.line1.sampling_ns.add(ns);
    }

    pub(crate) fn sampling_ns(&self) -> u64 {
        self.line1.sampling_ns.get()
    }

    /// The thread's stack, asked once: its lowest address, and one past its highest; `None` where it cannot be told.
    pub(crate) fn stack_bounds(&self) -> Option<(usize, usize)> {
        if self.line1.stack_end.load(Ordering::Relaxed) == 0 {
            let (low, end) = crate::sys::stack_bounds().unwrap_or((0, 1));
            self.identity.stack_low.store(low, Ordering::Relaxed);
            self.line1.stack_end.store(end, Ordering::Relaxed);
        }
        let end = self.line1.stack_end.load(Ordering::Relaxed);
        (end > 1).then(|| (self.identity.stack_low.load(Ordering::Relaxed), end))
    }

    /// Figures of the scopes that ended inside the current one: (allocations, bytes).
    pub(crate) fn inner(&self) -> (u64, u64) {
        (self.line1.inner_allocations.get(), self.line1.inner_bytes.get())
    }

    pub(crate) fn set_inner(&self, allocations: u64, bytes: u64) {
        self.line1.inner_allocations.set(allocations);
        self.line1.inner_bytes.set(bytes);
    }

    pub(crate) fn ring(&self) -> Option<&Ring> {
        // SAFETY: a ring is unmapped only by `Ring::release_of`, when its thread has ended or all hooks are quiet.
        unsafe { self.line1.ring.load(Ordering::Acquire).as_ref() }
    }

    /// Lets go of the ring, unmapped or not, and of its mark.
    pub(crate) fn forget_ring(&self) {
        self.line1.ring.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.shared.dirty.store(false, Ordering::Relaxed);
    }

    pub(crate) fn ring_slot(&self) -> &AtomicPtr<Ring> {
        &self.line1.ring
    }

    pub(crate) fn id(&self) -> u32 {
        self.identity.id.load(Ordering::Relaxed)
    }

    /// The name that the thread left when it ended.
    pub(crate) fn last_name(&self) -> String {
        let bytes: Vec<u8> = self.identity.name.iter().map(|byte| byte.load(Ordering::Relaxed)).collect();
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }
}

impl core::fmt::Debug for ThreadRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ThreadRecord").field("id", &self.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn each_line_has_one_kind_of_writer() {
        assert_eq!(size_of::<ThreadRecord>(), 256);
        assert!(offset_of!(ThreadRecord, in_hook) < 64);
        assert_eq!(offset_of!(ThreadRecord, line1), 64);
        assert_eq!(offset_of!(ThreadRecord, shared), 128);
        assert_eq!(offset_of!(ThreadRecord, identity), 192);
    }
}
