//! The scopes that a thread is in.
//!
//! Entering a scope writes a frame: its row, and the time. Most scopes are left before the thread has allocated or freed anything more; then
//! there is nothing to add but a call and its time. So the thread's exact counters are not read at each edge of a scope, but only where they have
//! moved: its meter counts allocations down and frees up, and one subtraction tells whether it shows what it showed at the last edge
//! ([`Position::seen`]).
//!
//! ```text
//! frames   0   1   2   3   4            0 stands for "outside any scope"
//!                  ^       ^
//!            stamped       top
//! ```
//!
//! Where the counters have moved, all frames above `stamped` were entered since they were read last: they are *stamped* with what was read then,
//! and the counters are read anew. A stamped frame takes the difference when it is left, and adds it to what the frame outside knows of
//! scopes that have ended inside it; the rest is its own.
//!
//! Guards may be dropped in any order. A frame that is left while others stand on it is *closed*: it counts without what those
//! have done so far, which goes to the next open frame outside, when they are left. So each figure stays exact; that it happened is counted, since
//! it is mostly a mistake. A guard that is leaked leaves its frame open, and the thread in its scope.
//!
//! All is atomics with plain loads and stores, for the table that the frames are a part of is looked at by the drain thread too.

use super::table::Row;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Counter, Ordering};
use core::ptr;
use core::sync::atomic::compiler_fence;

/// Scopes that a thread may be in at once. What is entered deeper counts for the scope around it.
pub(super) const DEEPEST: usize = 8192;

/// Guards that were dropped out of order, in all sessions.
static OUT_OF_ORDER: AtomicU64 = AtomicU64::new(0);

/// Guards that were dropped out of order since the process started.
pub(crate) fn out_of_order() -> u64 {
    OUT_OF_ORDER.load(Ordering::Relaxed)
}

/// What [`Position::seen`] is where the meter was set since: it shows no such number.
pub(crate) const NEVER: u64 = 1 << 63;

/// Where a thread is among its scopes: a part of its meter's cache line. Null until it enters one, and after its end.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Position {
    /// Allocations left minus frees when the counters were read last.
    pub(crate) seen: AtomicU64,
    /// The innermost frame.
    pub(super) top: AtomicPtr<Frame>,
    /// The innermost frame that is stamped.
    pub(super) stamped: AtomicPtr<Frame>,
    /// Where the frames end and the rows begin. Null also where each edge has to take the slow path.
    pub(super) end: AtomicPtr<Frame>,
}

impl Position {
    #[allow(dead_code)] // Not where the assembly lays the meters out.
    pub(crate) const fn new() -> Self {
        Self {
            seen: AtomicU64::new(NEVER),
            top: AtomicPtr::new(ptr::null_mut()),
            stamped: AtomicPtr::new(ptr::null_mut()),
            end: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The thread ends, and its frames with it.
    pub(crate) fn clear(&self) {
        self.end.store(ptr::null_mut(), Ordering::Relaxed);
        self.stamped.store(ptr::null_mut(), Ordering::Relaxed);
        self.top.store(ptr::null_mut(), Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn top(&self) -> *mut Frame {
        self.top.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn stamped(&self) -> *mut Frame {
        self.stamped.load(Ordering::Relaxed)
    }

    /// The innermost scope's id; 0 outside any.
    pub(crate) fn scope_id(&self) -> u32 {
        // SAFETY: a frame of the thread's own table, or null.
        unsafe { self.top().as_ref() }.and_then(Frame::row).map_or(0, Row::id)
    }
}

/// Four counters: allocations, bytes, frees, bytes freed.
pub(super) type Four = [u64; 4];

#[inline(always)]
pub(super) fn minus(one: Four, other: Four) -> Four {
    [0, 1, 2, 3].map(|at| one[at].wrapping_sub(other[at]))
}

/// One open scope. Zeroed, it is closed.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Frame {
    /// Null where it is closed.
    row: AtomicPtr<Row>,
    pub(super) ticks: Counter,
    /// The path of the scope, whatever has become of its row; 0 outside any.
    path: AtomicU32,
    /// The thread's counters at entry, once it is stamped.
    at_entry: [Counter; 4],
    /// What the scopes have done that have ended inside, once it is stamped.
    inner: [Counter; 4],
}

impl Frame {
    #[inline(always)]
    pub(super) fn set_row(&self, row: *mut Row) {
        self.row.store(row, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn path(&self) -> u32 {
        self.path.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn set_path(&self, path: u32) {
        self.path.store(path, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn row_address(&self) -> *mut Row {
        self.row.load(Ordering::Relaxed)
    }

    /// The scope's row; `None` where the frame is closed.
    #[inline(always)]
    pub(super) fn row(&self) -> Option<&Row> {
        // SAFETY: a row of the table that the frame is a part of, or null.
        unsafe { self.row_address().as_ref() }
    }

    #[inline(always)]
    pub(super) fn stamp(&self, at_entry: Four) {
        self.at_entry.iter().zip(at_entry).for_each(|(counter, value)| counter.set(value));
        self.inner.iter().for_each(|counter| counter.set(0));
    }

    #[inline(always)]
    pub(super) fn since_entry(&self, now: Four) -> Four {
        minus(now, self.at_entry.each_ref().map(Counter::get))
    }

    #[inline(always)]
    pub(super) fn inner(&self) -> Four {
        self.inner.each_ref().map(Counter::get)
    }

    #[inline(always)]
    pub(super) fn add_inner(&self, done: Four) {
        self.inner.iter().zip(done).for_each(|(counter, value)| counter.add(value));
    }
}

/// What a scope has done that is left.
pub(super) struct Done<'a> {
    /// Its row; `None` where it belongs to a session that is over.
    pub(super) row: Option<&'a Row>,
    /// The scope that it was entered from.
    pub(super) parent: u32,
    pub(super) all: Four,
    pub(super) inner: Four,
    pub(super) ticks: u64,
}

/// The frames of a thread, with the rows behind them.
pub(super) struct Stack<'a> {
    pub(super) position: &'a Position,
    /// Frame 0.
    pub(super) outside: *mut Frame,
    /// The thread's counters when they were read last.
    pub(super) totals: &'a [Counter; 4],
}

impl Stack<'_> {
    #[inline(always)]
    fn frame(&self, at: *mut Frame) -> &Frame {
        // SAFETY: only frames of the thread's table are asked for.
        unsafe { &*at }
    }

    /// The path of the innermost scope.
    pub(super) fn path(&self) -> u32 {
        self.frame(self.position.top()).path()
    }

    #[inline(always)]
    pub(super) fn totals(&self) -> Four {
        self.totals.each_ref().map(Counter::get)
    }

    /// Stamps the frames above `stamped`, and takes `now` for the counters.
    #[inline(always)]
    pub(super) fn stamp_all(&self, now: Four) {
        let (top, before) = (self.position.top(), self.totals());
        let mut at = self.position.stamped();
        while at < top {
            at = at.wrapping_add(1);
            self.frame(at).stamp(before);
        }
        self.position.stamped.store(top, Ordering::Relaxed);
        self.totals.iter().zip(now).for_each(|(counter, value)| counter.set(value));
    }

    /// Frames that are open belong to a session that is over: what they do counts for nobody, in `nobodys` row.
    pub(super) fn forget_all(&self, nobodys: *mut Row) {
        let (mut at, top) = (self.outside, self.position.top());
        while at < top {
            at = at.wrapping_add(1);
            self.frame(at).set_path(0);
            if !self.frame(at).row_address().is_null() {
                self.frame(at).set_row(nobodys);
            }
        }
    }

    #[inline(always)]
    fn pop_to(&self, top: *mut Frame) {
        self.position.top.store(top, Ordering::Relaxed);
        if self.position.stamped() > top {
            self.position.stamped.store(top, Ordering::Relaxed);
        }
    }

    /// Leaves the scope at `at`, the counters having been read.
    #[inline(always)]
    pub(super) fn pop(&self, at: *mut Frame, ticks: u64) -> Done<'_> {
        let outer = at.wrapping_sub(1);
        if self.position.top() != at || self.frame(outer).row().is_none() {
            return self.pop_out_of_order(at, ticks);
        }
        let (frame, outer) = (self.frame(at), self.frame(outer));
        let (mut all, mut inner) = ([0; 4], [0; 4]);
        // Else nothing has happened inside.
        if at <= self.position.stamped() {
            (all, inner) = (frame.since_entry(self.totals()), frame.inner());
            outer.add_inner(all);
        }
        let ticks = ticks.saturating_sub(frame.ticks.get());
        let done = Done { row: frame.row(), parent: outer.row().map_or(0, Row::id), all, inner, ticks };
        // A signal handler that comes from here on may take the frame.
        compiler_fence(Ordering::SeqCst);
        self.pop_to(at.wrapping_sub(1));
        done
    }

    /// Leaves the scope at `at`, wherever it stands.
    #[cold]
    #[inline(never)]
    fn pop_out_of_order(&self, at: *mut Frame, ticks: u64) -> Done<'_> {
        let now = self.totals();
        self.stamp_all(now);
        let frame = self.frame(at);
        let mut outer = at.wrapping_sub(1);
        while outer > self.outside && self.frame(outer).row().is_none() {
            outer = outer.wrapping_sub(1);
        }
        let outer = self.frame(outer);
        let all = frame.since_entry(now);
        // The frames that stand on this one: what the first of them has done in all is not this one's own.
        let above = self.first_open_above(at).map_or([0; 4], |above| above.since_entry(now));
        let inner = frame.inner();
        let inner = [0, 1, 2, 3].map(|at| inner[at].wrapping_add(above[at]));
        outer.add_inner(minus(all, above));
        let row = frame.row();
        frame.set_row(ptr::null_mut());
        if at < self.position.top() {
            OUT_OF_ORDER.fetch_add(1, Ordering::Relaxed);
        }
        // Closed frames that nothing stands on are gone.
        let mut top = self.position.top();
        while top > self.outside && self.frame(top).row().is_none() {
            top = top.wrapping_sub(1);
        }
        let ticks = ticks.saturating_sub(frame.ticks.get());
        let done = Done { row, parent: outer.row().map_or(0, Row::id), all, inner, ticks };
        compiler_fence(Ordering::SeqCst);
        self.pop_to(top);
        done
    }

    fn first_open_above(&self, at: *mut Frame) -> Option<&Frame> {
        let mut above = at;
        while above < self.position.top() {
            above = above.wrapping_add(1);
            if self.frame(above).row().is_some() {
                return Some(self.frame(above));
            }
        }
        None
    }
}
