//! The scopes that a thread is in.
//!
//! Entering one writes a frame: what the thread's counters showed. What a guard holds is the frame's number, so that it is handed
//! around in registers. Leaving takes the difference, and adds it to what the frame outside knows of scopes that have ended inside it; the rest
//! is its own.
//!
//! Guards may be dropped in any order. A frame that is left while others stand on it is *closed*: it counts without what those
//! have done so far, which goes to the next open frame outside, when they are left. So each figure stays exact; that it happened is counted, since
//! it is mostly a mistake. A guard that is leaked leaves its frame open, and the thread in its scope.
//!
//! Frame 0 stands for "outside any scope".

use crate::sync::{AtomicU64, Ordering};
use core::cell::Cell;
use core::sync::atomic::compiler_fence;

/// Scopes that a thread may be in at once. What is entered deeper counts for the scope around it.
const DEEPEST: usize = 8192;

/// The id of a frame that was left while others stood on it.
const CLOSED: u32 = u32::MAX;

/// Guards that were dropped out of order, in all sessions.
static OUT_OF_ORDER: AtomicU64 = AtomicU64::new(0);

/// Guards that were dropped out of order since the process started.
pub(crate) fn out_of_order() -> u64 {
    OUT_OF_ORDER.load(Ordering::Relaxed)
}

/// One open scope. Zeroed, it stands for none.
#[repr(C)]
struct Frame {
    id: Cell<u32>,
    generation: Cell<u32>,
    ticks: Cell<u64>,
    /// The thread's counters at entry: allocations, bytes, frees, bytes freed.
    at_entry: Cell<[u64; 4]>,
    /// What the scopes have done that have ended inside.
    inner: Cell<[u64; 4]>,
}

impl Frame {
    #[inline(always)]
    fn since_entry(&self, now: [u64; 4]) -> [u64; 4] {
        let at_entry = self.at_entry.get();
        [0, 1, 2, 3].map(|at| now[at].wrapping_sub(at_entry[at]))
    }

    #[inline(always)]
    fn add_inner(&self, done: [u64; 4]) {
        let inner = self.inner.get();
        self.inner.set([0, 1, 2, 3].map(|at| inner[at].wrapping_add(done[at])));
    }
}

/// What a scope has done that is left.
pub(super) struct Done {
    pub(super) id: u32,
    pub(super) generation: u32,
    /// The scope that the thread is in now.
    pub(super) back_in: u32,
    /// The scope that it was entered from.
    pub(super) parent: u32,
    pub(super) all: [u64; 4],
    pub(super) inner: [u64; 4],
    pub(super) ticks: u64,
}

/// The open scopes. Only its thread touches them, although others may look at the table that they are a part of.
#[repr(C)]
pub(crate) struct Stack {
    depth: Cell<u32>,
    frames: [Frame; DEEPEST],
}

impl Stack {
    #[inline(always)]
    fn frame(&self, depth: u32) -> &Frame {
        &self.frames[depth as usize % DEEPEST]
    }

    fn depth(&self) -> u32 {
        self.depth.get()
    }

    /// The id and session of an open scope.
    pub(super) fn scope_at(&self, depth: u32) -> (u32, u32) {
        let frame = self.frame(depth);
        (frame.id.get(), frame.generation.get())
    }

    /// Opens a frame; `None` where there are too many.
    #[inline(always)]
    pub(super) fn push(&self, id: u32, generation: u32) -> Option<u32> {
        let depth = self.depth() + 1;
        if depth as usize >= DEEPEST {
            return None;
        }
        self.depth.set(depth);
        // A signal handler that comes now takes the next frame.
        compiler_fence(Ordering::SeqCst);
        let frame = self.frame(depth);
        frame.id.set(id);
        frame.generation.set(generation);
        frame.inner.set([0; 4]);
        Some(depth)
    }

    /// From here on the scope counts.
    #[inline(always)]
    pub(super) fn begin(&self, depth: u32, now: [u64; 4], ticks: u64) {
        let frame = self.frame(depth);
        frame.at_entry.set(now);
        frame.ticks.set(ticks);
    }

    /// Leaves the scope at `depth`; `None` where that is not the innermost one, or stands on one that is closed.
    #[inline(always)]
    pub(super) fn pop(&self, depth: u32, now: [u64; 4], ticks: u64) -> Option<Done> {
        let (frame, outer) = (self.frame(depth), self.frame(depth.wrapping_sub(1)));
        let parent = outer.id.get();
        if self.depth() != depth || parent == CLOSED {
            return None;
        }
        let all = frame.since_entry(now);
        outer.add_inner(all);
        let done = Done {
            id: frame.id.get(),
            generation: frame.generation.get(),
            back_in: parent,
            parent,
            all,
            inner: frame.inner.get(),
            ticks: ticks.saturating_sub(frame.ticks.get()),
        };
        compiler_fence(Ordering::SeqCst);
        self.depth.set(depth.wrapping_sub(1));
        Some(done)
    }

    /// Leaves the scope at `depth`, wherever it stands.
    pub(super) fn pop_out_of_order(&self, depth: u32, now: [u64; 4], ticks: u64) -> Done {
        let frame = self.frame(depth);
        let mut outer_depth = depth.saturating_sub(1);
        while outer_depth > 0 && self.frame(outer_depth).id.get() == CLOSED {
            outer_depth -= 1;
        }
        let outer = self.frame(outer_depth);
        let all = frame.since_entry(now);
        let mut inner = frame.inner.get();
        // The frames that stand on this one: what the first of them has done in all is not this one's own.
        let above =
            (depth + 1..=self.depth()).map(|depth| self.frame(depth)).find(|frame| frame.id.get() != CLOSED);
        let inside = above.map_or([0; 4], |above| above.since_entry(now));
        for at in 0..4 {
            inner[at] = inner[at].wrapping_add(inside[at]);
        }
        outer.add_inner([0, 1, 2, 3].map(|at| all[at].wrapping_sub(inside[at])));
        let (id, generation) = self.scope_at(depth);
        frame.id.set(CLOSED);
        if depth < self.depth() {
            OUT_OF_ORDER.fetch_add(1, Ordering::Relaxed);
        }
        // Closed frames that nothing stands on are gone.
        while self.depth() > 0 && self.frame(self.depth()).id.get() == CLOSED {
            self.frame(self.depth()).id.set(0);
            self.depth.set(self.depth() - 1);
        }
        let back_in = self.frame(self.depth()).id.get();
        let ticks = ticks.saturating_sub(frame.ticks.get());
        Done { id, generation, back_in, parent: outer.id.get(), all, inner, ticks }
    }
}
