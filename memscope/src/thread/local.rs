//! From a thread to its record, and the re-entrancy guard.
//!
//! The fast path knows no record, only the thread's [`meter`](super::meter). It is at rest while the thread has no record yet, has none any
//! more, or is [`Busy`] with memscope's own work: then every event takes the slow path, which asks [`event`] whose it is. So the guard costs
//! the fast path nothing.
//!
//! The slots here are `const`-initialised and have no destructor: they can be used before `main`, in other destructors and after
//! them. That a thread ends is told by a key of the operating system's, whose destructor runs after all of Rust's; what
//! the thread does after that counts in [`LATE`].

use super::meter::{self, AT_REST};
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
    record: Cell<Option<&'static ThreadRecord>>,
    busy: Cell<bool>,
    ended: Cell<bool>,
}

thread_local! {
    static LOCAL: Local =
        const { Local { record: Cell::new(None), busy: Cell::new(false), ended: Cell::new(false) } };
}

/// Whose event has come to the slow path.
pub(crate) enum Event {
    /// The thread's: it has been charged.
    Charged(&'static ThreadRecord),
    /// The thread's, whose account has been started just now: it is to be charged anew.
    Uncharged(&'static ThreadRecord),
    /// Memscope's own: it counts as nobody's.
    Busy,
    /// Of a thread that has no record any more, or never got one: it counts in [`LATE`].
    Late,
}

/// Finds out whose the event is that found the slow path due, and gets the thread ready to be charged.
pub(crate) fn event() -> Event {
    if is_busy() {
        return Event::Busy;
    }
    match record() {
        Some(record) if record.account.is_running() => Event::Charged(record),
        Some(record) => {
            // Starts the account. Under its lock, for a session that is just starting may be at it; and busy, so that a signal handler keeps off.
            drop(Busy::enter());
            Event::Uncharged(record)
        }
        None => match record_or_register() {
            Some(record) => Event::Uncharged(record),
            None => {
                meter::own().set(AT_REST);
                Event::Late
            }
        },
    }
}

/// The calling thread's record; `None` before its first event, after its end, and while it is busy.
pub(crate) fn record() -> Option<&'static ThreadRecord> {
    LOCAL.with(|local| if local.busy.get() { None } else { local.record.get() })
}

/// The calling thread's record, also while it is busy.
pub(crate) fn record_or_busy() -> Option<&'static ThreadRecord> {
    LOCAL.with(|local| local.record.get())
}

/// Does a small step with the record of the calling thread, if its account is running (the thread's event has been charged); whether the step
/// was all there was to do. Meanwhile the thread is busy, though its account runs on: what a signal handler does then is charged, and
/// finds nothing due.
#[inline(always)]
pub(crate) fn while_running(step: impl FnOnce(&'static ThreadRecord) -> bool) -> bool {
    LOCAL.with(|local| {
        let record = local.record.get().filter(|record| record.account.is_running() && !local.busy.get());
        let Some(record) = record else { return false };
        local.busy.set(true);
        compiler_fence(Ordering::SeqCst);
        let is_done = step(record);
        compiler_fence(Ordering::SeqCst);
        local.busy.set(false);
        if is_done {
            look_again(record);
        }
        is_done
    })
}

/// The thread was busy until just now. A signal handler that came between the account's start and that may have run a countdown
/// out and been passed over, and the fast path tells of that but once: it is made due again.
#[inline(always)]
fn look_again(record: &'static ThreadRecord) {
    if record.account.has_run_out() {
        drop(InHook::enter(Some(record)));
    }
}

/// The calling thread's record, made if it has none yet; `None` while busy, after the thread's end, or when no record is to be
/// had.
pub(crate) fn record_or_register() -> Option<&'static ThreadRecord> {
    record().or_else(|| {
        let may_register = LOCAL.with(|local| !local.busy.get() && !local.ended.get());
        if may_register { register() } else { None }
    })
}

#[cold]
fn register() -> Option<&'static ThreadRecord> {
    let busy = Busy::enter();
    // Without word of the thread's end its meter could not be read safely: it goes without a record.
    let key = EXIT_KEY.load(Ordering::Relaxed).checked_sub(1)?;
    let record = registry::register()?;
    if !sys::set_exit_key(key, core::ptr::from_ref(record).cast_mut().cast()) {
        LOCAL.with(|local| local.ended.set(true));
        record.shared.life.store(ENDED, Ordering::Release);
        return None;
    }
    LOCAL.with(|local| local.record.set(Some(record)));
    // Starts the account.
    drop(busy);
    Some(record)
}

/// Whether memscope itself is at work on this thread.
pub(crate) fn is_busy() -> bool {
    LOCAL.with(|local| local.busy.get())
}

/// While it lives, allocations and frees of this thread pass by the hook. May be nested.
pub(crate) struct Busy {
    outermost: bool,
    _not_send: PhantomData<*const ()>,
}

impl Busy {
    pub(crate) fn enter() -> Self {
        LOCAL.with(|local| {
            let outermost = !local.busy.replace(true);
            // A signal handler that comes in between finds a busy thread: what it allocates is nobody's.
            compiler_fence(Ordering::SeqCst);
            if outermost && let Some(record) = local.record.get() {
                let _locked = record.account.lock();
                record.account.stop();
            }
            Self { outermost, _not_send: PhantomData }
        })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.outermost {
            LOCAL.with(|local| {
                match local.record.get() {
                    Some(record) => {
                        let _locked = record.account.lock();
                        record.account.start();
                    }
                    None => meter::own().set(AT_REST),
                }
                compiler_fence(Ordering::SeqCst);
                local.busy.set(false);
                local.record.get().into_iter().for_each(look_again);
            });
        }
    }
}

/// The slow path's guard: busy, and marked as a user of the session's data, which the session does not take away while
/// any mark stands.
pub(crate) struct InHook {
    record: Option<&'static ThreadRecord>,
    _not_send: PhantomData<*const ()>,
}

impl InHook {
    /// `None` when the thread is busy already or the session has ended meanwhile. `record` is `None` for a thread that
    /// has ended its thread-local life. The account is stopped, without its lock: a session that starts waits for the mark.
    pub(crate) fn enter(record: Option<&'static ThreadRecord>) -> Option<Self> {
        if LOCAL.with(|local| local.busy.replace(true)) {
            return None;
        }
        compiler_fence(Ordering::SeqCst);
        match record {
            Some(record) => record.state.in_hook.store(true, Ordering::SeqCst),
            None => _ = LATE_IN_HOOK.fetch_add(1, Ordering::SeqCst),
        }
        if control::is_active_behind_mark() {
            record.into_iter().for_each(|record| record.account.stop());
            return Some(Self { record, _not_send: PhantomData });
        }
        // The next session may have seen to this account already: what was due stays due. Under the lock, for it may be at it now.
        record.into_iter().for_each(|record| record.account.make_due());
        Self::leave(record);
        None
    }

    /// The account has been started; the thread is its own again.
    fn leave(record: Option<&'static ThreadRecord>) {
        // Release: what the hook did with the session's data happened before the session may free it.
        match record {
            Some(record) => record.state.in_hook.store(false, Ordering::Release),
            None => {
                meter::own().set(AT_REST);
                LATE_IN_HOOK.fetch_sub(1, Ordering::Release);
            }
        }
        compiler_fence(Ordering::SeqCst);
        LOCAL.with(|local| local.busy.set(false));
    }

    /// The thread's id in the trace; 0 after its thread-local life.
    pub(crate) fn thread_id(&self) -> u32 {
        self.record.map_or(0, ThreadRecord::id)
    }
}

impl Drop for InHook {
    fn drop(&mut self) {
        self.record.into_iter().for_each(|record| record.account.start());
        Self::leave(self.record);
        self.record.into_iter().for_each(look_again);
    }
}

/// In the child of a fork: whoever was at the account of the thread that lives on is not in this process.
pub(crate) fn after_fork() {
    if let Some(record) = LOCAL.with(|local| local.record.get()) {
        record.account.break_lock();
    }
}

/// In the child of a fork, before its first session: of the threads that have records only the calling one is there.
pub(crate) fn forget_other_threads() {
    let own = LOCAL.with(|local| local.record.get());
    registry::for_each(|record| {
        record.forget_ring();
        record.state.in_hook.store(false, Ordering::Relaxed);
        if own.is_some_and(|own| core::ptr::eq(record, own)) {
            record.identity.os_id.store(sys::thread_id(), Ordering::Relaxed);
        } else {
            // The meter is in memory of a thread that is not in this process.
            record.account.abandon();
            record.shared.life.store(ENDED, Ordering::Release);
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
    // SAFETY: the value was set to this thread's record, which lives in memory that is never unmapped.
    let record: &'static ThreadRecord = unsafe { &*record.cast::<ThreadRecord>() };
    LOCAL.with(|local| {
        // Busy until the account is stopped: a signal handler would take the meter for that of a thread without a record.
        let was_busy = local.busy.replace(true);
        compiler_fence(Ordering::SeqCst);
        let locked = record.account.lock();
        // From here on nobody reads the meter, which is this thread's memory.
        record.account.stop();
        drop(locked);
        local.ended.set(true);
        local.record.set(None);
        meter::own().position.clear();
        meter::own().set(AT_REST);
        compiler_fence(Ordering::SeqCst);
        local.busy.set(was_busy);
    });
    if control::is_active() && record.epoch().generation() == control::generation() {
        crate::hook::live::publish(record.take_last_unpublished());
    }
    for (byte, value) in record.identity.name.iter().zip(sys::thread_name()) {
        byte.store(value, Ordering::Relaxed);
    }
    // Release: the figures and the name are visible to the sweep that sees this.
    record.shared.life.store(ENDED, Ordering::Release);
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::hook;
    use crate::sync::AtomicBool;
    use crate::unwind::Registers;
    use memscope_trace::AllocationKind;

    /// Whether the slow path was due; taken, as the allocator does.
    fn allocate() -> bool {
        let is_due = meter::charge_allocation(meter::offset(), 8);
        if is_due {
            hook::allocated(0x1000 as *mut u8, 8, AllocationKind::Alloc, &Registers::capture());
        }
        is_due
    }

    extern "C" fn handler(_: libc::c_int) {
        allocate();
    }

    /// In exact mode every allocation is due. A signal handler allocates at any time, just before the thread is its own again
    /// above all: the next allocation is due all the same.
    #[test]
    fn a_signal_handler_that_allocates_leaves_no_countdown_run_out() {
        prepare_exit_key();
        let record = record_or_register().expect("a record");
        record.begin_session_from_outside();
        // SAFETY: the handler neither allocates nor locks; nobody else in the tests uses this signal.
        let (thread, before) = unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            let mut before: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = handler as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, &mut before), 0);
            (libc::pthread_self(), before)
        };
        let done = AtomicBool::new(false);
        let (mut rounds, mut passed_over) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    // SAFETY: the thread waits for this one at the end of the scope.
                    unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
                }
                done.store(true, Ordering::Release);
            });
            while !done.load(Ordering::Acquire) {
                drop(Busy::enter());
                rounds += 1;
                passed_over += u32::from(!allocate());
            }
        });
        // SAFETY: what was there before.
        unsafe { libc::sigaction(libc::SIGUSR1, &before, core::ptr::null_mut()) };
        assert_eq!(passed_over, 0, "of {rounds}");
    }
}
