//! The session's end of the drain thread: starts it, asks it to end, waits for it.

use super::thread::{Drain, Outcome, Setup};
use crate::bell::BELL;
use crate::control;
use crate::sys;
use crate::thread::Busy;
use memscope_trace::EndReason;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What both ends know.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    started: bool,
    stop: Option<EndReason>,
    outcome: Option<Outcome>,
    ended: bool,
}

impl Shared {
    /// Why the thread is to end, if it is.
    pub(super) fn stop(&self) -> Option<EndReason> {
        self.lock().stop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of those who wait for the thread, however it ends.
struct EndedOnDrop<'a>(&'a Shared);

impl Drop for EndedOnDrop<'_> {
    fn drop(&mut self) {
        // Had the thread panicked, the hooks would fill rings that nobody empties.
        control::switch_off();
        let mut state = self.0.lock();
        state.started = true;
        state.ended = true;
        self.0.changed.notify_all();
    }
}

/// The drain thread's heap may grow by so much before it asks the operating system again, in pieces that an allocator takes from its heap.
const PIECES: usize = 40;
const PIECE_BYTES: usize = 96 * 1024;

/// Has the allocator take address space for the thread. glibc's heap of a thread else grows a page at a time, by a system call that waits for
/// whatever the program's threads are doing to the process's mappings: up to 18 ms (under strace) where they map and unmap much.
fn grow_heap_beforehand() {
    let mut pieces: [Vec<u8>; PIECES] = [const { Vec::new() }; PIECES];
    for piece in &mut pieces {
        // Where there is none, the thread will see when it needs it.
        if piece.try_reserve_exact(PIECE_BYTES).is_err() {
            break;
        }
    }
    std::hint::black_box(&pieces);
}

/// The session's end of the drain thread.
pub(crate) struct Handle {
    shared: Arc<Shared>,
    join: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    /// Starts the thread and waits until it is ready: the hooks may be switched on then.
    pub(crate) fn start(setup: Setup) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let spawn = || {
            std::thread::Builder::new().name("memscope-drain".into()).spawn(move || {
                // For life: the thread's own ends and frees come after this closure.
                std::mem::forget(Busy::enter());
                sys::ask_for_short_turns();
                grow_heap_beforehand();
                let _ended = EndedOnDrop(&theirs);
                let mut drain = Drain::new(setup);
                theirs.lock().started = true;
                theirs.changed.notify_all();
                let outcome = drain.run(&theirs);
                theirs.lock().outcome = Some(outcome);
            })
        };
        let join = sys::with_signals_blocked(spawn)?;
        let mut state = shared.lock();
        while !state.started {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let ended_at_once = state.ended;
        drop(state);
        if ended_at_once {
            return Err(io::Error::other("the drain thread ended as it began"));
        }
        Ok(Self { shared, join: Mutex::new(Some(join)) })
    }

    /// Asks the thread to write the end, and waits for it. `None` if it has been stopped before, or has panicked.
    pub(crate) fn stop(&self) -> Option<Outcome> {
        let mut state = self.ask(EndReason::Finalized);
        while !state.ended {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let outcome = state.outcome.take();
        drop(state);
        let join = self.join.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread has nothing left to do; a panic of it would have left no outcome.
        join.map(JoinHandle::join);
        outcome
    }

    /// The process exits: asks for the end, if nobody has yet, and waits for it, but not long.
    pub(crate) fn stop_at_exit(&self, limit: Duration) {
        let state = self.ask(EndReason::ProcessExit);
        // What a finalizing thread waits for is left to it.
        drop(self.shared.changed.wait_timeout_while(state, limit, |state| !state.ended));
    }

    fn ask(&self, reason: EndReason) -> MutexGuard<'_, State> {
        let mut state = self.shared.lock();
        state.stop.get_or_insert(reason);
        BELL.interrupt();
        state
    }
}
