//! Scopes: which annotated function, span or task is to blame.
//!
//! Entering a scope notes the thread's exact counters; leaving it takes the difference. So a scope's figures are exact
//! and cost nothing per allocation. *Inclusive* figures count inner scopes too, *own* ones do not: each thread keeps what
//! the scopes have done that have ended inside the current one.
//!
//! ```text
//! static Function -> id (names.rs) -> row of the thread's table (table.rs) -> sums (drain/scopes.rs) -> trace
//! ```
//!
//! A scope that is entered while the thread is in it already (recursion) adds to its inclusive figures only where the outermost
//! of these calls is left: what the inner ones did is part of that. Its own figures and its calls count each.
//!
//! Scopes nest. A guard that is dropped while a scope that was entered after it is still open is out of order: that is counted,
//! and harms nothing but the own figures of the two.

mod clock;
mod manual;
mod names;
mod table;

pub(crate) use clock::{prepare as prepare_clock, ticks};
#[cfg(feature = "tracing")]
pub(crate) use manual::Text;
pub use manual::{Scope, scope, scope_of, scope_with_labels};
pub(crate) use names::{ScopeState, current, for_each, id_of, named, refused};
pub(crate) use table::{BUCKETS, Row, ScopeFigures, ScopeTable, lower_bound};

use crate::attribute::Function;
use crate::control;
use crate::sync::{AtomicU64, Ordering};
use crate::thread::{ThreadRecord, local};
use core::marker::PhantomData;

/// Guards that were dropped out of order, in all sessions.
static OUT_OF_ORDER: AtomicU64 = AtomicU64::new(0);

/// Guards that were dropped out of order since the process started.
pub(crate) fn out_of_order() -> u64 {
    OUT_OF_ORDER.load(Ordering::Relaxed)
}

/// A scope that a thread is in, as plain data: for those who cannot hold a guard. It is left by the thread that entered it, once.
#[derive(Debug)]
pub(crate) struct Open {
    record: &'static ThreadRecord,
    row: &'static Row,
    id: u32,
    generation: u32,
    outer_scope: u32,
    outer_inner: [u64; 4],
    at_entry: [u64; 4],
    ticks: u64,
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
pub(crate) fn enter_id(id: u32) -> Option<Open> {
    let record = local::record_or_register()?;
    let row = record.scope_row(id)?;
    let generation = control::generation();
    row.enter(record, id, generation);
    let outer_scope = record.state.scope.load(Ordering::Relaxed);
    record.state.scope.store(id, Ordering::Relaxed);
    let outer_inner = record.take_inner();
    let at_entry = record.account.own_totals();
    Some(Open { record, row, id, generation, outer_scope, outer_inner, at_entry, ticks: ticks() })
}

impl Open {
    /// Leaves the scope: a visit to it is over, its call perhaps not.
    #[inline]
    pub(crate) fn leave(&self) -> Visit {
        self.end_visit(false)
    }

    /// Leaves the scope, which ends its call too.
    pub(crate) fn leave_for_good(&self) {
        self.end_visit(true);
    }

    #[inline(always)]
    fn end_visit(&self, is_call: bool) -> Visit {
        let ticks = ticks().saturating_sub(self.ticks);
        let record = self.record;
        let mut done = record.account.own_totals();
        for (done, before) in done.iter_mut().zip(self.at_entry) {
            *done = done.wrapping_sub(before);
        }
        let mut inner = record.inner();
        if record.state.scope.load(Ordering::Relaxed) == self.id {
            record.state.scope.store(self.outer_scope, Ordering::Relaxed);
            record.end_inner(self.outer_inner, done);
        } else {
            self.out_of_order(&mut inner, done);
        }
        // What began in another session belongs to that one, which is over.
        if self.row.generation() != self.generation {
            return Visit::default();
        }
        if OUT_OF_ORDER.load(Ordering::Relaxed) != 0 {
            self.repair();
        }
        let is_outermost = self.row.leave(self.outer_scope, done, inner, ticks);
        if is_call {
            self.row.count_call(is_outermost.then_some(done[1]), ticks, false);
        }
        Visit { allocated_bytes: done[1], is_outermost }
    }

    /// The row, and the session that it counts for.
    pub(crate) fn row(&self) -> (&'static Row, u32) {
        (self.row, self.generation)
    }

    #[cold]
    fn out_of_order(&self, inner: &mut [u64; 4], done: [u64; 4]) {
        OUT_OF_ORDER.fetch_add(1, Ordering::Relaxed);
        // What is known is what the scope did in all: of that, nothing is taken for its own.
        *inner = done;
    }

    /// A guard was dropped out of order at some time: the scope that the thread is said to be back in may have been left before.
    #[cold]
    fn repair(&self) {
        let is_open = |id: u32| {
            let row = self.record.scope_row(id);
            row.is_some_and(|row| row.generation() == self.generation && row.depth() > 0)
        };
        let outer_scope = self.record.state.scope.load(Ordering::Relaxed);
        if outer_scope != 0 && outer_scope != self.id && !is_open(outer_scope) {
            self.record.state.scope.store(0, Ordering::Relaxed);
        }
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
    let Some(record) = local::record() else { return };
    if let Some(row) = record.scope_row(id) {
        row.belong_to(record, id, generation);
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
