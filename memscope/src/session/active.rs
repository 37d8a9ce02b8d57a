//! The one session of the process, and what happens to it when the process exits or forks.

use super::Running;
use crate::control;
use crate::sys;
use crate::thread::Busy;
use memscope_trace::EndReason;
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
    if !control::is_active() {
        return;
    }
    let _busy = Busy::enter();
    // Where another thread is starting or ending a session, it is not ours to end.
    let Ok(slot) = ACTIVE.try_lock() else { return };
    if let Some(running) = slot.as_ref()
        && running.process_id == sys::process_id()
    {
        running.drain.stop(EndReason::ProcessExit, Some(EXIT_LIMIT));
    }
}

/// In the child of a fork: it has no drain thread, and its parent's trace is not its own.
pub(crate) unsafe extern "C" fn forked_child() {
    control::switch_off();
}
