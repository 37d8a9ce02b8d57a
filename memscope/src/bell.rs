//! The drain thread's sleep, and the bell that ends it.
//!
//! While there are samples the drain thread comes by at every tick and needs no bell. While there are none it lies down until other
//! work is due, and the hook that leaves the first sample rings: one system call, once a sleep. A ring is never lost:
//!
//! ```text
//! drain thread: state = ASLEEP; fence; nothing there? -> wait while state is ASLEEP
//! hook:         leaves a sample; fence; state ASLEEP?  -> state = AWAKE; wake
//! ```
//!
//! Of the two fences one comes first: either the drain thread sees the sample, or the hook sees it asleep.

use crate::sync::{AtomicU32, Ordering, fence};
use crate::sys;
use core::time::Duration;

/// At work, or woken.
const AWAKE: u32 = 0;
/// Waiting for the next tick: not to be rung for a sample.
const TICKING: u32 = 1;
/// To be rung.
const ASLEEP: u32 = 2;

pub(crate) struct Bell {
    state: AtomicU32,
}

/// The drain thread's: there is one at a time.
#[cfg(not(loom))]
pub(crate) static BELL: Bell = Bell::new();

impl Bell {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { state: AtomicU32::new(AWAKE) }
    }

    /// A model checker's atomics are not made by the compiler.
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { state: AtomicU32::new(AWAKE) }
    }

    /// Tells of a sample that was left. Wait-free but for the system call where the drain thread sleeps.
    pub(crate) fn ring(&self) {
        // SeqCst: pairs with the fence in `wait`.
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Relaxed) == ASLEEP && self.state.swap(AWAKE, Ordering::Release) != AWAKE
        {
            sys::futex_wake(&self.state);
        }
    }

    /// Tells of a ring that fills up: the drain thread comes before its next tick. At most one system call for each of its rounds.
    #[cold]
    pub(crate) fn hurry(&self) {
        if self.state.load(Ordering::Relaxed) != AWAKE {
            self.interrupt();
        }
    }

    /// Wakes the drain thread whatever it waits for.
    pub(crate) fn interrupt(&self) {
        fence(Ordering::SeqCst);
        // Release: for the exchange in `wait`.
        if self.state.swap(AWAKE, Ordering::Release) != AWAKE {
            sys::futex_wake(&self.state);
        }
    }

    /// Waits for `limit`, for [`Bell::interrupt`], or where `until_rung` for [`Bell::ring`]; not at all where `has_work` says so
    /// once it could be told otherwise.
    pub(crate) fn wait(&self, limit: Duration, until_rung: bool, has_work: impl Fn() -> bool) {
        let state = if until_rung { ASLEEP } else { TICKING };
        // An exchange rather than a store, which would do: so the model checker too knows that it comes after a hook's.
        self.state.swap(state, Ordering::AcqRel);
        // SeqCst: pairs with the fences of `ring` and `interrupt`.
        fence(Ordering::SeqCst);
        if !has_work() {
            sys::futex_wait(&self.state, state, limit);
        }
        self.state.store(AWAKE, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::AtomicU64;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn no_ring_is_lost() {
        static OURS: Bell = Bell::new();
        static LEFT: AtomicU64 = AtomicU64::new(0);
        const ROUNDS: u64 = 20_000;
        let start = Instant::now();
        let hook = std::thread::spawn(|| {
            for round in 1..=ROUNDS {
                LEFT.store(round, Ordering::Relaxed);
                OURS.ring();
                if round % 7 == 0 {
                    std::thread::yield_now();
                }
            }
        });
        let mut seen = 0;
        while seen < ROUNDS {
            OURS.wait(LONG, true, || LEFT.load(Ordering::Relaxed) != seen);
            seen = LEFT.load(Ordering::Relaxed);
        }
        hook.join().expect("no panic");
        assert!(start.elapsed() < LONG, "slept through a ring");
    }

    #[test]
    fn a_tick_is_only_ended_by_an_interrupt() {
        let bell = Bell::new();
        let start = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| bell.wait(LONG, false, || false));
            while bell.state.load(Ordering::Relaxed) != TICKING {
                std::thread::yield_now();
            }
            bell.ring();
            assert_eq!(bell.state.load(Ordering::Relaxed), TICKING, "not rung");
            bell.interrupt();
            waiting.join().expect("no panic");
        });
        assert!(start.elapsed() < LONG);
    }
}
