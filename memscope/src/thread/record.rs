//! One thread's record, in cache lines with one kind of writer each.
//!
//! | part | written by | holds |
//! | --- | --- | --- |
//! | account | the thread, on its slow path; its lock by readers | exact figures, the gap to the next sample |
//! | state | the thread, on its slow path and at scopes | sampling state, scope state, ring |
//! | shared | session and drain thread | list links, what the figures were when the session began |
//! | identity | the thread, rarely | identity, losses |
//!
//! An unsampled allocation or free touches none of them, only the thread's [`meter`](super::meter).

use super::account::Account;
use super::meter::Meter;
use crate::control::{self, Epoch, PUBLISH_BYTES};
use crate::ring::Ring;
use crate::scope::ScopeTable;
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
    pub(crate) account: Account,
    pub(crate) state: State,
    pub(crate) shared: Shared,
    pub(crate) identity: Identity,
}

/// What the thread writes on its slow path and at scopes.
#[repr(C, align(64))]
pub(crate) struct State {
    /// The epoch that the sampling state belongs to, its gaps above all.
    epoch: AtomicU64,
    /// The slot of the task that the thread polls, 0 outside any.
    pub(crate) task: AtomicU32,
    /// Set while the thread is in the slow path and may use the session's data.
    pub(crate) in_hook: AtomicBool,
    random: AtomicU64,
    /// Live bytes of this thread that the process's sum knows of.
    published: AtomicI64,
    ring: AtomicPtr<Ring>,
    /// Figures of scopes; null until the thread enters one.
    scopes: AtomicPtr<ScopeTable>,
    /// One past the stack's highest address; 0 not asked yet, 1 unknown. Its lowest is in [`Identity`].
    stack_end: AtomicUsize,
    /// Time spent on samples, nanoseconds.
    sampling_ns: Counter,
    samples: Counter,
}

/// What session and drain thread write.
#[repr(C, align(64))]
pub(crate) struct Shared {
    /// The next record of the registry.
    pub(crate) next: Atomic<ThreadRecord>,
    /// The next record of the list of rings that hold something.
    pub(crate) next_dirty: AtomicPtr<ThreadRecord>,
    pub(crate) dirty: AtomicBool,
    /// [`ALIVE`] or [`ENDED`].
    pub(crate) life: AtomicU8,
    /// The figures when the session began.
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

    /// What has come to these since `before`.
    fn since(self, before: Self) -> Self {
        Self {
            allocations: self.allocations.wrapping_sub(before.allocations),
            allocated_bytes: self.allocated_bytes.wrapping_sub(before.allocated_bytes),
            frees: self.frees.wrapping_sub(before.frees),
            freed_bytes: self.freed_bytes.wrapping_sub(before.freed_bytes),
        }
    }

    pub(crate) fn live_bytes(self) -> i64 {
        self.allocated_bytes.wrapping_sub(self.freed_bytes) as i64
    }
}

impl ThreadRecord {
    /// Makes a record from the pool the calling thread's.
    pub(crate) fn begin_thread(&self, id: u32, meter: &'static Meter, now_ns: u64) {
        self.account.begin(meter);
        self.state.epoch.store(0, Ordering::Relaxed);
        self.state.task.store(0, Ordering::Relaxed);
        self.state.in_hook.store(false, Ordering::Relaxed);
        self.state.published.store(0, Ordering::Relaxed);
        self.state.scopes.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.state.stack_end.store(0, Ordering::Relaxed);
        self.state.ring.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.shared.dirty.store(false, Ordering::Relaxed);
        self.shared.life.store(ALIVE, Ordering::Relaxed);
        self.set_base(Figures::default());
        self.identity.id.store(id, Ordering::Relaxed);
        self.identity.os_id.store(crate::sys::thread_id(), Ordering::Relaxed);
        self.identity.start_ns.store(now_ns, Ordering::Relaxed);
        self.identity.name.iter().for_each(|byte| byte.store(0, Ordering::Relaxed));
    }

    fn set_base(&self, figures: Figures) {
        self.shared.base_allocations.set(figures.allocations);
        self.shared.base_allocated_bytes.set(figures.allocated_bytes);
        self.shared.base_frees.set(figures.frees);
        self.shared.base_freed_bytes.set(figures.freed_bytes);
    }

    fn base(&self) -> Figures {
        Figures {
            allocations: self.shared.base_allocations.get(),
            allocated_bytes: self.shared.base_allocated_bytes.get(),
            frees: self.shared.base_frees.get(),
            freed_bytes: self.shared.base_freed_bytes.get(),
        }
    }

    /// Makes the record ready for a new session, from the session's thread while the hooks are off: the thread's next event is due,
    /// whether it finds its meter at rest or starts its account before (it may be busy now), and so notices the new session.
    pub(crate) fn begin_session_from_outside(&self) {
        let locked = self.account.lock();
        self.account.stop();
        self.account.set_gap(0, 1);
        drop(locked);
        self.set_base(self.account.figures());
    }

    /// Makes the sampling state ready for the session of `epoch`, from the thread itself.
    pub(crate) fn begin_session(&self, epoch: Epoch) {
        self.state.published.store(self.base().live_bytes(), Ordering::Relaxed);
        let stream = u64::from(self.identity.id.load(Ordering::Relaxed));
        self.set_random(crate::sampler::Random::new(control::seed(), stream));
        self.state.sampling_ns.set(0);
        // Each thread's timed samples begin elsewhere, so that short-lived threads count too, in the mean.
        self.state.samples.set(stream);
        // Left over only where an earlier session ended while this thread was held up in its slow path: that ring and the list that
        // it hangs on belong to the earlier session, which has given them up.
        self.forget_ring();
        self.identity.lost_buffer.set(0);
        self.identity.lost_buffer_bytes.set(0);
        self.set_epoch(epoch);
    }

    /// The figures since the session's start, for any thread.
    pub(crate) fn figures(&self) -> Figures {
        self.account.figures().since(self.base())
    }

    /// The epoch that the sampling state belongs to.
    #[inline(always)]
    pub(crate) fn epoch(&self) -> Epoch {
        // Acquire: pairs with `set_epoch`.
        Epoch::from_bits(self.state.epoch.load(Ordering::Acquire))
    }

    pub(crate) fn set_epoch(&self, epoch: Epoch) {
        // Release: the drain thread reads the losses of records whose session it has seen.
        self.state.epoch.store(epoch.bits(), Ordering::Release);
    }

    /// Whether session and sampling interval are those in force.
    #[inline(always)]
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.epoch() == control::epoch()
    }

    /// Takes the change since the last time to `live_bytes`, the thread's live bytes now, if it is worth telling; else 0.
    #[inline(always)]
    pub(crate) fn take_unpublished(&self, live_bytes: i64) -> i64 {
        let delta = live_bytes.wrapping_sub(self.state.published.load(Ordering::Relaxed));
        if delta.unsigned_abs() < PUBLISH_BYTES as u64 {
            return 0;
        }
        self.state.published.store(live_bytes, Ordering::Relaxed);
        delta
    }

    /// Takes the whole change; the thread ends.
    pub(crate) fn take_last_unpublished(&self) -> i64 {
        let live_bytes = self.account.own_figures().live_bytes();
        live_bytes.wrapping_sub(self.state.published.swap(live_bytes, Ordering::Relaxed))
    }

    pub(crate) fn random(&self) -> crate::sampler::Random {
        crate::sampler::Random::from_state(self.state.random.load(Ordering::Relaxed))
    }

    pub(crate) fn set_random(&self, random: crate::sampler::Random) {
        self.state.random.store(random.state(), Ordering::Relaxed);
    }

    /// Number of the thread's next sample.
    pub(crate) fn next_sample(&self) -> u64 {
        let number = self.state.samples.get();
        self.state.samples.set(number.wrapping_add(1));
        number
    }

    pub(crate) fn add_sampling_ns(&self, ns: u64) {
        self.state.sampling_ns.add(ns);
    }

    pub(crate) fn sampling_ns(&self) -> u64 {
        self.state.sampling_ns.get()
    }

    /// The thread's stack, asked once: its lowest address, and one past its highest; `None` where it cannot be told.
    pub(crate) fn stack_bounds(&self) -> Option<(usize, usize)> {
        if self.state.stack_end.load(Ordering::Relaxed) == 0 {
            let (low, end) = crate::sys::stack_bounds().unwrap_or((0, 1));
            self.identity.stack_low.store(low, Ordering::Relaxed);
            self.state.stack_end.store(end, Ordering::Relaxed);
        }
        let end = self.state.stack_end.load(Ordering::Relaxed);
        (end > 1).then(|| (self.identity.stack_low.load(Ordering::Relaxed), end))
    }

    /// The thread's stack, if it has been asked for before; from any thread.
    pub(crate) fn known_stack_bounds(&self) -> Option<(usize, usize)> {
        let end = self.state.stack_end.load(Ordering::Relaxed);
        (end > 1).then(|| (self.identity.stack_low.load(Ordering::Relaxed), end))
    }

    /// The thread's figures of scopes; from the thread itself. `None` where there is no memory for them.
    #[inline(always)]
    pub(crate) fn scope_table_or_create(&self) -> Option<&ScopeTable> {
        self.scope_table().or_else(|| ScopeTable::create(&self.state.scopes))
    }

    /// The thread's figures of scopes.
    #[inline(always)]
    pub(crate) fn scope_table(&self) -> Option<&ScopeTable> {
        // Acquire: pairs with the store of a new table.
        // SAFETY: a table is unmapped only by the drain thread, when its thread has ended.
        unsafe { self.state.scopes.load(Ordering::Acquire).as_ref() }
    }

    pub(crate) fn scope_table_slot(&self) -> &AtomicPtr<ScopeTable> {
        &self.state.scopes
    }

    pub(crate) fn ring(&self) -> Option<&Ring> {
        // SAFETY: a ring is unmapped only by `Ring::release_of`, when its thread has ended or all hooks are quiet.
        unsafe { self.state.ring.load(Ordering::Acquire).as_ref() }
    }

    /// Lets go of the ring, unmapped or not, and of its mark.
    pub(crate) fn forget_ring(&self) {
        self.state.ring.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.shared.dirty.store(false, Ordering::Relaxed);
    }

    pub(crate) fn ring_slot(&self) -> &AtomicPtr<Ring> {
        &self.state.ring
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
        assert_eq!(size_of::<ThreadRecord>() % 64, 0);
        assert_eq!(align_of::<ThreadRecord>(), 64);
        for offset in [
            offset_of!(ThreadRecord, state),
            offset_of!(ThreadRecord, shared),
            offset_of!(ThreadRecord, identity),
        ] {
            assert_eq!(offset % 64, 0);
        }
    }
}
