//! Scopes: which annotated function, span or task is to blame.
//!
//! Entering a scope notes the thread's exact counters; leaving it takes the difference. So a scope's figures are exact
//! and cost nothing per allocation. *Inclusive* figures count inner scopes too, *own* ones do not: each open scope keeps what
//! the scopes have done that have ended inside it.
//!
//! ```text
//! static Function -> id (names.rs) -> the thread's open scopes (stack.rs) -> its rows (table.rs) -> sums (drain/scopes.rs) -> trace
//! ```
//!
//! A scope that is entered while the thread is in it already (recursion) adds to its inclusive figures only where the outermost
//! of these calls is left: what the inner ones did is part of that. Its own figures and its calls count each.
//!
//! Scopes nest, but guards may be dropped in any order: see [`stack`].

mod clock;
mod manual;
mod names;
mod stack;
mod table;

pub(crate) use clock::{prepare as prepare_clock, ticks};
#[cfg(feature = "tracing")]
pub(crate) use manual::Text;
pub use manual::{Scope, scope, scope_of, scope_with_labels};
pub(crate) use names::{ScopeState, current, for_each, id_of, named, refused};
pub(crate) use stack::out_of_order;
pub(crate) use table::{BUCKETS, Row, ScopeFigures, ScopeTable, lower_bound};

use crate::attribute::Function;
use crate::control;
use crate::sync::Ordering;
use crate::thread::{ThreadRecord, local};
use core::marker::PhantomData;
use stack::Done;

/// A scope that a thread is in, as plain data: for those who cannot hold a guard. It is left by the thread that entered it, once.
#[derive(Debug)]
pub(crate) struct Open {
    record: &'static ThreadRecord,
    /// Which of the thread's open scopes it is.
    depth: u32,
}

/// What has been done between entering a scope and leaving it. Nothing, where the thread is still in the same scope further out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visit {
    pub(crate) allocated_bytes: u64,
    pub(crate) is_outermost: bool,
}

/// Enters `function` as a scope of the active session; `None` where there is no session or no thread record.
#[inline]
pub(crate) fn enter(function: &'static Function) -> Option<Open> {
    if control::is_active() { enter_id(id_of(function)) } else { None }
}

/// Enters the scope with that id. A session is active.
fn enter_id(id: u32) -> Option<Open> {
    let record = local::record_or_register()?;
    let table = record.scope_table_or_create()?;
    let generation = control::generation();
    let depth = table.stack.push(id, generation)?;
    table.row(id).enter(table, id, generation);
    record.state.scope.store(id, Ordering::Relaxed);
    // Last, so that little of memscope's own is in the scope's time.
    table.stack.begin(depth, record.account.own_totals(), ticks());
    Some(Open { record, depth })
}

impl Open {
    /// Leaves the scope: a visit to it is over, its call perhaps not.
    pub(crate) fn leave(&self) -> Visit {
        self.end_visit(false)
    }

    /// Leaves the scope, which ends its call too.
    pub(crate) fn leave_for_good(&self) {
        self.end_visit(true);
    }

    #[inline(always)]
    fn end_visit(&self, is_call: bool) -> Visit {
        let now_ticks = ticks();
        let Some(table) = self.record.scope_table() else { return Visit::default() };
        let now = self.record.account.own_totals();
        match table.stack.pop(self.depth, now, now_ticks) {
            Some(done) => self.count(table, &done, is_call),
            None => self.end_out_of_order(table, now, now_ticks, is_call),
        }
    }

    #[cold]
    #[inline(never)]
    fn end_out_of_order(&self, table: &ScopeTable, now: [u64; 4], now_ticks: u64, is_call: bool) -> Visit {
        let done = table.stack.pop_out_of_order(self.depth, now, now_ticks);
        self.count(table, &done, is_call)
    }

    #[inline(always)]
    fn count(&self, table: &ScopeTable, done: &Done, is_call: bool) -> Visit {
        self.record.state.scope.store(done.back_in, Ordering::Relaxed);
        let row = table.row(done.id);
        // What began in another session belongs to that one, which is over.
        if row.generation() != done.generation {
            return Visit::default();
        }
        let is_outermost = row.leave(done);
        let allocated_bytes = done.all[1];
        if is_call {
            row.count_call(is_outermost.then_some(allocated_bytes), done.ticks, false);
        }
        Visit { allocated_bytes, is_outermost }
    }

    /// The row of the scope, and the session that it counts for.
    pub(crate) fn row(&self) -> Option<(&'static Row, u32)> {
        let table = self.record.scope_table()?;
        let (id, generation) = table.stack.scope_at(self.depth);
        Some((table.row(id), generation))
    }
}

/// Counts a call that ends on the calling thread, which may have had no part in it.
#[cfg(feature = "tracing")]
pub(crate) fn count_call(
    function: &'static Function,
    generation: u32,
    allocated_bytes: Option<u64>,
    wall_ticks: u64,
) {
    let id = id_of(function);
    let table = local::record().and_then(ThreadRecord::scope_table_or_create);
    if let Some(table) = table {
        let row = table.row(id);
        row.belong_to(table, id, generation);
        row.count_call(allocated_bytes, wall_ticks, false);
    }
}

/// Leaves a scope when dropped, and so ends a call of it.
#[derive(Debug)]
pub(crate) struct ScopeGuard {
    open: Open,
    _not_send: PhantomData<*const ()>,
}

impl ScopeGuard {
    #[inline]
    pub(crate) fn enter(function: &'static Function) -> Option<Self> {
        enter(function).map(|open| Self { open, _not_send: PhantomData })
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        self.open.leave_for_good();
    }
}
