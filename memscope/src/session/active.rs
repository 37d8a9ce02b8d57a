//! The one session of the process, and what happens to it when the process exits or forks.

use super::Running;
use crate::control;
use crate::sync::{AtomicBool, Ordering};
use crate::sys;
use crate::thread::Busy;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// In the child of a fork: it has no drain thread, and its parent's trace is not its own.
pub(crate) unsafe extern "C" fn forked_child() {
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
