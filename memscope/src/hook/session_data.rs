//! What hooks use of the active session, and how they get at it.

use crate::arena::Arena;
use crate::live::LiveTable;
use crate::ring::Ring;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use crate::thread::{InHook, ThreadRecord};
use crate::unwind::Unwinder;
use core::ptr::NonNull;

/// What hooks use of the active session.
pub(crate) struct SessionData {
    pub(crate) live: LiveTable,
    pub(crate) unwinder: Unwinder,
    /// Records whose ring holds something, as a stack.
    pub(crate) dirty: AtomicPtr<ThreadRecord>,
    pub(crate) lost_table: AtomicU64,
    pub(crate) lost_table_bytes: AtomicU64,
    pub(crate) missed_stacks: AtomicU64,
    /// Exact mode: a full ring stayed full for too long.
    pub(super) waited_in_vain: AtomicBool,
    /// Where rings are, if they are to outlive the process.
    pub(crate) arena: Option<Arena>,
}

impl SessionData {
    pub(crate) fn new(live: LiveTable, unwinder: Unwinder) -> Self {
        Self {
            live,
            unwinder,
            dirty: AtomicPtr::new(core::ptr::null_mut()),
            lost_table: AtomicU64::new(0),
            lost_table_bytes: AtomicU64::new(0),
            missed_stacks: AtomicU64::new(0),
            waited_in_vain: AtomicBool::new(false),
            arena: None,
        }
    }

    /// Takes back a ring of the arena's that nobody uses; `false` where it is none.
    pub(crate) fn take_back(&self, ring: NonNull<Ring>) -> bool {
        self.arena.as_ref().is_some_and(|arena| arena.take_back(ring))
    }
}

static SESSION: AtomicPtr<SessionData> = AtomicPtr::new(core::ptr::null_mut());

/// Sets what hooks use, before they are switched on; returns what was there.
pub(crate) fn set_session_data(data: *mut SessionData) -> *mut SessionData {
    SESSION.swap(data, Ordering::SeqCst)
}

/// The session's data, for as long as `_in_hook` lives.
pub(super) fn session_data(_in_hook: &InHook) -> Option<&SessionData> {
    // SAFETY: non-null only while the data lives; a session frees it only after the hooks are off and no `InHook` that
    // saw them on is left (`registry::wait_until_quiet`).
    unsafe { SESSION.load(Ordering::Acquire).as_ref() }
}
