//! A thread's figures of its scopes.
//!
//! Each thread has a table with a row for each scope, mapped when it enters its first one; only its thread writes, with plain stores. The
//! drain thread sums the rows of all threads, and keeps the sums of those that have ended. So scopes that many threads
//! enter at once share no cache line.
//!
//! A row belongs to a session: the thread clears it when it enters the scope for the first time in a new one, and readers pass over rows of
//! other sessions. The memory that a row takes is only there once it is touched.
//!
//! The bytes of each call go into a log-linear histogram: four buckets to each power of two, so that a quantile is off by an eighth
//! at most (the idea of HdrHistogram).

use super::names::MOST_SCOPES;
use super::paths::{NO_PATH, PathRow, Paths};
use super::stack::{DEEPEST, Four, Frame, Position, Stack};
use super::{NEVER, clock};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Counter, Ordering};
use crate::sys;
use crate::thread::{ThreadRecord, local, meter};
use core::mem::offset_of;

/// Buckets of bytes for each call; the last one has everything from 7 GiB on.
pub(crate) const BUCKETS: usize = 128;

/// The bucket of a call that allocated so many bytes.
#[inline]
fn bucket(bytes: u64) -> usize {
    if bytes < 4 {
        return bytes as usize;
    }
    let power = bytes.ilog2();
    let quarter = (bytes >> (power - 2)) & 3;
    ((power as usize - 1) * 4 + quarter as usize).min(BUCKETS - 1)
}

/// The fewest bytes of a bucket's calls.
pub(crate) fn lower_bound(bucket: usize) -> u64 {
    match bucket as u64 {
        small @ ..4 => small,
        bucket => (4 + bucket % 4) << (bucket / 4 - 1),
    }
}

/// Declares a row's figures twice: as they are summed, and as they stand in a row.
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A scope's exact figures in this session.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub(crate) struct ScopeFigures {
            $($(#[$doc])* pub(crate) $name: u64,)*
            /// The most bytes that one call allocated.
            pub(crate) most_bytes: u64,
        }

        impl ScopeFigures {
            /// Time from the first poll of each call to its end. Of what is no call, or has not ended, the time inside.
            pub(crate) fn wall_ticks(&self) -> u64 {
                self.busy_ticks.wrapping_add(self.waited_ticks)
            }

            pub(crate) fn add(&mut self, other: Self) {
                $(self.$name = self.$name.wrapping_add(other.$name);)*
                self.most_bytes = self.most_bytes.max(other.most_bytes);
            }
        }

        /// One scope on one thread. What an empty visit touches comes first.
        #[repr(C, align(64))]
        pub(crate) struct Row {
            /// The session that the figures belong to.
            generation: AtomicU32,
            /// The scope; 0 where none has been entered, and in the row that stands for "outside any".
            id: AtomicU32,
            /// The scope that it was entered from; 0 for none. Noted when the row begins, and by each visit that was not empty.
            parent: AtomicU32,
            /// The path that it was entered on last: its number, that of the path around it, and how often it was put onto another.
            path: AtomicU32,
            above: AtomicU32,
            switches: AtomicU32,
            /// How often the thread is in the scope now.
            pub(super) depth: Counter,
            /// Calls, of one visit each, in which nothing was allocated or freed; and their time.
            empty_calls: Counter,
            empty_ticks: Counter,
            $($name: Counter,)*
            most_bytes: Counter,
            /// Calls by their bytes.
            sizes: [AtomicU32; BUCKETS],
        }

        impl Row {
            fn clear(&self) {
                $(self.$name.set(0);)*
                self.most_bytes.set(0);
                self.sizes.iter().for_each(|calls| calls.store(0, Ordering::Relaxed));
                self.depth.set(0);
                self.empty_calls.set(0);
                self.empty_ticks.set(0);
            }

            /// The figures, for any thread. One that is leaving the scope right now may have counted in some of them only.
            pub(crate) fn figures(&self) -> ScopeFigures {
                let mut figures = ScopeFigures { $($name: self.$name.get(),)* most_bytes: self.most_bytes.get() };
                let (calls, ticks) = (self.empty_calls.get(), self.empty_ticks.get());
                figures.calls = figures.calls.wrapping_add(calls);
                figures.polls = figures.polls.wrapping_add(calls);
                figures.busy_ticks = figures.busy_ticks.wrapping_add(ticks);
                figures
            }
        }
    };
}

figures! {
    /// Times that the scope was entered: calls, or polls of a future.
    polls,
    /// Time inside.
    busy_ticks,
    /// Calls that ended, however.
    calls,
    /// Calls of these whose future was dropped before it was done.
    cancelled,
    allocations,
    allocated_bytes,
    frees,
    freed_bytes,
    own_allocations,
    own_allocated_bytes,
    own_frees,
    own_freed_bytes,
    /// Time between the polls of calls that have ended: with the time inside it is that from the first poll of each to its end, and never less.
    waited_ticks,
}

impl Row {
    /// The session that the figures belong to.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u32 {
        // Acquire: pairs with `begin`; who finds the session finds the row cleared for it.
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn parent(&self) -> u32 {
        self.parent.load(Ordering::Relaxed)
    }

    /// The session, for the owning thread.
    #[inline(always)]
    pub(super) fn session(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn id(&self) -> u32 {
        self.id.load(Ordering::Relaxed)
    }

    /// Calls by their bytes: those of each bucket.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = u64> {
        let empty = core::iter::once(self.empty_calls.get()).chain(core::iter::repeat(0));
        self.sizes.iter().zip(empty).map(|(calls, empty)| u64::from(calls.load(Ordering::Relaxed)) + empty)
    }

    /// Clears the row for that session. From here on only the owning thread.
    #[cold]
    fn begin(&self, id: u32, parent: u32, generation: u32) {
        // Readers pass the row over while it is cleared.
        self.generation.store(0, Ordering::Relaxed);
        crate::sync::fence(Ordering::Release);
        self.clear();
        self.id.store(id, Ordering::Relaxed);
        self.parent.store(parent, Ordering::Relaxed);
        self.path.store(NO_PATH, Ordering::Relaxed);
        self.above.store(NO_PATH, Ordering::Relaxed);
        self.generation.store(generation, Ordering::Release);
    }

    /// The path that it was entered on last.
    #[inline(always)]
    pub(super) fn path(&self) -> u32 {
        self.path.load(Ordering::Relaxed)
    }

    /// The path around that.
    #[inline(always)]
    pub(super) fn above(&self) -> u32 {
        self.above.load(Ordering::Relaxed)
    }

    pub(super) fn set_above(&self, above: u32) {
        self.above.store(above, Ordering::Relaxed);
    }

    pub(super) fn switches(&self) -> u32 {
        self.switches.load(Ordering::Relaxed)
    }

    /// Puts it onto another path, whose figures are ready for that.
    pub(super) fn set_path(&self, path: u32) {
        // Release, both: pairs with `Path::figures`. Who sees figures of after the switch sees that it was switched.
        self.path.store(path, Ordering::Release);
        self.switches.store(self.switches().wrapping_add(1), Ordering::Relaxed);
        crate::sync::fence(Ordering::Release);
    }

    /// Adds an outermost visit in which nothing was allocated or freed; whether it was a whole call.
    #[inline(always)]
    pub(super) fn add_empty(&self, is_call: bool, ticks: u64) {
        let (count, time) =
            if is_call { (&self.empty_calls, &self.empty_ticks) } else { (&self.polls, &self.busy_ticks) };
        count.add(1);
        time.add(ticks);
    }

    /// Adds a visit; whether it was the outermost one.
    #[inline(always)]
    pub(super) fn leave(&self, parent: u32, all: Four, inner: Four, ticks: u64) -> bool {
        self.depth.add(1_u64.wrapping_neg());
        self.polls.add(1);
        self.own_allocations.add(all[0].wrapping_sub(inner[0]));
        self.own_allocated_bytes.add(all[1].wrapping_sub(inner[1]));
        self.own_frees.add(all[2].wrapping_sub(inner[2]));
        self.own_freed_bytes.add(all[3].wrapping_sub(inner[3]));
        if self.depth.get() != 0 {
            return false;
        }
        self.allocations.add(all[0]);
        self.allocated_bytes.add(all[1]);
        self.frees.add(all[2]);
        self.freed_bytes.add(all[3]);
        self.busy_ticks.add(ticks);
        self.parent.store(parent, Ordering::Relaxed);
        true
    }

    /// Adds a call that has ended: the bytes that it allocated, unless they are part of another call of the same scope, and how long it was not
    /// inside.
    #[inline(always)]
    pub(crate) fn count_call(&self, allocated_bytes: Option<u64>, waited_ticks: u64, is_cancelled: bool) {
        self.calls.add(1);
        if is_cancelled {
            self.cancelled.add(1);
        }
        let Some(bytes) = allocated_bytes else { return };
        self.waited_ticks.add(waited_ticks);
        if bytes > self.most_bytes.get() {
            self.most_bytes.set(bytes);
        }
        let calls = &self.sizes[bucket(bytes)];
        calls.store(calls.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    }
}

impl core::fmt::Debug for Row {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Row").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

/// A thread's rows, by the scopes' ids, behind its open scopes. In this order: what every thread touches stands on one page.
#[repr(C, align(64))]
pub(crate) struct ScopeTable {
    /// A bit for each row that was ever used.
    used: [AtomicU64; MOST_SCOPES / 64],
    /// The session that the open scopes belong to.
    session: AtomicU32,
    /// The thread's counters when they were read last.
    totals: [Counter; 4],
    frames: Frames,
    rows: [Row; MOST_SCOPES],
    paths: Paths,
}

#[repr(C, align(64))]
struct Frames([Frame; DEEPEST]);

/// The rows begin where the frames end: one address does for both.
const _: () =
    assert!(offset_of!(ScopeTable, rows) == offset_of!(ScopeTable, frames) + size_of::<[Frame; DEEPEST]>());

impl ScopeTable {
    fn mark(&self, id: u32) {
        let word = &self.used[id as usize / 64];
        word.store(word.load(Ordering::Relaxed) | 1 << (id % 64), Ordering::Relaxed);
    }

    /// The row of a scope; ids are below [`MOST_SCOPES`].
    #[inline(always)]
    fn row(&self, id: u32) -> &Row {
        &self.rows[id as usize % MOST_SCOPES]
    }

    fn outside(&self) -> *mut Frame {
        core::ptr::from_ref(self).cast_mut().wrapping_byte_add(offset_of!(Self, frames)).cast()
    }

    /// Where the frames end.
    pub(super) fn end(&self) -> *mut Frame {
        self.outside().wrapping_add(DEEPEST)
    }

    /// The open scopes. From here on only the owning thread.
    pub(super) fn stack<'a>(&'a self, position: &'a Position) -> Stack<'a> {
        Stack { position, outside: self.outside(), totals: &self.totals }
    }

    /// The row of a scope, cleared for that session if it has another one's figures.
    pub(super) fn row_in_session(
        &self,
        id: u32,
        session: u32,
        stack: &Stack<'_>,
        record: &ThreadRecord,
    ) -> &Row {
        if self.session.load(Ordering::Relaxed) != session {
            self.session.store(0, Ordering::Relaxed);
            self.paths.clear();
            // Release: pairs with `for_each_path`.
            self.session.store(session, Ordering::Release);
            stack.forget_all(core::ptr::from_ref(self.row(0)).cast_mut());
            stack.stamp_all(record.account.own_totals());
        }
        let row = self.row(id);
        if row.session() != session {
            row.begin(id, stack.position.scope_id(), session);
            self.mark(id);
            self.follow(row, stack);
        }
        row
    }

    /// The scope of that row is entered, perhaps from elsewhere than the last time.
    pub(super) fn follow(&self, row: &Row, stack: &Stack<'_>) {
        self.paths.follow(row, stack.path());
    }

    /// Reads the thread's counters, if they have moved.
    #[inline(always)]
    pub(super) fn charge(&self, stack: &Stack<'_>, record: &ThreadRecord) {
        // Before the counters: a signal handler's allocation that comes in between is seen the next time.
        let events = meter::own().events();
        // While the thread is busy (this is a signal handler) the counters may be half-way from one state to the next.
        if stack.position.seen.load(Ordering::Relaxed) != events && !local::is_busy() {
            stack.stamp_all(record.account.own_totals());
            stack.position.seen.store(events, Ordering::Relaxed);
        }
    }

    /// Calls `visit` for each row of that session, with the scope's id.
    pub(crate) fn for_each(&self, generation: u32, mut visit: impl FnMut(u32, &Row)) {
        for (word, used) in self.used.iter().enumerate() {
            let mut bits = used.load(Ordering::Relaxed);
            while bits != 0 {
                let id = word as u32 * 64 + bits.trailing_zeros();
                bits &= bits - 1;
                let row = self.row(id);
                if row.generation() == generation {
                    visit(id, row);
                }
            }
        }
    }

    /// Calls `visit` for each path of that session, those above others first; returns how often one found no room.
    pub(crate) fn for_each_path(&self, generation: u32, visit: impl FnMut(PathRow)) -> u64 {
        // Acquire: pairs with `row_in_session`.
        if self.session.load(Ordering::Acquire) != generation {
            return 0;
        }
        self.paths.for_each(|scope| self.row(scope), visit);
        self.paths.refused()
    }

    /// Maps a table into `slot`, for the calling thread; `None` when there is no memory to be had.
    #[cold]
    pub(crate) fn create(slot: &AtomicPtr<Self>) -> Option<&Self> {
        let at = sys::map(size_of::<Self>())?.cast::<Self>();
        // Rows are touched here and there.
        // SAFETY: just mapped with that size.
        unsafe { sys::use_small_pages(at.as_ptr().cast(), size_of::<Self>()) };
        // Release: readers find zeros.
        slot.store(at.as_ptr(), Ordering::Release);
        // SAFETY: mapped, page-aligned and zeroed, which is a valid table: numbers and null pointers. Unmapped by `release` alone.
        let table = unsafe { at.as_ref() };
        table.attach(at.as_ptr());
        Some(table)
    }

    /// Tells the calling thread's meter where its frames are; `at` is the table, as it was mapped.
    fn attach(&self, at: *mut Self) {
        let outside = at.wrapping_byte_add(offset_of!(Self, frames)).cast::<Frame>();
        self.frames.0[0].set_row(at.wrapping_byte_add(offset_of!(Self, rows)).cast());
        let position = &meter::own().position;
        position.seen.store(NEVER, Ordering::Relaxed);
        position.top.store(outside, Ordering::Relaxed);
        position.stamped.store(outside, Ordering::Relaxed);
        if clock::is_counter() {
            position.end.store(outside.wrapping_add(DEEPEST), Ordering::Relaxed);
        }
    }

    /// Unmaps the table in `slot`, if there is one.
    ///
    /// # Safety
    /// The slot's thread has ended, and the caller is the only reader.
    pub(crate) unsafe fn release(slot: &AtomicPtr<Self>) {
        let table = slot.swap(core::ptr::null_mut(), Ordering::Relaxed);
        if let Some(at) = core::ptr::NonNull::new(table) {
            // SAFETY: mapped by `create` with that size; nobody refers to it, by the caller's promise.
            unsafe { sys::unmap(at.cast(), size_of::<Self>()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_an_eighth_wide_at_most() {
        assert!((0..1000).all(|bytes| bucket(bytes) <= bucket(bytes + 1)));
        for at in 0..BUCKETS {
            let from = lower_bound(at);
            assert_eq!(bucket(from), at);
            assert!(at == 0 || bucket(from - 1) == at - 1);
            if (8..BUCKETS - 1).contains(&at) {
                assert!(lower_bound(at + 1) - from <= from / 4, "bucket {at}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(lower_bound(BUCKETS - 1), 7 << 30);
    }

    #[test]
    fn a_row_is_three_lines_of_counters_and_its_histogram() {
        assert_eq!(size_of::<Row>(), 192 + 4 * BUCKETS);
        assert_eq!(align_of::<ScopeTable>(), 64);
    }
}
