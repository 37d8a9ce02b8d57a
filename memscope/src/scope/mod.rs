//! Scopes: which annotated function, span or task is to blame.
//!
//! Between a scope's edges the thread's exact counters move; the difference is the scope's. So a scope's figures are exact
//! and cost nothing per allocation. *Inclusive* figures count inner scopes too, *own* ones do not: each open scope keeps what
//! the scopes have done that have ended inside it.
//!
//! ```text
//! static Function -> id (names.rs) -> the thread's open scopes (stack.rs) -> its rows (table.rs) -> sums (drain/scopes.rs) -> trace
//! ```
//!
//! What a scope has done under each of those that it was entered from is known too ([`paths`]).
//!
//! A scope that is entered while the thread is in it already (recursion) adds to its inclusive figures only where the outermost
//! of these calls is left: what the inner ones did is part of that. Its own figures and its calls count each.
//!
//! Both edges have a fast path, which is inlined, for what happens nearly always: the scope is known to the thread, and the counters have
//! not moved since the last edge. Everything else is out of line. [`stack`] tells how, and that scopes nest, but guards may be dropped in any order.

mod clock;
mod manual;
mod names;
mod paths;
mod stack;
mod table;

pub(crate) use clock::{counter, prepare as prepare_clock, ticks};
#[cfg(feature = "tracing")]
pub(crate) use manual::Text;
pub use manual::{Scope, scope, scope_of, scope_with_labels};
pub(crate) use names::{ScopeState, current, current_id, for_each, named, refused};
pub(crate) use paths::PathFigures;
pub(crate) use stack::{NEVER, Position, out_of_order};
pub(crate) use table::{BUCKETS, Row, ScopeFigures, ScopeTable, lower_bound};

use crate::attribute::Function;
use crate::control;
use crate::sync::Ordering;
use crate::thread::{local, meter};
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::compiler_fence;
use stack::{Done, Frame};

/// A scope that a thread is in, as plain data: for those who cannot hold a guard. It is left by the thread that entered it, once.
#[derive(Debug)]
pub(crate) struct Open {
    frame: NonNull<Frame>,
}

// SAFETY: the address of a frame; `leave` asks the calling thread's own position whether the frame is one of its own.
unsafe impl Send for Open {}

/// What has been done between entering a scope and leaving it. Nothing, where the thread is still in the same scope further out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visit {
    pub(crate) allocated_bytes: u64,
    pub(crate) ticks: u64,
    pub(crate) is_outermost: bool,
}

/// Enters `function` as a scope of the active session; `None` where there is no session or no thread record.
#[inline(always)]
pub(crate) fn enter(function: &'static Function) -> Option<Open> {
    match control::session() {
        0 => None,
        session => enter_in(function, session),
    }
}

/// The same in that session, which is the active one.
#[inline(always)]
pub(crate) fn enter_in(function: &'static Function, session: u32) -> Option<Open> {
    let meter = meter::own();
    let position = &meter.position;
    let top = position.top().wrapping_add(1);
    let end = position.end.load(Ordering::Relaxed);
    // A thread without frames has none left, either.
    if top >= end {
        return enter_slowly(function);
    }
    let row = end.cast::<Row>().wrapping_byte_add(function.scope().row_offset());
    // SAFETY: behind the frames stand the rows; offsets are those of rows.
    if unsafe { &*row }.session() != session {
        return enter_slowly(function);
    }
    // SAFETY: below the end stand frames, behind it rows; the first frame is nobody's.
    unsafe {
        if (*top.wrapping_sub(1)).path() != (*row).above() {
            Some(enter_from_elsewhere(top, row))
        } else if meter.events() == position.seen.load(Ordering::Relaxed) {
            Some(push(position, top, row))
        } else {
            Some(enter_charged(top, row))
        }
    }
}

/// Enters a scope, whose row is known, with the next frame.
///
/// # Safety
/// They are a frame and a row of the calling thread's table.
#[inline(always)]
unsafe fn push(position: &Position, top: *mut Frame, row: *mut Row) -> Open {
    position.top.store(top, Ordering::Relaxed);
    // A signal handler that comes now takes the next frame.
    compiler_fence(Ordering::SeqCst);
    // SAFETY: the caller's contract.
    unsafe {
        (*top).set_row(row);
        (*top).set_path((*row).path());
        (*row).depth.add(1);
        // Last, so that little of memscope's own is in the scope's time.
        (*top).ticks.set(clock::counter());
        Open { frame: NonNull::new_unchecked(top) }
    }
}

/// The same where the thread's counters have moved since the last edge.
///
/// # Safety
/// As for [`push`].
#[inline(never)]
unsafe fn enter_charged(top: *mut Frame, row: *mut Row) -> Open {
    let position = &meter::own().position;
    if let Some(record) = local::record_or_busy()
        && let Some(table) = record.scope_table()
    {
        table.charge(&table.stack(position), record);
    }
    // SAFETY: the caller's contract.
    unsafe { push(position, top, row) }
}

/// The same where the scope was entered on another path the last time.
///
/// # Safety
/// As for [`push`].
#[inline(never)]
unsafe fn enter_from_elsewhere(top: *mut Frame, row: *mut Row) -> Open {
    let position = &meter::own().position;
    if let Some(record) = local::record_or_busy()
        && let Some(table) = record.scope_table()
    {
        let stack = table.stack(position);
        // SAFETY: the caller's contract.
        table.follow(unsafe { &*row }, &stack);
        table.charge(&stack, record);
    }
    // SAFETY: the caller's contract.
    unsafe { push(position, top, row) }
}

#[cold]
#[inline(never)]
fn enter_slowly(function: &'static Function) -> Option<Open> {
    let session = control::generation();
    let record = local::record_or_register()?;
    let table = record.scope_table_or_create()?;
    let position = &meter::own().position;
    let stack = table.stack(position);
    let row = table.row_in_session(names::id_of(function), session, &stack, record);
    table.follow(row, &stack);
    table.charge(&stack, record);
    let top = position.top().wrapping_add(1);
    if top >= table.end() {
        return None;
    }
    // SAFETY: below the end stand frames; the row is there as long as the thread.
    let open = unsafe { push(position, top, core::ptr::from_ref(row).cast_mut()) };
    if !clock::is_counter() {
        // What is stamped is left slowly, and there the system's clock is looked at.
        stack.stamp_all(stack.totals());
        // SAFETY: as above.
        unsafe { &*top }.ticks.set(ticks());
    }
    Some(open)
}

impl Open {
    /// Leaves the scope: a visit to it is over, its call perhaps not.
    #[inline(always)]
    pub(crate) fn leave(&self) -> Visit {
        self.end_visit(false)
    }

    /// Leaves the scope, which ends its call too.
    #[inline(always)]
    pub(crate) fn leave_for_good(&self) {
        self.end_visit(true);
    }

    #[inline(always)]
    fn end_visit(&self, is_call: bool) -> Visit {
        let now = clock::counter();
        let meter = meter::own();
        let position = &meter.position;
        let at = self.frame.as_ptr();
        // Nothing has happened inside, and it is the innermost scope.
        if position.top() == at
            && meter.events() == position.seen.load(Ordering::Relaxed)
            && at > position.stamped()
        {
            // SAFETY: the top frame is the thread's own, and open: its row is there.
            let (frame, row) = unsafe { (&*at, &*(*at).row_address()) };
            let depth = row.depth.get().wrapping_sub(1);
            if depth == 0 {
                row.depth.set(depth);
                let ticks = now.wrapping_sub(frame.ticks.get());
                row.add_empty(is_call, ticks);
                compiler_fence(Ordering::SeqCst);
                position.top.store(at.wrapping_sub(1), Ordering::Relaxed);
                return Visit { allocated_bytes: 0, ticks, is_outermost: true };
            }
        }
        leave_slowly(self.frame, now, is_call)
    }

    /// The row of the scope, if its session is not over.
    pub(crate) fn row(&self) -> Option<&'static Row> {
        // SAFETY: the frame is the calling thread's, whose table is there as long as it lives; so is the row.
        unsafe { self.frame.as_ref().row_address().as_ref() }.filter(|row| row.id() != 0)
    }
}

#[inline(never)]
fn leave_slowly(frame: NonNull<Frame>, counter: u64, is_call: bool) -> Visit {
    let now = if clock::is_counter() { counter } else { ticks() };
    let position = &meter::own().position;
    // After the thread's thread-local life there is neither record nor table.
    let Some(record) = local::record_or_busy() else { return Visit::default() };
    let Some(table) = record.scope_table() else { return Visit::default() };
    let stack = table.stack(position);
    table.charge(&stack, record);
    let Done { row, parent, all, inner, ticks } = stack.pop(frame.as_ptr(), now);
    // What began in another session belongs to that one, which is over.
    let Some(row) = row.filter(|row| row.id() != 0) else { return Visit::default() };
    let is_outermost = row.leave(parent, all, inner, ticks);
    let allocated_bytes = all[1];
    if is_call {
        row.count_call(is_outermost.then_some(allocated_bytes), 0, false);
    }
    Visit { allocated_bytes, ticks, is_outermost }
}

/// Counts a call that ends on the calling thread, which may have had no part in it.
#[cfg(feature = "tracing")]
pub(crate) fn count_call(
    function: &'static Function,
    generation: u32,
    allocated_bytes: Option<u64>,
    waited_ticks: u64,
) {
    let Some(record) = local::record_or_register() else { return };
    let Some(table) = record.scope_table_or_create() else { return };
    let stack = table.stack(&meter::own().position);
    let row = table.row_in_session(names::id_of(function), generation, &stack, record);
    row.count_call(allocated_bytes, waited_ticks, false);
}

/// Leaves a scope when dropped, and so ends a call of it.
#[derive(Debug)]
pub(crate) struct ScopeGuard {
    open: Open,
    _not_send: PhantomData<*const ()>,
}

impl ScopeGuard {
    #[inline(always)]
    pub(crate) fn enter(function: &'static Function) -> Option<Self> {
        enter(function).map(Self::of)
    }

    #[inline(always)]
    pub(crate) fn of(open: Open) -> Self {
        Self { open, _not_send: PhantomData }
    }
}

impl Drop for ScopeGuard {
    #[inline(always)]
    fn drop(&mut self) {
        self.open.leave_for_good();
    }
}
