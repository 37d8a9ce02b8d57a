//! The one session of the process, and what happens to it when the process exits or forks.

use super::Running;
use crate::control;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};
use crate::sys;
use crate::thread::Busy;
use core::cell::UnsafeCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

static ACTIVE: Mutex<Option<Arc<Running>>> = Mutex::new(None);

/// The longest that an exiting process waits for the trace's end.
const EXIT_LIMIT: Duration = Duration::from_millis(200);

pub(crate) fn lock() -> MutexGuard<'static, Option<Arc<Running>>> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `exit` was called or `main` returned: the drain thread writes what there is.
pub(crate) extern "C" fn process_exits() {
    let _busy = Busy::enter();
    // Where another thread is starting or ending a session, it is not ours to end.
    let Ok(slot) = ACTIVE.try_lock() else { return };
    if let Some(running) = slot.as_ref()
        && running.process_id == sys::process_id()
    {
        running.drain.stop_at_exit(EXIT_LIMIT);
    }
}

/// The longest that a fork waits for a thread that is starting or ending a session.
const FORK_LIMIT_NS: u64 = 200_000_000;

/// The lock of [`ACTIVE`] while a thread forks: a child in which a thread has it that is not there could never start a session.
struct Held {
    by: AtomicUsize,
    guard: UnsafeCell<Option<MutexGuard<'static, Option<Arc<Running>>>>>,
}

// SAFETY: the guard is only touched by the thread that has the lock: it puts it in, and takes it out after the fork.
unsafe impl Sync for Held {}

static HELD: Held = Held { by: AtomicUsize::new(0), guard: UnsafeCell::new(None) };

/// A thread is about to fork. Waits until no other is starting or ending a session; not for ever, for that one may be waiting for the loader's lock, and
/// this one have it.
pub(crate) unsafe extern "C" fn before_fork() {
    let start_ns = sys::monotonic_ns();
    let guard = loop {
        match ACTIVE.try_lock() {
            Ok(guard) => break guard,
            Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
        if sys::monotonic_ns().saturating_sub(start_ns) > FORK_LIMIT_NS {
            return;
        }
        sys::pause();
    };
    // SAFETY: this thread has the lock.
    unsafe { *HELD.guard.get() = Some(guard) };
    HELD.by.store(sys::thread_handle(), Ordering::Relaxed);
}

/// The fork is done, or has failed.
pub(crate) unsafe extern "C" fn after_fork_in_parent() {
    let_go();
}

fn let_go() {
    if HELD.by.load(Ordering::Relaxed) == sys::thread_handle() {
        HELD.by.store(0, Ordering::Relaxed);
        // SAFETY: `before_fork` has given this thread the lock.
        drop(unsafe { (*HELD.guard.get()).take() });
    }
}

/// In the child of a fork: it has no drain thread, and its parent's trace is not its own.
pub(crate) unsafe extern "C" fn forked_child() {
    let_go();
    control::switch_off();
    crate::thread::local::after_fork();
    FORKED.store(true, Ordering::Relaxed);
}

/// Set in a child until it starts a session of its own.
static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether this process was forked from one with sessions, and has had none of its own.
pub(crate) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Makes a forked child ready for a session of its own: what it has of its parent's threads and session is given up.
pub(crate) fn after_fork(slot: &mut Option<Arc<Running>>) {
    if FORKED.swap(false, Ordering::Relaxed) {
        crate::thread::local::forget_other_threads();
    }
    if slot.as_ref().is_some_and(|running| running.process_id != sys::process_id()) {
        // Not dropped: the drain thread that it would detach or join is not in this process.
        std::mem::forget(slot.take());
    }
}
