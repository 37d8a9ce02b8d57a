//! From a thread to its record, and the re-entrancy guard.
//!
//! The fast path loads one thread-local pointer. It is null while the thread has no record yet, has none any more, or is
//! [`Busy`] with memscope's own work: all three lead to a cold path that finds out which. So the guard costs the fast
//! path nothing.
//!
//! The slot is `const`-initialised and has no destructor: it can be used before `main`, in other destructors and after
//! them. That a thread ends is told by a key of the operating system's, whose destructor runs after all of Rust's; what
//! the thread does after that counts in [`LATE`].

use super::record::{ENDED, Figures, ThreadRecord};
use super::registry;
use crate::control;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::sys;
use core::cell::Cell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::sync::atomic::compiler_fence;

struct Local {
    record: Cell<*const ThreadRecord>,
    /// The same, also while busy.
    own: Cell<*const ThreadRecord>,
    busy: Cell<bool>,
    ended: Cell<bool>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            record: Cell::new(core::ptr::null()),
            own: Cell::new(core::ptr::null()),
            busy: Cell::new(false),
            ended: Cell::new(false),
        }
    };
}

/// The calling thread's record; null as the module says.
#[inline(always)]
pub(crate) fn record() -> *const ThreadRecord {
    LOCAL.with(|local| local.record.get())
}

/// The calling thread's record, made if it has none yet; `None` while busy, after the thread's end, or when no record is to be
/// had.
pub(crate) fn record_or_register() -> Option<&'static ThreadRecord> {
    // SAFETY: a non-null pointer is to a record of this thread, which lives in memory that is never unmapped.
    if let Some(record) = unsafe { record().as_ref() } {
        return Some(record);
    }
    if LOCAL.with(|local| local.busy.get() || local.ended.get()) {
        return None;
    }
    let mut busy = Busy::enter();
    let record = registry::register();
    if let Some(record) = record {
        // Leaving `busy` sets it: no signal handler finds the thread with neither.
        busy.record = record;
        LOCAL.with(|local| local.own.set(record));
        // Key 0 stands for "none": then the record is kept until the process ends, nothing worse.
        if let Some(key) = EXIT_KEY.load(Ordering::Relaxed).checked_sub(1) {
            sys::set_exit_key(key, core::ptr::from_ref(record).cast_mut().cast());
        }
    }
    record
}

/// Whether memscope itself is at work on this thread.
pub(crate) fn is_busy() -> bool {
    LOCAL.with(|local| local.busy.get())
}

/// While it lives, allocations and frees of this thread pass by the hook. May be nested.
pub(crate) struct Busy {
    record: *const ThreadRecord,
    outermost: bool,
    _not_send: PhantomData<*const ()>,
}

impl Busy {
    pub(crate) fn enter() -> Self {
        LOCAL.with(|local| {
            let outermost = !local.busy.replace(true);
            // A signal handler that comes in between sees a busy thread with or without its record: both are right.
            compiler_fence(Ordering::SeqCst);
            let record = if outermost { local.record.replace(core::ptr::null()) } else { core::ptr::null() };
            compiler_fence(Ordering::SeqCst);
            Self { record, outermost, _not_send: PhantomData }
        })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.outermost {
            LOCAL.with(|local| {
                compiler_fence(Ordering::SeqCst);
                local.record.set(self.record);
                compiler_fence(Ordering::SeqCst);
                local.busy.set(false);
            });
        }
    }
}

/// The slow path's guard: busy, and marked as a user of the session's data, which the session does not take away while
/// any mark stands.
pub(crate) struct InHook {
    record: Option<&'static ThreadRecord>,
    _busy: Busy,
}

impl InHook {
    /// `None` when the thread is busy already or the session has ended meanwhile. `record` is `None` for a thread that
    /// has ended its thread-local life.
    pub(crate) fn enter(record: Option<&'static ThreadRecord>) -> Option<Self> {
        if is_busy() {
            return None;
        }
        let guard = Self { record, _busy: Busy::enter() };
        match record {
            Some(record) => record.in_hook.store(true, Ordering::SeqCst),
            None => _ = LATE_IN_HOOK.fetch_add(1, Ordering::SeqCst),
        }
        control::is_active_fenced().then_some(guard)
    }

    /// The thread's id in the trace; 0 after its thread-local life.
    pub(crate) fn thread_id(&self) -> u32 {
        self.record.map_or(0, ThreadRecord::id)
    }
}

impl Drop for InHook {
    fn drop(&mut self) {
        // Release: what the hook did with the session's data happened before the session may free it.
        match self.record {
            Some(record) => record.in_hook.store(false, Ordering::Release),
            None => _ = LATE_IN_HOOK.fetch_sub(1, Ordering::Release),
        }
    }
}

/// In the child of a fork, before its first session: of the threads that have records only the calling one is there.
pub(crate) fn forget_other_threads() {
    let own = LOCAL.with(|local| local.own.get());
    registry::for_each(|record| {
        record.forget_ring();
        record.in_hook.store(false, Ordering::Relaxed);
        if core::ptr::eq(record, own) {
            record.identity.os_id.store(sys::thread_id(), Ordering::Relaxed);
        } else {
            record.shared.state.store(ENDED, Ordering::Release);
        }
    });
    LATE_IN_HOOK.store(0, Ordering::Relaxed);
}

static LATE_IN_HOOK: AtomicU32 = AtomicU32::new(0);

pub(crate) fn late_in_hook() -> bool {
    LATE_IN_HOOK.load(Ordering::SeqCst) != 0
}

/// Figures of events that belong to no record: from threads that have ended their thread-local life or found no record.
pub(crate) struct Late {
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
    frees: AtomicU64,
    freed_bytes: AtomicU64,
}

pub(crate) static LATE: Late = Late {
    allocations: AtomicU64::new(0),
    allocated_bytes: AtomicU64::new(0),
    frees: AtomicU64::new(0),
    freed_bytes: AtomicU64::new(0),
};

impl Late {
    pub(crate) fn allocated(&self, size: usize) {
        self.allocations.fetch_add(1, Ordering::Relaxed);
        self.allocated_bytes.fetch_add(size as u64, Ordering::Relaxed);
    }

    pub(crate) fn freed(&self, size: usize) {
        self.frees.fetch_add(1, Ordering::Relaxed);
        self.freed_bytes.fetch_add(size as u64, Ordering::Relaxed);
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            allocations: self.allocations.load(Ordering::Relaxed),
            allocated_bytes: self.allocated_bytes.load(Ordering::Relaxed),
            frees: self.frees.load(Ordering::Relaxed),
            freed_bytes: self.freed_bytes.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn reset(&self) {
        for counter in [&self.allocations, &self.allocated_bytes, &self.frees, &self.freed_bytes] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// Whether this event belongs to [`LATE`]: the thread is not busy and has no record.
pub(crate) fn is_late() -> bool {
    LOCAL.with(|local| !local.busy.get())
}

/// The key whose destructor tells that a thread ends, plus 1; 0 while there is none.
static EXIT_KEY: AtomicU32 = AtomicU32::new(0);

/// Creates the exit key once. Called by the first session, before the hooks are on.
pub(crate) fn prepare_exit_key() {
    if EXIT_KEY.load(Ordering::Relaxed) == 0
        && let Some(key) = sys::create_exit_key(thread_ends)
    {
        EXIT_KEY.store(key + 1, Ordering::Relaxed);
    }
}

/// The exit key's destructor.
unsafe extern "C" fn thread_ends(record: *mut c_void) {
    LOCAL.with(|local| {
        local.ended.set(true);
        local.record.set(core::ptr::null());
        local.own.set(core::ptr::null());
    });
    // SAFETY: the value was set to this thread's record, which lives in memory that is never unmapped.
    let record = unsafe { &*record.cast::<ThreadRecord>() };
    if control::is_active()
        && let Some(_in_hook) = InHook::enter(None)
        && record.generation.load(Ordering::Relaxed) == control::generation()
    {
        crate::hook::publish(record, true);
    }
    for (byte, value) in record.identity.name.iter().zip(sys::thread_name()) {
        byte.store(value, Ordering::Relaxed);
    }
    // Release: the figures and the name are visible to the sweep that sees this.
    record.shared.state.store(ENDED, Ordering::Release);
}
